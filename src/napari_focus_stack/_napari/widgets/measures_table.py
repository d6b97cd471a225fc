"""Table of measurements, which is copied or saved by a button."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, PushButton
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QTableWidget, QTableWidgetItem

from napari_focus_stack._napari.layers.notices import show_error
from napari_focus_stack._napari.widgets.sentences import Sentences
from napari_focus_stack.errors import FocusStackError
from napari_focus_stack.io.tables import write_table

if TYPE_CHECKING:
    from napari_focus_stack._napari.layers.measures import Measures

OUTDATED = "The heights or the regions have changed since; press the button again."
LINE_HEIGHT = 22
TABLE_HEIGHT = 275
"""Height in pixels, enough for the parameters of texture."""


class MeasuresTable(Container[Any]):
    """Table with sentences on what was measured.

    Attributes
    ----------
    measures : Measures or None
        What is shown.
    """

    def __init__(self) -> None:
        self.measures: Measures | None = None
        self.table = QTableWidget()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setMinimumHeight(TABLE_HEIGHT)
        numbers = self.table.verticalHeader()
        assert numbers is not None, "a table has a vertical header by default"
        numbers.setVisible(False)
        numbers.setDefaultSectionSize(LINE_HEIGHT)
        self.notes = Sentences()
        self.copy_button = PushButton(
            text="Copy table", tooltip="To paste into a spreadsheet: columns between tabs."
        )
        self.save_button = PushButton(text="Save as CSV...")
        buttons = Container(
            widgets=[self.copy_button, self.save_button], layout="horizontal", labels=False
        )
        buttons.margins = (0, 0, 0, 0)
        super().__init__(widgets=[self.notes, buttons], labels=False, visible=False)
        self.native.layout().insertWidget(0, self.table)
        self.margins = (0, 0, 0, 0)
        self.copy_button.changed.connect(self.copy)
        self.save_button.changed.connect(self._ask_and_save)

    def show_measures(self, measures: Measures) -> None:
        """Show a table.

        Parameters
        ----------
        measures : Measures
            The table.
        """
        self.measures = measures
        self.table.setRowCount(len(measures.rows))
        self.table.setColumnCount(len(measures.headings))
        self.table.setHorizontalHeaderLabels(measures.headings)
        for line, quantity in enumerate(measures.rows):
            texts = [quantity.name, quantity.unit, *map(_text, quantity.values)]
            for place, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(f"{quantity.meaning}.")
                if place > 1:
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
                self.table.setItem(line, place, item)
        self.table.resizeColumnsToContents()
        self._show_notes(measures)
        self.visible = True

    def _show_notes(self, measures: Measures) -> None:
        self.notes.value = " ".join(measures.notes)
        self.notes.visible = bool(measures.notes)

    def outdate(self, *_: Any) -> None:
        """Say, also in copies and files, that what was measured is no longer so."""
        if self.measures is not None and OUTDATED not in self.measures.notes:
            notes = (OUTDATED, *self.measures.notes)
            self.measures = dataclasses.replace(self.measures, notes=notes)
            self._show_notes(self.measures)

    def copy(self) -> None:
        """Put the table on the clipboard."""
        clipboard = QApplication.clipboard()
        if self.measures is not None and clipboard is not None:
            rows: list[list[Any]] = [self.measures.headings, *self.measures.cells]
            clipboard.setText("\n".join("\t".join(_cell(one) for one in row) for row in rows))

    def _ask_and_save(self) -> None:
        """Ask for a file and save the table; do nothing if none is chosen."""
        path, _ = QFileDialog.getSaveFileName(
            self.native, "Save measurements", "measurements.csv", "Table (*.csv)"
        )
        if not path:
            return
        try:
            self.save(path if path.lower().endswith(".csv") else f"{path}.csv")
        except FocusStackError as problem:
            show_error(str(problem))

    def save(self, path: str) -> None:
        """Write the table to a file.

        Parameters
        ----------
        path : str
            Path that ends in .csv.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        if self.measures is not None:
            write_table(path, self.measures.headings, self.measures.cells)


def _text(value: float | None) -> str:
    """Return a number as text, with four digits; empty where it is unknown."""
    return "" if value is None else f"{value:.4g}"


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.9g}"
