"""Axes that file names carry: time points, channels and positions beside the planes of a stack.

A marker counts only directly before the digits, and after a separator or another token; a date, a
time of day and a counter are those of a photographer.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from napari_focus_stack.io.file_order import NUMBER, UNIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WORDS = {
    "t": ("time", "timepoint", "tp"),
    "c": ("ch", "chan", "channel", "wave", "wavelength"),
    "z": ("z", "zpos", "zstep", "zstack", "focus", "depth", "height", "slice", "plane", "stage"),
    "p": ("pos", "position", "site", "scene", "series", "well", "field", "fov", "tile"),
}
"""Markers that may have one separator before the digits."""
_LETTERS = {"t": "t", "c": "cw", "p": "pfsmxy"}
"""Markers directly before the digits; letters of words and of lenses are none."""
_SURE = {"t", "nm", *_WORDS["t"], *_WORDS["c"]}
"""Markers that make a film, or channels, of files even if names have no other."""
_AXIS_OF = {"nm": "c"} | {
    marker: axis
    for group in (_WORDS, _LETTERS)
    for axis, found in group.items()
    for marker in found
}
_DYES = (
    "dapi|hoechst|e?gfp|yfp|cfp|rfp|mcherry|tdtomato|fitc|tritc|texasred|cy[357]|bf|brightfield|dic"
)
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
MASK = "~" * 36
"""Stands for a GUID, whose digits are no numbers."""
_DAY = r"(?<!\d)(?:19|20)\d\d(?:[-_.]\d\d?[-_.]\d\d?|\d{4})(?!\d)"
_CLOCK = r"(?:[ _T.-]+(?:\d\d?[-_.:h]\d\d?(?:[-_.:m]\d\d?)?|\d{6}(?:\d{3})?)(?!\d))?"
_WELL = re.compile(r"(?<![A-Za-z0-9])[A-P]\d\d?(?![A-Za-z0-9])")
_TOKEN = re.compile(
    rf"(?P<stamp>{_DAY}{_CLOCK})"
    rf"|(?P<dye>(?<![A-Za-z])(?i:{_DYES})(?![A-Za-z]))"
    rf"|(?P<number>{NUMBER.pattern})"
)
_MARKER = re.compile(
    r"(?P<start>^|[^a-z])"
    rf"(?:(?P<word>{'|'.join(word for words in _WORDS.values() for word in words)})[ _=-]?"
    rf"|(?P<letter>[{''.join(_LETTERS.values())}]))$",
    re.IGNORECASE,
)
_CHAIN = re.compile(r"[A-Za-z]{1,2}")
_SEPARATORS = (re.compile(r"_+|--"), re.compile(r"[_ ]+|--"))
_BETWEEN = "/"
"""Joins names that one call searches: no name has it."""
_NO_DIGITS = dict.fromkeys(map(ord, "0123456789"))
_NUMBERED = re.compile(r"([A-Za-z]*)(\d+)")
_SHORT, _LARGE = 5, 1000
"""Running numbers without a marker are of few digits, or small and padded with zeros: others are
times of day and serial numbers."""


@dataclass(frozen=True)
class NameToken:
    """One token of one name: its value, and where that stands."""

    kind: str
    marker: str
    value: str
    start: int
    end: int


@dataclass(frozen=True)
class NameColumn:
    """Tokens at one place of names that are alike otherwise."""

    place: int
    kind: str
    marker: str
    values: tuple[str, ...]

    @property
    def axis(self) -> str:
        """Field of a pattern; empty if the marker is none."""
        by_kind = {"dye": "c", "word": "c", "well": "well"}
        return by_kind.get(self.kind) or _AXIS_OF.get(self.marker.casefold(), "")

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
        return self.kind == "dye" or self.marker.casefold() in _SURE

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
            return " and ".join(found) if len(found) == 2 else f"{found[0]} to {found[-1]}"
        found = sorted(set(self.values), key=float)
        before, after = ("", "nm") if self.marker == "nm" else (self.marker, "")
        return f"{before}{found[0]}{after} to {before}{found[-1]}{after}"


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
    names = _GUID.sub(MASK, _BETWEEN.join(names)).split(_BETWEEN)
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
    if len(set(_BETWEEN.join(names).translate(_NO_DIGITS).split(_BETWEEN))) == 1:
        return
    for separator in _SEPARATORS:
        split = [separator.split(_stem(name)) for name in names]
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
    return NameColumn(place, "word", "", tuple(pieces))


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
    stems = [_stem(name) for name in names]
    shapes = set(NUMBER.sub("\0", _BETWEEN.join(stems)).split(_BETWEEN))
    if len(shapes) != 1:
        return None
    if shapes.pop().count("\0") == 1:  # two show what all do
        stems = [stems[0], stems[-1]]
    joined = _BETWEEN.join(stems)
    starts = [match.start("whole") for match in NUMBER.finditer(stems[0])]
    numbers: list[tuple[str, str, str]] = NUMBER.findall(joined)
    tokens = _tokens(names[0], _well_places(names[:1]))
    columns = []
    for place, token in enumerate(tokens):
        within = [k for k, start in enumerate(starts) if token.start <= start < token.end]
        found = [numbers[k :: len(starts)] for k in within]
        values = [""]
        if found:
            values = [_value(*groups, marker=token.marker) for groups in found[0]]
        if token.kind == "well":
            values = [token.value[0] + value for value in values]
        elif token.kind != "number":
            wholes = [[whole for _, whole, _ in several] for several in found]
            values = ["".join(several) for several in zip(*wholes, strict=True)]
        columns.append(NameColumn(place, token.kind, token.marker, tuple(values)))
    return names[0], tokens, columns


def _alike(names: Sequence[str]) -> AlikeNames:
    """Return name and tokens of one file, and the columns, of the most names that are alike."""
    wells = _well_places(names)
    groups: dict[tuple[str, ...], list[tuple[str, list[NameToken]]]] = defaultdict(list)
    for name in names:
        tokens = _tokens(name, wells)
        edges = [0, *(edge for token in tokens for edge in (token.start, token.end)), len(name)]
        texts = (name[a:b].casefold() for a, b in zip(edges[::2], edges[1::2], strict=True))
        groups[*texts, *(token.kind for token in tokens)].append((name, tokens))
    most: list[tuple[str, list[NameToken]]] = max(groups.values(), key=len, default=[("", [])])
    places = zip(*(tokens for _, tokens in most), strict=True)
    columns = [
        NameColumn(place, found[0].kind, found[0].marker, tuple(token.value for token in found))
        for place, found in enumerate(places)
    ]
    return *most[0], columns


def _well_places(names: Sequence[str]) -> set[int]:
    """Return which of the letters with one or two digits in names are wells of a plate.

    They are if the letter differs between names, or is the marker of nothing else.
    """
    letters: dict[int, set[str]] = defaultdict(set)
    if _WELL.search(_BETWEEN.join(names)):
        for name in names:
            for place, well in enumerate(_WELL.findall(name)):
                letters[place].add(well[0].lower())
    return {
        place for place, found in letters.items() if len(found) > 1 or not found & _AXIS_OF.keys()
    }


def _tokens(name: str, wells: set[int]) -> list[NameToken]:
    """Return the tokens of a name without its suffix."""
    stem = _stem(name)
    plates = [well for place, well in enumerate(_WELL.finditer(stem)) if place in wells]
    starts = {well.start() + 1 for well in plates}
    tokens: list[NameToken] = []
    end, is_chain = 0, True
    for match in _TOKEN.finditer(stem):
        if match["number"] is None:
            kind = "dye" if match["dye"] else "stamp"
            token = NameToken(kind, "", match[0].upper(), *match.span())
            is_chain = False
        elif match.start() in starts:
            start = match.start() - 1
            token = NameToken("well", "", stem[start : match.end()], start, match.end())
            is_chain = False
        else:
            text = stem[end : match.start()]
            marker = _marker(text, match, is_chain=is_chain)
            is_chain = bool(marker) or (is_chain and end > 0 and bool(_CHAIN.fullmatch(text)))
            value = _value(match["sign"], match["whole"], match["part"], marker)
            token = NameToken("number", marker, value, match.start("whole"), match.end())
        tokens.append(token)
        end = match.end()
    return tokens


def _marker(text: str, match: re.Match[str], *, is_chain: bool) -> str:
    """Return the marker at the end of the text before a number; empty if there is none."""
    found = _MARKER.search(text)
    marker = ""
    if found and (found["start"] or is_chain):
        is_plain = not match["sign"] and not match["part"]
        marker = found["word"] or (found["letter"] if is_plain else "")
    unit = UNIT.match(match.string, match.end())
    if unit and unit[1] == "nm" and not marker:
        return "nm"
    lengths = unit and unit[1] not in ("nm", "mm") and marker not in ("x", "y")
    return "z" if lengths else marker


def _value(sign: str, whole: str, part: str | None, marker: str) -> str:
    """Return a number with a decimal point; a dash is a sign only in z."""
    if not sign and not part:
        return whole
    is_negative = sign in ("-", "\u2212") and _AXIS_OF.get(marker.casefold()) == "z"
    return f"{'-' if is_negative else ''}{whole}{f'.{part}' if part else ''}"


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name
