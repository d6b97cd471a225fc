"""Patterns of file names: those of microscopes, and a caller's such as "{name}_t{t}_z{z}.tif"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

FIELDS = {
    "name": r"[^/]+?",
    "t": r"\d+",
    "c": r"\d+|[^/_.]+",
    "z": r"[+\u2212-]?\d+(?:[.,]\d+)?",
    "p": r"\d+|[^/_.]+",
    "well": r"[A-Za-z]{1,2}\d{1,2}",
    "field": r"\d+",
}
"""Fields of a pattern, and what they stand for; a well and its field make a position."""
_PIECE = re.compile(r"\{([^{}]*)\}|(\*+)|([^{}*]+)|(.)", re.DOTALL)
_NUMBERS = ("t", "z", "field")
_WHOLE = dict.fromkeys(("c", "p"), r"\d+(?!\d)|[^/_.]+(?![^/_.])")
_MOST_FREE = 4
"""Parts of one name or folder that may end at several places: with each, the tries for a name of
250 characters that does not fit take 50 times as long, and with four up to 5 s."""
_MARKER = re.compile(r"[A-Za-z]*$")
_SUFFIX = r"\.[^./]+"


@dataclass(frozen=True)
class FileFields:
    """Fields in the name of one file; empty where the pattern has none.

    Attributes
    ----------
    name : str
        Text that names the recording.
    t, z, field : str
        Numbers.
    c, p : str
        Words, or numbers with the letters before them, such as "ch00".
    well : str
        Such as "B02".
    """

    name: str = ""
    t: str = ""
    c: str = ""
    z: str = ""
    p: str = ""
    well: str = ""
    field: str = ""


@dataclass(frozen=True)
class FilePattern:
    """Pattern of the paths of files within a folder.

    Attributes
    ----------
    kind : str
        Program whose names they are, or the pattern itself, for messages.
    expression : re.Pattern
        Regular expression of a path with slashes.
    folders : int
        Number of folders in a path.
    """

    kind: str
    expression: re.Pattern[str]
    folders: int = 0

    def fields(self, path: str) -> FileFields | None:
        """Return the fields of a file.

        Parameters
        ----------
        path : str
            Path within the folder, with slashes.

        Returns
        -------
        FileFields or None
            None if the path does not fit.
        """
        match = self.expression.fullmatch(path)
        if match is None:
            return None
        found = {key: text for key, text in match.groupdict().items() if text}
        well = found.get("well", "")
        if "row" in found:
            well = f"{_row(int(found['row']))}{found['column']}"
        return FileFields(
            name=found.get("name", ""),
            t=found.get("t", ""),
            c=_label(match, "c"),
            z=found.get("z", ""),
            p=found.get("folder", "") or _label(match, "p"),
            well=_padded(well),
            field=found.get("field", ""),
        )


def _label(match: re.Match[str], group: str) -> str:
    """Return the text of a group; a number with the letters before it."""
    text = match.groupdict().get(group) or ""
    marker = _MARKER.search(match.string[: match.start(group)]) if text.isdigit() else None
    return f"{marker[0] if marker else ''}{text}"


def _row(number: int) -> str:
    """Return the letters of a plate's row, counted from 1: A to Z, then AA."""
    first, second = divmod(number - 1, 26)
    return f"{chr(64 + first) if first else ''}{chr(65 + second)}"


def _padded(well: str) -> str:
    """Return a well with two digits, such as "B02"; empty for none."""
    row = well.rstrip("0123456789")
    return f"{row.upper()}{int(well[len(row) :]):02d}" if well else ""


