"""Table of the surface areas of objects on a result."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import Container, PushButton
from napari.layers import Labels
from qtpy.QtWidgets import QFileDialog, QTableWidget, QTableWidgetItem

from napari_focus_stack._napari.layers.depth_painting import CORRECTION
from napari_focus_stack._napari.layers.geometry import pixel_shape
from napari_focus_stack._napari.layers.metadata import role
from napari_focus_stack._napari.layers.planes import finest
from napari_focus_stack._napari.layers.result_sets import (
    ResultSet,
    check_heights,
    knows_pixel_size,
    relief_of,
)
from napari_focus_stack._napari.widgets.job_row import JobRow
from napari_focus_stack._napari.widgets.layer_choosers import LayerChooser
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.widgets.spacing_fields import UNITS
from napari_focus_stack._napari.workers.job import at_once
from napari_focus_stack.errors import FocusStackError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Layer

    from napari_focus_stack.analysis.areas import AreaTable

NO_OBJECTS = "To measure areas, draw or open 2-D labels of the objects first."
TABLE_HEIGHT = 160
"""Height in pixels, enough for about five objects; longer tables scroll."""


class AreaPanel(Container[Any]):
    """Panel that measures the objects of a labels layer over a result.

    Parameters
    ----------
    chosen : callable
        Returns the result, or None.
    layers : sequence of napari.layers.Layer
        Layers of the viewer.

    Attributes
    ----------
    areas : AreaTable or None
        Table that is shown.
    """

    def __init__(self, chosen: Callable[[], ResultSet | None], layers: Sequence[Layer]) -> None:
        self._chosen, self._layers = chosen, layers
        self.areas: AreaTable | None = None
        self.objects = LayerChooser("2-D labels, drawn on the result or applied to it.")
        self.measure_button = PushButton(
            text="Measure areas", tooltip="Area of each object, corrected for the slope under it."
        )
        self.save_button = PushButton(text="Save as CSV...", enabled=False)
        self.job = JobRow([self.measure_button], brief=True)
        self.table = QTableWidget()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setMinimumHeight(TABLE_HEIGHT)
        numbers = self.table.verticalHeader()
        assert numbers is not None, "a table has a vertical header by default"
        numbers.setVisible(False)
        self.table.setVisible(False)
        super().__init__(
            widgets=[row("Objects", self.objects), self.measure_button, self.job], labels=False
        )
        self.native.layout().addWidget(self.table)
        self.append(self.save_button)
        self.margins = (0, 0, 0, 0)
        self.measure_button.changed.connect(self.measure)
        self.save_button.changed.connect(self._ask_and_save)

    def reset_choices(self, *_: Any) -> None:
        """Update the choice of labels.

        Parameters
        ----------
        *_ : object
            Arguments of an event, ignored.
        """
        self.objects.offer(self._offered())
        if not self.job.running:
            labelled = self.objects.value is not None
            self.measure_button.enabled = labelled
            self.job.show_missing("" if labelled else NO_OBJECTS)

    def _offered(self) -> list[Labels]:
        """Return the 2-D labels of the viewer from top to bottom, without corrections."""
        flat = [one for one in self._layers if isinstance(one, Labels) and one.ndim == 2]
        return [one for one in reversed(flat) if role(one) != CORRECTION]

    def measure(self) -> None:
        """Measure the chosen labels on the chosen result."""
        from napari_focus_stack.analysis.areas import measure_areas

        labels = [one for one in self._offered() if one.unique_id == self.objects.value]
        found = self._chosen()
        if self.job.running or not labels:
            return
        try:
            if found is None:
                raise InputError("There is no result with a depth index; stack first.")
            check_heights(found)
            relief = relief_of(found)
            if relief.unit is not None and not knows_pixel_size(found):
                raise InputError(
                    f"The pixel size of '{found.image.name}' is unknown, so areas cannot be "
                    "measured; type it in Focus Stack (Pixel size), and stack again."
                )
        except FocusStackError as problem:
            self.job.say_error(str(problem))
            return
        drawn = np.array(finest(labels[0]))  # a copy, because painting may go on meanwhile
        size, skew = pixel_shape(found.image, relief.unit)
        work = partial(measure_areas, drawn, relief.heights, size, unit=relief.unit, skew=skew)
        self.job.run(at_once(work), partial(self._show, str(labels[0].name)))

    def _show(self, name: str, areas: AreaTable) -> str:
        """Show a table, and return a sentence on it."""
        self.areas = areas
        self.table.setRowCount(len(areas))
        self.table.setColumnCount(len(areas.headings))
        self.table.setHorizontalHeaderLabels([_narrow(name) for name in areas.headings])
        for place, column in enumerate(areas.columns.values()):
            for line, value in enumerate(column.tolist()):
                self.table.setItem(line, place, QTableWidgetItem(_text(value)))
        self.table.resizeColumnsToContents()
        self.table.setVisible(True)
        self.save_button.enabled = len(areas) > 0
        count = "1 object" if len(areas) == 1 else f"{len(areas)} objects"
        return f"{count} of '{name}'."

    def _ask_and_save(self) -> None:
        """Ask for a file and save the table; do nothing if none is chosen."""
        path, _ = QFileDialog.getSaveFileName(
            self.native, "Save areas", "areas.csv", "Table (*.csv)"
        )
        if path:
            self.save(path if path.lower().endswith(".csv") else f"{path}.csv")

    def save(self, path: str) -> None:
        """Write the table to a file.

        Parameters
        ----------
        path : str
            Path that ends in .csv.
        """
        from napari_focus_stack.analysis.areas import write_csv

        if self.areas is None:
            return
        try:
            write_csv(path, self.areas)
        except FocusStackError as problem:
            self.job.say_error(str(problem))
            return
        self.job.status.value = f"Saved '{path}'."


def _narrow(heading: str) -> str:
    """Return the heading of a column in two lines, with the short form of the unit."""
    for unit, short in UNITS.items():
        heading = heading.replace(f"({unit}", f"({short}")
    return heading.replace("_", " ").replace("^2", "\N{SUPERSCRIPT TWO}").replace(" (", "\n(")


def _text(value: float) -> str:
    """Return a number as text, with six digits; empty for NaN."""
    if isinstance(value, int):
        return str(value)
    return "" if np.isnan(value) else f"{value:.6g}"
