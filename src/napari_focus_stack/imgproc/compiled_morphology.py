"""Morphology of masks by compiled kernels (`masks.c`)."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._compiled.library import address, kernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_RADIUS = 254
"""Largest radius, in pixels, of a dilation: distances of rows are kept in bytes."""


class _Regions(ctypes.Structure):
    """Mask whose small groups are erased, and the memory that this takes."""

    _fields_ = (
        ("mask", ctypes.c_void_p),
        ("seen", ctypes.c_void_p),
        ("height", ctypes.c_int64),
        ("width", ctypes.c_int64),
        ("smallest", ctypes.c_int64),
        ("places", ctypes.c_void_p),
    )


def erase_small_regions(mask: NDArray[np.bool_], smallest: int) -> None:
    """Erase small groups of pixels that touch at their sides or corners, in place.

    Parameters
    ----------
    mask : numpy.ndarray
        (Y, X) bool, contiguous.
    smallest : int
        Least number of pixels of a group that stays.
    """
    seen, places = np.zeros(mask.shape, np.uint8), np.empty(smallest, np.int64)
    regions = _Regions(address(mask), address(seen), *mask.shape, smallest, address(places))
    kernels().erase_small_regions(ctypes.byref(regions))


def dilate(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Dilate a mask by a disc.

    Parameters
    ----------
    mask : numpy.ndarray
        (Y, X) bool.
    radius : int
        Radius of the disc, in pixels, `LARGEST_RADIUS` at most.

    Returns
    -------
    numpy.ndarray
        (Y, X) bool, True within `radius` of a pixel of the mask.
    """
    mask = np.ascontiguousarray(mask)
    height, width = mask.shape
    found, row, widths = np.empty_like(mask), np.empty(width, np.uint8), _widths(radius)
    kernels().dilate_mask(
        ctypes.c_void_p(address(mask)),
        *(ctypes.c_int64(height), ctypes.c_int64(width), ctypes.c_int32(radius)),
        *(ctypes.c_void_p(address(array)) for array in (widths, found, row)),
    )
    return found


@lru_cache
def _widths(radius: int) -> NDArray[np.int32]:
    """Return half the width of each row of a disc, from the middle, and -1 beyond it."""
    rows = np.arange(radius + 1, dtype=np.float64)
    return np.append(np.sqrt(radius**2 - rows**2), -1).astype(np.int32)
