"""Distances from the metadata of files: resolution tags, ImageJ and OME, all in micrometres."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.xml_documents import parse_xml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNIT, PIXEL = "micrometer", "pixel"
"""Unit of lengths in files, and that of pixels of unknown size."""

_MICROMETRES = {
    "pm": 1e-6,
    "angstrom": 1e-4,
    "nm": 1e-3,
    "um": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "in": 25400.0,
}
_SPELLINGS = {
    "å": "angstrom",
    "ångström": "angstrom",
    "picometer": "pm",
    "nanometer": "nm",
    "micron": "um",
    "microns": "um",
    "micrometer": "um",
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
    "inch": "in",
    "inches": "in",
    '"': "in",
}
"""Spellings beside the symbols of `_MICROMETRES`, in lower case.

Pint would not replace this table: it takes "px" for 1/96 inch, which would calibrate pixels of
unknown size, and it parses neither '"' nor "å" nor the escaped micro signs below. Its import and
its registry take 0.7 s of CPU time, whereas a new process reads the headers of 8 TIFFs in 0.3 s.
"""
_MICRO_SIGNS = ("\\u00b5", "\\u03bc", "â\u00b5", "\u00b5", "\u03bc")
"""ImageJ escapes the sign; the third is UTF-8 read as Latin-1, in lower case."""

_PRINT_DPI = (1, 72, 75, 90, 96, 100, 120, 150, 180, 200, 240, 300, 350, 360, 400, 600, 1200)
"""Resolutions that cameras and editors write without a measurement."""

_TAG_UNITS = {2: 25400.0, 3: 1e4}
"""Micrometres by TIFF's ResolutionUnit: inch and centimetre; 1 is "none"."""


def micrometres(value: Any, unit: str | None) -> float | None:
    r"""Convert a length to micrometres.

    Parameters
    ----------
    value : object
        A number, or a string that holds one.
    unit : str or None
        As files spell it: "µm", "micron", "\u00B5m", "nm", "inch" and so on.

    Returns
    -------
    float or None
        Magnitude in micrometres, since ImageJ writes negative distances; None if the value is zero
        or no finite number, or if the unit is none of length.
    """
    factor = _MICROMETRES.get(_plain_unit(unit or ""))
    number = _positive(value)
    return None if factor is None or number is None else _positive(number * factor)


def _plain_unit(unit: object) -> str:
    plain = str(unit).strip().lower()
    for sign in _MICRO_SIGNS:
        plain = plain.replace(sign, "u")
    plain = plain.replace("metre", "meter")
    return _SPELLINGS.get(plain, _SPELLINGS.get(plain.removesuffix("s"), plain))


