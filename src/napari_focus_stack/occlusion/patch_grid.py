"""Search for the parts of the field with occlusion, and for those that are flat and in focus.

Both are found on maps of an eighth of the size, which hold the least and greatest value of each
cell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack._utils.windows import area_of, enclosing, intersection
from napari_focus_stack.imgproc.morphology import dilate, disk
from napari_focus_stack.occlusion.patch import WIDE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.imgproc.pyramids import Plane

CELL = 8
"""Side of a cell, in pixels."""
PATCH_SIDES = (512, 256, 128)
"""Sides, in pixels, of the parts that are processed one after the other: the first that fits into
memory."""
PATCH_MARGIN = 48
"""Margin of a part, in pixels, beyond the reach of blur: smoothing and fusion depend on as much."""
LOOKED_BESIDE = 16
"""Distance from a discontinuity, in pixels, beyond the reach of blur, that is always processed."""
PATCH = 20
"""Side of a flat patch, in cells."""
FLAT_RADIUS = 2
FLAT_CELL = 1.0
"""Largest change of depth, in planes, within three cells of a flat one."""
IN_FOCUS = 0.3
"""Largest distance, in planes, between a depth and the plane that shows it in focus."""
CREDIBLE = 0.5
"""Least confidence in a flat cell."""
FEWEST_CELLS = 20
"""Least number of flat cells in a patch."""
PATCHES = 2
"""Largest number of patches of one plane."""
MOST_PATCHES = 12
"""Largest number of patches of all planes."""


@dataclass(frozen=True)
class PatchWindow:
    """Rows and columns of a part of the field.

    Attributes
    ----------
    outer : tuple of slice
        Rows and columns that are processed.
    inner : tuple of slice
        Rows and columns that may be changed.
    discontinuities : int
        Number of pixels of depth discontinuities in `outer`.
    """

    outer: Window
    inner: Window
    discontinuities: int

    @property
    def pixels(self) -> int:
        """Number of pixels that are processed."""
        return area_of(self.outer)


@dataclass(frozen=True)
class FlatPatch:
    """Flat part of the field that one plane shows in focus.

    Attributes
    ----------
    window : tuple of slice
        Rows and columns of the field.
    plane : int
        Index of the plane.
    """

    window: Window
    plane: int


@dataclass(frozen=True)
class DepthGrid:
    """Depth, confidence and discontinuities in cells of 8 x 8 pixels.

    Attributes
    ----------
    discontinuities : numpy.ndarray
        (Y, X) bool: depth discontinuities that count.
    least, greatest : numpy.ndarray
        (y, x) float32, one value for each cell: depth in planes, counted from the back.
    surest : numpy.ndarray
        (y, x) float32: least confidence of the depth.
    """

    discontinuities: NDArray[np.bool_]
    least: Plane
    greatest: Plane
    surest: Plane

    @classmethod
    def of(cls, depth: Plane, confidence: Plane, discontinuities: NDArray[np.bool_]) -> DepthGrid:
        """Reduce maps to cells.

        Parameters
        ----------
        depth, confidence : numpy.ndarray
            (Y, X) float32: depth in planes, counted from the back, and its confidence.
        discontinuities : numpy.ndarray
            (Y, X) bool: depth discontinuities that count.

        Returns
        -------
        DepthGrid
            Grid that covers the maps.
        """
        least, greatest = _cells(depth, np.minimum), _cells(depth, np.maximum)
        return cls(discontinuities, least, greatest, _cells(confidence, np.minimum))

    def turned(self, last: float) -> DepthGrid:
        """Return the grid of the depth counted from the front.

        Parameters
        ----------
        last : float
            Depth of the last plane.

        Returns
        -------
        DepthGrid
            Grid of `last` less the depth.
        """
        far = np.float32(last)
        return replace(self, least=far - self.greatest, greatest=far - self.least)

    @cached_property
    def _apart(self) -> NDArray[np.bool_]:
        """Cells with discontinuities."""
        return _cells(self.discontinuities, np.logical_or)

    @cached_property
    def _lowest(self) -> Plane:
        """Rearmost depth around each cell."""
        return np.asarray(cv2.erode(self.least, disk(WIDE // CELL)))

    def lowest(self, window: Window) -> Plane:
        """Return the rearmost depth within `WIDE` pixels, rounded to whole cells.

        Parameters
        ----------
        window : tuple of slice
            Rows and columns of the field.

        Returns
        -------
        numpy.ndarray
            (y, x) float32, in planes.
        """
        rows, cols = (np.arange(side.start, side.stop) // CELL for side in window)
        return self._lowest[np.ix_(rows, cols)]

    def parts(self, jump: float, reach: float, pixels: float) -> list[PatchWindow]:
        """Find the parts where something may be hidden, or depth may be continued too far.

        Parameters
        ----------
        jump : float
            Planes by which the foreground lies in front of the background at least.
        reach : float
            Distance, in pixels, over which the foreground may blur.
        pixels : float
            Largest number of pixels of a part with its margin, if that is possible.

        Returns
        -------
        list of PatchWindow
            Parts with discontinuities.
        """
        margin = PATCH_MARGIN + int(reach)
        doubted = dilate(self._apart, WIDE // CELL) & (self.greatest - self._lowest > jump)
        processed = dilate(self._apart, -(-(LOOKED_BESIDE + int(reach)) // CELL)) | doubted
        block = next((b for b in PATCH_SIDES if (b + 2 * margin) ** 2 <= pixels), PATCH_SIDES[-1])
        side = block // CELL
        found = []
        for top in range(0, len(processed), side):
            for left in range(0, processed.shape[1], side):
                here = processed[top : top + side, left : left + side]
                if here.any():
                    found.append(self._part(top, left, here, margin))
        largest = min(pixels, (PATCH_SIDES[0] + 2 * margin) ** 2)
        return [part for part in self._joined(found, largest) if part.discontinuities]

    def _part(self, top: int, left: int, block: NDArray[np.bool_], margin: int) -> PatchWindow:
        """Return the smallest part with all marked cells of a block that starts at a cell."""
        rows, cols = (np.flatnonzero(block.any(axis)) for axis in (1, 0))
        starts = top + int(rows[0]), left + int(cols[0])
        ends = top + int(rows[-1]) + 1, left + int(cols[-1]) + 1
        return self._counted(self._pixels(starts, ends, margin), self._pixels(starts, ends, 0))

    def _counted(self, outer: Window, inner: Window) -> PatchWindow:
        return PatchWindow(outer, inner, int(np.count_nonzero(self.discontinuities[outer])))

    def _joined(self, parts: list[PatchWindow], largest: float) -> list[PatchWindow]:
        """Join parts with overlapping margins where one part with both has fewer pixels."""
        joined: list[PatchWindow] = []
        for i, part in enumerate(parts):
            for j, other in enumerate(joined):
                outer = enclosing(part.outer, other.outer)
                inner = enclosing(part.inner, other.inner)
                others = [*joined[:j], *joined[j + 1 :], *parts[i + 1 :]]
                if area_of(outer) <= min(largest, part.pixels + other.pixels) and not any(
                    intersection(inner, another.inner) for another in others
                ):
                    joined[j] = self._counted(outer, inner)
                    break
            else:
                joined.append(part)
        return joined

    def _pixels(self, starts: tuple[int, int], ends: tuple[int, int], margin: int) -> Window:
        """Return the pixels of a rectangle of cells and of a margin, as far as they exist."""
        rows, cols = (
            slice(max(0, start * CELL - margin), min(side, end * CELL + margin))
            for start, end, side in zip(starts, ends, self.discontinuities.shape, strict=True)
        )
        return rows, cols

    def samples(self, most: int, side: int) -> list[PatchWindow]:
        """Find squares around the places with the most discontinuities.

        Parameters
        ----------
        most : int
            Largest number of squares.
        side : int
            Side of a square, in pixels.

        Returns
        -------
        list of PatchWindow
            Squares, the one with the most discontinuities first.
        """
        cells, found = side // CELL, []
        density = cv2.boxFilter(
            self._apart.astype(np.float32),
            -1,
            (cells // 2, cells // 2),
            normalize=False,
            borderType=cv2.BORDER_CONSTANT,
        )
        for _ in range(most):
            _, count, _, (x, y) = cv2.minMaxLoc(density)
            if count < 1:
                break
            starts, ends = (y - cells // 2, x - cells // 2), (y + cells // 2, x + cells // 2)
            window = self._pixels(starts, ends, 0)
            found.append(PatchWindow(window, window, int(count)))
            density[max(0, starts[0]) : ends[0], max(0, starts[1]) : ends[1]] = 0
        return found

    def flat_patches(self, count: int) -> list[FlatPatch]:
        """Find flat patches that one plane shows in focus.

        Parameters
        ----------
        count : int
            Number of planes.

        Returns
        -------
        list of FlatPatch
            The largest patches of each plane, those with the most flat cells first.
        """
        kernel = disk(FLAT_RADIUS)
        change = cv2.dilate(self.greatest, kernel) - cv2.erode(self.least, kernel)
        flat = (change < FLAT_CELL) & (self.surest > CREDIBLE)
        middle = (self.least + self.greatest) / 2
        found: list[tuple[float, FlatPatch]] = []
        half = PATCH // 2
        for k in range(count):
            sharp = (flat & (np.abs(middle - k) < IN_FOCUS)).astype(np.float32)
            cells = cv2.boxFilter(
                sharp, -1, (PATCH, PATCH), normalize=False, borderType=cv2.BORDER_CONSTANT
            )
            for _ in range(PATCHES):
                _, most, _, (x, y) = cv2.minMaxLoc(cells)
                if most < FEWEST_CELLS:
                    break
                rows, cols = slice(max(0, y - half), y + half), slice(max(0, x - half), x + half)
                ends = min(rows.stop, len(cells)), min(cols.stop, cells.shape[1])
                window = self._pixels((rows.start, cols.start), ends, 0)
                found.append((most, FlatPatch(window, k)))
                cells[rows, cols] = 0
        found.sort(key=lambda one: -one[0])
        return [patch for _, patch in found[:MOST_PATCHES]]


def _cells(pixels: NDArray[Any], ufunc: np.ufunc) -> NDArray[Any]:
    """Reduce the pixels of every cell to one value."""
    bands = _bands(pixels, ufunc)
    return np.ascontiguousarray(_bands(np.ascontiguousarray(bands.T), ufunc).T)


def _bands(pixels: NDArray[Any], ufunc: np.ufunc) -> NDArray[Any]:
    """Reduce every `CELL` rows to one, a fifth of the time of `ufunc.reduceat`."""
    full = len(pixels) // CELL * CELL
    bands = ufunc.reduce(pixels[:full].reshape(-1, CELL, pixels.shape[1]), axis=1)
    if full < len(pixels):
        bands = np.concatenate([bands, ufunc.reduce(pixels[full:], axis=0, keepdims=True)])
    return np.asarray(bands)


def batches(parts: Sequence[PatchWindow], pixels: float) -> Iterator[list[PatchWindow]]:
    """Group parts so that each group has a limited number of pixels.

    Parameters
    ----------
    parts : sequence of PatchWindow
        Parts of the field.
    pixels : float
        Largest number of pixels of a group, unless its only part has more.

    Yields
    ------
    list of PatchWindow
        One part or more, in the order of `parts`.
    """
    batch: list[PatchWindow] = []
    for part in parts:
        if batch and sum(p.pixels for p in batch) + part.pixels > pixels:
            yield batch
            batch = []
        batch.append(part)
    if batch:
        yield batch
