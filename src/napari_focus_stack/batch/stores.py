"""OME-Zarr stores of the results of a batch, created and completed in their places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_focus_stack.io.ome_zarr_store import own_attributes
from napari_focus_stack.io.placed_image import (
    complete_placed_image,
    create_placed_image,
    open_placed_image,
)
from napari_focus_stack.io.spacing_metadata import even_step
from napari_focus_stack.series.files import map_legend

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

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
