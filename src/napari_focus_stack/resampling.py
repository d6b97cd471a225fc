"""Planes seen in the reference frame: what lies between their pixels.

A plane is evened out by a small symmetric filter, enlarged twice by the cubic of Keys ("Cubic
convolution interpolation for digital image processing", IEEE TASSP 1981), and read off linearly.
The filter is the one for which the three together come nearest to ideal interpolation, in the mean
over all positions between pixels: generalised interpolation (Blu, Thevenaz and Unser, "MOMS:
maximal-order interpolation of minimal support", IEEE TIP 2001).

On planes of the moving truth scenes, laid back by their true transforms, this is 0.5 to 2.4 dB
nearer to the original than Lanczos over 8 x 8 pixels and takes a tenth of its time, for each of the
three steps has fast code in OpenCV and Lanczos has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.transforms import Matrix, apply, corners

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.bands import Plane
    from napari_focus_stack.transforms import Window

EVENING = np.array([0.03883, -0.11958, 1.1615, -0.11958, 0.03883], np.float32)
"""Least squares over frequencies up to 0.46 a pixel, weighted as the power of pictures (1 / f^2)."""
REACH = 6
"""Pixels around a place that its value depends on."""
_TWICE = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]], np.float64)
"""Pixel of a plane to that of the one twice as large, as cv2.resize counts them."""


def crop_for(matrix: Matrix, window: Window, shape: tuple[int, ...]) -> Window:
    """Rows and columns of a plane that its resampling within a window of the reference needs."""
    rows, cols = window
    offset = np.array([[cols.start], [rows.start], [0]])
    x, y = apply(matrix, corners((rows.stop - rows.start, cols.stop - cols.start)) + offset)
    return _span(y, shape[0]), _span(x, shape[1])


def _span(places: NDArray[np.float64], side: int) -> slice:
    start = int(np.clip(np.floor(places.min()) - REACH, 0, side - 1))
    end = int(np.clip(np.ceil(places.max()) + REACH + 1, start + 1, side))
    return slice(start, end)


def resample(crop: Plane, matrix: Matrix, size: tuple[int, int], dst: Plane | None = None) -> Plane:
    """A plane read off between its pixels; beyond its border it repeats.

    Parameters
    ----------
    crop : numpy.ndarray
        (y, x) float32.
    matrix : numpy.ndarray
        (3, 3), pixel of the result to pixel of the crop.
    size : tuple of int
        Width and height of the result.
    dst : numpy.ndarray, optional
        Where the result goes.

    Returns
    -------
    numpy.ndarray
        Float32; it may overshoot what the crop holds.
    """
    evened = cv2.sepFilter2D(crop, cv2.CV_32F, EVENING, EVENING, borderType=cv2.BORDER_REPLICATE)
    twice = cv2.resize(evened, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    return resample_linearly(twice, _TWICE @ matrix, size, dst)


def resample_linearly(
    crop: NDArray[Any], matrix: Matrix, size: tuple[int, int], dst: Plane | None = None
) -> Plane:
    """A plane read off linearly, as `resample` does."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REPLICATE
    if np.array_equal(matrix[2], (0, 0, 1)):  # a fifth faster
        read = cv2.warpAffine(crop, matrix[:2], size, dst, flags=flags, borderMode=border)
    else:
        read = cv2.warpPerspective(crop, matrix, size, dst, flags=flags, borderMode=border)
    return read
