"""Time points of a series that have files: names may count on from position to position.

A plate of 1536 wells with a time of its own for each is a grid of 2.4 million stacks, of which 1536
have files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.series.model import StackIndex
from napari_focus_stack.series.selection import SeriesPart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_focus_stack.series.model import Series

_MOST_PLANNED = 2**18
"""Stacks that are planned if most have no files: 2.1 kB and 0.12 ms of a processor for each."""


def filled_spans(series: Series) -> dict[int, range]:
    """Return the time points of each position that a batch plans.

    Parameters
    ----------
    series : Series
        A whole series.

    Returns
    -------
    dict of int to range
        From the first to the last that has files, if at least half of all stacks lie outside of
        that; all of them otherwise, so that the films of an experiment are equally long.

    Raises
    ------
    SettingsError
        There are too many stacks all the same, and most of them have no files.
    """
    whole = {number: range(position.times) for number, position in enumerate(series.positions)}
    spans = {number: _filled(series, number, times) for number, times in whole.items()}
    if 2 * _stacks(series, spans) > len(series):
        spans = whole
    stacks = _stacks(series, spans)
    if stacks > _MOST_PLANNED:
        files = sum(1 for index in series if series.stack_files(index))
        if 2 * files < stacks:
            raise SettingsError(
                f"The file names of '{series.path}' count {stacks} stacks, of which {files} have "
                "files; move the files of each position to a folder of their own, or put * in "
                "place of the field that counts on from position to position (--pattern)."
            )
    return spans


def within(part: Series, spans: Mapping[int, range]) -> Series:
    """Return the stacks of a part that lie within time points of the whole series.

    Parameters
    ----------
    part : Series
        A series, or a part of it.
    spans : mapping of int to range
        Time points of each position of the whole series.

    Returns
    -------
    Series
        Without positions that have none of these time points; `part` itself if nothing is left out.

    Raises
    ------
    InputError
        Nothing lies within them.
    """
    kept: dict[int, range] = {}
    for number, position in enumerate(part.positions):
        first = part.original(StackIndex(number))
        span = spans[first.position]
        times = range(max(span.start - first.time, 0), min(span.stop - first.time, position.times))
        if times:
            kept[number] = times
    if not kept:
        raise InputError("None of its stacks at these positions and time points has files.")
    if _stacks(part, kept) == len(part):
        return part
    channels = {number: [*range(len(part.positions[number].channels))] for number in kept}
    return SeriesPart(part, list(kept), kept, channels)


def _filled(series: Series, number: int, times: range) -> range:
    """Return time points without those at both ends that have no files; all if none has any."""
    first = next((time for time in times if _has_files(series, number, time)), None)
    if first is None:
        return times
    last = next(time for time in reversed(times) if _has_files(series, number, time))
    return range(first, last + 1)


def _has_files(series: Series, number: int, time: int) -> bool:
    channels = range(len(series.positions[number].channels))
    return any(series.stack_files(StackIndex(number, time, channel)) for channel in channels)


def _stacks(series: Series, spans: Mapping[int, range]) -> int:
    return sum(len(span) * len(series.positions[number].channels) for number, span in spans.items())
