"""Tiles of Zeiss CZI files, arranged in planes by scene, time, channel and z."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_focus_stack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import numpy as np

STACKED = "TCZ"
_WIDEST = 2
"""Largest length of an axis by the number of its entries; beyond, the directory is damaged."""
_SURPLUS = {
    "H": "phases",
    "R": "rotations",
    "I": "illumination directions",
    "V": "views",
    "B": "blocks",
}


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
    most_tiles : int
        Number of tiles of a whole plane; more than 1 in a mosaic.
    """

    key: int
    start: Mapping[str, int]
    size: Mapping[str, int]
    plane_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    tiles: Mapping[tuple[int, int, int], tuple[Tile, ...]]
    axes: str
    most_tiles: int

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
        if size[axis] > _WIDEST * len(set(coordinates)):
            raise InputError(
                f"'{path.name}' has {len(set(coordinates))} entries along {axis} at numbers up to "
                f"{max(coordinates)}, so it is damaged; copy or save it again."
            )
    most = max(len(found) for found in by_place.values())
    axes = "".join(every[0].start)
    return SceneGrid(key, start, size, plane_shape, dtype, by_place, axes, most)


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


def refuse_parts(path: Path, entries: Iterable[Any]) -> None:
    """Raise an InputError if pixels lie in other files, which czifile would not open.

    Parameters
    ----------
    path : pathlib.Path
        The file, for messages.
    entries : iterable
        Directory entries of czifile.

    Raises
    ------
    InputError
        The file is one of several.
    """
    if any(entry.file_part for entry in entries):
        raise InputError(
            f"'{path.name}' is one part of an experiment over several files; "
            "save it as one file (in ZEN)."
        )


def tile_of(number: int, axes: str, entry: Any) -> Tile:
    """Return the tile of a directory entry of czifile.

    Parameters
    ----------
    number : int
        Number of the entry in its list.
    axes : str
        Letters of its axes; a blank for scenes and colour, which are no axes of a tile.
    entry : object
        Directory entry with `start` and `shape`.

    Returns
    -------
    Tile
        The tile.
    """
    kept = [
        (axis, int(start), int(size))
        for axis, start, size in zip(axes, entry.start, entry.shape, strict=True)
        if axis != " "
    ]
    return Tile(
        number, {axis: start for axis, start, _ in kept}, {axis: size for axis, _, size in kept}
    )
