"""Marks of the sensor: hot and dead pixels, which stay at their pixel in every plane.

A specimen that drifts leaves a hot pixel behind: stacked, each becomes a trail. Optics spread every
point of a specimen over its neighbours, so a pixel that exceeds all of them by far is none. Those
that do so in every plane belong to the sensor, if the specimen moves past them; where nothing moved
nothing shows whose they are, and they stay as they were recorded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.bands import grey

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
    """Pixels that show no specimen.

    Attributes
    ----------
    pixels : numpy.ndarray
        (n, 2) int64: rows and columns of hot and dead pixels, the same in every plane.
    """

    pixels: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))

    def __bool__(self) -> bool:
        """Whether there are any."""
        return len(self.pixels) > 0

    def filled(self, plane: NDArray[Any]) -> NDArray[Any]:
        """A plane, (Y, X[, C]), with the median of what is around in place of its marks."""
        if not self:
            return plane
        last = np.array(plane.shape[:2]) - 1
        rows, cols = self.pixels.T
        beside = (self.pixels + step for step in np.argwhere(RING) - 1)
        # mirrored at the border
        around = [plane[tuple((last - np.abs(last - np.abs(places))).T)] for places in beside]
        filled = plane.copy()
        filled[rows, cols] = np.median(around, axis=0)
        return filled

    def within(self, window: Window) -> Marks:
        """Those within a window, counted from its corner."""
        corner = np.array([part.start for part in window])
        ends = np.array([part.stop for part in window])
        inside = ((self.pixels >= corner) & (self.pixels < ends)).all(axis=1)
        return Marks(self.pixels[inside] - corner)

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
        return Marks(self.pixels[far >= MOVED])


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
