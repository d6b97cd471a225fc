"""The lead channel of a series: the one whose depth is surest."""

from __future__ import annotations

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
    series: Series, wanted: str | int, cancel: threading.Event | None = None
) -> Generator[Progress, None, str | int | None]:
    """Find the lead channel, once for the series.

    Channels are judged on the time point in the middle of the first position that has several, at
    reduced size, by the mean confidence of their depth: the evidence of focus over its noise.

    Parameters
    ----------
    series : Series
        The series.
    wanted : str or int
        "auto", "each", a name or a number.
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
    several = [p for p, position in enumerate(series.positions) if len(position.channels) > 1]
    if not several:
        return None
    position = series.positions[several[0]]
    scores = []
    for channel in range(len(position.channels)):
        index = StackIndex(several[0], position.times // 2, channel)
        scores.append((yield from _evidence_steps(series, index, cancel)))
    best = next(c for c, score in enumerate(scores) if score > max(scores) - AS_GOOD)
    return position.channels[best].name or best


def _evidence_steps(
    series: Series, index: StackIndex, cancel: threading.Event | None
) -> Generator[Progress, None, float]:
    """Return the mean confidence of the depth of one channel, -1 if it cannot be stacked."""
    try:
        source = series.stack(index.position, index.time, index.channel)
        reduced = ReducedPlanes(source, JUDGED_SIDE)
        result = yield from stack_steps(reduced, Settings(occlusion="off"), cancel=cancel)
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
