"""Writing of OME-Zarr 0.5: results of a series, plane by plane, whole or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
from typing import TYPE_CHECKING, Any

from napari_focus_stack._version import __version__
from napari_focus_stack.io.ome_zarr_levels import (
    Levels,
    create_levels,
    range_of,
    stored_channels,
    stored_shape,
)
from napari_focus_stack.io.ome_zarr_metadata import Calibration, display_range, ome_zarr_attributes
from napari_focus_stack.io.ome_zarr_store import OURS, check_place
from napari_focus_stack.io.replacing import os_errors, put_in_place, temporary_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack.io.sources import Spacing

LONGEST_WRITING = 0.5
"""Seconds that chunks may take that are being written when a run is interrupted."""


def create_ome_zarr(
    path: Path,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    spacing: Spacing,
    *,
    channels: Sequence[tuple[str, str | None]],
    seconds_step: float | None = None,
    name: str = "",
    about: str = "",
    averaged: bool = True,
) -> OmeZarrImage:
    """Create an OME-Zarr image whose planes are written one by one.

    Its axes are t, c, y and x. Chunks hold one plane or a part of it, so that planes may be written
    from several threads. OME-Zarr has no axis of colour: planes in colour become the channels red,
    green, blue (and alpha) of an image of one channel.

    Parameters
    ----------
    path : pathlib.Path
        Folder of the store, such as "film.ome.zarr". It appears when the image is finished; until
        then a store of an earlier run stays in its place.
    shape : tuple of int
        (T, C, Y, X), or (T, 1, Y, X, 3 or 4) for colour.
    dtype : numpy.dtype
        Type of the planes.
    spacing : Spacing
        Pixel size.
    channels : sequence of (str, str or None)
        Name and colour ("#RRGGBB") of each channel.
    seconds_step : float, optional
        Seconds from one time point to the next.
    name : str
        Name of the image.
    about : str
        What its values are.
    averaged : bool
        Whether lower levels are means of 2 x 2 pixels. Maps of depth, numbers of planes and labels
        take every second pixel instead: a mean across an edge is a height that is nowhere, and
        pixels without a value (NaN) would grow or vanish from level to level.

    Returns
    -------
    OmeZarrImage
        To be used in a `with` block.

    Raises
    ------
    OutputError
        The place is taken by a file or by a folder that was not written here, or it cannot be
        written; or colour comes with several channels.
    """
    channels = stored_channels(path, shape, channels)
    check_place(path)
    calibration = Calibration(spacing, seconds_step, tuple(channels))
    return OmeZarrImage(path, shape, dtype, calibration, name, about, averaged)


class OmeZarrImage:
    """An OME-Zarr image under a temporary name, which gets its own when it is finished.

    A `with` block finishes it at its end, and removes it if the block fails.

    Parameters
    ----------
    path : pathlib.Path
        As for `create_ome_zarr`.
    shape : tuple of int
        As for `create_ome_zarr`; colour is stored as channels.
    dtype : numpy.dtype
        Type of the planes.
    calibration : Calibration
        Distances and names.
    name, about : str
        As for `create_ome_zarr`.
    averaged : bool
        As for `create_ome_zarr`.

    Raises
    ------
    OutputError
        It cannot be written.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        calibration: Calibration,
        name: str,
        about: str,
        averaged: bool,
    ) -> None:
        import zarr

        self._is_colour = len(shape) == 5
        self.path = path
        self._calibration, self._averaged = calibration, averaged
        self._name = name
        self._note: dict[str, Any] = {"about": about, "colour": self._is_colour}
        self._ranges: dict[int, tuple[float, float]] = {}
        self._lock = threading.Lock()
        self.temporary = temporary_name(path)
        self._finished = False
        try:
            with os_errors(path):
                self._group = zarr.create_group(self.temporary, zarr_format=3)
                arrays = create_levels(self._group, stored_shape(shape), dtype)
                self._levels = Levels(arrays, is_colour=self._is_colour, averaged=averaged)
        except BaseException:  # an interrupt, too: nobody has its name yet
            self.discard()
            raise

    def write(self, t: int, c: int, plane: NDArray[Any]) -> None:
        """Write one plane, at all levels.

        Parameters
        ----------
        t, c : int
            Time point and channel, counted from 0; `c` is 0 for a plane in colour.
        plane : numpy.ndarray
            (Y, X) of the image's type, or (Y, X, 3 or 4).

        Raises
        ------
        OutputError
            It cannot be written.
        """
        with os_errors(self.path):
            self._levels.write(t, c, plane)
        self._extend_ranges(c, plane)

    def _extend_ranges(self, c: int, plane: NDArray[Any]) -> None:
        """Extend the range of a channel, or of each colour, by that of a plane."""
        for channel, values in self._levels.stored(c, plane):
            found = range_of(values)
            if found is not None:
                with self._lock:
                    low, high = self._ranges.get(channel, found)
                    self._ranges[channel] = min(low, found[0]), max(high, found[1])

    def finish(self) -> None:
        """Write the metadata and move the image to its place.

        Raises
        ------
        OutputError
            It cannot be written, or the place was taken meanwhile; what is there remains.
        """
        if self._finished:
            return
        self.complete()
        check_place(self.path)
        put_in_place([(self.temporary, self.path)])
        self._finished = True

    def complete(self) -> None:
        """Write the metadata; the image stays under its temporary name.

        Raises
        ------
        OutputError
            They cannot be written.
        """
        dtype, ranges = self._levels.dtype, self._ranges
        windows = [
            display_range(dtype, ranges.get(c, (0.0, 1.0))) for c in range(self._levels.shape[1])
        ]
        with os_errors(self.path):
            self._group.attrs.put(
                {
                    "ome": ome_zarr_attributes(
                        self._name,
                        self._calibration,
                        len(self._levels.arrays),
                        self._averaged,
                        windows,
                    ),
                    OURS: {"version": __version__, **self._note},
                }
            )

    def read(self, t: int, c: int) -> NDArray[Any]:
        """Return a plane that was written; NaN or 0 where none was.

        Parameters
        ----------
        t, c : int
            Time point and channel, counted from 0.

        Returns
        -------
        numpy.ndarray
            (Y, X), or (Y, X, 3 or 4) of an image in colour.
        """
        return self._levels.read(t, c)

    def close(self) -> None:
        """Do nothing: no file of a store stays open."""

    def discard(self) -> None:
        """Remove the unfinished image."""
        _await_writing()
        shutil.rmtree(self.temporary, ignore_errors=True)

    def __enter__(self) -> OmeZarrImage:
        """Return the image."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finish the image, or remove it if the block failed."""
        try:
            if kind is None:
                self.finish()
        finally:
            self.discard()


def _await_writing() -> None:
    """Wait until zarr's own thread has written what it began before a run was interrupted.

    It would make the folder anew after its removal.
    """
    from zarr.core.sync import sync

    with contextlib.suppress(TimeoutError):
        sync(_other_tasks(), timeout=LONGEST_WRITING)


async def _other_tasks() -> None:
    """Wait for all tasks of the loop but this one."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await asyncio.gather(*others, return_exceptions=True)
