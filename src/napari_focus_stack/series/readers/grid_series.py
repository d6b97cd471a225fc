"""A series in one file, whose planes a reader gives by position, time, channel and z."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_focus_stack.errors import InputError
from napari_focus_stack.series.indexed_planes import IndexedPlanes
from napari_focus_stack.series.model import Position, Series, StackIndex, channel_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def grid_series(
    path: Path,
    kind: str,
    positions: Sequence[Position],
    read_plane: Callable[[StackIndex, int], NDArray[Any]],
    *,
    missing: Callable[[StackIndex], Sequence[int]] = lambda _index: (),
    notes: Sequence[str] = (),
) -> Series:
    """Return the series of one file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    kind : str
        Format for messages.
    positions : sequence of Position
        One or more.
    read_plane : callable
        Called with the place of a stack and the number of a plane; returns the plane, or raises
        OSError or ValueError.
    missing : callable
        Called with the place of a stack; returns the numbers of planes that the file lacks.
    notes : sequence of str
        Omissions and assumptions, one sentence each.

    Returns
    -------
    Series
        Its stacks read through `read_plane`, one thread at a time.
    """

    def read(index: StackIndex) -> IndexedPlanes:
        position = positions[index.position]
        lacking = missing(index)
        if lacking:
            raise InputError(
                f"{series.describe(index)} lacks {len(lacking)} of its {position.planes} planes "
                f"(the first is plane {lacking[0]}); leave this stack out."
            )
        names = plane_names(path, positions, index)
        return IndexedPlanes(position, names, partial(read_plane, index), files=(path,))

    series = Series(path, kind, positions, read, notes=notes, files=(path,))
    return series


def plane_names(path: Path, positions: Sequence[Position], index: StackIndex) -> list[str]:
    """Return the names of a stack's planes by the axes that have more than one entry.

    Parameters
    ----------
    path : pathlib.Path
        File of the series.
    positions : sequence of Position
        Positions of the series.
    index : StackIndex
        Place of the stack.

    Returns
    -------
    list of str
        Such as "film.nd2, time 3, channel DAPI, plane 4"; all counted from 0.
    """
    position = positions[index.position]
    words = [path.name]
    if len(positions) > 1:
        words.append(f"position {position.name or index.position}")
    if position.times > 1:
        words.append(f"time {index.time}")
    if len(position.channels) > 1:
        words.append(f"channel {channel_name(position, index.channel)}")
    return [", ".join([*words, f"plane {k}"]) for k in range(position.planes)]


def unique_names(names: Sequence[str]) -> list[str]:
    """Append numbers to names that occur more than once, since results are named after them.

    Parameters
    ----------
    names : sequence of str
        Names of positions; empty where the file has none.

    Returns
    -------
    list of str
        The same names, with the number of the position behind those that are not alone.
    """
    counts = Counter(names)
    return [
        f"{name} {number}" if name and counts[name] > 1 else name
        for number, name in enumerate(names)
    ]
