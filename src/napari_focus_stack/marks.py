"""Marks of the sensor: hot and dead pixels and dust, which stay at their place in every plane.

A specimen that drifts leaves a hot pixel behind: stacked, each becomes a trail. Optics spread every
point of a specimen over its neighbours, so a pixel that exceeds all of them by far is none. Those
that do so in every plane belong to the sensor, if the specimen moves past them; where nothing moved
nothing shows whose they are, and they stay as they were recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.bands import grey
from napari_focus_stack.planes import as_dtype
from napari_focus_stack.smoothing import without_gaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.transforms import Matrix, Window

CLEAR = 8.0
"""Standard deviations of the noise by which a marked pixel exceeds all of its neighbours."""
LEAST_STEP = 0.05
"""The same in the range of the plane."""
STAYS = 0.5
"""Part of that step by which it must exceed them in the planes that follow."""
IN_PLANES, CLEAR_IN = 0.9, 0.5
"""Parts of the planes in which it must so, and in which it must by the whole step."""
FEWEST_PLANES, MOST_PLANES, LOOKED_AT = 4, 12, 0.5
"""Planes that are needed, that are enough, and the part of them that are not too textured."""
MOST_PIXELS = 0.01
"""Part of the field beyond which single pixels that stand out are texture, or noise."""
SIDE, SOME = 768, 4
"""Side of the part of a plane whose noise is measured, on every so many rows and columns."""
MOVED = 2.0
"""Pixels that the specimen must move at a marked pixel to show that it stays behind."""
RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)


@dataclass(frozen=True)
class Marks:
    """What shows no specimen, the same in every plane.

    Attributes
    ----------
    pixels : numpy.ndarray
        (n, 2) int64: rows and columns of hot and dead pixels.
    dust : numpy.ndarray
        (n, 4) int64: rectangles under dust: first row, end row, first column, end column.
    """

    pixels: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))
    dust: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 4), np.int64))

    @classmethod
    def listed(cls, pixels: Sequence[Sequence[int]], dust: Sequence[Sequence[int]]) -> Marks:
        """Marks as a report lists them."""
        rows = (np.array(a, np.int64).reshape(-1, n) for a, n in ((pixels, 2), (dust, 4)))
        return cls(*rows)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return len(self.pixels) > 0 or len(self.dust) > 0

    def filled(self, plane: NDArray[Any]) -> NDArray[Any]:
        """A plane, (Y, X[, C]), with what is around in place of its marks.

        Of a hot or dead pixel the median of its neighbours; dust is painted over smoothly.
        """
        filled = self._without_pixels(plane) if len(self.pixels) else plane
        return self._without_dust(filled) if len(self.dust) else filled

    def recorded(self, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
        """Where a plane of this shape is free of dust: (Y, X) uint8, 255 there; None for all."""
        return 255 * (1 - self._under_dust(shape)) if len(self.dust) else None

    @property
    def blots(self) -> int:
        """Number of connected parts of the dust."""
        if not len(self.dust):
            return 0
        return len(_connected(self._under_dust(tuple(self.dust[:, [1, 3]].max(axis=0)))))

    def _under_dust(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        under = np.zeros(shape[:2], np.uint8)
        for top, bottom, left, right in self.dust:
            under[top:bottom, left:right] = 1
        return under

    def _without_pixels(self, plane: NDArray[Any]) -> NDArray[Any]:
        last = np.array(plane.shape[:2]) - 1
        rows, cols = self.pixels.T
        beside = (self.pixels + step for step in np.argwhere(RING) - 1)
        # mirrored at the border
        around = [plane[tuple((last - np.abs(last - np.abs(places))).T)] for places in beside]
        filled = plane.copy()
        filled[rows, cols] = np.median(around, axis=0)
        return filled

    def _without_dust(self, plane: NDArray[Any]) -> NDArray[Any]:
        under = self._under_dust(plane.shape)
        filled = plane.copy()
        for blot in _surroundings(under):
            covered = under[blot] > 0
            part = plane[blot].astype(np.float32)
            part[covered] = np.nan
            painted, _ = without_gaps(part)
            filled[blot][covered] = as_dtype(painted, plane.dtype)[covered]
        return filled

    def within(self, window: Window) -> Marks:
        """Those within a window, counted from its corner."""
        corner = np.array([part.start for part in window])
        ends = np.array([part.stop for part in window])
        inside = ((self.pixels >= corner) & (self.pixels < ends)).all(axis=1)
        sides = np.repeat(np.stack([corner, ends], 1), 2, axis=0)
        dust = np.clip(self.dust, sides[:, 0], sides[:, 1]) - sides[:, 0]
        left = (dust[:, 1] > dust[:, 0]) & (dust[:, 3] > dust[:, 2])
        return Marks(self.pixels[inside] - corner, dust[left])

    def left_behind(self, transforms: Sequence[Matrix]) -> Marks:
        """Leave out those pixels that the specimen does not move past.

        Parameters
        ----------
        transforms : sequence of numpy.ndarray
            (3, 3) each, from the reference plane to the planes that take part.
        """
        if not len(self.pixels):
            return self
        places = np.column_stack([self.pixels[:, ::-1], np.ones(len(self.pixels))]).T
        seen = [matrix @ places for matrix in transforms]
        moved = np.stack([one[:2] / one[2] for one in seen])
        far = np.hypot(*np.ptp(moved, axis=0))
        return replace(self, pixels=self.pixels[far >= MOVED])


class MarkGauge:
    """Looks for pixels that exceed all of their neighbours, in planes of one shape in any order."""

    def __init__(self) -> None:
        self._found: dict[int, _Isolated | None] = {}
        self._shape: tuple[int, int] = (0, 0)

    def look(self, k: int, plane: NDArray[Any]) -> None:
        """Take in plane `k`, (Y, X[, C]) uint8, uint16 or float32; threads may do so at a time."""
        self._shape = (plane.shape[0], plane.shape[1])
        self._found[k] = _Isolated.of(grey(plane))

    def found(self) -> Marks:
        """Pixels that stand out in nearly every plane, in most of them clearly."""
        known = [one for one in self._found.values() if one is not None]
        if len(known) < max(FEWEST_PLANES, LOOKED_AT * len(self._found)):
            return Marks()
        somewhat = _in_planes([one.somewhat for one in known], IN_PLANES)
        clearly = _in_planes([one.clearly for one in known], CLEAR_IN)
        places = np.unravel_index(np.intersect1d(somewhat, clearly), self._shape)
        return Marks(np.column_stack(places).astype(np.int64))


@dataclass(frozen=True)
class _Isolated:
    """Flat indices of pixels of a plane that stand out, somewhat and clearly."""

    somewhat: NDArray[np.int32]
    clearly: NDArray[np.int32]

    @classmethod
    def of(cls, light: NDArray[Any]) -> _Isolated | None:
        """Find them in a grey plane; None where so many do that they are texture or noise."""
        step = _step(light)
        somewhat, clearly = [], []
        for beyond in (
            cv2.subtract(light, cv2.dilate(light, RING)),
            cv2.subtract(cv2.erode(light, RING), light),
        ):
            # NumPy would turn the whole plane into float64 to compare it
            places = np.flatnonzero(cv2.compare(beyond, STAYS * step, cv2.CMP_GT) != 0)
            somewhat.append(places.astype(np.int32))
            clearly.append(somewhat[-1][beyond.ravel()[places] > step])
        if sum(map(len, somewhat)) > MOST_PIXELS * light.size:
            return None
        return cls(np.concatenate(somewhat), np.concatenate(clearly))


def _connected(under: NDArray[np.uint8]) -> NDArray[np.int32]:
    """First column and row, width and height of each connected part."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(under)
    return np.asarray(stats[1:, :4])


