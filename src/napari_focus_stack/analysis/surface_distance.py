"""Distance of points to a surface, and its depth under them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

Numbers = NDArray[np.float64]

MOST_VERTICES = 500_000
"""Pixels in the search tree; of a larger field, every second, third or so, and the nearest pixel is
then found from there, step by step."""
AT_ONCE = 2048
"""Points whose neighbourhoods are in memory at once."""


def depth_under(depth: NDArray[Any], places: Numbers) -> Numbers:
    """Return the depth of a surface under points, interpolated between pixels.

    Parameters
    ----------
    depth : numpy.ndarray
        (Y, X), NaN where there is none.
    places : numpy.ndarray
        (m, 2) y, x in pixels.

    Returns
    -------
    numpy.ndarray
        (m,) float64; NaN beyond the border pixels, and where a pixel that counts has no depth.
    """
    ends = np.array(depth.shape) - 1.0
    known = ((places >= -0.5) & (places <= ends + 0.5)).all(1)
    inside = np.clip(places, 0, ends)
    first = np.minimum(np.floor(inside), np.maximum(ends - 1, 0)).astype(np.intp)
    share = inside - first
    found = np.zeros(len(places))
    last = ends.astype(np.intp)
    for rows in (0, 1):
        for cols in (0, 1):
            y, x = np.minimum(first + np.array([rows, cols]), last).T
            weight = np.abs(1 - rows - share[:, 0]) * np.abs(1 - cols - share[:, 1])
            found += np.where(weight > 0, weight * depth[y, x], 0)
    return np.where(known, found, np.nan)


def distance_to_surface(
    points: Numbers, height: NDArray[Any], pixel_size: tuple[float, float]
) -> Numbers:
    """Return the perpendicular distance of points to a surface.

    Parameters
    ----------
    points : numpy.ndarray
        (m, 3) z, y, x in the unit of the height; the centre of pixel (0, 0) is at y = x = 0.
    height : numpy.ndarray
        (Y, X), NaN where there is none.
    pixel_size : tuple of float
        Size of a pixel along y and x.

    Returns
    -------
    numpy.ndarray
        (m,) float64, 0 or more: the distance to the plane through the nearest pixel of the surface
        that has its slope. NaN where that pixel is at the border of the field or of a hole, because
        the surface beyond may be nearer.

    Notes
    -----
    It is exact on a tilted plane. On a sphere it errs by the square of the pixel size over four
    times the radius at most. A surface whose pixels have white noise is nearer than its mean by
    twice the noise: 0.09 with a standard deviation of 0.05, pixels of 0.5 and points up to 40 away.
    """
    from scipy.spatial import KDTree  # its import takes 0.3 s

    stride = math.ceil(math.sqrt(height.size / MOST_VERTICES))
    some = np.isfinite(height[::stride, ::stride])
    found = np.full(len(points), np.nan)
    if not some.any() or not len(points):
        return found
    pixels = np.argwhere(some) * stride
    vertices = np.column_stack([height[tuple(pixels.T)], pixels * pixel_size])
    nearest = pixels[KDTree(vertices).query(points)[1]]
    for few in (slice(k, k + AT_ONCE) for k in range(0, len(points), AT_ONCE)):
        pixel = nearest[few]
        if stride > 1:
            pixel = _descended(points[few], height, pixel_size, pixel, stride)
        found[few] = _to_tangent_plane(points[few], height, pixel_size, pixel)
    return found


def _descended(
    points: Numbers,
    height: NDArray[Any],
    pixel_size: tuple[float, float],
    pixel: NDArray[np.intp],
    reach: int,
) -> NDArray[np.intp]:
    """Move from pixels to the nearest one within reach, as long as one is nearer."""
    last = np.array(height.shape) - 1
    while True:
        candidates = np.stack(
            [np.clip(pixel + step, 0, last) for step in _steps(reach)], axis=1
        )  # (m, k, 2)
        away = points[:, None, 1:] - candidates * pixel_size
        up = points[:, :1] - height[candidates[..., 0], candidates[..., 1]]
        far = np.nan_to_num(up**2 + (away**2).sum(2), nan=np.inf)
        chosen = candidates[np.arange(len(points)), far.argmin(1)]
        own = far[:, (2 * reach + 1) ** 2 // 2]
        better = far.min(1) < own
        if not better.any():
            return pixel
        pixel = np.where(better[:, None], chosen, pixel)


def _steps(reach: int) -> Iterator[tuple[int, int]]:
    """Yield steps in rows and columns; the middle one stays."""
    for rows in range(-reach, reach + 1):
        for cols in range(-reach, reach + 1):
            yield rows, cols


def _to_tangent_plane(
    points: Numbers,
    height: NDArray[Any],
    pixel_size: tuple[float, float],
    pixel: NDArray[np.intp],
) -> Numbers:
    """Return the distance to the plane that has the slope of a pixel, near that pixel."""
    around = np.pad(height.astype(np.float64), 1, constant_values=np.nan)
    rows = pixel[:, 0, None, None] + np.arange(3)[:, None]
    cols = pixel[:, 1, None, None] + np.arange(3)
    window = around[rows, cols]
    size = np.array(pixel_size)
    slope = np.stack(
        [
            (window[:, 2] - window[:, 0]).mean(1) / (2 * size[0]),
            (window[:, :, 2] - window[:, :, 0]).mean(1) / (2 * size[1]),
        ],
        axis=1,
    )
    up = points[:, 0] - window[:, 1, 1]
    across = points[:, 1:] - pixel * size
    # the foot on the plane; farther than a pixel away another pixel would be nearer
    foot = across + slope * ((up - (slope * across).sum(1)) / (1 + (slope**2).sum(1)))[:, None]
    foot = np.clip(foot, -size, size)
    rest = up - (slope * foot).sum(1)
    distance: Numbers = np.sqrt(rest**2 + ((across - foot) ** 2).sum(1))
    return distance
