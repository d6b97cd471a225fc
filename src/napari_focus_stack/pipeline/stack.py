"""Stacking of a source into a `StackResult`, with progress before each plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.steps import drain
from napari_focus_stack.alignment.cropping import Box, common_crop
from napari_focus_stack.imgproc.alpha import has_alpha
from napari_focus_stack.imgproc.noise import noise_pairs
from napari_focus_stack.io.reading import as_source
from napari_focus_stack.pipeline.fuse import OnPlane, fuse_steps
from napari_focus_stack.pipeline.options import Options, chosen, with_options
from napari_focus_stack.pipeline.report import assemble_report, note_unrecorded
from napari_focus_stack.pipeline.survey import Survey, survey_steps
from napari_focus_stack.pipeline.thin_planes import cut_back, is_thin, run_of_any
from napari_focus_stack.pipeline.tiling import fusion_rounds, height_map, plan_tiling
from napari_focus_stack.pipeline.value_unit import (
    ordinary_planes,
    result_as_recorded,
    scaled,
)
from napari_focus_stack.result import Progress, StackResult

if TYPE_CHECKING:
    import os
    import threading
    from collections.abc import Callable, Generator, Sequence
    from typing import Unpack

    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.pipeline.run import Run
    from napari_focus_stack.settings import Settings


def stack_steps(
    source: PlaneSource,
    settings: Settings,
    *,
    transforms: Any = None,
    align_mask: Any = None,
    cancel: threading.Event | None = None,
    on_plane: OnPlane | None = None,
    faint: bool = False,
) -> Generator[Progress, None, StackResult]:
    """Stack step by step, for a caller that shows progress or may cancel.

    Parameters
    ----------
    source : PlaneSource
        The planes, held one at a time (some are read ahead, by threads of the run). Each is read
        two to four times, once more for each tile if the field is fused in tiles, and twice or
        more in addition where a foreground may hide a background.
    settings : Settings
        Parameters of the run.
    transforms : array-like, StackResult or path, optional
        Prior transforms, used instead of estimated ones: (n, 3, 3), reference pixel (x, y, 1) to
        pixel of plane k, NaN or None for a plane to leave out; or those of another stack of the
        same field (another channel, for example): its result, or the JSON file of its report. The
        reference is the plane whose transform is the identity, and if there are several, the one
        nearest to the reference plane of the settings.
    align_mask : array-like, optional
        (Y, X) bool, True where motion is estimated, in pixels of the reference plane; if the
        settings have an `align_region`, only within it.
    cancel : threading.Event, optional
        Once set, the run raises `Cancelled` at its next check, of which there are several for each
        plane.
    on_plane : callable, optional
        Called as ``on_plane(k, plane, energy)`` with every plane as it is fused, (Y, X[, C]) in
        the source's dtype, and its energy, (Y, X) float32. Neither is cropped. Energies of floats
        far from 1 are in squares of another unit.
    faint : bool
        Whether depth of little evidence follows that of wider surroundings, where it is otherwise
        drawn towards their mean: for planes pooled over time.

    Returns
    -------
    StackResult
        Through ``StopIteration.value`` (or ``yield from``).

    Yields
    ------
    Progress
        Before each plane of each step.

    Raises
    ------
    InputError
        A plane cannot be read, none fits the reference plane, or a file of transforms is no report.
    SettingsError
        The reference plane is not in the stack, the region to align on is not in the field, the
        transforms or the mask do not fit the stack, or there is too little memory.
    Cancelled
        `cancel` was set.
    """
    planes, unit = ordinary_planes(source, settings.reference_plane(len(source)))
    on_recorded = _as_recorded(on_plane, unit)
    run = run_of_any(source, planes, settings, transforms, align_mask, cancel, faint=faint)
    if is_thin(source):
        wide = yield from _run_steps(run, _within(on_recorded, source))
        return result_as_recorded(cut_back(wide, source), unit)
    result = yield from _run_steps(run, on_recorded)
    return result_as_recorded(result, unit)


def _within(on_plane: OnPlane | None, source: PlaneSource) -> OnPlane | None:
    """Return the function that is called with every plane, for planes with their mirror image."""
    if on_plane is None:
        return None
    y, x = source.plane_shape[:2]
    return lambda k, plane, energy: on_plane(k, plane[:y, :x], energy[:y, :x])


def _as_recorded(on_plane: OnPlane | None, unit: float) -> OnPlane | None:
    """Return the function that is called with every plane, for planes divided by the unit."""
    if on_plane is None or unit == 1:
        return on_plane
    return lambda k, plane, energy: on_plane(k, scaled(plane, unit), energy)


def _run_steps(run: Run, on_plane: OnPlane | None) -> Generator[Progress, None, StackResult]:
    """Align and fuse the planes of a run."""
    source, tiling = run.source, plan_tiling(run, on_plane is not None)
    run.progress.plan_fusion(fusion_rounds(run, tiling))
    run.progress.expect(len(noise_pairs(run.n)))
    survey = yield from survey_steps(run)
    box = _box_to_keep(run, survey)
    fused = yield from fuse_steps(run, survey, tiling, box, on_plane)
    run.check()
    maps, step, area = fused.maps, run.z_step, fused.maps.depth.size
    run.notes.add(*note_unrecorded(maps.recorded, source.dtype, alpha=has_alpha(maps.image)))
    run.notes.add(*fused.occlusion.notes(area))
    return StackResult(
        image=maps.image,
        depth_index=fused.index,
        depth=maps.depth,
        height=None if step is None else height_map(maps.depth, step, tiling),
        confidence=maps.confidence,
        transforms=survey.alignment.transforms,
        report=assemble_report(run, survey, fused, box),
    )


@with_options(Options)
def focus_stack(
    source: PlaneSource | str | os.PathLike[str] | Sequence[Any] | Any,
    *,
    settings: Settings | None = None,
    transforms: Any = None,
    align_mask: Any = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: threading.Event | None = None,
    **options: Unpack[Options],
) -> StackResult:
    """Fuse planes focused at different distances into one sharp image, and find their depth.

    Parameters
    ----------
    source : PlaneSource, array-like, path or list of paths
        (Z, Y, X) or (Z, Y, X, C) with C 3 (RGB) or 4 (RGBA), NumPy or lazy (dask); a sequence of
        2-D arrays; a folder; a list of files; one multi-page file; or the result of `read_stack`.
    settings : Settings, optional
        All parameters at once, instead of single options.
    transforms : array-like, StackResult or path, optional
        Prior transforms, used instead of estimated ones: (n, 3, 3), or the result or report of
        another stack of the same field; see `stack_steps`.
    align_mask : array-like, optional
        (Y, X) bool, True where motion is estimated.
    progress : callable, optional
        Called with a `Progress` before each plane of each step.
    cancel : threading.Event, optional
        Once set, by `progress` or by another thread, the call raises `Cancelled`.
    method : {"pyramid", "depth", "laplacian"}
        Laplacian pyramid; each pixel from the plane in focus there; or the method of the first
        release.
    align : {"auto", "none", "shift", "similarity", "affine", "homography"}
        Motion model; "auto" selects the simplest one that fits, and leaves a still stack
        untouched.
    reference : int, "middle" or "first"
        Plane that the others are aligned to.
    gaussian, laplacian : int
        Sizes of the filters of method "laplacian", odd, in pixels.
    brightness : {"auto", "match", "keep"}
        Whether planes are brought to the brightness of the reference.
    align_region : tuple of int, optional
        First row, end row, first column, end column that alignment is confined to.
    crop : bool
        Whether the results are cropped to the part that all planes recorded.
    values : {"fused", "recorded"}
        Whether pixels may lie between recorded values.
    occlusion : {"auto", "off"}
        Whether the blur that foreground objects cast over the background is removed.
    pixel_size : float, optional
        Size of a pixel in the specimen, in the unit of the source (µm if it has none); by default
        that of the source.
    z_step : float, optional
        Distance of neighbouring planes, in the unit of the pixel size.
    z_factor : float
        Factor on distances along z, for example the refractive index of the medium that is
        focused through, divided by that of the objective's medium.
    z_uncertainty : float
        Relative standard uncertainty of the z scale.
    memory : int or str, optional
        Memory that the run may use, in bytes or as in "1.5GB".
    threads : int, optional
        Number of threads.

    Returns
    -------
    StackResult
        The image in the dtype of the input, depth, confidence, transforms and a report.

    Raises
    ------
    InputError
        Planes cannot be read or do not agree, or fewer than two fit.
    SettingsError
        An option does not exist, is out of bounds or does not fit the stack.
    Cancelled
        `cancel` was set.

    See Also
    --------
    stack_steps : The same, step by step.
    align_stack : Align planes without fusing them.

    Examples
    --------
    >>> import numpy as np
    >>> result = focus_stack(np.zeros((3, 32, 32), np.uint8), align="none")
    >>> result.image.shape, result.depth_index.dtype
    ((32, 32), dtype('uint16'))
    """
    steps = stack_steps(
        as_source(source),
        chosen(settings, options),
        transforms=transforms,
        align_mask=align_mask,
        cancel=cancel,
    )
    return drain(steps, progress)


def _box_to_keep(run: Run, survey: Survey) -> Box | None:
    """Return the box to which the results are cropped, or None if they are not."""
    if not run.settings.crop:
        return None
    crop = common_crop(survey.alignment.transforms, run.source.plane_shape[:2])
    for k, taken in crop.outliers.items():
        run.notes.add(
            f"Plane {k} ('{run.source.names[k]}') did not count for the crop, because it alone "
            f"would have taken {taken:.0%} of the field; margins that it does not show remain."
        )
    if crop.too_small:
        run.notes.add(
            "The results were not cropped, because the planes have too little of the field in "
            "common; look whether the alignment is right."
        )
    return crop.box
