"""Blurred layers of the foreground, added up and removed by compiled kernels (`layers.c`)."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._compiled.library import address, kernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane


class Limits(ctypes.Structure):
    """Limits of the removal of foreground blur, float32 each.

    Least and greatest light of all planes, and by how much a background may exceed it; alpha that
    is not worth removing; largest transmitted share that is not divided by; least divisor.
    """

    _fields_ = (
        ("low", ctypes.c_float),
        ("high", ctypes.c_float),
        ("beyond", ctypes.c_float),
        ("least_cover", ctypes.c_float),
        ("least_left", ctypes.c_float),
        ("least_weight", ctypes.c_float),
    )


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
    layer, covered = np.ascontiguousarray(layer), np.ascontiguousarray(covered)
    height, width, values = layer.shape
    sizes = height, width, values - 1, cover.strides[0] // cover.itemsize
    kernels().add_layer(
        *(ctypes.c_void_p(address(array)) for array in (layer, covered)),
        *(ctypes.c_int64(size) for size in sizes),
        ctypes.c_float(least_weight),
        *(ctypes.c_void_p(address(array)) for array in (light, cover)),
    )


def remove_blur(
    plane: Plane, light: Plane, cover: Plane, where: NDArray[np.bool_], limits: Limits
) -> tuple[Plane, NDArray[np.bool_]]:
    """Divide a plane without the foreground's light by the transmitted share.

    Parameters
    ----------
    plane, light : numpy.ndarray
        (Y, X[, C]) float32: the plane as light, and the light of the foreground in it.
    cover : numpy.ndarray
        (Y, X) float32: alpha of the foreground.
    where : numpy.ndarray
        (Y, X) bool: pixels to restore.
    limits : Limits
        Limits of the result.

    Returns
    -------
    background : numpy.ndarray
        (Y, X[, C]) float32; elsewhere `plane`.
    lost : numpy.ndarray
        (Y, X) bool: pixels to restore that show no background.
    """
    given = [np.ascontiguousarray(array) for array in (plane, light, cover, where)]
    background, lost = np.empty(plane.shape, np.float32), np.empty(cover.shape, np.bool_)
    kernels().remove_blur(
        *(ctypes.c_void_p(address(array)) for array in given),
        *(ctypes.c_int64(size) for size in (cover.size, plane.size // cover.size)),
        ctypes.byref(limits),
        *(ctypes.c_void_p(address(array)) for array in (background, lost)),
    )
    return background, lost
