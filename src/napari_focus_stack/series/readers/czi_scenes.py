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
from napari_focus_stack.series.readers.czi_pixels import JPEG_XR, check_jpeg_xr

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

    Raises
    ------
    ValueError
        A tile is damaged.
    """
    at = {axis: n for axis, n in zip(STACKED, place, strict=True) if axis in grid.axes}
    image = file.scenes[grid.key](**at)
    for entry in image.directory_entries:
        if entry.compression == JPEG_XR:
            _check_tile(file, entry)
    return np.array(image.asarray(maxworkers=1)).reshape(grid.plane_shape)


def _check_tile(file: Any, entry: Any) -> None:
    """Check a tile of JPEG XR as czifile is going to decode it."""
    dtype = np.dtype(entry.pixel_type.dtype)
    data = entry.read_segment_data(file).data(raw=True)
    if len(data) == entry.stored_size * dtype.itemsize:
        return  # the pixels themselves, as some writers of ZEN leave them
    sizes = dict(zip(entry.dims, entry.stored_shape, strict=True))
    colours = (sizes["S"],) if sizes.get("S", 1) > 1 else ()
    check_jpeg_xr(data, (sizes["Y"], sizes["X"], *colours), dtype)
