"""OME-TIFF of many images by time and channel, written one image at a time.

The pixels lie in one block, uncompressed, as in every stack that Fiji and QuPath map into memory;
an image is written in its place without the others in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.ome_annotations import made_annotation
from napari_focus_stack.io.output_formats import identified, ome_metadata, tiff_options
from napari_focus_stack.io.plane_files import reason
from napari_focus_stack.io.replacing import os_errors
from napari_focus_stack.io.tiff_file import open_tiff_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_focus_stack.io.sources import Spacing

_CLASSIC = 2**32 - 2**25
"""Bytes of pixels above which a TIFF needs 64-bit offsets; the limit that tifffile uses."""


@dataclass(frozen=True)
class HyperstackLegend:
    """Sizes and names of a hyperstack.

    Attributes
    ----------
    spacing : Spacing
        Pixel size.
    channels : sequence of (str, str or None)
        Name and colour ("#RRGGBB") of each channel.
    seconds : sequence of float
        Time of each time point in seconds; empty if unknown.
    name : str
        Name of the image.
    about : str
        Description of its values; empty for none.
    made : str
        Digest of all that the images were made with; empty for none.
    """

    spacing: Spacing
    channels: Sequence[tuple[str, str | None]]
    seconds: Sequence[float] = ()
    name: str = ""
    about: str = ""
    made: str = ""


class HyperstackWriter:
    """Images (T, C, Y, X[, S]) of one file, which is open from an access to `close`.

    OME-TIFF has no numbers of 1 bit that every reader knows: yes and no are stored as uint8, 0 and
    1, and read back here as they were.

    Parameters
    ----------
    path : pathlib.Path
        File to create; a temporary name, if it is to appear whole.
    shape : tuple of int
        (T, C, Y, X) or (T, C, Y, X, S) with S 3 (RGB) or 4 (RGBA).
    dtype : numpy.dtype
        Type of the images.
    legend : HyperstackLegend
        Sizes and names.
    named : pathlib.Path, optional
        The file in messages, if `path` is a temporary name.

    Raises
    ------
    OutputError
        The file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        legend: HyperstackLegend,
        named: Path | None = None,
    ) -> None:
        import tifffile

        self._set(path, shape, dtype, named)
        size = int(np.prod(shape)) * self._dtype.itemsize
        with os_errors(self._named):
            found = tifffile.imwrite(
                path,
                shape=shape,
                dtype=np.dtype(np.uint8) if dtype.kind == "b" else self._dtype,
                ome=True,
                bigtiff=size > _CLASSIC,
                byteorder="<",
                contiguous=True,
                returnoffset=True,
                metadata=identified(_metadata(shape, legend), shape, dtype.name),
                **tiff_options(shape[2:], legend.spacing),
            )
            assert found is not None, "an uncompressed file has its pixels in one block"
            self._offset = int(found[0])

    @classmethod
    def existing(cls, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> HyperstackWriter:
        """Return the writer of a file that another one has created, with the images in it.

        Several processes may write into one file in this way, each its own images.

        Parameters
        ----------
        path : pathlib.Path
            File that a `HyperstackWriter` created.
        shape : tuple of int
            (T, C, Y, X[, S]) of its images.
        dtype : numpy.dtype
            Their type.

        Returns
        -------
        HyperstackWriter
            Writer of the file.

        Raises
        ------
        InputError
            The file holds other images, or is damaged.
        OutputError
            There is no such file, or it cannot be opened.
        """
        from tifffile import TiffFileError

        writer = cls.__new__(cls)
        writer._set(path, shape, dtype)
        size = int(np.prod(shape)) * writer._dtype.itemsize
        try:
            with os_errors(path), open_tiff_file(path) as tif:
                writer._offset = int(tif.pages.first.dataoffsets[0])
                stored = np.dtype(tif.pages.first.dtype or "V").itemsize
                same = tif.pages.first.shape == shape[2:] and stored == writer._dtype.itemsize
        except (TiffFileError, IndexError) as problem:
            raise InputError(f"'{path}' is damaged ({reason(problem)}); delete it.") from problem
        if not same or path.stat().st_size < writer._offset + size:
            raise InputError(f"'{path}' holds other images than these; delete it.")
        return writer

    def _set(
        self,
        path: Path,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        named: Path | None = None,
    ) -> None:
        """Set what the file holds."""
        self.path, self._shape, self._named = path, shape, named or path
        self._dtype = dtype.newbyteorder("<")
        self._file: BinaryIO | None = None

    def write(self, time: int, channel: int, image: NDArray[Any]) -> None:
        """Write one image in its place.

        Parameters
        ----------
        time, channel : int
            Place of the image.
        image : numpy.ndarray
            (Y, X[, S]).

        Raises
        ------
        OutputError
            The disk is full or gone.
        """
        same = image.dtype.newbyteorder("<") == self._dtype
        if image.shape != self._shape[2:] or not same:
            raise ValueError(f"an image of {image.shape} {image.dtype} for {self._shape}")
        pixels = np.ascontiguousarray(image, self._dtype)
        with os_errors(self._named):
            self._at(time, channel).write(pixels.data)

    def read(self, time: int, channel: int) -> NDArray[Any]:
        """Return an image that was written; 0 where none was.

        Parameters
        ----------
        time, channel : int
            Place of the image.

        Returns
        -------
        numpy.ndarray
            (Y, X[, S]).
        """
        with os_errors(self._named):
            file = self._at(time, channel)
            pixels = np.fromfile(file, self._dtype, int(np.prod(self._shape[2:])))
        return pixels.reshape(self._shape[2:])

    @property
    def layout(self) -> dict[str, Any]:
        """Place of the pixels in the file, as `numpy.memmap` takes it."""
        return {"dtype": self._dtype, "offset": self._offset, "shape": self._shape}

    def close(self) -> None:
        """Close the file; the next access opens it again."""
        if self._file is not None:
            file, self._file = self._file, None
            with os_errors(self._named):
                file.close()

    def _at(self, time: int, channel: int) -> BinaryIO:
        """Return the open file at the place of an image."""
        if self._file is None:
            self._file = self.path.open("r+b")
        image = int(np.prod(self._shape[2:])) * self._dtype.itemsize
        self._file.seek(self._offset + (time * self._shape[1] + channel) * image)
        return self._file


def _metadata(shape: tuple[int, ...], legend: HyperstackLegend) -> dict[str, Any]:
    """Return the OME metadata of a hyperstack."""
    metadata = ome_metadata(shape[2:], legend.spacing, legend.about)
    metadata["axes"] = "TC" + metadata["axes"]
    if legend.name:
        metadata["Name"] = legend.name
    if legend.made:
        metadata |= made_annotation(legend.made)
    colours = [_ome_colour(colour) for _, colour in legend.channels]
    channels: dict[str, Any] = {"Name": [name or str(c) for c, (name, _) in _numbered(legend)]}
    if all(colour is not None for colour in colours):
        channels["Color"] = colours
    metadata["Channel"] = channels
    if len(legend.seconds) == shape[0] > 1:
        steps = np.diff(legend.seconds)
        metadata |= {"TimeIncrement": float(steps.mean()), "TimeIncrementUnit": "s"}
        times = [second for second in legend.seconds for _ in range(shape[1])]
        metadata["Plane"] = {"DeltaT": times, "DeltaTUnit": ["s"] * len(times)}
    return metadata


def _numbered(legend: HyperstackLegend) -> list[tuple[int, tuple[str, str | None]]]:
    return list(enumerate(legend.channels))


def _ome_colour(colour: str | None) -> int | None:
    """Return OME's colour: red, green, blue and alpha in a signed number of 32 bits."""
    if colour is None:
        return None
    value = int(colour.removeprefix("#"), 16) << 8 | 255
    return value - 2**32 if value >= 2**31 else value
