"""Colour bars of the depth maps, of which only that of the visible map is shown.

napari draws a layer's colour bar even where other layers cover the layer, without a title, and all
bars in one corner. Therefore only the topmost visible map that no image covers has a bar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_focus_stack._napari.layers.appearance import OUTPUTS
from napari_focus_stack._napari.layers.metadata import role

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import napari

CHANGES = ("inserted", "removed", "reordered", "visible", "opacity", "blending")
"""Events of the layer list, and of layers in it, that may cover or uncover a map."""
COVERING = ("opaque", "translucent", "translucent_no_depth")
"""Blending modes that hide everything below at full opacity."""


class ColorBars:
    """Colour bars of a viewer's maps, updated when layers change.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer whose events this object follows as long as it exists.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer
        self._grid = getattr(viewer, "canvas", viewer).grid  # moved in napari 0.9
        viewer.layers.events.connect(self._changed)
        self._grid.events.enabled.connect(self.update)

    def _changed(self, event: Any) -> None:
        """Update the bars if an event may cover or uncover a map."""
        if event.type in CHANGES:
            self.update()

    def update(self, _: object = None) -> None:
        """Show the bar of the uncovered map, or in napari's grid of every visible map.

        Parameters
        ----------
        _ : object, optional
            Event, ignored.
        """
        maps = [layer for layer in self._viewer.layers if role(layer) in OUTPUTS]
        if self._grid.enabled:
            seen = [layer for layer in maps if layer.visible]
        else:
            seen = [layer for layer in _uncovered(self._viewer.layers) if layer in maps][:1]
        for layer in maps:
            layer.colorbar.visible = layer in seen


def _uncovered(layers: Iterable[Any]) -> Iterator[Any]:
    """Yield visible layers from the top down to the first image that covers the rest."""
    for layer in reversed(list(layers)):
        if not layer.visible:
            continue
        yield layer
        if isinstance(layer, Image) and layer.opacity == 1 and layer.blending in COVERING:
            return
