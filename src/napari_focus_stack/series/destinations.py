"""Destinations of the maps of a series, filled stack by stack; memory is one of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.imgproc.dtypes import nothing
from napari_focus_stack.io.map_names import ROLES
from napari_focus_stack.io.writing import role_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_focus_stack.result import Report, StackResult
    from napari_focus_stack.series.model import Position, StackIndex


class MapWriter(Protocol):
    """Images by time and channel, written one at a time."""

    def write(self, time: int, channel: int, image: NDArray[Any]) -> None:
        """Write one image."""

    def read(self, time: int, channel: int) -> NDArray[Any]:
        """Return an image that was written."""

    def close(self) -> None:
        """Close files until the next access."""


class ArrayWriter:
    """Images in memory.

    Parameters
    ----------
    shape : tuple of int
        (T, C, Y, X[, S]).
    dtype : numpy.dtype
        Type of the images.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.array = np.zeros(shape, dtype)

    def write(self, time: int, channel: int, image: NDArray[Any]) -> None:
        """Copy one image to its place."""
        self.array[time, channel] = image

    def read(self, time: int, channel: int) -> NDArray[Any]:
        """Return an image that was written."""
        image: NDArray[Any] = self.array[time, channel]
        return image

    def close(self) -> None:
        """Do nothing: memory is no file."""


class PositionMaps:
    """Maps of one position, created with the first result.

    Parameters
    ----------
    writers : mapping of str to MapWriter
        Writer of each role.
    frames : mapping of str to (shape, dtype)
        Shape and type of one image of each role.
    """

    def __init__(
        self,
        writers: Mapping[str, MapWriter],
        frames: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]],
    ) -> None:
        self.writers, self.frames = writers, frames

    def write(self, time: int, channel: int, result: StackResult) -> None:
        """Write the maps of one stack.

        Parameters
        ----------
        time, channel : int
            Place of the stack.
        result : StackResult
            Its results.

        Raises
        ------
        InputError
            Its size or type differs from that of the first one; nothing of it was written.
        """
        found = {
            role: self._missing(role) if values is None else self._fitting(role, values)
            for role in self.writers
            for values in [getattr(result, role)]
        }
        for role, values in found.items():
            self.writers[role].write(time, channel, values)

    def write_map(self, role: str, time: int, channel: int, values: NDArray[Any]) -> None:
        """Replace one map.

        Parameters
        ----------
        role : str
            One of `ROLES`.
        time, channel : int
            Place of the stack.
        values : numpy.ndarray
            (Y, X[, S]).

        Raises
        ------
        InputError
            Its size or type differs from that of the first one.
        """
        self.writers[role].write(time, channel, self._fitting(role, values))

    def write_failed(self, time: int, channel: int) -> None:
        """Mark a stack that failed: NaN, or 0 where there is no NaN; a confidence of 0.

        Parameters
        ----------
        time, channel : int
            Place of the stack.
        """
        for role, writer in self.writers.items():
            writer.write(time, channel, self._missing(role))

    def read(self, role: str, time: int, channel: int) -> NDArray[Any]:
        """Return a map that was written.

        Parameters
        ----------
        role : str
            One of `ROLES`.
        time, channel : int
            Place of the stack.

        Returns
        -------
        numpy.ndarray
            (Y, X[, S]).
        """
        return self.writers[role].read(time, channel)

    def close(self) -> None:
        """Close the files of a position that is complete; the next access opens them again."""
        for writer in self.writers.values():
            writer.close()

    def _fitting(self, role: str, values: NDArray[Any]) -> NDArray[Any]:
        """Return values in native byte order; refuse another size or type than the first ones'."""
        frame = values.shape, values.dtype.newbyteorder("=")
        if frame != self.frames[role]:
            raise InputError(
                f"The {role_words(role)} is {_described(*frame)}, but "
                f"{_described(*self.frames[role])} in the first stack of its position",
                "stack it by itself",
            )
        return values.astype(frame[1], copy=False)

    def _missing(self, role: str) -> NDArray[Any]:
        shape, dtype = self.frames[role]
        return np.full(shape, 0 if role == "confidence" else nothing(dtype), dtype)


