"""Folders whose file names carry axes beside z: a film, channels or positions are no one stack."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.name_columns import MASK, alike_names, names_in_pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_focus_stack.io.name_columns import NameColumn
    from napari_focus_stack.io.name_tokens import NameToken

_FEWEST = 3
"""Numbers beside a word from which on each value of the word is a stack."""


@dataclass(frozen=True)
class NameAxes:
    """Axes beside z that the names of a folder's files carry.

    Attributes
    ----------
    tokens : tuple of str
        What runs, such as "t0 to t1".
    pattern : str
        Pattern of such names in braces, in which `{z}` is the axis of focus; empty if no number
        runs.
    has_z : bool
        Whether one of the tokens may be z.
    """

    tokens: tuple[str, ...]
    pattern: str
    has_z: bool


def find_axes(names: Sequence[str]) -> NameAxes | None:
    """Find axes beside z in the names of a folder's files.

    Parameters
    ----------
    names : sequence of str
        Names of its image files, with their suffixes.

    Returns
    -------
    NameAxes or None
        None if the files are one stack by their names: one number runs, or several that have no
        markers and form no complete grid.
    """
    if len(names) < 2:
        return None
    name, tokens, columns = alike_names(names)
    running = _independent([column for column in columns if column.runs > 1])
    fixed = [column for column in columns if column.runs == 1 and column.axis]
    axes = _surplus(running, fixed)
    if axes:
        return _described(name, tokens, axes, columns)
    for name, tokens, columns in names_in_pieces(names):
        running = [column for column in columns if column.runs > 1]
        words = [column for column in running if column.kind == "word"]
        axes = _with_words(words, [column for column in running if column.kind == "number"])
        if axes:
            return _described(name, tokens, axes, columns)
    return None


def _surplus(running: list[NameColumn], fixed: list[NameColumn]) -> list[NameColumn]:
    """Return the columns that make more than one z stack of the files; none for one stack."""
    marked = [column for column in running if column.axis]
    unmarked = [column for column in running if not column.axis and column.repeats]
    if len(marked) > 1:
        return [*marked, *(column for column in unmarked if column.counts())]
    grid = _complete_grid(running)
    if grid or not marked:
        return grid
    only = marked[0]
    is_plural = only.is_sure or bool(fixed) or _is_plate(only)
    if only.axis == "z":
        is_plural = only.repeats
    return [only, *unmarked] if is_plural else []


def _with_words(words: list[NameColumn], numbers: list[NameColumn]) -> list[NameColumn]:
    """Return a word and the numbers that each of its values has, or a z that several files have.

    Two numbers may as well be those of a stack in two parts, such as top_1, top_2, end_1, end_2.
    """
    if len(words) != 1 or not numbers:
        return []
    counted = set(zip(*(column.values for column in numbers), strict=True))
    combined = set(zip(words[0].values, *(column.values for column in numbers), strict=True))
    files = len(words[0].values)
    is_full = len(combined) == files == words[0].runs * len(counted)
    has_z_twice = any(column.axis == "z" and column.repeats for column in numbers)
    if has_z_twice or (is_full and len(counted) >= _FEWEST):
        return sorted([*words, *numbers], key=lambda column: column.place)
    return []


def _complete_grid(running: list[NameColumn]) -> list[NameColumn]:
    """Return the columns whose every combination has one file; none if there is no such grid."""
    axes = [column for column in running if column.repeats and column.counts()]
    combined = set(zip(*(column.values for column in axes), strict=True))
    full = len(axes) > 1 and math.prod(column.runs for column in axes) == len(axes[0].values)
    return axes if full and len(combined) == len(axes[0].values) else []


def _is_plate(column: NameColumn) -> bool:
    """Check whether wells are all those of several rows and several columns."""
    rows = {value[0] for value in column.values}
    columns = {value[1:] for value in column.values}
    full = len(rows) * len(columns) == column.runs
    return column.kind == "well" and len(rows) > 1 and len(columns) > 1 and full


def _independent(running: list[NameColumn]) -> list[NameColumn]:
    """Leave out columns that run along with another one; of such, z stays, or a marked one."""
    kept: list[NameColumn] = []
    for column in sorted(running, key=lambda c: (c.axis != "z", not c.axis)):
        pairs = [len(set(zip(column.values, other.values, strict=True))) for other in kept]
        if not any(
            pair == column.runs == other.runs for pair, other in zip(pairs, kept, strict=True)
        ):
            kept.append(column)
    return sorted(kept, key=lambda column: column.place)


def _described(
    name: str, tokens: list[NameToken], axes: list[NameColumn], columns: list[NameColumn]
) -> NameAxes:
    """Return the axes of names, with the pattern of one of them."""
    fields = _fields(axes)
    text, end = "", 0
    for token, column in zip(tokens, columns, strict=True):
        if column.runs > 1:
            field = fields.get(column.place)
            before = name[end : token.start]
            signs = {value.startswith("-") for value in column.values}
            text += before.rstrip("+-\u2212") if len(signs) > 1 else before
            text += f"{{{field}}}" if field else "*"
            end = token.end
    return NameAxes(
        tuple(column.described() for column in axes),
        (text + name[end:]).replace(MASK, "*") if "z" in fields.values() else "",
        any(column.axis in ("z", "") for column in axes),
    )


def _fields(axes: list[NameColumn]) -> dict[int, str]:
    """Return a field for each column, by its marker where it can be; a number is z."""
    wanted = {column.place: column.axis for column in axes}
    if "z" not in wanted.values():
        # of several, a channel or a site that is marked as such is no focus
        others = [column for column in axes if column.axis in ("", "t")] if axes[1:] else axes
        numbers = [column for column in others if column.kind == "number"]
        for column in sorted(numbers, key=lambda column: not column.axis)[-1:]:
            wanted[column.place] = "z"
    free = [field for field in ("p", "t", "c", "field") if field not in wanted.values()]
    fields: dict[int, str] = {}
    for place, axis in wanted.items():
        is_taken = not axis or axis in fields.values()
        field = (free.pop(0) if free else "") if is_taken else axis
        if field:
            fields[place] = field
    return fields


class NamedAxesError(InputError):
    """A folder that is more than one z stack by its file names.

    Parameters
    ----------
    message, remedy : str
        As for `FocusStackError`.
    pattern : str
        Pattern for `open_series` that fits the names; empty if none is known.
    """

    def __init__(self, message: str, remedy: str | None = None, pattern: str = "") -> None:
        super().__init__(message, remedy)
        self.pattern = pattern


def refusal(where: str, axes: NameAxes) -> NamedAxesError:
    """Return the error of a folder that is more than one z stack by its names.

    Parameters
    ----------
    where : str
        The folder.
    axes : NameAxes
        Result of `find_axes`.

    Returns
    -------
    NamedAxesError
        Names the tokens and the pattern to give.
    """
    tokens = axes.tokens
    listed = " and ".join([", ".join(tokens[:-1]), tokens[-1]] if len(tokens) > 1 else tokens)
    kind = "more than one z stack" if axes.has_z else "no z stack"
    message = f"'{where}' is {kind} by its file names, which count {listed}"
    if not axes.pattern:
        return NamedAxesError(message, "give a folder of one stack")
    condition = "if {z} is the axis of focus" + ("" if axes.has_z else " all the same")
    return NamedAxesError(
        message,
        f'{condition}, give --pattern "{axes.pattern}" (in Python: open_series(..., pattern=...))',
        axes.pattern,
    )
