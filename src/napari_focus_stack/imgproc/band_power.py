"""Mean squares of the finest band of a plane, every few pixels, and the next coarser level.

Planes are too large for the caches of a core, and OpenCV passes over them six times. The compiled
kernel (`detail.c`) reads each row once.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._compiled.library import Recorded, kernels, readable
from napari_focus_stack.imgproc.pyramids import expand, reduced_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane


@dataclass(frozen=True)
class Sampling:
    """Symmetric window of five by five pixels, and where it is applied.

    Attributes
    ----------
    weights : tuple of float
        Weights, along rows and columns alike, of the middle pixel, of its neighbours and of
        theirs.
    step : int
        Rows and columns between two places at which the window is applied.
    """

    weights: tuple[float, float, float]
    step: int


BINOMIAL = Sampling((0.375, 0.25, 0.0625), 2)
"""Window and step of `cv2.pyrDown`."""


class _Window(ctypes.Structure):
    _fields_ = (("weights", ctypes.c_float * 3), ("step", ctypes.c_int32))


def band_power(
    plane: NDArray[Any], weights: Sequence[float], sampling: Sampling = BINOMIAL
) -> tuple[Plane, Plane]:
    """Average the squares of the finest band of a plane; beyond its edges, pixels are mirrored.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) uint8, uint16 or float32, all of it finite.
    weights : sequence of float
        Weights of the channels, whose sum is measured.
    sampling : Sampling
        Window over which squares are averaged, and its places.

    Returns
    -------
    power : numpy.ndarray
        (Y / step, X / step) float32, rounded up, in squared pixel values.
    coarser : numpy.ndarray
        (Y / 2, X / 2) float32, rounded up: the next level of the Gaussian pyramid.
    """
    if readable(plane):
        return _compiled(plane, weights, sampling)
    mixed = cv2.transform(plane.astype(np.float32, copy=False), np.array([weights], np.float32))
    coarser = cv2.pyrDown(mixed)
    band = np.subtract(mixed, expand(coarser, mixed.shape), out=mixed)
    middle, beside, beyond = sampling.weights
    window = np.array([beyond, beside, middle, beside, beyond], np.float32)
    squares = np.square(band, out=band)
    averaged = cv2.sepFilter2D(
        squares, cv2.CV_32F, window, window, borderType=cv2.BORDER_REFLECT_101
    )
    return np.ascontiguousarray(averaged[:: sampling.step, :: sampling.step]), coarser


def _compiled(
    plane: NDArray[Any], weights: Sequence[float], sampling: Sampling
) -> tuple[Plane, Plane]:
    height, width = plane.shape[:2]
    power = np.empty((-(-height // sampling.step), -(-width // sampling.step)), np.float32)
    coarser = np.empty(reduced_shape(plane.shape), np.float32)
    measure = kernels().detail_space
    measure.restype = ctypes.c_int64
    space = np.empty(measure(ctypes.c_int64(width)), np.float32)
    kernels().measure_detail(
        ctypes.byref(Recorded.of(plane, weights)),
        ctypes.byref(_Window((ctypes.c_float * 3)(*sampling.weights), sampling.step)),
        *(ctypes.c_void_p(array.ctypes.data) for array in (coarser, power, space)),
    )
    return power, coarser
