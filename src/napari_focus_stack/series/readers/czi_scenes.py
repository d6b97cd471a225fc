"""Scenes of Zeiss CZI files as czifile 2026 reads them, on Python 3.12 and later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.series.readers.czi_grid import (
    STACKED,
    SceneGrid,
    grid_of_tiles,
    refuse_parts,
    tile_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


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
    refuse_parts(path, file.filtered_subblock_directory)
    for key, image in file.scenes.items():
        sizes = dict(image.sizes)
        tiles = [
            tile_of(number, "".join(entry.dims).replace("S", " "), entry)
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
