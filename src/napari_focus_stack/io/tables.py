"""Tables of measurements as comma-separated values."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING

from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.writing import Outputs

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    Cell = str | int | float


def write_table(
    path: str | os.PathLike[str], headings: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> None:
    """Write a table as comma-separated values, with headings in its first line.

    Parameters
    ----------
    path : path
        File that ends in .csv; an existing one is replaced after the table is written completely.
    headings : sequence of str
        Name of each column, with its unit.
    rows : iterable of sequence
        Texts and numbers; the cells of NaN are left empty.

    Raises
    ------
    OutputError
        The name does not end in .csv, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".csv":
        raise OutputError(f"'{path}' is no name for a table; end it in .csv.")
    with Outputs() as files:
        files.file(path, lambda temporary: _write_rows(temporary, headings, rows))


def _write_rows(path: Path, headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(headings)
        for row in rows:
            writer.writerow([_cell(value) for value in row])


def _cell(value: Cell) -> str | int:
    """Return a number as text, with nine digits; empty for NaN."""
    if not isinstance(value, float):
        return value
    return "" if math.isnan(value) else f"{value:.9g}"
