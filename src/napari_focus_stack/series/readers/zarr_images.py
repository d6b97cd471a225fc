"""What the OME metadata of one zarr image say: axes, distances, times and channels.

The metadata are read as they are, without a model such as yaozarrs': many files miss a part that
the standard wants, and their planes are sound all the same. Parts that are missing are unknown.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.declared_size import MOST_PLANES
from napari_focus_stack.io.spacing_metadata import (
    finite_number,
    micrometres,
    spacing_in_micrometres,
)
from napari_focus_stack.io.zarr_documents import read_zarr_document
from napari_focus_stack.series.model import Channel, Position
from napari_focus_stack.series.readers.metadata_values import seconds
from napari_focus_stack.series.readers.zarr_nodes import read_node

if TYPE_CHECKING:
    from pathlib import Path

    from napari_focus_stack.io.zarr_documents import ReadBytes
    from napari_focus_stack.series.readers.zarr_nodes import Node

_BY_TYPE = {"time": "t", "channel": "c"}
"""Letters of axes by their type, which counts where their name is a word."""
_TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
_OTHER = "-"
"""Letter of an axis of one entry that is none of them."""
_LONGEST = 2**31
"""Length of an axis above which metadata count as damaged."""
_COLOUR = re.compile(r"#?([0-9A-Fa-f]{6})")
_BEFORE_AXES = ("0.1", "0.2")
"""Versions whose standard prescribes t, c, z, y, x and has no place for names."""


@dataclass(frozen=True)
class _Axis:
    """One axis: its length, and the distance and first place of its samples, 0 if unknown."""

    length: int = 1
    step: float = 0.0
    start: float = 0.0
    unit: str | None = None


_NO_AXIS = _Axis()


@dataclass(frozen=True)
class ZarrImage:
    """One image of an OME-Zarr hierarchy.

    Attributes
    ----------
    group : pathlib.Path
        Folder of the image.
    array : pathlib.Path
        Folder of the array of the full size, in that of the image.
    axes : str
        Letter of each axis: t, c, z, y, x, or "-" for another axis, of one entry.
    position : Position
        Lengths, distances, times and channels.
    notes : tuple of str
        Parts of the metadata that were not used, one clause each.
    """

    group: Path
    array: Path
    axes: str
    position: Position
    notes: tuple[str, ...]


def full_size(image: Mapping[str, Any], where: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the first multiscale image of a group and its level of the full size.

    Parameters
    ----------
    image : mapping of str to object
        OME metadata of the group.
    where : str
        Name of the group for messages.

    Returns
    -------
    multiscale, level : mapping of str to object
        Their metadata; the level has a path.

    Raises
    ------
    InputError
        They are missing.
    """
    multiscale = _first(image.get("multiscales"))
    level = _first(multiscale.get("datasets"))
    if not isinstance(level.get("path"), str):
        raise InputError(
            f"'{where}' has OME metadata that name no array; write it again with another program."
        )
    return multiscale, level


def read_image(
    node: Node, name: str = "", well: str | None = None, read: ReadBytes = read_zarr_document
) -> ZarrImage:
    """Read the metadata of an image; its pixels stay on disk.

    Parameters
    ----------
    node : Node
        Group with the metadata of a multiscale image.
    name : str
        Name of its position.
    well : str, optional
        Well of a plate.
    read : callable
        Result of `documents_of` for the folder of `full_size`; needed for a URL.

    Returns
    -------
    ZarrImage
        Its metadata.

    Raises
    ------
    InputError
        The array is missing, or its axes have no names or are no axes of a stack.
    """
    where = node.folder.name
    multiscale, level = full_size(node.ome, where)
    folder = node.folder / level["path"]
    array = read_node(folder, read)
    if array is None or array.array is None:
        raise InputError(f"'{where}' has no array '{level['path']}'; copy the store again.")
    shape, dtype = _kind(array.array, f"{where}/{level['path']}")
    letters = _letters(multiscale, node.ome, shape, where)
    axes, notes = _axes(multiscale, level, letters, shape)
    t, c, z, y, x = (axes.get(letter, _NO_AXIS) for letter in "tczyx")
    entries = _channel_entries(node.ome)
    if len(entries) not in (0, c.length):
        notes.append(f"its names of {len(entries)} channels are left out, since it has {c.length}")
        entries = []
    if len(node.ome["multiscales"]) > 1:
        notes.append("it has several multiscale images, of which the first is read")
    position = Position(
        name,
        t.length,
        tuple(_channel(entry) for entry in entries or [None] * c.length),
        z.length,
        (y.length, x.length),
        dtype,
        spacing_in_micrometres(
            micrometres(y.step, y.unit),
            micrometres(x.step, x.unit),
            micrometres(z.step, z.unit) if z.length > 1 else None,
        ),
        _times(t),
        _stage(y, x),
        well,
    )
    return ZarrImage(node.folder, folder, letters, position, tuple(notes))


