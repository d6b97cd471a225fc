"""Order of image files by their names: numbers by value, with sign and decimals in positions.

A dash before a number is a sign only where the names show that it is one, and a point between two
numbers is decimal unless the numbers after it count on (1.9, 1.10).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from napari_focus_stack.io.spacing_metadata import micrometres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

_MINUS = "\u2212-"
PLACE = "\0"
"""Stands for a number in what names have in common."""
NUMBER = re.compile(
    rf"(?P<sign>[+{_MINUS}]?)(?P<whole>\d+)"
    r"(?:(?:[.,]|p(?=\d+[ _]?(?:nm|um|[\u00b5\u03bc]m|mm)))(?P<part>\d+))?"
)
"""A number; "p" is a decimal point only before a unit, as in z0p25um."""
_DIGIT = re.compile("[0-9]")
_MAY_DIFFER = re.compile(rf"[+{_MINUS}]\d|\d[.,p]\d")
UNIT = re.compile(r"[ _]?(nm|um|[\u00b5\u03bc]m|microns?|mm)(?![a-z])")
"""A unit of length after a number."""
_MARKER = re.compile(r"([a-z]+)[ _=(-]*$")
_OPENING = re.compile(r"(^|[ _=(,\-])$")
"""Text after which a dash separates nothing, so that it is a sign."""
_Z_MARKERS = ("z", "zpos", "pos", "position", "depth", "focus", "height", "stage")
_ALONG_FIELD = ("x", "y")


@dataclass(frozen=True)
class _Field:
    """One number of a name, with the text from the last digit before it, and the unit after it."""

    before: str
    sign: str
    whole: str
    part: str | None
    unit: str | None

    def value(self, *, signed: bool) -> float:
        magnitude = float(f"{self.whole}.{self.part or 0}")
        return -magnitude if signed and self.sign and self.sign in _MINUS else magnitude


def natural_order(files: Iterable[Path]) -> list[Path]:
    """Sort files by name: img2 before img10, z-2 before z-1, z0.25um before z0.5um.

    Parameters
    ----------
    files : iterable of pathlib.Path
        Files of one or several folders.

    Returns
    -------
    list of pathlib.Path
        Files in order.
    """
    files = list(files)
    if not may_differ(files):
        return _plainly_sorted(files)
    alike = _alike(files)
    ranks = [_ranks(column) for column in _columns(alike)]
    renamed = {
        file: _renamed(file, [None if r is None else r[i] for r in ranks])
        for i, file in enumerate(alike)
    }
    key = _natural_key()
    return sorted(files, key=lambda file: (key(renamed.get(file, file.name)), file.name))


def named_positions(files: Iterable[Path]) -> dict[Path, float]:
    """Return the positions along z that names contain, as in z-1.5um or pos_10um.

    Parameters
    ----------
    files : iterable of pathlib.Path
        Files of a stack.

    Returns
    -------
    dict of pathlib.Path to float
        Micrometres; empty if no number, or more than one, is a position.
    """
    files = list(files)
    if not UNIT.search("\n".join(file.name for file in files).casefold()):
        return {}
    alike = _alike(files)
    found = [column for column in _columns(alike) if _is_position(column)]
    if len(found) != 1:
        return {}
    column, signed = found[0], _is_signed(found[0])
    unit = micrometres(1.0, column[0].unit) or 1.0
    return {
        file: field.value(signed=signed) * unit for file, field in zip(alike, column, strict=True)
    }


def in_plain_order(files: Sequence[Path]) -> bool:
    """Return whether files are in the order of their names, as file managers list them.

    Parameters
    ----------
    files : sequence of pathlib.Path
        Files of a stack.

    Returns
    -------
    bool
        False if a number with a sign, a decimal or another rule changed the order.
    """
    return list(files) == _plainly_sorted(files)


def may_differ(files: Iterable[Path]) -> bool:
    """Return whether `natural_order` may differ from the plain order of the names.

    Parameters
    ----------
    files : iterable of pathlib.Path
        Files of a stack.

    Returns
    -------
    bool
        False if no number has a sign or a decimal.
    """
    return _MAY_DIFFER.search("\n".join(file.name for file in files)) is not None


def _plainly_sorted(files: Iterable[Path]) -> list[Path]:
    """Sort files by name with numbers by value, as natsort does.

    Numbers of as many digits at the same places are in the order of their text; natsort's keys
    would be a quarter of the time to open 200 pictures.
    """
    files = list(files)
    if len({_DIGIT.sub("0", file.name) for file in files}) == 1:
        return sorted(files, key=lambda file: file.name)
    key = _natural_key()
    return sorted(files, key=lambda file: (key(file.name), file.name))


@cache
def _natural_key() -> Callable[[str], Any]:
    """Return natsort's key of a name, whose library most folders do without."""
    from natsort import natsort_keygen, ns

    return natsort_keygen(alg=ns.PATH | ns.IGNORECASE)


