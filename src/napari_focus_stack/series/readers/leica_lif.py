"""Leica LIF files, read by liffile one frame at a time; every image is a position."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.plane_files import reason
from napari_focus_stack.io.sources import check_kind, check_sides
from napari_focus_stack.io.spacing_metadata import (
    finite_number,
    micrometres,
    spacing_in_micrometres,
)
from napari_focus_stack.series.model import Channel, Position, Series, StackIndex
from napari_focus_stack.series.readers.grid_series import grid_series, unique_names
from napari_focus_stack.series.readers.held_file import (
    DAMAGED,
    HeldFile,
    optional_library,
    read_headers,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_focus_stack.io.sources import Spacing

_SURPLUS = {
    "λ": "emission wavelengths",
    "Λ": "excitation wavelengths",
    "M": "mosaic tiles",
    "A": "rotations",
    "L": "loops",
    "H": "lifetimes",
}
_LUTS = {
    "red": "#FF0000",
    "green": "#00FF00",
    "blue": "#0000FF",
    "cyan": "#00FFFF",
    "magenta": "#FF00FF",
    "yellow": "#FFFF00",
    "gray": "#FFFFFF",
    "grey": "#FFFFFF",
}
_DIMENSIONS = "./Data/Image/ImageDescription/Dimensions/DimensionDescription"
_CHANNELS = "./Data/Image/ImageDescription/Channels/ChannelDescription"
_DIMENSION_IDS = {"X": "1", "Y": "2", "Z": "3"}


@dataclass(frozen=True)
class _Image:
    number: int
    dims: tuple[str, ...]
    position: Position


def open_lif(path: Path) -> Series:
    """Open a LIF file as a series, with every image of the file as a position.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    Series
        Images without y or x, and those with axes beyond time, channel and z, are left out with a
        note; no pixel is read.

    Raises
    ------
    UnsupportedHereError
        The library liffile is not installed.
    InputError
        The file is damaged, or none of its images can be read.
    """
    library = optional_library("liffile", path, "a Leica LIF file")
    open_file = partial(library.LifFile, str(path))
    images, notes = read_headers(path, open_file, partial(_scan, path))
    held = HeldFile(open_file)

    def read_plane(index: StackIndex, z: int) -> NDArray[Any]:
        image = images[index.position]
        place = {"T": index.time, "C": index.channel, "Z": z}
        at = {axis: number for axis, number in place.items() if axis in image.dims}
        return held.read(partial(_read, number=image.number, at=at))

    return grid_series(
        path, "Leica LIF", [image.position for image in images], read_plane, notes=notes
    )


def _read(file: Any, number: int, at: dict[str, int]) -> NDArray[Any]:
    """Read one plane, copied: the file may be closed afterwards."""
    return np.array(file.images[number].frame(**at))


def _scan(path: Path, file: Any) -> tuple[list[_Image], list[str]]:
    """Read the headers of all images."""
    names = unique_names([str(image.name) for image in file.images])
    images, left_out = [], []
    stored = path.stat().st_size
    for number, name in enumerate(names):
        try:
            _check_lengths(file.images[number].sizes, stored)
            with np.errstate(all="ignore"):  # lengths in the file may be any number
                images.append(_image(file.images[number], number, name))
        except InputError as problem:
            left_out.append(f"'{name}' {problem}")
        except DAMAGED as problem:
            left_out.append(f"'{name}' is damaged ({reason(problem)})")
    if not images:
        reasons = "; ".join(left_out) or "it holds none"
        raise InputError(f"'{path.name}' has no image that can be stacked: {reasons}.")
    notes = [f"Image {clause}, and was left out." for clause in left_out]
    return images, notes + _unlisted(file)


def _check_lengths(sizes: Mapping[str, int], stored: int) -> None:
    """Refuse axes for whose places alone more memory would be taken than for the whole file."""
    for axis, length in sizes.items():
        if length > stored:
            raise InputError(f"is damaged: it declares {length} entries of {axis}")


def _unlisted(file: Any) -> list[str]:
    """Return the note on images that liffile 2026.2 hides: of two with one name the first."""
    stored = sum(len(entry.findall("./Data/Image")) for entry in file.xml_element.iter("Element"))
    hidden = stored - len(file.images)
    if hidden <= 0:
        return []
    return [
        f"{hidden} of the {stored} images cannot be reached, since this liffile lists one "
        "image for each name, and were left out; rename them in LAS X."
    ]


def _image(image: Any, number: int, name: str) -> _Image:
    """Read the headers of an image; raise InputError with a clause if it is of another kind."""
    sizes = dict(image.sizes)
    dims = tuple(sizes)
    surplus = [axis for axis in dims if axis not in "TCZYXS"]
    if surplus:
        what = _SURPLUS.get(surplus[0], f"entries of an axis '{surplus[0]}'")
        raise InputError(f"has {sizes[surplus[0]]} {what} beside time, channel and z")
    plane = dims[-3:] if dims[-1:] == ("S",) else dims[-2:]
    if plane[:2] != ("Y", "X"):
        raise InputError(f"has planes of {' and '.join(plane)}, not of Y and X")
    if tuple(image.frames.frame_dims) != plane:
        raise InputError("is stored in pieces that are no whole planes")
    position = Position(
        name=name,
        times=sizes.get("T", 1),
        channels=_channels(image, sizes.get("C", 1)),
        planes=sizes.get("Z", 1),
        plane_shape=tuple(sizes[axis] for axis in plane),
        dtype=_dtype(image),
        spacing=_spacing(image),
        seconds=_seconds(image, sizes.get("T", 1)),
    )
    try:
        check_kind(position.plane_shape, position.dtype)
        check_sides(position.plane_shape)
    except InputError:
        shape = " x ".join(str(side) for side in position.plane_shape)
        raise InputError(f"has planes of {shape} {position.dtype}, which is no image") from None
    return _Image(number, dims, position)


def _dtype(image: Any) -> np.dtype[Any]:
    """Return the type of all channels; liffile refuses channels of several types."""
    try:
        dtype: np.dtype[Any] = np.dtype(image.dtype)
    except ValueError:
        raise InputError("has channels of several types") from None
    return dtype


def _spacing(image: Any) -> Spacing:
    """Return the distances of the first two coordinates along each axis that has two."""
    units = {
        entry.get("DimID", ""): entry.get("Unit", "")
        for entry in image.xml_element.findall(_DIMENSIONS)
    }
    coords = image.coords
    y, x, z = (
        micrometres(coords[axis][1] - coords[axis][0], units.get(_DIMENSION_IDS[axis]))
        if axis in coords and len(coords[axis]) > 1
        else None
        for axis in "YXZ"
    )
    return spacing_in_micrometres(y, x, z)


def _seconds(image: Any, times: int) -> tuple[float, ...]:
    """Return times after the first one."""
    found = image.coords.get("T", ())
    if times < 2 or len(found) != times:
        return ()
    passed = tuple(float(seconds - found[0]) for seconds in found)
    return passed if all(map(math.isfinite, passed)) else ()


def _channels(image: Any, count: int) -> tuple[Channel, ...]:
    """Return channels in the order of their bytes; empty ones if they are of another number."""
    entries = image.xml_element.findall(_CHANNELS)
    entries.sort(key=lambda entry: finite_number(entry.get("BytesInc")) or 0.0)
    if len(entries) != count:
        return (Channel(),) * count
    return tuple(Channel(_dye(entry), _colour(entry.get("LUTName", ""))) for entry in entries)


def _dye(entry: Any) -> str:
    """Return the name of the dye, which newer versions of LAS X write."""
    for found in entry.iter("ChannelProperty"):
        if found.findtext("Key") == "DyeName":
            return str(found.findtext("Value") or "")
    return ""


def _colour(lut: str) -> str | None:
    """Return the colour of a lookup table by its name; None for one of many colours."""
    return _LUTS.get(lut.strip().casefold())
