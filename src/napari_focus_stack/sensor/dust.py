"""Dust: dark spots that stay at their place on the sensor while the specimen moves past them.

A plane with dust differs from another plane in which the same part of the specimen lies elsewhere
on the sensor, and it differs in the same sense in every such pair: the difference belongs to the
sensor, not to the specimen. Logarithms are compared, because dust absorbs a part of the light, on
planes reduced so far that all of them fit into memory.
"""

from __future__ import annotations

from contextlib import closing
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._utils.sampling import evenly_taken
from napari_focus_stack._utils.spilled_cache import SpilledCache
from napari_focus_stack.imgproc.dtypes import all_finite
from napari_focus_stack.imgproc.shrinking import shrunk
from napari_focus_stack.imgproc.smoothing import without_gaps
from napari_focus_stack.imgproc.transforms import rescale, warp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix

REDUCED_SIDE = 512
"""Longer side of the reduced planes, in whose pixels all following lengths are measured."""
BLOTS = (1.5, 6.0)
"""Gaussian sigmas of the band in which dust shows."""
DARKEST = 0.02
"""Part of the brightest light below which all values count as equally dark."""
LEAST_SHIFT = 6.0
"""Pixels by which the specimen must have moved between two planes that are compared."""
LEAST_TRAVEL = 18.0
"""Pixels that the specimen must move in the whole stack: with less, 1 of 14 clean stacks shows
dust."""
FEWEST_PAIRS, MOST_PAIRS, MOST_HERE = 12, 40, 0.7
"""Number of pairs of planes that are needed, number that are enough, and part of the largest number
of pairs at a pixel that every pixel of dust must reach."""
LEAST_SHADE, OVER_USUAL = 0.06, 5.0
"""Least difference of dust: as a part of the light, and as a multiple of the median difference."""
SAME_SENSE, IN_PAIRS = 0.5, 0.95
"""Part of the median difference by which a pair must differ in its sense, and part of the pairs
that must."""
BORDER, LEAST_PIXELS, MOST_PIXELS = 12, 4, 800
"""Pixels at the edges that are left out; area of the smallest spot and of the largest."""
GROWN = 4
"""Pixels by which a spot extends beyond the clear difference."""
FEWEST_FREE = 2
"""Number of planes that must show a place free of dust for it to count as not recorded in the
others; spots that are wider than the specimen's travel stay as they were recorded."""
MOST_FIELD = 0.08
"""Part of the field above which the spots are no dust, but something else that does not move."""
IN_MEMORY = 0.1
"""Part of a cache's memory: reduced planes are needed only if the specimen moves."""


class DustDetector:
    """Detector of dust in planes of one shape, which may be added in any order."""

    def __init__(self) -> None:
        self._small: SpilledCache[NDArray[Any]] = SpilledCache(IN_MEMORY)
        self._shape: tuple[int, int] = (0, 0)

    def add_plane(self, k: int, light: NDArray[Any]) -> None:
        """Add a plane; threads may add planes at the same time.

        Parameters
        ----------
        k : int
            Number of the plane.
        light : numpy.ndarray
            (Y, X) grey, uint8, uint16 or float32.
        """
        self._shape = (light.shape[0], light.shape[1])
        self._small.put(k, _small(light))

    def close(self) -> None:
        """Release the planes."""
        self._small.clear()
        self._small.close()

    def found(self, transforms: dict[int, Matrix]) -> NDArray[np.int64]:
        """Return the rectangles of the sensor that lie under dust.

        Parameters
        ----------
        transforms : dict of int to numpy.ndarray
            (3, 3) each, reference pixel (x, y, 1) to pixel of the plane, by number of the plane, in
            the order of focus.

        Returns
        -------
        numpy.ndarray
            (n, 4) int64: first row, end row, first column, end column.
        """
        nothing = np.empty((0, 4), np.int64)
        first = next(iter(transforms), None)
        if first is None or first not in self._small:
            return nothing
        size = self._small[first].shape
        (h, w), (y, x) = self._shape, size
        moved = {k: rescale(matrix, y / h, x / w) for k, matrix in transforms.items()}
        pairs = _pairs(moved, size)
        if len(pairs) < FEWEST_PAIRS:
            return nothing
        bands: SpilledCache[NDArray[np.float16]] = SpilledCache(IN_MEMORY)
        with closing(bands):
            for k in dict.fromkeys(chain.from_iterable(pairs)):
                bands.put(k, _band(self._small[k]))
            blots = _blots(partial(_differences, bands, moved, pairs), size)
        if blots.mean() > MOST_FIELD:
            return nothing
        return _runs(_passed(blots, list(moved.values())), self._shape)


def _differences(
    bands: SpilledCache[NDArray[np.float16]],
    moved: dict[int, Matrix],
    pairs: list[tuple[int, int]],
) -> Iterator[Plane]:
    """Yield the difference of each pair, (y, x); NaN where the specimen did not move."""
    for k, j in pairs:
        here, there = (bands[i].astype(np.float32) for i in (k, j))
        to_partner = moved[j] @ np.linalg.inv(moved[k])
        partner, recorded = warp(there, to_partner, cv2.INTER_LINEAR)
        difference = np.subtract(here, partner, out=partner)
        difference[_displacement(to_partner, here.shape) < LEAST_SHIFT] = np.nan
        if recorded is not None:
            difference[recorded == 0] = np.nan
        yield difference


def _small(light: NDArray[Any]) -> NDArray[Any]:
    """Return a plane without gaps, reduced to `REDUCED_SIDE`."""
    if not all_finite(light):
        light, _ = without_gaps(light)
    factor = min(1.0, REDUCED_SIDE / max(light.shape))
    size = (max(1, round(light.shape[1] * factor)), max(1, round(light.shape[0] * factor)))
    return shrunk(light, size)


