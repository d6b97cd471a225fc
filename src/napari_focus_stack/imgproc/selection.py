"""Selection of one plane for each pixel."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._compiled.library import address, kernels, library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_focus_stack.imgproc.pyramids import Plane


def pick_plane(planes: Sequence[Plane], depth: Plane) -> Plane:
    """Take each pixel from the plane nearest to its depth.

    Parameters
    ----------
    planes : sequence of numpy.ndarray
        (Y, X[, C]) float32 each.
    depth : numpy.ndarray
        (Y, X) float32, in numbers of planes.

    Returns
    -------
    numpy.ndarray
        As one of the planes.
    """
    taken = np.empty(planes[0].shape, np.float32)
    if library() is not None:
        _pick_compiled(planes, depth, taken)
        return taken
    index = np.rint(depth).astype(np.intp)
    np.clip(index, 0, len(planes) - 1, out=index)
    for k in np.unique(index):
        here = index == k
        taken[here] = planes[k][here]
    return taken


def _pick_compiled(planes: Sequence[Plane], depth: Plane, taken: Plane) -> None:
    """Pick planes by the compiled kernel (`selection.c`)."""
    shown, depth = [np.ascontiguousarray(plane) for plane in planes], np.ascontiguousarray(depth)
    kernels().pick_plane(
        (ctypes.c_void_p * len(shown))(*(address(plane) for plane in shown)),
        ctypes.c_int64(len(shown)),
        ctypes.c_void_p(address(depth)),
        *(ctypes.c_int64(size) for size in (depth.size, taken.size // depth.size)),
        ctypes.c_void_p(address(taken)),
    )
