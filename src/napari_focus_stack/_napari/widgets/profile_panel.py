"""Panel of profiles: lines that are drawn over a result, and their heights as a plot."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from magicgui.widgets import Container, PushButton, SpinBox
from napari.layers import Shapes
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog

from napari_focus_stack._napari.layers.drawing_layers import (
    PROFILES,
    next_colour,
    profiles_arguments,
)
from napari_focus_stack._napari.layers.drawn_shapes import drawn_lines
from napari_focus_stack._napari.viewer.place_marker import PlaceMarker
from napari_focus_stack._napari.widgets.drawing import DrawnLayer
from napari_focus_stack._napari.widgets.profile_plot import ProfilePlot
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.widgets.sentences import Sentences
from napari_focus_stack._napari.workers.latest import LatestOnlyWorker
from napari_focus_stack.analysis.height_profiles import MOST_WIDTH, Profile, profile
from napari_focus_stack.analysis.profile_tables import (
    profile_columns,
    profile_headings,
    profile_rows,
)
from napari_focus_stack.errors import FocusStackError
from napari_focus_stack.io.tables import write_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari

    from napari_focus_stack._napari.layers.drawn_shapes import DrawnLine
    from napari_focus_stack._napari.layers.result_sets import ResultSet
    from napari_focus_stack._napari.widgets.height_source import HeightSource
    from napari_focus_stack._napari.workers.job import Outcome
    from napari_focus_stack.analysis.height_map import HeightMap

    Measured = list[tuple[DrawnLine, Profile]]

HINT = "Press 'Draw profile', then drag a line over the picture."
AT_REST = 300
"""Milliseconds after the last change, when measurements go into the table of the layer."""
TOOLS = {
    "Draw profile": ("add_line", "Drag a line over the picture; every line is a profile."),
    "Draw polyline": (
        "add_polyline",
        "Click each corner of a line over the picture; a double click ends it.",
    ),
}


class ProfilePanel(Container[Any]):
    """Buttons that begin a line, a plot that follows it, and a button that saves.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the result is.
    chosen : callable
        Returns the result, or None.
    source : HeightSource
        The heights.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        chosen: Callable[[], ResultSet | None],
        source: HeightSource,
    ) -> None:
        self._chosen, self._source = chosen, source
        self._marker = PlaceMarker(viewer)
        self._lines_of: Shapes | None = None
        self._measured: Measured = []
        self._shapes = 0
        self.worker = LatestOnlyWorker(self._show, "profiles", "The profile")
        self.lines = DrawnLayer(
            viewer,
            chosen,
            "Lines",
            "Shapes layer whose lines and polylines are profiles.",
            TOOLS,
            PROFILES,
            profiles_arguments,
            (Shapes,),
        )
        self.across = SpinBox(
            value=1,
            min=1,
            max=MOST_WIDTH,
            tooltip="Pixels across the line over which heights are averaged; more of them lower "
            "the noise.",
        )
        self.plot = ProfilePlot()
        self.status = Sentences()
        self.save_button = PushButton(
            text="Save profiles...",
            enabled=False,
            tooltip="All profiles as a table (CSV), or the plot as vector graphics (SVG).",
        )
        super().__init__(
            widgets=[self.lines, row("Average over", self.across), self.status, self.save_button],
            labels=False,
        )
        self.native.layout().insertWidget(2, self.plot)
        self.native.layout().addStretch(1)
        self._at_rest = QTimer(self.native)
        self._at_rest.setSingleShot(True)
        self._at_rest.setInterval(AT_REST)
        self._at_rest.timeout.connect(self._keep)
        self.lines.redrawn.connect(self.measure)
        self.across.changed.connect(self.measure)
        source.remade.connect(self.measure)
        self.plot.pointed.connect(self._mark)
        self.save_button.changed.connect(self._ask_and_save)
        self.native.destroyed.connect(self.worker.stop)

    @property
    def profiles(self) -> list[tuple[int, Profile]]:
        """Profiles that are shown, each with the number of its shape."""
        return [(line.number, one) for line, one in self._measured]

    def drawn(self) -> list[Profile]:
        """Return the profiles that are shown."""
        return [one for _, one in self._measured]

    def measure(self, *_: Any) -> None:
        """Measure all lines anew, in the background."""
        found, layer = self._chosen(), self.lines.layer()
        if found is None or layer is None:
            self._clear(HINT)
            return
        try:
            lines, heights = drawn_lines(layer, found.image), self._source.heights()
        except FocusStackError as problem:
            self._clear(str(problem))
            return
        if not lines:
            self._clear(HINT)
            return
        self._at_rest.stop()
        self._lines_of = layer
        self.worker.take(partial(_profiles, layer, heights, lines, self.across.value))

    def stop(self) -> None:
        """Leave the viewer."""
        self.lines.stop()
        self.worker.stop()
        self._at_rest.stop()
        self._marker.remove()

    def _clear(self, words: str) -> None:
        self.worker.forget()
        self._at_rest.stop()
        self._lines_of, self._measured = None, []
        self.plot.show_profiles(())
        self.save_button.enabled = False
        self.status.value = words

    def _show(self, outcome: Outcome) -> None:
        """Show profiles that were measured, or why they cannot be."""
        if self._lines_of is None:
            return
        if outcome.error is not None:
            self._clear(outcome.error)
            return
        layer, measured = outcome.result
        if layer is not self._lines_of:
            return  # those of the layer that is chosen now come next
        self._measured = measured
        if len(self._lines_of.data) != self._shapes:  # else the user may have chosen a colour
            self._shapes = len(self._lines_of.data)
            next_colour(self._lines_of)
        self.plot.show_profiles([(one, line.colour) for line, one in self._measured])
        self.save_button.enabled = True
        self.status.value = _shares(self.profiles)
        self._at_rest.start()

    def _keep(self) -> None:
        """Write the measurements into the table of the layer."""
        layer = self._lines_of
        if layer is None:
            return
        columns = profile_columns(self.profiles, len(layer.data))
        features = layer.features.assign(**columns)
        if not pd.DataFrame(layer.features).equals(features):
            layer.features = features

    def _mark(self, place: tuple[float, float] | None) -> None:
        """Mark the place on the canvas that is under the pointer in the plot."""
        found = self._chosen()
        if found is None or place is None:
            self._marker.hide()
        else:
            self._marker.show(found.image, place)

    def _ask_and_save(self) -> None:
        """Ask for a file and save the profiles; do nothing if none is chosen."""
        path, chosen = QFileDialog.getSaveFileName(
            self.native, "Save profiles", "profiles.csv", "Table (*.csv);;Plot (*.svg)"
        )
        if path:
            known = path.lower().endswith((".csv", ".svg"))
            self.save(path if known else f"{path}{'.svg' if 'svg' in chosen else '.csv'}")

    def save(self, path: str) -> None:
        """Write all profiles to a file.

        Parameters
        ----------
        path : str
            Path that ends in .csv or .svg.
        """
        if not self._measured:
            return
        try:
            if path.lower().endswith(".svg"):
                self.plot.write_svg(Path(path))
            else:
                first = self._measured[0][1]
                write_table(path, profile_headings(first), profile_rows(self.profiles))
        except FocusStackError as problem:
            self.status.value = str(problem)
            return
        self.status.value = f"Saved '{path}'."


def _profiles(
    layer: Shapes, heights: HeightMap, lines: Sequence[DrawnLine], width: int
) -> tuple[Shapes, Measured]:
    """Measure the lines of a layer, which is returned with them."""
    return layer, [(line, profile(heights, line.points, width=width)) for line in lines]


def _shares(profiles: Sequence[tuple[int, Profile]]) -> str:
    """Return a sentence on how much of each line counts."""
    parts = ", ".join(f"{one.share:.0%}" for _, one in profiles)
    return f"Share that is sure enough: {parts}."
