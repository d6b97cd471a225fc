"""Blurred layers of the foreground, added up by a compiled kernel (`layers.c`)."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._compiled.library import address, library

if TYPE_CHECKING:
    from napari_focus_stack.imgproc.pyramids import Plane


def add_layer(
    layer: Plane, covered: Plane, least_weight: float, light: Plane, cover: Plane
) -> None:
    """Add a blurred layer behind those before it to light and cover, in place.

    Parameters
    ----------
    layer : numpy.ndarray
        (y, x, 1 + C) float32: share of each pixel that the layer covers, and its light there.
    covered : numpy.ndarray
        (y, x) float32: share that the layers up to this one cover.
    least_weight : float
        Share up to which the layer does not count.
    light, cover : numpy.ndarray
        (y, x[, C]) and (y, x) float32, windows of arrays of the same rows and columns; changed.
    """
    kernels = library()
    assert kernels is not None
    layer, covered = np.ascontiguousarray(layer), np.ascontiguousarray(covered)
    height, width, values = layer.shape
    sizes = height, width, values - 1, cover.strides[0] // cover.itemsize
    kernels.add_layer(
        *(ctypes.c_void_p(address(array)) for array in (layer, covered)),
        *(ctypes.c_int64(size) for size in sizes),
        ctypes.c_float(least_weight),
        *(ctypes.c_void_p(address(array)) for array in (light, cover)),
    )
