"""Planes seen in the reference frame: what lies between their pixels.

A plane is evened out by a small symmetric filter, enlarged twice by the cubic of Keys ("Cubic
convolution interpolation for digital image processing", IEEE TASSP 1981), and read off linearly.
The filter is the one for which the three together come nearest to ideal interpolation, in the mean
over all positions between pixels: generalised interpolation (Blu, Thevenaz and Unser, "MOMS:
maximal-order interpolation of minimal support", IEEE TIP 2001).

On band-limited waves it lies 0.3 to 10 dB nearer to the truth than the cubic alone, and 1.4 to 8 dB
farther than Lanczos over 8 x 8 pixels, of which pictures as lenses draw them show nothing: the
moving truth scenes fuse up to 0.4 dB better with it. It takes a tenth of the time of Lanczos, for
each of the three steps has fast code in OpenCV and Lanczos has none.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix

EVENING = np.array([0.03883, -0.11958, 1.1615, -0.11958, 0.03883], np.float32)
"""Least squares over frequencies up to 0.46 a pixel, weighted as the power of pictures: 1 / f^2."""
KERNEL_REACH = 5
"""Pixels around a place that its value depends on."""
_TWICE = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]], np.float64)
"""Pixel of a plane to that of the one twice as large, as cv2.resize counts them."""


MOST_SCRATCH = 2**21
"""Values that a thread keeps memory for: enough for the tiles of a crew."""


@dataclass(frozen=True)
class SourceWindow:
    """The part of a plane that is needed to see a window of the reference plane.

    Attributes
    ----------
    crop : tuple of slice
        Rows and columns of the plane.
    matrix : numpy.ndarray
        (3, 3), pixel of the window to pixel of the crop.
    size : tuple of int
        Width and height of the window.
    inside : bool
        Whether all of the window lies within the plane.
    """

    crop: Window
    matrix: Matrix
    size: tuple[int, int]
    inside: bool

    @classmethod
    def of(
        cls, matrix: Matrix, window: Window, shape: tuple[int, ...], even: bool = False
    ) -> SourceWindow:
        """Cut a plane of `shape` that `matrix` leads to; `even` lets rows and columns start so."""
        (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
        top, left = window[0].start, window[1].start
        bottom, right = window[0].stop - 1, window[1].stop - 1
        places = []
        for x, y in ((left, top), (right, top), (left, bottom), (right, bottom)):
            w = g * x + h * y + i
            places.append(((a * x + b * y + c) / w, (d * x + e * y + f) / w))
        xs, ys = zip(*places, strict=True)
        inside = min(xs) >= 0 and min(ys) >= 0 and max(xs) <= shape[1] - 1
        crop = _span(ys, shape[0], even), _span(xs, shape[1], even)
        back = np.array([[1, 0, -crop[1].start], [0, 1, -crop[0].start], [0, 0, 1]], np.float64)
        forth = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]], np.float64)
        return cls(
            crop,
            back @ matrix @ forth,
            (right + 1 - left, bottom + 1 - top),
            inside and max(ys) <= shape[0] - 1,
        )


def _span(places: tuple[float, ...], side: int, even: bool) -> slice:
    start = min(max(math.floor(min(places)) - KERNEL_REACH, 0), side - 1)
    end = min(max(math.ceil(max(places)) + KERNEL_REACH + 1, start + 1), side)
    return slice(start // 2 * 2, min(end + end % 2, side)) if even else slice(start, end)


class _Memory(threading.local):
    """Memory that a thread takes once and uses for every part: a quarter less time."""

    def __init__(self) -> None:
        self._kept: dict[str, Plane] = {}

    def __call__(self, name: str, shape: tuple[int, ...]) -> Plane:
        size = math.prod(shape)
        kept = self._kept.get(name)
        if kept is None or not size <= kept.size <= MOST_SCRATCH:
            kept = np.empty(size, np.float32)
            if size <= MOST_SCRATCH:
                self._kept[name] = kept
        return kept[:size].reshape(shape)


_memory = _Memory()


def resample(
    crop: NDArray[Any], matrix: Matrix, size: tuple[int, int], dst: Plane | None = None
) -> Plane:
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
    y, x = crop.shape
    evened = _memory("evened", (y, x))
    twice = _memory("twice", (2 * y, 2 * x))
    cv2.sepFilter2D(crop, cv2.CV_32F, EVENING, EVENING, dst=evened, borderType=cv2.BORDER_REPLICATE)
    cv2.resize(evened, (2 * x, 2 * y), dst=twice, interpolation=cv2.INTER_CUBIC)
    return resample_linearly(twice, _TWICE @ matrix, size, dst)


def resample_linearly(
    crop: NDArray[Any], matrix: Matrix, size: tuple[int, int], dst: Plane | None = None
) -> Plane:
    """A plane read off linearly, as `resample` does."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REPLICATE
    read: Plane
    if matrix[2].tolist() == [0, 0, 1]:  # a fifth faster
        read = cv2.warpAffine(crop, matrix[:2], size, dst, flags=flags, borderMode=border)
    else:
        read = cv2.warpPerspective(crop, matrix, size, dst, flags=flags, borderMode=border)
    return read
