"""OME-XML: images, their axes, where their planes are, channels, times and stage positions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.plane_files import reason
from napari_focus_stack.io.spacing_metadata import (
    finite_number,
    micrometres,
    ome_pixels_spacing,
)
from napari_focus_stack.io.xml_documents import parse_xml
from napari_focus_stack.series.model import Channel
from napari_focus_stack.series.readers.metadata_values import colour_of_integer, relative, seconds
from napari_focus_stack.series.readers.plane_grid import PlaneGrid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_focus_stack.io.sources import Spacing

Address = tuple[str | None, int]
"""File's name, None for the file that holds the XML, and number of the page in it."""
_UNSET_COLOUR = -(2**31)
"""Least 32-bit integer, which Bio-Formats wrote for no colour."""


@dataclass(frozen=True)
class OmeImage:
    """One image of OME-XML.

    Attributes
    ----------
    name : str
        Name of the image; empty if it has none.
    grid : PlaneGrid
        Axes T, C, Z in the order of the planes.
    samples : int
        Samples of a pixel by the XML.
    pixel_type : tuple of str or None
        Type and sizes, by which images with equal planes are found.
    addresses : tuple of Address or None
        Place of each plane; None if the XML names none.
    spacing : tuple of (Spacing, float or None)
        Result of `ome_pixels_spacing`.
    channels : tuple of Channel
        Names and colours of the channels.
    seconds : tuple of float
        Time of each time point after the first; empty if unknown.
    stage : tuple of float or None
        Stage position (y, x) in micrometres.
    """

    name: str
    grid: PlaneGrid
    samples: int
    pixel_type: tuple[str | None, ...]
    addresses: tuple[Address | None, ...]
    spacing: tuple[Spacing, float | None]
    channels: tuple[Channel, ...]
    seconds: tuple[float, ...]
    stage: tuple[float, float] | None


def parse_ome(xml: str) -> ElementTree.Element | None:
    """Return the root of OME-XML.

    Parameters
    ----------
    xml : str
        Description of a TIFF, or content of a companion file.

    Returns
    -------
    xml.etree.ElementTree.Element or None
        None if it cannot be parsed.
    """
    try:
        return parse_xml(xml)
    except (ElementTree.ParseError, ValueError):
        return None


def metadata_file(root: ElementTree.Element) -> str | None:
    """Return the name of the file that holds the metadata of a set.

    Parameters
    ----------
    root : xml.etree.ElementTree.Element
        OME-XML of one file of the set.

    Returns
    -------
    str or None
        None if the XML itself describes the images.
    """
    element = root.find("{*}BinaryOnly")
    return None if element is None else element.get("MetadataFile", "")


def ome_images(root: ElementTree.Element, where: str) -> list[OmeImage]:
    """Return the images of OME-XML.

    Parameters
    ----------
    root : xml.etree.ElementTree.Element
        The XML.
    where : str
        Name of the file for messages.

    Returns
    -------
    list of OmeImage
        Those that have planes.

    Raises
    ------
    InputError
        An axis is split further, as into lifetimes, or sizes are no numbers.
    """
    _refuse_split_axes(root, where)
    uuid = root.get("UUID")
    try:
        images = [_image(image, uuid) for image in root.findall("{*}Image")]
    except (ValueError, KeyError, TypeError) as problem:
        raise InputError(
            f"'{where}' has OME-XML without valid sizes ({reason(problem)})."
        ) from problem
    return [image for image in images if image is not None and any(image.addresses)]


def _refuse_split_axes(root: ElementTree.Element, where: str) -> None:
    """Raise InputError if annotations split T, C or Z into further axes."""
    for annotation in root.findall("{*}StructuredAnnotations/*"):
        if annotation.get("Namespace", "").lower().endswith("modulo"):
            for along in annotation.iter():
                tag = along.tag.rpartition("}")[2]
                length = _split_length(along) if tag.startswith("ModuloAlong") else 1
                if length > 1:
                    raise InputError(
                        f"'{where}' has {length} entries of '{along.get('Type', 'other')}' along "
                        f"{tag[-1]}, an axis that is none of position, time, channel and z; save "
                        "one entry of it as its own file."
                    )


def _split_length(along: ElementTree.Element) -> int:
    """Return the number of entries of an axis within an axis."""
    if along.get("Start") is None:
        return len(along)
    start, end, step = (float(along.get(key, 1)) for key in ("Start", "End", "Step"))
    return round((end - start) / step) + 1 if step else 1


