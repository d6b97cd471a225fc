"""Images of an earlier run, which a stack keeps that fails beside others in one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.map_images import open_map
from napari_focus_stack.io.output_formats import xml_text
from napari_focus_stack.series.destinations import PositionMaps

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_focus_stack.series.model import Position


class EarlierImages(Protocol):
    """Images of an earlier run by time and channel."""

    def read(self, time: int, channel: int) -> NDArray[Any]:
        """Return an image."""


class Earlier(NamedTuple):
    """Images of earlier runs of one map.

    Attributes
    ----------
    images : EarlierImages
        The images.
    alike : collection of int
        Channels that were made as they are made now, and are whole.
    """

    images: EarlierImages
    alike: Collection[int]


class KeptMaps(PositionMaps):
    """Maps in which a stack that fails has its images of an earlier run.

    Parameters
    ----------
    maps : PositionMaps
        The maps that are written.
    earlier : mapping of str to Earlier
        Images of the earlier run by role.

    Attributes
    ----------
    kept, lost : set of (int, int)
        Time and channel of the stacks that have them, and of those whose images are blank now.
    """

    def __init__(
        self,
        maps: PositionMaps,
        earlier: Mapping[str, Earlier],
    ) -> None:
        super().__init__(maps.writers, maps.frames)
        self.kept: set[tuple[int, int]] = set()
        self.lost: set[tuple[int, int]] = set()
        self._earlier = earlier

    def write_failed(self, time: int, channel: int) -> None:
        """Write the images of the earlier run, or blank ones if it has none that were made alike.

        Parameters
        ----------
        time, channel : int
            Place of the stack.
        """
        images = self._earlier_images(time, channel)
        if images is None:
            if self._had_depth(time, channel):
                self.lost.add((time, channel))
            super().write_failed(time, channel)
            return
        for role, image in images.items():
            if self.writers[role] is not self._earlier[role].images:
                self.writers[role].write(time, channel, image)
        self.kept.add((time, channel))

    def _earlier_images(self, time: int, channel: int) -> dict[str, NDArray[Any]] | None:
        """Return the images by role; None if one was made otherwise, or the stack failed, too."""
        if not all(
            role in self._earlier and channel in self._earlier[role].alike for role in self.writers
        ):
            return None
        try:
            images = {
                role: self._fitting(role, self._stored(role, time, channel))
                for role in self.writers
            }
        except InputError:  # damaged, or of another size
            return None
        return None if np.isnan(images["depth"]).all() else images

    def _stored(self, role: str, time: int, channel: int) -> NDArray[Any]:
        """Return an image; yes and no are stored as 0 and 1."""
        image, dtype = self._earlier[role].images.read(time, channel), self.frames[role][1]
        return image.astype(dtype) if dtype.kind == "b" else image

    def _had_depth(self, time: int, channel: int) -> bool:
        """Return whether there is any depth of an earlier run."""
        earlier = self._earlier.get("depth")
        if earlier is None:
            return False
        try:
            return not np.isnan(earlier.images.read(time, channel)).all()
        except InputError:  # damaged
            return False


def earlier_file(place: Path, position: Position, made: str) -> Earlier | None:
    """Open the images of an earlier run in a file.

    Parameters
    ----------
    place : pathlib.Path
        The file, which may not exist.
    position : Position
        Position whose channels it must have.
    made : str
        Digest of all that images are made with now.

    Returns
    -------
    Earlier or None
        None if there is none, it is damaged, or it has other channels.
    """
    try:
        found = open_map(place)
    except InputError:
        return None
    names = [xml_text(channel.name) or str(c) for c, channel in enumerate(position.channels)]
    if not found.is_own or [*found.channel_names] != names:
        return None
    return Earlier(found, range(len(names)) if found.made == made else ())
