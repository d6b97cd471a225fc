"""What files say of distances: resolution tags, ImageJ and OME metadata, all in micrometres."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from napari_focus_stack.io.sources import Spacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNIT = "micrometer"

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
_MICRO_SIGNS = ("\\u00b5", "\\u03bc", "â\u00b5", "\u00b5", "\u03bc")
"""ImageJ writes the sign escaped; UTF-8 read as Latin-1 and lowered gives the third."""

_PRINT_DPI = (1, 72, 75, 90, 96, 100, 120, 150, 180, 200, 240, 300, 350, 360, 400, 600, 1200)
"""Resolutions that cameras and editors write without having measured anything."""

_TAG_UNITS = {2: 25400.0, 3: 1e4}
"""TIFF's ResolutionUnit: inch and centimetre; 1 is "none"."""


def micrometres(value: Any, unit: str | None) -> float | None:
    r"""Length in micrometres; None where it is no positive number or the unit is none of length.

    Parameters
    ----------
    value : object
        A number, or a string that holds one.
    unit : str or None
        As files spell it: "µm", "micron", "\u00B5m", "nm", "inch" and so on.
    """
    factor = _MICROMETRES.get(_plain_unit(unit or ""))
    number = _positive(value)
    return None if factor is None or number is None else number * factor


def _plain_unit(unit: str) -> str:
    plain = unit.strip().lower()
    for sign in _MICRO_SIGNS:
        plain = plain.replace(sign, "u")
    plain = plain.replace("metre", "meter")
    return _SPELLINGS.get(plain, _SPELLINGS.get(plain.removesuffix("s"), plain))


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _positive(value: Any) -> float | None:
    number = _number(value)
    # ImageJ writes a negative spacing for a stack taken downwards
    return abs(number) if number else None


def spacing_in_micrometres(y: float | None, x: float | None, z: float | None) -> Spacing:
    """Spacing of these distances, without a unit where none is known."""
    known = any(distance is not None for distance in (y, x, z))
    return Spacing(y=y, x=x, z=z, unit=UNIT if known else None)


def resolution_spacing(
    x_resolution: Any, y_resolution: Any, resolution_unit: int, imagej_unit: str | None = None
) -> Spacing:
    """Pixel size of TIFF's resolution tags.

    Parameters
    ----------
    x_resolution, y_resolution : tuple of int or None
        Pixels in a unit, as a numerator and a denominator.
    resolution_unit : int
        1 (none), 2 (inch) or 3 (centimetre).
    imagej_unit : str, optional
        Unit of ImageJ's description, which stands where the tag says "none".

    Returns
    -------
    Spacing
        Empty for resolutions that are a printer's (72, 96, 300 dpi and the like).
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
    """Spacing of an ImageJ file: its pixel size, and the distance its description gives."""
    unit = metadata.get("zunit", metadata.get("unit"))
    z = micrometres(metadata.get("spacing"), None if unit is None else str(unit))
    return spacing_in_micrometres(pixels.y, pixels.x, z)


def ome_spacing(xml: str) -> tuple[Spacing, float | None]:
    """Spacing that OME-XML gives, and where a file of one plane lies along z.

    Parameters
    ----------
    xml : str
        The description of the first image in it counts.

    Returns
    -------
    spacing : Spacing
        z from PhysicalSizeZ or else from evenly spaced positions of the planes.
    position : float or None
        Micrometres, if the description is of one plane alone and gives its position.
    """
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError):
        return Spacing(), None
    pixels = root.find(".//{*}Image/{*}Pixels")
    if pixels is None:
        return Spacing(), None
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
    """Positions along z of the planes of the first channel and time point, in their order."""
    found = {}
    for plane in pixels.findall("{*}Plane"):
        position = _number(plane.get("PositionZ"))
        unit = micrometres(1.0, plane.get("PositionZUnit", "µm"))
        first = plane.get("TheC", "0") == "0" and plane.get("TheT", "0") == "0"
        if position is not None and unit is not None and first:
            found[int(plane.get("TheZ", "0"))] = position * unit
    return [found[z] for z in sorted(found)]


def even_step(positions: Sequence[float | None]) -> float | None:
    """Distance between neighbours, None where it is unknown or differs by more than 1 %."""
    known = [position for position in positions if position is not None]
    if len(known) < 2 or len(known) != len(positions):
        return None
    mean = (known[-1] - known[0]) / (len(known) - 1)
    gaps = [after - before for before, after in itertools.pairwise(known)]
    if mean == 0 or any(abs(gap - mean) > 0.01 * abs(mean) for gap in gaps):
        return None
    return abs(mean)
