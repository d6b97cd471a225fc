"""Maps of a series as the data of layers: filled stack by stack, blank until then.

A layer has the axes of the one that it was made from, of which z, and the channels that lie on an
axis, have length 1: napari aligns the axes of layers from the last one on, so that a (t, y, x)
layer would follow the slider of z. The data are zarr arrays in files, since those of a night do not
fit into memory; parts that were not written yet have no file, and read as blank.
"""

from __future__ import annotations

import weakref
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._napari.layers.series_files import StoredMap, remove_if_empty
from napari_focus_stack.imgproc.dtypes import nothing
from napari_focus_stack.series.destinations import Destination, PositionMaps

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_focus_stack.result import Report, StackResult
    from napari_focus_stack.series.destinations import MapWriter
    from napari_focus_stack.series.model import Position, StackIndex


@dataclass(frozen=True)
class MapAxes:
    """Axes of the arrays of a series.

    Attributes
    ----------
    order : tuple of str
        Role of each axis, "y" and "x" among them.
    positions, times : int
        Lengths of the axes of these roles; all others but y and x have length 1.
    """

    order: tuple[str, ...] = ("y", "x")
    positions: int = 1
    times: int = 1

    @property
    def flat(self) -> bool:
        """Whether each array is a single picture, seen wherever the sliders stand."""
        return self.order == ("y", "x")

    def shape(self, plane_shape: tuple[int, ...], *, chunk: bool = False) -> tuple[int, ...]:
        """Return the shape of an array.

        Parameters
        ----------
        plane_shape : tuple of int
            (Y, X[, C]).
        chunk : bool
            Whether it holds one picture alone.

        Returns
        -------
        tuple of int
            Length of each axis, and of colour.
        """
        rows, columns, *colour = plane_shape
        lengths = {"y": rows, "x": columns}
        if not chunk:
            lengths |= {"position": self.positions, "time": self.times}
        return (*(lengths.get(role, 1) for role in self.order), *colour)

    def place(self, position: int, time: int) -> tuple[int | slice, ...]:
        """Return the index of a picture in an array.

        Parameters
        ----------
        position, time : int
            Numbers in the series that is stacked.

        Returns
        -------
        tuple of int or slice
            One for each axis.
        """
        whole: dict[str, int | slice] = {"y": slice(None), "x": slice(None)}
        at = whole | {"position": position, "time": time}
        return tuple(at.get(role, 0) for role in self.order)


@dataclass(frozen=True)
class StackDone:
    """Stack that was fused, or has failed.

    Attributes
    ----------
    index : StackIndex
        Place in the series that is stacked.
    outcome : Report or str
        Its report, or the reason of the failure.
    """

    index: StackIndex
    outcome: Report | str


