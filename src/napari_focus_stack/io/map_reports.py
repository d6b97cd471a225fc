"""Reports of the results in files of maps: those of a series, of a batch, and of one stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_focus_stack.io.json_documents import read_json
from napari_focus_stack.io.map_names import report_folder_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_KEYS = {"version", "settings", "planes", "transforms", "spacing"}
"""Entries by which a report is recognised."""
_BATCH = "reports"
_MARKER = ".focusstack.json"
_UPWARDS = 6
"""Folders above a result of a batch in which the folder of its reports is looked for."""


def reports_beside(home: Path, file: Path, stem: str, label: str) -> list[Mapping[str, Any]]:
    """Return the reports of all stacks whose results are in the files of one position.

    Parameters
    ----------
    home : pathlib.Path
        Folder of the results.
    file : pathlib.Path
        Image or map of the position.
    stem : str
        Name of the series without suffix.
    label : str
        Name of the position in the files' names; empty if there is one alone.

    Returns
    -------
    list of mapping
        Content of the reports, by time point and channel; empty if there is none.
    """
    folder = home / report_folder_name(stem)
    found = _reports(folder.glob(f"{label or '*'}_t[0-9]*_c[0-9]*.json"))
    return _ordered(found or _of_batch(home, file) or _reports([home / f"{stem}.json"]))


def _reports(files: Iterable[Path]) -> list[Mapping[str, Any]]:
    contents = [_content(file) for file in sorted(files)]
    return [content for content in contents if content.keys() >= _KEYS]


def _content(file: Path) -> Mapping[str, Any]:
    try:
        content = read_json(file)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _of_batch(home: Path, file: Path) -> list[Mapping[str, Any]]:
    """Return the markers of a batch that name a file as one of their results."""
    home = home.absolute()
    for out in [home, *home.parents][:_UPWARDS]:
        folder = out / _BATCH / home.relative_to(out)
        if folder.is_dir():
            name = file.absolute().relative_to(out).as_posix()
            made = _reports(folder.glob(f"*{_MARKER}"))
            return [report for report in made if name in _results_of(report)]
    return []


def _results_of(marker: Mapping[str, Any]) -> list[str]:
    """Return the files that the marker of a stack names."""
    try:
        return list(marker["batch"]["record"]["results"].values())
    except (LookupError, TypeError, AttributeError):
        return []


def _ordered(reports: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(reports, key=lambda report: (_at(report, "time"), _at(report, "channel")))


def _at(report: Mapping[str, Any], axis: str) -> int:
    number = (report.get("place") or {}).get(axis)
    return number if isinstance(number, int) else 0


def report_of_stack(
    reports: Sequence[Mapping[str, Any]], time: int, channel: int, shape: tuple[int, int]
) -> Mapping[str, Any] | None:
    """Return the report of one stack of a position.

    Parameters
    ----------
    reports : sequence of mapping
        From `reports_beside`.
    time, channel : int
        Number of the stack among the images of the files, which may be a part of the series.
    shape : tuple of int
        Numbers of time points and channels of the files.

    Returns
    -------
    mapping or None
        None where stacks failed, so that the numbers are not certain, or without reports.
    """
    times = sorted({_at(report, "time") for report in reports})
    channels = sorted({_at(report, "channel") for report in reports})
    if (len(times), len(channels)) != shape:
        return None
    wanted = times[time], channels[channel]
    found = (r for r in reports if (_at(r, "time"), _at(r, "channel")) == wanted)
    return next(found, None)