def _band(reduced: NDArray[Any]) -> NDArray[np.float16]:
    """Return the logarithm of a reduced plane in the band of dust."""
    small = reduced.astype(np.float32)
    brightest = max(float(np.percentile(small[::4, ::4], 99)), 1e-30)
    small /= np.float32(brightest)
    np.maximum(small, np.float32(DARKEST), out=small)
    cv2.log(small, dst=small)
    coarse = cv2.GaussianBlur(small, (0, 0), BLOTS[1])
    fine = cv2.GaussianBlur(small, (0, 0), BLOTS[0], dst=small)
    band: NDArray[np.float16] = cv2.subtract(fine, coarse, dst=coarse).astype(np.float16)
    return band


def _displacement(matrix: Matrix, size: tuple[int, ...]) -> Plane:
    """Return the distance by which a transform moves each pixel."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    to_x, to_y, by = (row[0] * x + row[1] * y + row[2] for row in matrix.astype(np.float32))
    distance: Plane = np.hypot(to_x / by - x, to_y / by - y)
    return distance


def _pairs(moved: dict[int, Matrix], size: tuple[int, ...]) -> list[tuple[int, int]]:
    """Pair each plane with the next one in each direction from which the specimen has moved away.

    The list is empty where the specimen moves too little in the whole stack.
    """
    grid = np.array([[x, y, 1.0] for x in (0.25, 0.5, 0.75) for y in (0.25, 0.5, 0.75)])
    points = (grid * (size[1], size[0], 1)).T
    places = {k: (matrix @ points)[:2] / (matrix @ points)[2] for k, matrix in moved.items()}

    def distance(k: int, j: int) -> float:
        return float(np.median(np.hypot(*(places[k] - places[j]))))

    order = list(moved)
    if max(distance(order[0], k) for k in order) < LEAST_TRAVEL:
        return []
    pairs = []
    for i, k in enumerate(order):
        for others in (order[i + 1 :], order[:i][::-1]):
            partners = (j for j in others if distance(k, j) >= LEAST_SHIFT)
            pairs += [(k, j) for j in [next(partners, None)] if j is not None]
    return evenly_taken(pairs, MOST_PAIRS)


def _blots(differences: Callable[[], Iterable[Plane]], size: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a mask, (y, x), of places where planes differ from their partners in the same sense.

    Differences are computed twice, so that those of the whole field are never kept.
    """
    clear = _shaded(differences(), size)
    if not clear.any():
        return clear
    clear_differences = np.stack([one[clear] for one in differences()])
    shade = np.nanmedian(clear_differences, axis=0)
    in_that_sense = (clear_differences / shade > SAME_SENSE).sum(0)
    steady = in_that_sense >= IN_PAIRS * np.isfinite(clear_differences).sum(0)
    clear[clear] = steady & (np.abs(shade) > LEAST_SHADE)
    return _grown(clear)


def _shaded(differences: Iterable[Plane], size: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a mask, (y, x), of places where the mean difference is many times the median one."""
    total, times = np.zeros(size, np.float32), np.zeros(size, np.int32)
    for one in differences:
        finite = np.isfinite(one)
        np.add(total, one, out=total, where=finite)
        times += finite
    shade = np.abs(total) / np.maximum(times, 1)
    median = float(np.median(shade[times > 0])) if times.any() else 0.0
    covered = times >= max(FEWEST_PAIRS, MOST_HERE * times.max())
    clear = np.zeros(size, np.bool_)
    inner = np.s_[BORDER:-BORDER, BORDER:-BORDER]
    clear[inner] = (covered & (shade > max(LEAST_SHADE, OVER_USUAL * median)))[inner]
    return clear


def _grown(clear: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep spots of a credible size and extend them into the less clear difference around them."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(clear.astype(np.uint8))
    area = stats[:, cv2.CC_STAT_AREA]
    credible = (area >= LEAST_PIXELS) & (area <= MOST_PIXELS)
    credible[0] = False
    side = 2 * GROWN + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    grown: NDArray[np.bool_] = cv2.dilate(credible[labels].astype(np.uint8), kernel) > 0
    return grown


def _passed(blots: NDArray[np.bool_], moved: list[Matrix]) -> NDArray[np.bool_]:
    """Keep the spots whose hidden places some planes show free of dust."""
    _, labels = cv2.connectedComponents(blots.astype(np.uint8))
    size, flags = blots.shape[::-1], cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP

    def spots_of(matrix: Matrix) -> NDArray[np.float32]:
        """Return the spot's number at each reference pixel: 0 for none, -1 beyond the plane."""
        numbers: NDArray[np.float32] = cv2.warpPerspective(
            labels.astype(np.float32), matrix, size, flags=flags, borderValue=-1
        )
        return numbers

    free = np.zeros(blots.shape, np.int32)
    for matrix in moved:
        free += spots_of(matrix) == 0
    hidden = free < FEWEST_FREE
    stay = {spot for matrix in moved for spot in np.unique(spots_of(matrix)[hidden]) if spot > 0}
    passed: NDArray[np.bool_] = blots & ~np.isin(labels, list(stay))
    return passed


def _runs(blots: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.int64]:
    """Return rectangles of the full plane, one for each run of a row of the reduced plane."""
    edges = np.diff(np.pad(blots.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    (rows, starts), (_, ends) = np.argwhere(edges == 1).T, np.argwhere(edges == -1).T
    y, x = (full / small for full, small in zip(shape, blots.shape, strict=True))
    corners = np.column_stack(
        [np.floor(rows * y), np.ceil((rows + 1) * y), np.floor(starts * x), np.ceil(ends * x)]
    )
    within: NDArray[np.int64] = np.minimum(corners.astype(np.int64), np.repeat(shape, 2))
    return within
