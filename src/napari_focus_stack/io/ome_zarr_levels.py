"""Levels of an OME-Zarr image that is written here: their arrays, and planes in all of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import zarr
    from numpy.typing import NDArray

CHUNK = 2048
"""Longest side of a chunk in pixels."""
COARSEST = 512
"""Longest side of the smallest level in pixels."""
_COLOURS = (("red", "#FF0000"), ("green", "#00FF00"), ("blue", "#0000FF"), ("alpha", "#FFFFFF"))


def stored_shape(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return the shape of the array that holds images.

    Parameters
    ----------
    shape : tuple of int
        (T, C, Y, X), or (T, 1, Y, X, S) for colour.

    Returns
    -------
    tuple of int
        (T, C, Y, X); colours are stored as channels.
    """
    t, c, y, x = shape[:4]
    return t, (shape[4] if len(shape) == 5 else c), y, x


def stored_channels(
    place: Path, shape: tuple[int, ...], channels: Sequence[tuple[str, str | None]]
) -> tuple[tuple[str, str | None], ...]:
    """Return name and colour of each channel as it is stored.

    Parameters
    ----------
    place : pathlib.Path
        Store for the message.
    shape : tuple of int
        As for `stored_shape`.
    channels : sequence of (str, str or None)
        Name and colour of each channel.

    Returns
    -------
    tuple of (str, str or None)
        The same, or red, green, blue (and alpha).

    Raises
    ------
    OutputError
        Colour comes with several channels.
    """
    if len(shape) == 5:
        if shape[1] != 1:
            raise OutputError(
                f"'{place}' cannot hold {shape[1]} channels in colour, since OME-Zarr has no axis "
                "of colour; choose TIFF, or grey planes."
            )
        return _COLOURS[: shape[4]]
    if len(channels) != shape[1]:
        raise ValueError(f"{len(channels)} names for {shape[1]} channels")
    return tuple(channels)


def create_levels(
    group: zarr.Group, shape: tuple[int, int, int, int], dtype: np.dtype[Any]
) -> list[zarr.Array[Any]]:
    """Create the arrays of all levels; planes that are never written are NaN or 0.

    Parameters
    ----------
    group : zarr.Group
        Group of the image, of format 3.
    shape : tuple of int
        (T, C, Y, X) of the full size.
    dtype : numpy.dtype
        Type of the planes.

    Returns
    -------
    list of zarr.Array
        The full size first. Chunks hold one plane or a part of it.
    """
    from zarr.codecs import BloscCodec, Crc32cCodec

    return [
        group.create_array(
            str(number),
            shape=(*shape[:2], *size),
            chunks=(1, 1, *(min(side, CHUNK) for side in size)),
            dtype=dtype,
            fill_value=np.nan if dtype.kind == "f" else 0,
            dimension_names=("t", "c", "y", "x"),
            # noisy 16 bit: 57 % of the size, zarr's default 81 % in the same time; by its checksum
            # a damaged chunk is refused, not shown
            compressors=[BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"), Crc32cCodec()],
        )
        for number, size in enumerate(level_sizes(shape))
    ]


class Levels:
    """Arrays of all levels, written and read plane by plane.

    Several threads or processes may write at the same time, each its own planes.

    Parameters
    ----------
    arrays : sequence of zarr.Array
        (T, C, Y, X) of each level, the full size first.
    is_colour : bool
        Whether the channels are the colours of one image.
    averaged : bool
        Whether lower levels are means of 2 x 2 pixels, or every second pixel.
    """

    def __init__(
        self, arrays: Sequence[zarr.Array[Any]], *, is_colour: bool, averaged: bool
    ) -> None:
        self.arrays, self.is_colour, self.averaged = tuple(arrays), is_colour, averaged

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the full size, (T, C, Y, X)."""
        return self.arrays[0].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the planes."""
        return self.arrays[0].dtype

    def write(self, t: int, c: int, plane: NDArray[Any]) -> None:
        """Write one plane, at all levels.

        Parameters
        ----------
        t, c : int
            Time point and channel, counted from 0; `c` is 0 for a plane in colour.
        plane : numpy.ndarray
            (Y, X) of the images' type, or (Y, X, 3 or 4).

        Raises
        ------
        ValueError
            It has another shape or type.
        """
        samples = self.shape[1:2] if self.is_colour else ()
        if plane.shape != (*self.shape[2:], *samples) or plane.dtype != self.dtype:
            raise ValueError(f"a plane of {plane.shape} {plane.dtype} for {self.shape}")
        for channel, values in self.stored(c, plane):
            level = values
            for number, array in enumerate(self.arrays):
                level = halved(level, self.averaged) if number else values
                array[t, channel] = level

    def stored(self, c: int, plane: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
        """Yield the channels as which a plane is stored.

        Parameters
        ----------
        c : int
            Its channel.
        plane : numpy.ndarray
            (Y, X), or (Y, X, 3 or 4).

        Yields
        ------
        (int, numpy.ndarray)
            Stored channel and its (Y, X) values.
        """
        if self.is_colour:
            for sample in range(plane.shape[2]):
                yield sample, plane[..., sample]
        else:
            yield c, plane

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
        if self.is_colour:
            return np.moveaxis(np.asarray(self.arrays[0][t]), 0, -1)
        return np.asarray(self.arrays[0][t, c])


def range_of(values: NDArray[Any]) -> tuple[float, float] | None:
    """Return the least and the greatest finite value.

    Parameters
    ----------
    values : numpy.ndarray
        Any shape.

    Returns
    -------
    tuple of float or None
        None if no value is finite.
    """
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return (float(finite.min()), float(finite.max())) if finite.size else None


def level_sizes(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return rows and columns of each level; odd sides are rounded up.

    Parameters
    ----------
    shape : tuple of int
        (T, C, Y, X) of the full size.

    Returns
    -------
    list of (int, int)
        The full size first.
    """
    y, x = shape[2:]
    sizes = [(y, x)]
    while max(y, x) > COARSEST:
        y, x = math.ceil(y / 2), math.ceil(x / 2)
        sizes.append((y, x))
    return sizes


def halved(plane: NDArray[Any], averaged: bool) -> NDArray[Any]:
    """Return a plane of half the size; the last row or column of an odd side stands twice.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X).
    averaged : bool
        Whether pixels are means of 2 x 2, or every second one.

    Returns
    -------
    numpy.ndarray
        Of the same type.
    """
    if not averaged or plane.dtype == bool:
        return plane[::2, ::2]
    padded = np.pad(plane, [(0, side % 2) for side in plane.shape], mode="edge")
    # sums of four 16-bit values are exact in float32
    wide = np.float32 if plane.dtype.itemsize <= 2 or plane.dtype == np.float32 else np.float64
    pairs = np.add(padded[::2], padded[1::2], dtype=wide)
    means: NDArray[Any] = (pairs[:, ::2] + pairs[:, 1::2]) / 4
    rounded = np.rint(means) if plane.dtype.kind in "ui" else means
    return rounded.astype(plane.dtype, copy=False)
