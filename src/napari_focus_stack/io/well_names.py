"""Names of wells, such as "B02", and their groups in a plate of OME-Zarr, such as "B/2"."""

from __future__ import annotations

import re

from napari_focus_stack.errors import OutputError

_NAME = re.compile(r"([A-Z]+)0*([1-9][0-9]*)")


def well_name(path: str) -> str:
    """Return the usual name of a well.

    Parameters
    ----------
    path : str
        Path of its group in the plate, such as "B/2".

    Returns
    -------
    str
        Such as "B02".
    """
    row, _, column = path.partition("/")
    return f"{row}{column.zfill(2) if column.isdigit() else column}"


def well_path(name: str) -> str:
    """Return the path of the group of a well in a plate that is written here.

    Parameters
    ----------
    name : str
        Name of the well, such as "B02".

    Returns
    -------
    str
        Such as "B/2".

    Raises
    ------
    OutputError
        The name is no row of letters and column of digits.
    """
    return "/".join(row_and_column(name))


def row_and_column(name: str) -> tuple[str, str]:
    """Return the row and the column of a well.

    Parameters
    ----------
    name : str
        Name of the well, such as "B02".

    Returns
    -------
    row, column : str
        Such as "B" and "2".

    Raises
    ------
    OutputError
        The name is no row of letters and column of digits.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise OutputError(
            f"Well '{name}' has no place in a plate; name wells by a letter for the row and a "
            "number for the column, such as B02."
        )
    return found[1], found[2]


def row_number(row: str) -> int:
    """Return the number of a row: 0 for "A", 26 for "AA".

    Parameters
    ----------
    row : str
        Capital letters.

    Returns
    -------
    int
        Counted from 0.
    """
    number = 0
    for letter in row:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


def row_letters(number: int) -> str:
    """Return the letters of a row: the inverse of `row_number`.

    Parameters
    ----------
    number : int
        Counted from 0.

    Returns
    -------
    str
        Such as "B" or "AA".
    """
    letters, rest = "", number + 1
    while rest:
        rest, last = divmod(rest - 1, 26)
        letters = chr(ord("A") + last) + letters
    return letters
