"""LSM, MetaMorph and ImageXpress: names and colours of channels, times and stage positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_focus_stack.io.spacing_metadata import finite_number
from napari_focus_stack.series.model import Channel
from napari_focus_stack.series.readers.metadata_values import colour_of_integer, relative

if TYPE_CHECKING:
    from collections.abc import Mapping


def lsm_channels(metadata: Mapping[str, Any]) -> tuple[Channel, ...]:
    """Return names and colours of the channels of an LSM file.

    Parameters
    ----------
    metadata : mapping of str to object
        As tifffile parses it.

    Returns
    -------
    tuple of Channel
        Empty if unknown.
    """
    found = metadata.get("ChannelColors") or {}
    names = [str(name) for name in found.get("ColorNames", ())]
    colours = [_colour(colour) for colour in found.get("Colors", ())]
    if len(colours) != len(names):
        colours = [None] * len(names)
    return tuple(Channel(name, colour) for name, colour in zip(names, colours, strict=True))


def _colour(colour: Any) -> str | None:
    red, green, blue = (int(value) for value in tuple(colour)[:3])
    return colour_of_integer(red << 16 | green << 8 | blue)


def lsm_seconds(metadata: Mapping[str, Any], times: int) -> tuple[float, ...]:
    """Return the times of an LSM file.

    Parameters
    ----------
    metadata : mapping of str to object
        As tifffile parses it.
    times : int
        Number of time points.

    Returns
    -------
    tuple of float
        Empty if unknown.
    """
    stamps = metadata.get("TimeStamps")
    if stamps is not None and len(stamps) == times:
        return relative([float(stamp) for stamp in stamps])
    step = finite_number(metadata.get("TimeIntervall"))
    return relative([t * step for t in range(times)]) if step else ()


def stk_seconds(metadata: Mapping[str, Any], times: int) -> tuple[float, ...]:
    """Return the times of a MetaMorph stack, whose planes may be those of z, each with a time.

    Parameters
    ----------
    metadata : mapping of str to object
        As tifffile parses it.
    times : int
        Number of time points.

    Returns
    -------
    tuple of float
        Empty if unknown.
    """
    created = metadata.get("TimeCreated")
    if created is None or len(created) != times:
        return ()
    return relative([float(ms) / 1000 for ms in created])


def metaseries_channel(metadata: Mapping[str, Any]) -> Channel:
    """Return the channel of an image of MetaXpress by its illumination.

    Parameters
    ----------
    metadata : mapping of str to object
        As tifffile parses it.

    Returns
    -------
    Channel
        Without a name if there is none.
    """
    plane = metadata.get("PlaneInfo") or {}
    return Channel(str(plane.get("_IllumSetting_", "")))


def metaseries_stage(metadata: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the stage position of an image of MetaXpress.

    Parameters
    ----------
    metadata : mapping of str to object
        As tifffile parses it.

    Returns
    -------
    tuple of float or None
        (y, x) in micrometres.
    """
    plane = metadata.get("PlaneInfo") or {}
    y, x = (finite_number(plane.get(f"stage-position-{axis}")) for axis in "yx")
    return None if y is None or x is None else (y, x)
