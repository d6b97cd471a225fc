"""Panel that adds maps of the heights: slope, curvature, hillshade, contour lines."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, LineEdit, PushButton
from napari.layers import Image

from napari_focus_stack._napari.layers.appearance import BAR_TITLE
from napari_focus_stack._napari.layers.height_maps import MAPS, map_arguments
from napari_focus_stack._napari.layers.measured_heights import put_over_images
from napari_focus_stack._napari.viewer.dock_tabs import STACK
from napari_focus_stack._napari.widgets.length_fields import read_lengths
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.workers.job import at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

    from napari_focus_stack._napari.layers.height_maps import Made
    from napari_focus_stack._napari.layers.result_sets import ResultSet
    from napari_focus_stack._napari.workers.job import Task
    from napari_focus_stack.analysis.height_map import HeightMap

CONTOURS = "Contour lines"


class MapsPanel(Container[Any]):
    """A button for each map.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the result is and maps go.
    chosen : callable
        Returns the result, or None.
    heights : callable
        Returns the heights; raises `FocusStackError`.
    start : callable
        Starts a job; takes what returns its steps, and what shows its result.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        chosen: Callable[[], ResultSet | None],
        heights: Callable[[], HeightMap],
        start: Callable[[Callable[[], Task]], None],
    ) -> None:
        self._viewer, self._chosen, self._heights = viewer, chosen, heights
        self.interval = LineEdit(tooltip="Height between contour lines, in the unit of heights.")
        self.interval.native.setPlaceholderText("a round number")
        self.buttons = {
            name: PushButton(text=name, tooltip=words) for name, (words, _) in MAPS.items()
        }
        self.starters = list(self.buttons.values())
        super().__init__(widgets=[*self.starters, row("Lines every", self.interval)], labels=False)
        self.native.layout().addStretch(1)
        for name, button in self.buttons.items():
            button.changed.connect(lambda _=None, name=name: start(partial(self._make, name)))

    def _make(self, name: str) -> Task:
        _, make = MAPS[name]
        found, heights = self._chosen(), self._heights()
        assert found is not None, "there are heights"
        if name == CONTOURS:
            interval, _ = read_lengths("Lines every", self.interval.value.strip(), 1)
            make = partial(make, interval=interval)
        return at_once(partial(make, heights)), partial(self._add, found, name.lower())

    def _add(self, found: ResultSet, word: str, made: Made) -> str:
        if found.image not in self._viewer.layers:
            return f"'{found.image.name}' was removed; no map was added."
        kind, data, look = made
        add = getattr(self._viewer, f"add_{kind}")
        layer = add(data, **map_arguments(found, word, look))
        if kind == "image":
            put_over_images(self._viewer.layers, layer)
            self._show_bar(layer)
        return f"Added '{layer.name}'."

    def _show_bar(self, layer: Image) -> None:
        """Show napari's colour bar of a map alone, unless our legend is there, which has titles."""
        window = getattr(self._viewer, "window", None)
        if window is not None and STACK in window.dock_widgets:
            return
        for other in self._viewer.layers:
            if isinstance(other, Image) and BAR_TITLE in other.metadata:
                other.colorbar.visible = other is layer
