"""The "Measure heights" dock widget: profiles, steps, texture and shape of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container
from qtpy.QtWidgets import QTabWidget

from napari_focus_stack._napari.viewer.dock_tabs import tabbed
from napari_focus_stack._napari.widgets.height_source import HeightSource
from napari_focus_stack._napari.widgets.layer_choosers import ResultChooser
from napari_focus_stack._napari.widgets.profile_panel import ProfilePanel
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.widgets.sentences import Sentences

if TYPE_CHECKING:
    import napari


class MeasureWidget(Container[Any]):
    """Measure the heights of a result.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where the result is.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._viewer = napari_viewer
        self.result = ResultChooser(napari_viewer)
        self.source = HeightSource(self.result.chosen)
        self.missing = Sentences()
        self.profile = ProfilePanel(napari_viewer, self.result.chosen, self.source)
        self._panels = {"Profile": self.profile}
        super().__init__(
            widgets=[row("Result", self.result), self.source, self.missing], labels=False
        )
        self.tabs = QTabWidget()
        for title, panel in self._panels.items():
            self.tabs.addTab(panel.native, title)
        self.native.layout().addWidget(self.tabs)
        self.result.changed.connect(self._choose)
        self.native_parent_changed.connect(self._docked)
        tabbed(self, "Measure")
        self.reset_choices()

    def reset_choices(self, *_: Any) -> None:
        """List results and layers anew; napari calls this when its layer list changes."""
        self.result.offer_results()
        self._choose()

    def _choose(self, *_: Any) -> None:
        """Measure the chosen result from now on."""
        self.missing.value = "" if self.result.value is not None else self.result.missing
        self.missing.visible = bool(self.missing.value)
        self.profile.lines.offer()
        self.source.offer()

    def _docked(self, parent: object) -> None:
        if parent is None:  # closed
            self.source.stop()
            self.profile.stop()
        else:
            self.reset_choices()
