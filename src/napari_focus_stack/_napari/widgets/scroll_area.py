"""Rows that scroll where the screen is too low for them, and take no more room than they need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

if TYPE_CHECKING:
    from magicgui.widgets import Container

LEAST_HEIGHT = 160
"""In pixels: what is seen of the rows on the lowest screen."""


class ScrollArea(QScrollArea):
    """As tall as its rows if the dock has room, else with a scroll bar; never narrower than them.

    magicgui's own scrolling container loses its bar in napari's docks: they take what is within.

    Parameters
    ----------
    rows : magicgui.widgets.Container
        What scrolls.
    """

    def __init__(self, rows: Container[Any]) -> None:
        super().__init__()
        self._rows: QWidget = rows.native
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setWidget(self._rows)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's
        """Size of the rows in the frame that napari's style gives; some ask for less than least."""
        needed = self._rows.sizeHint().expandedTo(self._rows.minimumSizeHint())
        frame = 2 * self.frameWidth()
        return needed + QSize(frame, frame)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's
        """Width of the rows and of a bar, and the height of a few of them."""
        bar = self.verticalScrollBar()
        least = self._rows.minimumSizeHint()
        width = least.width() + (0 if bar is None else bar.sizeHint().width())
        return QSize(width, min(least.height(), LEAST_HEIGHT))

    def eventFilter(  # noqa: N802 - Qt's
        self, watched: QObject | None, event: QEvent | None
    ) -> bool:
        """Ask for another size when the rows do."""
        asked = event is not None and event.type() == QEvent.Type.LayoutRequest
        if asked and watched is self._rows:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))
