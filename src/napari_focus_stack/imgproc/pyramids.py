"""Laplacian pyramids: a plane as bands of detail, each half the size of the one before.

P. J. Burt and E. H. Adelson, "The Laplacian pyramid as a compact image code", IEEE Trans. Commun.
31, 1983, https://doi.org/10.1109/TCOM.1983.1095851.
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
"""Shortest side, in pixels, that a level may have."""
BAND_NOISE = (0.943, 0.2302, 0.1006, 0.0490)
"""Standard deviation of each band of white noise of deviation 1; each coarser band has half the
deviation of the one before."""


def level_count(shape: tuple[int, ...]) -> int:
    """Count the bands of a plane.

    Parameters
    ----------
    shape : tuple of int
        Shape of the plane, rows first.

    Returns
    -------
    int
        Number of levels, 1 at least.
    """
    return max(1, int(np.log2(min(shape[:2]) / SMALLEST_LEVEL)))


def band_noise(level: int) -> float:
    """Return the standard deviation of white noise of deviation 1 in a band.

    Parameters
    ----------
    level : int
        Level of the band, 0 for the finest.

    Returns
    -------
    float
        Standard deviation.
    """
    known = len(BAND_NOISE) - 1
    return BAND_NOISE[min(level, known)] * float(0.5 ** max(0, level - known))


def laplacian_pyramid(plane: Plane, levels: int) -> tuple[list[Plane], list[Plane]]:
    """Split a plane into bands, the finest first.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) float32.
    levels : int
        Number of bands.

    Returns
    -------
    bands : list of numpy.ndarray
        `levels` bands, then the residual.
    gaussian : list of numpy.ndarray
        The smoothed planes from which they come, the plane itself first.

    References
    ----------
    .. [1] P. J. Burt and E. H. Adelson, "The Laplacian pyramid as a compact image code", IEEE
       Trans. Commun. 31, 1983, https://doi.org/10.1109/TCOM.1983.1095851.
    """
    gaussian = [plane]
    for _ in range(levels):
        gaussian.append(cv2.pyrDown(gaussian[-1]))
    bands = [fine - expand(coarse, fine.shape) for fine, coarse in pairwise(gaussian)]
    return [*bands, gaussian[-1]], gaussian


def luminance(plane: NDArray[Any]) -> Plane:
    """Return the luminance of a plane, (R + 2 G + B) / 4, which is exact for equal channels.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) grey, RGB or RGBA of any type.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32.
    """
    if plane.ndim == 2:
        return plane.astype(np.float32)
    weights = np.array([[0.25, 0.5, 0.25, 0][: plane.shape[2]]], np.float32)
    mixed: Plane = cv2.transform(plane.astype(np.float32), weights)
    return mixed


def grey(plane: NDArray[Any]) -> NDArray[Any]:
    """Return the luminance in the type of the plane, in a sixth of the time of `luminance`.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) grey, RGB or RGBA, uint8, uint16 or float32.

    Returns
    -------
    numpy.ndarray
        (Y, X) of the same type; `plane` itself if it is grey.
    """
    if plane.ndim == 2:
        return plane
    code = cv2.COLOR_RGB2GRAY if plane.shape[2] == 3 else cv2.COLOR_RGBA2GRAY
    mixed: NDArray[Any] = cv2.cvtColor(plane, code)
    return mixed


def spread_over(share: Plane, plane: Plane) -> Plane:
    """Shape a map so that it broadcasts over the channels of a plane.

    Parameters
    ----------
    share : numpy.ndarray
        (Y, X) float32.
    plane : numpy.ndarray
        (Y, X[, C]).

    Returns
    -------
    numpy.ndarray
        (Y, X) or (Y, X, 1) float32, a view of `share`.
    """
    return share if plane.ndim == 2 else share[..., None]


def expand(coarse: Plane, shape: tuple[int, ...]) -> Plane:
    """Expand a level to the size of the next finer one.

    Parameters
    ----------
    coarse : numpy.ndarray
        (y, x[, C]) float32.
    shape : tuple of int
        Shape of the finer level, rows first.

    Returns
    -------
    numpy.ndarray
        (Y, X[, C]) float32.
    """
    larger: Plane = cv2.pyrUp(coarse, dstsize=shape[1::-1])
    return larger


def reduced_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the shape of the next coarser level.

    Parameters
    ----------
    shape : tuple of int
        Shape of a level, rows first.

    Returns
    -------
    tuple of int
        Rows and columns.
    """
    return (shape[0] + 1) // 2, (shape[1] + 1) // 2


