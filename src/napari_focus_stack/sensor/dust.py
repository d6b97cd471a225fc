"""Dust: blots of shade that stay at their place on the sensor while the specimen moves past them.

What a plane shows at a place differs from what a plane shows of the same specimen that has moved
away, and it does so in the same sense for every such pair: that is the sensor's, not the
specimen's. Judged on logarithms, for dust takes a part of the light, on planes so small that all
of them can be kept.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._utils.sampling import evenly_taken
from napari_focus_stack._utils.spilled_cache import SpilledCache
from napari_focus_stack.imgproc.smoothing import without_gaps
from napari_focus_stack.imgproc.transforms import rescale, warp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix

REDUCED_SIDE = 512
"""Longer side of the small planes, whose pixels all that follows counts."""
BLOTS = (1.5, 6.0)
"""Gaussian sigmas of the band in which blots show."""
DARKEST = 0.02
"""Part of the brightest light under which all is dark."""
LEAST_SHIFT = 6.0
"""Pixels by which the specimen must have moved between two planes to be compared."""
LEAST_TRAVEL = 18.0
"""Pixels that the specimen must move in all: on less, 1 of 14 clean stacks shows dust."""
FEWEST_PAIRS, MOST_PAIRS, MOST_HERE = 12, 40, 0.7
"""Pairs of planes that are needed, that are enough, and the part of them that must show a place."""
LEAST_SHADE, OVER_USUAL = 0.06, 5.0
"""Difference that is a blot: this part of the light, and many times the usual one."""
SAME_SENSE, IN_PAIRS = 0.5, 0.95
"""Part of the median by which single pairs must differ in its sense, and the part that must."""
BORDER, LEAST_PIXELS, MOST_PIXELS = 12, 4, 800
"""Pixels at the edges that are not looked at; the smallest blot and the largest."""
GROWN = 4
"""Pixels by which a blot ends beyond what differs clearly."""
FEWEST_FREE = 2
"""Planes that must show a place for it to count as not recorded in those in which dust lies on it;
blots that are wider than the specimen's travel stay as they were recorded."""
MOST_FIELD = 0.08
"""Part of the field beyond which it is no dust: something else stands still."""
IN_MEMORY = 0.1
"""Part of what shelves keep in memory: small planes are needed only if the specimen travels."""


