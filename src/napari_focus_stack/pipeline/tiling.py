"""Plan of the memory of a run: the field as a whole or, if that does not fit, in tiles.

Each tile is fused with a margin around it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._utils.memory import drop_pages, memory_mapped_zeros, resident
from napari_focus_stack._utils.spilled_cache import MOST_CACHED
from napari_focus_stack._utils.threads import row_bands
from napari_focus_stack._utils.windows import widened
from napari_focus_stack._utils.wording import format_bytes
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.imgproc.pyramids import Plane, level_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.pipeline.run import Run
    from napari_focus_stack.settings import Settings

TILE_MARGIN = 256
"""Pixels around a tile that are fused with it and then dropped, because a pixel of the result
depends on its surroundings."""
GRID = 256
"""Pixels of which borders of tiles are multiples, so that the pyramid of a tile has the same pixels
as that of the whole field."""
THREAD_BYTES = 24 * 10**6
"""Bytes that a thread keeps for the parts it processes."""
FILLING_BYTES = 28
"""Bytes for each pixel of a float plane while its gaps are filled."""
TILE_LEVELS = 5
"""Pyramid levels that a tile has of its own. Coarser ones depend on pixels beyond its margin, so
they are fused for the whole field first: with 7 levels of its own, a tile is up to 6 grey levels
off (`sphere`)."""


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


@dataclass(frozen=True)
class MemoryNeeds:
    """Bytes that a run needs.

    Attributes
    ----------
    pixel : float
        Bytes for each pixel that is fused at the same time.
    ahead : int
        Other bytes if the field is a single tile and planes are read ahead.
    alone : int
        Other bytes if the field is divided into tiles.
    threads : int
        Number of threads that these figures allow for.
    """

    pixel: float
    ahead: int
    alone: int
    threads: int


def cut(shape: tuple[int, int], limit: int | None, needs: MemoryNeeds) -> Tiling:
    """Divide a field into as few tiles as fit into memory.

    Parameters
    ----------
    shape : tuple of int
        (Y, X) of the field.
    limit : int or None
        Bytes that the process may use; None if there is no limit.
    needs : MemoryNeeds
        Bytes that the run needs.

    Returns
    -------
    Tiling
        The whole field as one tile, or as few tiles as fit.

    Raises
    ------
    SettingsError
        Not even the smallest tile fits; the message states the memory needed.
    """
    height, width = shape
    everything = Tile((slice(0, height), slice(0, width)), (slice(0, height), slice(0, width)))
    untiled = needs.ahead + needs.pixel * height * width
    if limit is None or untiled <= limit:
        return Tiling([everything], True, untiled)
    most_pixels = (limit - needs.alone) / needs.pixel
    rows, cols = (_longest(side) for side in shape)
    grids = [
        (i, j)
        for i in range(len(rows))
        for j in range(len(cols))
        if rows[i] * cols[j] <= most_pixels
    ]
    if not grids:
        least = needs.alone + needs.pixel * rows[-1] * cols[-1]
        workers = f" with {needs.threads} threads" if needs.threads > 1 else ""
        raise SettingsError(
            f"memory {format_bytes(limit)} is too little for planes of {width} x {height} pixels"
            f"{workers}; give about {format_bytes(1.05 * least)}, or {format_bytes(untiled)} to "
            "fuse them whole, which is faster."
        )
    down, across = min(
        grids, key=lambda grid: ((grid[0] + 1) * (grid[1] + 1), rows[grid[0]] * cols[grid[1]])
    )
    return Tiling(list(_tiles(shape, down + 1, across + 1)), False, untiled)


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


def fusion_rounds(run: Run, tiling: Tiling, tiles: int | None = None) -> int:
    """Return how many times the fusion reads every plane.

    Parameters
    ----------
    run : Run
        The run.
    tiling : Tiling
        Division of the field.
    tiles : int, optional
        Number of tiles that are fused; all of them by default.

    Returns
    -------
    int
        Number of rounds over all planes.
    """
    count = len(tiling.tiles) if tiles is None else tiles
    return count * (2 if run.settings.picks else 1) + has_coarse(run, tiling)


def plan_tiling(run: Run, on_plane: bool = False) -> Tiling:
    """Divide the field of a run as its memory allows.

    Parameters
    ----------
    run : Run
        The run.
    on_plane : bool
        Whether whole planes are passed to the caller as they are fused.

    Returns
    -------
    Tiling
        The whole field as one tile, or as few tiles as fit.

    Raises
    ------
    SettingsError
        Not even the smallest tile fits, or whole planes are requested and do not fit.
    """
    shape = run.source.plane_shape
    own = resident() + MOST_CACHED + THREAD_BYTES * run.threads
    if run.source.dtype.kind == "f":
        own += FILLING_BYTES * shape[0] * shape[1]
    plane, pixel = run.plane_bytes, pixel_bytes(run.source, run.settings, on_plane)
    alone = own + (3 if run.readers else 2) * plane
    needs = MemoryNeeds(pixel, ahead=own + 4 * plane, alone=alone, threads=run.threads)
    tiling = cut((shape[0], shape[1]), run.limit, needs)
    if on_plane and not tiling.whole:
        raise SettingsError(
            f"memory {format_bytes(run.limit or 0)} is too little for whole planes beside the "
            f"results, which --debug (on_plane) takes; give "
            f"{format_bytes(tiling.untiled)} or leave it out."
        )
    return tiling


def has_coarse(run: Run, tiling: Tiling) -> bool:
    """Return whether the pyramid of the field has coarser levels than those of its tiles.

    Parameters
    ----------
    run : Run
        The run.
    tiling : Tiling
        Division of the field.

    Returns
    -------
    bool
        Whether there are such levels.
    """
    return not tiling.whole and level_count(run.source.plane_shape) > TILE_LEVELS


def pixel_bytes(source: PlaneSource, settings: Settings, on_plane: bool = False) -> float:
    """Return the bytes for each pixel that is fused, from the arrays that the fusion keeps.

    Parameters
    ----------
    source : PlaneSource
        The planes.
    settings : Settings
        Parameters of the run.
    on_plane : bool
        Whether whole planes are passed to the caller as they are fused.

    Returns
    -------
    float
        Bytes per pixel, results included.
    """
    shape, size = source.plane_shape, min(source.dtype.itemsize, 4)
    channels = 1 if len(shape) == 2 else shape[2]
    further = (channels - 1) * (1 / 3 if source.colour_halved else 4 / 3)  # over all levels
    fusing = 22.5 * 4 / 3 + 8 * further + 2 * size + 1
    depth, smoothing = 10.4, 10.0
    picking = 4 * (3 * channels + 2) if settings.selects else 0
    handed_out = 8 + (8 + source.dtype.itemsize) * channels if on_plane else 0
    return fusing + depth + smoothing + picking + handed_out + channels * source.dtype.itemsize


def height_map(depth: Plane, z_step: float, tiling: Tiling) -> Plane:
    """Return the height, which is depth times z step.

    Parameters
    ----------
    depth : numpy.ndarray
        (Y, X) float32, in planes.
    z_step : float
        Distance of neighbouring planes.
    tiling : Tiling
        Division of the field.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32, in the unit of the step; in a temporary file if the field is in tiles.
    """
    height: Plane = (
        np.empty_like(depth) if tiling.whole else memory_mapped_zeros(depth.shape, depth.dtype)
    )
    for rows in row_bands(depth.shape):
        np.multiply(depth[rows], np.float32(z_step), out=height[rows])
        drop_pages(depth)
        drop_pages(height)
    return height
