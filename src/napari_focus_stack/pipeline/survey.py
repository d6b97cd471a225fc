"""First pass over the planes: their motion, brightness and noise."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._utils.spilled_cache import SpilledCache
from napari_focus_stack._utils.threads import opencv_on_one_thread
from napari_focus_stack._utils.wording import format_count
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.alignment.registered_stack import RegisteredStack
from napari_focus_stack.alignment.spanning_tree import IS_BLANK
from napari_focus_stack.depth.regional_focus import RegionalFocus
from napari_focus_stack.fusion.regional_energy import RegionalEnergy, fits
from napari_focus_stack.imgproc.noise import noise_pairs
from napari_focus_stack.imgproc.pyramids import grey
from napari_focus_stack.pipeline.alignment import align_read_steps, check_fitting
from napari_focus_stack.pipeline.noise import CentralParts, measure_noise_steps
from napari_focus_stack.pipeline.notes import Notes
from napari_focus_stack.sensor.hot_pixels import left_behind
from napari_focus_stack.sensor.mark_detector import MarkDetector, specks_of
from napari_focus_stack.sensor.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from numpy.typing import NDArray

    from napari_focus_stack.alignment.result import Alignment
    from napari_focus_stack.fusion.focus_prior import FocusPrior
    from napari_focus_stack.imgproc.noise import Noise
    from napari_focus_stack.pipeline.run import Run
    from napari_focus_stack.result import Progress

    Read = Callable[[int], NDArray[Any]]


FEWEST_FOR_SPECKS = 3
"""Planes needed to find specks: one, and two to compare it with."""


@dataclass(frozen=True)
class Survey:
    """Result of the first pass over the planes.

    Attributes
    ----------
    alignment : Alignment
        Transforms of the planes, and the planes that take part.
    stack : RegisteredStack
        The planes in the frame of the reference plane, at one brightness and without marks.
    noise : Noise
        Noise of one channel.
    prior : FocusPrior or None
        Prior for the depth of every region; None for planes too small to have regions.
    detail : list of float
        Root mean square of each plane's finest detail, 0 for one that took no part; empty for
        planes too small to have regions.
    """

    alignment: Alignment
    stack: RegisteredStack
    noise: Noise
    prior: FocusPrior | None = None
    detail: list[float] = field(default_factory=list)

    @property
    def brightness(self) -> list[Brightness | None]:
        """Correction of each plane's brightness, applied or not; None if it is unknown."""
        found, applied = self.alignment.brightness, self.stack.brightness
        if all(change == Brightness() for change in applied):
            return found
        return [None if one is None else change for one, change in zip(found, applied, strict=True)]

    @property
    def drift(self) -> list[float | None]:
        """Gain of each plane, 1 where it is not significant; None if it is unknown."""
        return [None if b is None else b.gain if b.drifts else 1.0 for b in self.brightness]


def survey_steps(run: Run) -> Generator[Progress, None, Survey]:
    """Estimate motion and brightness of every plane, and the noise from some of them.

    Parameters
    ----------
    run : Run
        Source and settings; notes for the user are added to it.

    Returns
    -------
    Survey
        Through ``StopIteration.value`` (or ``yield from``).

    Yields
    ------
    Progress
        Before each plane.

    Raises
    ------
    InputError
        A plane cannot be read, fewer than two fit, or none fits the chosen reference plane.
    Cancelled
        The run was cancelled.
    """
    cache: SpilledCache[RegionalEnergy] = SpilledCache()
    with closing(cache), closing(CentralParts(run.source)) as parts:
        alignment, marks = yield from _align_past_marks(run, cache, parts)
        run.progress.continue_with(len(alignment.fitting), len(noise_pairs(len(alignment.fitting))))
        brightness = _brightness_to_apply(run, alignment)
        stack = RegisteredStack(run.source, alignment.transforms, brightness, marks, read=run.read)
        noise = yield from measure_noise_steps(run, stack, alignment.order, parts)
        wanted = fits(run.source.plane_shape)
        prior = _prior(run, stack, alignment.order, noise, cache) if wanted else None
        detail = _detail(run.n, alignment.order, cache) if wanted else []
    return Survey(alignment, stack, noise, prior, detail)


def _detail(n: int, planes: list[int], cache: SpilledCache[RegionalEnergy]) -> list[float]:
    """Return the root mean square of each plane's finest detail."""
    found = [0.0] * n
    for k in planes:
        energy = cache[k]
        fine = energy.fine.astype(np.float32)  # NumPy takes twenty times as long over float16
        known = fine[np.isfinite(fine)]
        power = np.square(known).mean(dtype=np.float64) if known.size else 0.0
        found[k] = float(np.sqrt(power)) * energy.unit
    return found


