"""Images of an earlier run, which a stack keeps that fails beside others in one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

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


class KeptMaps(PositionMaps):
    """Maps in which a stack that fails has its images of an earlier run.

    Parameters
    ----------
    maps : PositionMaps
        The maps that are written.
    earlier : mapping of str to EarlierImages
        Images of the earlier run by role.
    alike : collection of (int, int)
        Time and channel of those that were made with the same settings.

    Attributes
    ----------
    kept : set of (int, int)
        Time and channel of the stacks that have them.
    """

    def __init__(
        self,
        maps: PositionMaps,
        earlier: Mapping[str, EarlierImages],
        alike: Collection[tuple[int, int]],
    ) -> None:
        super().__init__(maps.writers, maps.frames)
        self.kept: set[tuple[int, int]] = set()
        self._earlier, self._alike = earlier, alike

    def write_failed(self, time: int, channel: int) -> None:
        """Write the images of the earlier run, or blank ones if it has none that were made alike.

        Parameters
        ----------
        time, channel : int
            Place of the stack.
        """
        is_alike = (time, channel) in self._alike
        images = self._earlier_images(time, channel) if is_alike else None
        if images is None:
            super().write_failed(time, channel)
            return
        for role, image in images.items():
            self.writers[role].write(time, channel, image)
        self.kept.add((time, channel))

    def _earlier_images(self, time: int, channel: int) -> dict[str, NDArray[Any]] | None:
        """Return the images by role; None if one is missing, or the stack failed then, too."""
        if not self.writers.keys() <= self._earlier.keys():
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
        image, dtype = self._earlier[role].read(time, channel), self.frames[role][1]
        return image.astype(dtype) if dtype.kind == "b" else image


def earlier_file(place: Path, position: Position) -> EarlierImages | None:
    """Open the images of an earlier run in a file.

    Parameters
    ----------
    place : pathlib.Path
        The file, which may not exist.
    position : Position
        Position whose channels it must have.

    Returns
    -------
    EarlierImages or None
        None if there is none, it is damaged, or it has other channels.
    """
    try:
        found = open_map(place)
    except InputError:
        return None
    names = [xml_text(channel.name) or str(c) for c, channel in enumerate(position.channels)]
    return found if found.is_own and [*found.channel_names] == names else None
