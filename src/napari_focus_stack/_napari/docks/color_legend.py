"""Dock below the canvas with the colour bars of the maps that are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack._napari.viewer.dock_tabs import dock_of
from napari_focus_stack._napari.widgets.color_legend import ColorLegend

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari
    from napari.layers import Image

NAME = "Colour bar"


class LegendDock:
    """Colour bars in a dock, which appears with the first map that is seen.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer whose window gets the dock; without a window there is none.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer
        self._legend: ColorLegend | None = None
        self._shown = False

    def show(self, layers: Sequence[Image]) -> None:
        """Show the bars of maps, or hide the dock if there are none.

        A dock that the user closed remains closed until no map is seen, and then one again.

        Parameters
        ----------
        layers : sequence of napari.layers.Image
            Maps that are seen.
        """
        window = getattr(self._viewer, "window", None)
        if window is None or not (layers or self._legend):
            return
        if self._legend is None:
            self._legend = ColorLegend()
            self._legend.destroyed.connect(self._gone)
        self._legend.show_layers(layers)
        dock = dock_of(self._legend)
        if dock is None:
            window.add_dock_widget(
                self._legend, name=NAME, area="bottom", add_vertical_stretch=False
            )
        elif bool(layers) != self._shown:
            dock.setVisible(bool(layers))
        self._shown = bool(layers)

    def _gone(self) -> None:
        """Forget the legend of a window that is closed."""
        self._legend, self._shown = None, False
