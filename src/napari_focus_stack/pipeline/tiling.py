"""Stacks that do not fit into memory are fused tile by tile, each with a margin around it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_focus_stack._utils.memory import in_words
from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_focus_stack.imgproc.transforms import Window

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
        Whether it is not cut, so that results can be kept in memory.
    untiled : float
        Bytes that it would take not to cut it.
    """

    tiles: list[Tile]
    whole: bool
    untiled: float


@dataclass(frozen=True)
class Needs:
    """Bytes that a run takes.

    Attributes
    ----------
    pixel : float
        For each pixel that is fused at a time.
    ahead, alone : int
        Besides: if the field is not cut, and if it is.
    threads : int
        That work at a time, which is part of these.
    """

    pixel: float
    ahead: int
    alone: int
    threads: int


def cut(shape: tuple[int, int], limit: int | None, needs: Needs) -> Tiling:
    """Cut a field into as few tiles as fit into memory.

    Parameters
    ----------
    shape : tuple of int
        Of the field, (Y, X).
    limit : int or None
        Bytes that the process may have; None for any number.
    needs : Needs
        What it takes.

    Raises
    ------
    SettingsError
        Not even the smallest tile fits; says what it takes.
    """
    height, width = shape
    everything = Tile((slice(0, height), slice(0, width)), (slice(0, height), slice(0, width)))
    untiled = needs.ahead + needs.pixel * height * width
    if limit is None or untiled <= limit:
        return Tiling([everything], True, untiled)
    room = (limit - needs.alone) / needs.pixel
    rows, cols = (_longest(side) for side in shape)
    grids = [
        (i, j) for i in range(len(rows)) for j in range(len(cols)) if rows[i] * cols[j] <= room
    ]
    if not grids:
        least = needs.alone + needs.pixel * rows[-1] * cols[-1]
        workers = f" with {needs.threads} threads" if needs.threads > 1 else ""
        raise SettingsError(
            f"memory {in_words(limit)} is too little for planes of {width} x {height} pixels"
            f"{workers}; give about {in_words(1.05 * least)}, or {in_words(untiled)} to fuse them "
            "whole, which is faster."
        )
    down, across = min(
        grids, key=lambda grid: ((grid[0] + 1) * (grid[1] + 1), rows[grid[0]] * cols[grid[1]])
    )
    return Tiling(list(_tiles(shape, down + 1, across + 1)), False, untiled)


def _longest(side: int) -> list[int]:
    """Longest part of a side that is cut into one span, two and so on, with its margins."""
    counts = range(1, math.ceil(side / GRID) + 1)
    parts = ([_widened(span, side) for span in _spans(side, count)] for count in counts)
    return [max(part.stop - part.start for part in spans) for spans in parts]


def _tiles(shape: tuple[int, int], down: int, across: int) -> Iterator[Tile]:
    for rows in _spans(shape[0], down):
        for cols in _spans(shape[1], across):
            yield Tile((_widened(rows, shape[0]), _widened(cols, shape[1])), (rows, cols))


def _spans(side: int, count: int) -> list[slice]:
    """A side in at most that many spans of equal length."""
    step = math.ceil(side / count / GRID) * GRID
    return [slice(start, min(start + step, side)) for start in range(0, side, step)]


def _widened(span: slice, side: int) -> slice:
    return slice(max(0, span.start - MARGIN), min(side, span.stop + MARGIN))
