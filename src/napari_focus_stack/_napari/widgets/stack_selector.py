"""Choice of the stack: its layers, their order, the axis taken as z, a sentence on the planes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, Select
from napari.layers import Image
from natsort import natsorted
from qtpy.QtWidgets import QSizePolicy

from napari_focus_stack._napari.layers.geometry import world_units
from napari_focus_stack._napari.layers.metadata import is_input
from napari_focus_stack._napari.layers.planes import (
    StackInput,
    border_doubt,
    describe_planes,
    followed,
    likely_input,
)
from napari_focus_stack._napari.layers.selection_answer import answer_to_selection
from napari_focus_stack._napari.layers.stack_slice import StackSlice, likely_z, slice_at, z_axes
from napari_focus_stack._napari.widgets.rows import elided, row
from napari_focus_stack._napari.widgets.sentences import Sentences
from napari_focus_stack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    import napari

LIST_HEIGHT = 110
"""Height of the layer list in pixels, about five layers; longer lists scroll."""
BOTTOM_UP, TOP_DOWN, BY_NAME = "layer list, bottom up", "layer list, top down", "names"


class StackSelector(Container[Any]):
    """Choice of one layer of three axes or more, or of several 2-D layers.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the layers are.
    chosen : callable
        Called when the choice, or its data, may have changed.

    Attributes
    ----------
    cut : StackSlice
        Part of the chosen layer that is stacked; of 2-D layers it says nothing.
    current : StackInput or None
        The chosen layers and their planes when the choice was shown; None where it makes no stack,
        which `summary` explains.
    """

    def __init__(self, viewer: napari.viewer.Viewer, chosen: Callable[[], None]) -> None:
        self._viewer, self._on_change = viewer, chosen
        self._chosen: list[Hashable] = []
        self._answer = ""
        self._picked_z: tuple[list[Hashable], int] = ([], 0)
        self.cut = StackSlice()
        self.current: StackInput | None = None
        self.layer_list = Select(
            choices=(),
            tooltip="A layer with z, y and x, or several 2-D layers: hold Ctrl or Shift for more.",
        )
        elided(self.layer_list)
        self.layer_list.min_height = self.layer_list.max_height = LIST_HEIGHT
        self.z_axis = ComboBox(
            choices=(),
            tooltip="Axis along which the planes follow each other. Of the others the last two are "
            "y and x; of any more (time, channel) the part is stacked that the sliders show.",
        )
        self.order = ComboBox(
            choices=(BOTTOM_UP, TOP_DOWN, BY_NAME),
            tooltip="Order of the planes. Drag layers in napari's layer list for any other.",
        )
        self.summary = Sentences()
        layers = row("Layers", self.layer_list)
        layers.max_height = LIST_HEIGHT
        self._z_row, self._order_row = row("z axis", self.z_axis), row("Order", self.order)
        super().__init__(widgets=[layers, self._z_row, self._order_row, self.summary], labels=False)
        self.margins = (0, 0, 0, 0)
        # else the rows share the free height of the dock
        self.native.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.layer_list.changed.connect(self._choose)
        self.z_axis.changed.connect(self._pick_z)
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
        self._answer = answer_to_selection(selected, active, self.chosen_layers())
        self.reset_choices()

    def _slid(self, _: object) -> None:
        """Take the planes where the sliders stand, if the layer has axes beside z, y and x."""
        if self.cut.other and self._cut(self.chosen_layers()) != self.cut:
            self.show_choice()

    def _choose(self) -> None:
        self._chosen, self._answer = list(self.layer_list.value), ""
        self.show_choice()

    def _pick_z(self, axis: int) -> None:
        self._picked_z = (self._chosen, axis)
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
        return StackInput.of(self.chosen_layers(), self.cut)

    def show_choice(self, *_: object) -> None:
        """Say what would be stacked."""
        layers = self.chosen_layers()
        self._order_row.visible = len(layers) > 1 and all(layer.ndim == 2 for layer in layers)
        self._offer_z(layers)
        self.cut, self.current = self._cut(layers), None
        try:
            self.current = StackInput.of(layers, self.cut)
        except InputError as problem:
            self.summary.value = str(problem)
        else:
            planes = describe_planes(self.current.source, layers) + self._where()
            sentences = (self._answer, planes, border_doubt(layers))
            self.summary.value = " ".join(filter(None, sentences))
        self._on_change()

    def _offer_z(self, layers: list[Image]) -> None:
        solid = len(layers) == 1 and layers[0].ndim > 2
        self._z_row.visible = solid
        if not solid:
            return
        picked_for, picked = self._picked_z
        known = picked_for == self._chosen and picked < layers[0].ndim
        with self.z_axis.changed.blocked():
            self.z_axis.choices = ()
            self.z_axis.choices = z_axes(layers[0])
            self.z_axis.value = picked if known else likely_z(layers[0])

    def _cut(self, layers: list[Image]) -> StackSlice:
        if len(layers) != 1 or layers[0].ndim < 3:
            return StackSlice()
        units = world_units(self._viewer.layers)
        return slice_at(layers[0], self.z_axis.value, self._viewer.dims.point, units)

    def _where(self) -> str:
        """Say where the axes beside z, y and x stand."""
        return f" This is the stack at {self.cut.description}." if self.cut.other else ""


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
