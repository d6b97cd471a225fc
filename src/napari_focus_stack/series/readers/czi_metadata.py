"""Metadata of Zeiss CZI files: distances, channels, times and scenes in their XML."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.spacing_metadata import (
    finite_number,
    micrometres,
    spacing_in_micrometres,
)
from napari_focus_stack.io.xml_documents import parse_xml
from napari_focus_stack.series.model import Channel

if TYPE_CHECKING:
    from collections.abc import Mapping

_DIMENSIONS = ".//Information/Image/Dimensions"
_COLOUR = re.compile(r"#(?:[0-9A-Fa-f]{2})?([0-9A-Fa-f]{6})")
_WELL = re.compile(r"([A-Z]{1,2})0*([1-9]\d?)")


@dataclass(frozen=True)
class CziScene:
    """Metadata of one scene.

    Attributes
    ----------
    name : str
        Name in the file; empty if it has none.
    stage : tuple of float or None
        Centre (y, x) in micrometres.
    well : str or None
        Well of a plate, such as "B02".
    """

    name: str = ""
    stage: tuple[float, float] | None = None
    well: str | None = None


@dataclass(frozen=True)
class CziMetadata:
    """Metadata of a file.

    Attributes
    ----------
    spacing : Spacing
        Distances in micrometres, with a z step even if there is no z axis.
    channels : tuple of Channel
        Channels of the whole file.
    offsets : tuple of float
        Times of single time points in seconds; empty if unknown.
    increment : float or None
        Seconds between time points, where they are even.
    scenes : mapping of int to CziScene
        Scenes by their number in the file.
    """

    spacing: Spacing = field(default_factory=Spacing)
    channels: tuple[Channel, ...] = ()
    offsets: tuple[float, ...] = ()
    increment: float | None = None
    scenes: Mapping[int, CziScene] = field(default_factory=dict)

    def seconds(self, times: int) -> tuple[float, ...]:
        """Return the times of time points after the first one.

        Parameters
        ----------
        times : int
            Number of time points.

        Returns
        -------
        tuple of float
            Seconds; empty if unknown.
        """
        if times < 2:
            return ()
        if len(self.offsets) == times:
            return tuple(offset - self.offsets[0] for offset in self.offsets)
        if self.increment:
            return tuple(self.increment * number for number in range(times))
        return ()


def parse_czi_metadata(xml: str | None) -> CziMetadata:
    """Read the XML of a file.

    Parameters
    ----------
    xml : str or None
        Metadata segment.

    Returns
    -------
    CziMetadata
        Empty where the file has none, or its XML is damaged: the pixels may be sound all the same.
    """
    try:
        root = parse_xml(xml or "")
    except (ElementTree.ParseError, ValueError):
        return CziMetadata()
    return CziMetadata(
        spacing=_spacing(root),
        channels=_channels(root),
        offsets=_offsets(root),
        increment=finite_number(
            root.findtext(f"{_DIMENSIONS}/T/Positions/Interval/Increment", default="")
        ),
        scenes=_scenes(root),
    )


def _spacing(root: ElementTree.Element) -> Spacing:
    """Return distances, which stand in metres; 0 means unknown."""
    found = {
        item.get("Id"): micrometres(item.findtext("Value"), "m")
        for item in root.iterfind(".//Scaling/Items/Distance")
    }
    return spacing_in_micrometres(found.get("Y"), found.get("X"), found.get("Z"))


def _channels(root: ElementTree.Element) -> tuple[Channel, ...]:
    """Return channels with the colours of display, or else those of acquisition."""
    shown = {
        entry.get("Id"): _colour(entry.findtext("Color"))
        for entry in root.iterfind(".//DisplaySetting/Channels/Channel")
    }
    return tuple(
        Channel(
            entry.get("Name") or "",
            shown.get(entry.get("Id")) or _colour(entry.findtext("Color")),
        )
        for entry in root.iterfind(f"{_DIMENSIONS}/Channels/Channel")
    )


def _colour(text: str | None) -> str | None:
    """Return "#RRGGBB" of Zeiss's "#AARRGGBB"."""
    found = _COLOUR.fullmatch(text or "")
    return f"#{found[1].upper()}" if found else None


def _offsets(root: ElementTree.Element) -> tuple[float, ...]:
    """Return the times of single time points; empty if one is no number."""
    text = root.findtext(f"{_DIMENSIONS}/T/Positions/List/Offsets", default="")
    numbers = [finite_number(word) for word in text.split()]
    known = tuple(number for number in numbers if number is not None)
    return known if len(known) == len(numbers) else ()


def _scenes(root: ElementTree.Element) -> dict[int, CziScene]:
    """Return the scenes by their number."""
    return {
        int(scene.get("Index", "-1")): CziScene(
            scene.get("Name") or "", _centre(scene), _well(scene.findtext("ArrayName"))
        )
        for scene in root.iterfind(f"{_DIMENSIONS}/S/Scenes/Scene")
        if scene.get("Index", "").isdecimal()
    }


def _centre(scene: ElementTree.Element) -> tuple[float, float] | None:
    """Return the stage position, which stands as "x,y" in micrometres."""
    numbers = [finite_number(word) for word in (scene.findtext("CenterPosition") or "").split(",")]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        return None
    return numbers[1], numbers[0]


def _well(text: str | None) -> str | None:
    found = _WELL.fullmatch((text or "").strip())
    return f"{found[1]}{int(found[2]):02d}" if found else None
