"""Planes of a series as an array that napari can scroll through along position, time and z."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._napari.layers.lazy_planes import LazyPlanes, OpenedPlanes
from napari_focus_stack.series.model import StackIndex

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.io.sources import PlaneSource, Spacing
    from napari_focus_stack.series.model import Series

AXES = "ptz"
"""Letters of position, time and focus, in the order in which layers have them before y and x."""
MOST_OPEN = 256
"""Stacks whose headers are kept."""
MOST_KEPT = 256 * 2**20
"""Bytes of pixels that open stacks keep in all, as long as there is one stack for each channel."""


class OpenStacks:
    """The stacks of a series that were shown last: their headers are read once.

    Parameters
    ----------
    series : Series
        Whose stacks are opened when one of their planes is shown.
    """

    def __init__(self, series: Series) -> None:
        self.series = series
        self._fewest = max(len(position.channels) for position in series.positions)
        self._opened: OrderedDict[StackIndex, PlaneSource] = OrderedDict()
        self._opening, self._reading = threading.Lock(), threading.Lock()

    def plane(self, index: StackIndex, z: int) -> NDArray[Any]:
        """Read one plane.

        Parameters
        ----------
        index : StackIndex
            Place of the stack.
        z : int
            Number of the plane.

        Returns
        -------
        numpy.ndarray
            (Y, X[, C]) in the type of the series.

        Raises
        ------
        InputError
            The plane, or its stack, cannot be read.
        """
        source = self._source(index)
        if source.concurrent:
            return source[z]
        with self._reading:
            return source[z]

    def _source(self, index: StackIndex) -> PlaneSource:
        with self._opening:
            source = self._opened.pop(index, None) or self.series.planes(index)
            self._opened[index] = source  # the last one again
            while len(self._opened) > self._fewest and self._holds_too_much():
                self._opened.popitem(last=False)
            return source

    def _holds_too_much(self) -> bool:
        kept = sum(source.kept_bytes for source in self._opened.values())
        return kept > MOST_KEPT or len(self._opened) > MOST_OPEN


class ChannelPlanes:
    """Planes of one channel by their numbers: those of a time point follow one another along z.

    Parameters
    ----------
    stacks : OpenStacks
        Shared by the channels of a series.
    positions : sequence of int
        Numbers of positions that agree in all but name and place.
    channel : int
        Number of the channel.
    """

    def __init__(self, stacks: OpenStacks, positions: Sequence[int], channel: int) -> None:
        first = stacks.series.positions[positions[0]]
        self.plane_shape, self.dtype = first.plane_shape, first.dtype
        self.lengths = (len(positions), first.times, first.planes)
        self._stacks, self._positions, self._channel = stacks, tuple(positions), channel

    def __len__(self) -> int:
        """Return the number of planes."""
        return math.prod(self.lengths)

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Read plane `k`.

        Raises
        ------
        InputError
            It cannot be read; the message names it.
        """
        p, t, z = (int(at) for at in np.unravel_index(k, self.lengths))
        return self._stacks.plane(StackIndex(self._positions[p], t, self._channel), z)

    def along(self, axes: str) -> LazyPlanes:
        """Return the planes as an array.

        Parameters
        ----------
        axes : str
            Letters of `AXES` in their order, all those that have more than one entry among them.

        Returns
        -------
        LazyPlanes
            (..., Y, X[, C]).
        """
        lengths = dict(zip(AXES, self.lengths, strict=True))
        return LazyPlanes(self, tuple(lengths[axis] for axis in axes))


@dataclass(frozen=True)
class OpenedSeries:
    """What a layer carries of the series that it shows a channel of.

    Attributes
    ----------
    array : str
        Name of the array that shows it, as in `OpenedStack`.
    series : Series
        The whole series.
    positions : tuple of int
        Numbers of the positions in the layer, along its axis p if there is one.
    channel : int
        Number of the channel.
    axes : str
        Letters of the layer's axes before y and x, such as "tz".
    """

    array: str
    series: Series
    positions: tuple[int, ...]
    channel: int
    axes: str

    def shown_by(self, data: Any) -> bool:
        """Return whether data show the whole series as it was opened, and no part of it.

        Parameters
        ----------
        data : array-like
            Data of a layer.

        Returns
        -------
        bool
            False for other data.
        """
        return getattr(data, "name", None) == self.array

    def stack(self, position: int, time: int, spacing: Spacing) -> OpenedPlanes:
        """Open a stack of the files.

        Parameters
        ----------
        position, time : int
            Place along the axes p and t of the layer.
        spacing : Spacing
            Spacing of the layer.

        Returns
        -------
        OpenedPlanes
            Planes on disk.

        Raises
        ------
        InputError
            Planes of the stack are missing.
        """
        index = self.index({"p": position, "t": time})
        source = self.series.stack(index.position, index.time, index.channel)
        return OpenedPlanes(source, spacing)

    def index(self, at: Mapping[str, int]) -> StackIndex:
        """Return the place in the series of a place in the layer.

        Parameters
        ----------
        at : mapping of str to int
            Index along the layer's axes by letter; 0 where it is missing.

        Returns
        -------
        StackIndex
            Position, time point and channel.
        """
        return StackIndex(self.positions[at.get("p", 0)], at.get("t", 0), self.channel)

    def planes(self, data: Any, spacing: Spacing) -> OpenedPlanes | None:
        """Return the planes of a layer that is one stack; None for other data or other axes.

        Raises
        ------
        InputError
            Planes of the stack are missing.
        """
        if self.axes != "z" or not self.shown_by(data):
            return None
        return self.stack(0, 0, spacing)

    def __deepcopy__(self, memo: dict[int, Any]) -> OpenedSeries:
        """Return itself: a copied layer shows the same files."""
        return self

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        """Pickle as None: the locks of open files cannot leave their process."""
        return type(None), ()