def _align_past_marks(
    run: Run, cache: SpilledCache[RegionalEnergy], parts: CentralParts
) -> Generator[Progress, None, tuple[Alignment, Marks]]:
    """Align planes; if marks are found, which bias motion towards none, align without them."""
    detector, wanted = MarkDetector(run.n), fits(run.source.plane_shape)
    none, before = Marks(), Notes(run.notes)

    def read(k: int, marks: Marks) -> NDArray[Any]:
        return marks.filled(parts.keep(k, run.read(k)), k)

    def prepared(
        k: int, marks: Marks, without_isolated: Callable[[int, NDArray[Any]], NDArray[Any]]
    ) -> NDArray[Any]:
        plane = without_isolated(k, read(k, marks))
        if wanted:
            cache.put(k, RegionalEnergy.of(plane, marks.recorded(plane.shape)))
        return plane

    with closing(detector):
        first = partial(prepared, marks=none, without_isolated=detector.add_plane)
        alignment = yield from align_read_steps(run, first, 1)
        found = detector.found(alignment.taking_part)
    if found:
        run.notes = before
        cache.clear()
        again = partial(prepared, marks=found, without_isolated=detector.without_lone)
        alignment = yield from align_read_steps(run, again, 1)
    alignment = _without_blank(run, alignment)
    pixels = left_behind(found.pixels, list(alignment.taking_part.values()))
    marks = Marks(pixels, found.dust)
    lone = {} if run.frugal else {k: detector.lone(k, found) for k in alignment.taking_part}
    marks = replace(marks, specks=_specks(run, lone, partial(read, marks=marks), alignment))
    run.notes.add(*_on_marks(marks, len(found.pixels)))
    return alignment, marks


def _without_blank(run: Run, alignment: Alignment) -> Alignment:
    """Leave out planes of one value: they show nothing, and would darken or brighten the others.

    Coarse levels of a pyramid hold brightness where no plane has detail, to which a black plane
    would contribute as much as any other. Nothing changes where no plane shows anything.
    """
    blank = set(run.statistics.blank()) & set(alignment.order)
    order = [k for k in alignment.order if k not in blank]
    if not blank or not order:
        return alignment
    transforms = alignment.transforms.copy()
    transforms[sorted(blank)] = np.nan
    shown = replace(
        alignment,
        transforms=transforms,
        order=order,
        left_out=alignment.left_out | dict.fromkeys(sorted(blank), IS_BLANK),
    )
    check_fitting(run, shown)
    return shown


def _specks(
    run: Run, lone: dict[int, NDArray[np.int64]], read: Read, alignment: Alignment
) -> dict[int, NDArray[np.int64]]:
    """Return the isolated pixels that neighbouring planes do not confirm, by plane.

    No progress is reported: the number of planes with isolated pixels is unknown beforehand, so
    progress would move back.
    """
    transforms = alignment.taking_part
    if len(transforms) < FEWEST_FOR_SPECKS:
        return {}
    light = lru_cache(maxsize=FEWEST_FOR_SPECKS)(lambda k: grey(read(k)))
    specks = {}
    for k, places in lone.items():
        run.check()
        alone = specks_of(k, places, light, transforms) if len(places) else places
        if len(alone):
            specks[k] = alone
    return specks


def _on_marks(marks: Marks, found: int) -> list[str]:
    """Return notes on marks; `found` counts hot and dead pixels, the kept ones included."""
    notes = []
    if len(marks.pixels):
        seen = format_count(len(marks.pixels), "pixel stands", "pixels stand")
        notes.append(
            f"{seen} out at the same place in every plane although the specimen moves: hot or dead "
            "pixels of the camera. They were filled in from the pixels around; nothing needs to be "
            "done."
        )
    elif found:
        seen = format_count(found, "pixel stands", "pixels stand")
        notes.append(
            f"{seen} out at the same place in every plane, as hot or dead pixels of a camera do. "
            "The specimen did not move past them, so they may be part of it and were left as "
            "recorded; a dark image or the camera's own correction removes them."
        )
    if marks.blots:
        seen = format_count(marks.blots, "spot stays", "spots stay")
        notes.append(
            f"{seen} at the same place in every plane although the specimen moves: dust on the "
            "camera or in the light path. The specimen there was taken from planes in which it "
            "lies beside the dust; clean the camera, or record an image for flat-field correction."
        )
    if marks.specks:
        seen = format_count(len(marks.listed_specks), "single pixel stands", "single pixels stand")
        notes.append(
            f"{seen} out in one plane alone, as cosmic rays and flickering pixels do. They were "
            "filled in from the pixels around; if they are real points, use values 'recorded'."
        )
    return notes


def _prior(
    run: Run,
    stack: RegisteredStack,
    order: list[int],
    noise: Noise,
    cache: SpilledCache[RegionalEnergy],
) -> FocusPrior:
    """Estimate the planes in which regions of the field are in focus."""
    transforms = stack.transforms

    def evened(k: int) -> RegionalEnergy:
        run.check()
        return cache[k].evened(stack.brightness[k])

    with opencv_on_one_thread():
        brightest = evened(order[0]).light_seen(transforms[order[0]])
        for k in order[1:]:
            brightest = np.fmax(brightest, evened(k).light_seen(transforms[k]))
        focus = RegionalFocus(cache[order[0]])
        for k in order:
            focus.add(*evened(k).seen(transforms[k], noise, brightest))
        return focus.prior(faint=run.faint)


def _brightness_to_apply(run: Run, alignment: Alignment) -> list[Brightness]:
    """Return the corrections of brightness: clear ones of photographs, or all on request."""
    photograph = run.source.dtype == np.uint8 or len(run.source.plane_shape) == 3
    known = [one or Brightness() for one in alignment.brightness]
    if run.settings.brightness == "match":
        return known
    if run.settings.brightness == "auto" and photograph and alignment.brightness_drifts:
        return [one if one.drifts else Brightness() for one in known]
    return [Brightness()] * run.n
