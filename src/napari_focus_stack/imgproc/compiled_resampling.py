"""Resampling by compiled kernels (`resampling.c`): the interpolation of `imgproc.resampling`."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._compiled.library import Recorded, kernels, readable
from napari_focus_stack.imgproc.resampling import EVENING, scratch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix

MOST_TURN = 0.004
"""Largest rotation or shear, as a part of a distance, that is resampled along rows and columns one
after the other: a pixel that contributes lies up to four pixels away, and is taken from up to 0.016
pixels beside its place."""
MOST_GROWTH = 0.1
"""Largest change of scale over the field, for the same reason."""
MOST_TILT = 1e-5
"""Largest change of scale from pixel to pixel: places along 64 pixels, which are taken to be evenly
apart, then err by up to 0.01 pixels."""
QUARTER = (-0.03515625, 0.26171875, 0.87890625, -0.10546875)
"""Cubic of Keys (a = -0.75, as in OpenCV) a quarter of a pixel before the third of four pixels."""
BEFORE = np.convolve(QUARTER, EVENING).astype(np.float32)
"""The same of the planes, with the prefilter."""


class _Wanted(ctypes.Structure):
    _fields_ = (
        ("matrix", ctypes.c_double * 9),
        *((name, ctypes.c_int64) for name in ("top", "left", "height", "width")),
        ("before", ctypes.c_float * len(BEFORE)),
        ("linear", ctypes.c_int32),
        ("out", ctypes.c_void_p),
        ("stride", ctypes.c_int64),
    )


def fits(plane: NDArray[Any], matrix: Matrix) -> bool:
    """Check whether the kernels are there and resample a plane by a transform.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]).
    matrix : numpy.ndarray
        (3, 3), reference pixel (x, y, 1) to pixel of the plane.

    Returns
    -------
    bool
        False also for large rotations and perspectives, and for planes in unusual memory.
    """
    # in a part of the field, a perspective has another last element
    (a, b, _), (d, e, _), (g, h, _) = (matrix / matrix[2, 2]).tolist()
    turned = max(abs(b), abs(d)) > MOST_TURN
    scaled = max(abs(a - 1), abs(e - 1)) > MOST_GROWTH
    tilted = max(abs(g), abs(h)) > MOST_TILT
    return not (turned or scaled or tilted) and readable(plane)


def resample_window(
    plane: NDArray[Any],
    weights: Sequence[float],
    matrix: Matrix,
    window: Window,
    out: Plane,
    *,
    linear: bool = False,
) -> None:
    """Resample one channel of a plane in a window; beyond its edges, pixels are repeated.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) uint8, uint16 or float32; see `fits`.
    weights : sequence of float
        Weights of the plane's channels, whose sum is resampled.
    matrix : numpy.ndarray
        (3, 3), reference pixel (x, y, 1) to pixel of the plane.
    window : tuple of slice
        Rows and columns of the reference plane.
    out : numpy.ndarray
        (y, x) float32 for the result; overwritten.
    linear : bool
        Whether to interpolate linearly, which does not sharpen.
    """
    height, width = out.shape
    recorded = Recorded.of(plane, weights)
    wanted = _Wanted(
        (ctypes.c_double * 9)(*matrix.ravel().tolist()),
        *(window[0].start, window[1].start, height, width),
        (ctypes.c_float * len(BEFORE))(*BEFORE),
        linear,
        out.ctypes.data,
        out.strides[0] // out.itemsize,
    )
    space = scratch("space", (_space(wanted),))
    kernels().resample(
        ctypes.byref(recorded), ctypes.byref(wanted), ctypes.c_void_p(space.ctypes.data)
    )


def _space(wanted: _Wanted) -> int:
    measure = kernels().resampling_space
    measure.restype = ctypes.c_int64
    return int(measure(ctypes.byref(wanted)))
