"""Marks of the sensor: parts of planes that show no specimen.

Hot and dead pixels and dust stay at their place in every plane while the specimen moves; specks
occur in a single plane.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.imgproc.dtypes import as_dtype
from napari_focus_stack.imgproc.smoothing import without_gaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window

NEIGHBOUR_STEPS = np.argwhere([[1, 1, 1], [1, 0, 1], [1, 1, 1]]) - 1
"""Steps from a pixel to its neighbours."""
LABELLED = 1024
"""Largest side of the mask in which connected dust is searched for."""


def _none(columns: int) -> NDArray[np.int64]:
    """Return an empty list of pixels or rectangles."""
    return np.empty((0, columns), np.int64)


@dataclass(frozen=True, eq=False)
class Marks:
    """Pixels and rectangles of the sensor that show no specimen.

    Attributes
    ----------
    pixels : numpy.ndarray
        (n, 2) int64: rows and columns of hot and dead pixels, the same in every plane.
    dust : numpy.ndarray
        (n, 4) int64: rectangles under dust, the same in every plane: first row, end row, first
        column, end column.
    specks : dict of int to numpy.ndarray
        (n, 2) int64, rows and columns, by number of the single plane in which they occur.
    """

    pixels: NDArray[np.int64] = field(default_factory=partial(_none, 2))
    dust: NDArray[np.int64] = field(default_factory=partial(_none, 4))
    specks: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    @classmethod
    def listed(
        cls,
        pixels: Sequence[Sequence[int]],
        dust: Sequence[Sequence[int]],
        specks: Sequence[Sequence[int]],
    ) -> Marks:
        """Create marks from the lists of a report.

        Parameters
        ----------
        pixels : sequence of sequence of int
            Row and column of each hot or dead pixel.
        dust : sequence of sequence of int
            First row, end row, first column and end column of each rectangle.
        specks : sequence of sequence of int
            Plane, row and column of each speck.

        Returns
        -------
        Marks
            The same marks as arrays.
        """
        by_plane = np.array(specks, np.int64).reshape(-1, 3)
        return cls(
            np.array(pixels, np.int64).reshape(-1, 2),
            np.array(dust, np.int64).reshape(-1, 4),
            {int(k): by_plane[by_plane[:, 0] == k, 1:] for k in np.unique(by_plane[:, 0])},
        )

    def __bool__(self) -> bool:
        """Return whether there are any marks."""
        return len(self.pixels) > 0 or len(self.dust) > 0 or bool(self.specks)

    @property
    def listed_specks(self) -> list[list[int]]:
        """Plane, row and column of each speck."""
        return [[k, *place] for k, found in self.specks.items() for place in found.tolist()]

    def filled(self, plane: NDArray[Any], k: int | None = None) -> NDArray[Any]:
        """Replace the marks of a plane: pixels by the median of their neighbours, dust smoothly.

        Parameters
        ----------
        plane : numpy.ndarray
            (Y, X[, C]) of any type.
        k : int, optional
            Number of the plane, whose specks are replaced, too.

        Returns
        -------
        numpy.ndarray
            As `plane`; `plane` itself if it has no marks.
        """
        alone = [places for plane_k, places in self.specks.items() if plane_k == k]
        single = np.concatenate([self.pixels, *alone])
        filled = _without_pixels(plane, single) if len(single) else plane
        return self._without_dust(filled) if len(self.dust) else filled

    def recorded(self, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
        """Return a mask of the pixels without dust.

        Parameters
        ----------
        shape : tuple of int
            Shape of the plane, rows first.

        Returns
        -------
        numpy.ndarray or None
            (Y, X) uint8, 255 without dust; None if there is no dust.
        """
        if not len(self.dust):
            return None
        free = np.full(shape[:2], 255, np.uint8)
        for top, bottom, left, right in self.dust:
            free[top:bottom, left:right] = 0
        return free

    def touch(self, k: int) -> bool:
        """Return whether a plane has marks.

        Parameters
        ----------
        k : int
            Number of the plane.

        Returns
        -------
        bool
            False if nothing in it is replaced.
        """
        return len(self.pixels) > 0 or len(self.dust) > 0 or k in self.specks

    def unmarked(self, shape: tuple[int, ...], k: int) -> NDArray[np.uint8]:
        """Return a mask of the pixels that are not replaced in a plane.

        Parameters
        ----------
        shape : tuple of int
            Shape of the plane, rows first.
        k : int
            Number of the plane.

        Returns
        -------
        numpy.ndarray
            (Y, X) uint8, 255 without marks.
        """
        dust = self.recorded(shape)
        free = np.full(shape[:2], 255, np.uint8) if dust is None else dust
        for places in (self.pixels, self.specks.get(k, self.pixels[:0])):
            free[tuple(places.T)] = 0
        return free

    @property
    def blots(self) -> int:
        """Number of connected spots of dust."""
        return len(self._surroundings)

    @cached_property
    def _surroundings(self) -> list[Window]:
        """Boxes around connected spots of dust; the margin is as wide as the spot's longer side."""
        if not len(self.dust):
            return []
        step = 1 + int(self.dust.max()) // LABELLED
        small = Marks(dust=_reduced(self.dust, step))
        free = small.recorded(tuple(small.dust[:, [1, 3]].max(axis=0)))
        assert free is not None
        _, _, stats, _ = cv2.connectedComponentsWithStats(255 - free)
        boxes = []
        for left, top, width, height, _ in step * stats[1:]:
            beside = max(width, height)
            rows = slice(max(top - beside, 0), top + height + beside)
            boxes.append((rows, slice(max(left - beside, 0), left + width + beside)))
        return boxes

    def _without_dust(self, plane: NDArray[Any]) -> NDArray[Any]:
        """Return a plane with dust filled from its surroundings."""
        filled = plane.copy()
        for blot in self._surroundings:
            part = plane[blot].astype(np.float32)
            free = self.within(blot).recorded(part.shape)
            if free is not None:
                part[free == 0] = np.nan
                painted, _ = without_gaps(part)
                filled[blot][free == 0] = as_dtype(painted, plane.dtype)[free == 0]
        return filled

    def within(self, window: Window) -> Marks:
        """Return the marks within a window.

        Parameters
        ----------
        window : tuple of slice
            Rows and columns.

        Returns
        -------
        Marks
            Marks with rows and columns counted from the corner of the window.
        """
        sides = np.array([(part.start, part.stop) for part in window])
        sides = np.repeat(sides, 2, axis=0)
        dust = np.clip(self.dust, sides[:, 0], sides[:, 1]) - sides[:, 0]
        not_empty = (dust[:, 1] > dust[:, 0]) & (dust[:, 3] > dust[:, 2])
        within = {k: _within(pixels, window) for k, pixels in self.specks.items()}
        specks = {k: pixels for k, pixels in within.items() if len(pixels)}
        return Marks(_within(self.pixels, window), dust[not_empty], specks)


def _within(pixels: NDArray[np.int64], window: Window) -> NDArray[np.int64]:
    """Return the pixels within a window, counted from its corner."""
    corner = np.array([part.start for part in window])
    ends = np.array([part.stop for part in window])
    inside = ((pixels >= corner) & (pixels < ends)).all(axis=1)
    counted: NDArray[np.int64] = pixels[inside] - corner
    return counted


def _without_pixels(plane: NDArray[Any], pixels: NDArray[np.int64]) -> NDArray[Any]:
    """Replace pixels of a plane by the median of their neighbours."""
    last = np.array(plane.shape[:2]) - 1
    rows, cols = pixels.T
    beside = (pixels + step for step in NEIGHBOUR_STEPS)
    # neighbours are mirrored at the border
    around = [plane[tuple((last - np.abs(last - np.abs(neighbours))).T)] for neighbours in beside]
    filled = plane.copy()
    filled[rows, cols] = np.median(around, axis=0)
    return filled


def _reduced(dust: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    """Return the blocks of `step` pixels that rectangles touch."""
    first, end = dust // step, -(-dust // step)
    return np.column_stack([first[:, 0], end[:, 1], first[:, 2], end[:, 3]])
