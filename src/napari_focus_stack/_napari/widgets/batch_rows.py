"""Rows of the table of a batch: what is below a folder, and what became of each stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_focus_stack._napari.widgets.batch_words import in_dock_words
from napari_focus_stack.batch.records import StackName
from napari_focus_stack.batch.wording import listed_axes, stack_title

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_focus_stack.batch.plan import BatchPlan, Listed
    from napari_focus_stack.batch.records import BatchRecord

    Key = tuple[str | float, ...] | str | float

LISTED_COLUMNS = ("Stack", "State", "What it is", "Notes")
RECORD_COLUMNS = ("Stack", "State", "Notes", "Sure", "Time", "Motion")
WAITS = "It waits until nothing was written to its files for {quiet:g} s."
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
    keys : tuple
        By what they are sorted.
    name : StackName
        Its stack, or the first of its position.
    notes : str
        Sentences on it.
    is_failure : bool
        Whether it failed.
    record : BatchRecord or None
        What became of its stack, if that is known.
    """

    texts: tuple[str, ...]
    keys: tuple[Key, ...]
    name: StackName
    notes: str = ""
    is_failure: bool = False
    record: BatchRecord | None = None


class StackTitles:
    """Titles of the stacks of a batch, which grow with what is known of their series.

    A record does not say how many time points and channels its series has, and the first of
    several is to be told apart from the others.

    Parameters
    ----------
    root : str
        Folder of the stacks.
    listed : iterable of Listed
        Positions whose axes are known.
    """

    def __init__(self, root: str, listed: Iterable[Listed] = ()) -> None:
        self.root = root
        self._axes = {
            (entry.source, entry.number): (entry.position.times, len(entry.position.channels))
            for entry in listed
        }

    def learn(self, names: Iterable[StackName]) -> set[tuple[str, int]]:
        """Take in stacks.

        Parameters
        ----------
        names : iterable of StackName
            Stacks that are there.

        Returns
        -------
        set of (str, int)
            Sources and positions whose titles are others now.
        """
        changed = set()
        for name in names:
            place = name.source, name.position
            before = self._axes.get(place, (1, 1))
            after = max(before[0], name.time + 1), max(before[1], name.channel + 1)
            if any(old == 1 < new for old, new in zip(before, after, strict=True)):
                changed.add(place)
            self._axes[place] = after
        return changed

    def title(self, name: StackName) -> str:
        """Return the title of a stack.

        Parameters
        ----------
        name : StackName
            The stack.

        Returns
        -------
        str
            Its source, and time point and channel where there are several.
        """
        times, channels = self._axes.get((name.source, name.position), (1, 1))
        return stack_title(name, self.root, times=times, channels=channels)


def record_row(record: BatchRecord, titles: StackTitles) -> TableRow:
    """Return the row of a stack that is through.

    Parameters
    ----------
    record : BatchRecord
        What became of it.
    titles : StackTitles
        Titles of the batch.

    Returns
    -------
    TableRow
        Cells of `RECORD_COLUMNS`.
    """
    state, name, figures = _state(record), record.name, record.figures
    notes = in_dock_words(record.why) or " ".join(record.notes)
    sure, motion = (_NONE, _NONE) if figures is None else (figures.share_sure, figures.motion)
    seconds = record.seconds if record.state != "left" else _NONE
    return TableRow(
        texts=(
            titles.title(name),
            state,
            notes,
            f"{sure:.0%}" if sure >= 0 else "",
            f"{seconds:.1f} s" if seconds >= 0 else "",
            f"{motion:.1f} px" if motion >= 0 else "",
        ),
        keys=(_order(name), state, notes, sure, seconds, motion),
        name=name,
        notes=" ".join(filter(None, [_figures(record), notes])),
        is_failure=record.state == "failed",
        record=record,
    )


def _figures(record: BatchRecord) -> str:
    """Return the figures of a stack in words: in a dock of usual width their columns are hidden."""
    figures = record.figures
    if figures is None:
        return ""
    return (
        f"Depth is sure in {figures.share_sure:.0%} of the picture, planes moved by "
        f"{figures.motion:.1f} px, {record.seconds:.1f} s."
    )


def _order(name: StackName) -> tuple[str | float, ...]:
    """Return by what stacks are sorted: time 10 comes after time 9."""
    return name.source, name.position, name.time, name.channel


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
        Cells of `LISTED_COLUMNS`: every position, and what failed or is left out.
    """
    kept = {(one.name.source, one.name.position): one for one in reversed(plan.kept)}
    listed = [
        _listed_row(entry, kept.get((entry.source, entry.number)), plan) for entry in plan.listed
    ]
    return [*listed, *(_left_row(record, plan.order.root) for record in plan.left)]


def _listed_row(entry: Listed, kept: BatchRecord | None, plan: BatchPlan) -> TableRow:
    """Return the row of a position."""
    name = StackName(source=entry.source, position=entry.number, position_name=entry.position.name)
    wait = WAITS.format(quiet=plan.quiet) if entry.waiting else ""
    notes = f"{wait} Its result is '{entry.results['image']}'.".strip()
    axes = listed_axes(entry, plan.order.settings.z_step)
    texts = (stack_title(name, plan.order.root), _progress(entry), axes, notes)
    said = f"{axes[:1].upper()}{axes[1:]}. {notes}"
    return TableRow(texts, (_order(name), *texts[1:]), name, said, record=kept)


def _progress(entry: Listed) -> str:
    """Return how far a position is in a word or two."""
    if entry.done == entry.stacks:
        return "done before"
    if entry.done:
        return f"{entry.done} of {entry.stacks} done"
    return "waits" if entry.waiting else "to do"


def _left_row(record: BatchRecord, root: str) -> TableRow:
    """Return the row of what cannot be stacked."""
    name, notes = record.name, in_dock_words(record.why)
    texts = (stack_title(name, root), _state(record), "", notes)
    keys: Sequence[Key] = (_order(name), *texts[1:])
    return TableRow(texts, tuple(keys), name, notes, record.state == "failed")
