"""What microscopes write beside the files of a folder: distances, channels, times and places.

Micro-Manager writes metadata.txt, CellVoyager MeasurementData.mlf and MeasurementDetail.mrf. Files
that are damaged or larger than `LARGEST` are ignored.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from napari_focus_stack.io.json_documents import parse_json
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.spacing_metadata import (
    completed,
    even_step,
    finite_number,
    micrometres,
    spacing_in_micrometres,
)
from napari_focus_stack.io.xml_documents import parse_xml
from napari_focus_stack.series.model import Channel, StackIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from napari_focus_stack.series.readers.folder_grid import FolderGrid

LARGEST = 1 << 26
"""Bytes of a file that is parsed."""
_Files = dict[str, StackIndex]


@dataclass(frozen=True)
class _Record:
    """Metadata of one plane: seconds, and micrometres."""

    index: StackIndex
    seconds: float | None
    z: float | None
    y: float | None
    x: float | None


@dataclass(frozen=True)
class FolderMetadata:
    """Metadata beside the files of a folder; what is unknown is empty.

    Attributes
    ----------
    spacing : Spacing
        Pixel size and z step.
    channels : mapping of str to Channel
        Names and colours by the label in the names of files.
    seconds : mapping of int to (tuple of float)
        Times after the first one by position.
    stage : mapping of int to (float, float)
        Stage position (y, x) in micrometres by position.
    """

    spacing: Spacing = field(default_factory=Spacing)
    channels: Mapping[str, Channel] = field(default_factory=dict)
    seconds: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    stage: Mapping[int, tuple[float, float]] = field(default_factory=dict)


def read_metadata(grid: FolderGrid) -> FolderMetadata:
    """Read the metadata beside the files of a grid.

    Parameters
    ----------
    grid : FolderGrid
        Files of a folder.

    Returns
    -------
    FolderMetadata
        Empty if there is no such file.
    """
    folders: dict[Path, _Files] = defaultdict(dict)
    for index, stack in grid.files.items():
        for file in stack.values():
            folders[file.parent][file.name] = index
    spacing, channels = Spacing(), dict[str, Channel]()
    records: list[_Record] = []
    for folder, files in folders.items():
        summary, found = _micro_manager(folder, files)
        if summary:
            spacing = completed(spacing, _summary_spacing(summary))
            channels |= _summary_channels(summary, grid.channels)
        spacing = completed(spacing, _cell_voyager_pixels(folder))
        records += [*found, *_cell_voyager(folder, files)]
    by_position: dict[int, list[_Record]] = defaultdict(list)
    for record in records:
        by_position[record.index.position].append(record)
    seconds = {position: _seconds(found) for position, found in by_position.items()}
    spacing = completed(spacing, spacing_in_micrometres(None, None, _step(records)))
    return FolderMetadata(
        spacing,
        channels,
        {p: times for p, times in seconds.items() if len(times) == len(grid.times) > 1},
        {
            position: (record.y, record.x)
            for position, found in by_position.items()
            for record in found[:1]
            if record.y is not None and record.x is not None
        },
    )


def _seconds(records: Iterable[_Record]) -> tuple[float, ...]:
    """Return when each time point began, after the first one; empty if that is unknown."""
    first: dict[int, float] = {}
    for record in records:
        if record.seconds is None:
            return ()
        first[record.index.time] = min(record.seconds, first.get(record.index.time, record.seconds))
    return tuple(first[time] - first[min(first)] for time in sorted(first))


def _step(records: Sequence[_Record]) -> float | None:
    """Return the z step of the first stack that has records."""
    if not records:
        return None
    depths = [record.z for record in records if record.index == records[0].index]
    known = sorted(z for z in depths if z is not None)
    return even_step(known) if len(known) == len(depths) else None


def _text(file: Path) -> str:
    """Return the text of a file; empty if it is missing or too large."""
    try:
        if not file.is_file() or file.stat().st_size > LARGEST:
            return ""
        return file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:  # the planes can be read all the same
        return ""


def _micro_manager(folder: Path, files: _Files) -> tuple[dict[str, Any], list[_Record]]:
    """Return the summary and the records of Micro-Manager's metadata.txt."""
    try:
        found = parse_json(_text(folder / "metadata.txt") or "{}")
    except ValueError:  # an interrupted recording ends in the middle
        found = {}
    found = found if isinstance(found, dict) else {}
    summary = found.get("Summary")
    records = []
    for key, plane in found.items():
        if key != "Summary" and isinstance(plane, dict):
            name = str(plane.get("FileName", key)).rpartition("/")[2]
            if name in files:
                elapsed = finite_number(plane.get("ElapsedTime-ms", plane.get("ElapsedTimeMs")))
                seconds = None if elapsed is None else elapsed / 1000
                place = (finite_number(plane.get(f"{axis}PositionUm")) for axis in "ZYX")
                records.append(_Record(files[name], seconds, *place))
    return summary if isinstance(summary, dict) else {}, records


def _summary_spacing(summary: Mapping[str, Any]) -> Spacing:
    pixel = micrometres(summary.get("PixelSize_um"), "um")
    return spacing_in_micrometres(pixel, pixel, micrometres(summary.get("z-step_um"), "um"))


def _summary_channels(summary: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Channel]:
    """Return names and colours; labels are names themselves, or "channel000" and so on."""
    names, colours = summary.get("ChNames"), summary.get("ChColors")
    if not isinstance(names, list):
        return {}
    codes = colours if isinstance(colours, list) and len(colours) == len(names) else []
    found = {}
    for label in labels:
        number = label.removeprefix("channel")
        k = int(number) if number.isdigit() else names.index(label) if label in names else -1
        if 0 <= k < len(names):
            code = codes[k] if codes and isinstance(codes[k], int) else None
            colour = None if code is None else f"#{code & 0xFFFFFF:06X}"
            found[label] = Channel(str(names[k]), colour)
    return found


_YOKOGAWA = "{http://www.yokogawa.co.jp/BTS/BTSSchema/1.0}"


def _elements(file: Path, tag: str) -> list[ElementTree.Element]:
    """Return the elements of a file of CellVoyager; none if it is missing or damaged."""
    text = _text(file)
    try:
        return list(parse_xml(text).iter(_YOKOGAWA + tag)) if text else []
    except (ElementTree.ParseError, ValueError):
        return []


def _cell_voyager(folder: Path, files: _Files) -> list[_Record]:
    """Return the records of MeasurementData.mlf."""
    records = []
    for element in _elements(folder / "MeasurementData.mlf", "MeasurementRecord"):
        index = files.get(element.text or "")
        if index is not None:
            seconds = _clock(element.get(f"{_YOKOGAWA}Time", ""))
            place = (finite_number(element.get(_YOKOGAWA + axis)) for axis in "ZYX")
            records.append(_Record(index, seconds, *place))
    return records


def _clock(text: str) -> float | None:
    """Return the seconds of a date and time in ISO's form."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _cell_voyager_pixels(folder: Path) -> Spacing:
    """Return the pixel size of MeasurementDetail.mrf."""
    for element in _elements(folder / "MeasurementDetail.mrf", "MeasurementChannel"):
        sizes = (
            element.get(f"{_YOKOGAWA}{side}PixelDimension") for side in ("Vertical", "Horizontal")
        )
        y, x = (micrometres(size, "um") for size in sizes)
        return spacing_in_micrometres(y, x, None)
    return Spacing()
