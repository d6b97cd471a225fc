"""Summary of a run, for the dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_focus_stack.result import Report


def summary(
    report: Report, names: Sequence[str], aligned_on: str | None = None, updated: bool = False
) -> str:
    """Summarise a run in a few lines for the widget; advice has a panel of its own.

    Parameters
    ----------
    report : Report
        Report of the run.
    names : sequence of str
        Names of the layers, from the bottom up.
    aligned_on : str, optional
        Name of the Shapes layer that alignment went by.
    updated : bool
        Whether the layers had been there before, and are as visible as the user left them.

    Returns
    -------
    str
        Lines, with the notes of the report.
    """
    count = len(report.planes)
    done = f"Fused {count - len(report.left_out)} of {count} planes (alignment: {report.align})"
    if aligned_on is not None:
        done += f", aligned on '{aligned_on}'"
    if report.crop is not None:
        top, bottom, left, right = report.crop
        done += f", cropped to {right - left} x {bottom - top} pixels"
    lines = [f"{done}."]
    if updated:
        lines.append(f"Updated {', '.join(map(repr, reversed(names)))}.")
    elif len(names) > 1:
        maps = ", ".join(f"'{name}'" for name in reversed(names[:-1]))
        lines.append(f"'{names[-1]}' lies on top; hide it to see {maps}.")
    advised = {sentence for sentences in report.advice.values() for sentence in sentences}
    return "\n".join([*lines, *(note for note in report.notes if note not in advised)])
