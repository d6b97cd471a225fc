"""Stacks that do not fit into memory are fused tile by tile, each with a margin around it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_focus_stack.errors import SettingsError
from napari_focus_stack.memory import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_focus_stack.transforms import Window

MARGIN = 256
"""Pixels around a tile that are fused with it and then dropped: what a pixel is made of."""
GRID = 256
"""Tiles start and end at its multiples, so that pyramids of tiles have the whole's pixels."""


@dataclass(frozen=True)
class Tile:
    """A part of the field.

    Attributes
    ----------
    outer : tuple of slice
        Rows and columns that are fused.
    inner : tuple of slice
        Those of them that are kept.
    """

    outer: Window
    inner: Window


@dataclass(frozen=True)
class Tiling:
    """How the field is cut.

    Attributes
    ----------
    tiles : list of Tile
        One after the other.
    whole : bool
        Whether it is not cut, so that planes can be read ahead and results kept in memory.
    """

    tiles: list[Tile]
    whole: bool


def cut(shape: tuple[int, int], limit: int | None, pixel: float, ahead: int, alone: int) -> Tiling:
    """Cut a field into as few tiles as fit into memory.

    Parameters
    ----------
    shape : tuple of int
        Of the field, (Y, X).
    limit : int or None
        Bytes that the process may have; None for any number.
    pixel : float
        Bytes that a pixel takes while it is fused.
    ahead, alone : int
        Bytes that the process has besides: if planes are read ahead, and if they are not.

    Raises
    ------
    SettingsError
        Not even the smallest tile fits; says what it takes.
    """
    height, width = shape
    everything = Tile((slice(0, height), slice(0, width)), (slice(0, height), slice(0, width)))
    if limit is None or ahead + pixel * height * width <= limit:
        return Tiling([everything], True)
    room = (limit - alone) / pixel
    grids = [
        (down, across)
        for down in range(1, math.ceil(height / GRID) + 1)
        for across in range(1, math.ceil(width / GRID) + 1)
        if _largest(shape, down, across) <= room
    ]
    if not grids:
        least = alone + pixel * _largest(shape, math.ceil(height / GRID), math.ceil(width / GRID))
        raise SettingsError(
            f"memory {in_words(limit)} is too little for planes of {width} x {height} pixels; "
            f"give {in_words(1.05 * least)} or more."
        )
    best = min(grids, key=lambda grid: (math.prod(grid), _largest(shape, *grid)))
    return Tiling(list(_tiles(shape, *best)), False)


def _tiles(shape: tuple[int, int], down: int, across: int) -> Iterator[Tile]:
    for rows in _spans(shape[0], down):
        for cols in _spans(shape[1], across):
            yield Tile((_widened(rows, shape[0]), _widened(cols, shape[1])), (rows, cols))


def _largest(shape: tuple[int, int], down: int, across: int) -> int:
    """Pixels of the largest outer part."""
    sides = (
        max(span.stop - span.start for span in (_widened(s, side) for s in _spans(side, count)))
        for side, count in zip(shape, (down, across), strict=True)
    )
    return math.prod(sides)


def _spans(side: int, count: int) -> list[slice]:
    """A side in at most that many spans of equal length."""
    step = math.ceil(side / count / GRID) * GRID
    return [slice(start, min(start + step, side)) for start in range(0, side, step)]


def _widened(span: slice, side: int) -> slice:
    return slice(max(0, span.start - MARGIN), min(side, span.stop + MARGIN))
