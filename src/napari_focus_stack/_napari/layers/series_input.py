"""Layers as a series of stacks: their channels, time points and positions, without the viewer.

Everything of a layer is read here, in the main thread; the worker gets arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._napari.layers.agreement import SAME_PLACE
from napari_focus_stack._napari.layers.geometry import SAME_SIZE, to_world
from napari_focus_stack._napari.layers.layer_axes import lengths_of
from napari_focus_stack._napari.layers.lazy_planes import LayerPlanes
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, is_input
from napari_focus_stack._napari.layers.planes import StackInput, finest
from napari_focus_stack._napari.layers.series_planes import OpenedSeries
from napari_focus_stack._napari.layers.stack_slice import StackSlice, planes_first
from napari_focus_stack._utils.wording import format_count
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.sources import describe
from napari_focus_stack.series.model import ARRAY, Channel, Position, Series, StackIndex
from napari_focus_stack.series.selection import SeriesPart

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Image

    from napari_focus_stack._napari.layers.axis_roles import AxisRole, AxisRoles
    from napari_focus_stack.io.sources import PlaneSource, Spacing

Scope = frozenset["AxisRole"]
"""Roles of the axes along which all stacks are taken; along the others, the one that is shown."""
THIS_STACK: Scope = frozenset()
PLURALS: dict[AxisRole, tuple[str, str]] = {
    "position": ("position", "positions"),
    "time": ("time", "times"),
    "channel": ("channel", "channels"),
}


@dataclass(frozen=True)
class SeriesInput:
    """Layers whose stacks are a series, and the part of it to take.

    Attributes
    ----------
    layers : tuple of napari.layers.Image
        Of the same shape, one for each channel, or one with a channel axis.
    roles : AxisRoles
        Roles of their axes.
    names : tuple of str
        Names of their axes.
    shown : StackIndex
        Stack where the sliders stand; its channel is that of the active layer.
    scope : frozenset of str
        Roles along which all stacks are taken.
    """

    layers: tuple[Image, ...]
    roles: AxisRoles
    names: tuple[str, ...]
    shown: StackIndex
    scope: Scope = THIS_STACK

    def length(self, role: AxisRole) -> int:
        """Return the number of positions, times or channels that the layers have.

        Parameters
        ----------
        role : {"position", "time", "channel"}
            Which.

        Returns
        -------
        int
            1 without such an axis.
        """
        axis = self.roles.axis(role)
        count = 1 if axis is None else int(lengths_of(self.layers[0])[axis])
        return count * len(self.layers) if role == "channel" else count

    @property
    def lengths(self) -> dict[AxisRole, int]:
        """Lengths above 1 by role."""
        found = {role: self.length(role) for role in PLURALS}
        return {role: count for role, count in found.items() if count > 1}

    @property
    def description(self) -> str:
        """The other axes in words, such as "3 channels, 50 times"; empty for one stack."""
        ordered = sorted(self.lengths.items(), key=lambda item: item[0] != "channel")
        return ", ".join(format_count(count, *PLURALS[role]) for role, count in ordered)

    @property
    def scopes(self) -> list[tuple[str, Scope]]:
        """What may be stacked, in words, from the single stack to everything."""
        found: list[tuple[str, Scope]] = [("This stack", THIS_STACK)]
        for role in ("channel", "time", "position"):
            if role in self.lengths:
                found.append((f"All {PLURALS[role][1]} ({self.length(role)})", frozenset([role])))
        if len(self.lengths) > 1:
            found.append((f"Everything ({self.description})", frozenset(self.lengths)))
        return found

    @property
    def channel_names(self) -> list[str]:
        """Name of each channel."""
        return [self.channel_name(channel) for channel in range(self.length("channel"))]

    def describe(self, source: PlaneSource) -> str:
        """Describe what would be stacked.

        Parameters
        ----------
        source : PlaneSource
            One of the stacks.

        Returns
        -------
        str
            A sentence.
        """
        ordered = [role for role in ("channel", "time", "position") if role in self.scope]
        counts = [format_count(self.length(role), *PLURALS[role]) for role in ordered]
        kind = describe(source.plane_shape, source.dtype)
        return f"{', '.join(counts)}: stacks of {len(source)} planes, {kind}."

    def channel_name(self, channel: int) -> str:
        """Return the name of a channel for layers and messages.

        Parameters
        ----------
        channel : int
            Number of the channel.

        Returns
        -------
        str
            Name of its layer; with the position on the channel axis where there is one.
        """
        layer, at = self.place_of(channel)
        axis = self.roles.axis("channel")
        return str(layer.name) if axis is None else f"{layer.name} {self.names[axis]}={at}"

    def place_of(self, channel: int) -> tuple[Image, int]:
        """Return the layer of a channel, and its position on the channel axis.

        Parameters
        ----------
        channel : int
            Number of the channel.

        Returns
        -------
        layer : napari.layers.Image
            One of `layers`.
        at : int
            0 without a channel axis.
        """
        each = self.length("channel") // len(self.layers)
        return self.layers[channel // each], channel % each

    def cut(self, index: StackIndex) -> StackSlice:
        """Return the part of a layer that is one stack.

        Parameters
        ----------
        index : StackIndex
            Place of the stack in the layers.

        Returns
        -------
        StackSlice
            Part of the layer of its channel.
        """
        _, channel = self.place_of(index.channel)
        at = {"position": index.position, "time": index.time, "channel": channel}
        return StackSlice(
            self.roles.z,
            tuple(at[role] for _, role in self.roles.series),
            tuple(self.names[axis] for axis, _ in self.roles.series),
        )

    def series(self) -> Series:
        """Return the part of the series that is to be stacked.

        Returns
        -------
        Series
            Its stacks are read from the data that the layers have now, lazily where they are lazy.

        Raises
        ------
        InputError
            The layers make no series; the message names the one at fault.
        """
        check_alike(self.layers)
        whole = _whole(self)
        kept = {role: role in self.scope for role in PLURALS}
        places = list(range(len(whole.positions))) if kept["position"] else [self.shown.position]
        time, channel = self.shown.time, self.shown.channel
        times = range(self.length("time")) if kept["time"] else range(time, time + 1)
        channels = list(range(self.length("channel"))) if kept["channel"] else [channel]
        return SeriesPart(
            whole, places, dict.fromkeys(places, times), dict.fromkeys(places, channels)
        )


def _whole(chosen: SeriesInput) -> Series:
    """Return all stacks of the layers as a series."""
    lead = chosen.layers[0]
    first = StackInput.of([lead], chosen.cut(StackIndex())).source
    count = chosen.length("channel")
    names = chosen.channel_names
    positions = [
        Position(
            str(number) if chosen.length("position") > 1 else "",
            chosen.length("time"),
            tuple(Channel(name) for name in names),
            len(first),
            first.plane_shape,
            first.dtype,
            first.spacing,
        )
        for number in range(chosen.length("position"))
    ]
    openers = [_opener(chosen, channel, first.spacing) for channel in range(count)]
    return Series(
        Path(_plain(str(lead.name))),
        ARRAY,
        positions,
        lambda index: openers[index.channel](index),
    )


def _opener(
    chosen: SeriesInput, channel: int, spacing: Spacing
) -> Callable[[StackIndex], PlaneSource]:
    """Return the function that opens the stacks of a channel: from its files, or from the layer."""
    layer, _ = chosen.place_of(channel)
    data, name = finest(layer), chosen.channel_name(channel)
    opened = layer.metadata.get(METADATA_KEY, {}).get("opened")
    same = isinstance(opened, OpenedSeries) and opened.shown_by(data)
    if same and opened.axes == _letters(chosen.roles, len(opened.axes)):
        return lambda index: opened.stack(index.position, index.time, spacing)
    cut, order = chosen.cut(StackIndex(channel=channel)), [role for _, role in chosen.roles.series]
    return lambda index: _planes(data, _moved(cut, order, index), name, spacing)


def _letters(roles: AxisRoles, count: int) -> str:
    """Return the letters of the first axes, as `OpenedSeries` has them."""
    by_axis = {**dict(roles.series), roles.z: "z"}
    return "".join(by_axis.get(axis, "?")[0] for axis in range(count))


def _moved(cut: StackSlice, order: Sequence[AxisRole], index: StackIndex) -> StackSlice:
    """Return the cut of a channel at another position and time."""
    at = {"position": index.position, "time": index.time}
    places = zip(order, cut.at, strict=True)
    return StackSlice(cut.z, tuple(at.get(role, own) for role, own in places), cut.names)


def _planes(data: Any, cut: StackSlice, name: str, spacing: Spacing) -> PlaneSource:
    """Return the planes of one stack."""
    part = planes_first(data, cut)
    place = f"{name} {cut.description}".rstrip()
    return LayerPlanes(part, [f"plane {k} of {place}" for k in range(len(part))], spacing)


def _plain(name: str) -> str:
    """Return a name without the separators of paths, for the messages of a series."""
    return name.replace("/", "_").replace("\\", "_") or "layer"


def check_alike(layers: Sequence[Image]) -> None:
    """Refuse layers that cannot be the channels of one series.

    Parameters
    ----------
    layers : sequence of napari.layers.Image
        One for each channel.

    Raises
    ------
    InputError
        One differs from the first in shape, type or place; the message names it.
    """
    lead = layers[0]
    for layer in layers[1:]:
        difference = _difference(layer, lead)
        if difference:
            raise InputError(
                f"'{layer.name}' has another {difference} than '{lead.name}', so they are not "
                "channels of one recording; stack each by itself."
            )


def _difference(layer: Image, lead: Image) -> str:
    """Return the first property in which two layers differ; empty if they are channels."""
    if lengths_of(layer) != lengths_of(lead):
        return "shape"
    if finest(layer).dtype != finest(lead).dtype or layer.rgb != lead.rgb:
        return "type"
    if [str(unit) for unit in layer.units] != [str(unit) for unit in lead.units]:
        return "unit"
    here, there = to_world(lead), to_world(layer)
    pixel = np.abs(here[:-1, :-1]).max()
    if not np.allclose(there[:-1, :-1], here[:-1, :-1], rtol=SAME_SIZE, atol=SAME_SIZE * pixel):
        return "scale or transform"
    off = np.linalg.solve(here, there[:, -1])[:-1]
    return "position" if np.any(np.abs(off) > SAME_PLACE) else ""


def channel_layers(
    layer: Image, layers: Sequence[Image], *, of_one_file: bool = True
) -> list[Image]:
    """Return the layers that are the channels of one recording, as napari splits them.

    Parameters
    ----------
    layer : napari.layers.Image
        One of them, of three axes or more.
    layers : sequence of napari.layers.Image
        Layers of the viewer.
    of_one_file : bool
        Whether they must come from one file, if they come from files.

    Returns
    -------
    list of napari.layers.Image
        In the order of `layers`: those of the same shape, type and place.
    """
    file = layer.source.path
    return [
        one
        for one in layers
        if one is layer
        or (
            is_input(one)
            and one.ndim == layer.ndim
            and (one.source.path == file or not of_one_file)
            and not _difference(one, layer)
        )
    ]
