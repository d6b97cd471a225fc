"""What is the sensor's: all its marks, found while planes are read for the alignment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.sampling import evenly_taken
from napari_focus_stack.imgproc.pyramids import grey
from napari_focus_stack.sensor.dust import DustDetector
from napari_focus_stack.sensor.hot_pixels import MOST_PLANES, hot_pixels
from napari_focus_stack.sensor.isolation import Isolated
from napari_focus_stack.sensor.marks import Marks
from napari_focus_stack.sensor.specks import in_one_plane, lone_pixels

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.transforms import Matrix

    Read = Callable[[int], NDArray[Any]]


class MarkDetector:
    """Looks for marks in planes of one shape, taken in in any order; threads may do so at a time.

    Parameters
    ----------
    planes : int
        Number of planes.
    """

    def __init__(self, planes: int) -> None:
        self._for_pixels = set(evenly_taken(range(planes), MOST_PLANES))
        self._isolated: dict[int, Isolated | None] = {}
        self._lone: dict[int, NDArray[np.int64]] = {}
        self._dust = DustDetector()
        self._shape: tuple[int, int] = (0, 0)

    def add_plane(self, k: int, plane: NDArray[Any]) -> NDArray[Any]:
        """Take in plane `k`, (Y, X[, C]) uint8, uint16 or float32.

        Returns
        -------
        numpy.ndarray
            The plane without pixels that stand out alone, whosever they are.
        """
        self._shape = (plane.shape[0], plane.shape[1])
        light = grey(plane)
        isolated = Isolated.of(light)
        if k in self._for_pixels:
            self._isolated[k] = isolated
        self._lone[k] = lone_pixels(light, isolated)
        self._dust.add_plane(k, self.without_lone(k, light))
        return self.without_lone(k, plane)

    def without_lone(self, k: int, plane: NDArray[Any]) -> NDArray[Any]:
        """Plane `k`, which was taken in, without pixels that stand out alone."""
        return Marks(self._lone[k]).filled(plane)

    def close(self) -> None:
        """Let go of what was kept of the planes."""
        self._dust.close()

    def found(self, transforms: dict[int, Matrix]) -> Marks:
        """Marks that stay at their place.

        Parameters
        ----------
        transforms : dict of int to numpy.ndarray
            (3, 3) each, reference pixel (x, y, 1) to pixel of the plane, by number of the plane,
            in the order of focus.
        """
        pixels = hot_pixels(list(self._isolated.values()), self._shape)
        return Marks(pixels, self._dust.found(transforms))

    def lone(self, k: int, marks: Marks) -> NDArray[np.int64]:
        """Pixels of plane `k` that stand out and are no marks: (n, 2) int64, rows and columns."""
        found = self._lone.get(k, marks.pixels[:0])
        taken = set(map(tuple, marks.pixels.tolist()))
        return found[np.array([tuple(place) not in taken for place in found.tolist()], np.bool_)]


def specks_of(
    k: int, lone: NDArray[np.int64], light: Read, transforms: dict[int, Matrix]
) -> NDArray[np.int64]:
    """Pixels of plane `k` that the planes next to it do not bear out.

    Parameters
    ----------
    k : int
        Number of the plane.
    lone : numpy.ndarray
        (n, 2) int64, rows and columns of what stands out in it.
    light : callable
        Gives the grey plane of a number.
    transforms : dict of int to numpy.ndarray
        As `MarkDetector.found` takes them, of three planes at least.
    """
    back = np.linalg.inv(transforms[k])
    beside = [(light(j), transforms[j] @ back) for j in _beside(k, list(transforms))]
    return in_one_plane(lone, light(k), beside)


def _beside(k: int, order: list[int]) -> list[int]:
    """Planes on both sides of plane `k`; at the ends the two that are nearest."""
    first = min(max(order.index(k) - 1, 0), len(order) - 3)
    return [j for j in order[first : first + 3] if j != k]
