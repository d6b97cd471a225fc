"""Resampling of planes in the reference frame.

A plane is filtered by a small symmetric kernel, enlarged twice by the cubic of Keys ("Cubic
convolution interpolation for digital image processing", IEEE TASSP 29, 1981,
https://doi.org/10.1109/TASSP.1981.1163711) and interpolated linearly. The kernel is the one for
which the three steps together come nearest to ideal interpolation, on average over all positions
between pixels: generalised interpolation (Blu, Thevenaz and Unser, "MOMS: maximal-order
interpolation of minimal support", IEEE TIP 10, 2001, https://doi.org/10.1109/83.931101).

On band-limited waves this is 0.3 to 10 dB nearer to the truth than the cubic alone, and 1.4 to 8 dB
farther than Lanczos over 8 x 8 pixels. Images formed by lenses show nothing of the latter: the
moving truth scenes fuse up to 0.4 dB better than by Lanczos. It takes a tenth of the time, because
OpenCV has fast code for each of the three steps and none for Lanczos.
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
"""Prefilter: least squares over frequencies up to 0.46 cycles a pixel, weighted by the power of
images, 1 / f^2."""
KERNEL_REACH = 5
"""Distance in pixels up to which pixels contribute to a value."""
_TWICE = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]], np.float64)
"""Pixel of a plane to pixel of the plane of twice its size, by the pixel centres of cv2.resize."""
_PADDED = np.array([[1, 0, KERNEL_REACH], [0, 1, KERNEL_REACH], [0, 0, 1]], np.float64)
"""Pixel of a plane to that of the plane with a margin."""
MOST_SCRATCH = 2**21
"""Largest buffer that a thread keeps, in values: enough for the blocks of a thread team."""


@dataclass(frozen=True)
class SourceWindow:
    """The part of a plane that is needed to resample a window of the reference plane.

    Attributes
    ----------
    crop : tuple of slice
        Rows and columns of the plane.
    matrix : numpy.ndarray
        (3, 3), pixel (x, y, 1) of the window to pixel of the crop.
    size : tuple of int
        Width and height of the window.
    inside : bool
        Whether the whole window lies within the plane.
    """

    crop: Window
    matrix: Matrix
    size: tuple[int, int]
    inside: bool

    @classmethod
    def of(
        cls, matrix: Matrix, window: Window, shape: tuple[int, ...], even: bool = False
    ) -> SourceWindow:
        """Find the part of a plane that a window needs.

        Parameters
        ----------
        matrix : numpy.ndarray
            (3, 3), reference pixel (x, y, 1) to pixel of the plane.
        window : tuple of slice
            Rows and columns of the reference plane.
        shape : tuple of int
            Shape of the plane, rows first.
        even : bool
            Whether the crop is resampled at half its size: its rows and columns then begin at even
            numbers, and reach twice as far.

        Returns
        -------
        SourceWindow
            Never empty, even where the window lies outside the plane.
        """
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
    """Return the pixels along one axis that places need, at least one."""
    reach = 2 * KERNEL_REACH if even else KERNEL_REACH
    start = min(max(math.floor(min(places)) - reach, 0), side - 1)
    end = min(max(math.ceil(max(places)) + reach + 1, start + 1), side)
    return slice(start // 2 * 2, min(end + end % 2, side)) if even else slice(start, end)


class _Memory(threading.local):
    """Buffers that a thread allocates once and reuses, which saves a quarter of the time."""

    def __init__(self) -> None:
        self._kept: dict[str, Plane] = {}

    def __call__(self, name: str, shape: tuple[int, ...]) -> Plane:
        """Return a (y, x) float32 buffer of this name, with arbitrary values."""
        size = math.prod(shape)
        kept = self._kept.get(name)
        if kept is None or not size <= kept.size <= MOST_SCRATCH:
            kept = np.empty(size, np.float32)
            if size <= MOST_SCRATCH:
                self._kept[name] = kept
        return kept[:size].reshape(shape)


scratch = _Memory()


def resample(
    crop: NDArray[Any], matrix: Matrix, size: tuple[int, int], dst: Plane | None = None
) -> Plane:
    """Resample a plane by a transform; beyond its border, its edge pixels are repeated.

    Parameters
    ----------
    crop : numpy.ndarray
        (y, x) float32.
    matrix : numpy.ndarray
        (3, 3), pixel (x, y, 1) of the result to pixel of the crop.
    size : tuple of int
        Width and height of the result.
    dst : numpy.ndarray, optional
        Array for the result.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32; values may overshoot those of the crop.

    Notes
    -----
    Generalised interpolation [2]_ by a prefilter, the cubic of Keys [1]_ and linear interpolation;
    see the module.

    References
    ----------
    .. [1] R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP
       29, 1981, https://doi.org/10.1109/TASSP.1981.1163711.
    .. [2] T. Blu, P. Thevenaz and M. Unser, "MOMS: maximal-order interpolation of minimal support",
       IEEE TIP 10, 2001, https://doi.org/10.1109/83.931101.
    """
    around = KERNEL_REACH
    crop = cv2.copyMakeBorder(crop, around, around, around, around, cv2.BORDER_REPLICATE)
    matrix = _PADDED @ matrix
    y, x = crop.shape
    prefiltered = scratch("prefiltered", (y, x))
    twice = scratch("twice", (2 * y, 2 * x))
    cv2.sepFilter2D(
        crop, cv2.CV_32F, EVENING, EVENING, dst=prefiltered, borderType=cv2.BORDER_REPLICATE
    )
    cv2.resize(prefiltered, (2 * x, 2 * y), dst=twice, interpolation=cv2.INTER_CUBIC)
    return resample_linearly(twice, _TWICE @ matrix, size, dst)


def resample_linearly(
    crop: NDArray[Any], matrix: Matrix, size: tuple[int, int], dst: Plane | None = None
) -> Plane:
    """Resample a plane by linear interpolation alone.

    Parameters
    ----------
    crop : numpy.ndarray
        (y, x[, C]) uint8, uint16 or float32.
    matrix : numpy.ndarray
        (3, 3), pixel (x, y, 1) of the result to pixel of the crop.
    size : tuple of int
        Width and height of the result.
    dst : numpy.ndarray, optional
        Array for the result.

    Returns
    -------
    numpy.ndarray
        (Y, X[, C]) of the type of `crop`; beyond the border, edge pixels are repeated.
    """
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REPLICATE
    resampled: Plane
    if matrix[2].tolist() == [0, 0, 1]:  # warpAffine is a fifth faster
        resampled = cv2.warpAffine(crop, matrix[:2], size, dst, flags=flags, borderMode=border)
    else:
        resampled = cv2.warpPerspective(crop, matrix, size, dst, flags=flags, borderMode=border)
    return resampled


def expanded_rows(channel: Plane, rows: slice, shape: tuple[int, int]) -> Plane:
    """Resample some rows of a channel at half the size to the level below.

    Parameters
    ----------
    channel : numpy.ndarray
        (y, x) float32 of half the size, rounded up.
    rows : slice
        Rows of the level below.
    shape : tuple of int
        (Y, X) of the level below.

    Returns
    -------
    numpy.ndarray
        (rows, X) float32.
    """
    cut = SourceWindow.of(np.diag([0.5, 0.5, 1.0]), (rows, slice(0, shape[1])), channel.shape)
    return resample(channel[cut.crop], cut.matrix, cut.size)


def block_means(plane: Plane, side: int) -> Plane:
    """Average a plane over square blocks; incomplete blocks at the ends are left out.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) float32.
    side : int
        Side of a block, in pixels.

    Returns
    -------
    numpy.ndarray
        (y, x[, C]) float32 means; a single mean of all pixels where no block is complete.
    """
    rows, cols = (length // side for length in plane.shape[:2])
    blocks = plane[: rows * side, : cols * side]
    if not blocks.size:
        blocks, rows, cols = plane, 1, 1
    means: Plane = cv2.resize(blocks, (cols, rows), interpolation=cv2.INTER_AREA)
    return means