def finite_number(value: Any) -> float | None:
    """Convert metadata to a number, which may be zero or negative.

    Parameters
    ----------
    value : object
        A number, or a string that holds one.

    Returns
    -------
    float or None
        None if it is no finite number.
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _positive(value: Any) -> float | None:
    number = finite_number(value)
    # ImageJ writes a negative spacing for a stack recorded downwards
    return abs(number) if number else None


def spacing_in_micrometres(y: float | None, x: float | None, z: float | None) -> Spacing:
    """Return distances in micrometres as a spacing, without a unit if all are unknown.

    Parameters
    ----------
    y, x, z : float or None
        Distances in micrometres; None where unknown.

    Returns
    -------
    Spacing
        Its unit is "micrometer", or None without any distance.
    """
    known = any(distance is not None for distance in (y, x, z))
    return Spacing(y=y, x=x, z=z, unit=UNIT if known else None)


def completed(spacing: Spacing, other: Spacing) -> Spacing:
    """Fill the unknown distances of a spacing from another one, both in micrometres.

    Parameters
    ----------
    spacing : Spacing
        Distances that count; pixel sizes are filled together, since one alone is no pixel size.
    other : Spacing
        Distances that count where `spacing` has none.

    Returns
    -------
    Spacing
        Distances in micrometres.
    """
    pixels = other if spacing.y is None or spacing.x is None else spacing
    z = other.z if spacing.z is None else spacing.z
    return spacing_in_micrometres(pixels.y, pixels.x, z)


def with_pixel_size(spacing: Spacing, size: float | None) -> Spacing:
    """Return a spacing with the pixel size that a caller gave.

    Parameters
    ----------
    spacing : Spacing
        Distances as the files or the caller's array have them.
    size : float or None
        Pixel size in their unit, in micrometres if they have none or count pixels; None leaves them
        as they are.

    Returns
    -------
    Spacing
        Distances in the same unit.
    """
    if size is None:
        return spacing
    if spacing.unit == PIXEL:
        return Spacing(y=size, x=size, unit=UNIT)
    return Spacing(y=size, x=size, z=spacing.z, unit=spacing.unit or UNIT)


def resolution_spacing(
    x_resolution: Any, y_resolution: Any, resolution_unit: int, imagej_unit: str | None = None
) -> Spacing:
    """Return the pixel size of TIFF's resolution tags.

    Parameters
    ----------
    x_resolution, y_resolution : tuple of int or None
        Pixels per unit, as a numerator and a denominator.
    resolution_unit : int
        1 (none), 2 (inch) or 3 (centimetre).
    imagej_unit : str, optional
        Unit of ImageJ's description, which counts where the tag is "none".

    Returns
    -------
    Spacing
        Empty for resolutions of printers and screens (72, 96, 300 dpi and similar).
    """
    x, y = _unit_per_pixel(x_resolution), _unit_per_pixel(y_resolution)
    factor = _TAG_UNITS.get(resolution_unit)
    if factor is not None:
        sizes = [None if s is None or _is_print(s, factor) else s * factor for s in (y, x)]
    else:
        sizes = [micrometres(s, imagej_unit) for s in (y, x)]
    return spacing_in_micrometres(sizes[0], sizes[1], None)


def _unit_per_pixel(resolution: Any) -> float | None:
    if not isinstance(resolution, tuple) or len(resolution) != 2 or not all(resolution):
        return None
    return float(resolution[1] / resolution[0])


def _is_print(per_pixel: float, factor: float) -> bool:
    per_unit = 1 / per_pixel
    per_inch = per_unit * 25400.0 / factor
    return per_unit == 1 or any(abs(per_inch / dpi - 1) < 2e-3 for dpi in _PRINT_DPI)


def imagej_spacing(metadata: Mapping[str, Any], pixels: Spacing) -> Spacing:
    """Return the spacing of an ImageJ file.

    Parameters
    ----------
    metadata : mapping of str to object
        ImageJ's description, as tifffile parses it.
    pixels : Spacing
        Pixel size of the resolution tags.

    Returns
    -------
    Spacing
        The pixel size, and the z step of the description.
    """
    unit = metadata.get("zunit", metadata.get("unit"))
    z = micrometres(metadata.get("spacing"), None if unit is None else str(unit))
    return spacing_in_micrometres(pixels.y, pixels.x, z)


def ome_spacing(xml: str) -> tuple[Spacing, float | None]:
    """Return the spacing in OME-XML, and the z position of a file of one plane.

    Parameters
    ----------
    xml : str
        OME-XML; only the description of the first image counts.

    Returns
    -------
    spacing : Spacing
        z from PhysicalSizeZ, or else from evenly spaced positions of the planes.
    position : float or None
        Micrometres, if the description is of one plane alone and contains its position.
    """
    try:
        root = parse_xml(xml)
    except (ElementTree.ParseError, ValueError):
        return Spacing(), None
    pixels = root.find(".//{*}Image/{*}Pixels")
    return (Spacing(), None) if pixels is None else ome_pixels_spacing(pixels)


def ome_pixels_spacing(pixels: ElementTree.Element) -> tuple[Spacing, float | None]:
    """Return the spacing of one image in OME-XML, and the z position of an image of one plane.

    Parameters
    ----------
    pixels : xml.etree.ElementTree.Element
        Element "Pixels" of the image.

    Returns
    -------
    spacing : Spacing
        z from PhysicalSizeZ, or else from evenly spaced positions of the planes.
    position : float or None
        Micrometres, if the description is of one plane alone and contains its position.
    """
    y, x, z = (
        micrometres(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        for axis in "YXZ"
    )
    positions = _ome_positions(pixels)
    if z is None:
        z = even_step(positions)
    alone = positions[0] if len(positions) == 1 else None
    return spacing_in_micrometres(y, x, z), alone


def _ome_positions(pixels: ElementTree.Element) -> list[float]:
    """Return the z positions of the planes of the first channel and time point, in their order."""
    found = {}
    for plane in pixels.findall("{*}Plane"):
        position = finite_number(plane.get("PositionZ"))
        unit = micrometres(1.0, plane.get("PositionZUnit", "µm"))
        first = plane.get("TheC", "0") == "0" and plane.get("TheT", "0") == "0"
        if position is not None and unit is not None and first:
            found[int(plane.get("TheZ", "0"))] = position * unit
    return [found[z] for z in sorted(found)]


EVEN = 0.01
"""Difference of a distance from their mean, as a share, up to which positions are evenly spaced."""
UNEVEN = 0.1
"""The same up to which the mean is a z step all the same: encoders of stages scatter by 7 %."""


def even_step(positions: Sequence[float | None], scatter: float = EVEN) -> float | None:
    """Return the distance between neighbours of evenly spaced positions.

    Parameters
    ----------
    positions : sequence of float or None
        Positions of consecutive planes, in any unit; None where unknown.
    scatter : float
        Largest difference of a distance from their mean, as a share.

    Returns
    -------
    float or None
        Mean distance; None for fewer than two positions, an unknown one, or distances that scatter
        more.
    """
    known = [position for position in positions if position is not None]
    if len(known) < 2 or len(known) != len(positions):
        return None
    mean = (known[-1] - known[0]) / (len(known) - 1)
    gaps = [after - before for before, after in itertools.pairwise(known)]
    if mean == 0 or any(abs(gap - mean) > scatter * abs(mean) for gap in gaps):
        return None
    return abs(mean)
