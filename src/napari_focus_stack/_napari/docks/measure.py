"""The "Measure heights" dock widget: profiles, steps, texture and shape of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container
from qtpy.QtWidgets import QTabWidget

from napari_focus_stack._napari.viewer.dock_tabs import tabbed
from napari_focus_stack._napari.widgets.export_panel import ExportPanel
from napari_focus_stack._napari.widgets.height_source import HeightSource
from napari_focus_stack._napari.widgets.job_row import JobRow
from napari_focus_stack._napari.widgets.layer_choosers import ResultChooser
from napari_focus_stack._napari.widgets.level_panel import LevelPanel
from napari_focus_stack._napari.widgets.maps_panel import MapsPanel
from napari_focus_stack._napari.widgets.profile_panel import ProfilePanel
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.widgets.scroll_area import ScrollArea
from napari_focus_stack._napari.widgets.step_panel import StepPanel
from napari_focus_stack._napari.widgets.surface_panel import SurfacePanel
from napari_focus_stack.errors import FocusStackError

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

    from napari_focus_stack._napari.workers.job import Task


CANCELLED = "Cancelled; nothing was added or written."


class MeasureWidget(Container[Any]):
    """Measure the heights of a result.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where the result is.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._is_closed = False
        self.result = ResultChooser(napari_viewer)
        chosen = self.result.chosen
        self.source = HeightSource(chosen)
        heights = self.source.heights
        self.profile = ProfilePanel(napari_viewer, chosen, self.source)
        self.step = StepPanel(napari_viewer, chosen, self.source)
        self.surface = SurfacePanel(napari_viewer, chosen, heights, self._start)
        self.level = LevelPanel(napari_viewer, chosen, self.source, self._start)
        self.maps = MapsPanel(napari_viewer, chosen, heights, self._start)
        self.export = ExportPanel(chosen, heights, self.profile.drawn, self._start)
        self._starters = [
            *self.surface.starters,
            *self.level.starters,
            *self.maps.starters,
            *self.export.starters,
        ]
        self._drawn = (self.profile.lines, self.step.regions, self.surface.regions,
                       self.level.regions)  # fmt: skip
        self.job = JobRow(self._starters)
        super().__init__(widgets=[row("Result", self.result), self.source, self.job], labels=False)
        self.tabs = QTabWidget()
        for title, panel in self._panels().items():
            self.tabs.addTab(ScrollArea(panel), title)
        self.native.layout().insertWidget(2, self.tabs)
        self.result.changed.connect(self._choose)
        self.source.remade.connect(self._allow)
        self.source.remade.connect(self.surface.compare)
        self.job.ends_with(self)
        self.native_parent_changed.connect(self._docked)
        tabbed(self, "Measure")
        self.reset_choices()

    def _panels(self) -> dict[str, Container[Any]]:
        return {
            "Profile": self.profile,
            "Step": self.step,
            "Texture": self.surface,
            "Level": self.level,
            "Maps": self.maps,
            "Export": self.export,
        }

    def reset_choices(self, *_: Any) -> None:
        """List results and layers anew; napari calls this when its layer list changes."""
        if self._is_closed:
            return  # else its own marker, which goes with it, would have everything measured anew
        self.result.offer_results()
        self._choose()

    def _choose(self, *_: Any) -> None:
        """Measure the chosen result from now on."""
        for drawn in self._drawn:
            drawn.offer()
        self.source.offer()
        self._allow()

    def _allow(self) -> None:
        """Enable what begins a job where there are heights; else show what is missing."""
        missing = self.result.missing if self.result.value is None else self.source.missing
        if not self.job.running:
            for button in self._starters:
                button.enabled = not missing
            self.job.show_missing(missing)

    def _start(self, prepare: Callable[[], Task]) -> None:
        """Start a job, unless one runs; show why it cannot start."""
        if self.job.running:
            return
        try:
            steps, add = prepare()
        except FocusStackError as problem:
            self.job.say_error(str(problem))
            return
        self.job.run(steps, add, on_cancel=lambda: CANCELLED)

    def _docked(self, parent: object) -> None:
        self._is_closed = parent is None
        if not self._is_closed:
            self.reset_choices()
            return
        for part in (self.source, self.profile, self.step, self.surface, self.level):
            part.stop()  # closed
