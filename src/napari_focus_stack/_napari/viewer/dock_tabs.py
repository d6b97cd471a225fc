"""Docks of Focus Stack lie behind each other as tabs: one below the other they outgrow the screen.

napari makes the dock after the widget, and grows its window for it at the next turn of the event
loop; so a message that is queued when the widget gets its dock comes just between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, Qt, QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from magicgui.widgets import Container

OURS = "napari-focus-stack"
SETTLED = 300
"""Milliseconds until a window has its size."""
STACK = "Focus Stack (Focus Stack)"
"""Dock that one begins with, named as napari's menus name it, so that they find it."""


class _Docked(QObject):
    """Makes a dock a tab once it stands in its window, and keeps it in sight when it is called for.

    napari's menus hide a dock that is shown and show one that is hidden, and take one that lies
    behind a tab as shown; and Qt shows again behind its tab what was hidden there.
    """

    _queued = Signal()
    _missed = Signal()
    _back = Signal()

    def __init__(self, widget: Any, title: str) -> None:
        super().__init__(widget.native)
        self._native, self._title = widget.native, title
        self._closing = self._gone = False
        later = Qt.ConnectionType.QueuedConnection
        self._queued.connect(self._join, later)
        self._missed.connect(self._show_again, later)
        self._back.connect(self._to_front, later)
        widget.native_parent_changed.connect(self._parent_changed)

    def _parent_changed(self, parent: object) -> None:
        if parent is not None:
            self._queued.emit()

    def _join(self) -> None:
        dock = dock_of(self._native)
        window = dock.parent() if dock is not None else None
        if dock is None or not isinstance(window, QMainWindow) or dock.isFloating():
            return
        dock.installEventFilter(self)
        dock.setWindowTitle(self._title)
        others = [one for one in _docks(window) if one is not dock and _beside(one, dock, window)]
        if others:
            window.tabifyDockWidget(others[-1], dock)
            QTimer.singleShot(0, dock.raise_)  # the tab is there at the next turn

    def eventFilter(self, dock: Any, event: Any) -> bool:  # noqa: N802 - Qt's name
        """Notice that the dock is hidden, or shown again."""
        kind = event.type()
        if kind == QEvent.Type.Close:  # by its button or the Window menu: it shall be gone
            self._closing = True
        elif kind == QEvent.Type.HideToParent:
            if _behind(dock) and not self._closing:
                self._missed.emit()
            self._closing, self._gone = False, True
        elif kind == QEvent.Type.ShowToParent and self._gone:
            self._gone = False
            self._back.emit()
        return False

    def _show_again(self) -> None:
        dock = dock_of(self._native)
        if dock is not None:
            dock.show()

    def _to_front(self) -> None:
        dock = dock_of(self._native)
        if dock is not None and not dock.isFloating():
            dock.raise_()


def tabbed(widget: Container[Any], title: str) -> None:
    """Let a widget's dock be a tab of the other docks of Focus Stack, whenever it is docked.

    Parameters
    ----------
    widget : magicgui.widgets.Container
        One of this plugin's.
    title : str
        Of the tab: five of them share the width of a dock.
    """
    widget.native.setProperty(OURS, True)
    _Docked(widget, title)


def once_settled(dock: QDockWidget, work: Callable[[], None]) -> None:
    """Call back when a dock has taken its room; only then is it known what fits beside it."""
    timer = QTimer(dock)
    timer.setSingleShot(True)
    timer.timeout.connect(work)
    timer.start(SETTLED)


def in_sight(native: QWidget) -> bool:
    """Whether a docked widget is shown, and no tab before it."""
    dock = dock_of(native)
    return native.isVisibleTo(native.window()) and not (dock is not None and _behind(dock))


def _behind(dock: QDockWidget) -> bool:
    """Whether another tab is before a dock: Qt keeps such out of the window."""
    return bool(dock.geometry().right() < 0)


def _docks(window: QMainWindow) -> list[QDockWidget]:
    return [one for one in window.findChildren(QDockWidget) if _is_ours(one.widget())]


def _is_ours(native: QWidget | None) -> bool:
    return native is not None and bool(native.property(OURS))


def _beside(one: QDockWidget, dock: QDockWidget, window: QMainWindow) -> bool:
    same = window.dockWidgetArea(one) == window.dockWidgetArea(dock)
    return same and not one.isHidden() and not one.isFloating()


def dock_of(native: Any) -> QDockWidget | None:
    parent = native.parent()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parent()
    return parent
