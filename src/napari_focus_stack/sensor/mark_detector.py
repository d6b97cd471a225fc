"""Detection of all marks of the sensor while planes are read for the alignment."""

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
    """Detector of the sensor's marks in planes of one shape.

    Planes may be added in any order, and by several threads at the same time.

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
        """Add a plane.

        Parameters
        ----------
        k : int
            Number of the plane.
        plane : numpy.ndarray
            (Y, X[, C]) uint8, uint16 or float32.

        Returns
        -------
        numpy.ndarray
            As `plane`, with all isolated pixels replaced, whether they are marks or not.
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
        """Replace the isolated pixels of a plane that was added.

        Parameters
        ----------
        k : int
            Number of the plane.
        plane : numpy.ndarray
            (Y, X[, C]) uint8, uint16 or float32.

        Returns
        -------
        numpy.ndarray
            As `plane`.
        """
        return Marks(self._lone[k]).filled(plane)

    def close(self) -> None:
        """Release the planes."""
        self._dust.close()

    def found(self, transforms: dict[int, Matrix]) -> Marks:
        """Return the marks that stay at their place in all planes.

        Parameters
        ----------
        transforms : dict of int to numpy.ndarray
            (3, 3) each, reference pixel (x, y, 1) to pixel of the plane, by number of the plane, in
            the order of focus.

        Returns
        -------
        Marks
            Hot and dead pixels, and dust.
        """
        pixels = hot_pixels(list(self._isolated.values()), self._shape)
        return Marks(pixels, self._dust.found(transforms))

    def lone(self, k: int, marks: Marks) -> NDArray[np.int64]:
        """Return the isolated pixels of a plane that are no marks of the whole stack.

        Parameters
        ----------
        k : int
            Number of the plane.
        marks : Marks
            Marks found in the whole stack.

        Returns
        -------
        numpy.ndarray
            (n, 2) int64, rows and columns.
        """
        found = self._lone.get(k, marks.pixels[:0])
        taken = set(map(tuple, marks.pixels.tolist()))
        return found[np.array([tuple(place) not in taken for place in found.tolist()], np.bool_)]


def specks_of(
    k: int, lone: NDArray[np.int64], light: Read, transforms: dict[int, Matrix]
) -> NDArray[np.int64]:
    """Return the isolated pixels of a plane that neighbouring planes do not confirm.

    Parameters
    ----------
    k : int
        Number of the plane.
    lone : numpy.ndarray
        (n, 2) int64, rows and columns of its isolated pixels.
    light : callable
        Returns the grey plane of a number.
    transforms : dict of int to numpy.ndarray
        As for `MarkDetector.found`, of three planes at least.

    Returns
    -------
    numpy.ndarray
        (n, 2) int64, rows and columns.
    """
    back = np.linalg.inv(transforms[k])
    beside = [(light(j), transforms[j] @ back) for j in _beside(k, list(transforms))]
    return in_one_plane(lone, light(k), beside)


def _beside(k: int, order: list[int]) -> list[int]:
    """Return the planes on both sides of plane `k`; at the ends of the stack, the two nearest."""
    first = min(max(order.index(k) - 1, 0), len(order) - 3)
    return [j for j in order[first : first + 3] if j != k]
