"""Choice of what is stacked: layers, their axes, how much of a series, a sentence on the planes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, Select
from napari.layers import Image
from natsort import natsorted
from qtpy.QtWidgets import QSizePolicy

from napari_focus_stack._napari.layers.axis_roles import label_role
from napari_focus_stack._napari.layers.geometry import world_units
from napari_focus_stack._napari.layers.layer_axes import (
    axis_names,
    lengths_of,
    named_by_role,
    roles_of,
)
from napari_focus_stack._napari.layers.metadata import is_input
from napari_focus_stack._napari.layers.planes import (
    StackInput,
    border_doubt,
    describe_planes,
    followed,
    likely_input,
)
from napari_focus_stack._napari.layers.selection_answer import answer_to_selection
from napari_focus_stack._napari.layers.series_input import (
    THIS_STACK,
    SeriesInput,
    channel_layers,
)
from napari_focus_stack._napari.layers.stack_slice import StackSlice, slice_at
from napari_focus_stack._napari.widgets.axis_rows import AxisRows
from napari_focus_stack._napari.widgets.rows import elided, row
from napari_focus_stack._napari.widgets.sentences import Sentences
from napari_focus_stack.errors import InputError
from napari_focus_stack.series.model import StackIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    import napari

    from napari_focus_stack._napari.layers.axis_roles import AxisRoles
    from napari_focus_stack.io.sources import PlaneSource

LIST_HEIGHT = 110
"""Height of the layer list in pixels, about five layers; longer lists scroll."""
BOTTOM_UP, TOP_DOWN, BY_NAME = "layer list, bottom up", "layer list, top down", "names"


class StackSelector(Container[Any]):
    """Choice of one layer of three axes or more, of several as channels, or of 2-D layers.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the layers are.
    chosen : callable
        Called when the choice, or its data, may have changed.

    Attributes
    ----------
    cut : StackSlice
        Part of the chosen layer that the sliders show; of 2-D layers it says nothing.
    series : SeriesInput or None
        The chosen layers with the scope, where they hold more than one stack.
    current : StackInput or None
        The chosen layers and their planes when the choice was shown; None where it makes no stack,
        which `summary` explains.
    """

    def __init__(self, viewer: napari.viewer.Viewer, chosen: Callable[[], None]) -> None:
        self._viewer, self._on_change = viewer, chosen
        self._chosen: list[Hashable] = []
        self._answer = ""
        self._picked: tuple[list[Hashable], AxisRoles | None] = ([], None)
        self._roles: AxisRoles | None = None
        self.cut = StackSlice()
        self.series: SeriesInput | None = None
        self.current: StackInput | None = None
        self.layer_list = Select(
            choices=(),
            tooltip="A layer with z, y and x, or several 2-D layers: hold Ctrl or Shift for more.",
        )
        elided(self.layer_list)
        self.layer_list.min_height = self.layer_list.max_height = LIST_HEIGHT
        self.axes = AxisRows(self._pick_roles)
        self.z_axis = self.axes.z_axis
        self.scope = ComboBox(
            choices=(),
            tooltip="The stack that the sliders show, or all channels, times and positions of the "
            "layers. Channels are aligned together and stay registered.",
        )
        self.order = ComboBox(
            choices=(BOTTOM_UP, TOP_DOWN, BY_NAME),
            tooltip="Order of the planes. Drag layers in napari's layer list for any other.",
        )
        self.summary = Sentences()
        layers = row("Layers", self.layer_list)
        layers.max_height = LIST_HEIGHT
        self._scope_row, self._order_row = row("Stack", self.scope), row("Order", self.order)
        super().__init__(
            widgets=[layers, self.axes, self._order_row, self._scope_row, self.summary],
            labels=False,
        )
        self.margins = (0, 0, 0, 0)
        # else the rows share the free height of the dock
        self.native.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.layer_list.changed.connect(self._choose)
        self.scope.changed.connect(self.show_choice)
        self.order.changed.connect(self.show_choice)

    def follow_viewer(self) -> None:
        """Choose the layers that the user selects in the viewer, and follow its sliders."""
        self._viewer.layers.selection.events.changed.connect(self._follow)
        self._viewer.dims.events.point.connect(self._slid)

    def leave_viewer(self) -> None:
        """Stop following the viewer."""
        self._viewer.layers.selection.events.changed.disconnect(self._follow)
        self._viewer.dims.events.point.disconnect(self._slid)

    def reset_choices(self, *_: Any) -> None:
        """List the layers anew."""
        offered = self._offered()
        known = [layer.unique_id for layer in offered]
        self._chosen = [key for key in self._chosen if key in known]
        if not self._chosen:
            self._chosen = keys(likely_input(offered, self._active()))
        # emptied first: magicgui keeps the old order and forgets renamed layers
        with self.layer_list.changed.blocked():
            self.layer_list.choices = ()
            self.layer_list.choices = [(layer.name, layer.unique_id) for layer in offered]
            self.layer_list.value = self._chosen
        self.show_choice()

    def _offered(self) -> list[Image]:
        images = [layer for layer in self._viewer.layers if isinstance(layer, Image)]
        return [layer for layer in images if is_input(layer)]

    def _active(self) -> list[Image]:
        return [layer for layer in self._offered() if layer in self._viewer.layers.selection]

    def _follow(self, _: object) -> None:
        """Choose the layers that the user selects, or opens: napari selects new layers."""
        active = self._active()
        self._chosen = keys(followed(self._offered(), active, self.chosen_layers()))
        selected = [one for one in self._viewer.layers if one in self._viewer.layers.selection]
        self._answer = answer_to_selection(selected, active, self._stacked(self.chosen_layers()))
        self.reset_choices()

    def _slid(self, _: object) -> None:
        """Take the planes where the sliders stand, if the layer has axes beside z, y and x."""
        if self.cut.other and self._cut(self.chosen_layers()) != self.cut:
            self.show_choice()

    def _choose(self) -> None:
        self._chosen = list(self.layer_list.value)
        chosen = self.chosen_layers()
        self._answer = answer_to_selection(chosen, chosen, self._stacked(chosen))
        self.show_choice()

    def _pick_roles(self, roles: AxisRoles) -> None:
        self._picked = (keys(self._channels(self.chosen_layers())), roles)
        self.show_choice()

    def chosen_layers(self) -> list[Image]:
        """Return the chosen layers.

        Returns
        -------
        list of napari.layers.Image
            In the order of the planes.
        """
        chosen = [layer for layer in self._offered() if layer.unique_id in self._chosen]
        if self.order.value == TOP_DOWN:
            return chosen[::-1]
        if self.order.value == BY_NAME:
            return natsorted(chosen, key=lambda layer: str(layer.name))
        return chosen

    def read(self) -> StackInput:
        """Return the chosen layers and their planes as they are now.

        Returns
        -------
        StackInput
            With the layers in the order of the planes.

        Raises
        ------
        InputError
            The choice makes no stack.
        """
        return StackInput.of(self._stacked(self.chosen_layers()), self.cut)

    def show_choice(self, *_: object) -> None:
        """Say what would be stacked."""
        layers = self.chosen_layers()
        self._order_row.visible = len(layers) > 1 and all(layer.ndim == 2 for layer in layers)
        roles = self._offer_axes(layers)
        self._roles = roles
        self.cut, self.current = self._cut(layers), None
        self.series = self._offer_scope(layers, roles)
        try:
            self.current = StackInput.of(self._stacked(layers), self.cut)
            self.summary.value = self._described(self.current, roles)
        except InputError as problem:
            self.summary.value = str(problem)
        self._on_change()

    def _stacked(self, layers: list[Image]) -> list[Image]:
        """Return the layers of the one stack: of several channels, the one that is active."""
        if len(layers) > 1 and all(layer.ndim > 2 for layer in layers):
            active = [layer for layer in layers if layer is self._viewer.layers.selection.active]
            return active or layers[:1]
        return layers

    def _offer_axes(self, layers: list[Image]) -> AxisRoles | None:
        """Show the axes of the layer; return None for 2-D layers."""
        solid = bool(layers) and all(layer.ndim > 2 for layer in layers)
        self.axes.visible = solid
        if not solid:
            return None
        channels = self._channels(layers)
        layer = channels[0]  # the same for every channel that is clicked
        names = axis_names(layer, self._viewer.dims.axis_labels)
        picked_for, picked = self._picked
        if picked is None or picked_for != keys(channels) or len(picked.series) + 3 != layer.ndim:
            picked = None
        roles = picked or roles_of(layer, names)
        self.axes.offer(names, lengths_of(layer), roles)
        return roles

    def _cut(self, layers: list[Image]) -> StackSlice:
        if self._roles is None or not layers:
            return StackSlice()
        layer = self._stacked(layers)[0]
        return slice_at(
            layer,
            self._roles.z,
            self._viewer.dims.point,
            world_units(self._viewer.layers),
            self._names(layer, self._roles),
        )

    def _names(self, layer: Image, roles: AxisRoles) -> tuple[str, ...]:
        return named_by_role(axis_names(layer, self._viewer.dims.axis_labels), roles)

    def _offer_scope(self, layers: list[Image], roles: AxisRoles | None) -> SeriesInput | None:
        """Offer what the layers hold beside the stack that is shown."""
        whole = None if roles is None else self._whole(layers, roles)
        scopes = [("This stack", THIS_STACK)] if whole is None else whole.scopes
        self._scope_row.visible = len(scopes) > 1
        before = self.scope.value
        with self.scope.changed.blocked():
            self.scope.choices = ()
            self.scope.choices = scopes
            if before in [scope for _, scope in scopes]:
                self.scope.value = before
        if whole is None or len(scopes) == 1:
            return None
        return replace(whole, scope=self.scope.value)

    def _whole(self, layers: list[Image], roles: AxisRoles) -> SeriesInput:
        """Return the layers with all channels that belong to them."""
        shown = self._stacked(layers)[0]
        channels = self._channels(layers)
        places = {role: self.cut.at[number] for number, (_, role) in enumerate(roles.series)}
        each = 1 if (axis := roles.axis("channel")) is None else lengths_of(shown)[axis]
        index = StackIndex(
            places.get("position", 0),
            places.get("time", 0),
            channels.index(shown) * each + places.get("channel", 0),
        )
        return SeriesInput(tuple(channels), roles, self._names(shown, roles), index)

    def _channels(self, layers: list[Image]) -> list[Image]:
        """Return the layers of all channels: those that the user chose, or those of the file."""
        shown = self._stacked(layers)[0]
        if len(layers) > 1:
            return channel_layers(shown, layers, of_one_file=False)
        return channel_layers(shown, self._offered())

    def _described(self, current: StackInput, roles: AxisRoles | None) -> str:
        """Say what would be stacked, and what it rests on."""
        layers = list(current.layers)
        sentences = [describe_planes(current.source, layers)]
        if self.series is not None and self.series.scope:
            sentences = [self.series.describe(current.source)]
        elif self.cut.other:
            sentences.append(f"This is the stack at {self.cut.description}.")
        if roles is not None:
            label = self._names(layers[0], roles)[roles.z]
            sentences.append(doubt_of_axes(roles, label, current.source, self.cut.ndim))
        return " ".join(filter(None, [self._answer, *sentences, border_doubt(layers)]))


def keys(layers: Iterable[Image]) -> list[Hashable]:
    """Return the ids of layers, which stay when they are renamed.

    Parameters
    ----------
    layers : iterable of napari.layers.Image
        Any layers.

    Returns
    -------
    list of hashable
        Ids in the order of the layers.
    """
    return [layer.unique_id for layer in layers]


def doubt_of_axes(roles: AxisRoles, label: str, source: PlaneSource, ndim: int) -> str:
    """Describe what the choice of z rests on, where no label and no user made it.

    Parameters
    ----------
    roles : AxisRoles
        Roles of the axes.
    label : str
        Name of the axis that is taken as z.
    source : PlaneSource
        Planes along z.
    ndim : int
        Number of axes.

    Returns
    -------
    str
        A sentence; empty where there is no doubt.
    """
    if roles.by in ("length", "content") and label_role(label) is not None:
        return (
            f"No axis is labelled z: '{label}' is taken; if it is not the focus, do not stack it."
        )
    if roles.by in ("label", "choice") or (ndim == 3 and len(source) > 2):
        return ""
    if len(source) <= 2:
        return "There are two planes alone; if they are channels or times, there is no z to stack."
    why = "length" if roles.by == "length" else "the change of focus along it"
    guessed = " and ".join(["z", *(role for _, role in roles.series)])
    return f"No axis has a name: {guessed} are guesses by {why}; correct them above if need be."
