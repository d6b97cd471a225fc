"""Scroll area for rows on low screens, which takes no more space than the rows need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QPoint, QSize, Qt, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

if TYPE_CHECKING:
    from magicgui.widgets import Container
    from qtpy.QtGui import QResizeEvent

LEAST_HEIGHT = 160
"""Height, in pixels, of the rows that are visible on the lowest screen."""
LAID_OUT = 50
"""Milliseconds until rows that were shown have their places."""


class ScrollArea(QScrollArea):
    """Scroll area as tall as its rows if the dock is tall enough, and never narrower than them.

    magicgui's own scrolling container loses its bar in napari's docks, which take its contents.

    Parameters
    ----------
    rows : magicgui.widgets.Container
        Rows to scroll.
    """

    def __init__(self, rows: Container[Any]) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setWidget(rows.native)
        self._wanted: tuple[QWidget, QWidget] | None = None
        self._laid_out = QTimer(self)
        self._laid_out.setSingleShot(True)
        self._laid_out.timeout.connect(self._scroll)

    def reveal(self, first: QWidget, last: QWidget) -> None:
        """Scroll until rows are visible, once the layout has room for them.

        Parameters
        ----------
        first, last : QWidget
            Rows; where not all are visible at once, those from the first on are.
        """
        self._wanted = first, last
        self._laid_out.start(LAID_OUT)

    def _scroll(self) -> None:
        bar, view, rows = self.verticalScrollBar(), self.viewport(), self.widget()
        if self._wanted is None or bar is None or view is None or rows is None:
            return
        first, last = self._wanted
        top = first.mapTo(rows, QPoint(0, 0)).y()
        bottom = last.mapTo(rows, QPoint(0, last.height())).y()
        bar.setValue(max(bar.value(), min(top, bottom - view.height())))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's
        """Return the size of the rows, which may exceed their own hint, with the frame.

        Returns
        -------
        QSize
            Preferred size in pixels.
        """
        rows = self.widget()
        if rows is None:  # deleted before this area, when a window is closed
            return super().sizeHint()
        needed, least = rows.sizeHint(), rows.minimumSizeHint()
        frame = 2 * self.frameWidth()
        if rows.hasHeightForWidth():  # sentences wrap
            needed.setHeight(rows.heightForWidth(self.width() - frame))
        return needed.expandedTo(least) + QSize(frame, frame)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's
        """Update the preferred height, which depends on the width.

        Parameters
        ----------
        event : QResizeEvent or None
            The new size, and the old one.
        """
        super().resizeEvent(event)
        if event is not None and event.size().width() != event.oldSize().width():
            self.updateGeometry()

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's
        """Return the width of the rows and of a bar, and the height of a few rows.

        Returns
        -------
        QSize
            Least size in pixels.
        """
        bar, rows = self.verticalScrollBar(), self.widget()
        if rows is None:
            return super().minimumSizeHint()
        least = rows.minimumSizeHint()
        width = least.width() + (0 if bar is None else bar.sizeHint().width())
        return QSize(width, min(self.sizeHint().height(), LEAST_HEIGHT))

    def eventFilter(  # noqa: N802 - Qt's
        self, watched: QObject | None, event: QEvent | None
    ) -> bool:
        """Update the size when that of the rows changes.

        Parameters
        ----------
        watched : QObject or None
            Object that receives the event.
        event : QEvent or None
            Any event.

        Returns
        -------
        bool
            Whether the event is stopped, as Qt decides.
        """
        asked = event is not None and event.type() == QEvent.Type.LayoutRequest
        if asked and watched is self.widget():
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))


def show_rows(first: QWidget, last: QWidget) -> None:
    """Scroll the area around rows, if there is one, until they are visible.

    Parameters
    ----------
    first, last : QWidget
        As `ScrollArea.reveal` takes them.
    """
    around = first.parentWidget()
    while around is not None and not isinstance(around, ScrollArea):
        around = around.parentWidget()
    if around is not None:
        around.reveal(first, last)
