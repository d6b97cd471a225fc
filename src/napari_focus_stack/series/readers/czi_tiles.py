"""Tiles of Zeiss CZI files: the directory of their planes, in both versions of czifile.

The czifile of 2019, the last one for Python 3.11, has neither scenes nor mosaics nor Zstandard.
Tiles of several scenes or of a mosaic are refused with it; Zstandard is undone here, since ZEN
compresses so by default.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.series.readers.czi_pixels import DECODED, decode_tile
from napari_focus_stack.series.readers.held_file import UnsupportedHereError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

STACKED = "TCZ"
_SURPLUS = {
    "H": "phases",
    "R": "rotations",
    "I": "illumination directions",
    "V": "views",
    "B": "blocks",
}
_NEWER = "open it with Python 3.12 or later, or install a bioio reader of CZI (bioio-czi)"


@dataclass(frozen=True)
class Tile:
    """A piece of a plane, or a whole plane.

    Attributes
    ----------
    number : int
        Its number in the directory of the file.
    start, size : mapping of str to int
        First coordinate and number of entries along each axis.
    """

    number: int
    start: Mapping[str, int]
    size: Mapping[str, int]

    @property
    def place(self) -> tuple[int, int, int]:
        """Coordinates along time, channel and z."""
        t, c, z = (self.start.get(axis, 0) for axis in STACKED)
        return t, c, z


@dataclass(frozen=True)
class SceneGrid:
    """One scene: a grid of planes by time, channel and z.

    Attributes
    ----------
    key : int
        Number of the scene in the file.
    start, size : mapping of str to int
        First coordinate and length along "T", "C" and "Z".
    plane_shape : tuple of int
        (Y, X) or (Y, X, C).
    dtype : numpy.dtype
        Type of the planes.
    tiles : mapping
        Tiles of each plane by their coordinates.
    axes : str
        Axes that the file names.
    """

    key: int
    start: Mapping[str, int]
    size: Mapping[str, int]
    plane_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    tiles: Mapping[tuple[int, int, int], tuple[Tile, ...]]
    axes: str

    def place(self, time: int, channel: int, z: int) -> tuple[int, int, int]:
        """Return the coordinates in the file of a plane that is counted from 0.

        Parameters
        ----------
        time, channel, z : int
            Numbers of the plane.

        Returns
        -------
        tuple of int
            Coordinates along time, channel and z.
        """
        return self.start["T"] + time, self.start["C"] + channel, self.start["Z"] + z

    def is_whole(self, place: tuple[int, int, int]) -> bool:
        """Return whether the file holds a plane with as many tiles as the others.

        Parameters
        ----------
        place : tuple of int
            Result of `place`.

        Returns
        -------
        bool
            A plane that lacks a tile would have a black hole.
        """
        return len(self.tiles.get(place, ())) == self.most_tiles

    @property
    def most_tiles(self) -> int:
        """Number of tiles of a whole plane."""
        return max(Counter(len(tiles) for tiles in self.tiles.values()))


def grid_of_tiles(
    path: Path, key: int, tiles: Iterable[Tile], plane_shape: tuple[int, ...], dtype: np.dtype[Any]
) -> SceneGrid:
    """Arrange the tiles of a scene by time, channel and z.

    Parameters
    ----------
    path : pathlib.Path
        The file, for messages.
    key : int
        Number of the scene in the file.
    tiles : iterable of Tile
        Tiles at full resolution.
    plane_shape : tuple of int
        Shape of the whole planes.
    dtype : numpy.dtype
        Type of the planes.

    Returns
    -------
    SceneGrid
        The scene.

    Raises
    ------
    InputError
        The scene has other axes, or tiles that hold several planes.
    """
    by_place: dict[tuple[int, int, int], tuple[Tile, ...]] = {}
    for tile in tiles:
        by_place[tile.place] = (*by_place.get(tile.place, ()), tile)
    every = [tile for found in by_place.values() for tile in found]
    if not every:
        raise InputError(f"'{path.name}' holds no image; choose another file.")
    _refuse_surplus(path, every)
    start, size = {}, {}
    for axis, coordinates in zip(STACKED, zip(*by_place, strict=True), strict=True):
        start[axis] = min(coordinates)
        size[axis] = max(coordinates) - start[axis] + 1
    return SceneGrid(key, start, size, plane_shape, dtype, by_place, "".join(every[0].start))


def _refuse_surplus(path: Path, tiles: list[Tile]) -> None:
    """Raise an InputError for axes beyond time, channel and z, which would be mixed up."""
    for axis, what in _SURPLUS.items():
        count = len({tile.start.get(axis, 0) for tile in tiles})
        if count > 1:
            raise InputError(
                f"'{path.name}' has {count} {what} beside time, channel and z; process it first, "
                "or save one of them as its own file (in ZEN)."
            )
    several = any(
        size > 1 for tile in tiles for axis, size in tile.size.items() if axis not in "YX"
    )
    if several:
        raise InputError(
            f"'{path.name}' holds a line scan or a volume in one piece, no planes; "
            "save it as OME-TIFF (in ZEN)."
        )


def scenes_of(path: Path, file: Any) -> list[SceneGrid]:
    """Read the directory of a file that is open in czifile 2026 without squeezing.

    Parameters
    ----------
    path : pathlib.Path
        The file, for messages.
    file : czifile.CziFile
        The open file.

    Returns
    -------
    list of SceneGrid
        Scenes in their order.

    Raises
    ------
    InputError
        A scene has other axes.
    """
    grids = []
    for key, image in file.scenes.items():
        sizes = dict(image.sizes)
        tiles = [
            _tile(number, entry.dims, entry.start, entry.shape, "S")
            for number, entry in enumerate(image.directory_entries)
        ]
        colour = sizes.get("S", 1)
        shape = (sizes["Y"], sizes["X"], *([colour] if colour > 1 else []))
        grids.append(grid_of_tiles(path, key, tiles, shape, np.dtype(image.dtype)))
    return grids


def read_from_scene(file: Any, grid: SceneGrid, place: tuple[int, int, int]) -> NDArray[Any]:
    """Read a plane by czifile 2026, which joins the tiles of a mosaic.

    Parameters
    ----------
    file : czifile.CziFile
        The file, open without squeezing.
    grid : SceneGrid
        The scene.
    place : tuple of int
        Coordinates of the plane.

    Returns
    -------
    numpy.ndarray
        Pixels of `plane_shape`.
    """
    at = {axis: n for axis, n in zip(STACKED, place, strict=True) if axis in grid.axes}
    found = file.scenes[grid.key](**at).asarray(maxworkers=1)
    return np.array(found).reshape(grid.plane_shape)


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
    _refuse_on_old_python(path, [entry for _, entry in entries])
    first = entries[0][1]
    by_axis = dict(zip(first.axes, first.shape, strict=True))
    colour = by_axis["0"]
    shape = (by_axis["Y"], by_axis["X"], *([colour] if colour > 1 else []))
    tiles = [_tile(number, entry.axes, entry.start, entry.shape, "S0") for number, entry in entries]
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


def _tile(number: int, axes: Any, starts: Any, sizes: Any, ignored: str) -> Tile:
    """Return a tile; scenes and colour are no axes of its own."""
    kept = [
        (axis, int(start), int(size))
        for axis, start, size in zip(axes, starts, sizes, strict=True)
        if axis not in ignored
    ]
    return Tile(
        number, {axis: start for axis, start, _ in kept}, {axis: size for axis, _, size in kept}
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
