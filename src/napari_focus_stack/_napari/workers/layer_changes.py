"""Changes of layers, each turn of the event loop as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Layer

CONTENT = ("set_data", "data", "edge_color", "paint", "labels_update")
PLACE = ("scale", "translate", "rotate", "shear", "affine", "units")
EVENTS = (*CONTENT, *PLACE)
"""Events of layers of any type by which their content or their place changes; a drag in a Shapes
layer is `set_data` alone until the button is released."""


class LayerChanges(QObject):
    """Calls back when layers change.

    Parameters
    ----------
    react : callable
        Called without arguments, once for all changes of one turn of the event loop.
    """

    def __init__(self, react: Callable[[], None]) -> None:
        super().__init__()
        self._layers: list[Layer] = []
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(react)

    def follow(self, layers: Sequence[Layer]) -> None:
        """Follow these layers, and no others.

        Parameters
        ----------
        layers : sequence of napari.layers.Layer
            Layers of any type; empty to stop.
        """
        for layer in self._layers:
            if layer not in layers:
                for event in _events(layer):
                    event.disconnect(self._changed)
        for layer in layers:
            if layer not in self._layers:
                for event in _events(layer):
                    event.connect(self._changed)
        self._layers = list(layers)
        if not layers:
            self._soon.stop()

    def _changed(self, *_: Any) -> None:
        self._soon.start()


def _events(layer: Layer) -> list[Any]:
    return [getattr(layer.events, name) for name in EVENTS if hasattr(layer.events, name)]
