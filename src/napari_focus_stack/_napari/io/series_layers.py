"""A series as layers: one for each channel, whose planes remain on disk."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._napari.layers.appearance import display_limits
from napari_focus_stack._napari.layers.geometry import NO_UNIT, spacing_arguments
from napari_focus_stack._napari.layers.lazy_planes import lazy_array
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.series_planes import (
    AXES,
    ChannelPlanes,
    OpenedSeries,
    OpenStacks,
)
from napari_focus_stack._version import __version__
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.places import absolute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.series.model import Position, Series

    LayerData = tuple[Any, ...]

MOST_GROUPS = 8
"""Groups of positions that differ in shape and become layers; of thousands no list is of use."""
_EVEN = 0.05
"""Largest part of the mean interval by which an interval between time points may differ."""
_COLOURS = {2: ("magenta", "green")}
_MORE_COLOURS = ("cyan", "yellow", "magenta", "red", "green", "blue")
"""Colormaps of channels without a colour of their own, as napari gives them to split channels."""


@dataclass(frozen=True)
class SeriesLayers:
    """Layers of a series, and the positions that have none.

    Attributes
    ----------
    layers : list of tuple
        (data, arguments, "image") for each channel of each group of positions.
    left_out : tuple of Position
        Positions of other shapes beyond the first `MOST_GROUPS`.
    """

    layers: list[LayerData]
    left_out: tuple[Position, ...]


def series_layers(series: Series, name: str) -> SeriesLayers:
    """Return a series as layers of (position, time, z, y, x), without axes of one entry.

    Positions that agree in axes, channels, type and spacing share a layer of each channel, with a
    slider. Of others the first is visible: they would lie over each other.

    Parameters
    ----------
    series : Series
        The series; one plane of each layer is read for its contrast limits, unless it has 8 bits.
    name : str
        Name of the series, with which the names of layers begin.

    Returns
    -------
    SeriesLayers
        One layer or more.
    """
    groups = _groups(series)
    shown, rest = groups[:MOST_GROUPS], groups[MOST_GROUPS:]
    axes = _axes(series, shown)
    stacks = OpenStacks(series)
    layers = []
    for number, group in enumerate(shown):
        words = [name] if len(shown) == 1 else [name, _place(series, group)]
        channels = range(len(series.positions[group[0]].channels))
        found = [_layer(stacks, tuple(group), channel, axes, words) for channel in channels]
        layers += [(data, {**given, "visible": number == 0}, kind) for data, given, kind in found]
    return SeriesLayers(layers, tuple(series.positions[p] for group in rest for p in group))


def _groups(series: Series) -> list[list[int]]:
    """Return the numbers of positions that can share an array."""
    groups: dict[Any, list[int]] = {}
    for number, position in enumerate(series.positions):
        groups.setdefault(_kind(position), []).append(number)
    return list(groups.values())


def _kind(position: Position) -> tuple[object, ...]:
    shape = (position.times, position.planes, position.plane_shape, position.dtype)
    return *shape, position.channels, position.spacing


def _axes(series: Series, groups: Sequence[Sequence[int]]) -> str:
    """Return the axes that some layer needs: all have the same, so that sliders agree."""
    first = [series.positions[group[0]] for group in groups]
    longest = {
        "p": max(len(group) for group in groups),
        "t": max(position.times for position in first),
        "z": max(position.planes for position in first),
    }
    return "".join(axis for axis in AXES if longest[axis] > 1)


def _layer(
    stacks: OpenStacks,
    positions: tuple[int, ...],
    channel: int,
    axes: str,
    words: Sequence[str],
) -> LayerData:
    """Return data, arguments and type of the layer of a channel."""
    series = stacks.series
    position = series.positions[positions[0]]
    planes = ChannelPlanes(stacks, positions, channel)
    data = lazy_array(planes.along(axes))
    rgb = len(position.plane_shape) == 3
    own = position.channels[channel].name or f"channel {channel}"
    arguments = {
        "name": " ".join([*words, own] if len(position.channels) > 1 else words),
        "rgb": rgb,
        # dask's cache costs more time than a plane, and held 1.1 GB after 180 planes of 2 MB
        "cache": False,
        "contrast_limits": display_limits(_sample(planes), rgb),
        **_spacing_arguments(position, axes),
        **({} if rgb else _colour(position, channel)),
        "metadata": {
            METADATA_KEY: {
                "version": __version__,
                "series": str(absolute(series.path)),
                "positions": [series.positions[p].name for p in positions],
                "notes": list(series.notes),
                "opened": OpenedSeries(data.name, series, positions, channel, axes),
            }
        },
    }
    return data, arguments, "image"


def _sample(planes: ChannelPlanes) -> NDArray[Any]:
    """Return a plane for contrast limits: the middle one of the middle time point or of the first.

    It is black if neither can be read, and for 8 bits, whose limits are those of their type.
    """
    _, times, depth = planes.lengths
    for time in (times // 2, 0) if planes.dtype != np.uint8 else ():
        with contextlib.suppress(InputError):
            return planes[time * depth + depth // 2]
    return np.zeros(planes.plane_shape, planes.dtype)


def _place(series: Series, positions: Sequence[int]) -> str:
    """Return the name of a position, or the number of those that share a layer."""
    if len(positions) > 1:
        return f"{len(positions)} positions"
    return series.positions[positions[0]].name or f"position {positions[0]}"


def _spacing_arguments(position: Position, axes: str) -> dict[str, Any]:
    """Return scale, units and labels of all axes."""
    in_stack = spacing_arguments(position.spacing)
    interval = _interval(position.seconds)
    lengths = {"p": (1.0, NO_UNIT), "t": (interval or 1.0, "second" if interval else NO_UNIT)}
    lengths.update(
        (label, (scale, unit))
        for label, scale, unit in zip(
            in_stack["axis_labels"], in_stack["scale"], in_stack["units"], strict=True
        )
    )
    labels = (*axes, "y", "x")
    return {
        "scale": [lengths[label][0] for label in labels],
        "units": [lengths[label][1] for label in labels],
        "axis_labels": labels,
    }


def _interval(seconds: Sequence[float]) -> float | None:
    """Return the interval between time points; None if it is unknown or uneven."""
    if len(seconds) < 2:
        return None
    intervals = np.diff(seconds)
    mean = float(np.mean(intervals))
    if mean > 0 and np.all(np.abs(intervals - mean) <= _EVEN * mean):
        return mean
    return None


def _colour(position: Position, channel: int) -> dict[str, Any]:
    """Return colormap and blending of a channel: its own colour, or else one of napari's."""
    count = len(position.channels)
    colour = position.channels[channel].colour
    if count == 1:
        return {} if colour is None else {"colormap": colour}
    if colour is None:
        palette = _COLOURS.get(count, _MORE_COLOURS)
        colour = palette[channel % len(palette)]
    return {"colormap": colour, "blending": "additive"}
