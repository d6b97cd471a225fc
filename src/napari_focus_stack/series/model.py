"""A series: the stacks of an experiment by position, time point and channel.

Axes have names and lengths before any pixel is read; each stack is read on demand.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.places import absolute
from napari_focus_stack.io.sources import PlaneSource, Spacing, check_kind, check_sides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy as np


ARRAY = "array"
"""Kind of a series in memory."""


@dataclass(frozen=True)
class Channel:
    """One channel of a series.

    Attributes
    ----------
    name : str
        Name in the file; empty if it has none.
    colour : str or None
        Display colour as "#RRGGBB".
    """

    name: str = ""
    colour: str | None = None


@dataclass(frozen=True, order=True)
class StackIndex:
    """Place of a stack in a series, all counted from 0.

    Attributes
    ----------
    position : int
        Number of the stage position, well field or scene.
    time : int
        Number of the time point.
    channel : int
        Number of the channel.
    """

    position: int = 0
    time: int = 0
    channel: int = 0


@dataclass(frozen=True)
class Position:
    """One stage position, well field or scene: a grid of time points, channels and planes.

    Attributes
    ----------
    name : str
        Name in the file or folder, such as "Pos0" or "B02 field 1"; empty if there is one alone.
    times : int
        Number of time points; 1 without a time axis.
    channels : tuple of Channel
        One or more.
    planes : int
        Number of planes along z; 1 without a z axis.
    plane_shape : tuple of int
        (Y, X) or (Y, X, C) with C 3 or 4.
    dtype : numpy.dtype
        Type of the planes.
    spacing : Spacing
        Pixel size and z step in micrometres, None where unknown.
    seconds : tuple of float
        Time of each time point after the first, in seconds; empty if unknown.
    stage : tuple of float or None
        Stage position (y, x) in micrometres.
    well : str or None
        Well of a plate, such as "B02".
    """

    name: str
    times: int
    channels: tuple[Channel, ...]
    planes: int
    plane_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    spacing: Spacing = field(default_factory=Spacing)
    seconds: tuple[float, ...] = ()
    stage: tuple[float, float] | None = None
    well: str | None = None

    def part(self, times: range, channels: Sequence[int]) -> Position:
        """Return this position with some of its time points and channels.

        Parameters
        ----------
        times : range
            Time points.
        channels : sequence of int
            Channels.

        Returns
        -------
        Position
            The rest is the same.
        """
        return replace(
            self,
            times=len(times),
            channels=tuple(self.channels[c] for c in channels),
            seconds=tuple(self.seconds[t] for t in times) if self.seconds else (),
        )


class Series:
    """Stacks of one experiment, each read on demand.

    Parameters
    ----------
    path : pathlib.Path
        File or folder, or the URL of an OME-Zarr.
    kind : str
        Format for messages, such as "OME-TIFF" or "folder of Micro-Manager".
    positions : sequence of Position
        One or more.
    read : callable
        Called with a `StackIndex` of the series; returns its `PlaneSource`, or raises InputError
        if planes of that stack are missing.
    notes : sequence of str
        Omissions and assumptions of the reader, one sentence each.
    files : sequence of pathlib.Path
        Files of the series, those left out included: no output may replace them.
    pattern, axes : str, optional
        Pattern of file names and names of axes that the caller gave.
    stack_files : callable, optional
        Called with a `StackIndex`; returns the files of that stack alone. All `files` by default.

    Raises
    ------
    InputError
        Planes have a shape or type that cannot be stacked.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        positions: Sequence[Position],
        read: Callable[[StackIndex], PlaneSource],
        *,
        notes: Sequence[str] = (),
        files: Sequence[Path] = (),
        pattern: str | None = None,
        axes: str | None = None,
        stack_files: Callable[[StackIndex], Sequence[Path]] | None = None,
    ) -> None:
        several = sum(one.times * len(one.channels) for one in positions) > 1
        for position in positions:
            check_kind(position.plane_shape, position.dtype, str(path))
            if several:
                check_sides(position.plane_shape, str(path))
        self.path, self.kind, self.positions = path, kind, tuple(positions)
        self.notes, self.files = tuple(notes), tuple(files)
        self.pattern, self.axes = pattern, axes
        self._read, self._stack_files = read, stack_files

    def stack(self, position: int = 0, time: int = 0, channel: int = 0) -> PlaneSource:
        """Open one stack, whose planes are still on disk.

        Parameters
        ----------
        position, time, channel : int
            Place of the stack, counted from 0.

        Returns
        -------
        PlaneSource
            Its planes in the order of z.

        Raises
        ------
        InputError
            Planes of that stack are missing, or it has no z axis.
        IndexError
            There is no such stack.
        """
        index = StackIndex(position, time, channel)
        if index in self and self.positions[position].planes < 2:
            raise InputError(f"{self.describe(index)} has no z axis, so there is nothing to stack.")
        return self.planes(index)

    def planes(self, index: StackIndex) -> PlaneSource:
        """Open the planes of one place, which is a stack or, without a z axis, a single plane.

        Parameters
        ----------
        index : StackIndex
            Place in this series.

        Returns
        -------
        PlaneSource
            Its planes in the order of z, still on disk.

        Raises
        ------
        InputError
            Planes of that place are missing.
        IndexError
            There is no such place.
        """
        if index not in self:
            raise IndexError(index)
        source = self._read(index)
        source.place = {} if self.is_one_stack else self.place(index)
        return source

    def stack_files(self, index: StackIndex) -> tuple[Path, ...]:
        """Return the files of one stack, which are neither opened nor looked for.

        Parameters
        ----------
        index : StackIndex
            Place in this series.

        Returns
        -------
        tuple of pathlib.Path
            Files, and folders of which every file counts; none for planes that are missing.
        """
        return self.files if self._stack_files is None else tuple(self._stack_files(index))

    @property
    def is_one_stack(self) -> bool:
        """Whether the file or folder is one stack, for which nothing but its path is needed."""
        return len(self) == 1 and self.pattern is None and self.axes is None

    def original(self, index: StackIndex) -> StackIndex:
        """Return the place of a stack in the file or folder.

        Parameters
        ----------
        index : StackIndex
            Place in this series.

        Returns
        -------
        StackIndex
            The same, unless this is a part of a series.
        """
        return index

    def place(self, index: StackIndex) -> dict[str, Any]:
        """Return the place of a stack as plain JSON, for reports and recipes.

        Parameters
        ----------
        index : StackIndex
            Place in this series.

        Returns
        -------
        dict
            Absolute path or URL, numbers in the file or folder, names, and the pattern and axes
            that were given.
        """
        position, original = self.positions[index.position], self.original(index)
        return {
            "series": str(absolute(self.path)) if self.is_on_disk else "",
            "position": original.position,
            "position_name": position.name,
            "time": original.time,
            "channel": original.channel,
            "channel_name": position.channels[index.channel].name,
            "pattern": self.pattern,
            "axes": self.axes,
        }

    @property
    def is_on_disk(self) -> bool:
        """Whether the series is a file or folder, and not an array."""
        return self.kind != ARRAY

    def __contains__(self, index: object) -> bool:
        """Return whether the series has a stack at an index."""
        if not isinstance(index, StackIndex) or not 0 <= index.position < len(self.positions):
            return False
        position = self.positions[index.position]
        return 0 <= index.time < position.times and 0 <= index.channel < len(position.channels)

    def __len__(self) -> int:
        """Return the number of stacks."""
        return sum(position.times * len(position.channels) for position in self.positions)

    def __iter__(self) -> Iterator[StackIndex]:
        """Return the place of every stack: by position, time point and channel."""
        for p, position in enumerate(self.positions):
            for t in range(position.times):
                for c in range(len(position.channels)):
                    yield StackIndex(p, t, c)

    def describe(self, index: StackIndex) -> str:
        """Return the name of a stack for messages.

        Parameters
        ----------
        index : StackIndex
            Place of the stack.

        Returns
        -------
        str
            File and the axes that have more than one entry, such as
            "'film.tif', time 3, channel 'DAPI'".
        """
        position = self.positions[index.position]
        words = [f"'{self.path.name}'"]
        if len(self.positions) > 1:
            words.append(f"position {position.name or index.position!r}")
        if position.times > 1:
            words.append(f"time {index.time}")
        if len(position.channels) > 1:
            words.append(f"channel {channel_name(position, index.channel)!r}")
        return ", ".join(words)


def channel_name(position: Position, channel: int) -> str:
    """Return the name of a channel, or its number if it has none.

    Parameters
    ----------
    position : Position
        The position.
    channel : int
        Number of the channel.

    Returns
    -------
    str
        Such as "DAPI" or "1".
    """
    return position.channels[channel].name or str(channel)
