"""First pass over the planes: how they moved, how bright and how noisy they are."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._utils.spilled_cache import SpilledCache
from napari_focus_stack._utils.threads import opencv_on_one_thread, prefetch
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.alignment.pairwise import spans_field
from napari_focus_stack.alignment.registered_plane import RegisteredPlane
from napari_focus_stack.alignment.scheduler import WORKERS
from napari_focus_stack.alignment.stack import Alignment, align_steps, apply_transforms_steps
from napari_focus_stack.depth.regional_focus import RegionalFocus
from napari_focus_stack.errors import InputError
from napari_focus_stack.fusion.regional_energy import RegionalEnergy, fits
from napari_focus_stack.imgproc.noise import Noise, NoiseEstimator, middle, noise_pairs
from napari_focus_stack.imgproc.pyramids import grey
from napari_focus_stack.imgproc.transforms import both_recorded
from napari_focus_stack.sensor.gauge import MarkDetector, specks_of
from napari_focus_stack.sensor.hot_pixels import left_behind
from napari_focus_stack.sensor.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from numpy.typing import NDArray

    from napari_focus_stack.fusion.focus_prior import FocusPrior
    from napari_focus_stack.imgproc.dtypes import Mask
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix
    from napari_focus_stack.pipeline.run import Run
    from napari_focus_stack.result import Progress

    Read = Callable[[int], NDArray[Any]]

NOT_IN_ORDER = (
    "Planes are not in the order of their focus (shuffled, or taken in several passes); "
    "depth counts them in the order of the files."
)

FEWEST_FOR_SPECKS = 3
"""A plane, and two to compare it with."""
WORTH_A_WORD = 2.0
"""Pixels of a motion that was not believed from which on it is mentioned."""
SMALL_REGION = (
    "The region to align on spans less than half of the field: only a shift was looked for, for "
    "magnification and rotation cannot be told at the corners from there; align='similarity' "
    "looks for them all the same."
)


@dataclass(frozen=True)
class Survey:
    """What is known once every plane was seen.

    Attributes
    ----------
    alignment : Alignment
        Where every plane lies over the reference plane.
    light : list of Brightness
        What each plane's brightness is changed by before it is fused.
    noise : Noise
        Of one channel.
    prior : FocusPrior or None
        Where regions of the field are in focus; None for planes too small to have any.
    """

    alignment: Alignment
    light: list[Brightness]
    noise: Noise
    prior: FocusPrior | None = None

    @property
    def brightness(self) -> list[Brightness | None]:
        """What each plane's brightness was changed by, or would be; None where it is not known."""
        found = self.alignment.brightness
        if all(light == Brightness() for light in self.light):
            return found
        return [
            None if one is None else light for one, light in zip(found, self.light, strict=True)
        ]

    @property
    def drift(self) -> list[float | None]:
        """Gain of each plane, 1 where it is none that stands out."""
        return [None if b is None else b.gain if b.drifts else 1.0 for b in self.brightness]

    def seen(self, run: Run, k: int) -> RegisteredPlane:
        """Plane `k` as the reference sees it."""
        run.check()
        plane, matrix = run.read(k), self.alignment.transforms[k]
        return RegisteredPlane.of(plane, matrix, self.light[k], run.marks.recorded(plane.shape))


def survey_steps(run: Run) -> Generator[Progress, None, Survey]:
    """Look at every plane: how it moved and how bright it is; then how noisy some are.

    Parameters
    ----------
    run : Run
        What was noticed is added to its notes.

    Yields
    ------
    Progress
        Before each plane.

    Returns
    -------
    Survey
        Through ``StopIteration.value`` (or ``yield from``).

    Raises
    ------
    InputError
        Fewer than two planes show something, or none fits the reference plane that was chosen.
    """
    cache: SpilledCache[RegionalEnergy] = SpilledCache()
    with closing(cache):
        alignment = yield from _past_marks(run, cache)
        run.go_on_with(len(alignment.fitting))
        survey = Survey(alignment, _light_to_apply(run, alignment), Noise(1.0))
        noise = yield from _measure_noise(run, survey)
        wanted = fits(run.source.plane_shape)
        prior = _prior(run, survey, noise, cache) if wanted else None
    return replace(survey, noise=noise, prior=prior)


