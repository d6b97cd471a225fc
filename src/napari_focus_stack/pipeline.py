"""The only orchestrator: a source and settings in, progress on the way, a `StackResult` out."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_focus_stack import __version__
from napari_focus_stack.alignment import Alignment, align_steps
from napari_focus_stack.bands import Plane
from napari_focus_stack.depth import DepthEstimator, nearest_plane
from napari_focus_stack.errors import Cancelled, InputError, SettingsError
from napari_focus_stack.fusion import (
    Fusion,
    LaplacianFusion,
    NearestPlaneFusion,
    NearestValueFusion,
    PyramidFusion,
)
from napari_focus_stack.health import TRUSTED, Census, Health, advice, examine
from napari_focus_stack.noise import Noise, NoiseGauge
from napari_focus_stack.planes import COMPUTABLE, Mask, as_dtype, computable, seen_from_reference
from napari_focus_stack.registration import luminance
from napari_focus_stack.result import LeftOut, Progress, Report, StackResult, Step
from napari_focus_stack.settings import Align, Settings
from napari_focus_stack.sources import ArraySource, PlaneSource
from napari_focus_stack.transforms import both_recorded

if TYPE_CHECKING:
    import threading

OnPlane = Callable[[int, NDArray[Any], Plane], None]
"""Called with a plane's number, the plane as it is fused, and its energy (Y, X)."""

NOISE_PAIRS = 4
"""Pairs of neighbouring planes, spread over the stack, on which noise is measured."""


def stack_steps(
    source: PlaneSource,
    settings: Settings,
    *,
    cancel: threading.Event | None = None,
    on_plane: OnPlane | None = None,
) -> Generator[Progress, None, StackResult]:
    """Stack step by step, for whoever shows progress or may want to stop.

    Parameters
    ----------
    source : PlaneSource
        The planes, read one at a time; each is read two to seven times.
    settings : Settings
        Parameters of the run.
    cancel : threading.Event, optional
        Once set, the run raises `Cancelled` at its next look, several times a plane.
    on_plane : callable, optional
        Called as ``on_plane(k, plane, energy)`` with every plane as it is fused, (Y, X[, C]) in
        the source's dtype, and its energy, (Y, X) float32.

    Yields
    ------
    Progress
        Before each plane of each step.

    Returns
    -------
    StackResult
        Through ``StopIteration.value`` (or ``yield from``).

    Raises
    ------
    InputError
        A plane cannot be read, or none fits the reference plane.
    SettingsError
        The reference plane is not in the stack.
    Cancelled
        `cancel` was set.
    """
    run = _Run(source, settings, cancel)
    survey = yield from _survey(run)
    fused = yield from _fuse(run, survey, on_plane)
    run.check()
    step = run.z_step
    return StackResult(
        image=as_dtype(fused.image, source.dtype),
        depth_index=fused.index,
        depth=fused.depth,
        height=None if step is None else fused.depth * np.float32(step),
        confidence=fused.confidence,
        transforms=survey.alignment.transforms,
        report=_report(run, survey, _examined(run, survey, fused)),
    )