def kinds_of_names(files: Iterable[Path]) -> list[list[Path]]:
    """Return groups of files whose names differ in their numbers alone.

    Parameters
    ----------
    files : iterable of pathlib.Path
        Files of a stack.

    Returns
    -------
    list of list of pathlib.Path
        Every file, in its order within a group.
    """
    groups: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        groups[kind_of_name(file)].append(file)
    return list(groups.values())


def kind_of_name(file: Path) -> str:
    """Return what the names of files that differ in their numbers alone have in common.

    Parameters
    ----------
    file : pathlib.Path
        The file.

    Returns
    -------
    str
        Its stem in small letters, with `PLACE` in the place of each number.
    """
    return NUMBER.sub(PLACE, file.stem.casefold())


def _alike(files: Sequence[Path]) -> list[Path]:
    """Return the files whose names differ in their numbers alone: the largest such group."""
    return max(kinds_of_names(files), key=len, default=[])


def _columns(alike: Sequence[Path]) -> list[tuple[_Field, ...]]:
    """Return the numbers of names that differ in their numbers alone, place by place."""
    return list(zip(*(_fields(file) for file in alike), strict=True))


def _fields(file: Path) -> list[_Field]:
    """Return the numbers of a name."""
    name, fields, end = file.stem.casefold(), [], 0
    for match in NUMBER.finditer(name):
        unit = UNIT.match(name, match.end())
        fields.append(
            _Field(
                name[max(end - 1, 0) : match.start()],
                match["sign"],
                match["whole"],
                match["part"],
                unit[1] if unit else None,
            )
        )
        end = match.end()
    return fields


def _renamed(file: Path, ranks: Sequence[int | None]) -> str:
    """Return the name with the numbers that have a rank replaced by it."""
    numbers = iter(ranks)

    def replaced(match: re.Match[str]) -> str:
        rank = next(numbers)
        return match[0] if rank is None else str(rank)

    return NUMBER.sub(replaced, file.stem) + file.suffix


def _ranks(column: Sequence[_Field]) -> list[int] | None:
    """Return the rank of each number by its value; None for plain numbers."""
    signed, decimal = _is_signed(column), _is_decimal(column)
    if not signed and not decimal:
        return None
    values = [field.value(signed=signed) for field in column]
    rank = {value: k for k, value in enumerate(sorted(set(values)))}
    return [rank[value] for value in values]


def _is_signed(column: Sequence[_Field]) -> bool:
    """Check whether dashes are signs.

    Some numbers lack one, and the numbers are lengths or a z, or go through zero; or a dash
    separates nothing before a z or a length.
    """
    minus = {int(field.whole) for field in column if field.sign and field.sign in _MINUS}
    if not minus:
        return False
    meant = all(field.unit or _marker(field) in _Z_MARKERS for field in column)
    if len({field.sign for field in column}) > 1:
        others = {int(f.whole) for f in column if not f.sign or f.sign not in _MINUS}
        return meant or 0 in others or bool(minus & others)
    return meant and all(_OPENING.search(field.before) for field in column)


def _marker(field: _Field) -> str:
    """Return the word before a number; empty if there is none."""
    found = _MARKER.search(field.before)
    return found[1] if found else ""


def _is_decimal(column: Sequence[_Field]) -> bool:
    """Check whether points between numbers are decimal: there is a unit, or nothing counts on."""
    if all(field.part is None for field in column):
        return False
    return all(field.unit for field in column) or not _counts_on(column)


def _counts_on(column: Sequence[_Field]) -> bool:
    """Check for numbers after the point that count on, as those of decimals do not.

    They go from nine to ten, end in a zero beside shorter ones, or are evenly spaced as whole
    numbers of different length.
    """
    parts: dict[str, set[str]] = defaultdict(set)
    for field in column:
        if field.part is not None:
            parts[field.whole].add(field.part)
    return any(_are_counted(sorted(found, key=int)) for found in parts.values())


def _are_counted(parts: Sequence[str]) -> bool:
    """Check whether sorted numbers after a point are whole numbers; see `_counts_on`."""
    lengths = [len(part) for part in parts]
    if min(lengths) == max(lengths):
        return False
    steps = {int(after) - int(before) for before, after in pairwise(parts)}
    if len(parts) > 2 and len(steps) == 1:
        return True
    return any(
        part.endswith("0") and int(part) > 0 and len(part) > min(lengths) for part in parts
    ) or any(
        len(before) < len(after) and int(after) == int(before) + 1
        for before, after in pairwise(parts)
    )


def _is_position(column: Sequence[_Field]) -> bool:
    """Check whether numbers are positions along z: different lengths of one unit.

    Millimetres and nanometres count only after a word for z: lenses and colours have them, too.
    """
    units = {field.unit for field in column}
    if len(units) != 1 or None in units:
        return False
    values = Counter(field.value(signed=_is_signed(column)) for field in column)
    if max(values.values()) > 1:
        return False
    marker = _marker(column[0])
    if column[0].unit in ("mm", "nm"):
        return marker in _Z_MARKERS
    return marker not in _ALONG_FIELD
