"""The plane that is painted, shown over the result: around the brush, or in all of the view."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari_focus_stack._napari.layers.geometry import data_at, world_units
from napari_focus_stack._napari.layers.shown_plane import (
    ShownPlane,
    brush_window,
    lay_plane,
    plane_arguments,
    seen_window,
    shows_planes_of,
    step_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.layers import Image, Labels

    from napari_focus_stack._napari.layers.depth_painting import Retouching
    from napari_focus_stack._utils.windows import Window


PAINTING = ("paint", "fill", "polygon")
"""Tools of a Labels layer that paint the chosen plane."""


class PlaneUnderBrush:
    """Layer with a part of a plane, between a result and the labels that are painted over it.

    While the mouse is on the canvas the part is what surrounds the brush, beside which the result
    is seen. While it is elsewhere, as at the slider, a new plane fills the view until the mouse is
    back.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer that shows the result.
    labels : napari.layers.Labels
        Layer that is painted on.
    retouching : Retouching
        The result and its planes.
    take : callable
        Receives tasks that take nothing and return a `ShownPlane`, to be run in the background and
        passed to `show`; a newer one replaces those that wait.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        labels: Labels,
        retouching: Retouching,
        take: Callable[[Callable[[], ShownPlane]], None],
    ) -> None:
        self._viewer, self._labels, self._retouching = viewer, labels, retouching
        self._image: Image = retouching.layers["image"]
        self._take = take
        self._plane: int | None = None
        self._wanted = False
        self._layer = next(
            (one for one in viewer.layers if shows_planes_of(one, self._image)), None
        )
        viewer.cursor.events.position.connect(self._follow_mouse)
        viewer.events.mouse_over_canvas.connect(self._leave_canvas)

    def end(self) -> None:
        """Hide the layer, and leave the mouse alone."""
        self._viewer.cursor.events.position.disconnect(self._follow_mouse)
        self._viewer.events.mouse_over_canvas.disconnect(self._leave_canvas)
        self.turn(None)

    def is_shown_in(self, layer: object) -> bool:
        """Return whether a layer is the one with the plane.

        Parameters
        ----------
        layer : napari.layers.Layer
            Any layer.

        Returns
        -------
        bool
            False as long as nothing was shown.
        """
        return self._layer is not None and layer == self._layer

    def turn(self, plane: int | None) -> None:
        """Show another plane from now on.

        Parameters
        ----------
        plane : int or None
            Its number; None to show none.
        """
        before, self._plane = self._plane, plane
        if plane is None:
            self._hide()
        elif self._viewer.mouse_over_canvas:
            self._follow_mouse()
        elif before not in (None, plane) and self._in_hand():
            self._request(seen_window(self._image))

    def _follow_mouse(self, *_: Any) -> None:
        """Show the plane around the brush, and nothing where the mouse has left the picture."""
        here = self._viewer.mouse_over_canvas and self._in_hand()
        window = self._under_brush() if here else None
        if window is None:
            self._hide()
        else:
            self._request(window)

    def _leave_canvas(self, *_: Any) -> None:
        """Hide the plane; where the mouse comes back is not known before it moves."""
        if not self._viewer.mouse_over_canvas:
            self._hide()

    def _in_hand(self) -> bool:
        """Return whether a press of the mouse on the canvas would paint."""
        active = self._viewer.layers.selection.active == self._labels
        return active and str(self._labels.mode) in PAINTING

    def _under_brush(self) -> Window | None:
        units = world_units(self._viewer.layers)
        center = data_at(self._image, self._viewer.cursor.position, units)
        return brush_window(self._image, center.tolist(), self._labels.brush_size)

    def _request(self, window: Window) -> None:
        if self._plane is not None and self._viewer.dims.ndisplay == 2:
            self._wanted = True
            self._take(partial(self._cut, self._retouching, self._plane, window))

    @staticmethod
    def _cut(retouching: Retouching, plane: int, window: Window) -> ShownPlane:
        step = step_of(window)
        return ShownPlane(retouching.plane(plane, window, step), window, step)

    def _hide(self) -> None:
        self._wanted = False
        if self._layer is not None and self._layer in self._viewer.layers:
            self._layer.visible = False

    def show(self, shown: ShownPlane) -> None:
        """Show a part that was cut out, unless the plane was hidden meanwhile.

        Parameters
        ----------
        shown : ShownPlane
            Result of a task.
        """
        if not self._wanted or self._viewer.dims.ndisplay != 2:
            return
        layer = self._layer
        if layer is None or layer not in self._viewer.layers:
            layer = self._layer = self._added(shown)
        lay_plane(layer, self._image, shown)
        layer.visible = True

    def _added(self, shown: ShownPlane) -> Image:
        """Add the layer below the labels, which remain the ones that the mouse paints on."""
        layers, active = self._viewer.layers, self._viewer.layers.selection.active
        layer = self._viewer.add_image(shown.pixels, **plane_arguments(self._image))
        layers.move(layers.index(layer), layers.index(self._labels))
        layers.selection.active = active
        return layer
