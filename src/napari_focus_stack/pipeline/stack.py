"""The only orchestrator: a source and settings in, progress on the way, a `StackResult` out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_focus_stack.alignment.cropping import Box, common_crop
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.io.reading import as_source
from napari_focus_stack.pipeline.fuse import OnPlane, fuse_steps
from napari_focus_stack.pipeline.report import assemble_report, examine_run, note_unrecorded
from napari_focus_stack.pipeline.run import Run
from napari_focus_stack.pipeline.survey import Survey, survey_steps
from napari_focus_stack.pipeline.tiling import height_map, tiling_of
from napari_focus_stack.result import Progress, StackResult
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    import os
    import threading
    from collections.abc import Callable, Generator, Sequence

    from napari_focus_stack.io.sources import PlaneSource


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
        The planes, held one at a time (some are read ahead, by threads of the run); each is read
        two to four times, once more for each tile if the field is cut into tiles, and, where
        something near may hide something far, twice or more for that.
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
        The reference plane is not in the stack, the region to align by not in the field, the
        transforms or the mask do not fit the stack, or the memory is too little.
    Cancelled
        `cancel` was set.
    """
    run = Run(source, settings, transforms, align_mask, cancel)
    tiling = tiling_of(run, on_plane is not None)
    survey = yield from survey_steps(run)
    box = _box_to_keep(run, survey)
    fused = yield from fuse_steps(run, survey, tiling, box, on_plane)
    run.check()
    run.notes += note_unrecorded(fused.recorded, source.dtype)
    run.notes += fused.occlusion.told(fused.depth.size)
    step = run.z_step
    return StackResult(
        image=fused.image,
        depth_index=fused.index,
        depth=fused.depth,
        height=None if step is None else height_map(fused.depth, step, tiling),
        confidence=fused.confidence,
        transforms=survey.alignment.transforms,
        report=assemble_report(
            run,
            survey,
            examine_run(run, survey, fused),
            box,
            fused.occlusion.as_dict(fused.depth.size),
        ),
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
        ``brightness``, ``align_region``, ``crop``, ``values``, ``occlusion``, ``z_step``,
        ``memory``, ``threads``.

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


def _box_to_keep(run: Run, survey: Survey) -> Box | None:
    """What the results are cut to, if they are to be and there is anything to cut."""
    if not run.settings.crop:
        return None
    crop = common_crop(survey.alignment.transforms, run.source.plane_shape[:2])
    run.notes += [
        f"Plane {k} ('{run.source.names[k]}') did not count for the crop: it alone would have "
        f"taken {taken:.0%} of the field."
        for k, taken in crop.outliers.items()
    ]
    if crop.too_small:
        run.notes.append("The results were not cut: planes have too little of the field in common.")
    return crop.box
