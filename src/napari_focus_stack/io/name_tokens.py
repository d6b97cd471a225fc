"""Tokens of file names: numbers with their markers, names of dyes, wells, dates and times of day.

A marker counts only directly before the digits, and after a separator or another token; a date, a
time of day and a counter are those of a photographer.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_focus_stack.io.file_order import NUMBER, UNIT

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORDS = {
    "t": ("time", "timepoint", "tp"),
    "c": ("ch", "chan", "channel", "wave", "wavelength"),
    "z": ("z", "zpos", "zstep", "zstack", "focus", "depth", "height", "slice", "plane", "stage"),
    "p": ("pos", "position", "site", "scene", "series", "well", "field", "fov", "tile"),
}
"""Markers that may have one separator before the digits."""
_LETTERS = {"t": "t", "c": "cw", "p": "pfsmxy"}
"""Markers directly before the digits; letters of words and of lenses are none."""
SURE = {"t", "nm", *_WORDS["t"], *_WORDS["c"]}
"""Markers that make a film, or channels, of files even if names have no other."""
AXIS_OF = {"nm": "c"} | {
    marker: axis
    for group in (_WORDS, _LETTERS)
    for axis, found in group.items()
    for marker in found
}
_DYES = (
    "dapi|hoechst|e?gfp|yfp|cfp|rfp|mcherry|tdtomato|fitc|tritc|texasred|cy[357]|bf|brightfield|dic"
)
CHANNEL = "channel"
"""Marker of words among which are names of dyes."""
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
BETWEEN = "/"
"""Joins names that one call searches: no name has it."""


@dataclass(frozen=True)
class NameToken:
    """One token of one name: its value, and where that stands."""

    kind: str
    marker: str
    value: str
    start: int
    end: int


def tokens_of(names: Sequence[str]) -> list[list[NameToken]]:
    """Find the tokens of names.

    Parameters
    ----------
    names : sequence of str
        Names of the image files of a folder, with their suffixes.

    Returns
    -------
    list of list of NameToken
        Those of each name, of the kinds "number", "dye", "well" and "stamp"; and "word" for a
        wavelength with its unit where other names have a dye.
    """
    wells = _well_places(names)
    found = [_tokens(name, wells) for name in names]
    if not any("nm" in name for name in names):
        return found
    dyes = {k for tokens in found for k, token in enumerate(tokens) if token.kind == "dye"}
    return [
        [_with_unit(name, token) if k in dyes else token for k, token in enumerate(tokens)]
        for name, tokens in zip(names, found, strict=True)
    ]


def _with_unit(name: str, token: NameToken) -> NameToken:
    """Return a wavelength with its unit as a word; any other token as it is."""
    unit = UNIT.match(name, token.end) if token.marker == "nm" else None
    if unit is None:
        return token
    value = name[token.start : unit.end()]
    return replace(token, kind="word", marker=CHANNEL, value=value, end=unit.end())


def _well_places(names: Sequence[str]) -> set[int]:
    """Return which of the letters with one or two digits in names are wells of a plate.

    They are if the letter differs between names, or is the marker of nothing else.
    """
    letters: dict[int, set[str]] = defaultdict(set)
    if _WELL.search(BETWEEN.join(names)):
        for name in names:
            for place, well in enumerate(_WELL.findall(name)):
                letters[place].add(well[0].lower())
    return {
        place for place, found in letters.items() if len(found) > 1 or not found & AXIS_OF.keys()
    }


def _tokens(name: str, wells: set[int]) -> list[NameToken]:
    """Return the tokens of a name without its suffix."""
    stem = stem_of(name)
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
            value = number_text(match["sign"], match["whole"], match["part"], marker)
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


def number_text(sign: str, whole: str, part: str | None, marker: str) -> str:
    """Write a number with a decimal point; a dash is a sign only in z.

    Parameters
    ----------
    sign, whole, part : str
        Groups of `file_order.NUMBER`; nothing or None where there are none.
    marker : str
        Marker of the number.

    Returns
    -------
    str
        What `float` can read.
    """
    if not sign and not part:
        return whole
    is_negative = sign in ("-", "\u2212") and AXIS_OF.get(marker.casefold()) == "z"
    return f"{'-' if is_negative else ''}{whole}{f'.{part}' if part else ''}"


def stem_of(name: str) -> str:
    """Return a name without its suffix.

    Parameters
    ----------
    name : str
        Name of a file.

    Returns
    -------
    str
        All before the last point.
    """
    return name.rpartition(".")[0] or name
