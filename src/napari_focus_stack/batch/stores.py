"""OME-Zarr stores of the results of a batch, created and completed in their places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_focus_stack.io.json_documents import read_json
from napari_focus_stack.io.ome_zarr_store import OURS, own_attributes
from napari_focus_stack.io.placed_image import (
    complete_placed_image,
    create_placed_image,
    open_placed_image,
)
from napari_focus_stack.io.places import write_errors
from napari_focus_stack.io.sound_channels import SOUND
from napari_focus_stack.io.spacing_metadata import even_step
from napari_focus_stack.io.zarr_documents import DOCUMENT, write_documents
from napari_focus_stack.series.files import map_legend

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack.io.placed_image import PlacedImage
    from napari_focus_stack.series.model import Position


IN_PLACE = -1
"""Size of results that are written in their places, beside those of other tasks."""


def is_store(place: Path) -> bool:
    """Return whether a result is an OME-Zarr store or a part of one.

    Parameters
    ----------
    place : pathlib.Path
        Place of a result.

    Returns
    -------
    bool
        False for a file.
    """
    return not place.name.lower().endswith((".tif", ".tiff"))


def created_store(
    place: Path,
    film: Position,
    role: str,
    stem: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    made: str = "",
) -> PlacedImage:
    """Create the store of one map in its place, or open it if it is there.

    Parameters
    ----------
    place : pathlib.Path
        The store, or its place in a plate.
    film : Position
        Position with all time points of the store.
    role : str
        One of `ROLES`.
    stem : str
        Name of the series.
    shape : tuple of int
        (T, C, Y, X[, S]).
    dtype : numpy.dtype
        Type of the images.
    made : str
        As for `create_placed_image`.

    Returns
    -------
    PlacedImage
        Its writer.

    Raises
    ------
    OutputError
        It cannot be written, or the place is taken by what was not written here.
    """
    legend = map_legend(film, role, stem)
    create_placed_image(
        place,
        shape,
        dtype,
        legend.spacing,
        channels=[(name or str(c), colour) for c, (name, colour) in enumerate(legend.channels)],
        seconds_step=even_step(legend.seconds),
        name=legend.name,
        about=legend.about,
        averaged=role == "image",
        made=made,
    )
    return open_placed_image(place)


def is_complete(place: Path) -> bool:
    """Return whether the store of a map is there and complete.

    Parameters
    ----------
    place : pathlib.Path
        The store, or its place in a plate.

    Returns
    -------
    bool
        False also where it is being written, or was when a process died.
    """
    return (own_attributes(place) or {}).get("complete") is True


def complete_store(place: Path) -> None:
    """Mark the store of a map as complete, with the range in which it is displayed.

    Parameters
    ----------
    place : pathlib.Path
        The store, or its place in a plate.

    Raises
    ------
    OutputError
        It cannot be read or written.
    """
    complete_placed_image(place, open_placed_image(place).ranges())


class SoundImage:
    """An image in its place, which strikes off a channel before it writes to it.

    Parameters
    ----------
    image : PlacedImage
        The image, as `create_placed_image` has just made it ready.

    Attributes
    ----------
    sound : set of int
        Channels that are sound.
    """

    def __init__(self, image: PlacedImage) -> None:
        self._image = image
        self.sound = set((own_attributes(image.place) or {}).get(SOUND, ()))

    def write(self, time: int, channel: int, image: NDArray[Any]) -> None:
        """Write one plane, as `PlacedImage.write` does."""
        if channel in self.sound:
            self.sound.remove(channel)
            self._strike_off()
        self._image.write(time, channel, image)

    def _strike_off(self) -> None:
        place = self._image.place
        with write_errors(place):
            document = read_json(place / DOCUMENT)
        document["attributes"][OURS][SOUND] = sorted(self.sound)
        write_documents({place: document})

    def read(self, time: int, channel: int) -> NDArray[Any]:
        """Return a plane, as `PlacedImage.read` does."""
        return self._image.read(time, channel)

    def close(self) -> None:
        """Do nothing: no file of a store stays open."""
