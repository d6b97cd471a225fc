"""Nikon ND2 files, read by nd2 one frame at a time."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.spacing_metadata import (
    finite_number,
    micrometres,
    spacing_in_micrometres,
)
from napari_focus_stack.series.model import Channel, Position, Series, StackIndex
from napari_focus_stack.series.readers.grid_series import grid_series, unique_names
from napari_focus_stack.series.readers.held_file import (
    DAMAGED,
    HeldFile,
    optional_library,
    read_headers,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_focus_stack.io.sources import Spacing

_AXES = frozenset("PTCZYXS")
_DAMAGED = (*DAMAGED, NameError)
"""nd2 0.12 refers to what it has not defined where a channel has no fluorescent probe."""
_FRAME, _MOST_UNRECORDED = 4096, 2**17
"""Least bytes of a frame in a file, and most frames that an experiment which was stopped may lack:
nd2 makes a dictionary of each."""
_Frames = dict[tuple[int, int, int], int]
"""Numbers of frames by position, time and z."""


@dataclass(frozen=True)
class _Headers:
    positions: tuple[Position, ...]
    frames: _Frames


def open_nd2(path: Path) -> Series:
    """Open an ND2 file as a series.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    Series
        Stage positions, time points and channels; no pixel is read.

    Raises
    ------
    UnsupportedHereError
        The library nd2 is not installed.
    InputError
        The file is damaged, or has axes that are none of ours.
    """
    library = optional_library("nd2", path, "a Nikon ND2 file")
    open_file = partial(library.ND2File, str(path))
    headers = read_headers(path, open_file, partial(_scan, path), _DAMAGED)
    held = HeldFile(open_file, _DAMAGED)

    def read_plane(index: StackIndex, z: int) -> NDArray[Any]:
        frame = headers.frames[index.position, index.time, z]
        channel = index.channel if len(headers.positions[0].channels) > 1 else None
        return held.read(partial(_read, frame=frame, channel=channel))

    def missing(index: StackIndex) -> list[int]:
        planes = range(headers.positions[index.position].planes)
        return [z for z in planes if (index.position, index.time, z) not in headers.frames]

    return grid_series(path, "Nikon ND2", headers.positions, read_plane, missing=missing)


def _read(file: Any, frame: int, channel: int | None) -> NDArray[Any]:
    """Read one channel of a frame, copied: nd2 may return a view of the file."""
    found = file.read_frame(frame)
    # for a frame that the file lacks, nd2 returns zeros of its own instead of a view that is fixed
    if found.flags.writeable and not file.is_legacy and not found.any():
        raise OSError("the file ends before it")
    return np.array(found if channel is None else found[channel])


def _scan(path: Path, file: Any) -> _Headers:
    """Read axes and metadata of an open file."""
    sizes = {axis: operator.index(length) for axis, length in file.sizes.items()}
    surplus = sorted(set(sizes) - _AXES)
    if surplus:
        raise InputError(
            f"'{path.name}' has an axis '{surplus[0]}' of {sizes[surplus[0]]} beside position, "
            "time, channel and z; save one entry of it as its own file (in NIS-Elements)."
        )
    declared = (file.components_per_channel, *_declared_components(file))
    odd = [components for components in declared if components not in (1, 3)]
    if odd:
        raise InputError(
            f"'{path.name}' has pixels of {odd[0]} components, which are neither grey nor RGB; "
            "save it as OME-TIFF in NIS-Elements."
        )
    shape = (sizes["Y"], sizes["X"], *([sizes["S"]] if "S" in sizes else []))
    common = Position(
        name="",
        times=sizes.get("T", 1),
        channels=_channels(file, sizes.get("C", 1)),
        planes=sizes.get("Z", 1),
        plane_shape=shape,
        dtype=np.dtype(file.dtype),
        spacing=_spacing(file, sizes),
    )
    frames = _frames(path, file, sizes)
    return _Headers(_positions(file, sizes.get("P", 1), common, frames), frames)


def _declared_components(file: Any) -> list[int]:
    """Return the components of every channel, of which nd2 makes lists: gigabytes if damaged."""
    if file.is_legacy:
        return []
    keys = {"ImageMetadataSeqLV|0", "ImageMetadataSeq|0"}
    [content] = file.unstructured_metadata(strip_prefix=False, include=keys).values()
    planes = content.get("SLxPictureMetadata", content).get("sPicturePlanes", {})
    found = (planes.get("sPlaneNew") or planes.get("sPlane") or {}).values()
    return [operator.index(plane.get("uiCompCount", 1)) for plane in found]


def _frames(path: Path, file: Any, sizes: Mapping[str, int]) -> _Frames:
    """Return the frames that the file holds; an experiment that was stopped lacks the last ones."""
    expected = sizes.get("P", 1) * sizes.get("T", 1) * sizes.get("Z", 1)
    if expected > path.stat().st_size // _FRAME + _MOST_UNRECORDED:
        raise InputError(
            f"'{path.name}' declares {expected} frames, far more than it holds; its metadata are "
            "damaged, so copy it again."
        )
    loops: Sequence[Mapping[str, int]] = file.loop_indices or ({},)
    frames = {
        (loop.get("P", 0), loop.get("T", 0), loop.get("Z", 0)): number
        for number, loop in enumerate(loops)
    }
    if len(frames) != len(loops) or len(frames) != expected:
        raise InputError(
            f"'{path.name}' has {len(loops)} frames, which its axes do not account for; "
            "save it as OME-TIFF in NIS-Elements."
        )
    recorded = int(file.attributes.sequenceCount or len(loops))
    return {place: number for place, number in frames.items() if number < recorded}


def _positions(file: Any, count: int, common: Position, frames: _Frames) -> tuple[Position, ...]:
    """Return all stage positions, which have one shape."""
    points: list[Any] = next(
        (loop.parameters.points for loop in file.experiment if _is_xy(loop)), []
    )
    names = [str(point.name or "") for point in points]
    stages = [_stage(point.stagePositionUm) for point in points]
    if len(points) != count:
        names, stages = [""] * count, [None] * count
    if count == 1 and not points:
        stages = [_first_stage(file)]
    return tuple(
        replace(
            common,
            name=name,
            stage=stages[number],
            seconds=_seconds(file, number, common.times, frames),
        )
        for number, name in enumerate(unique_names(names))
    )


def _is_xy(loop: Any) -> bool:
    return str(loop.type) == "XYPosLoop"


def _stage(position: Any) -> tuple[float, float] | None:
    y, x = finite_number(position.y), finite_number(position.x)
    return None if y is None or x is None else (y, x)


def _first_stage(file: Any) -> tuple[float, float] | None:
    """Return the stage position of the first frame; legacy files have none."""
    try:
        return _stage(file.frame_metadata(0).channels[0].position.stagePositionUm)
    except _DAMAGED:
        return None


def _seconds(file: Any, position: int, times: int, frames: _Frames) -> tuple[float, ...]:
    """Return the times of the first planes; empty where one is unknown."""
    if times < 2:
        return ()
    try:
        found = [
            file.frame_metadata(frames[position, t, 0]).channels[0].time.relativeTimeMs / 1000
            for t in range(times)
        ]
    except _DAMAGED:
        return ()
    return tuple(float(seconds - found[0]) for seconds in found)


def _spacing(file: Any, sizes: Mapping[str, int]) -> Spacing:
    """Return distances; a z step without a z axis is 1.0 by default and means nothing."""
    try:
        voxel = file.voxel_size()
    except _DAMAGED:
        return spacing_in_micrometres(None, None, None)
    y, x = micrometres(voxel.y, "um"), micrometres(voxel.x, "um")
    if not _is_calibrated(file):
        y = x = None
    z = micrometres(voxel.z, "um") if sizes.get("Z", 1) > 1 else None
    return spacing_in_micrometres(y, x, z)


def _is_calibrated(file: Any) -> bool:
    """Return whether the pixel size was measured; 1.0 stands where it was not."""
    try:
        return all(file.metadata.channels[0].volume.axesCalibrated[:2])
    except _DAMAGED:
        return True


def _channels(file: Any, count: int) -> tuple[Channel, ...]:
    """Return names and colours; empty channels if the metadata are of another number."""
    try:
        found = [
            Channel(str(entry.channel.name or ""), _colour(entry.channel.color))
            for entry in file.metadata.channels or ()
        ]
    except _DAMAGED:
        found = []
    return tuple(found) if len(found) == count else (Channel(),) * count


def _colour(colour: Any) -> str:
    return f"#{int(colour.r):02X}{int(colour.g):02X}{int(colour.b):02X}"