def focus_stack(
    source: PlaneSource | str | os.PathLike[str] | Sequence[Any] | Any,
    *,
    settings: Settings | None = None,
    progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> StackResult:
    """Fuse planes focused at different distances into one sharp image, and find their depth.

    Parameters
    ----------
    source : PlaneSource, array-like, path or list of paths
        (Z, Y, X) or (Z, Y, X, C) with C 3 (RGB) or 4 (RGBA), NumPy or lazy (dask); a sequence of
        2-D arrays; a folder; a list of files; one multi-page file; or what `read_stack` returned.
    settings : Settings, optional
        All parameters at once, instead of `options`.
    progress : callable, optional
        Called with a `Progress` before each plane of each step.
    **options
        Fields of `Settings`: ``method``, ``align``, ``reference``, ``gaussian``, ``laplacian``,
        ``brightness``, ``values``, ``z_step``.

    Returns
    -------
    StackResult
        The image in the dtype of the input, depth, confidence, transforms and a report.

    Raises
    ------
    InputError
        Planes that cannot be read, do not agree, or are fewer than two.
    SettingsError
        An option that does not exist or is out of bounds.

    Examples
    --------
    >>> import numpy as np
    >>> result = focus_stack(np.zeros((3, 32, 32), np.uint8), align="none")
    >>> result.image.shape, result.depth_index.dtype
    ((32, 32), dtype('uint16'))
    """
    if settings is not None and options:
        raise SettingsError("Give either settings or single options, not both.")
    chosen = settings if settings is not None else Settings.from_options(**options)
    return drain(stack_steps(as_source(source), chosen), progress)


def drain(
    steps: Generator[Progress, None, StackResult],
    progress: Callable[[Progress], None] | None = None,
) -> StackResult:
    """Run `stack_steps` to its end, telling `progress` of every step."""
    while True:
        try:
            step = next(steps)
        except StopIteration as done:
            result: StackResult = done.value
            return result
        if progress is not None:
            progress(step)


def as_source(source: Any) -> PlaneSource:
    """A `PlaneSource` of whatever `focus_stack` takes."""
    if isinstance(source, PlaneSource):
        return source
    paths = source[0] if isinstance(source, list | tuple) and source else source
    if isinstance(paths, str | os.PathLike):
        from napari_focus_stack.reading import read_stack

        return read_stack(source)
    return ArraySource(source)


class _Run:
    """One run: the source, its settings, and how far it has come."""

    def __init__(
        self, source: PlaneSource, settings: Settings, cancel: threading.Event | None
    ) -> None:
        self.source = source
        self.settings = settings
        self.n = len(source)
        self.reference = settings.reference_plane(self.n)
        self.z_step = settings.z_step if settings.z_step is not None else source.spacing.z
        self.census = Census(source.dtype)
        self._total = (3 if settings.picks else 2) * self.n
        self._total += min(NOISE_PAIRS, self.n - 1)
        self._cancel = cancel
        self._done = 0

    def check(self) -> None:
        """Raise `Cancelled` if the result is not wanted any more."""
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled

    def begin(self, step: Step, k: int) -> Progress:
        """Note that plane `k` comes next; raises `Cancelled` if that is not wanted any more."""
        self.check()
        self._done += 1
        return Progress(step, k, self.n, self._done - 1, self._total)

    def skip(self, planes: int) -> None:
        """Expect that many planes fewer than planned."""
        self._total -= planes

    def again(self) -> None:
        """Expect one more pass over the planes than planned."""
        self._total += self.n

    def read(self, k: int) -> NDArray[Any]:
        """Plane `k` in a type that OpenCV works on."""
        return computable(self.source[k])

    def look(self, k: int) -> NDArray[Any]:
        """Plane `k`, which the census takes down."""
        return self.census.look(k, self.read(k))


@dataclass(frozen=True)
class _Survey:
    """What is known once every plane was seen."""

    alignment: Alignment
    gains: list[float]
    noise: Noise
    notes: list[str] = field(default_factory=list)


def _survey(run: _Run) -> Generator[Progress, None, _Survey]:
    """First pass: how planes moved and how bright they are; then how noisy they are."""
    notes: list[str] = []
    alignment = yield from _align(run, notes)
    if len(alignment.fitting) < 2:
        raise InputError(
            f"'{run.source.names[min(alignment.left_out)]}' holds no finite value; "
            "a stack needs two planes that do."
        )
    run.skip(len(alignment.left_out) * (2 if run.settings.picks else 1))
    gains = _gains_to_apply(run, alignment)
    survey = _Survey(alignment, gains, Noise(1.0), notes)
    noise = yield from _measure_noise(run, survey)
    return replace(survey, noise=noise)


def _align(run: _Run, notes: list[str]) -> Generator[Progress, None, Alignment]:
    """Align to the reference, or to its neighbour if it is the odd one; else leave all planes."""
    wanted = run.settings.align
    alignment = yield from _align_to(run, run.reference, wanted)
    if alignment.holds_together:
        return alignment
    run.again()
    other = run.reference - 1 if run.reference else 1
    alignment = yield from _align_to(run, other, wanted)
    odd = f"'{run.source.names[run.reference]}' does not show what the other planes show"
    if alignment.holds_together and run.settings.reference != "middle":
        raise InputError(f"The reference {odd}; choose another reference plane.")
    if alignment.holds_together:
        notes.append(f"The middle plane {odd}; plane {other} is the reference.")
        return alignment
    run.again()
    notes.append("Planes differ too much to be aligned; they were left where they are.")
    return (yield from _align_to(run, run.reference, "none"))


def _align_to(run: _Run, reference: int, align: Align) -> Generator[Progress, None, Alignment]:
    steps = align_steps(run.look, run.n, reference, align)
    while True:
        try:
            k = next(steps)
        except StopIteration as done:
            alignment: Alignment = done.value
            return alignment
        yield run.begin("align", k)


def _measure_noise(run: _Run, survey: _Survey) -> Generator[Progress, None, Noise]:
    planes = survey.alignment.fitting
    last, third = len(planes) - 2, (len(planes) - 2) // 3
    firsts = sorted({0, third, last - third, last})  # the same pairs if the order is reversed
    gauge = NoiseGauge()
    for i in firsts:
        yield run.begin("measure", planes[i])
        (a, first), (b, second) = (_prepared(run, survey, planes[j]) for j in (i, i + 1))
        run.check()
        gauge.add(a, b, both_recorded(first, second))
    rounding = 1 / 12 if run.source.dtype.kind in "ui" else 0.0
    return gauge.noise(rounding)


def _gains_to_apply(run: _Run, alignment: Alignment) -> list[float]:
    photograph = run.source.dtype == np.uint8 or len(run.source.plane_shape) == 3
    wanted = run.settings.brightness
    if alignment.brightness_drifts and (wanted == "match" or (wanted == "auto" and photograph)):
        return [1.0 if gain is None else gain for gain in alignment.gains]
    return [1.0] * run.n


@dataclass(frozen=True)
class _Fused:
    """The image, and the maps in the numbers of the whole stack, (Y, X) each."""

    image: Plane
    depth: Plane
    index: NDArray[np.uint16]
    confidence: Plane
    peak_width: float | None


def _fuse(
    run: _Run, survey: _Survey, on_plane: OnPlane | None
) -> Generator[Progress, None, _Fused]:
    """Second pass: planes become energies, an image and a depth; a third picks from them."""
    shape, method = run.source.plane_shape, run.settings.method
    pyramid = PyramidFusion(shape, survey.noise, run.check)
    original = LaplacianFusion(run.settings.gaussian, run.settings.laplacian)
    estimator = DepthEstimator()
    for k in survey.alignment.fitting:
        yield run.begin("fuse", k)
        plane, valid = _prepared(run, survey, k)
        energy = pyramid.add(plane, valid)
        estimator.add(pyramid.energies)
        if method == "laplacian":
            energy = original.add(plane, valid)
        if on_plane is not None:
            on_plane(k, as_dtype(plane, run.source.dtype), np.maximum(energy, 0))
    image = pyramid.image()
    planes = np.array(survey.alignment.fitting)
    guide = np.nan_to_num(luminance(image))
    place, confidence = estimator.estimate(guide, survey.noise, run.check)
    peak_width = estimator.peak_width(confidence >= TRUSTED)
    depth, index = nearest_plane(place, planes)
    if run.settings.picks:
        by_depth = method == "depth"
        picking: Fusion = NearestPlaneFusion(place) if by_depth else NearestValueFusion(image)
        for k in survey.alignment.fitting:
            yield run.begin("fuse", k)
            picking.add(*_prepared(run, survey, k))
        image = picking.image()
    if method == "laplacian":
        image, index = original.image(), planes[original.index].astype(np.uint16)
        confidence[np.abs(depth - index) > 1] = 0
        depth = index.astype(np.float32)
    return _Fused(image, depth, index, confidence, peak_width)


def _prepared(run: _Run, survey: _Survey, k: int) -> tuple[Plane, Mask | None]:
    """Plane `k` as the reference sees it, and where it recorded anything."""
    run.check()
    return seen_from_reference(run.read(k), survey.alignment.transforms[k], survey.gains[k])


def _examined(run: _Run, survey: _Survey, fused: _Fused) -> Health:
    alignment = survey.alignment
    return examine(
        run.census,
        survey.noise,
        fused.depth,
        fused.confidence,
        alignment.fitting,
        fused.peak_width,
        alignment.gains,
        alignment.brightness_drifts,
    )


def _report(run: _Run, survey: _Survey, health: Health) -> Report:
    source, alignment = run.source, survey.alignment
    names = source.names
    notes = [*source.notes, *survey.notes]
    if source.dtype.name not in COMPUTABLE:
        notes.append(f"{source.dtype.name} planes were computed as float32 and converted back.")
    left_out = [LeftOut(k, names[k], why) for k, why in sorted(alignment.left_out.items())]
    notes += [f"Plane {p.plane} ('{p.name}') was left out: {p.reason}." for p in left_out]
    spacing = source.spacing
    applied = any(gain != 1 for gain in survey.gains)
    notes += advice(health, alignment.fitting, run.z_step, spacing.unit, applied)
    return Report(
        version=__version__,
        settings=run.settings.as_dict(),
        planes=list(names),
        shape=[run.n, *source.plane_shape],
        dtype=source.dtype.name,
        reference=alignment.reference,
        align=alignment.model,
        transforms=alignment.transforms,
        residuals=alignment.residuals,
        gains=alignment.gains,
        gains_applied=applied,
        left_out=left_out,
        spacing={
            "y": spacing.y,
            "x": spacing.x,
            "z": run.z_step,
            "unit": spacing.unit or (None if run.settings.z_step is None else "micrometer"),
        },
        health=health.as_dict(),
        notes=notes,
    )