class DustDetector:
    """Looks for dust in planes of one shape, taken in in any order."""

    def __init__(self) -> None:
        self._small: SpilledCache[NDArray[np.float16]] = SpilledCache(IN_MEMORY)
        self._shape: tuple[int, int] = (0, 0)

    def add_plane(self, k: int, light: NDArray[Any]) -> None:
        """Take in grey plane `k`, (Y, X) uint8, uint16 or float32; threads may do so at a time."""
        self._shape = (light.shape[0], light.shape[1])
        self._small.put(k, _small(light))

    def close(self) -> None:
        """Let go of the planes."""
        self._small.clear()
        self._small.close()

    def found(self, transforms: dict[int, Matrix]) -> NDArray[np.int64]:
        """Rectangles of the sensor that lie under dust.

        Parameters
        ----------
        transforms : dict of int to numpy.ndarray
            (3, 3) each, reference pixel (x, y, 1) to pixel of the plane, by number of the plane,
            in the order of focus.

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
        blots = _blots(partial(self._differences, moved, pairs), size)
        if blots.mean() > MOST_FIELD:
            return nothing
        return _runs(_passed(blots, list(moved.values())), self._shape)

    def _differences(
        self, moved: dict[int, Matrix], pairs: list[tuple[int, int]]
    ) -> Iterator[Plane]:
        """Yield what each plane shows beyond its partner, (y, x); NaN where nothing moved."""
        for k, j in pairs:
            here, there = (self._small[i].astype(np.float32) for i in (k, j))
            to_partner = moved[j] @ np.linalg.inv(moved[k])
            seen, valid = warp(there, to_partner, cv2.INTER_LINEAR)
            difference = np.subtract(here, seen, out=seen)
            difference[_displacement(to_partner, here.shape) < LEAST_SHIFT] = np.nan
            if valid is not None:
                difference[valid == 0] = np.nan
            yield difference


def _small(light: NDArray[Any]) -> NDArray[np.float16]:
    """Logarithm of a plane's light in the band of blots."""
    if light.dtype.kind == "f" and not np.isfinite(light).all():
        light, _ = without_gaps(light)
    factor = min(1.0, REDUCED_SIDE / max(light.shape))
    size = (max(1, round(light.shape[1] * factor)), max(1, round(light.shape[0] * factor)))
    small = cv2.resize(light, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    brightest = max(float(np.percentile(small[::4, ::4], 99)), 1e-30)
    small /= np.float32(brightest)
    np.maximum(small, np.float32(DARKEST), out=small)
    cv2.log(small, dst=small)
    coarse = cv2.GaussianBlur(small, (0, 0), BLOTS[1])
    fine = cv2.GaussianBlur(small, (0, 0), BLOTS[0], dst=small)
    band: NDArray[np.float16] = cv2.subtract(fine, coarse, dst=coarse).astype(np.float16)
    return band


def _displacement(matrix: Matrix, size: tuple[int, ...]) -> Plane:
    """Distance by which a transform moves each pixel."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    to_x, to_y, by = (row[0] * x + row[1] * y + row[2] for row in matrix.astype(np.float32))
    distance: Plane = np.hypot(to_x / by - x, to_y / by - y)
    return distance


def _pairs(moved: dict[int, Matrix], size: tuple[int, ...]) -> list[tuple[int, int]]:
    """Each plane with the next ones, in both directions, from which the specimen has moved away.

    None where it travels too little in all.
    """
    grid = np.array([[x, y, 1.0] for x in (0.25, 0.5, 0.75) for y in (0.25, 0.5, 0.75)])
    points = (grid * (size[1], size[0], 1)).T
    seen = {k: (matrix @ points)[:2] / (matrix @ points)[2] for k, matrix in moved.items()}

    def distance(k: int, j: int) -> float:
        return float(np.median(np.hypot(*(seen[k] - seen[j]))))

    order = list(moved)
    if max(distance(order[0], k) for k in order) < LEAST_TRAVEL:
        return []
    pairs = []
    for i, k in enumerate(order):
        for others in (order[i + 1 :], order[:i][::-1]):
            far = (j for j in others if distance(k, j) >= LEAST_SHIFT)
            pairs += [(k, j) for j in [next(far, None)] if j is not None]
    return evenly_taken(pairs, MOST_PAIRS)


def _blots(differences: Callable[[], Iterable[Plane]], size: tuple[int, ...]) -> NDArray[np.bool_]:
    """(y, x): where planes differ from their partners in the same sense.

    Differences are gone through twice, so that those of the whole field are never kept.
    """
    clear = _shaded(differences(), size)
    if not clear.any():
        return clear
    there = np.stack([one[clear] for one in differences()])
    shade = np.nanmedian(there, axis=0)
    in_that_sense = (there / shade > SAME_SENSE).sum(0)
    steady = in_that_sense >= IN_PAIRS * np.isfinite(there).sum(0)
    clear[clear] = steady & (np.abs(shade) > LEAST_SHADE)
    return _grown(clear)


def _shaded(differences: Iterable[Plane], size: tuple[int, ...]) -> NDArray[np.bool_]:
    """(y, x): where the mean difference is many times the usual one."""
    total, times = np.zeros(size, np.float32), np.zeros(size, np.int32)
    for one in differences:
        known = np.isfinite(one)
        np.add(total, one, out=total, where=known)
        times += known
    shade = np.abs(total) / np.maximum(times, 1)
    usual = float(np.median(shade[times > 0])) if times.any() else 0.0
    seen = times >= max(FEWEST_PAIRS, MOST_HERE * times.max())
    clear = np.zeros(size, np.bool_)
    inner = np.s_[BORDER:-BORDER, BORDER:-BORDER]
    clear[inner] = (seen & (shade > max(LEAST_SHADE, OVER_USUAL * usual)))[inner]
    return clear


def _grown(clear: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Blots of a credible size, with what is less clear around them."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(clear.astype(np.uint8))
    area = stats[:, cv2.CC_STAT_AREA]
    credible = (area >= LEAST_PIXELS) & (area <= MOST_PIXELS)
    credible[0] = False
    side = 2 * GROWN + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    grown: NDArray[np.bool_] = cv2.dilate(credible[labels].astype(np.uint8), kernel) > 0
    return grown


def _passed(blots: NDArray[np.bool_], moved: list[Matrix]) -> NDArray[np.bool_]:
    """Those blots beside which some planes show all of what lies under them in others."""
    _, labels = cv2.connectedComponents(blots.astype(np.uint8))
    size, flags = blots.shape[::-1], cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP

    def seen(matrix: Matrix) -> NDArray[np.float32]:
        """Numbers of the blots in the reference frame, 0 for none and -1 beyond the plane."""
        numbers: NDArray[np.float32] = cv2.warpPerspective(
            labels.astype(np.float32), matrix, size, flags=flags, borderValue=-1
        )
        return numbers

    free = np.zeros(blots.shape, np.int32)
    for matrix in moved:
        free += seen(matrix) == 0
    hidden = free < FEWEST_FREE
    stay = {number for matrix in moved for number in np.unique(seen(matrix)[hidden]) if number > 0}
    passed: NDArray[np.bool_] = blots & ~np.isin(labels, list(stay))
    return passed


def _runs(blots: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.int64]:
    """Rectangles of the full plane, one for each run of a row of the small one."""
    edges = np.diff(np.pad(blots.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    (rows, starts), (_, ends) = np.argwhere(edges == 1).T, np.argwhere(edges == -1).T
    y, x = (full / small for full, small in zip(shape, blots.shape, strict=True))
    corners = np.column_stack(
        [np.floor(rows * y), np.ceil((rows + 1) * y), np.floor(starts * x), np.ceil(ends * x)]
    )
    within: NDArray[np.int64] = np.minimum(corners.astype(np.int64), np.repeat(shape, 2))
    return within
