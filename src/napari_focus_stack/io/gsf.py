"""Gwyddion Simple Field: a header of text, then float32 row by row, from the top.

The format: http://gwyddion.net/documentation/user-guide-en/gsf.html
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.height_scale import HeightScale, single_precision
from napari_focus_stack.io.spacing_metadata import UNIT, finite_number, micrometres

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_MAGIC = b"Gwyddion Simple Field 1.0\n"
_LONGEST_HEADER = 2**16
_FLOAT = 4
_DIGITS = 10


def encode_gsf(path: Path, heights: NDArray[np.float32], scale: HeightScale, named: Path) -> None:
    """Write a height map as GSF, in metres.

    Parameters
    ----------
    path : pathlib.Path
        File to write.
    heights : numpy.ndarray
        (Y, X) float32; NaN where there is none.
    scale : HeightScale
        Pixel size, and unit of the heights.
    named : pathlib.Path
        Name of the file for its title and for messages.

    Raises
    ------
    OutputError
        The pixel size is unknown, or the heights are in planes.
    """
    y, x, unit = scale.metres(named)
    rows, columns = heights.shape
    title = " ".join(named.stem.encode("utf-8", "replace").decode().split())
    lines = {
        "XRes": columns,
        "YRes": rows,
        "XReal": repr(columns * x),
        "YReal": repr(rows * y),
        "XYUnits": "m",
        "ZUnits": "m",
        "Title": title.replace("=", "-"),  # some readers take each "=" for the end of a name
    }
    header = _MAGIC + "".join(f"{name} = {value}\n" for name, value in lines.items()).encode()
    with path.open("wb") as file:
        file.write(header + b"\0" * (_FLOAT - len(header) % _FLOAT))
        file.write((heights * np.float64(unit)).astype("<f4").tobytes())


def read_gsf(path: Path) -> tuple[NDArray[np.float32], HeightScale]:
    """Read a height map from GSF.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    heights : numpy.ndarray
        (Y, X) float32 in micrometres, or as they are if the file names no unit.
    scale : HeightScale
        Its unit is None if the file names none.

    Raises
    ------
    InputError
        The file is damaged or cut short, or its values are no heights.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_LONGEST_HEADER)
            end = head.find(b"\0")
            if not head.startswith(_MAGIC) or end < 0:
                raise InputError(f"'{path}' is no Gwyddion Simple Field; give another file.")
            start = end + _FLOAT - end % _FLOAT
            fields = _fields(head[len(_MAGIC) : end])
            rows, columns = (_resolution(path, fields, axis) for axis in "YX")
            size = path.stat().st_size
            if head[end:start].strip(b"\0") or size != start + rows * columns * _FLOAT:
                raise InputError(
                    f"'{path}' has {size} bytes, and {columns} x {rows} heights need "
                    f"{start + rows * columns * _FLOAT}; copy it anew."
                )
            file.seek(start)
            values = np.fromfile(file, "<f4", rows * columns).reshape(rows, columns)
    except OSError as problem:
        raise InputError(f"'{path}' cannot be read ({problem}); check the path.") from problem
    return _calibrated(path, values, fields)


def _fields(text: bytes) -> dict[str, str]:
    """Return the lines of a header by their names."""
    lines = text.decode("utf-8", "replace").split("\n")
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _resolution(path: Path, fields: Mapping[str, str], axis: str) -> int:
    text = fields.get(f"{axis}Res", "")
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS and 0 < int(text) < 2**31):
        raise InputError(f"'{path}' has {axis}Res {text[:20]!r}, which is no size; copy it anew.")
    return int(text)


def _calibrated(
    path: Path, values: NDArray[np.float32], fields: Mapping[str, str]
) -> tuple[NDArray[np.float32], HeightScale]:
    """Return heights in micrometres, and their scale."""
    lateral, vertical = fields.get("XYUnits", ""), fields.get("ZUnits", "")
    y, x = (
        micrometres((finite_number(fields.get(f"{axis}Real", 1)) or math.nan) / count, lateral)
        for axis, count in zip("YX", values.shape, strict=True)
    )
    known = y is not None and x is not None
    factor = micrometres(1, vertical)
    if factor is None and vertical:
        raise InputError(
            f"'{path}' has values in {vertical[:20]!a}, which are no heights; give heights."
        )
    with np.errstate(invalid="ignore"):  # signalling NaN
        scaled = values * np.float64(1 if factor is None else factor)
    heights = single_precision(scaled)
    scale = HeightScale(
        y if known else None,
        x if known else None,
        UNIT if known else None,
        None if factor is None else UNIT,
    )
    return heights, scale
