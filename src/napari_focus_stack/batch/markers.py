"""Markers of a batch: the report of a stack as the sign that it is done, written last.

Whatever dies, and whenever: a stack without a marker is not done, and one with a marker is. Object
storage has no renaming, so that nothing but the order of writing is relied on.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence  # noqa: TC003 - `checked` reads the annotations
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_focus_stack.batch.plain_types import checked
from napari_focus_stack.batch.records import BatchRecord
from napari_focus_stack.io.json_documents import read_json
from napari_focus_stack.io.places import (
    is_remote,
    make_folder,
    read_errors,
    write_bytes_to,
    write_errors,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_focus_stack.batch.tasks import BatchOrder, StackTask
    from napari_focus_stack.result import Report

FOLDER = "reports"
"""Folder of the markers in that of the results."""
SUFFIX = ".focusstack.json"
KEY = "batch"
"""Entry of a report that makes it a marker."""
READERS = 16
"""Markers that are read at the same time: from object storage, each takes some milliseconds."""


@dataclass(frozen=True)
class Marker:
    """What the marker of a stack says.

    Attributes
    ----------
    record : BatchRecord
        What became of the stack.
    fingerprint : str
        That of its files when it was read.
    made_with : mapping of str to object
        Settings, format and version of the run.
    layout : sequence of int
        `StackTask.layout`; of a stack that failed, empty.
    sizes : mapping of str to int
        Bytes of each file of results, where they are files.
    lead : str or int or None
        Lead channel of the series.
    root : str
        Root of the batch that made it.
    """

    record: BatchRecord
    fingerprint: str
    made_with: Mapping[str, Any]
    layout: Sequence[int] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    lead: str | int | None = None
    root: str = ""


def made_with(order: BatchOrder) -> dict[str, Any]:
    """Return all that results of a batch depend on beside its files.

    Threads do not count: results are the same within a grey level. Memory counts for each stack,
    in `StackTask.layout`, where it is less than the stack needs.

    Parameters
    ----------
    order : BatchOrder
        The batch.

    Returns
    -------
    dict
        Plain JSON.
    """
    settings = order.settings.as_dict()
    return json.loads(  # type: ignore[no-any-return]
        json.dumps(
            {
                "settings": {k: v for k, v in settings.items() if k not in ("memory", "threads")},
                "series_settings": order.series_settings.as_dict(),
                "selection": {
                    "time": order.selection.time,
                    "channel": order.selection.channels,
                },
                "format": order.format,
                "version": order.version,
            }
        )
    )


def digest_of(order: BatchOrder, task: StackTask) -> str:
    """Return a digest of all that the results of a task depend on beside its files.

    Results hold it themselves: a marker is gone while its stack is done again, and may be lost.

    Parameters
    ----------
    order : BatchOrder
        The batch.
    task : StackTask
        The task.

    Returns
    -------
    str
        Another one for another root, below which the same names may be of other stacks.
    """
    whole = [made_with(order), order.root, task.layout]
    return hashlib.blake2b(json.dumps(whole, sort_keys=True).encode(), digest_size=16).hexdigest()


def write_marker(place: Path, marker: Marker, report: Report | None) -> None:
    """Write the marker of a stack.

    Parameters
    ----------
    place : pathlib.Path
        Its place.
    marker : Marker
        What became of the stack.
    report : Report or None
        Report of a stack that was fused.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    content = {} if report is None else _portable(report, place).as_dict()
    content[KEY] = {
        "record": marker.record.as_dict(),
        "fingerprint": marker.fingerprint,
        "made_with": marker.made_with,
        "layout": list(marker.layout),
        "sizes": dict(marker.sizes),
        "lead": marker.lead,
        "root": marker.root,
    }
    text = json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"
    make_folder(place.parent)
    write_bytes_to(place, text.encode(errors="backslashreplace"))


def remove_marker(place: Path) -> None:
    """Remove the marker of a stack, if there is one.

    Parameters
    ----------
    place : pathlib.Path
        Its place.

    Raises
    ------
    OutputError
        It cannot be removed.
    """
    with write_errors(place):
        place.unlink(missing_ok=True)


def _portable(report: Report, place: Path) -> Report:
    """Return a report whose paths are relative to its own folder: clusters mount folders anywhere.

    A recipe reads such paths as they are meant.
    """
    if is_remote(place):
        return report
    folder = os.path.abspath(place.parent)
    inputs = [_relative(name, folder) for name in report.inputs]
    series = report.place.get("series")
    moved = {**report.place, "series": _relative(series, folder)} if series else report.place
    return dataclasses.replace(report, inputs=inputs, place=moved)


def _relative(path: str, folder: str) -> str:
    """Return a path relative to a folder; as it is on another drive, or on the network."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix() if os.path.isabs(path) else path
    except ValueError:  # another drive of Windows
        return path


def read_markers(out: Path) -> dict[str, Marker]:
    """Read all markers in a folder of results.

    Parameters
    ----------
    out : pathlib.Path
        Folder of results, which may not exist.

    Returns
    -------
    dict of str to Marker
        By their place, relative to `out`; damaged ones, as a full disk leaves them, do not count.

    Raises
    ------
    InputError
        The server of `out` cannot be used.
    """
    with read_errors(out):
        names = sorted(_marker_names(out))
    with ThreadPoolExecutor(READERS, "focusstack-markers") as readers:
        found = readers.map(lambda name: _read(out / name), names)
        return {
            name: marker for name, marker in zip(names, found, strict=True) if marker is not None
        }


def _marker_names(out: Path) -> Iterator[str]:
    """Yield the place of every marker, relative to the folder of results."""
    folder = out / FOLDER
    if is_remote(out):
        top: Any = folder
        base = top.path.rstrip("/")
        found = top.fs.find(base) if top.fs.exists(base) else []
        yield from (f"{FOLDER}{path[len(base) :]}" for path in found if path.endswith(SUFFIX))
        return
    for place, _, files in os.walk(folder):
        inner = os.path.relpath(place, out)
        yield from (Path(inner, name).as_posix() for name in files if name.endswith(SUFFIX))


def _read(place: Path) -> Marker | None:
    """Return the marker in a file; None if it is damaged or none."""
    try:
        content = read_json(place)
        own = content[KEY]
        return checked(
            Marker(
                record=BatchRecord.from_dict(own["record"]),
                fingerprint=own["fingerprint"],
                made_with=own["made_with"],
                layout=own["layout"],
                sizes=dict(own["sizes"]),
                lead=own["lead"],
                root=own["root"],
            )
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
