"""Agreement of planes in size and type: the commonest kind is the stack, others are skipped."""

from __future__ import annotations

import math
from collections import Counter
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.file_source import ScannedFiles
from napari_focus_stack.io.folder_notes import note_on_strangers
from napari_focus_stack.io.plane_files import FilePlane, Skipped
from napari_focus_stack.io.sources import Spacing, check_axes, check_kind, describe
from napari_focus_stack.io.spacing_metadata import UNEVEN, even_step, spacing_in_micrometres

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np


def agree(
    where: str,
    files: Sequence[Path],
    entries: Sequence[FilePlane | Skipped],
    listing_notes: Sequence[str] = (),
) -> ScannedFiles:
    """Select the planes of the commonest size and type; the others are skipped.

    Parameters
    ----------
    where : str
        Folder or file, for messages.
    files : sequence of pathlib.Path
        Every file that was opened.
    entries : sequence of FilePlane or Skipped
        In the order of z.
    listing_notes : sequence of str
        Notes on the choice and the order of the files.

    Returns
    -------
    ScannedFiles
        One plane or more.

    Raises
    ------
    InputError
        No plane can be read, or planes cannot be stacked.
    """
    planes = [entry for entry in entries if isinstance(entry, FilePlane)]
    if not planes:
        first = entries[0]
        remedy = first.remedy if isinstance(first, Skipped) else None
        raise InputError(f"No plane of '{where}' can be read: {first}", remedy)
    shape, dtype = _usual_kind(planes)
    check_kind(shape, dtype, where)
    if len(files) == 1:
        check_axes(len(planes), shape, where)
    entries = [_fitting(entry, shape, dtype) for entry in entries]
    kept = [entry for entry in entries if isinstance(entry, FilePlane)]
    orientation = Counter(plane.orientation for plane in kept).most_common(1)[0][0]
    upright = (shape[1], shape[0], *shape[2:]) if orientation >= 5 else shape
    measured = even_step([plane.position for plane in kept])
    strangers = note_on_strangers(list(dict.fromkeys(plane.path for plane in kept)))
    notes = [*listing_notes, *strangers, *_notes(kept, orientation)]
    if measured is None:
        notes += _gaps(entries)
    spacing = _spacing(kept[0].spacing, measured, turned=orientation >= 5)
    scattered = even_step([plane.position for plane in kept], UNEVEN)
    if spacing.z is None and scattered is not None:
        spacing = spacing_in_micrometres(spacing.y, spacing.x, scattered)
        notes.append(_on_scatter(kept, scattered))
    named = even_step([plane.named_position for plane in kept])
    if spacing.z is None and named is not None:
        spacing = spacing_in_micrometres(spacing.y, spacing.x, named)
        notes.append(f"The z step of {named:g} µm is that of the positions in the files' names.")
    return ScannedFiles(
        where,
        tuple(files),
        tuple(entries),
        upright,
        dtype,
        orientation,
        spacing,
        tuple(notes),
        tuple(listing_notes),
    )


def _usual_kind(planes: Sequence[FilePlane]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the commonest shape and type; of equally common ones, that of the largest planes."""
    kinds = Counter((plane.shape, plane.dtype) for plane in planes)
    return max(kinds, key=lambda kind: (kinds[kind], math.prod(kind[0][:2])))


def _fitting(
    entry: FilePlane | Skipped, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> FilePlane | Skipped:
    """Return a plane, or Skipped if its size or type differs."""
    if isinstance(entry, Skipped) or (entry.shape, entry.dtype) == (shape, dtype):
        return entry
    odd, usual = describe(entry.shape, entry.dtype), describe(shape, dtype)
    return Skipped(entry.name, f"it is {odd}, the other planes are {usual}")


def _spacing(recorded: Spacing, measured: float | None, *, turned: bool) -> Spacing:
    """Return the spacing of upright planes; positions of the planes have priority for z."""
    y, x = (recorded.x, recorded.y) if turned else (recorded.y, recorded.x)
    return spacing_in_micrometres(y, x, recorded.z if measured is None else measured)


def _notes(planes: list[FilePlane], orientation: int) -> list[str]:
    """Return notes of formats, and one if EXIF orientations differ."""
    notes = [f"{note}." for note in dict.fromkeys(plane.shared_note for plane in planes) if note]
    turned = [plane.name for plane in planes if plane.orientation != orientation]
    if turned:
        # a camera that points straight down may guess another orientation within a stack
        notes.append(
            f"EXIF turns '{turned[0]}' another way than most planes; all are turned alike."
        )
    return notes


def _on_scatter(planes: Sequence[FilePlane], mean: float) -> str:
    """Return the note on positions along z that scatter about even ones."""
    positions = [plane.position or 0.0 for plane in planes]
    gaps = [abs(after - before) for before, after in pairwise(positions)]
    return (
        f"The z positions in the files are {min(gaps):.3g} to {max(gaps):.3g} µm apart; heights "
        f"count with their mean, {mean:.4g} µm."
    )


def _gaps(entries: Sequence[FilePlane | Skipped]) -> list[str]:
    """Return notes on entries skipped between planes, which are numbered on without them."""
    runs = [list(run) for _, run in groupby(entries, lambda entry: isinstance(entry, Skipped))]
    notes = []
    for k in range(1, len(runs) - 1):
        gap = runs[k]
        if isinstance(gap[0], Skipped):
            more = f" and {len(gap) - 1} more" if len(gap) > 1 else ""
            steps = f"{len(gap)} z steps" if len(gap) > 1 else "one z step"
            notes.append(
                f"There is a gap between '{runs[k - 1][-1].name}' and '{runs[k + 1][0].name}', "
                f"because '{gap[0].name}'{more} cannot be used: if that belongs to the stack, "
                f"depth and height beyond the gap are {steps} too small."
            )
    return notes
