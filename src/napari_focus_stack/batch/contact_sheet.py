"""Contact sheet of a batch: one page with pictures, figures and notes of every stack.

The page is a template of HTML, CSS and JavaScript in the folder `contact_sheet`, beside this
module; the records become JSON within it, so that it needs neither a server nor a network.
"""

from __future__ import annotations

import html
import json
import re
from collections import defaultdict
from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.wording import format_unit
from napari_focus_stack.batch.records import STILL_WRITTEN
from napari_focus_stack.batch.summary import NOTHING_SURE, in_order
from napari_focus_stack.io.places import write_bytes_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from napari_focus_stack.batch.records import BatchRecord, Figures, StackName

PAGE = "index.html"
SCRIPTS = (
    "words.js",
    "meanings.js",
    "stacks.js",
    "cards.js",
    "rows.js",
    "window.js",
    "picture.js",
    "view.js",
    "page.js",
)
"""Parts of the script, in the order in which they are joined."""
_SLOT = re.compile(r"\{\{(\w+)\}\}")
_UNSAFE = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def write_contact_sheet(
    out: Path,
    records: Iterable[BatchRecord],
    title: str,
    *,
    root: str = "",
    made: datetime | None = None,
) -> Path:
    """Write `index.html`, in place of an earlier one.

    Parameters
    ----------
    out : pathlib.Path or upath.UPath
        Folder of results; files of the records are relative to it.
    records : iterable of BatchRecord
        Stacks, in any order; the page shows them in that of `in_order` first.
    title : str
        Heading of the page.
    root : str
        Folder that was stacked, for the line below the heading.
    made : datetime.datetime, optional
        When; now by default.

    Returns
    -------
    pathlib.Path or upath.UPath
        The page.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    made = datetime.now().astimezone() if made is None else made
    data = {
        "title": title,
        "root": root,
        "made": made.isoformat(timespec="minutes"),
        "nothingSure": NOTHING_SURE,
        **_shown(in_order(records)),
    }
    path = out / PAGE
    write_bytes_to(path, _page(title, data).encode("utf-8", errors="replace"))
    return path


def _page(title: str, data: dict[str, Any]) -> str:
    """Return the page: the template with all of its parts within."""
    parts = resources.files("napari_focus_stack.batch") / "contact_sheet"
    slots = {
        "title": html.escape(title),
        "style": (parts / "page.css").read_text("utf-8"),
        "script": "\n".join((parts / name).read_text("utf-8") for name in SCRIPTS),
        "data": json.dumps(data, separators=(",", ":")).translate(_UNSAFE),
    }
    template = (parts / "page.html").read_text("utf-8")
    return _SLOT.sub(lambda slot: slots[slot[1]], template)


def _shown(records: Sequence[BatchRecord]) -> dict[str, Any]:
    """Return the stacks for the page, and the sentences of all notes, each once.

    Notes repeat: 20,000 stacks with three notes each take 4 MB less so.
    """
    several = _several(records)
    numbers: dict[str, int] = {}
    stacks = [
        _stack(record, several[record.name.source])
        | {"notes": [numbers.setdefault(note, len(numbers)) for note in record.notes]}
        for record in records
    ]
    return {"notes": list(numbers), "stacks": stacks}


def _several(records: Sequence[BatchRecord]) -> dict[str, set[str]]:
    """Return for each source which of position, time and channel it has more than one of."""
    several: dict[str, set[str]] = defaultdict(set)
    for record in records:
        numbers = {axis: getattr(record.name, axis) for axis in ("position", "time", "channel")}
        several[record.name.source] |= {axis for axis, number in numbers.items() if number > 0}
    return several


def _stack(record: BatchRecord, several: set[str]) -> dict[str, Any]:
    name = record.name
    folder, _, own = name.source.rpartition("/")
    return {
        "id": record.report.removesuffix(".focusstack.json")
        or f"{name.source} {name.position} {name.time} {name.channel}",
        "folder": folder,
        "name": own if own != "." else "The folder itself",
        "part": _part(name, several),
        "well": name.well or "",
        "state": record.state,
        "why": record.why,
        "waits": record.why == STILL_WRITTEN,
        "seconds": round(record.seconds, 2),
        "figures": None if record.figures is None else _figures(record.figures),
        "results": dict(record.results),
        "pictures": dict(record.pictures),
        "report": record.report,
    }


def _part(name: StackName, several: set[str]) -> list[str]:
    """Return the words for position, time and channel, where they say anything."""
    numbered = {axis: f"{axis} {getattr(name, axis)}" for axis in several}
    words = (
        name.position_name or numbered.get("position", ""),
        numbered.get("time", ""),
        name.channel_name or numbered.get("channel", ""),
    )
    return [word for word in words if word]


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "planes": figures.planes,
        "leftOut": figures.left_out,
        "align": figures.align,
        "motion": round(figures.motion, 3),
        "sure": round(figures.share_sure, 4),
        "depth": figures.depth and _shortened(figures.depth),
        "colours": figures.colours and _shortened(figures.colours),
        "height": figures.height and _shortened(figures.height),
        "unit": format_unit(figures.unit),
        "atEnds": round(figures.share_at_ends, 4),
        "saturated": None if figures.saturated is None else round(figures.saturated, 5),
    }


def _shortened(values: tuple[float, ...]) -> list[float]:
    return [float(f"{value:.4g}") for value in values]
