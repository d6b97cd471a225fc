"""Micro-Manager: channels, times and stage positions of MMStack and NDTiff files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tifffile.tifffile import read_ndtiff_index

from napari_focus_stack.io.json_documents import parse_json
from napari_focus_stack.io.spacing_metadata import even_step, finite_number
from napari_focus_stack.series.model import Channel
from napari_focus_stack.series.readers.metadata_values import colour_of_integer, relative

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

INDEX = "NDTiff.index"
_Stage = tuple[float, float]


@dataclass(frozen=True)
class Acquisition:
    """What Micro-Manager records beside the planes.

    Attributes
    ----------
    channels : tuple of Channel
        Names and colours; empty if unknown.
    seconds : tuple of float
        Time of each time point after the first; empty if unknown.
    names : tuple of str
        Name of each position; empty if unknown.
    stages : tuple of (float, float) or None
        Stage position (y, x) of each position in micrometres; empty if unknown.
    step : float or None
        Distance of planes along z in micrometres, by the positions of the first stack.
    files : tuple of str
        Names of the files beside the first.
    """

    channels: tuple[Channel, ...] = ()
    seconds: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    stages: tuple[_Stage | None, ...] = ()
    step: float | None = None
    files: tuple[str, ...] = ()


def mmstack_acquisition(summary: Mapping[str, Any], times: int, positions: range) -> Acquisition:
    """Return the record of an MMStack.

    Parameters
    ----------
    summary : mapping of str to object
        Summary of the first file.
    times : int
        Number of time points.
    positions : range
        Numbers of the positions that the files hold.

    Returns
    -------
    Acquisition
        Empty where the summary has nothing.
    """
    step = finite_number(summary.get("Interval_ms"))
    listed = summary.get("StagePositions", summary.get("InitialPositionList")) or ()
    places = listed[positions.start : positions.stop]
    return Acquisition(
        channels=_channels(summary),
        seconds=relative([t * step / 1000 for t in range(times)]) if step else (),
        names=tuple(str(place.get("Label", "")) for place in places),
        stages=tuple(_stage(place) for place in places),
    )


def _channels(summary: Mapping[str, Any]) -> tuple[Channel, ...]:
    """Return names, and colours as Java's integers of alpha, red, green and blue."""
    names = [str(name) for name in summary.get("ChNames") or ()]
    colours = [colour_of_integer(int(colour)) for colour in summary.get("ChColors") or ()]
    if len(colours) != len(names):
        colours = [None] * len(names)
    return tuple(Channel(name, colour) for name, colour in zip(names, colours, strict=True))


def _stage(place: Mapping[str, Any]) -> _Stage | None:
    """Return the stage position of an entry of the position list, old or new."""
    devices = place.get("DeviceCoordinatesUm")
    if isinstance(devices, dict):
        pairs = [values for values in devices.values() if len(values) == 2]
        return (float(pairs[0][1]), float(pairs[0][0])) if len(pairs) == 1 else None
    stage = place.get("DefaultXYStage")
    for device in place.get("DevicePositions") or ():
        values = device.get("Position_um", ())
        if device.get("Device") == stage and len(values) == 2:
            return float(values[1]), float(values[0])
    return None


def ndtiff_acquisition(folder: Path, summary: Mapping[str, Any]) -> Acquisition:
    """Return the record of an NDTiff: records of the first planes of times and positions.

    Parameters
    ----------
    folder : pathlib.Path
        Folder with the index.
    summary : mapping of str to object
        Summary of the first file.

    Returns
    -------
    Acquisition
        Empty where the planes have nothing.
    """
    rows = [_Row.of(entry) for entry in read_ndtiff_index(folder / INDEX)]
    channels = _values(rows, "channel")
    positions, times = _values(rows, "position"), _values(rows, "time")
    at_position = _firsts(rows, "position")
    home = [row for row in rows if row.axes.get("position") == positions[0]]
    at_time = _firsts(home, "time")
    records = _records(folder, [at_position.get(position) for position in positions])
    clock = [at_time.get(time) for time in times]
    elapsed = [finite_number(r.get("ElapsedTime-ms")) for r in _records(folder, clock)]
    named = any(isinstance(channel, str) for channel in channels)
    return Acquisition(
        channels=tuple(Channel(str(c)) for c in channels) if named else _channels(summary),
        seconds=relative([None if ms is None else ms / 1000 for ms in elapsed]),
        names=tuple(p if isinstance(p, str) else "" for p in positions),
        stages=tuple(_planned_stage(record) for record in records),
        step=_step(folder, rows),
        files=tuple(dict.fromkeys(row.file for row in rows)),
    )


@dataclass(frozen=True)
class _Row:
    """One plane in the index: its axes, file, and the place of its record."""

    axes: Mapping[str, int | str]
    file: str
    start: int
    size: int

    @staticmethod
    def of(entry: tuple[Any, ...]) -> _Row:
        return _Row(dict(entry[0]), entry[1], entry[7], entry[8])


def _values(rows: Sequence[_Row], axis: str) -> list[int | str | None]:
    """Return the values along an axis in tifffile's order: names as they come, numbers sorted."""
    found = list(dict.fromkeys(row.axes.get(axis) for row in rows))
    numbers = [value for value in found if isinstance(value, int)]
    return [*range(min(numbers), max(numbers) + 1)] if numbers else found


def _firsts(rows: Sequence[_Row], axis: str) -> dict[int | str | None, _Row]:
    """Return the first plane at each value of an axis."""
    found: dict[int | str | None, _Row] = {}
    for row in rows:
        found.setdefault(row.axes.get(axis), row)
    return found


def _step(folder: Path, rows: Sequence[_Row]) -> float | None:
    """Return the distance along z by the positions of the first stack."""
    others = {axis: value for axis, value in rows[0].axes.items() if axis != "z"}
    stack = [row for row in rows if {**row.axes, **others} == dict(row.axes)]
    stack.sort(key=lambda row: row.axes.get("z", 0))
    records = _records(folder, stack)
    return even_step([finite_number(record.get("ZPosition_um_Intended")) for record in records])


def _planned_stage(record: Mapping[str, Any]) -> _Stage | None:
    """Return the stage position in the record of a plane."""
    y, x = (
        finite_number(record.get(f"{a}Position_um_Intended", record.get(f"{a}PositionUm")))
        for a in "YX"
    )
    return None if y is None or x is None else (y, x)


def _records(folder: Path, rows: Sequence[_Row | None]) -> list[dict[str, Any]]:
    """Return the records of planes; empty ones where they are missing or damaged."""
    return [{} if row is None else _record(folder, row) for row in rows]


def _record(folder: Path, row: _Row) -> dict[str, Any]:
    """Return the record of a plane."""
    try:
        with (folder / row.file).open("rb") as file:
            file.seek(row.start)
            found = parse_json(file.read(row.size))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