def compile_pattern(pattern: str) -> FilePattern:
    """Turn a pattern in braces into a regular expression.

    Parameters
    ----------
    pattern : str
        Path within a folder with fields of `FIELDS`, such as "{name}_t{t}_z{z}_c{c}.tif" or
        "ZStep_{z}/{name}_s{p}_w{c}.tif". A star stands for any text, but for no slash. A field
        that stands twice must have the same text. Without a suffix, any is taken. Case does not
        count.

    Returns
    -------
    FilePattern
        Pattern of paths with as many folders as `pattern` has.

    Raises
    ------
    SettingsError
        A field is unknown, `{z}` is missing, `{name}` stands twice, two fields touch, a brace is
        open, or there are more stars than can be tried.
    """
    path = pattern.replace("\\", "/").removeprefix("./")
    pieces = _PIECE.findall(path)
    _check(pattern, pieces)
    seen: set[str] = set()
    parts: list[str] = []
    for k, (field, star, text, _) in enumerate(pieces):
        if text or star:
            # the shortest text: a greedy star would take all but the last digit of a number
            parts.append(re.escape(text) if text else "[^/]*?")
        elif field in seen:
            parts.append(f"(?P={field})")
        else:
            seen.add(field)
            parts.append(f"(?P<{field}>{_expression(field, pieces, k)})")
    suffix = "" if "." in path.rpartition("}")[2] else _SUFFIX
    expression = _compiled("".join(parts) + suffix, re.IGNORECASE)
    return FilePattern(f"pattern '{pattern}'", expression, path.count("/"))


def _check(pattern: str, pieces: Sequence[tuple[str, str, str, str]]) -> None:
    """Raise a SettingsError if a pattern cannot be used."""
    kinds = ["other" if text else "star" if star else "field" for _, star, text, _ in pieces]
    fields = [piece[0] for piece, kind in zip(pieces, kinds, strict=True) if kind == "field"]
    if any(brace for _, _, _, brace in pieces):
        raise SettingsError(f"pattern '{pattern}' has a brace without its other; write {{z}}.")
    unknown = [field for field in fields if field not in FIELDS]
    if unknown:
        known = ", ".join(f"{{{field}}}" for field in FIELDS)
        raise SettingsError(
            f"pattern '{pattern}' has the field {{{unknown[0]}}}; the fields are {known}."
        )
    if "z" not in fields:
        raise SettingsError(f"pattern '{pattern}' has no {{z}}; name the axis of focus with it.")
    if fields.count("name") > 1:
        raise SettingsError(f"pattern '{pattern}' has {{name}} twice; use * for the other text.")
    if _free_parts(pieces) > _MOST_FREE:
        raise SettingsError(
            f"pattern '{pattern}' has more than {_MOST_FREE} stars and fields of any text in one "
            "name; put text in their place, or one star for all that follows."
        )
    if any(pair == ("field", "field") for pair in pairwise(kinds)):
        raise SettingsError(
            f"pattern '{pattern}' has two fields without text between them, so that nothing says "
            "where the first one ends; put what stands between them there."
        )
    if re.search(r"\*\{name\}|\{name\}\*", pattern):
        raise SettingsError(
            f"pattern '{pattern}' has a star beside {{name}}, which may be any text itself; leave "
            "the star out."
        )


def _free_parts(pieces: Sequence[tuple[str, str, str, str]]) -> int:
    """Return how many parts of one name or folder may end at several places, where most are."""
    most = found = 0
    for k, (field, star, text, _) in enumerate(pieces):
        around = pieces[k - 1][2][-1:] if k else "", pieces[k + 1][2][:1] if pieces[k + 1 :] else ""
        is_number = field in _NUMBERS and not any(map(str.isdigit, around))
        found = 0 if "/" in text else found + (bool(field or star) and not is_number)
        most = max(most, found)
    return most


def _expression(field: str, pieces: Sequence[tuple[str, str, str, str]], k: int) -> str:
    """Return the expression of a field; a word that is a folder's whole name may be any."""
    before = pieces[k - 1][2] if k else "/"
    after = pieces[k + 1][2] if k + 1 < len(pieces) else ""
    if before.endswith("/") and after.startswith("/") and field in ("p", "c"):
        return "[^/]+"
    # beside stars nothing else says where a number or a word begins and ends
    begins = r"(?<!\d)" if field in _NUMBERS and k and pieces[k - 1][1] else ""
    if k + 1 < len(pieces) and pieces[k + 1][1]:
        return begins + _WHOLE.get(field, rf"{FIELDS[field]}(?!\d)")
    return f"{begins}{FIELDS[field]}"


