"""Table of a batch, one row a stack, for a spreadsheet or a script."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.wording import format_unit
from napari_focus_stack.io.places import write_bytes_to

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_focus_stack.batch.records import BatchRecord, StackName, State

SUMMARY = "summary.csv"
COLUMNS = (
    "path",
    "position",
    "well",
    "time",
    "channel",
    "status",
    "why",
    "seconds",
    "planes",
    "planes left out",
    "align",
    "motion px",
    "share sure (0-1)",
    "depth p5",
    "depth median",
    "depth p95",
    "height p5",
    "height median",
    "height p95",
    "unit",
    "share at ends (0-1)",
    "saturated (0-1)",
    "notes",
    "result",
    "report",
)
NOTHING_SURE = "no depth is sure"
_STATUS: dict[State, str] = {"done": "done", "failed": "failed", "left": "left out"}
_BETWEEN_NOTES = " | "
_LINE_BREAKS = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
_FORMULA = ("=", "+", "-", "@", "\t")


def in_order(records: Iterable[BatchRecord]) -> list[BatchRecord]:
    """Return records in the order in which a person counts: stack 2 before stack 10.

    Parameters
    ----------
    records : iterable of BatchRecord
        Records in any order, such as that in which their tasks ended.

    Returns
    -------
    list of BatchRecord
        By source, position, time and channel.
    """
    from natsort import natsort_keygen

    natural = natsort_keygen()

    def place(name: StackName) -> tuple[Any, ...]:
        return natural(name.source), name.position, name.time, name.channel

    return sorted(records, key=lambda record: place(record.name))


def write_summary(out: Path, records: Iterable[BatchRecord]) -> Path:
    """Write `summary.csv`, in place of an earlier one.

    Parameters
    ----------
    out : pathlib.Path or upath.UPath
        Folder of results.
    records : iterable of BatchRecord
        Stacks, in any order; the rows are in that of `in_order`.

    Returns
    -------
    pathlib.Path or upath.UPath
        The file: UTF-8 with a mark at its start, by which Excel takes it as such. Shares go from 0
        to 1, depth is in planes, height in `unit`, and " | " stands between notes. Text that a
        spreadsheet would take for a formula has an apostrophe before it, and no text has line
        breaks.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, COLUMNS)
    table.writeheader()
    table.writerows(
        {key: _cell(value) for key, value in _row(one).items()} for one in in_order(records)
    )
    path = out / SUMMARY
    # names of files that are not UTF-8 hold lone surrogates
    write_bytes_to(path, text.getvalue().encode("utf-8-sig", errors="replace"))
    return path


def _row(record: BatchRecord) -> dict[str, Any]:
    name = record.name
    row = {
        "path": name.source,
        "position": name.position_name or name.position,
        "well": name.well,
        "time": name.time,
        "channel": name.channel_name or name.channel,
        "status": _STATUS[record.state],
        "why": record.why,
        "seconds": round(record.seconds, 3),
        "notes": _BETWEEN_NOTES.join(record.notes),
        "result": record.results.get("image"),
        "report": record.report,
    }
    return row | _figures(record)


def _figures(record: BatchRecord) -> dict[str, Any]:
    figures = record.figures
    if figures is None:
        return {}
    return {
        "planes": figures.planes,
        "planes left out": figures.left_out,
        "align": figures.align,
        "motion px": round(figures.motion, 3),
        "share sure (0-1)": round(figures.share_sure, 5),
        **_spread("depth", _in_planes(figures.depth)),
        **_spread("height", _in_unit(figures.height)),
        "unit": format_unit(figures.unit),
        "share at ends (0-1)": round(figures.share_at_ends, 5),
        "saturated (0-1)": None if figures.saturated is None else round(figures.saturated, 6),
    }


def _spread(what: str, cells: Iterable[Any]) -> dict[str, Any]:
    return dict(zip((f"{what} p5", f"{what} median", f"{what} p95"), cells, strict=True))


def _in_planes(depth: tuple[float, float, float] | None) -> Iterable[float | str]:
    return [NOTHING_SURE] * 3 if depth is None else [round(value, 2) for value in depth]


def _in_unit(height: tuple[float, float, float] | None) -> Iterable[float | None]:
    """Return heights with two decimals; those in metres with three digits that count."""
    if height is None:
        return [None] * 3
    if max(map(abs, height)) < 0.1:
        return [float(f"{value:.3g}") for value in height]
    return [round(value, 2) for value in height]


def _cell(value: Any) -> Any:
    """Return a value as a cell: text on one line, and never a formula."""
    if not isinstance(value, str):
        return value
    line = _LINE_BREAKS.sub(" ", value)
    return f"'{line}" if line.startswith(_FORMULA) else line
