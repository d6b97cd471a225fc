"""Power of the finest band by regions, averaged by a compiled kernel (`regions.c`)."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from napari_focus_stack._compiled.library import Plane as Described

if TYPE_CHECKING:
    from napari_focus_stack.imgproc.pyramids import Plane


def compiled_power(
    kernels: ctypes.CDLL, light: Plane, above: Plane, first: int, powers: Plane
) -> None:
    """Average the squared finest band around every fourth pixel of every fourth row.

    Parameters
    ----------
    kernels : ctypes.CDLL
        The compiled kernels.
    light, above : numpy.ndarray
        (y, x) float32 brightness, and the next coarser level of it.
    first : int
        Row of `light` around which the first row of windows lies.
    powers : numpy.ndarray
        (rows, columns) float32, one row for every fourth row of `light`; overwritten.
    """
    kernels.finest_power(
        ctypes.byref(Described.of(light)),
        ctypes.byref(Described.of(above)),
        ctypes.c_int64(first),
        ctypes.c_int64(len(powers)),
        ctypes.c_void_p(powers.ctypes.data),
    )