def _compiled(expression: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Compile an expression whose digits are 0 to 9: other digits are no numbers of programs."""
    return re.compile(expression.replace(r"\d", "[0-9]"), flags)


_TIFF = r"(?i:\.tiff?)"
_GUID = r"(?:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})?"
_NAME = r"(?P<name>[^/]+?)"
_POSITION_FOLDER = r"(?:(?P<folder>[^/]+)/)?"
_SITE = r"(?P<name>[^/]+)_(?P<well>[A-P]\d\d)(?:_s(?P<field>\d+))?(?:_w(?P<c>\d+?))?"
NAMED = tuple(
    FilePattern(kind, _compiled(expression + _TIFF), 2)
    for kind, expression in (
        (
            "Micro-Manager",
            rf"{_POSITION_FOLDER}img_channel(?P<c>\d+)_position(?P<p>\d+)_time(?P<t>\d+)"
            r"_z(?P<z>\d+)",
        ),
        ("Micro-Manager", rf"{_POSITION_FOLDER}img_(?P<t>\d{{9}})_(?P<c>[^/]+)_(?P<z>\d{{3,}})"),
        (
            "MetaXpress",
            rf"(?:TimePoint_(?P<t>\d+)/)?(?:ZStep_(?:0|(?P<z>\d+))/)?{_SITE}{_GUID}",
        ),
        ("MetaXpress", rf"{_SITE}_z(?P<z>\d+)(?:_t(?P<t>\d+))?"),
        (
            "CellVoyager",
            r"(?P<name>[^/]+)_(?P<well>[A-Z]{1,2}\d\d)_T(?P<t>\d+)F(?P<field>\d+)L\d+A\d+"
            r"Z(?P<z>\d+)C(?P<c>\d+)",
        ),
        (
            "Opera",
            r"(?:Images/)?r(?P<row>0*[1-9]\d?)c(?P<column>\d+)f(?P<field>\d+)p(?P<z>\d+)"
            r"-ch(?P<c>\d+)sk(?P<t>\d+)fk\d+fl\d+",
        ),
        (
            "scanR",
            r"(?:data/)?[^/]*?--(?P<p>W\d+--P\d+)--Z(?P<z>\d+)--T(?P<t>\d+)--(?P<c>[^/]+)",
        ),
        (
            "LAS X",
            rf"(?=.*_(?:[sS]|t|ch)\d){_NAME}(?:_[sS](?P<p>\d+))?(?:_t(?P<t>\d+))?_z(?P<z>\d+)"
            r"(?:_RAW)?(?:_ch(?P<c>\d+))?",
        ),
        (
            "ZEN",
            rf"{_NAME}_(?=[bst]\d|z\d+c)(?:b\d+)?(?:s(?P<p>\d+))?(?:t(?P<t>\d+))?z(?P<z>\d+)"
            r"(?:c(?P<c>\d+))?(?:x\d+-\d+y\d+-\d+)?_ORG",
        ),
        (
            "ZEN",
            rf"{_NAME}_(?=[bst]\d|z\d+c)(?:b\d+)?(?:s(?P<p>\d+))?(?:t(?P<t>\d+))?z(?P<z>\d+)"
            r"(?:c(?P<c>\d+))?(?:x\d+-\d+y\d+-\d+)?",
        ),
        (
            "Fluoview",
            rf"{_NAME}_(?=C|Z\d+T)(?:C(?P<c>\d{{3,}}))?Z(?P<z>\d{{3,}})(?:T(?P<t>\d{{3,}}))?",
        ),
    )
)
"""Names that microscopes give, in the order in which they are tried.

A field that is missing in one file, such as the z of projections outside of the folders ZStep_1 and
on (ZStep_0 holds them, too), is empty.
"""
SUB_FOLDERS = re.compile(
    r"TimePoint_\d+|ZStep_\d+|(?:\d+-)?Pos[-_ ]?\d.*|[A-P]\d+-Site_\d+|Default|Images|data"
)
"""Folders within that of a series in which named patterns look for files."""


def named_pattern(paths: Sequence[str]) -> FilePattern | None:
    """Find the program whose names at least half of the files have.

    Parameters
    ----------
    paths : sequence of str
        Paths within a folder, with slashes.

    Returns
    -------
    FilePattern or None
        None if no pattern fits, or none of the files has a z.
    """
    return next((pattern for pattern in NAMED if _fits_most(pattern, paths)), None)


def _fits_most(pattern: FilePattern, paths: Sequence[str]) -> bool:
    """Check whether half of the paths fit, one of them with a z."""
    misses, has_z = 0, False
    for path in paths:
        found = pattern.fields(path)
        if found is None:
            misses += 1
            if 2 * misses > len(paths):
                return False
        else:
            has_z = has_z or bool(found.z)
    return has_z
