"""Patterns of file names: those of microscopes, and a caller's such as "{name}_t{t}_z{z}.tif"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING

from napari_focus_stack.errors import SettingsError
from napari_focus_stack.series.pattern_parts import NameParts, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_WORD = (r"(\d)\d*", r"([^/_.])[^/_.]*")
FIELDS = {
    "name": (r"([^/])[^/]*",),
    "t": (r"(\d)\d*",),
    "c": _WORD,
    "z": (r"([+\u2212-]?\d+[.,]\d)\d*", r"([+\u2212-]?\d)\d*"),
    "p": _WORD,
    "well": (r"([A-Za-z]{1,2}\d)\d?",),
    "field": (r"(\d)\d*",),
}
"""Fields of a pattern, and what they stand for; a well and its field make a position."""
_WHOLE = {
    "c": ("", "(?<![^/_.])"),
    "p": ("", "(?<![^/_.])"),
    "z": (r"(?<!\d[.,])",) * 2,
    "well": ("(?<![A-Za-z])",),
}
"""Where the expressions of fields begin after a star that splits no word and no "1.5"."""
_NO_SPLIT = r"(?:(?<!\d)|(?!\d))"
_STAR, _FOLDER, _SUFFIX = "()[^/]*", "([^/])[^/]*", r"(\.[^./])[^./]*"
_PIECE = re.compile(r"\{([^{}]*)\}|(\*+)|([^{}*]+)|(.)", re.DOTALL)
_MARKER = re.compile(r"[A-Za-z]*$")
_NOWHERE = (0, 0)


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
    spans : callable
        Called with a path with slashes; returns where the fields start and end in it, or None if
        it does not fit.
    folders : int
        Number of folders in a path.
    """

    kind: str
    spans: Callable[[str], Mapping[str, tuple[int, int]] | None]
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

        Raises
        ------
        SettingsError
            A caller's pattern can be read in too many ways.
        """
        spans = self.spans(path)
        if spans is None:
            return None
        found = {key: path[start:end] for key, (start, end) in spans.items() if start < end}
        well = found.get("well", "")
        if "row" in found:
            well = f"{_row(int(found['row']))}{found['column']}"
        return FileFields(
            name=found.get("name", ""),
            t=found.get("t", ""),
            c=_label(path, spans.get("c", _NOWHERE)),
            z=found.get("z", ""),
            p=found.get("folder", "") or _label(path, spans.get("p", _NOWHERE)),
            well=_padded(well),
            field=found.get("field", ""),
        )


def _label(path: str, span: tuple[int, int]) -> str:
    """Return the text of a field; a number with the letters before it."""
    text = path[slice(*span)]
    marker = _MARKER.search(path[: span[0]]) if text.isdigit() else None
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
        "ZStep_{z}/{name}_s{p}_w{c}.tif". A star stands for any text, but for no slash, and takes
        as much as it can; it splits no number, and no word if that can be. A field that stands
        twice must have the same text. Without a suffix, any is taken. Case does not count.

    Returns
    -------
    FilePattern
        Pattern of paths with as many folders as `pattern` has.

    Raises
    ------
    SettingsError
        A field is unknown, `{z}` is missing, `{name}` stands twice, two fields touch, or a brace
        is open.
    """
    path = pattern.replace("\\", "/").removeprefix("./")
    pieces = _PIECE.findall(path)
    _check(pattern, pieces)
    suffix = () if "." in path.rpartition("}")[2] else (Part((_compiled(_SUFFIX),)),)
    strict, free = (
        NameParts(pattern, (*_parts(pieces, whole=whole), *suffix)) for whole in (True, False)
    )
    ways = (strict,) if strict == free else (strict, free)
    return FilePattern(f"pattern '{pattern}'", partial(_first_spans, ways), path.count("/"))


def _first_spans(ways: Sequence[NameParts], path: str) -> Mapping[str, tuple[int, int]] | None:
    """Return where fields lie by the first of several ways to read a path that fits."""
    return next((spans for way in ways if (spans := way.spans(path)) is not None), None)


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
    if any(pair == ("field", "field") for pair in pairwise(kinds)):
        raise SettingsError(
            f"pattern '{pattern}' has two fields without text between them, so that nothing says "
            "where the first one ends; put what stands between them there."
        )


def _parts(pieces: Sequence[tuple[str, str, str, str]], *, whole: bool) -> Iterator[Part]:
    """Return the parts of a pattern; with `whole`, stars split no words."""
    texts = [*(text for _, _, text, _ in pieces), ""]
    if texts[0]:
        yield Part((_compiled("()"),), texts[0])
    seen: set[str] = set()
    for k, (field, star, text, _) in enumerate(pieces):
        if star:
            yield Part((_compiled(_STAR),), texts[k + 1], is_star=True)
        elif not text:
            expressions = ("()",) if field in seen else _expressions(field, pieces, k)
            if k and pieces[k - 1][1]:
                begins = _WHOLE.get(field, ()) if whole and field not in seen else ()
                expressions = _after_star(expressions, begins)
            compiled = tuple(map(_compiled, expressions))
            yield Part(compiled, texts[k + 1], field, is_lazy=field == "name")
            seen.add(field)


def _after_star(expressions: tuple[str, ...], begins: tuple[str, ...]) -> tuple[str, ...]:
    """Return the expressions of a field that begins where they say, and in no number."""
    return tuple(
        f"{_NO_SPLIT}{begin}{expression}"
        for begin, expression in zip_longest(begins, expressions, fillvalue="")
    )


def _expressions(
    field: str, pieces: Sequence[tuple[str, str, str, str]], k: int
) -> tuple[str, ...]:
    """Return the expressions of a field; a word that is a folder's whole name may be any."""
    before = pieces[k - 1][2] if k else "/"
    after = pieces[k + 1][2] if k + 1 < len(pieces) else ""
    is_folder = before.endswith("/") and after.startswith("/")
    return (_FOLDER,) if is_folder and field in ("p", "c") else FIELDS[field]


def _compiled(expression: str, flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str]:
    """Compile an expression whose digits are 0 to 9: other digits are no numbers of programs."""
    return re.compile(expression.replace(r"\d", "[0-9]"), flags)


def _named_spans(expression: re.Pattern[str], path: str) -> dict[str, tuple[int, int]] | None:
    """Return where the groups of an expression that fits a path are; None if it does not fit."""
    match = expression.fullmatch(path)
    return match and {group: match.span(group) for group in expression.groupindex}


_TIFF = r"(?i:\.tiff?)"
_GUID = r"(?:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})?"
_NAME = r"(?P<name>[^/]+?)"
_POSITION_FOLDER = r"(?:(?P<folder>[^/]+)/)?"
_SITE = r"(?P<name>[^/]+)_(?P<well>[A-P]\d\d)(?:_s(?P<field>\d+))?(?:_w(?P<c>\d+?))?"
NAMED = tuple(
    FilePattern(kind, partial(_named_spans, _compiled(expression + _TIFF, re.NOFLAG)), 2)
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
