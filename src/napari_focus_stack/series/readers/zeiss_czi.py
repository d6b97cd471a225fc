"""Zeiss CZI files, read by czifile one plane at a time; every scene is a position."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_focus_stack.series.model import Channel, Position, Series, StackIndex
from napari_focus_stack.series.readers.czi_metadata import (
    CziMetadata,
    CziScene,
    parse_czi_metadata,
)
from napari_focus_stack.series.readers.czi_scenes import read_from_scene, scenes_of
from napari_focus_stack.series.readers.czi_subblocks import read_subblock, single_scene_of
from napari_focus_stack.series.readers.grid_series import grid_series, unique_names
from napari_focus_stack.series.readers.held_file import (
    DAMAGED,
    HeldFile,
    optional_library,
    read_headers,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_focus_stack.series.readers.czi_grid import SceneGrid

_MOSAIC = "Tiles of a mosaic were joined as they are recorded; pixels between them are 0."
_PENDING = (
    "The file is marked as unfinished, as after an interrupted recording, so planes may be "
    "missing; save it again in ZEN."
)


@dataclass(frozen=True)
class _Headers:
    grids: list[SceneGrid]
    metadata: CziMetadata
    is_pending: bool


def open_czi(path: Path) -> Series:
    """Open a CZI file as a series, with every scene as a position.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    Series
        Scenes, time points and channels; no pixel is read.

    Raises
    ------
    UnsupportedHereError
        The library czifile is not installed, or the one for this Python cannot read the file.
    InputError
        The file is damaged, or has axes beyond scene, time, channel and z.
    """
    library = optional_library("czifile", path, "a Zeiss CZI file")
    has_scenes = hasattr(library.CziFile, "scenes")
    options = {"squeeze": False} if has_scenes else {}
    open_file = partial(_opened, library.CziFile, str(path), **options)
    damaged = DAMAGED if has_scenes else (*DAMAGED, library.SegmentNotFoundError)
    scan = partial(_scan, path, has_scenes=has_scenes)
    headers = read_headers(path, open_file, scan, damaged)
    read = read_from_scene if has_scenes else read_subblock
    held = HeldFile(open_file, damaged)

    def read_plane(index: StackIndex, z: int) -> NDArray[Any]:
        grid = headers.grids[index.position]
        place = grid.place(index.time, index.channel, z)
        return held.read(partial(read, grid=grid, place=place))

    def missing(index: StackIndex) -> list[int]:
        grid = headers.grids[index.position]
        places = [grid.place(index.time, index.channel, z) for z in range(grid.size["Z"])]
        return [z for z, place in enumerate(places) if not grid.is_whole(place)]

    return grid_series(
        path,
        "Zeiss CZI",
        _positions(headers),
        read_plane,
        missing=missing,
        notes=[
            *([_MOSAIC] if any(grid.most_tiles > 1 for grid in headers.grids) else []),
            *([_PENDING] if headers.is_pending else []),
        ],
    )


def _opened(file_type: Any, name: str, **options: bool) -> Any:
    """Open a file by czifile, whose constructor leaves a damaged second part of a file open."""
    file = file_type.__new__(file_type)
    try:
        file.__init__(name, **options)
    except Exception:
        with suppress(AttributeError):  # none was opened
            file.close()
        raise
    return file


def _scan(path: Path, file: Any, *, has_scenes: bool) -> _Headers:
    """Read the directory and the metadata of an open file."""
    grids = scenes_of(path, file) if has_scenes else [single_scene_of(path, file)]
    is_pending = bool(getattr(file.header, "update_pending", False))
    return _Headers(grids, parse_czi_metadata(file.metadata()), is_pending)


def _positions(headers: _Headers) -> list[Position]:
    """Return one position for each scene."""
    metadata = headers.metadata
    scenes = [metadata.scenes.get(grid.key, CziScene()) for grid in headers.grids]
    names = unique_names([scene.name for scene in scenes])
    return [
        Position(
            name=name,
            times=grid.size["T"],
            channels=_channels(metadata, grid.size["C"]),
            planes=grid.size["Z"],
            plane_shape=grid.plane_shape,
            dtype=grid.dtype,
            spacing=metadata.spacing if grid.size["Z"] > 1 else replace(metadata.spacing, z=None),
            seconds=metadata.seconds(grid.size["T"]),
            stage=scene.stage,
            well=scene.well,
        )
        for grid, scene, name in zip(headers.grids, scenes, names, strict=True)
    ]


def _channels(metadata: CziMetadata, count: int) -> tuple[Channel, ...]:
    """Return the channels; empty ones if the metadata are of another number."""
    found = metadata.channels
    return found if len(found) == count else (Channel(),) * count
