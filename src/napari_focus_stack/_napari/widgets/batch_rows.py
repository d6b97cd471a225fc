"""Rows of the table of a batch: what is below a folder, and what became of each stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_focus_stack.batch.wording import listed_axes, listed_title, stack_title

if TYPE_CHECKING:
    from napari_focus_stack.batch.plan import BatchPlan, Listed
    from napari_focus_stack.batch.records import BatchRecord

LISTED_COLUMNS = ("Stack", "State", "What it is", "Result", "Notes")
RECORD_COLUMNS = ("Stack", "State", "Sure", "Motion", "Time", "Notes")
WAITS = "Its files are still being written."
_STATES = {"done": "done", "failed": "failed", "left": "left out"}
_NONE = -1.0
"""By which cells without a number are sorted."""


@dataclass(frozen=True)
class TableRow:
    """One row.

    Attributes
    ----------
    texts : tuple of str
        What its cells show.
    keys : tuple of (str or float)
        By what they are sorted.
    record : BatchRecord or None
        What became of its stack, if that is known.
    """

    texts: tuple[str, ...]
    keys: tuple[str | float, ...]
    record: BatchRecord | None = None

    @property
    def notes(self) -> str:
        """Sentences on the stack."""
        return self.texts[-1]


def record_row(record: BatchRecord) -> TableRow:
    """Return the row of a stack that is through.

    Parameters
    ----------
    record : BatchRecord
        What became of it.

    Returns
    -------
    TableRow
        Cells of `RECORD_COLUMNS`.
    """
    title, state, figures = stack_title(record.name), _state(record), record.figures
    notes = record.why or " ".join(record.notes)
    sure, motion = (_NONE, _NONE) if figures is None else (figures.share_sure, figures.motion)
    seconds = record.seconds if record.state != "left" else _NONE
    texts = (
        f"{sure:.0%}" if sure >= 0 else "",
        f"{motion:.1f} px" if motion >= 0 else "",
        f"{seconds:.1f} s" if seconds >= 0 else "",
    )
    return TableRow(
        (title, state, *texts, notes), (title, state, sure, motion, seconds, notes), record
    )


def _state(record: BatchRecord) -> str:
    """Return what became of a stack in a word or two."""
    return "done before" if record.kept else _STATES[record.state]


def plan_rows(plan: BatchPlan) -> list[TableRow]:
    """Return the rows of what a batch would do.

    Parameters
    ----------
    plan : BatchPlan
        The plan.

    Returns
    -------
    list of TableRow
        Cells of `LISTED_COLUMNS`: every position, what is left out, and what is being written.
    """
    kept = {record.results.get("image"): record for record in reversed(plan.kept)}
    return [
        *(_listed_row(entry, kept.get(entry.results["image"])) for entry in plan.listed),
        *(_aside(stack_title(one.name), _state(one), one.why) for one in plan.left),
        *(_aside(stack_title(name), "waits", WAITS) for name in plan.young),
    ]


def _listed_row(entry: Listed, kept: BatchRecord | None) -> TableRow:
    """Return the row of a position."""
    state = "to do" if not entry.done else f"{entry.done} of {entry.stacks} done before"
    if entry.done == entry.stacks:
        state = "done before"
    texts = (listed_title(entry), state, listed_axes(entry), entry.results["image"], "")
    return TableRow(texts, texts, kept)


def _aside(title: str, state: str, why: str) -> TableRow:
    """Return the row of what is not stacked."""
    texts = (title, state, "", "", why)
    return TableRow(texts, texts)
