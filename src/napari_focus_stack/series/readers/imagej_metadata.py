"""ImageJ's description: axes, names and colours of channels, and times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from napari_focus_stack.series.model import Channel
from napari_focus_stack.series.readers.metadata_values import colour_of_integer, relative, seconds
from napari_focus_stack.series.readers.plane_grid import PlaneGrid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BIOFORMATS = re.compile(r"^Information\|Image\|Channel\|Name #(\d+) = (.+)$", re.MULTILINE)
"""Name of a channel in the information that Bio-Formats copies from Zeiss files."""
_PLACE = re.compile(r"^(?:[czt]:\d+/\d+ ?)+(?:- )?")
"""Place of a plane that Bio-Formats writes before its label."""


def imagej_grid(metadata: Mapping[str, Any]) -> PlaneGrid | None:
    """Return the axes of a hyperstack in the order that ImageJ writes.

    Parameters
    ----------
    metadata : mapping of str to object
        ImageJ's description, as tifffile parses it.

    Returns
    -------
    PlaneGrid or None
        None if the file is no hyperstack of several axes, or in another order.
    """
    keys = {"T": "frames", "Z": "slices", "C": "channels"}
    lengths = tuple(int(metadata.get(key, 1)) for key in keys.values())
    product = lengths[0] * lengths[1] * lengths[2]
    usual = str(metadata.get("order", "czt")).lower() in ("czt", "default")
    if not usual or product < 2 or product != int(metadata.get("images", 1)):
        return None
    return PlaneGrid("TZC", lengths)


def imagej_channels(metadata: Mapping[str, Any], grid: PlaneGrid) -> tuple[Channel, ...]:
    """Return names and colours of channels.

    Parameters
    ----------
    metadata : mapping of str to object
        ImageJ's description.
    grid : PlaneGrid
        Axes of the file.

    Returns
    -------
    tuple of Channel
        One for each entry of the channel axis.
    """
    count = grid.length("C")
    names = _label_names(metadata.get("Labels", ()), grid) or _information(metadata, count)
    tables = metadata.get("LUTs", ())
    colours = [_brightest(table) for table in tables] if len(tables) == count else [None] * count
    pairs = zip(names or [""] * count, colours, strict=True)
    return tuple(Channel(name, colour) for name, colour in pairs)


def imagej_seconds(metadata: Mapping[str, Any], times: int) -> tuple[float, ...]:
    """Return the times of a film of a constant interval.

    Parameters
    ----------
    metadata : mapping of str to object
        ImageJ's description.
    times : int
        Number of time points.

    Returns
    -------
    tuple of float
        Empty if the interval is unknown.
    """
    step = seconds(metadata.get("finterval"), str(metadata.get("tunit", "s")))
    return relative([t * step for t in range(times)]) if step else ()


def _label_names(labels: Sequence[str], grid: PlaneGrid) -> list[str]:
    """Return labels that all planes of a channel share and no other channel has."""
    count = grid.length("C")
    total = grid.length("T") * grid.length("Z") * count
    if count < 2 or len(labels) != total or set(grid.letters) - set("TZC"):
        return []
    names: list[set[str]] = [set() for _ in range(count)]
    places = (
        (c, {"T": t, "Z": z, "C": c})
        for c in range(count)
        for t in range(grid.length("T"))
        for z in range(grid.length("Z"))
    )
    for c, place in places:
        names[c].add(_PLACE.sub("", str(labels[grid.number(place)])).strip())
    single = [next(iter(found)) for found in names if len(found) == 1]
    return single if len(set(single)) == count else []


def _information(metadata: Mapping[str, Any], count: int) -> list[str]:
    """Return names of channels in the information of the file."""
    found = {int(k): name.strip() for k, name in _BIOFORMATS.findall(str(metadata.get("Info", "")))}
    return [found[k + 1] for k in range(count)] if set(found) == set(range(1, count + 1)) else []


def _brightest(table: Any) -> str | None:
    """Return the last colour of a table (3, n)."""
    red, green, blue = (int(value) for value in table[:, -1])
    return colour_of_integer(red << 16 | green << 8 | blue)
