"""The lead channel of a series: the one whose depth is surest."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import Cancelled, FocusStackError
from napari_focus_stack.imgproc.resampling import block_means
from napari_focus_stack.io.sources import PlaneSource
from napari_focus_stack.pipeline.stack import stack_steps
from napari_focus_stack.series.model import Position, StackIndex, channel_name
from napari_focus_stack.series.selection import find_channel, unknown_channel
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator

    from numpy.typing import NDArray

    from napari_focus_stack.result import Progress
    from napari_focus_stack.series.model import Series

JUDGED_SIDE = 512
"""Longest side, in pixels, of the reduced planes on which channels are judged: alignment, too,
begins on planes of this size."""
MOST_JUDGED = 12
"""Places on which channels are tried, if none of them can be stacked."""
AS_GOOD = 0.02
"""Difference of mean confidence below which two channels are equally good."""


class ReducedPlanes(PlaneSource):
    """Planes whose pixels are means over blocks.

    Parameters
    ----------
    source : PlaneSource
        The planes.
    side : int
        Longest side of a reduced plane, in pixels.
    """

    def __init__(self, source: PlaneSource, side: int) -> None:
        self.describe_as(source)
        rows, columns = source.plane_shape[:2]
        self._source, self._block = source, -(-max(rows, columns) // side)
        size = rows // self._block, columns // self._block
        self.plane_shape = (*size, *source.plane_shape[2:])
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Return the reduced plane `k`."""
        return block_means(self._source[k].astype(np.float32), self._block)


def lead_steps(
    series: Series,
    wanted: str | int,
    settings: Settings,
    cancel: threading.Event | None = None,
) -> Generator[Progress, None, str | int | None]:
    """Find the lead channel, once for the series.

    Channels are judged on the time point in the middle of the first position that has several, at
    reduced size, by the mean confidence of their depth: the evidence of focus over its noise. Where
    no channel can be stacked there, other time points and positions are tried.

    Parameters
    ----------
    series : Series
        The series.
    wanted : str or int
        "auto", "each", a name or a number.
    settings : Settings
        Parameters of the stacks; `memory` and `threads` count.
    cancel : threading.Event, optional
        Once set, the run raises `Cancelled`.

    Returns
    -------
    str or int or None
        Name of the channel, or its number if it has no name; None for "each".

    Yields
    ------
    Progress
        Before each plane.

    Raises
    ------
    SettingsError
        There is no such channel.
    """
    if wanted == "each":
        return None
    if wanted != "auto":
        if all(find_channel(position, wanted) is None for position in series.positions):
            raise unknown_channel(series.positions[0], wanted)
        return wanted
    quick = Settings(occlusion="off", memory=settings.memory, threads=settings.threads)
    for place in _places_to_judge(series):
        position = series.positions[place.position]
        scores = []
        for channel in range(len(position.channels)):
            index = dataclasses.replace(place, channel=channel)
            scores.append((yield from _evidence_steps(series, index, quick, cancel)))
        if max(scores) >= 0:
            best = next(c for c, score in enumerate(scores) if score > max(scores) - AS_GOOD)
            return _name_if_unique(position, best)
    return 0 if _places_to_judge(series) else None


def _places_to_judge(series: Series) -> list[StackIndex]:
    """Return places of positions with several channels: the middle times first, then the ends."""
    several = [
        (p, position)
        for p, position in enumerate(series.positions)
        if len(position.channels) > 1 and position.planes > 1
    ]
    middles = [StackIndex(p, position.times // 2) for p, position in several]
    ends = [
        StackIndex(p, time)
        for p, position in several
        for time in dict.fromkeys((0, position.times - 1))
    ]
    return list(dict.fromkeys([*middles, *ends]))[:MOST_JUDGED]


def _name_if_unique(position: Position, channel: int) -> str | int:
    """Return the name of a channel, or its number if the name is none, or that of another too."""
    name = position.channels[channel].name
    names = [one.name.casefold() for one in position.channels]
    return name if name and names.count(name.casefold()) == 1 else channel


def _evidence_steps(
    series: Series, index: StackIndex, settings: Settings, cancel: threading.Event | None
) -> Generator[Progress, None, float]:
    """Return the mean confidence of the depth of one channel, -1 if it cannot be stacked."""
    try:
        source = series.stack(index.position, index.time, index.channel)
        reduced = ReducedPlanes(source, JUDGED_SIDE)
        result = yield from stack_steps(reduced, settings, cancel=cancel)
    except Cancelled:
        raise
    except FocusStackError:  # reported when the series comes to that stack
        return -1.0
    copies = sum(len(run) - 1 for run in result.report.health["duplicates"])
    if len(source) - copies < 2:  # one image, saved once for each plane
        return -1.0
    return float(result.confidence.mean())


def lead_of(position: Position, lead: str | int | None) -> int | None:
    """Return the number of the lead channel in one position.

    Parameters
    ----------
    position : Position
        The position.
    lead : str or int or None
        Result of `lead_steps`.

    Returns
    -------
    int or None
        None if there is no lead channel, or one channel alone.
    """
    if lead is None or len(position.channels) == 1:
        return None
    return find_channel(position, lead)


def lead_name(position: Position, lead: int | None) -> str | None:
    """Return the name of the lead channel in one position.

    Parameters
    ----------
    position : Position
        The position.
    lead : int or None
        Result of `lead_of`.

    Returns
    -------
    str or None
        Name, or number as text.
    """
    return None if lead is None else channel_name(position, lead)
