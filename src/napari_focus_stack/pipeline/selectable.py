"""Pixels of a plane to select from, as they were recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.imgproc.alpha import continued, ignores_alpha
from napari_focus_stack.imgproc.dtypes import EXACT, as_dtype
from napari_focus_stack.imgproc.transforms import both_recorded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.alignment.registered_plane import RegisteredPlane
    from napari_focus_stack.alignment.registered_stack import RegisteredStack
    from napari_focus_stack.imgproc.dtypes import Mask
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.pipeline.run import Run


@dataclass(frozen=True)
class Selectable:
    """Plane to select pixels from.

    Attributes
    ----------
    plane : numpy.ndarray
        (y, x[, C]) float32, by which it is compared with other planes.
    valid : numpy.ndarray or None
        (y, x) uint8, 0 where no pixel is selected from it; None if any may be.
    values : numpy.ndarray or None
        As `plane`: its pixels as recorded, where they are others than those of `plane`.
    """

    plane: Plane
    valid: Mask | None
    values: NDArray[Any] | None = None


def selectable(
    run: Run, stack: RegisteredStack, registered: RegisteredPlane, k: int, window: Window
) -> Selectable:
    """Return the pixels of a plane in a window, as recorded if it is not moved or evened out.

    Pixels of such a plane that marks of the sensor replaced are left to other planes, and types
    that float32 does not hold exactly are read again.

    Parameters
    ----------
    run : Run
        Source of the planes.
    stack : RegisteredStack
        The planes.
    registered : RegisteredPlane
        Plane `k` of it.
    k : int
        Number of the plane.
    window : tuple of slice
        Rows and columns of the reference plane.

    Returns
    -------
    Selectable
        The plane within the window.

    Raises
    ------
    InputError
        The plane cannot be read; the message names it.
    Cancelled
        The run was cancelled.
    """
    plane, valid = registered.colour(window)
    dtype = run.source.dtype
    exact, marked = dtype.name in EXACT, stack.marks.touch(k)
    if exact and not marked:
        return Selectable(plane, valid)
    if not stack.shows_record(k):
        return Selectable(plane, valid, None if exact else as_dtype(plane, dtype))
    recorded = run.read_as_recorded(k)
    if ignores_alpha(recorded):
        recorded = continued(recorded)
    recorded = recorded[window]
    unmarked = stack.marks.within(window).unmarked(recorded.shape, k)
    values = recorded.astype(np.float32) if exact else recorded
    return Selectable(plane, both_recorded(valid, unmarked), values)