def _first(entries: Any) -> Mapping[str, Any]:
    """Return the first mapping of a list; an empty one if there is none."""
    first = entries[0] if isinstance(entries, list) and entries else None
    return first if isinstance(first, Mapping) else {}


def _kind(array: Mapping[str, Any], where: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape of an array and the type of its planes, in the machine's byte order."""
    kind = array.get("data_type", array.get("dtype"))
    try:
        dtype = np.dtype(kind if isinstance(kind, str) else "O")
        shape = tuple(int(length) for length in array["shape"])
    except (TypeError, ValueError, KeyError, OverflowError) as problem:
        raise InputError(
            f"'{where}' is an array of type {json.dumps(kind):.60} and shape "
            f"{json.dumps(array.get('shape')):.60}, which cannot be stacked; give real numbers."
        ) from problem
    if min(shape, default=1) < 1:
        raise InputError(f"'{where}' is an array without any value; copy the store again.")
    return shape, dtype.newbyteorder("=")


def _axes(
    multiscale: Mapping[str, Any], level: Mapping[str, Any], letters: str, shape: tuple[int, ...]
) -> tuple[dict[str, _Axis], list[str]]:
    """Return the axes by their letters, and a note if their distances cannot be used."""
    notes = []
    try:
        scale = _scale(multiscale, level, len(shape))
        offset = _offset(multiscale, level, len(shape))
    except ValueError as problem:
        notes.append(f"its {problem} does not fit its axes, so its distances are unknown")
        scale = offset = [0.0] * len(shape)
    units = _units(multiscale, len(shape))
    axes = [_Axis(*one) for one in zip(shape, scale, offset, units, strict=True)]
    return dict(zip(letters, axes, strict=True)), notes


def _letters(
    multiscale: Mapping[str, Any], ome: Mapping[str, Any], shape: tuple[int, ...], where: str
) -> str:
    """Return the letter of each axis."""
    named = multiscale.get("axes")
    version = multiscale.get("version", ome.get("version"))
    if named is None and version in _BEFORE_AXES and len(shape) == 5:
        named = list("tczyx")
    if not isinstance(named, list) or len(named) != len(shape):
        raise InputError(
            f"'{where}' has OME metadata that do not name its {len(shape)} axes; open its array "
            "with zarr and name them, as in focus_series(array, axes='TCZYX')."
        )
    letters = [_letter(axis) for axis in named]
    _refuse_absurd(letters, shape, where)
    for letter, axis, length in zip(letters, named, shape, strict=True):
        if letter == _OTHER and length > 1:
            kind = (
                f" of type '{axis['type']}'"
                if isinstance(axis, Mapping) and isinstance(axis.get("type"), str)
                else ""
            )
            raise InputError(
                f"'{where}' has an axis {_name(axis)!r}{kind} of {length} entries, which is none "
                "of time, channel, z, y and x; save one entry as its own image, or correct it."
            )
    axes = "".join(letters)
    known = axes.replace(_OTHER, "")
    if len(set(known)) < len(known) or not {"y", "x"} <= set(known):
        names = ", ".join(_name(axis) for axis in named)
        raise InputError(
            f"'{where}' has the axes {names}, which must be different and have a y and an x; "
            "correct the names in its metadata."
        )
    return axes


def _refuse_absurd(letters: list[str], shape: tuple[int, ...], where: str) -> None:
    """Refuse more planes than any recording has, before each gets a place."""
    planes = math.prod(n for letter, n in zip(letters, shape, strict=True) if letter not in "yx")
    if planes > MOST_PLANES or max(shape) > _LONGEST:
        sides = " x ".join(f"{length:.6g}" if length < 1e18 else "…" for length in shape[:6])
        raise InputError(
            f"'{where}' declares {sides} values, more than any array has; its metadata are "
            "damaged, so copy the store again."
        )


def _name(axis: Any) -> str:
    """Return the name of an axis; before 0.4 that was all there is."""
    return str(axis.get("name", "")) if isinstance(axis, Mapping) else str(axis)


def _letter(axis: Any) -> str:
    """Return the letter of an axis by its name and type, which must not contradict each other."""
    name = _name(axis).strip().lower()
    kind = axis.get("type") if isinstance(axis, Mapping) else None
    letter = name if name in _TYPES else _BY_TYPE.get(str(kind or name).lower(), _OTHER)
    return letter if letter == _OTHER or kind in (None, "", _TYPES[letter]) else _OTHER


def _transformation(owner: Mapping[str, Any], kind: str, axes: int) -> list[float] | None:
    """Return the numbers of a scale or translation; None if there is none.

    Raises
    ------
    ValueError
        There is one that does not fit the axes.
    """
    entries = owner.get("coordinateTransformations")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and entry.get("type") == kind:
            given = entry.get(kind)
            numbers = [finite_number(one) for one in given] if isinstance(given, list) else []
            known = [number for number in numbers if number is not None]
            if len(known) == len(numbers) == axes:
                return known
            raise ValueError(kind)
    return None


def _scale(multiscale: Mapping[str, Any], level: Mapping[str, Any], axes: int) -> list[float]:
    """Return the distance along each axis, in its unit; zeros if unknown."""
    own = _transformation(level, "scale", axes)
    if own is None:
        return [0.0] * axes
    common = _transformation(multiscale, "scale", axes) or [1.0] * axes
    return [a * b for a, b in zip(own, common, strict=True)]


def _offset(multiscale: Mapping[str, Any], level: Mapping[str, Any], axes: int) -> list[float]:
    """Return the place of the first sample along each axis, in its unit."""
    own = _transformation(level, "translation", axes) or [0.0] * axes
    factor = _transformation(multiscale, "scale", axes) or [1.0] * axes
    common = _transformation(multiscale, "translation", axes) or [0.0] * axes
    return [a * f + b for a, f, b in zip(own, factor, common, strict=True)]


def _units(multiscale: Mapping[str, Any], axes: int) -> list[str | None]:
    """Return the unit of each axis."""
    named = multiscale.get("axes") or [None] * axes
    return [str(axis["unit"]) if isinstance(axis, Mapping) and axis.get("unit") else None
            for axis in named]  # fmt: skip


def _times(axis: _Axis) -> tuple[float, ...]:
    """Return the time of each time point in seconds; nothing if unknown."""
    step = seconds(axis.step, axis.unit or "")
    if not step or axis.length < 2:
        return ()
    return tuple(t * step for t in range(axis.length))


def _stage(y: _Axis, x: _Axis) -> tuple[float, float] | None:
    """Return the place of the first pixel in micrometres; None if it is unknown or zero."""
    factors = micrometres(1.0, y.unit), micrometres(1.0, x.unit)
    if factors[0] is None or factors[1] is None or not (y.start or x.start):
        return None
    return y.start * factors[0], x.start * factors[1]


def _channel_entries(ome: Mapping[str, Any]) -> list[Any]:
    """Return the entries of the channels."""
    omero = ome.get("omero")
    entries = omero.get("channels") if isinstance(omero, Mapping) else None
    return entries if isinstance(entries, list) else []


def _channel(entry: Any) -> Channel:
    """Return the name and colour of one channel."""
    if not isinstance(entry, Mapping):
        return Channel()
    label, colour = entry.get("label"), _COLOUR.fullmatch(str(entry.get("color", "")))
    return Channel("" if label is None else str(label), f"#{colour[1].upper()}" if colour else None)
