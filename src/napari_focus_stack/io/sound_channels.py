"""Channels of an OME-Zarr image in its place that are still as an earlier run completed them.

The image says so itself, whatever dies, and whenever: a channel is struck off before the first of
its pixels is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_focus_stack.io.ome_zarr_store import OURS

if TYPE_CHECKING:
    from collections.abc import Mapping

MADE, SOUND = "made", "sound"
"""Attributes: digest of what the planes are made with, and the channels that are sound."""


def sound_channels(document: Mapping[str, Any], made: str) -> list[int]:
    """Return the channels of which an image holds what was made in the same way, and completely.

    Parameters
    ----------
    document : mapping
        Document of its group.
    made : str
        Digest of all that planes are made with now.

    Returns
    -------
    list of int
        All of an image that is complete, blank ones of stacks that failed included.
    """
    own = document["attributes"][OURS]
    if own.get(MADE) != made:
        return []
    everything = range(len(document["attributes"]["ome"]["omero"]["channels"]))
    return [*everything] if own.get("complete") is True else list(own.get(SOUND, []))
