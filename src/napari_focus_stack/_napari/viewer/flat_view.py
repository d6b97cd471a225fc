"""The view in 2-D that a user leaves for a surface in 3-D, and comes back to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_focus_stack._napari.layers.metadata import role

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

    import napari


@dataclass(frozen=True)
class _View:
    """Sliders, order of the axes, and camera."""

    point: tuple[float, ...]
    order: tuple[int, ...]
    center: tuple[float, ...]
    zoom: float


class FlatView:
    """What a viewer shows in 2-D, while it shows surfaces in 3-D.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer that is turned.
    solid : collection of str
        Roles of the layers that are seen in 3-D alone.

    Attributes
    ----------
    hidden : list of hashable
        Ids of the layers that were hidden.
    """

    def __init__(self, viewer: napari.viewer.Viewer, solid: Collection[str]) -> None:
        self._viewer, self._solid = viewer, solid
        self.hidden: list[Hashable] = []
        self._left: _View | None = None

    def leave(self) -> None:
        """Remember the view, hide all layers, and turn to 3-D with the axes in their own order."""
        dims, camera = self._viewer.dims, self._camera()
        if dims.ndisplay == 2:
            self._left = _View(dims.point, dims.order, camera.center, camera.zoom)
        seen = [layer for layer in self._viewer.layers if layer.visible]
        self.hidden += [one.unique_id for one in seen if role(one) not in self._solid]
        for layer in seen:  # before z shows, or stacks would be rendered as volumes
            layer.visible = False
        dims.ndisplay, dims.order = 3, tuple(range(dims.ndim))  # axes may have been rolled

    def enter(self) -> None:
        """Turn to 2-D, show what was hidden, and put sliders and camera where they were.

        Where napari's own button has turned to 2-D already, sliders and camera are not moved.
        """
        dims, left = self._viewer.dims, self._left
        turned = dims.ndisplay == 3
        dims.ndisplay = 2
        for layer in self._viewer.layers:
            if layer.unique_id in self.hidden:
                layer.visible = True
        self.hidden, self._left = [], None
        if turned and left is not None and len(left.point) == dims.ndim:
            dims.order, dims.point = left.order, left.point
            self._camera().center, self._camera().zoom = left.center, left.zoom
        elif turned:
            self._viewer.reset_view()

    def _camera(self) -> Any:
        return getattr(self._viewer, "scene", self._viewer).camera  # moved in napari 0.9