def _described(shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
    """Return size and type for messages."""
    y, x, *samples = shape
    colour = {3: " RGB", 4: " RGBA"}
    return f"{x} x {y} {dtype}{''.join(colour[count] for count in samples)}"


class Destination(ABC):
    """Place of the results of a series; use it as a context manager.

    Nothing of it exists under its final name before the block ends without an error.

    Attributes
    ----------
    roles : tuple of str
        Fields of `StackResult` that are kept, where they are not None.
    """

    roles: tuple[str, ...] = ROLES

    def open(self, number: int, position: Position, first: StackResult) -> PositionMaps:
        """Create the maps of a position.

        Parameters
        ----------
        number : int
            Number of the position.
        position : Position
            Its time points, channels and pixel size.
        first : StackResult
            Result whose size and type all others have.

        Returns
        -------
        PositionMaps
            Maps to fill.
        """
        frames = {
            role: (values.shape, values.dtype.newbyteorder("="))
            for role in self.roles
            if (values := getattr(first, role)) is not None
        }
        head = position.times, len(position.channels)
        writers = {
            role: self._writer(number, position, role, (*head, *shape), dtype)
            for role, (shape, dtype) in frames.items()
        }
        return PositionMaps(writers, frames)

    @abstractmethod
    def _writer(
        self,
        number: int,
        position: Position,
        role: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> MapWriter:
        """Create the writer of one map."""

    def opened(self, number: int) -> PositionMaps | None:
        """Return the maps of a position that an earlier, cancelled run created; None by default.

        Parameters
        ----------
        number : int
            Number of the position.

        Returns
        -------
        PositionMaps or None
            Maps with the stacks that are done.
        """
        return None

    def note(self, index: StackIndex, outcome: Report | str) -> None:  # noqa: B027
        """Take note of a stack as soon as it is written or has failed; do nothing by default.

        Parameters
        ----------
        index : StackIndex
            Place of the stack.
        outcome : Report or str
            Its report, or the reason of the failure as a sentence.
        """

    @abstractmethod
    def report(self, position: Position, index: StackIndex, report: Report) -> None:
        """Write the report of one stack, where there is a place for it."""

    @abstractmethod
    def finish(self) -> tuple[Path, ...]:
        """Complete the results and return the files that were written."""

    @abstractmethod
    def arrays(self, maps: PositionMaps, number: int) -> Mapping[str, Any]:
        """Return the maps of a position as arrays, after `finish`."""

    @abstractmethod
    def discard(self) -> None:
        """Remove what was written so far."""

    def __enter__(self) -> Destination:
        """Return the destination."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Remove what was written if the block failed."""
        if kind is not None:
            self.discard()


class InMemory(Destination):
    """Results as NumPy arrays."""

    def _writer(
        self,
        number: int,
        position: Position,
        role: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> MapWriter:
        return ArrayWriter(shape, dtype)

    def report(self, position: Position, index: StackIndex, report: Report) -> None:
        """Write nothing: reports are in the result."""

    def finish(self) -> tuple[Path, ...]:
        """Return no files."""
        return ()

    def discard(self) -> None:
        """Write nothing, so there is nothing to remove."""

    def arrays(self, maps: PositionMaps, number: int) -> Mapping[str, Any]:
        """Return the arrays.

        Parameters
        ----------
        maps : PositionMaps
            Maps of the position.
        number : int
            Number of the position.

        Returns
        -------
        dict of str to numpy.ndarray
            (T, C, Y, X[, S]) by role.
        """
        return {
            role: writer.array
            for role, writer in maps.writers.items()
            if isinstance(writer, ArrayWriter)
        }
