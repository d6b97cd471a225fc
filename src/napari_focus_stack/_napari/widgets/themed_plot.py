"""Base of the plots, drawn by pyqtgraph in the colours and the font of napari's theme.

Zoom, panning and the context menu are pyqtgraph's own. Only this module imports it: when a dock
with a plot is opened for the first time, and not when napari starts.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import qtpy
from qtpy.QtCore import QEvent
from qtpy.QtGui import QColor, QFontMetrics, QPalette
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BINDING", "HEIGHT", "RESTYLING", "WIDTH", "ThemedPlot", "pg"]

BINDING = "PYQTGRAPH_QT_LIB"
"""Environment variable that chooses pyqtgraph's Qt binding."""


@contextmanager
def _napari_binding() -> Iterator[None]:
    """Make pyqtgraph, imported within, take napari's Qt binding and leave the process as it was.

    Left to itself it takes PyQt6 if both bindings are loaded, and with PyQt it replaces
    `sys.excepthook`.
    """
    before, hook = os.environ.get(BINDING), sys.excepthook
    os.environ[BINDING] = qtpy.API_NAME
    try:
        yield
    finally:
        sys.excepthook = hook
        if before is None:
            del os.environ[BINDING]
        else:
            os.environ[BINDING] = before


with _napari_binding():
    import pyqtgraph as pg

HEIGHT, WIDTH = 260, 320
RESTYLING = (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange)


class ThemedPlot(QWidget):
    """A plot with two axes, a value under the pointer, and room of fixed size for its labels.

    Parameters
    ----------
    left, bottom : pyqtgraph.AxisItem
        The axes.
    tooltip : str
        Says what is drawn.
    """

    def __init__(self, left: pg.AxisItem, bottom: pg.AxisItem, tooltip: str) -> None:
        super().__init__()
        self._axes: dict[str, Any] = {"left": left, "bottom": bottom}
        self._view = pg.PlotWidget(axisItems=self._axes)
        self._box = self._view.getPlotItem().getViewBox()
        self._frame = pg.PlotCurveItem(pen=None)  # alone decides on the range
        self._box.addItem(self._frame)
        self._value = pg.TextItem()
        self._value.setZValue(1)
        self._value.setVisible(False)
        self._box.addItem(self._value, ignoreBounds=True)
        self._set_up()
        self.setToolTip(tooltip)

    def _set_up(self) -> None:
        plot = self._view.getPlotItem()
        plot.layout.setContentsMargins(4, 6, 8, 4)
        plot.setMenuEnabled(False, enableViewBoxMenu=True)  # its transforms would distort the curve
        for axis in self._axes.values():
            axis.enableAutoSIPrefix(False)
            # fixed space: the plot would move whenever labels get longer or shorter
            axis.setStyle(autoExpandTextSpace=False, hideOverlappingLabels=False, tickLength=3)
        self._box.setDefaultPadding(0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._view)
        self._view.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.setFixedHeight(HEIGHT)
        self.setMinimumWidth(WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def changeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Follow the theme.

        Parameters
        ----------
        event : QEvent
            Qt's.
        """
        super().changeEvent(event)
        if event.type() in RESTYLING:
            self._restyle()

    def leaveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Hide the value that was under the pointer.

        Parameters
        ----------
        event : QEvent
            Qt's.
        """
        super().leaveEvent(event)
        self._value.setVisible(False)

    def hideEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Close pyqtgraph's export window, which would outlive the plot.

        Parameters
        ----------
        event : QHideEvent
            Qt's.
        """
        super().hideEvent(event)
        dialog = self._view.scene().exportDialog
        if dialog is not None:
            dialog.close()

    def _empty_ticks(self, empty: bool) -> None:
        """Draw no numbers at the axes while there is nothing to read."""
        for axis in self._axes.values():
            axis.setTicks([] if empty else None)

    def _set_range(self, across: tuple[float, float], up: tuple[float, float]) -> None:
        self._frame.setData(list(across), list(up))
        self._box.setLimits(xMin=across[0], xMax=across[1], yMin=up[0], yMax=up[1])
        self._box.enableAutoRange(y=True)
        self._box.updateAutoRange()  # else the paint event does so, and paints twice

    def _write_value(self, words: str, place: tuple[float, float]) -> None:
        """Write a value beside its place, on the side that has more room."""
        middle = self._box.viewRect().center()
        self._value.setText(words)
        self._value.setAnchor((int(place[0] > middle.x()), int(place[1] < middle.y())))
        self._value.setPos(*place)
        self._value.setVisible(True)

    def _restyle(self) -> None:
        """Take colours and font of the theme."""
        roles = QPalette.ColorRole
        self._colour(self.palette().color(roles.WindowText), self.palette().color(roles.Window))

    def _colour(self, ink: QColor, paper: QColor) -> None:
        """Draw axes and words in one colour on another."""
        letter = QFontMetrics(self.font())
        widest = letter.horizontalAdvance("100000")  # seven digits are written as 1e+06
        self._view.setBackground(paper)
        for axis in self._axes.values():
            axis.setPen(ink)
            axis.setTextPen(ink)
            axis.setTickFont(self.font())
            axis.label.setFont(self.font())
            axis.setStyle(tickTextWidth=widest, tickTextHeight=letter.height())
        self._value.setColor(ink)
        self._value.setFont(self.font())
        self._value.fill, self._value.border = pg.mkBrush(paper), pg.mkPen(ink)