def _surroundings(under: NDArray[np.uint8]) -> list[Window]:
    """Boxes around connected parts, with as much beside them as they are long."""
    boxes = []
    for left, top, width, height in _connected(under):
        beside = max(width, height)
        rows = slice(max(top - beside, 0), top + height + beside)
        boxes.append((rows, slice(max(left - beside, 0), left + width + beside)))
    return boxes


def _in_planes(found: list[NDArray[np.int32]], share: float) -> NDArray[np.int32]:
    """Pixels that are among those of at least a part of the planes."""
    places, times = np.unique(np.concatenate(found), return_counts=True)
    return places[times >= share * len(found)]


def _step(light: NDArray[Any]) -> float:
    """Step that is no noise: many times what a median of nine pixels takes from a plane."""
    part = np.ascontiguousarray(light[:SIDE, :SIDE])
    noise = cv2.absdiff(part, cv2.medianBlur(part, 3))
    some = np.s_[::SOME, ::SOME]
    known, noise = (a[np.isfinite(a)] for a in (part[some], noise[some]))
    if not known.size or not noise.size:
        return float(np.finfo(np.float32).max)
    low, high = np.percentile(known, (1, 99))
    deviation = 1.4826 * float(np.median(noise))
    return max(CLEAR * deviation, LEAST_STEP * (float(high) - float(low)), 1e-30)
