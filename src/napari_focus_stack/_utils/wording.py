"""Numbers and lists in messages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


SMALLEST_PERCENTAGE = 0.001


def format_percentage(share: float) -> str:
    """Format a part of the image as a percentage that is never 0.

    Parameters
    ----------
    share : float
        0 to 1.

    Returns
    -------
    str
        "less than 0.1%" for smaller parts.
    """
    return (
        f"{share:.1%}" if share >= SMALLEST_PERCENTAGE else f"less than {SMALLEST_PERCENTAGE:.1%}"
    )


def format_runs(numbers: Sequence[int]) -> str:
    """Format numbers, with runs of three or more as "first to last".

    Parameters
    ----------
    numbers : sequence of int
        Numbers in rising order.

    Returns
    -------
    str
        Such as "1, 3 to 5 and 8".
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts: list[str] = []
    for run in runs:
        texts += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else [str(number) for number in run]
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def format_names(names: Sequence[str]) -> str:
    """List the names of files in their order.

    Parameters
    ----------
    names : sequence of str
        One name or more.

    Returns
    -------
    str
        All of up to five, of more the first three and the last one, as in
        "'z-2.tif', 'z-1.tif', 'z0.tif' ... 'z9.tif'".
    """
    quoted = [f"'{name}'" for name in names]
    if len(quoted) <= 5:
        return ", ".join(quoted)
    return f"{', '.join(quoted[:3])} ... {quoted[-1]}"


def format_count(count: int, one: str, many: str) -> str:
    """Format a number of things, in words for one.

    Parameters
    ----------
    count : int
        The number.
    one, many : str
        Noun, with what follows it, for one thing and for several.

    Returns
    -------
    str
        Such as "1 pixel stands" and "3 pixels stand".
    """
    return f"{count} {one if count == 1 else many}"


_SYMBOLS = {
    "micrometer": "µm",
    "nanometer": "nm",
    "millimeter": "mm",
    "plane": "planes",
    "pixel": "pixels",
}


def format_unit(unit: str | None) -> str:
    """Return the symbol of a unit.

    Parameters
    ----------
    unit : str or None
        Name of a unit, such as "micrometer".

    Returns
    -------
    str
        "µm" for "micrometer", "planes" for "plane"; other units as they are; empty for None.
    """
    return _SYMBOLS.get(unit or "", unit or "")


def format_bytes(size: float) -> str:
    """Format an amount of memory as the option `--memory` accepts it, rounded up.

    Parameters
    ----------
    size : float
        Bytes.

    Returns
    -------
    str
        Such as "1.5 GB" or "300 MB".
    """
    if size >= 1e9:
        return f"{math.ceil(size / 1e8) / 10:g} GB"
    return f"{max(1, math.ceil(size / 1e6))} MB"


def format_size(size: int) -> str:
    """Format the size of a file, rounded up.

    Parameters
    ----------
    size : int
        Bytes.

    Returns
    -------
    str
        Such as "1 byte", "782 bytes", "13 kB", "300 MB" or "1.5 GB".
    """
    if size < 1000:
        return format_count(size, "byte", "bytes")
    return f"{math.ceil(size / 1e3)} kB" if size <= 999_000 else format_bytes(size)


def format_duration(seconds: float) -> str:
    """Format a span of time in one or two units.

    Parameters
    ----------
    seconds : float
        The span.

    Returns
    -------
    str
        Such as "50 s", "12 min" or "3 h 20 min".
    """
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def format_measure(value: float, uncertainty: float | None, unit: str | None) -> str:
    """Format a measured value with its standard uncertainty, rounded to the latter's digits.

    Parameters
    ----------
    value : float
        The value.
    uncertainty : float or None
        Its standard uncertainty; None or not finite where it is unknown.
    unit : str or None
        Unit of both; None for a number.

    Returns
    -------
    str
        Such as "4.02 ± 0.05 µm"; two digits of an uncertainty that begins with 1, as in
        "4.02 ± 0.15 µm", because one would be 30 % off. Four digits without an uncertainty.
    """
    symbol = format_unit(unit)
    words = f" {symbol}" if symbol else ""
    if uncertainty is None or not 0 < uncertainty < math.inf:
        return f"{value:.4g}{words}"
    decade = math.floor(math.log10(uncertainty))
    digits = max(0, (1 if uncertainty < 1.95 * 10.0**decade else 0) - decade)
    return f"{value:.{digits}f} \N{PLUS-MINUS SIGN} {uncertainty:.{digits}f}{words}"
