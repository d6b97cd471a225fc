"""Which parts of the field have something near before something far, and which are flat and sharp.

All of it is found on maps of an eighth of the size, that hold the least and greatest of each cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.imgproc.morphology import dilate, disk
from napari_focus_stack.occlusion.patch import WIDE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.imgproc.pyramids import Plane

CELL = 8
"""Pixels a side of a cell."""
PATCH_SIDES = (512, 256, 128)
"""Pixels a side of the parts that are worked on one after the other: the first that fits."""
PATCH_MARGIN = 48
"""Pixels around a part, beyond the reach of blur, that are looked at with it: smoothing and fusion
see as far."""
LOOKED_BESIDE = 16
"""Pixels from a jump, beyond the reach of blur, that are looked at in any case."""
PATCH = 20
"""Cells a side of a flat patch."""
FLAT_RADIUS = 2
FLAT_CELL = 1.0
"""Planes by which depth may change within three cells of a flat one."""
IN_FOCUS = 0.3
"""Planes from a whole one, so that its plane is in focus."""
CREDIBLE = 0.5
FEWEST_CELLS = 20
PATCHES = 3
MOST_PATCHES = 24


@dataclass(frozen=True)
class PatchWindow:
    """A part of the field, in its pixels.

    Attributes
    ----------
    outer : tuple of slice
        Rows and columns that are looked at.
    inner : tuple of slice
        Those of them that may be changed.
    discontinuities : int
        Pixels where depth jumps.
    """

    outer: Window
    inner: Window
    discontinuities: int

    @property
    def pixels(self) -> int:
        """How many are looked at."""
        rows, cols = self.outer
        return int(rows.stop - rows.start) * int(cols.stop - cols.start)


@dataclass(frozen=True)
class FlatPatch:
    """A flat part of the field that a plane shows in focus, in pixels of the field."""

    window: Window
    plane: int


class DepthGrid:
    """What is known of the depth, in cells of 8 x 8 pixels.

    Parameters
    ----------
    depth, confidence : numpy.ndarray
        (Y, X) float32.
    discontinuities : numpy.ndarray
        (Y, X) bool.
    """

    def __init__(self, depth: Plane, confidence: Plane, discontinuities: NDArray[np.bool_]) -> None:
        self._shape = depth.shape
        self._least: Plane = _cells(depth, np.minimum)
        self._greatest: Plane = _cells(depth, np.maximum)
        self._surest: Plane = _cells(confidence, np.minimum)
        self._jumps: NDArray[np.bool_] = _cells(discontinuities, np.logical_or)
        self._counted = discontinuities
        self._lowest: Plane = cv2.erode(self._least, disk(WIDE // CELL))

    def lowest(self, window: Window) -> Plane:
        """Farthest depth within `WIDE` pixels, to whole cells."""
        rows, cols = (np.arange(side.start, side.stop) // CELL for side in window)
        return self._lowest[np.ix_(rows, cols)]

    def parts(self, jump: float, reach: float, pixels: float) -> list[PatchWindow]:
        """Parts in which something may be hidden, or depth may have gone on too far.

        Parameters
        ----------
        jump : float
            Planes by which a thing must be before another.
        reach : float
            Pixels over which it may blur.
        pixels : float
            That a part may have, its margin included, if that can be.
        """
        margin = PATCH_MARGIN + int(reach)
        doubted = dilate(self._jumps, WIDE // CELL) & (self._greatest - self._lowest > jump)
        looked_at = dilate(self._jumps, -(-(LOOKED_BESIDE + int(reach)) // CELL)) | doubted
        block = next((b for b in PATCH_SIDES if (b + 2 * margin) ** 2 <= pixels), PATCH_SIDES[-1])
        side = block // CELL
        found = []
        for top in range(0, len(looked_at), side):
            for left in range(0, looked_at.shape[1], side):
                here = looked_at[top : top + side, left : left + side]
                if here.any():
                    found.append(self._part(top, left, here, margin))
        return [part for part in found if part.discontinuities]

    def _part(self, top: int, left: int, block: NDArray[np.bool_], margin: int) -> PatchWindow:
        rows, cols = (np.flatnonzero(block.any(axis)) for axis in (1, 0))
        starts = top + int(rows[0]), left + int(cols[0])
        ends = top + int(rows[-1]) + 1, left + int(cols[-1]) + 1
        inner, outer = self._pixels(starts, ends, 0), self._pixels(starts, ends, margin)
        return PatchWindow(outer, inner, int(np.count_nonzero(self._counted[outer])))

    def _pixels(self, starts: tuple[int, int], ends: tuple[int, int], margin: int) -> Window:
        rows, cols = (
            slice(max(0, start * CELL - margin), min(side, end * CELL + margin))
            for start, end, side in zip(starts, ends, self._shape, strict=True)
        )
        return rows, cols

    def samples(self, most: int, side: int) -> list[PatchWindow]:
        """Squares around the places with the most jumps."""
        cells, found = side // CELL, []
        crowd = cv2.boxFilter(
            self._jumps.astype(np.float32),
            -1,
            (cells // 2, cells // 2),
            normalize=False,
            borderType=cv2.BORDER_CONSTANT,
        )
        for _ in range(most):
            _, count, _, (x, y) = cv2.minMaxLoc(crowd)
            if count < 1:
                break
            starts, ends = (y - cells // 2, x - cells // 2), (y + cells // 2, x + cells // 2)
            window = self._pixels(starts, ends, 0)
            found.append(PatchWindow(window, window, int(count)))
            crowd[max(0, starts[0]) : ends[0], max(0, starts[1]) : ends[1]] = 0
        return found

    def flat_patches(self, count: int) -> list[FlatPatch]:
        """Patches that each show one of `count` planes in focus, the largest for each plane."""
        kernel = disk(FLAT_RADIUS)
        change = cv2.dilate(self._greatest, kernel) - cv2.erode(self._least, kernel)
        flat = (change < FLAT_CELL) & (self._surest > CREDIBLE)
        middle = (self._least + self._greatest) / 2
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
    """Of every cell what a reduction makes of its pixels."""
    rows, cols = (np.arange(0, side, CELL) for side in pixels.shape)
    cells: NDArray[Any] = ufunc.reduceat(ufunc.reduceat(pixels, rows, axis=0), cols, axis=1)
    return cells


def batches(parts: Sequence[PatchWindow], pixels: float) -> Iterator[list[PatchWindow]]:
    """Parts in groups that have at most so many pixels, each at least one part."""
    batch: list[PatchWindow] = []
    for part in parts:
        if batch and sum(p.pixels for p in batch) + part.pixels > pixels:
            yield batch
            batch = []
        batch.append(part)
    if batch:
        yield batch
