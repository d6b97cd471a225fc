"""Results of a series as napari layers: their place, their names and their look."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import CYMRGB, MAGENTA_GREEN
from napari.utils.transforms import CompositeAffine

from napari_focus_stack._napari.layers.appearance import (
    OUTPUTS,
    appearance,
    display_limits,
    map_appearance,
)
from napari_focus_stack._napari.layers.geometry import moved, placement
from napari_focus_stack._napari.layers.layer_axes import lengths_of
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.names import role_name
from napari_focus_stack._napari.layers.results import SourceInfo, provenance
from napari_focus_stack._napari.layers.series_input import THIS_STACK, SeriesInput
from napari_focus_stack._napari.layers.series_maps import MapAxes
from napari_focus_stack._napari.layers.stack_slice import stack_in
from napari_focus_stack.result import crop_corner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack._napari.layers.series_maps import SeriesMaps, StackDone
    from napari_focus_stack.result import Report
    from napari_focus_stack.series.model import StackIndex

    Made = list[tuple[NDArray[Any], dict[str, Any]]]


def map_axes(chosen: SeriesInput) -> MapAxes:
    """Return the axes of the results of a series.

    Parameters
    ----------
    chosen : SeriesInput
        Layers and scope.

    Returns
    -------
    MapAxes
        y and x alone where neither times nor positions are stacked; else those of the layers.
    """
    kept = {role: chosen.length(role) for role in ("position", "time") if role in chosen.scope}
    if all(count == 1 for count in kept.values()):
        return MapAxes()
    cut = chosen.cut(chosen.shown)
    roles: dict[int, str] = dict(chosen.roles.series)
    roles |= dict(zip(cut.axes, ("z", "y", "x"), strict=True))
    order = tuple(roles[axis] for axis in range(cut.ndim))
    return MapAxes(order, kept.get("position", 1), kept.get("time", 1))


@dataclass(frozen=True)
class ChannelOrigin:
    """Place, look and names of the results of one channel, noted while its layer is there.

    Attributes
    ----------
    source : SourceInfo
        Names and ids, and place and look of a single picture.
    placement : dict
        Arguments of `add_image` of the results.
    """

    source: SourceInfo
    placement: dict[str, Any]


@dataclass(frozen=True)
class SeriesOrigin:
    """What the layers of a run on a series are made from, noted before the run.

    Attributes
    ----------
    channels : tuple of ChannelOrigin
        One for each channel that is stacked.
    axes : MapAxes
        Axes of the results.
    scope : frozenset of str
        Roles along which all stacks are taken.
    split : bool
        Whether the channels lie on an axis of one layer, and so have no colours of their own.
    """

    channels: tuple[ChannelOrigin, ...]
    axes: MapAxes
    scope: frozenset[Any] = THIS_STACK
    split: bool = False

    @classmethod
    def of(cls, chosen: SeriesInput) -> SeriesOrigin:
        """Note the sources of a run.

        Parameters
        ----------
        chosen : SeriesInput
            Layers and scope.

        Returns
        -------
        SeriesOrigin
            For `series_layers`.
        """
        whole = range(chosen.length("channel"))
        channels = whole if "channel" in chosen.scope else [chosen.shown.channel]
        return cls(
            tuple(_channel_origin(chosen, channel) for channel in channels),
            map_axes(chosen),
            chosen.scope,
            chosen.roles.axis("channel") is not None,
        )


def _places(chosen: SeriesInput) -> list[str]:
    """Return the places on the axes of which one entry alone is stacked, such as "t=3"."""
    at = {"time": chosen.shown.time, "position": chosen.shown.position}
    return [
        f"{chosen.names[axis]}={at[role]}"
        for axis, role in chosen.roles.series
        if role in at and role not in chosen.scope
    ]


def _channel_origin(chosen: SeriesInput, channel: int) -> ChannelOrigin:
    layer, _ = chosen.place_of(channel)
    cut = chosen.cut(replace(chosen.shown, channel=channel))
    stack = stack_in(layer, cut)
    source = SourceInfo(
        " ".join([chosen.channel_name(channel), *_places(chosen)]),
        (str(layer.name),),
        (str(layer.unique_id),),
        placement(stack),
        appearance(layer),
        cut=cut,
    )
    axes = map_axes(chosen)
    place = source.placement if axes.flat else _thick_placement(chosen, channel, axes)
    return ChannelOrigin(source, place)


def _thick_placement(chosen: SeriesInput, channel: int, axes: MapAxes) -> dict[str, Any]:
    """Return the placement of results that are as thick as the whole stack, and all channels.

    So they are seen wherever the sliders of z and of the channels stand.
    """
    layer, _ = chosen.place_of(channel)
    lengths = lengths_of(layer)
    fixed = {"time": chosen.shown.time, "position": chosen.shown.position}
    corner, thickness = np.zeros(layer.ndim), np.ones(layer.ndim)
    for axis, role in enumerate(axes.order):
        if role in ("z", "channel"):
            corner[axis], thickness[axis] = (lengths[axis] - 1) / 2, lengths[axis]
        elif role in fixed and role not in chosen.scope:
            corner[axis] = fixed[role]
    to_physical = CompositeAffine(
        layer.scale, layer.translate, rotate=layer.rotate, shear=layer.shear, ndim=layer.ndim
    )
    return {
        "scale": np.asarray(layer.scale) * thickness,
        "translate": to_physical(corner),
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine.affine_matrix,
        "units": tuple(str(unit) for unit in layer.units),
        "axis_labels": layer.axis_labels,
    }


def series_layers(
    maps: SeriesMaps, wanted: Sequence[str], origin: SeriesOrigin, done: StackDone
) -> Made:
    """Return the layers of a series, whose pixels are filled later; the last is on top.

    Parameters
    ----------
    maps : SeriesMaps
        Arrays with the first stack.
    wanted : sequence of str
        Roles of the maps beside the images, keys of `OUTPUTS`.
    origin : SeriesOrigin
        Places and names.
    done : StackDone
        The first stack that was fused.

    Returns
    -------
    list of (array, dict)
        Data and arguments of `add_image` of each.
    """
    assert not isinstance(done.outcome, str), "a stack that was fused has a report"
    reports = [
        maps.reports.get(replace(done.index, channel=channel), done.outcome)
        for channel in range(len(origin.channels))
    ]
    channels = range(len(origin.channels))
    made: Made = [
        (array, _map_arguments(maps, name, channel, origin, done.index, reports[channel]))
        for name in OUTPUTS
        if name in wanted
        for channel in channels
        if (array := maps.arrays_of.get((OUTPUTS[name].attribute, channel))) is not None
    ]
    for channel in channels:
        arguments = _image_arguments(maps, channel, origin, done.index, reports[channel])
        made.append((maps.arrays_of["image", channel], arguments))
    return made


def _map_arguments(
    maps: SeriesMaps,
    name: str,
    channel: int,
    origin: SeriesOrigin,
    index: StackIndex,
    report: Report,
) -> dict[str, Any]:
    own = origin.channels[channel]
    picture = maps.picture(OUTPUTS[name].attribute, channel, index)
    return {
        "name": role_name(own.source.name, OUTPUTS[name].suffix),
        **map_appearance(name, picture, float(max(len(report.planes) - 1, 1))),
        **_common(name, channel, origin, report),
    }


def _image_arguments(
    maps: SeriesMaps, channel: int, origin: SeriesOrigin, index: StackIndex, report: Report
) -> dict[str, Any]:
    own = origin.channels[channel]
    look = dict(own.source.appearance)
    several = len(origin.channels) > 1 and not look["rgb"]
    if look["rgb"] or origin.split:
        picture = maps.picture("image", channel, index)
        look["contrast_limits"] = display_limits(picture, rgb=look["rgb"])
    if several and origin.split:
        colours = MAGENTA_GREEN if len(origin.channels) == 2 else CYMRGB
        look["colormap"] = list(colours)[channel % len(colours)]
    if several:  # as napari shows the channels that it splits
        look["blending"] = "additive" if channel else "translucent_no_depth"
    return {
        "name": role_name(own.source.name, "sharp"),
        **look,
        **_common("stacked", channel, origin, report),
    }


def _common(role: str, channel: int, origin: SeriesOrigin, report: Report) -> dict[str, Any]:
    """Return place and metadata of one layer."""
    own = origin.channels[channel]
    metadata = provenance(report, role, own.source)
    metadata[METADATA_KEY] |= {"scope": sorted(origin.scope), "channel": channel}
    if origin.axes.flat:
        return {**moved(own.placement, crop_corner(report.crop)), "metadata": metadata}
    return {**own.placement, "metadata": metadata}
