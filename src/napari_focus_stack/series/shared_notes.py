"""Notes on the stacks of a series, each kind once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_focus_stack.result import Report
    from napari_focus_stack.series.model import Series, StackIndex

MOST_LISTED = 10
"""Kinds of notes that are returned at most, those of most stacks."""
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def shared_notes(series: Series, reports: Mapping[StackIndex, Report]) -> list[str]:
    """Return the notes of reports, each kind once, with the number of stacks that have it.

    Notes that differ in their numbers alone are of one kind.

    Parameters
    ----------
    series : Series
        The series.
    reports : mapping of StackIndex to Report
        Reports of its stacks.

    Returns
    -------
    list of str
        The note of the first stack of each kind, with the number of stacks in brackets unless all
        have the same.
    """
    kinds: dict[str, dict[StackIndex, str]] = {}
    for index, report in reports.items():
        for note in report.notes:
            kinds.setdefault(_NUMBER.sub("#", note), {})[index] = note
    ordered = sorted(kinds.values(), key=len, reverse=True)[:MOST_LISTED]
    return [_with_count(series, notes, len(reports)) for notes in ordered]


def _with_count(series: Series, notes: Mapping[StackIndex, str], stacks: int) -> str:
    """Return the first of some notes, with the number of stacks that have such a note."""
    first, note = next(iter(notes.items()))
    if len(notes) == stacks and len(set(notes.values())) == 1:
        return note
    if len(notes) == 1:
        return f"{note} ({series.describe(first)})"
    such = "" if len(set(notes.values())) == 1 else ", each with figures of its own"
    return f"{note} ({len(notes)} of {stacks} stacks, first {series.describe(first)}{such})"