@dataclass(eq=False)
class SeriesMaps(Destination):
    """Destination of a series whose maps are the data of layers, kept when a run is cancelled.

    Attributes
    ----------
    folder : pathlib.Path or None
        Folder of the files; None for arrays in memory.
    axes : MapAxes
        Axes of the arrays.
    roles : tuple of str
        Fields of `StackResult` to keep, "image" among them.
    lead : int or None
        Channel whose depth serves all; None where each channel has its own.
    arrays_of : dict of (str, int) to array
        Arrays by field and channel, once the first stack is done.
    reports : dict of StackIndex to Report
        Reports of the stacks that are done.
    failed : dict of StackIndex to str
        Reasons of failures.
    """

    folder: Path | None
    axes: MapAxes
    roles: tuple[str, ...]
    lead: int | None = None
    arrays_of: dict[tuple[str, int], Any] = field(default_factory=dict)
    reports: dict[StackIndex, Report] = field(default_factory=dict)
    failed: dict[StackIndex, str] = field(default_factory=dict)
    _opened: dict[int, PositionMaps] = field(default_factory=dict)
    _new: deque[StackDone] = field(default_factory=deque)

    def __post_init__(self) -> None:
        """Remove the folder with this, if no stack was ever done."""
        if self.folder is not None:
            weakref.finalize(self, remove_if_empty, self.folder)

    def open(self, number: int, position: Position, first: StackResult) -> PositionMaps:
        """Return the maps of a position; the arrays are created with the first one."""
        self._opened[number] = super().open(number, position, first)
        return self._opened[number]

    def opened(self, number: int) -> PositionMaps | None:
        """Return the maps of a position, if a cancelled run has created them."""
        return self._opened.get(number)

    def _writer(
        self,
        number: int,
        position: Position,
        role: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> MapWriter:
        channels = range(shape[1]) if role == "image" or self.lead is None else [self.lead]
        for channel in channels:
            if (role, channel) not in self.arrays_of:
                self.arrays_of[role, channel] = self._created(role, channel, shape[2:], dtype)
        blank = np.full(shape[2:], _blank(role, dtype), dtype)
        return _LayerWriter(self, role, number, blank)

    def _created(
        self, role: str, channel: int, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> Any:
        """Return a blank array; one file for each picture."""
        whole, blank = self.axes.shape(shape), _blank(role, dtype)
        if self.folder is None:
            return np.full(whole, blank, dtype)
        import zarr

        array = zarr.create_array(
            self.folder / f"{role}-{channel}",
            shape=whole,
            chunks=self.axes.shape(shape, chunk=True),
            dtype=dtype,
            fill_value=blank,
            compressors=None,
        )
        return StoredMap(array, self.folder / f"{role}-{channel}")

    def picture(self, role: str, channel: int, index: StackIndex) -> NDArray[Any]:
        """Return one picture of a map.

        Parameters
        ----------
        role : str
            One of `roles`.
        channel : int
            Channel of the map.
        index : StackIndex
            Place of the stack.

        Returns
        -------
        numpy.ndarray
            (Y, X[, C]).
        """
        array = self.arrays_of[role, channel]
        return np.asarray(array[self.axes.place(index.position, index.time)])

    def note(self, index: StackIndex, outcome: Report | str) -> None:
        """Keep the report or the reason, and announce it."""
        if isinstance(outcome, str):
            self.failed[index] = outcome
        else:
            self.failed.pop(index, None)
            self.reports[index] = outcome
        self._new.append(StackDone(index, outcome))

    def announced(self) -> list[StackDone]:
        """Return the stacks that were noted since the last call.

        Returns
        -------
        list of StackDone
            In their order.
        """
        return [self._new.popleft() for _ in range(len(self._new))]

    def report(self, position: Position, index: StackIndex, report: Report) -> None:
        """Keep the report that is final, with the drift that was removed."""
        self.reports[index] = report

    def finish(self) -> tuple[Path, ...]:
        """Return no files: the arrays are shown as they are."""
        return ()

    def discard(self) -> None:
        """Keep what is done: a cancelled run goes on later."""

    def arrays(self, maps: PositionMaps, number: int) -> Mapping[str, Any]:
        """Return nothing: the arrays are those of the layers."""
        return {}


def _blank(role: str, dtype: np.dtype[Any]) -> float:
    """Return the value of a pixel that is not done: NaN, or 0 where there is none."""
    return 0 if role == "confidence" else nothing(dtype)


class _LayerWriter:
    """Writer of one map of one position into the arrays of layers."""

    def __init__(self, maps: SeriesMaps, role: str, number: int, blank: NDArray[Any]) -> None:
        self._maps, self._role, self._number, self._blank = maps, role, number, blank

    def write(self, time: int, channel: int, image: NDArray[Any]) -> None:
        """Write a picture; those of a channel that shares the depth of another one are dropped."""
        array = self._maps.arrays_of.get((self._role, channel))
        if array is not None:
            array[self._maps.axes.place(self._number, time)] = image

    def read(self, time: int, channel: int) -> NDArray[Any]:
        """Return a picture that was written; a blank one of a channel without a map."""
        array = self._maps.arrays_of.get((self._role, channel))
        if array is None:
            return self._blank
        return np.asarray(array[self._maps.axes.place(self._number, time)])

    def close(self) -> None:
        """Do nothing: every picture is a file of its own."""
