"""Moments of the motion left between two planes, summed by a compiled kernel (`motion.c`)."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._compiled.library import Plane as Described
from napari_focus_stack._compiled.library import address

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.alignment.similarity import Region
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix


class _Pair(ctypes.Structure):
    _fields_ = (
        ("fixed", Described),
        ("moved", Described),
        ("inside", ctypes.c_void_p),
        ("limit", ctypes.c_float),
    )


def compiled_moments(
    kernels: ctypes.CDLL, pair: tuple[Plane, Plane, Region], limit: float, blocks: int
) -> tuple[Matrix, NDArray[np.float64]]:
    """Sum the moments of two overlaid planes over each block.

    Parameters
    ----------
    kernels : ctypes.CDLL
        The compiled kernels.
    pair : tuple of numpy.ndarray
        The fixed plane and the one laid over it, (y, x) float32, and (y, x) bool, True where both
        may be compared.
    limit : float
        Difference beyond which a pixel counts less.
    blocks : int
        Number of blocks.

    Returns
    -------
    moments : numpy.ndarray
        (blocks, 3, 3) float64 with the effects of focus eliminated.
    pixels : numpy.ndarray
        (blocks,) float64 sum of the weights.
    """
    fixed, moved, inside = pair
    inside = np.ascontiguousarray(inside)
    moments, pixels = np.empty((blocks, 3, 3)), np.empty(blocks)
    described = _Pair(Described.of(fixed), Described.of(moved), address(inside), limit)
    kernels.motion_moments(
        ctypes.byref(described),
        ctypes.c_void_p(moments.ctypes.data),
        ctypes.c_void_p(pixels.ctypes.data),
    )
    return moments, pixels
