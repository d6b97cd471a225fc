"""Summary of a run, for the dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack._napari.layers.names import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_focus_stack._napari.layers.results import SourceInfo
    from napari_focus_stack.result import Report

ALIGNED_BY = {
    "shift": "shifting",
    "similarity": "shifting, turning and resizing",
    "affine": "shifting, turning, resizing and shearing",
    "homography": "shifting, turning, resizing and tilting",
}
"""What was done to the planes by each model of motion."""


def summary(report: Report, names: Sequence[str], origin: SourceInfo, updated: bool = False) -> str:
    """Summarise a run in a few lines for the widget; advice has a panel of its own.

    Parameters
    ----------
    report : Report
        Report of the run.
    names : sequence of str
        Names of the layers, from the bottom up.
    origin : SourceInfo
        Layers that were stacked, and the Shapes layer that alignment went by.
    updated : bool
        Whether the layers had been there before, and are as visible as the user left them.

    Returns
    -------
    str
        Lines, with the notes of the report.
    """
    lines = [_done(report, origin)]
    named = [f"'{name}'" for name in reversed(shortened(names))]
    if updated:
        lines.append(f"Updated {', '.join(named)}.")
    elif len(named) > 1:
        lines.append(f"{named[0]} lies on top; hide it to see {', '.join(named[1:])}.")
    advised = {sentence for sentences in report.advice.values() for sentence in sentences}
    return "\n".join([*lines, *(note for note in report.notes if note not in advised)])


def _done(report: Report, origin: SourceInfo) -> str:
    """Return a sentence on the planes that were stacked, and on how they were aligned."""
    count, used = len(report.planes), len(report.planes) - len(report.left_out)
    # files that were left out when a folder was opened are no planes of the layer
    layer = "layer" if len(origin.sources) == 1 else "layers"
    planes = f"all {count} planes of the {layer}" if used == count else f"{used} of {count} planes"
    on = "" if origin.aligned_on is None else f" on '{origin.aligned_on}'"
    how = ALIGNED_BY.get(report.align)
    if how is not None:
        moved = f"aligned{on} by {how}"
    else:
        moved = f"aligned{on}, which moved none of them" if on else "which were not moved"
    done = f"Stacked {planes}, {moved}"
    if report.crop is not None:
        top, bottom, left, right = report.crop
        done += f"; results cropped to {right - left} x {bottom - top} pixels"
    return f"{done}."