def _image(element: ElementTree.Element, uuid: str | None) -> OmeImage | None:
    """Return one image; None without pixels."""
    pixels = element.find("{*}Pixels")
    if pixels is None:
        return None
    elements = pixels.findall("{*}Channel")
    samples = int(elements[0].get("SamplesPerPixel", 1)) if elements else 1
    letters = pixels.get("DimensionOrder", "XYZCT")[:1:-1]
    sizes = {letter: int(pixels.get(f"Size{letter}", 1)) for letter in "TCZ"}
    sizes["C"] = max(sizes["C"] // samples, 1)
    if sorted(letters) != ["C", "T", "Z"] or min(sizes.values()) < 1:
        raise ValueError(f"DimensionOrder {pixels.get('DimensionOrder')}")
    grid = PlaneGrid(letters, tuple(sizes[letter] for letter in letters))
    return OmeImage(
        name=element.get("Name", ""),
        grid=grid,
        samples=samples,
        pixel_type=tuple(pixels.get(key) for key in ("Type", "PixelType", "SizeX", "SizeY")),
        addresses=_addresses(pixels, grid, uuid),
        spacing=ome_pixels_spacing(pixels),
        channels=tuple(_channel(channel) for channel in elements),
        seconds=_seconds(pixels, sizes["T"]),
        stage=_stage(pixels),
    )


def _addresses(
    pixels: ElementTree.Element, grid: PlaneGrid, uuid: str | None
) -> tuple[Address | None, ...]:
    """Return the place of each plane."""
    blocks = list(_blocks(pixels, grid, uuid))
    places: list[Address | None] = [None] * math.prod(grid.lengths)
    # a block without a count goes on to the end, or to where another block begins
    for start, count, file, page in sorted(blocks, key=lambda block: block[1] is not None):
        end = len(places) if count is None else min(start + count, len(places))
        for k in range(start, end):
            places[k] = (file, page + k - start)
    return tuple(places)


def _blocks(
    pixels: ElementTree.Element, grid: PlaneGrid, uuid: str | None
) -> Iterator[tuple[int, int | None, str | None, int]]:
    """Return first plane, number of planes, file and first page of each element TiffData."""
    for data in pixels.findall("{*}TiffData"):
        place = {letter: int(data.get(f"First{letter}", 0)) for letter in grid.letters}
        # ImageJ writes places beyond the axes after cropping
        if any(not 0 <= place[letter] < grid.length(letter) for letter in place):
            continue
        ifd = data.get("IFD")
        count = data.get("PlaneCount", data.get("NumPlanes", None if ifd is None else "1"))
        identifier = data.find("{*}UUID")
        file = None
        if identifier is not None and (uuid is None or (identifier.text or "").strip() != uuid):
            file = identifier.get("FileName")
        yield grid.number(place), None if count is None else int(count), file, int(ifd or 0)


def _channel(element: ElementTree.Element) -> Channel:
    """Return name and colour of a channel; the colour is a signed RGBA integer."""
    number = finite_number(element.get("Color"))
    colour = None
    if number is not None and number != _UNSET_COLOUR:
        colour = colour_of_integer(int(number) >> 8)
    return Channel(element.get("Name", ""), colour)


def _seconds(pixels: ElementTree.Element, times: int) -> tuple[float, ...]:
    """Return the time of each time point: of its first plane, or by a constant increment."""
    found: dict[int, float] = {}
    for plane in pixels.findall("{*}Plane"):
        after = seconds(plane.get("DeltaT"), plane.get("DeltaTUnit", "s"))
        if after is not None:
            t = int(plane.get("TheT", 0))
            found[t] = min(after, found.get(t, after))
    known = relative([found.get(t) for t in range(times)])
    step = seconds(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
    return known or (relative([t * step for t in range(times)]) if step else ())


def _stage(pixels: ElementTree.Element) -> tuple[float, float] | None:
    """Return the stage position of the first plane that has one."""
    for plane in pixels.findall("{*}Plane"):
        values = [finite_number(plane.get(f"Position{axis}")) for axis in "YX"]
        units = [micrometres(1.0, plane.get(f"Position{axis}Unit", "µm")) for axis in "YX"]
        y, x = values
        if y is not None and x is not None and units[0] and units[1]:
            return y * units[0], x * units[1]
    return None
