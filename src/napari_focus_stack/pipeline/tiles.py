"""Division of the field into tiles that fit into memory, from shape, settings and memory alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.windows import widened
from napari_focus_stack._utils.wording import format_bytes
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.pipeline.memory_needs import (
    THREAD_BYTES,
    MemoryNeeds,
    PlaneKind,
    memory_needs,
    roomy_bytes,
    with_threads,
    without_threads,
)
from napari_focus_stack.pipeline.occlusion_memory import PatchMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.settings import Settings

TILE_MARGIN = 256
"""Pixels around a tile that are fused with it and then dropped, because a pixel of the result
depends on its surroundings."""
GRID = 256
"""Pixels of which borders of tiles are multiples, so that the pyramid of a tile has the same pixels
as that of the whole field."""


@dataclass(frozen=True)
class Tile:
    """Part of the field that is fused on its own.

    Attributes
    ----------
    outer : tuple of slice
        Rows and columns that are fused, with the margin.
    inner : tuple of slice
        Rows and columns that are kept.
    """

    outer: Window
    inner: Window


@dataclass(frozen=True)
class Tiling:
    """Division of the field into tiles.

    Attributes
    ----------
    tiles : list of Tile
        Tiles in the order in which they are fused.
    whole : bool
        Whether the field is a single tile, so that results can be kept in memory.
    untiled : float
        Bytes needed to fuse the field as a single tile.
    """

    tiles: list[Tile]
    whole: bool
    untiled: float


def cut(shape: tuple[int, int], limit: int, needs: MemoryNeeds) -> Tiling:
    """Divide a field into as few tiles as fit into memory.

    Parameters
    ----------
    shape : tuple of int
        (Y, X) of the field.
    limit : int
        Bytes that the run may use.
    needs : MemoryNeeds
        Bytes that the run needs.

    Returns
    -------
    Tiling
        The whole field as one tile, or as few tiles as fit beside several threads, or else beside
        one.

    Raises
    ------
    SettingsError
        Not even the smallest tile fits; the message states the memory needed.
    """
    height, width = shape
    everything = Tile((slice(0, height), slice(0, width)), (slice(0, height), slice(0, width)))
    untiled, planned = _untiled(shape, needs), without_threads(limit)
    if untiled <= planned:
        return Tiling([everything], True, untiled)
    grid = _fewest_tiles(shape, needs.pixel, planned - needs.alone) or _fewest_tiles(
        shape, needs.pixel, limit - needs.least
    )
    if grid is None:
        raise SettingsError(
            f"memory {format_bytes(limit)} is too little for planes of {width} x {height} pixels; "
            f"give about {format_bytes(1.05 * _least(shape, needs))}, or "
            f"{format_bytes(with_threads(untiled))} to fuse them whole, which is faster."
        )
    return Tiling(list(_tiles(shape, *grid)), False, untiled)


def _fewest_tiles(shape: tuple[int, int], pixel: float, room: float) -> tuple[int, int] | None:
    """Return the number of tiles down and across that fit into so many bytes, or None."""
    rows, cols = (_longest(side) for side in shape)
    grids = [
        (down, across)
        for down in range(1, len(rows) + 1)
        for across in range(1, len(cols) + 1)
        if pixel * rows[down - 1] * cols[across - 1] <= room
    ]
    return min(
        grids,
        key=lambda grid: (math.prod(grid), rows[grid[0] - 1] * cols[grid[1] - 1]),
        default=None,
    )


def _untiled(shape: tuple[int, int], needs: MemoryNeeds) -> float:
    """Return the bytes needed to fuse a field as a single tile."""
    return needs.ahead + needs.pixel * shape[0] * shape[1]


def _least(shape: tuple[int, int], needs: MemoryNeeds) -> float:
    """Return the bytes needed to fuse a field in the smallest tiles, with one thread."""
    return needs.least + needs.pixel * math.prod(_longest(side)[-1] for side in shape)


def _longest(side: int) -> list[int]:
    """Return the longest part, margins included, of a side cut into one span, two and so on."""
    counts = range(1, math.ceil(side / GRID) + 1)
    parts = ([_with_margin(span, side) for span in _spans(side, count)] for count in counts)
    return [max(part.stop - part.start for part in spans) for spans in parts]


def _tiles(shape: tuple[int, int], down: int, across: int) -> Iterator[Tile]:
    """Yield the tiles of a field, row by row."""
    for rows in _spans(shape[0], down):
        for cols in _spans(shape[1], across):
            yield Tile(widened((rows, cols), TILE_MARGIN, shape), (rows, cols))


def _spans(side: int, count: int) -> list[slice]:
    """Divide a side into at most `count` spans of equal length."""
    step = math.ceil(side / count / GRID) * GRID
    return [slice(start, min(start + step, side)) for start in range(0, side, step)]


def _with_margin(span: slice, side: int) -> slice:
    """Return a span of a side with the margin of a tile."""
    return widened((span, span), TILE_MARGIN, (side, side))[0]


def needed_memory(
    planes: int, plane_shape: tuple[int, ...], dtype: np.dtype[Any], settings: Settings
) -> int:
    """Return the memory from which on more changes no result of a stack.

    The field is fused as a whole, specks are looked for, and occlusion in as many patches as with
    all the memory of the machine.

    Parameters
    ----------
    planes : int
        Number of planes.
    plane_shape : tuple of int
        (Y, X) or (Y, X, C).
    dtype : numpy.dtype
        Type of the planes as stored.
    settings : Settings
        Parameters of the run; `memory` and `threads` do not count.

    Returns
    -------
    int
        Bytes of the whole process, for `memory` of the settings; `without_threads` of it with one
        thread.
    """
    kind = PlaneKind(plane_shape, dtype)
    untiled = _untiled((plane_shape[0], plane_shape[1]), memory_needs(kind, settings))
    found: list[float] = [with_threads(untiled), roomy_bytes(kind)]
    if settings.removes_occlusion:
        found.append(PatchMemory(kind, planes, kind.pixels).enough())
    return math.ceil(max(found))


def least_memory(plane_shape: tuple[int, ...], dtype: np.dtype[Any], settings: Settings) -> int:
    """Return the memory at which a stack can be fused at all, in the smallest tiles.

    Parameters
    ----------
    plane_shape : tuple of int
        (Y, X) or (Y, X, C).
    dtype : numpy.dtype
        Type of the planes as stored.
    settings : Settings
        Parameters of the run; `memory` and `threads` do not count.

    Returns
    -------
    int
        Bytes of the whole process. Less is refused by `plan_tiling`; occlusion may take more.
    """
    needs = memory_needs(PlaneKind(plane_shape, dtype), settings)
    return math.ceil(_least((plane_shape[0], plane_shape[1]), needs))


def most_threads(kind: PlaneKind, settings: Settings, limit: int) -> int:
    """Return the number of threads that fit into memory beside what a run is planned with.

    Parameters
    ----------
    kind : PlaneKind
        Shape and type of the planes.
    settings : Settings
        Parameters of the run; `memory` and `threads` do not count.
    limit : int
        Bytes that the run may use.

    Returns
    -------
    int
        1 or more. No result depends on it.
    """
    shape, needs = (kind.shape[0], kind.shape[1]), memory_needs(kind, settings)
    planned = without_threads(limit)
    if _fewest_tiles(shape, needs.pixel, planned - needs.alone) is None:
        return 1
    most = max(_untiled(shape, needs), PatchMemory.most_beside(kind))
    return 1 + int((limit - min(planned, most)) // THREAD_BYTES)