def shapes_of(shape: tuple[int, ...], levels: int) -> list[tuple[int, int]]:
    """List the shapes of the levels of a plane.

    Parameters
    ----------
    shape : tuple of int
        Shape of the plane, rows first.
    levels : int
        Number of coarser levels.

    Returns
    -------
    list of tuple of int
        Rows and columns of `levels` + 1 levels, those of the plane first.
    """
    shapes = [(shape[0], shape[1])]
    for _ in range(levels):
        shapes.append(reduced_shape(shapes[-1]))
    return shapes


def reduce(plane: NDArray[Any]) -> NDArray[Any]:
    """Reduce a plane to the size of the next coarser level by means of two by two pixels.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) uint8, uint16 or float32; an odd last row or column is repeated.

    Returns
    -------
    numpy.ndarray
        (y, x[, C]) of the same type.
    """
    height, width = plane.shape[:2]
    y, x = reduced_shape(plane.shape)
    if (height, width) != (2 * y, 2 * x):
        down, right = 2 * y - height, 2 * x - width
        plane = cv2.copyMakeBorder(plane, 0, down, 0, right, cv2.BORDER_REPLICATE)
    half: NDArray[Any] = cv2.resize(plane, (x, y), interpolation=cv2.INTER_AREA)
    return half


def doubled(small: Plane, shape: tuple[int, ...]) -> Plane:
    """Enlarge the next coarser level linearly to the size of a level.

    Parameters
    ----------
    small : numpy.ndarray
        (y, x[, C]) float32.
    shape : tuple of int
        Shape of the level, rows first.

    Returns
    -------
    numpy.ndarray
        (Y, X[, C]) float32.
    """
    size = 2 * small.shape[1], 2 * small.shape[0]
    large = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(large[: shape[0], : shape[1]])


def rows_above(rows: slice) -> slice:
    """Return the rows, or columns, of the level above that correspond to those of a level.

    Parameters
    ----------
    rows : slice
        Rows or columns of the level, starting at an even one.

    Returns
    -------
    slice
        Rows or columns of the level above.
    """
    return slice(rows.start // 2, (rows.stop + 1) // 2)


def reduced_window(fine: NDArray[Any], rows: slice) -> NDArray[Any]:
    """Return rows of the next coarser level, equal to those of the whole level.

    Parameters
    ----------
    fine : numpy.ndarray
        (Y, X[, C]) of any type.
    rows : slice
        Rows of the coarser level.

    Returns
    -------
    numpy.ndarray
        (rows, x[, C]) float32.
    """
    top, end = max(0, 2 * rows.start - 4), min(len(fine), 2 * rows.stop + 4)
    small: NDArray[Any] = cv2.pyrDown(fine[top:end].astype(np.float32, copy=False))
    return small[rows.start - top // 2 : rows.stop - top // 2]


def expanded_window(coarse: Plane, shape: tuple[int, ...], rows: slice) -> Plane:
    """Return rows of the next finer level, equal to those of the whole level.

    Parameters
    ----------
    coarse : numpy.ndarray
        (y, x[, C]) float32.
    shape : tuple of int
        Shape of the finer level, rows first.
    rows : slice
        Rows of the finer level.

    Returns
    -------
    numpy.ndarray
        (rows, X[, C]) float32.
    """
    return grown_window(coarse, [(shape[0], shape[1]), (coarse.shape[0], coarse.shape[1])], rows)


def grown_window(coarse: Plane, shapes: Sequence[tuple[int, int]], rows: slice) -> Plane:
    """Return rows of a finer level, equal to those of the whole level expanded step by step.

    Parameters
    ----------
    coarse : numpy.ndarray
        (y, x[, C]) float32.
    shapes : sequence of tuple of int
        Shapes of all levels, from the finer one to that of `coarse`.
    rows : slice
        Rows of the finer level.

    Returns
    -------
    numpy.ndarray
        (rows, X[, C]) float32.
    """
    if len(shapes) == 1:
        return coarse[rows]
    (height, width), (last, _) = shapes[:2]
    top, end = max(0, rows.start // 2 - 2), min(last, rows.stop // 2 + 3)
    part = grown_window(coarse, shapes[1:], slice(top, end))
    large: Plane = cv2.pyrUp(part, dstsize=(width, (height if end == last else 2 * end) - 2 * top))
    return large[rows.start - 2 * top : rows.stop - 2 * top]
