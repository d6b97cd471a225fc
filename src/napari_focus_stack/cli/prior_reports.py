"""Reports of an earlier run whose transforms a series takes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.json_documents import read_json
from napari_focus_stack.io.stack_place import checked_place

if TYPE_CHECKING:
    from pathlib import Path

    from napari_focus_stack.series.model import Series


def prior_reports(path: Path | None, series: Series) -> dict[tuple[int, int], Any]:
    """Return the reports whose transforms are used, by position and time point.

    One report serves all; of the reports of a series, that of the lead channel counts.

    Parameters
    ----------
    path : pathlib.Path or None
        A report, or the folder of reports of a run.
    series : Series
        The series, or a part of it.

    Returns
    -------
    dict of (int, int) to pathlib.Path
        Reports; empty without a path.

    Raises
    ------
    InputError
        A file is no report.
    SettingsError
        The reports are of other stacks, or of a run without a lead channel.
    """
    if path is None:
        return {}
    if not os.path.isdir(path):  # Path.is_dir raises OSError for too long a name, up to Python 3.13
        return {(index.position, index.time): path for index in series}
    by_place: dict[tuple[int, int], Path] = {}
    for file in sorted(path.glob("*.json")):
        report = _report(file)
        place, lead = checked_place(report.get("place"), file), report["series"].get("lead")
        if place and lead in (place["channel_name"], str(place["channel"])):
            by_place[place["position"], place["time"]] = file
        elif place and lead is None:
            key = place["position"], place["time"]
            if key in by_place:
                raise SettingsError(
                    f"--transforms-from '{path}' is of a run whose channels were aligned each by "
                    "itself; give one with a lead channel, or a single report."
                )
            by_place[key] = file
    found = {}
    for index in series:
        original = series.original(index)
        if (original.position, original.time) in by_place:
            found[index.position, index.time] = by_place[original.position, original.time]
    if not found:
        raise SettingsError(
            f"--transforms-from '{path}' has no report of these stacks; give the folder of reports "
            "of a run on the same series."
        )
    return found


def _report(file: Path) -> dict[str, Any]:
    """Return the report in a file."""
    try:
        report = read_json(file)
    except (OSError, ValueError) as problem:
        raise InputError(f"'{file}' is no report ({problem}); give that of a run.") from problem
    if not isinstance(report, dict) or not isinstance(report.get("series"), dict):
        raise InputError(f"'{file}' is no report of a stack in a series; give that of a run.")
    return report
