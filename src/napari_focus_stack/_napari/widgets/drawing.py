"""Rows of what users draw to measure it: the choice of a layer, and buttons that begin to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, PushButton
from napari.layers import Shapes
from psygnal import Signal

from napari_focus_stack._napari.layers.drawing_layers import is_drawn_for
from napari_focus_stack._napari.widgets.layer_choosers import LayerChooser
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.workers.layer_changes import LayerChanges

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    import napari
    from napari.layers import Image, Layer

    from napari_focus_stack._napari.layers.result_sets import ResultSet


class DrawnLayer(Container[Any]):
    """Choice of a layer that is drawn on.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the layers are.
    chosen : callable
        Returns the result, or None.
    label, tooltip : str
        Of the choice.
    tools : mapping of str to (str, str)
        Texts of the buttons, each with napari's name of a tool of Shapes layers and a tooltip.
    purpose : str
        As `is_drawn_for` takes it.
    arguments : callable
        Returns the arguments of a new Shapes layer over an image.
    kinds : tuple of type
        Types of the layers that may be chosen.
    ahead : sequence of tuple, optional
        Texts and values that are offered before the layers.
    """

    redrawn = Signal()
    """Emitted when another layer is chosen, or something is drawn in it."""

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        chosen: Callable[[], ResultSet | None],
        label: str,
        tooltip: str,
        tools: Mapping[str, tuple[str, str]],
        purpose: str,
        arguments: Callable[[Image], dict[str, Any]],
        kinds: tuple[type[Layer], ...],
        ahead: Sequence[tuple[str, Hashable]] = (),
    ) -> None:
        self._ahead, self._purpose = ahead, purpose
        self._viewer, self._chosen, self._arguments, self._kinds = viewer, chosen, arguments, kinds
        self.choice = LayerChooser(tooltip)
        self._followed: Layer | None = None
        self._changes = LayerChanges(self.redrawn.emit)
        self.buttons = {
            mode: PushButton(text=text, tooltip=words) for text, (mode, words) in tools.items()
        }
        for mode, button in self.buttons.items():
            button.changed.connect(lambda _=None, mode=mode: self.draw(mode))
        buttons = Container(widgets=list(self.buttons.values()), layout="horizontal", labels=False)
        buttons.margins = (0, 0, 0, 0)
        self._which = row(label, self.choice)
        super().__init__(widgets=[buttons, self._which], labels=False)
        self.margins = (0, 0, 0, 0)
        self.choice.changed.connect(self._choose)

    def offer(self) -> None:
        """List the layers anew."""
        offered = [one for one in reversed(self._viewer.layers) if self._may_be(one)]
        self.choice.offer(offered, self._ahead)
        self._which.visible = len(offered) + len(self._ahead) > 1
        for button in self.buttons.values():
            button.enabled = self._chosen() is not None
        self._choose()

    def _may_be(self, layer: Layer) -> bool:
        flat = isinstance(layer, Shapes) or layer.ndim == 2
        return isinstance(layer, self._kinds) and flat and is_drawn_for(layer, self._purpose)

    def layer(self) -> Any:
        """Return the chosen layer.

        Returns
        -------
        napari.layers.Layer or None
            None if there is none.
        """
        key = self.choice.value
        return next((one for one in self._viewer.layers if one.unique_id == key), None)

    def draw(self, mode: str) -> None:
        """Take up a tool in the chosen layer, or in a new one.

        Parameters
        ----------
        mode : str
            napari's name of the tool.
        """
        found, layer = self._chosen(), self.layer()
        if found is None:
            return
        if not isinstance(layer, Shapes):
            layer = self._viewer.add_shapes(**self._arguments(found.image))
            self.choice.value = layer.unique_id
        self._viewer.dims.ndisplay = 2  # in 3-D a line lands beside the mouse
        layer.visible = True
        self._viewer.layers.selection.active = layer
        layer.mode = mode

    def _choose(self, *_: Any) -> None:
        layer = self.layer()
        if layer is not self._followed:  # else other layers have come, gone or moved
            self._followed = layer
            self._changes.follow([] if layer is None else [layer])
            self.redrawn.emit()

    def stop(self) -> None:
        """Follow nothing any longer."""
        self._followed = None
        self._changes.follow(())
