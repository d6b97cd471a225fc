"""The only orchestrator: a source and settings in, progress on the way, a `StackResult` out."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_focus_stack import __version__
from napari_focus_stack.bands import Plane
from napari_focus_stack.brightness import Brightness
from napari_focus_stack.crew import Crew, ahead, opencv_on_one_thread
from napari_focus_stack.cropping import Box, common_crop
from napari_focus_stack.depth import DepthEstimator, nearest_plane
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.fusion import (
    Fusion,
    LaplacianFusion,
    NearestPlaneFusion,
    NearestValueFusion,
)
from napari_focus_stack.health import TRUSTED, Health, advice, examine
from napari_focus_stack.planes import COMPUTABLE, SeenPlane, as_dtype
from napari_focus_stack.pyramidfusion import PyramidFusion
from napari_focus_stack.result import LeftOut, Progress, Report, StackResult
from napari_focus_stack.running import Run
from napari_focus_stack.settings import Settings
from napari_focus_stack.sources import ArraySource, PlaneSource
from napari_focus_stack.survey import Survey, survey_steps

if TYPE_CHECKING:
    import threading

OnPlane = Callable[[int, NDArray[Any], Plane], None]
"""Called with a plane's number, the plane as it is fused, and its energy (Y, X)."""


def stack_steps(
    source: PlaneSource,
    settings: Settings,
    *,
    transforms: Any = None,
    align_mask: Any = None,
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
    transforms : array-like, StackResult or path, optional
        Taken instead of estimating any: (n, 3, 3), reference pixel (x, y, 1) to pixel of plane k,
        NaN or None for a plane to leave out; or those of another stack of the same field (another
        channel, say): its result, or the JSON file of its report. The reference is the plane whose
        transform is the identity, the nearest to that of the settings if there are several.
    align_mask : array-like, optional
        (Y, X) bool, True where alignment may look, in pixels of the reference plane; if the
        settings have an `align_region`, only within that.
    cancel : threading.Event, optional
        Once set, the run raises `Cancelled` at its next look, several times a plane.
    on_plane : callable, optional
        Called as ``on_plane(k, plane, energy)`` with every plane as it is fused, (Y, X[, C]) in
        the source's dtype, and its energy, (Y, X) float32: whole, also where results are cut.

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
        A plane cannot be read, none fits the reference plane, or a file of transforms is no report.
    SettingsError
        The reference plane is not in the stack, the region to align by not in the field, or the
        transforms or the mask do not fit the stack.
    Cancelled
        `cancel` was set.
    """
    run = Run(source, settings, transforms, align_mask, cancel)
    survey = yield from survey_steps(run)
    fused = yield from _fuse(run, survey, on_plane)
    run.check()
    box = _box_to_keep(run, survey)
    if box is not None:
        fused = fused.cut(box)
    run.notes += _on_unrecorded(fused.recorded, source.dtype)
    step = run.z_step
    return StackResult(
        image=fused.image,
        depth_index=fused.index,
        depth=fused.depth,
        height=None if step is None else fused.depth * np.float32(step),
        confidence=fused.confidence,
        transforms=survey.alignment.transforms,
        report=_report(run, survey, _examined(run, survey, fused), box),
    )


def focus_stack(
    source: PlaneSource | str | os.PathLike[str] | Sequence[Any] | Any,
    *,
    settings: Settings | None = None,
    transforms: Any = None,
    align_mask: Any = None,
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
    transforms : array-like, StackResult or path, optional
        Taken instead of estimating any: (n, 3, 3), or the result or report of another stack of the
        same field; see `stack_steps`.
    align_mask : array-like, optional
        (Y, X) bool, True where alignment may look.
    progress : callable, optional
        Called with a `Progress` before each plane of each step.
    **options
        Fields of `Settings`: ``method``, ``align``, ``reference``, ``gaussian``, ``laplacian``,
        ``brightness``, ``align_region``, ``crop``, ``values``, ``z_step``.

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
    steps = stack_steps(as_source(source), chosen, transforms=transforms, align_mask=align_mask)
    return drain(steps, progress)


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


@dataclass(frozen=True)
class _Fused:
    """The image, and the maps in the numbers of the whole stack, (Y, X) each."""

    image: NDArray[Any]
    recorded: NDArray[np.bool_]
    depth: Plane
    index: NDArray[np.uint16]
    confidence: Plane
    peak_width: float | None

    def cut(self, box: Box) -> _Fused:
        """A part of all of them; copies, so that the whole can be forgotten."""
        part = np.s_[box[0] : box[1], box[2] : box[3]]
        maps = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "peak_width"}
        return replace(self, **{name: whole[part].copy() for name, whole in maps.items()})


def _fuse(run: Run, survey: Survey, on_plane: OnPlane | None) -> Generator[Progress, None, _Fused]:
    """Second pass: planes become energies, an image and a depth; a third picks from them."""
    with opencv_on_one_thread(), Crew(check=run.check) as crew:
        return (yield from _fuse_with(crew, run, survey, on_plane))


def _fuse_with(
    crew: Crew, run: Run, survey: Survey, on_plane: OnPlane | None
) -> Generator[Progress, None, _Fused]:
    shape, method = run.source.plane_shape, run.settings.method
    original = LaplacianFusion(run.settings.gaussian, run.settings.laplacian)
    pyramid = PyramidFusion(
        shape,
        run.source.dtype,
        survey.noise,
        crew,
        keep_energy=on_plane is not None,
        colour_halved=run.source.colour_halved,
    )
    estimator = DepthEstimator(crew)
    with closing(_planes(run, survey)) as planes:
        for k, seen in planes:
            yield run.begin("fuse", k)
            pyramid.add(seen)
            estimator.add(pyramid.energies)
            if method == "laplacian" or on_plane is not None:
                plane, valid = seen.colour()
                energy = original.add(plane, valid) if method == "laplacian" else pyramid.energy
                if on_plane is not None and energy is not None:
                    on_plane(k, as_dtype(plane, run.source.dtype), np.maximum(energy, 0))
    pyramid.build()
    target = np.dtype(np.float32) if run.settings.picks else run.source.dtype
    painting = crew.meanwhile(partial(pyramid.image, target))
    numbers = np.array(survey.alignment.order)
    place, confidence = estimator.estimate(pyramid.brightness, survey.noise)
    peak_width = estimator.peak_width(confidence >= TRUSTED)
    image, recorded = painting.result(), pyramid.recorded
    del pyramid, estimator
    depth, index = nearest_plane(place, numbers)
    if run.settings.picks:
        by_depth = method == "depth"
        picking: Fusion = NearestPlaneFusion(place) if by_depth else NearestValueFusion(image)
        with closing(_planes(run, survey)) as planes:
            for k, seen in planes:
                yield run.begin("fuse", k)
                picking.add(*seen.colour())
        image = as_dtype(picking.image(), run.source.dtype)
    if method == "laplacian":
        image = as_dtype(original.image(), run.source.dtype)
        index = numbers[original.index].astype(np.uint16)
        confidence[np.abs(place - original.index) > 1] = 0
        depth = index.astype(np.float32)
    return _Fused(image, recorded, depth, index, confidence, peak_width)


def _planes(run: Run, survey: Survey) -> Generator[tuple[int, SeenPlane], None, None]:
    """Planes in the order of their focus, each read while the one before is worked on."""
    yield from ahead(partial(survey.seen, run), survey.alignment.order)


def _box_to_keep(run: Run, survey: Survey) -> Box | None:
    """What the results are cut to, if they are to be and there is anything to cut."""
    if not run.settings.crop:
        return None
    crop = common_crop(survey.alignment.transforms, run.source.plane_shape[:2])
    run.notes += [
        f"Plane {k} ('{run.source.names[k]}') did not count for the crop: it alone would have "
        f"taken {taken:.0%} of the field."
        for k, taken in crop.rogues.items()
    ]
    if crop.too_small:
        run.notes.append("The results were not cut: planes have too little of the field in common.")
    return crop.box


def _on_unrecorded(recorded: NDArray[np.bool_], dtype: np.dtype[Any]) -> list[str]:
    """What is to be said of pixels that no plane recorded, if there are any."""
    share = 1 - float(recorded.mean())
    if share == 0:
        return []
    least = 0.001
    much = f"{share:.1%}" if share >= least else f"Less than {least:.1%}"
    value = "NaN" if dtype.kind == "f" else "0"
    return [f"{much} of the picture was recorded by no plane; its pixels are {value} there."]


def _examined(run: Run, survey: Survey, fused: _Fused) -> Health:
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


def _report(run: Run, survey: Survey, health: Health, box: Box | None) -> Report:
    source, alignment = run.source, survey.alignment
    names = source.names
    notes = list(run.notes)
    if source.dtype.name not in COMPUTABLE:
        notes.append(f"{source.dtype.name} planes were computed as float32 and converted back.")
    left_out = [LeftOut(k, names[k], why) for k, why in sorted(alignment.left_out.items())]
    notes += [f"Plane {p.plane} ('{p.name}') was left out: {p.reason}." for p in left_out]
    spacing = source.spacing
    applied = any(light != Brightness() for light in survey.light)
    notes += advice(
        health, alignment.fitting, run.z_step, spacing.unit, applied, alignment.in_order
    )
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
        offsets=alignment.offsets,
        gains_applied=applied,
        in_order=alignment.in_order,
        left_out=left_out,
        crop=None if box is None else list(box),
        spacing={
            "y": spacing.y,
            "x": spacing.x,
            "z": run.z_step,
            "unit": spacing.unit or (None if run.settings.z_step is None else "micrometer"),
        },
        health=health.as_dict(),
        notes=notes,
    )
