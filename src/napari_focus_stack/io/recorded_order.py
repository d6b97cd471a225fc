"""Order of planes by the z positions that their files have."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from napari_focus_stack.io.plane_files import FilePlane, Skipped

if TYPE_CHECKING:
    from collections.abc import Sequence

FEWEST_TO_ORDER = 3
"""Planes from which on recorded positions order them."""
LEAST_GAP = 0.2
"""Smallest distance of recorded positions, of their mean distance, that orders planes."""


def contradicts_order(entries: Sequence[FilePlane | Skipped]) -> bool:
    """Check whether the recorded positions contradict the order of the planes.

    Positions that differ by less than a fifth of the mean step are those of a drive that stands
    still, or of several passes, and order nothing.

    Parameters
    ----------
    entries : sequence of FilePlane or Skipped
        Planes in the order of their names.

    Returns
    -------
    bool
        False if a position is unknown.
    """
    known = _positions(entries)
    if len(known) < FEWEST_TO_ORDER:
        return False
    steps = [after - before for before, after in pairwise(known)]
    if min(steps) > 0 or max(steps) < 0:
        return False
    gaps = [after - before for before, after in pairwise(sorted(known))]
    return min(gaps) > LEAST_GAP * (max(known) - min(known)) / len(gaps)


def by_position(entries: Sequence[FilePlane | Skipped]) -> list[FilePlane | Skipped]:
    """Sort planes by their recorded positions.

    Parameters
    ----------
    entries : sequence of FilePlane or Skipped
        Planes with positions.

    Returns
    -------
    list of FilePlane or Skipped
        Skipped entries are last.
    """
    planes = [entry for entry in entries if isinstance(entry, FilePlane)]
    skipped = [entry for entry in entries if isinstance(entry, Skipped)]
    return [*sorted(planes, key=lambda plane: plane.position or 0.0), *skipped]


def at_one_position(entries: Sequence[FilePlane | Skipped]) -> bool:
    """Check whether all planes were recorded at one position.

    Parameters
    ----------
    entries : sequence of FilePlane or Skipped
        Planes of a stack.

    Returns
    -------
    bool
        False for one plane, or if a position is unknown.
    """
    known = _positions(entries)
    return len(known) > 1 and len(set(known)) == 1


def _positions(entries: Sequence[FilePlane | Skipped]) -> list[float]:
    """Return the positions of the planes; none if one is unknown."""
    positions = [entry.position for entry in entries if isinstance(entry, FilePlane)]
    known = [position for position in positions if position is not None]
    return known if len(known) == len(positions) else []
