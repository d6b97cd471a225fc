"""OME-Zarr images in their final place, written by tasks of which each owns its planes.

An image is created whole, without pixels, before the tasks begin. Each task writes planes whose
chunks no other task has, so that there are no locks; the last step completes the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_focus_stack._version import __version__
from napari_focus_stack.errors import InputError, OutputError
from napari_focus_stack.io.json_documents import parse_json
from napari_focus_stack.io.ome_zarr_levels import (
    Levels,
    create_levels,
    range_of,
    stored_channels,
    stored_shape,
)
from napari_focus_stack.io.ome_zarr_metadata import Calibration, display_range, ome_zarr_attributes
from napari_focus_stack.io.ome_zarr_store import OURS, check_place, clear_place
from napari_focus_stack.io.places import read_errors, write_errors
from napari_focus_stack.io.plane_files import DAMAGE
from napari_focus_stack.io.sound_channels import MADE, SOUND, sound_channels
from napari_focus_stack.io.zarr_documents import (
    DOCUMENT,
    documents_of,
    group_document,
    write_documents,
    zarr_store,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_focus_stack.io.sources import Spacing

_KIND = ("data_type", "chunk_grid")
"""Keys of the document of an array that planes must share, besides their size."""


def create_placed_image(
    place: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    spacing: Spacing,
    *,
    channels: Sequence[tuple[str, str | None]],
    seconds_step: float | None = None,
    name: str = "",
    about: str = "",
    averaged: bool = True,
    made: str = "",
    mode: Literal["keep", "replace"] = "keep",
) -> None:
    """Create an OME-Zarr image in its final place, or make one that is there ready for more.

    The image is marked as not complete. One process at a time may create it; a repeated call
    changes nothing.

    Parameters
    ----------
    place : pathlib.Path
        Folder of the image, whose own folder exists, or its URL.
    shape : tuple of int
        (T, C, Y, X), or (T, 1, Y, X, 3 or 4) for colour.
    dtype : numpy.dtype
        Type of the planes.
    spacing, channels, seconds_step, name, about, averaged
        As for `create_ome_zarr`.
    made : str
        Digest of all that the planes are made with; empty if no plane outlives another run.
    mode : str
        "keep" keeps the pixels of an image that was written here with planes of the same size,
        type, channels and meaning (`about`), and changes its number of time points to T. An image
        of another kind that was written here is replaced. "replace" replaces in any case.

    Raises
    ------
    OutputError
        The place is taken by what was not written here, or cannot be written; or colour comes with
        several channels.
    """
    names = stored_channels(place, shape, channels)
    note = {"about": about, "colour": len(shape) == 5}
    levels = {place / key: level for key, level in _planned_levels(shape, dtype).items()}
    before = {} if check_place(place) is None else _documents(place, [place, *levels])
    keep = mode == "keep" and _is_alike(before, place, levels, note, averaged)
    windows = _windows(before[place]) if keep else [display_range(dtype, (0.0, 1.0))] * len(names)
    calibration = Calibration(spacing, seconds_step, names)
    attributes = {
        "ome": ome_zarr_attributes(name, calibration, len(levels), averaged, windows),
        OURS: {"version": __version__, **note, "complete": False},
    }
    if made:
        sound = sound_channels(before[place], made) if keep else []
        attributes[OURS] |= {MADE: made, SOUND: sound}
    if keep:
        _shorten(place, shape[0], before[place / "0"]["shape"][0])
        levels = {at: before[at] | {"shape": level["shape"]} for at, level in levels.items()}
    elif before:
        clear_place(place)
        before = {}
    # the group first: by its document the rest is recognised as written here
    write_documents({place: group_document(attributes)})
    write_documents({at: level for at, level in levels.items() if before.get(at) != level})


def _planned_levels(shape: tuple[int, ...], dtype: np.dtype[Any]) -> dict[str, dict[str, Any]]:
    """Return the document of the array of each level by its name, as zarr writes them."""
    import zarr
    from zarr.storage import MemoryStore

    held: dict[str, Any] = {}
    group = zarr.create_group(MemoryStore(held), zarr_format=3)
    create_levels(group, stored_shape(shape), dtype)
    found = {
        key.removesuffix(f"/{DOCUMENT}"): parse_json(content.to_bytes())
        for key, content in held.items()
        if key != DOCUMENT
    }
    return dict(sorted(found.items(), key=lambda item: int(item[0])))


def _documents(place: Path, folders: Sequence[Path]) -> dict[Path, dict[str, Any]]:
    """Return the documents of an image that are there."""
    read = documents_of(folders, [DOCUMENT])
    found = {}
    for folder in folders:
        try:
            found[folder] = parse_json(read(folder / DOCUMENT))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as problem:
            raise OutputError(
                f"'{place}' cannot be read ({problem}); remove it, or choose another name."
            ) from problem
    return found


def _is_alike(
    before: Mapping[Path, Mapping[str, Any]],
    place: Path,
    levels: Mapping[Path, Mapping[str, Any]],
    note: Mapping[str, Any],
    averaged: bool,
) -> bool:
    """Return whether an image that is there has planes of the same kind at the same levels."""
    if before.keys() != {place, *levels}:
        return False
    attributes = before[place]["attributes"]
    images = attributes["ome"].get("multiscales")
    return (
        note.items() <= attributes[OURS].items()
        and bool(images)
        and len(images[0]["datasets"]) == len(levels)
        and images[0]["type"] == ("mean" if averaged else "nearest")
        and all(
            before[at]["shape"][1:] == level["shape"][1:]
            and all(before[at][key] == level[key] for key in _KIND)
            for at, level in levels.items()
        )
    )


def _windows(document: Mapping[str, Any]) -> list[dict[str, float]]:
    """Return the ranges of display in the document of a group."""
    return [entry["window"] for entry in document["attributes"]["ome"]["omero"]["channels"]]


def _shorten(place: Path, times: int, before: int) -> None:
    """Remove the pixels of time points that an image has no more."""
    if times >= before:
        return
    with write_errors(place):
        for array in _open_levels(place).arrays:
            array.resize((times, *array.shape[1:]))


def open_placed_image(place: Path) -> PlacedImage:
    """Open an image that `create_placed_image` created.

    Parameters
    ----------
    place : pathlib.Path
        As for `create_placed_image`.

    Returns
    -------
    PlacedImage
        To write and read planes.

    Raises
    ------
    OutputError
        There is none, or it cannot be read.
    """
    with write_errors(place):
        return PlacedImage(place, _open_levels(place))


def _open_levels(place: Path) -> Levels:
    """Open the arrays of all levels."""
    import zarr

    try:
        group = zarr.open_group(
            zarr_store(place, read_only=False), mode="r+", zarr_format=3, use_consolidated=False
        )
        attributes: dict[str, Any] = group.attrs.asdict()
        own, [image] = attributes[OURS], attributes["ome"]["multiscales"]
        arrays = [
            zarr.open_array(group.store_path / level["path"], mode="r+", zarr_format=3)
            for level in image["datasets"]
        ]
    except (FileNotFoundError, LookupError, TypeError, ValueError) as problem:
        raise OutputError(
            f"There is no image at '{place}' that was created to be written ({problem}); start the "
            "run again."
        ) from problem
    return Levels(arrays, is_colour=own["colour"], averaged=image["type"] == "mean")


class PlacedImage:
    """An image in its final place, whose planes may be written from several processes.

    Chunks are whole or not there: files are renamed, objects are put at once, and a checksum is
    checked when they are read.

    Parameters
    ----------
    place : pathlib.Path
        Place of the image.
    levels : Levels
        Its arrays.
    """

    def __init__(self, place: Path, levels: Levels) -> None:
        self.place, self._levels = place, levels

    def write(self, time: int, channel: int, image: NDArray[Any]) -> None:
        """Write one plane, at all levels.

        Parameters
        ----------
        time, channel : int
            Its place, counted from 0; the channel is 0 for a plane in colour.
        image : numpy.ndarray
            (Y, X) of the image's type, or (Y, X, 3 or 4).

        Raises
        ------
        OutputError
            It cannot be written.
        """
        with write_errors(self.place):
            self._levels.write(time, channel, image)

    def read(self, time: int, channel: int) -> NDArray[Any]:
        """Return a plane that was written; NaN or 0 where none was.

        Parameters
        ----------
        time, channel : int
            Its place, counted from 0.

        Returns
        -------
        numpy.ndarray
            (Y, X), or (Y, X, 3 or 4) of an image in colour.

        Raises
        ------
        InputError
            It is damaged, or the server fails.
        """
        try:
            with read_errors(self.place):
                return self._levels.read(time, channel)
        except DAMAGE as problem:
            raise InputError(
                f"Time {time} of '{self.place}' is damaged ({problem}); focus the stack again."
            ) from problem

    def ranges(self) -> dict[int, tuple[float, float]]:
        """Return the range of the values of each channel at the smallest level.

        Returns
        -------
        dict of int to (float, float)
            Least and greatest value by channel; colours have one range, that of channel 0.

        Raises
        ------
        InputError
            It is damaged, or the server fails.
        """
        smallest = self._levels.arrays[-1]
        with read_errors(self.place):
            stored = np.asarray(smallest[:])
        channels = 1 if self._levels.is_colour else stored.shape[1]
        values = [stored] if channels == 1 else [stored[:, c] for c in range(channels)]
        found = {c: range_of(channel) for c, channel in enumerate(values)}
        return {c: limits for c, limits in found.items() if limits is not None}

    def close(self) -> None:
        """Do nothing: no file of a store stays open."""


def complete_placed_image(place: Path, ranges: Mapping[int, tuple[float, float]]) -> None:
    """Mark an image as complete and write how its channels are displayed.

    Parameters
    ----------
    place : pathlib.Path
        As for `create_placed_image`.
    ranges : mapping of int to (float, float)
        Least and greatest value of each channel, for colour that of channel 0; channels that are
        not in it keep their range of display.

    Raises
    ------
    OutputError
        There is no such image, or it cannot be written.
    """
    found = _documents(place, [place, place / "0"])
    if len(found) < 2 or OURS not in found[place].get("attributes", {}):
        raise OutputError(f"There is no image at '{place}' to be completed; start the run again.")
    attributes = found[place]["attributes"]
    dtype = np.dtype(found[place / "0"]["data_type"])
    for number, entry in enumerate(attributes["ome"]["omero"]["channels"]):
        measured = ranges.get(0 if attributes[OURS]["colour"] else number)
        if measured is not None:
            entry["window"] = display_range(dtype, measured)
    attributes[OURS]["complete"] = True
    write_documents({place: found[place]})
