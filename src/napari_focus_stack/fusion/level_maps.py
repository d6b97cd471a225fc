"""Maps of regions, resized to the levels of a pyramid."""

from __future__ import annotations

import threading

import cv2

from napari_focus_stack.imgproc.pyramids import Plane, grown_window


class LevelMaps:
    """A map of regions resized to any level, some rows at a time.

    Parameters
    ----------
    regions : numpy.ndarray
        (y, x) float32.
    shapes : list of tuple of int
        (y, x) of all levels, from the finest one up to that of the map.
    """

    def __init__(self, regions: Plane, shapes: list[tuple[int, int]]) -> None:
        self._shapes = shapes
        self._coarser = [regions]
        self._whole: dict[int, Plane] = {}
        self._lock = threading.RLock()

    def at(self, level: int) -> Plane:
        """Return the whole map at the size of a level, computed once.

        Parameters
        ----------
        level : int
            Level of the pyramid, 0 for the finest.

        Returns
        -------
        numpy.ndarray
            (y, x) float32.
        """
        with self._lock:
            if level not in self._whole:
                height = self._shapes[level][0] if level < len(self._shapes) else None
                self._whole[level] = self.rows(level, slice(0, height))
            return self._whole[level]

    def rows(self, level: int, rows: slice) -> Plane:
        """Return some rows of the map at the size of a level.

        Parameters
        ----------
        level : int
            Level of the pyramid, 0 for the finest.
        rows : slice
            Rows of the level.

        Returns
        -------
        numpy.ndarray
            (rows, x) float32.
        """
        above = level - (len(self._shapes) - 1)
        if above < 0:
            return grown_window(self._coarser[0], self._shapes[level:], rows)
        with self._lock:
            while len(self._coarser) <= above:
                self._coarser.append(cv2.pyrDown(self._coarser[-1]))
        return self._coarser[above][rows]
