"""A registered stack whose planes are resampled lazily."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.steps import drain
from napari_focus_stack.alignment.registered_stack import RegisteredStack
from napari_focus_stack.diagnostics.advice import describe_order
from napari_focus_stack.diagnostics.left_out import describe_left_out
from napari_focus_stack.imgproc.dtypes import as_dtype
from napari_focus_stack.io.reading import as_source
from napari_focus_stack.io.sources import PlaneSource
from napari_focus_stack.pipeline.alignment import alignment_steps
from napari_focus_stack.pipeline.options import AlignOptions, chosen, with_options
from napari_focus_stack.pipeline.thin_planes import run_of_any
from napari_focus_stack.pipeline.value_unit import ordinary_planes, scaled

if TYPE_CHECKING:
    import os
    import threading
    from collections.abc import Callable, Generator, Sequence
    from typing import Unpack

    from numpy.typing import NDArray

    from napari_focus_stack.alignment.result import Alignment
    from napari_focus_stack.pipeline.run import Run
    from napari_focus_stack.result import Progress
    from napari_focus_stack.settings import Settings


class AlignedPlanes(PlaneSource):
    """Planes that are resampled to the frame of the reference plane when they are indexed.

    Values stay at the brightness they were recorded at. Pixels that a plane did not record, and
    all pixels of a plane that was left out, are NaN, or 0 in a dtype without NaN.

    Parameters
    ----------
    source : PlaneSource
        The planes that were aligned.
    alignment : Alignment
        Transforms of the planes.
    notes : sequence of str
        Notes on the alignment, for the user.
    ordinary : PlaneSource, optional
        The planes in which values are resampled, by default `source`.
    unit : float
        Their unit, as `ordinary_planes` returns it.

    Attributes
    ----------
    alignment : Alignment
        Transforms of the planes.
    notes : tuple of str
        Notes on the alignment, for the user.
    inputs : tuple of pathlib.Path
        Files of the planes that were aligned; `files` is empty.
    """

    def __init__(
        self,
        source: PlaneSource,
        alignment: Alignment,
        notes: Sequence[str],
        ordinary: PlaneSource | None = None,
        unit: float = 1.0,
    ) -> None:
        self.alignment = alignment
        self._source, self._unit = source, unit
        self._stack = RegisteredStack(
            source if ordinary is None else ordinary, alignment.transforms
        )
        self.describe_as(source)
        self.files = ()  # the pixels of these planes are in no file; a recipe must not read any
        self.notes = tuple(notes)

    @property
    def transforms(self) -> NDArray[np.float64]:
        """Transforms, (n, 3, 3), from a reference pixel (x, y, 1) to that of each plane."""
        return self.alignment.transforms

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Return plane `k` in the frame of the reference plane.

        Parameters
        ----------
        k : int
            Number of the plane.

        Returns
        -------
        numpy.ndarray
            (Y, X[, C]) in the dtype of the source.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
        matrix = self.alignment.transforms[k]
        if not np.isfinite(matrix).all():
            return as_dtype(np.full(self.plane_shape, np.nan, np.float32), self.dtype)
        if np.array_equal(matrix, np.eye(3)):
            return self._source[k]
        plane, recorded = self._stack.plane(k).colour()
        if recorded is not None:
            plane[recorded == 0] = np.nan
        return scaled(as_dtype(plane, self.dtype), self._unit)


def align_only_steps(
    source: PlaneSource,
    settings: Settings,
    *,
    transforms: Any = None,
    align_mask: Any = None,
    cancel: threading.Event | None = None,
) -> Generator[Progress, None, AlignedPlanes]:
    """Align a stack step by step, as `stack_steps` does before the fusion.

    Parameters
    ----------
    source : PlaneSource
        The planes.
    settings : Settings
        Parameters; only `align`, `reference`, `align_region`, `memory` and `threads` take effect.
    transforms : array-like, StackResult or path, optional
        Prior transforms, as for `stack_steps`.
    align_mask : array-like, optional
        (Y, X) bool, True where motion is estimated.
    cancel : threading.Event, optional
        Once set, the run raises `Cancelled` at its next check.

    Returns
    -------
    AlignedPlanes
        Through ``StopIteration.value`` (or ``yield from``).

    Yields
    ------
    Progress
        Before each plane.

    Raises
    ------
    InputError
        A plane cannot be read, or fewer than two fit.
    SettingsError
        A setting does not fit the source.
    Cancelled
        `cancel` was set.
    """
    planes, unit = ordinary_planes(source, settings.reference_plane(len(source)))
    run = run_of_any(source, planes, settings, transforms, align_mask, cancel)
    alignment = yield from alignment_steps(run)
    run.check()
    left_out = describe_left_out(alignment.named_left_out(source.names))
    if left_out:
        left_out.append("Planes that were left out are empty.")
    order = [] if alignment.in_order else [describe_order(alignment.order)]
    notes = [*run.notes, *order, *left_out, *_on_margins(run, alignment)]
    return AlignedPlanes(source, alignment, notes, planes, unit)


def _on_margins(run: Run, alignment: Alignment) -> list[str]:
    """Return the note on margins that integer types cannot distinguish from dark pixels."""
    moved = any(not np.array_equal(one, np.eye(3)) for one in alignment.taking_part.values())
    if run.source.dtype.kind == "f" or not moved:
        return []
    return [
        "Margins that a plane did not record are 0 in it. Programs take them for dark pixels, "
        "Focus Stack included: crop them, or stack the planes as recorded."
    ]


@with_options(AlignOptions)
def align_stack(
    source: PlaneSource | str | os.PathLike[str] | Sequence[Any] | Any,
    *,
    settings: Settings | None = None,
    transforms: Any = None,
    align_mask: Any = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: threading.Event | None = None,
    **options: Unpack[AlignOptions],
) -> AlignedPlanes:
    """Align planes to the reference plane without fusing them.

    Parameters
    ----------
    source : PlaneSource, array-like, path or list of paths
        A stack in any form that `focus_stack` accepts.
    settings : Settings, optional
        All parameters at once, instead of single options.
    transforms : array-like, StackResult or path, optional
        Prior transforms, used instead of estimated ones; see `stack_steps`.
    align_mask : array-like, optional
        (Y, X) bool, True where motion is estimated.
    progress : callable, optional
        Called with a `Progress` before each plane.
    cancel : threading.Event, optional
        Once set, by `progress` or by another thread, the call raises `Cancelled`.
    align : {"auto", "none", "shift", "similarity", "affine", "homography"}
        Model of the motion; `auto` selects the simplest that fits, and leaves a still stack as it
        is.
    reference : int, "middle" or "first"
        Plane that the others are aligned to.
    align_region : tuple of int, optional
        First row, end row, first column, end column that alignment is confined to.
    memory : int or str, optional
        Memory that the process may take, in bytes or as in "1.5GB".
    threads : int, optional
        Threads that work at a time.

    Returns
    -------
    AlignedPlanes
        Sequence of planes in the frame of the reference plane, each resampled when it is indexed;
        `alignment` holds the transforms.

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
    focus_stack : Align and fuse.
    """
    steps = align_only_steps(
        as_source(source),
        chosen(settings, options, AlignOptions),
        transforms=transforms,
        align_mask=align_mask,
        cancel=cancel,
    )
    return drain(steps, progress)
