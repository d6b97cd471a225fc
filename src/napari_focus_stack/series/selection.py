"""Selection of positions, time points and channels of a series."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from napari_focus_stack.errors import SettingsError
from napari_focus_stack.io.spacing_metadata import with_pixel_size
from napari_focus_stack.series.model import Position, Series, StackIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_focus_stack.io.sources import PlaneSource

_MOST_DIGITS = 18
"""Digits of a number in text; Python refuses to convert 4300 or more."""
_TIMES = re.compile(rf"(\d{{0,{_MOST_DIGITS}}}):(\d{{0,{_MOST_DIGITS}}})|(\d{{1,{_MOST_DIGITS}}})")


def select(
    series: Series,
    positions: Sequence[str | int] | None = None,
    times: str | int | None = None,
    channels: Sequence[str | int] | None = None,
) -> SeriesPart:
    """Return the part of a series that a caller selects.

    Parameters
    ----------
    series : Series
        The series.
    positions : sequence of str or int, optional
        Names, wells or numbers from 0; all by default.
    times : str or int, optional
        One number, or "A:B" for A to B - 1, from 0; either may be left out. All by default.
    channels : sequence of str or int, optional
        Names or numbers from 0; all by default.

    Returns
    -------
    SeriesPart
        The part; its stacks keep their numbers in the whole series for reports.

    Raises
    ------
    SettingsError
        There is no such position, time point or channel; the message lists those there are.
    """
    places = list(range(len(series.positions)))
    if positions is not None:
        places = [p for wanted in positions for p in _positions(series, wanted)]
    spans = {p: _span(times, series.positions[p]) for p in places}
    picked = {p: _channels(series.positions[p], channels) for p in places}
    return SeriesPart(series, list(dict.fromkeys(places)), spans, picked)


def sized(position: Position, pixel_size: float | None) -> Position:
    """Return a position with the pixel size of the settings.

    Parameters
    ----------
    position : Position
        A position of a series.
    pixel_size : float or None
        `Settings.pixel_size`; None leaves it as the files have it.

    Returns
    -------
    Position
        The rest is the same.
    """
    return replace(position, spacing=with_pixel_size(position.spacing, pixel_size))


class SeriesPart(Series):
    """Part of a series, with the numbers of its stacks in the whole.

    Parameters
    ----------
    whole : Series
        The series.
    places : sequence of int
        Numbers of the positions.
    spans : mapping of int to range
        Time points of each position.
    picked : mapping of int to sequence of int
        Channels of each position.
    """

    def __init__(
        self,
        whole: Series,
        places: Sequence[int],
        spans: dict[int, range],
        picked: dict[int, list[int]],
    ) -> None:
        self._whole, self._places, self._spans, self._picked = whole, places, spans, picked
        super().__init__(
            whole.path,
            whole.kind,
            [whole.positions[p].part(spans[p], picked[p]) for p in places],
            self._read_whole,
            notes=whole.notes,
            files=whole.files,
            pattern=whole.pattern,
            axes=whole.axes,
            stack_files=lambda index: whole.stack_files(self._in_whole(index)),
        )

    @property
    def is_one_stack(self) -> bool:
        """Whether the whole is one stack."""
        return self._whole.is_one_stack

    def original(self, index: StackIndex) -> StackIndex:
        """Return the place of a stack in the whole series.

        Parameters
        ----------
        index : StackIndex
            Place in this part.

        Returns
        -------
        StackIndex
            Place in the whole series.
        """
        return self._whole.original(self._in_whole(index))

    def describe(self, index: StackIndex) -> str:
        """Return the name of a stack in the whole series for messages.

        Parameters
        ----------
        index : StackIndex
            Place in this part.

        Returns
        -------
        str
            As `Series.describe`.
        """
        return self._whole.describe(self._in_whole(index))

    def _in_whole(self, index: StackIndex) -> StackIndex:
        """Return the place in the series that this is a part of."""
        place = self._places[index.position]
        return StackIndex(place, self._spans[place][index.time], self._picked[place][index.channel])

    def _read_whole(self, index: StackIndex) -> PlaneSource:
        own = self._in_whole(index)
        return self._whole.stack(own.position, own.time, own.channel)


def find_channel(position: Position, wanted: str | int) -> int | None:
    """Return the number of a channel by its name or number.

    Parameters
    ----------
    position : Position
        The position.
    wanted : str or int
        Name, whatever its case, or else a number from 0 as text; an int is always a number.

    Returns
    -------
    int or None
        Number of the channel, None if there is none.
    """
    names = [channel.name.casefold() for channel in position.channels]
    if isinstance(wanted, str) and wanted.casefold() in names:
        return names.index(wanted.casefold())
    return _number(wanted, len(names))


def _number(wanted: str | int, count: int) -> int | None:
    """Return a number from 0, given as it is or as text; None if it is none or too large."""
    is_number = not isinstance(wanted, str) or (wanted.isdecimal() and len(wanted) <= _MOST_DIGITS)
    number = int(wanted) if is_number else -1
    return number if 0 <= number < count else None


def unknown_channel(position: Position, wanted: str | int) -> SettingsError:
    """Return the error of a channel that does not exist.

    Parameters
    ----------
    position : Position
        The position.
    wanted : str or int
        Name or number.

    Returns
    -------
    SettingsError
        Its message lists the channels.
    """
    names = ", ".join(
        f"{number} '{channel.name}'" if channel.name else str(number)
        for number, channel in enumerate(position.channels)
    )
    return SettingsError(f"There is no channel '{wanted}'; choose from {names}.")


def _channels(position: Position, wanted: Sequence[str | int] | None) -> list[int]:
    if wanted is None:
        return list(range(len(position.channels)))
    found = []
    for one in wanted:
        channel = find_channel(position, one)
        if channel is None:
            raise unknown_channel(position, one)
        found.append(channel)
    return list(dict.fromkeys(found))


def _positions(series: Series, wanted: str | int) -> list[int]:
    """Return the positions of a name, a well or a number."""
    for names in (
        [position.name for position in series.positions],
        [position.well or "" for position in series.positions],
    ):
        found = [p for p, name in enumerate(names) if name.casefold() == str(wanted).casefold()]
        if found and isinstance(wanted, str):
            return found
    number = _number(wanted, len(series.positions))
    if number is not None:
        return [number]
    names_shown = [position.name or str(p) for p, position in enumerate(series.positions)]
    shown = ", ".join(f"'{name}'" for name in names_shown[:8])
    more = f" and {len(names_shown) - 8} more" if len(names_shown) > 8 else ""
    raise SettingsError(f"There is no position '{wanted}'; choose from {shown}{more}.")


def _span(times: str | int | None, position: Position) -> range:
    """Return the time points of "A:B" or of one number."""
    if times is None:
        return range(position.times)
    found = _TIMES.fullmatch(str(times).strip())
    if found is None:
        raise SettingsError(f"time '{times}' is neither a number nor a span such as 10:20.")
    first, end, alone = found.groups()
    start = int(alone if alone is not None else first or 0)
    stop = start + 1 if alone is not None else int(end or position.times)
    if not 0 <= start < stop <= position.times:
        raise SettingsError(
            f"time '{times}' is not within the {position.times} time points, 0 to "
            f"{position.times - 1}; the end of a span is not part of it."
        )
    return range(start, stop)
