"""Maps whose colours are seen, and need a colour bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_focus_stack._napari.layers.appearance import BAR_TITLE, OUTPUTS
from napari_focus_stack._napari.layers.metadata import role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import napari

CHANGES = ("inserted", "removed", "reordered", "visible", "opacity", "blending")
"""Events of the layer list, and of layers in it, that may cover or uncover a map."""
COVERING = ("opaque", "translucent", "translucent_no_depth")
"""Blending modes that hide everything below at full opacity."""


class ColorBars:
    """Maps of a viewer that need a colour bar, found anew when layers change.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer whose events this object follows as long as it exists.
    show : callable
        Called with the maps whose bars are to be shown, when they are others than before.
    """

    def __init__(self, viewer: napari.viewer.Viewer, show: Callable[[list[Image]], object]) -> None:
        self._viewer, self._show = viewer, show
        self._seen: list[Image] = []
        self._grid = getattr(viewer, "canvas", viewer).grid  # moved in napari 0.9
        viewer.layers.events.connect(self._changed)
        self._grid.events.enabled.connect(self.update)

    def _changed(self, event: Any) -> None:
        """Update the bars if an event may cover or uncover a map."""
        if event.type in CHANGES:
            self.update()

    def update(self, _: object = None) -> None:
        """Show the bar of the uncovered map, or in napari's grid those of all visible maps.

        Parameters
        ----------
        _ : object, optional
            Event, ignored.
        """
        maps = [layer for layer in self._viewer.layers if _is_map(layer)]
        if self._grid.enabled:
            seen = [layer for layer in maps if layer.visible]
        else:
            seen = [layer for layer in _uncovered(self._viewer.layers) if layer in maps][:1]
        if seen != self._seen:
            self._seen = seen
            self._show(seen)


def _is_map(layer: Any) -> bool:
    return isinstance(layer, Image) and (role(layer) in OUTPUTS or BAR_TITLE in layer.metadata)


def _uncovered(layers: Iterable[Any]) -> Iterator[Any]:
    """Yield visible layers from the top down to the first image that covers the rest."""
    for layer in reversed(list(layers)):
        if not layer.visible:
            continue
        yield layer
        if isinstance(layer, Image) and layer.opacity == 1 and layer.blending in COVERING:
            return
