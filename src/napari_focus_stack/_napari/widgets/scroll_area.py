"""Scroll area for rows on low screens, which takes no more space than the rows need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QWidget

if TYPE_CHECKING:
    from magicgui.widgets import Container

LEAST_HEIGHT = 160
"""Height, in pixels, of the rows that are visible on the lowest screen."""


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
        self._rows: QWidget = rows.native
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setWidget(self._rows)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's
        """Return the size of the rows, which may exceed their own hint, with the frame.

        Returns
        -------
        QSize
            Preferred size in pixels.
        """
        needed = self._rows.sizeHint().expandedTo(self._rows.minimumSizeHint())
        frame = 2 * self.frameWidth()
        return needed + QSize(frame, frame)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's
        """Return the width of the rows and of a bar, and the height of a few rows.

        Returns
        -------
        QSize
            Least size in pixels.
        """
        bar = self.verticalScrollBar()
        least = self._rows.minimumSizeHint()
        width = least.width() + (0 if bar is None else bar.sizeHint().width())
        return QSize(width, min(least.height(), LEAST_HEIGHT))

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
        if asked and watched is self._rows:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))
