"""Laplacian pyramids: a plane as bands of detail, each half the size of the one before.

Burt and Adelson, "The Laplacian pyramid as a compact image code", IEEE Trans. Commun. 1983.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Plane = NDArray[np.float32]

SMALLEST_LEVEL = 8
"""The pyramid ends where a side would get shorter than this many pixels."""
BAND_NOISE = (0.943, 0.2302, 0.1006, 0.0490)
"""Noise of each band for white noise of 1; each level further up has half the one below."""


def level_count(shape: tuple[int, ...]) -> int:
    """Count the bands that a plane of this shape has."""
    return max(1, int(np.log2(min(shape[:2]) / SMALLEST_LEVEL)))


def band_noise(level: int) -> float:
    """Give the standard deviation that white noise of 1 has in a band."""
    known = len(BAND_NOISE) - 1
    return BAND_NOISE[min(level, known)] * float(0.5 ** max(0, level - known))


def laplacian_pyramid(plane: Plane, levels: int) -> tuple[list[Plane], list[Plane]]:
    """Split a plane into bands, finest first.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) float32.
    levels : int
        How many bands.

    Returns
    -------
    bands : list of numpy.ndarray
        `levels` bands and, last, the residual.
    gaussian : list of numpy.ndarray
        The smoothed planes they came from, the plane itself first.
    """
    gaussian = [plane]
    for _ in range(levels):
        gaussian.append(cv2.pyrDown(gaussian[-1]))
    bands = [fine - expand(coarse, fine.shape) for fine, coarse in pairwise(gaussian)]
    return [*bands, gaussian[-1]], gaussian


def luminance(plane: NDArray[Any]) -> Plane:
    """(Y, X) float32 of a grey, RGB or RGBA plane: (R + 2 G + B) / 4, exact for equal channels."""
    if plane.ndim == 2:
        return plane.astype(np.float32)
    weights = np.array([[0.25, 0.5, 0.25, 0][: plane.shape[2]]], np.float32)
    mixed: Plane = cv2.transform(plane.astype(np.float32), weights)
    return mixed


def grey(plane: NDArray[Any]) -> NDArray[Any]:
    """Luminance in the plane's own type: a sixth of the time that `luminance` takes."""
    if plane.ndim == 2:
        return plane
    code = cv2.COLOR_RGB2GRAY if plane.shape[2] == 3 else cv2.COLOR_RGBA2GRAY
    mixed: NDArray[Any] = cv2.cvtColor(plane, code)
    return mixed


def reduced_to(plane: Plane, side: int) -> Plane:
    """A plane, (y, x) float32, whose longer side has at most so many pixels: means over areas."""
    factor = min(1.0, side / max(plane.shape))
    size = [max(1, round(length * factor)) for length in plane.shape[::-1]]
    small: Plane = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return small


def spread_over(share: Plane, plane: Plane) -> Plane:
    """A share, the same for every channel of a plane."""
    return share if plane.ndim == 2 else share[..., None]


def expand(coarse: Plane, shape: tuple[int, ...]) -> Plane:
    """Bring a level to the size of the one below."""
    larger: Plane = cv2.pyrUp(coarse, dstsize=shape[1::-1])
    return larger


def reduced_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Size of the level above one of this size."""
    return (shape[0] + 1) // 2, (shape[1] + 1) // 2


def shapes_of(shape: tuple[int, ...], levels: int) -> list[tuple[int, int]]:
    """Sizes of a plane's levels, its own first."""
    shapes = [(shape[0], shape[1])]
    for _ in range(levels):
        shapes.append(reduced_shape(shapes[-1]))
    return shapes


def reduce(plane: NDArray[Any]) -> NDArray[Any]:
    """Means of two by two pixels, of the size of the level above."""
    height, width = plane.shape[:2]
    y, x = reduced_shape(plane.shape)
    if (height, width) != (2 * y, 2 * x):
        down, right = 2 * y - height, 2 * x - width
        plane = cv2.copyMakeBorder(plane, 0, down, 0, right, cv2.BORDER_REPLICATE)
    half: NDArray[Any] = cv2.resize(plane, (x, y), interpolation=cv2.INTER_AREA)
    return half


def reduced_window(fine: NDArray[Any], rows: slice) -> NDArray[Any]:
    """Rows of the level above, as if the whole had been reduced."""
    top, end = max(0, 2 * rows.start - 4), min(len(fine), 2 * rows.stop + 4)
    small: NDArray[Any] = cv2.pyrDown(fine[top:end])
    return small[rows.start - top // 2 : rows.stop - top // 2]


def expanded_window(coarse: Plane, shape: tuple[int, ...], rows: slice) -> Plane:
    """Rows of the level below, which has this shape, as if the whole had been expanded."""
    return grown_window(coarse, [(shape[0], shape[1]), (coarse.shape[0], coarse.shape[1])], rows)


def grown_window(coarse: Plane, shapes: Sequence[tuple[int, int]], rows: slice) -> Plane:
    """Rows of a finer level, as if the whole had been expanded level by level.

    Parameters
    ----------
    coarse : numpy.ndarray
        (y, x) float32.
    shapes : sequence of tuple of int
        Of all levels from the finer one up to that of `coarse`.
    rows : slice
        Of the finer level.
    """
    if len(shapes) == 1:
        return coarse[rows]
    (height, width), (most, _) = shapes[:2]
    top, end = max(0, rows.start // 2 - 2), min(most, rows.stop // 2 + 3)
    part = grown_window(coarse, shapes[1:], slice(top, end))
    large: Plane = cv2.pyrUp(part, dstsize=(width, (height if end == most else 2 * end) - 2 * top))
    return large[rows.start - 2 * top : rows.stop - 2 * top]
