"""Names of the files of a series: unique whatever the case, and no longer than a file's may be."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.map_names import ROLES, map_name, report_folder_name, split_name
from napari_focus_stack.series.model import StackIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import PurePath

    from napari_focus_stack.series.model import Series

LONGEST = 255
"""Bytes in the name of a file: the limit of Linux; Windows and macOS have 255 characters."""
_LABEL = 120
"""Bytes of a position's label at most, so that names of reports have room for the channel."""
_SHORTEST_LABEL = 24
_NO_NAME = re.compile(r"[^\w.-]+")


def position_labels(series: Series, out: PurePath) -> list[str]:
    """Return a name for files of each position.

    Parameters
    ----------
    series : Series
        The series, or a part of it.
    out : pathlib.PurePath
        Name of the image.

    Returns
    -------
    list of str
        Letters, digits, points and dashes; "p" and the number in the whole series where a position
        has no name. Long ones are cut and end in that number.

    Raises
    ------
    OutputError
        The name of the image is too long.
    """
    stem, suffix = split_name(out)
    several = len(series.positions) > 1
    names = [map_name(stem, "", role, suffix) for role in ROLES] + [report_folder_name(stem)]
    room = LONGEST - max(map(_size, names)) - len("_")
    if room < (_SHORTEST_LABEL if several else -len("_")):
        raise OutputError(
            f"'{out.name[:30]}...' is too long a name for a film and its maps; shorten it."
        )
    limit = min(room, _LABEL) if several else _LABEL
    return [
        _label(position.name, series.original(StackIndex(number)).position, limit)
        for number, position in enumerate(series.positions)
    ]


def report_names(series: Series, labels: Sequence[str]) -> dict[StackIndex, str]:
    """Return the name of the report of every stack.

    Parameters
    ----------
    series : Series
        The series, or a part of it.
    labels : sequence of str
        Label of each position.

    Returns
    -------
    dict of StackIndex to str
        Such as "Pos0_t0003_c1_DAPI.json", with the numbers of the whole series.
    """
    return {
        index: _report_name(
            labels[index.position],
            series.original(index),
            series.positions[index.position].channels[index.channel].name,
        )
        for index in series
    }


def repeated(names: Iterable[str]) -> bool:
    """Return whether two names are one file where case and the coding of accents do not count.

    Parameters
    ----------
    names : iterable of str
        Names in one folder.

    Returns
    -------
    bool
        True if two are the same on Windows or macOS.
    """
    return max(Counter(map(folded, names)).values(), default=0) > 1


def folded(name: str) -> str:
    """Return a name for comparison.

    Parameters
    ----------
    name : str
        Name of a file.

    Returns
    -------
    str
        The same for names that are one file on Windows or macOS.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _label(name: str, number: int, limit: int) -> str:
    clean = _plain(name)
    if _size(clean) <= limit:
        return clean or f"p{number}"
    ending = f"-{number}"
    return cut(clean, limit - len(ending)) + ending


def _report_name(label: str, place: StackIndex, channel: str) -> str:
    start, end = f"{label}_t{place.time:04d}_c{place.channel}", ".json"
    name = cut(_plain(channel), LONGEST - _size(f"{start}_{end}"))
    return f"{start}_{name}{end}" if name else start + end


def _plain(name: str) -> str:
    """Return a name with dashes for all that is no letter, digit or point."""
    return _NO_NAME.sub("-", unicodedata.normalize("NFC", name)).strip("-.")


def cut(name: str, limit: int) -> str:
    """Return the beginning of a name, in whole characters.

    Parameters
    ----------
    name : str
        Any name.
    limit : int
        Bytes that it may have in UTF-8.

    Returns
    -------
    str
        Without dashes and points at its end.
    """
    return name.encode()[:limit].decode(errors="ignore").rstrip("-.")


def _size(name: str) -> int:
    """Return the bytes of a name."""
    return len(name.encode(errors="surrogatepass"))
