"""Tokens of file names in columns: those at one place of names that are alike otherwise."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from napari_focus_stack.io.file_order import NUMBER
from napari_focus_stack.io.name_tokens import (
    AXIS_OF,
    BETWEEN,
    CHANNEL,
    SURE,
    NameToken,
    number_text,
    stem_of,
    tokens_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_WAVELENGTH = re.compile(r"[3-9]\d\d")
_MOST_LINES = 8
"""Wavelengths and dyes of a recording: more such numbers are those of planes."""
_APART, _FEWEST_EVEN = 20, 5
"""Lines of one recording lie at least so many nm apart, and so many of them never in even steps, as
450, 525 and 600 do: other numbers are those of planes."""
_LEADING = re.compile(r"-?\d+(?:\.\d+)?")
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
MASK = "~" * 36
"""Stands for a GUID, whose digits are no numbers."""
_SEPARATORS = (re.compile(r"_+|--"), re.compile(r"[_ ]+|--"))
_NO_DIGITS = dict.fromkeys(map(ord, "0123456789"))
_NUMBERED = re.compile(r"([A-Za-z]*)(\d+)")
_SHORT, _LARGE = 5, 1000
"""Running numbers without a marker are of few digits, or small and padded with zeros: others are
times of day and serial numbers."""


@dataclass(frozen=True)
class NameColumn:
    """Tokens at one place of names that are alike otherwise."""

    place: int
    kind: str
    marker: str
    values: tuple[str, ...]
    lone: str = ""
    """Name of the only file with a dye here, where others have numbers."""

    @property
    def axis(self) -> str:
        """Field of a pattern; empty if the marker is none."""
        by_kind = {"dye": "c", "well": "well"}
        return by_kind.get(self.kind) or AXIS_OF.get(self.marker.casefold(), "")

    @property
    def runs(self) -> int:
        """Number of different values."""
        return len(set(self.values))

    @property
    def repeats(self) -> bool:
        """Whether several files have one value."""
        return self.runs < len(self.values)

    @property
    def is_sure(self) -> bool:
        """Whether the marker is that of a film, or of channels, where names have no other."""
        return self.kind == "dye" or self.marker.casefold() in SURE

    def counts(self) -> bool:
        """Check whether the values are those of an axis: by a marker, or by even steps."""
        if self.axis or self.kind != "number":
            return bool(self.axis)
        numbers = sorted({float(value) for value in self.values})
        longest = max(len(value.partition(".")[0]) for value in self.values)
        if len(numbers) < 2 or (longest > _SHORT and numbers[-1] >= _LARGE):
            return False
        steps = [after - before for before, after in pairwise(numbers)]
        return max(steps) - min(steps) <= 1e-6 * max(steps)

    def described(self) -> str:
        """Return the first and last value with the marker, such as "t0 to t1"."""
        if self.kind != "number":
            found = sorted(set(self.values))
            beside = ""
            if self.lone and len(found) > 2:
                found.pop()  # the dye: digits come before letters
                beside = f" beside '{self.lone}'"
            return f"{found[0]} {'to' if len(found) > 2 else 'and'} {found[-1]}{beside}"
        found = sorted(set(self.values), key=float)
        before, after = ("", "nm") if self.marker == "nm" else (self.marker, "")
        return f"{before}{found[0]}{after} to {before}{found[-1]}{after}"


_Named = tuple[str, list[NameToken]]
AlikeNames = tuple[str, list[NameToken], list[NameColumn]]
"""A name, its tokens, and the tokens of all names like it, place by place."""


def alike_names(names: Sequence[str]) -> AlikeNames:
    """Find the tokens of the most names that differ in tokens alone.

    Parameters
    ----------
    names : sequence of str
        Names of the image files of a folder, with their suffixes.

    Returns
    -------
    str
        One of the names, with `MASK` for a GUID.
    list of NameToken
        Its tokens.
    list of NameColumn
        The tokens of all, place by place.
    """
    names = _GUID.sub(MASK, BETWEEN.join(names)).split(BETWEEN)
    return _of_one_shape(names) or _alike(names)


def names_in_pieces(names: Sequence[str]) -> Iterator[AlikeNames]:
    """Split names that differ in words, such as those of channels, at their separators.

    Parameters
    ----------
    names : sequence of str
        As for `alike_names`.

    Yields
    ------
    AlikeNames
        One column for each piece, whose kind is "number" or "word": once for each kind of
        separator by which all names have as many pieces. None if they differ in digits alone.
    """
    if len(set(BETWEEN.join(names).translate(_NO_DIGITS).split(BETWEEN))) == 1:
        return
    for separator in _SEPARATORS:
        split = [separator.split(stem_of(name)) for name in names]
        if len({len(pieces) for pieces in split}) == 1:
            columns = [_of_pieces(k, pieces) for k, pieces in enumerate(zip(*split, strict=True))]
            yield names[0], _tokens_of_pieces(names[0], split[0], columns), columns


def _of_pieces(place: int, pieces: Sequence[str]) -> NameColumn:
    """Return the column of pieces: numbers if all have the same letters before them, or words."""
    found = [_NUMBERED.fullmatch(piece) for piece in pieces]
    markers = {match[1].casefold() for match in found if match}
    if len(markers) == 1 and all(found):
        values = tuple(match[2] for match in found if match)
        return NameColumn(place, "number", markers.pop(), values)
    return NameColumn(place, "word", "c", tuple(pieces))


def _tokens_of_pieces(
    name: str, pieces: Sequence[str], columns: Sequence[NameColumn]
) -> list[NameToken]:
    """Return one token for each piece of a name."""
    tokens, end = [], 0
    for piece, column in zip(pieces, columns, strict=True):
        end = name.index(piece, end) + len(piece)
        value = column.values[0]
        tokens.append(NameToken(column.kind, column.marker, value, end - len(value), end))
    return tokens


def _of_one_shape(names: Sequence[str]) -> AlikeNames | None:
    """Return what `_alike` does, faster, if all names differ in plain numbers alone."""
    stems = [stem_of(name) for name in names]
    shapes = set(NUMBER.sub("\0", BETWEEN.join(stems)).split(BETWEEN))
    if len(shapes) != 1:
        return None
    if shapes.pop().count("\0") == 1:  # two show what all do
        stems = [stems[0], stems[-1]]
    joined = BETWEEN.join(stems)
    starts = [match.start("whole") for match in NUMBER.finditer(stems[0])]
    numbers: list[tuple[str, str, str]] = NUMBER.findall(joined)
    tokens = tokens_of(names[:1])[0]
    columns = []
    for place, token in enumerate(tokens):
        within = [k for k, start in enumerate(starts) if token.start <= start < token.end]
        found = [numbers[k :: len(starts)] for k in within]
        values = [""]
        if found:
            values = [number_text(*groups, marker=token.marker) for groups in found[0]]
        if token.kind == "well":
            values = [token.value[0] + value for value in values]
        elif token.kind != "number":
            wholes = [[whole for _, whole, _ in several] for several in found]
            values = ["".join(several) for several in zip(*wholes, strict=True)]
        columns.append(NameColumn(place, token.kind, token.marker, tuple(values)))
    return names[0], tokens, columns


def _alike(names: Sequence[str]) -> AlikeNames:
    """Return name and tokens of one file, and the columns, of the most names that are alike."""
    by_text: dict[tuple[str, ...], list[_Named]] = defaultdict(list)
    for name, tokens in zip(names, tokens_of(names), strict=True):
        edges = [0, *(edge for token in tokens for edge in (token.start, token.end)), len(name)]
        texts = (name[a:b].casefold() for a, b in zip(edges[::2], edges[1::2], strict=True))
        by_text[*texts].append((name, tokens))
    groups = [group for named in by_text.values() for group in _by_kinds(named)]
    most: list[_Named] = max(groups, key=len, default=[("", [])])
    columns = [_column(place, found, most) for place, found in enumerate(_places(most))]
    if any({tokens[column.place].kind for _, tokens in most} == {"word"} for column in columns):
        return alike_names([name for name, _ in most])  # no dye is left beside wavelengths
    return *most[0], columns


def _by_kinds(named: list[_Named]) -> Iterable[list[_Named]]:
    """Split names by the kinds of their tokens, but for those of one axis."""
    columns = list(enumerate(_places(named)))
    mixed = [place for place, found in columns if len({token.kind for token in found}) > 1]
    if not mixed:
        return [named]
    running = [found for _, found in columns if len({token.value for token in found}) > 1]
    words = {k for k, found in columns if k in mixed and _is_one_axis(found, running)}
    groups: dict[tuple[str, ...], list[_Named]] = defaultdict(list)
    for name, tokens in named:
        kinds = [(place, tokens[place].kind) for place in mixed]
        key = ("word" if k in words and kind != "stamp" else kind for k, kind in kinds)
        groups[*key].append((name, tokens))
    return groups.values()


def _places(named: Sequence[_Named]) -> Iterator[tuple[NameToken, ...]]:
    """Return the tokens of names that have as many, place by place."""
    return zip(*(tokens for _, tokens in named), strict=True)


def _is_one_axis(found: Sequence[NameToken], running: Sequence[Sequence[NameToken]]) -> bool:
    """Check whether tokens of several kinds are values of one axis, such as DAPI and 488.

    A few wavelengths beside a dye are, and whatever has as many files for each value as values:
    beside planes with numbers, a picture named by a dye is no channel. Numbers that step as those
    of planes are planes unless z stands elsewhere.
    """
    counts = Counter(token.value for token in found if token.kind != "stamp")
    has_dye = any(token.kind == "dye" for token in found)
    numbers = (token.value for token in found if token.kind in ("number", "well"))
    lines = has_dye and all(map(_WAVELENGTH.fullmatch, numbers))
    most = _MOST_LINES if lines else min(counts.values())
    firsts = [tokens[0] for tokens in running if tokens is not found]
    axes = {AXIS_OF.get(first.marker.casefold(), first.kind) for first in firsts}
    if "z" not in axes and _are_planes(found):
        most = min(counts.values()) if "number" in axes else 0
    return len(counts) <= most


def _are_planes(found: Sequence[NameToken]) -> bool:
    """Check whether numbers among tokens step as those of planes, of which some may be missing."""
    numbered = [token for token in found if token.kind in ("number", "word")]
    markers = {token.marker.casefold() for token in numbered if token.kind == "number"}
    if axes := {AXIS_OF[marker] for marker in markers & AXIS_OF.keys()}:
        return "c" not in axes
    leading = (_LEADING.match(token.value) for token in numbered)
    numbers = sorted({Fraction(match[0]) for match in leading if match})
    steps = [after - before for before, after in pairwise(numbers)]
    least = min(steps, default=Fraction(0))
    is_even = len(numbers) >= _FEWEST_EVEN and not any(step % least for step in steps)
    return (is_even and steps.count(least) > 1) or 0 < least < _APART


def _column(place: int, found: Sequence[NameToken], named: Sequence[_Named]) -> NameColumn:
    """Return the tokens at one place as a column, of words if they are of several kinds."""
    kinds = {token.kind for token in found}
    values = tuple(token.value for token in found)
    if len(kinds) == 1:
        return NameColumn(place, found[0].kind, found[0].marker, values)
    dyes = [name for name, tokens in named if tokens[place].kind == "dye"]
    lone = dyes[0] if len(dyes) == 1 and "well" not in kinds and MASK not in dyes[0] else ""
    return NameColumn(place, "word", CHANNEL if dyes else "", values, lone)
