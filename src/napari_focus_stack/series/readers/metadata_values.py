"""Colours and times in the metadata of files."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from napari_focus_stack.io.spacing_metadata import finite_number

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECONDS = {
    "ns": 1e-9,
    "nanosecond": 1e-9,
    "µs": 1e-6,
    "us": 1e-6,
    "microsecond": 1e-6,
    "ms": 1e-3,
    "msec": 1e-3,
    "millisecond": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
}


def colour_of_integer(value: int) -> str | None:
    """Return the colour in the last 24 bits of an integer.

    Parameters
    ----------
    value : int
        Red, green and blue from the highest byte to the lowest; higher bits do not count.

    Returns
    -------
    str or None
        As "#RRGGBB"; None for black, in which nothing would be seen.
    """
    rgb = value & 0xFFFFFF
    return f"#{rgb:06X}" if rgb else None


def seconds(value: Any, unit: str) -> float | None:
    """Convert a time to seconds.

    Parameters
    ----------
    value : object
        A number, or a string that holds one.
    unit : str
        As files spell it: "ms", "second", "seconds" and so on.

    Returns
    -------
    float or None
        None if it is no finite number, or the unit is none of time.
    """
    plain = unit.strip().lower().replace("\u03bc", "µ")
    factor = _SECONDS.get(plain, _SECONDS.get(plain.removesuffix("s")))
    number = finite_number(value)
    return None if factor is None or number is None else number * factor


def relative(times: Sequence[float | None]) -> tuple[float, ...]:
    """Return times after the first.

    Parameters
    ----------
    times : sequence of float or None
        Time of each time point in seconds.

    Returns
    -------
    tuple of float
        Empty if one is unknown, or they do not rise: clocks that were not running.
    """
    known = [time for time in times if time is not None]
    if len(known) < 2 or len(known) != len(times):
        return ()
    if any(after <= before for before, after in pairwise(known)):
        return ()
    return tuple(time - known[0] for time in known)
