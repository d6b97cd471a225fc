"""Writing of OME-Zarr 0.5: results of a series, plane by plane, whole or not at all."""

from __future__ import annotations

import math
import shutil
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._version import __version__
from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.ome_zarr_metadata import Calibration, display_range, ome_zarr_attributes
from napari_focus_stack.io.ome_zarr_store import OURS, check_place
from napari_focus_stack.io.replacing import os_errors, put_in_place, temporary_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import zarr
    from numpy.typing import NDArray

    from napari_focus_stack.io.sources import Spacing

CHUNK = 2048
"""Longest side of a chunk in pixels."""
COARSEST = 512
"""Longest side of the smallest level in pixels."""
_COLOURS = (("red", "#FF0000"), ("green", "#00FF00"), ("blue", "#0000FF"), ("alpha", "#FFFFFF"))


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
    if len(shape) == 5:
        if shape[1] != 1:
            raise OutputError(
                f"'{path}' cannot hold {shape[1]} channels in colour, since OME-Zarr has no axis "
                "of colour; choose TIFF, or grey planes."
            )
        channels = _COLOURS[: shape[4]]
    elif len(channels) != shape[1]:
        raise ValueError(f"{len(channels)} names for {shape[1]} channels")
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
        self.path, self.dtype = path, dtype
        self.shape = (shape[0], shape[4], *shape[2:4]) if self._is_colour else shape
        self._calibration, self._averaged = calibration, averaged
        self._name, self._about = name, about
        self._ranges: dict[int, tuple[float, float]] = {}
        self._lock = threading.Lock()
        self.temporary = temporary_name(path)
        self._finished = False
        try:
            with os_errors(path):
                self._group = zarr.create_group(self.temporary, zarr_format=3)
                sizes = enumerate(_sizes(self.shape))
                self._levels = [self._level(number, size) for number, size in sizes]
        except OutputError:
            self.discard()
            raise

    def _level(self, number: int, size: tuple[int, int]) -> zarr.Array[Any]:
        """Create the array of one level; planes that are never written are NaN or 0."""
        from zarr.codecs import BloscCodec, Crc32cCodec

        return self._group.create_array(
            str(number),
            shape=(*self.shape[:2], *size),
            chunks=(1, 1, *(min(side, CHUNK) for side in size)),
            dtype=self.dtype,
            fill_value=np.nan if self.dtype.kind == "f" else 0,
            dimension_names=("t", "c", "y", "x"),
            # noisy 16 bit: 57 % of the size, zarr's default 81 % in the same time; by its checksum
            # a damaged chunk is refused, not shown
            compressors=[BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"), Crc32cCodec()],
        )

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
        samples = self.shape[1:2] if self._is_colour else ()
        if plane.shape != (*self.shape[2:], *samples) or plane.dtype != self.dtype:
            raise ValueError(f"a plane of {plane.shape} {plane.dtype} for {self.shape}")
        if self._is_colour:
            for sample in range(self.shape[1]):
                self._write(t, sample, plane[..., sample])
        else:
            self._write(t, c, plane)

    def _write(self, t: int, c: int, plane: NDArray[Any]) -> None:
        """Write one plane of a stored channel."""
        self._extend_range(c, plane)
        level = plane
        with os_errors(self.path):
            for number, array in enumerate(self._levels):
                level = _halved(level, self._averaged) if number else plane
                array[t, c] = level

    def _extend_range(self, c: int, plane: NDArray[Any]) -> None:
        """Extend the range of a channel by that of a plane."""
        values = plane[np.isfinite(plane)] if plane.dtype.kind == "f" else plane
        if values.size:
            low, high = float(values.min()), float(values.max())
            with self._lock:
                before = self._ranges.get(c, (low, high))
                self._ranges[c] = min(before[0], low), max(before[1], high)

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
        windows = [
            display_range(self.dtype, self._ranges.get(c, (0.0, 1.0))) for c in range(self.shape[1])
        ]
        with os_errors(self.path):
            self._group.attrs.put(
                {
                    "ome": ome_zarr_attributes(
                        self._name, self._calibration, len(self._levels), self._averaged, windows
                    ),
                    OURS: {
                        "version": __version__,
                        "about": self._about,
                        "colour": self._is_colour,
                    },
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
        if self._is_colour:
            return np.moveaxis(np.asarray(self._levels[0][t]), 0, -1)
        return np.asarray(self._levels[0][t, c])

    def close(self) -> None:
        """Do nothing: no file of a store stays open."""

    def discard(self) -> None:
        """Remove the unfinished image."""
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


def _sizes(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return rows and columns of each level; odd sides are rounded up."""
    y, x = shape[2:]
    sizes = [(y, x)]
    while max(y, x) > COARSEST:
        y, x = math.ceil(y / 2), math.ceil(x / 2)
        sizes.append((y, x))
    return sizes


def _halved(plane: NDArray[Any], averaged: bool) -> NDArray[Any]:
    """Return a plane of half the size; the last row or column of an odd side stands twice."""
    if not averaged or plane.dtype == bool:
        return plane[::2, ::2]
    padded = np.pad(plane, [(0, side % 2) for side in plane.shape], mode="edge")
    # sums of four 16-bit values are exact in float32
    wide = np.float32 if plane.dtype.itemsize <= 2 or plane.dtype == np.float32 else np.float64
    pairs = np.add(padded[::2], padded[1::2], dtype=wide)
    means: NDArray[Any] = (pairs[:, ::2] + pairs[:, 1::2]) / 4
    rounded = np.rint(means) if plane.dtype.kind in "ui" else means
    return rounded.astype(plane.dtype, copy=False)
