"""A mark on the canvas at a place of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack._napari.layers.geometry import placement

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Points

NAME = "Place in the plot"
PARTS = 60
"""How often the mark fits into the longer side of the result."""


class PlaceMarker:
    """A points layer with one ring, which is there while a place is pointed at elsewhere.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the result is.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer
        self._marked: tuple[Image, Points] | None = None

    def show(self, image: Image, place: tuple[float, float]) -> None:
        """Mark a place.

        Parameters
        ----------
        image : napari.layers.Image
            Stacked image.
        place : tuple of float
            y, x in its pixels.
        """
        if self._marked is None or self._marked[0] is not image or not self._there():
            self.remove()
            self._marked = image, self._add(image)
        points = self._marked[1]
        points.data = [place]
        points.visible = True

    def hide(self) -> None:
        """Mark no place; the layer stays, because adding one takes long."""
        if self._marked is not None and self._there():
            self._marked[1].visible = False

    def remove(self) -> None:
        """Remove the layer."""
        if self._marked is not None and self._there():
            self._viewer.layers.remove(self._marked[1])
        self._marked = None

    def _there(self) -> bool:
        return self._marked is not None and self._marked[1] in self._viewer.layers

    def _add(self, image: Image) -> Points:
        layers = self._viewer.layers
        active, selected = layers.selection.active, set(layers.selection)
        points: Points = self._viewer.add_points(
            [(0.0, 0.0)],
            ndim=2,
            name=NAME,
            **placement(image),
            size=max(image.data.shape[:2]) / PARTS,
            face_color="transparent",
            border_color="white",
            border_width=0.2,
        )
        # a tool to draw with works in the active layer alone
        layers.selection.clear()
        layers.selection.update(selected)
        layers.selection.active = active
        return points
