"""Planes of Zeiss CZI files as czifile 2019 reads them, the last version for Python 3.11.

It has neither scenes nor mosaics nor Zstandard. Tiles of several scenes or of a mosaic are refused;
Zstandard is undone by imagecodecs, since ZEN compresses so by default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.series.readers.czi_grid import (
    SceneGrid,
    grid_of_tiles,
    refuse_parts,
    tile_of,
)
from napari_focus_stack.series.readers.czi_pixels import DECODED, decode_tile
from napari_focus_stack.series.readers.held_file import UnsupportedHereError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_NEWER = "open it with Python 3.12 or later, or install a bioio reader of CZI (bioio-czi)"


def single_scene_of(path: Path, file: Any) -> SceneGrid:
    """Read the directory of a file that is open in czifile 2019.

    Parameters
    ----------
    path : pathlib.Path
        The file, for messages.
    file : czifile.CziFile
        The open file.

    Returns
    -------
    SceneGrid
        The only scene.

    Raises
    ------
    UnsupportedHereError
        There are several scenes, a mosaic, or a compression that this version does not undo.
    InputError
        The file has other axes.
    """
    entries = [
        (number, entry)
        for number, entry in enumerate(file.subblock_directory)
        if entry.pyramid_type == 0
    ]
    if not entries:
        raise InputError(f"'{path.name}' holds no image; choose another file.")
    refuse_parts(path, [entry for _, entry in entries])
    _refuse_on_old_python(path, [entry for _, entry in entries])
    first = entries[0][1]
    by_axis = dict(zip(first.axes, first.shape, strict=True))
    colour = by_axis["0"]
    shape = (by_axis["Y"], by_axis["X"], *([colour] if colour > 1 else []))
    tiles = [
        tile_of(number, entry.axes.replace("S", " ").replace("0", " "), entry)
        for number, entry in entries
    ]
    grid = grid_of_tiles(path, 0, tiles, shape, np.dtype(first.dtype).base)
    if grid.most_tiles > 1:
        raise _unsupported(path, "a mosaic of tiles")
    return grid


def _refuse_on_old_python(path: Path, entries: list[Any]) -> None:
    """Raise UnsupportedHereError for what czifile 2019 would read wrongly or not at all."""
    scenes = {dict(zip(entry.axes, entry.start, strict=True)).get("S", 0) for entry in entries}
    areas = {_area(entry) for entry in entries}
    if len(scenes) > 1:
        raise _unsupported(path, f"{len(scenes)} scenes")
    if len(areas) > 1:
        raise _unsupported(path, "a mosaic of tiles")
    if any(entry.stored_shape != entry.shape for entry in entries):
        raise _unsupported(path, "planes that are stored at another size")
    if len({entry.dtype for entry in entries}) > 1:
        raise _unsupported(path, "channels of several types")
    unknown = {entry.compression for entry in entries} - DECODED
    if unknown:
        raise _unsupported(path, f"compression {min(unknown)}")


def _area(entry: Any) -> tuple[tuple[int, int], ...]:
    """Return the rectangle of a tile."""
    return tuple(
        (start, size)
        for axis, start, size in zip(entry.axes, entry.start, entry.shape, strict=True)
        if axis in "YX"
    )


def _unsupported(path: Path, what: str) -> UnsupportedHereError:
    return UnsupportedHereError(
        f"'{path.name}' has {what}, which cannot be read with this version of Python", _NEWER
    )


def read_subblock(file: Any, grid: SceneGrid, place: tuple[int, int, int]) -> NDArray[Any]:
    """Read a plane by czifile 2019.

    Parameters
    ----------
    file : czifile.CziFile
        The open file.
    grid : SceneGrid
        The only scene.
    place : tuple of int
        Coordinates of the plane.

    Returns
    -------
    numpy.ndarray
        Pixels of `plane_shape`.
    """
    entry = file.subblock_directory[grid.tiles[place][0].number]
    data = entry.data_segment().data(raw=True)
    return decode_tile(data, entry.compression, grid.plane_shape, grid.dtype)
