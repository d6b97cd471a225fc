"""napari's scale bar, shown with calibrated results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from napari_focus_stack._napari.layers.geometry import NO_UNIT

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

_offered: WeakSet[Any] = WeakSet()
"""Scale bars that were shown once: one that is hidden now was hidden by the user."""


def offer_scale_bar(viewer: napari.viewer.Viewer, image: Image) -> None:
    """Show the scale bar with the first calibrated result, unless the user hid it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer with the result.
    image : napari.layers.Image
        Image of the result.
    """
    if str(image.units[-1]) == NO_UNIT:
        return
    # moved in napari 0.9
    bar = viewer.canvas.overlays.scale_bar if hasattr(viewer, "canvas") else viewer.scale_bar
    if bar not in _offered:
        _offered.add(bar)
        bar.visible = True
