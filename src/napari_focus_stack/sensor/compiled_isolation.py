"""Isolated pixels of a plane of integers, found by a compiled kernel (`isolated.c`)."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._compiled.library import address

if TYPE_CHECKING:
    from numpy.typing import NDArray


class _Search(ctypes.Structure):
    _fields_ = (
        ("values", ctypes.c_void_p),
        ("height", ctypes.c_int64),
        ("width", ctypes.c_int64),
        ("bytes", ctypes.c_int32),
        ("step", ctypes.c_int32),
    )


def compiled_isolated(
    kernels: ctypes.CDLL, light: NDArray[Any], step: int, most: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]] | None:
    """Find pixels that differ from all their neighbours, in one direction, by a step.

    Parameters
    ----------
    kernels : ctypes.CDLL
        The compiled kernels.
    light : numpy.ndarray
        (Y, X) uint8 or uint16.
    step : int
        Least difference.
    most : int
        Largest number of pixels.

    Returns
    -------
    places, differences : numpy.ndarray
        (n,) int32 flat indices, ascending, and differences, negative for dark pixels; None if there
        are more than `most`.
    """
    light = np.ascontiguousarray(light)
    places, differences = np.empty((2, most), np.int32)
    search = _Search(address(light), *light.shape, light.itemsize, step)
    kernels.isolated.restype = ctypes.c_int64
    count = kernels.isolated(
        ctypes.byref(search),
        ctypes.c_int64(most),
        ctypes.c_void_p(places.ctypes.data),
        ctypes.c_void_p(differences.ctypes.data),
    )
    return None if count < 0 else (places[:count], differences[:count])