def _past_marks(
    run: Run, cache: SpilledCache[RegionalEnergy]
) -> Generator[Progress, None, Alignment]:
    """Align planes; once more without the marks that might have held them where they are."""
    gauge, wanted, notes = MarkDetector(run.n), fits(run.source.plane_shape), list(run.notes)

    def seen(k: int, look: Callable[[int, NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
        plane = look(k, run.read(k))
        if wanted:
            cache.put(k, RegionalEnergy.of(plane, run.marks.recorded(plane.shape)))
        return plane

    with closing(gauge):
        alignment = yield from _aligned(run, partial(seen, look=gauge.look), 1)
        found = gauge.found(alignment.taking_part)
    if found:
        run.marks, run.notes = found, notes
        cache.clear()
        alignment = yield from _aligned(run, partial(seen, look=gauge.without_lone), 1)
    pixels = left_behind(found.pixels, list(alignment.taking_part.values()))
    run.marks = Marks(pixels, found.dust)
    run.marks = _with_specks(run, gauge, found, alignment.taking_part)
    run.notes += _on_marks(run.marks, len(found.pixels))
    return alignment


def _with_specks(
    run: Run, gauge: MarkDetector, found: Marks, transforms: dict[int, Matrix]
) -> Marks:
    """The run's marks, with what is in one plane alone and was not `found` in all of them.

    Nothing is looked at once more where memory is short. That no plane is announced keeps progress
    from moving back: how many have lone pixels is not known before.
    """
    if run.frugal or len(transforms) < FEWEST_FOR_SPECKS:
        return run.marks
    lone = {k: gauge.lone(k, found) for k in transforms}
    wanted = {k: places for k, places in lone.items() if len(places)}
    light = lru_cache(maxsize=FEWEST_FOR_SPECKS)(lambda k: grey(run.read(k)))
    specks = {}
    for k, places in wanted.items():
        run.check()
        alone = specks_of(k, places, light, transforms)
        if len(alone):
            specks[k] = alone
    return replace(run.marks, specks=specks)


def _on_marks(marks: Marks, found: int) -> list[str]:
    notes = []
    if len(marks.pixels):
        notes.append(
            f"{len(marks.pixels)} pixels stand out from all around them at the same place in every "
            "plane, although the specimen moves: hot or dead pixels of the sensor. They were "
            "filled in from around."
        )
    elif found:
        notes.append(
            f"{found} pixels stand out from all around them at the same place in every plane, as "
            "hot or dead pixels of a sensor do. The specimen did not move past them, so they were "
            "left as recorded."
        )
    if marks.blots:
        notes.append(
            f"{marks.blots} blots stay at their place in every plane, although the specimen moves: "
            "dust on the sensor, or in the light path. What lies under them was taken from planes "
            "in which the specimen lies beside them."
        )
    if marks.specks:
        notes.append(
            f"{len(marks.listed_specks)} single pixels stand out in one plane alone, as cosmic "
            "rays and flickering pixels do. They were filled in from around."
        )
    return notes


def _prior(
    run: Run, survey: Survey, noise: Noise, cache: SpilledCache[RegionalEnergy]
) -> FocusPrior:
    """Where regions of the field are in focus."""
    order, transforms = survey.alignment.order, survey.alignment.transforms

    def evened(k: int) -> RegionalEnergy:
        run.check()
        return cache[k].evened(survey.light[k])

    with opencv_on_one_thread():
        brightest = evened(order[0]).light_seen(transforms[order[0]])
        for k in order[1:]:
            brightest = np.fmax(brightest, evened(k).light_seen(transforms[k]))
        focus = RegionalFocus(cache[order[0]])
        for k in order:
            focus.add(*evened(k).seen(transforms[k], noise, brightest))
        return focus.prior()


def alignment_steps(run: Run) -> Generator[Progress, None, Alignment]:
    """Look at how every plane moved, and at nothing else.

    As `survey_steps` begins.
    """
    return (yield from _aligned(run, run.read_reduced, run.reduction))


def _aligned(run: Run, read: Read, reduction: int) -> Generator[Progress, None, Alignment]:
    """Align planes as `read` gives them, `reduction` times smaller than they are."""
    alignment = yield from _align(run, read, reduction)
    if len(alignment.fitting) < 2:
        k, why = min(alignment.left_out.items())
        raise InputError(
            f"'{run.source.names[k]}' was left out, for {why}; a stack needs two planes that fit."
        )
    if not alignment.in_order:
        run.notes.append(NOT_IN_ORDER)
    if alignment.refused > WORTH_A_WORD:
        run.notes.append(
            "Light and blur change as if the field moved by up to "
            f"{alignment.refused:.0f} pixels, but fine detail stays where it is, so nothing was "
            "moved. If you see it move from plane to plane, choose how: align 'shift' or "
            "'similarity'."
        )
    return alignment


def _align(run: Run, read: Read, reduction: int) -> Generator[Progress, None, Alignment]:
    """Align to the reference, or to another if it is the odd one; else leave all planes."""
    if run.prior is not None:
        follow = apply_transforms_steps(
            read, run.prior.transforms, run.reference, reduction=reduction
        )
        return (yield from _announced(run, follow))
    wanted, first = run.settings.align, run.reference
    alignment = yield from _announced(run, _align_steps(run, read, reduction))
    odd = f"'{run.source.names[first]}' does not show what the other planes show"
    if not alignment.holds_together:
        run.notes.append("Planes differ too much to be aligned; they were left where they are.")
        return alignment
    if alignment.reference != first:
        if run.settings.reference != "middle":
            raise InputError(f"The reference {odd}; choose another reference plane.")
        run.notes.append(f"The middle plane {odd}; plane {alignment.reference} is the reference.")
    looked = wanted == "auto" and alignment.model == "shift"
    if looked and run.region is not None and not spans_field(run.region):
        run.notes.append(SMALL_REGION)
    return alignment


def _other_references(first: int, n: int) -> list[int]:
    """Planes to try instead of an odd one: beside it, then away from it."""
    near = (first - 1, first + 1, n // 4, 3 * n // 4)
    return list(dict.fromkeys(k for k in near if 0 <= k < n and k != first))


def _align_steps(run: Run, read: Read, reduction: int) -> Generator[int, None, Alignment]:
    return align_steps(
        read,
        run.n,
        run.reference,
        run.settings.align,
        others=_other_references(run.reference, run.n),
        reduction=reduction,
        region=run.region,
        check=run.check,
        readers=run.readers,
        workers=0 if run.threads == 1 else WORKERS,
    )


def _announced(
    run: Run, steps: Generator[int, None, Alignment]
) -> Generator[Progress, None, Alignment]:
    """Announce each plane."""
    run.expect(run.n)
    with (
        opencv_on_one_thread(),
        closing(steps),
    ):  # its threads end with it, whoever keeps the error of a cancelled run
        while True:
            try:
                k = next(steps)
            except StopIteration as done:
                alignment: Alignment = done.value
                return alignment
            yield run.begin("align", k)


def _measure_noise(run: Run, survey: Survey) -> Generator[Progress, None, Noise]:
    planes = survey.alignment.order
    gauge, window = NoiseEstimator(), middle(run.source.plane_shape)

    def pair(i: int) -> list[tuple[Plane, Mask | None]]:
        return [survey.seen(run, planes[j]).colour(window) for j in (i, i + 1)]

    with (
        opencv_on_one_thread(),
        closing(prefetch(pair, noise_pairs(len(planes)), run.readers)) as pairs,
    ):
        for i, ((first, recorded), (second, too)) in pairs:
            yield run.begin("measure", planes[i])
            gauge.add(first, second, both_recorded(recorded, too))
    rounding = 1 / 12 if run.source.dtype.kind in "ui" else 0.0
    return gauge.noise(rounding)


def _light_to_apply(run: Run, alignment: Alignment) -> list[Brightness]:
    """What evens out the lamp: of photographs only where it stands out, or of all if asked for."""
    photograph = run.source.dtype == np.uint8 or len(run.source.plane_shape) == 3
    known = [one or Brightness() for one in alignment.brightness]
    if run.settings.brightness == "match":
        return known
    if run.settings.brightness == "auto" and photograph and alignment.brightness_drifts:
        return [one if one.drifts else Brightness() for one in known]
    return [Brightness()] * run.n
