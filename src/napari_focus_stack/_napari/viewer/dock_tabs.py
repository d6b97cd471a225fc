"""Docks of Focus Stack as tabs: one below the other they would not fit on the screen.

napari creates the dock after the widget, and enlarges its window for the dock in the next iteration
of the event loop. A signal that is queued when the widget gets its dock is delivered in between.
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
"""Milliseconds until a window has its final size."""
STACK = "Focus Stack (Focus Stack)"
"""Name of the main dock, as in napari's menus, so that they find it."""


class _Docked(QObject):
    """Event filter that makes a dock a tab, and brings it to the front when it is opened again.

    napari's menus hide a dock that is shown and show one that is hidden. A dock behind another tab
    counts as shown for them, and Qt shows a dock that was hidden there behind the other tab again.
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
        """Queue the tab when the widget gets a parent, which is in its dock."""
        if parent is not None:
            self._queued.emit()

    def _join(self) -> None:
        """Make the dock a tab of the other docks of Focus Stack beside it."""
        dock = dock_of(self._native)
        window = dock.parent() if dock is not None else None
        if dock is None or not isinstance(window, QMainWindow) or dock.isFloating():
            return
        dock.installEventFilter(self)
        dock.setWindowTitle(self._title)
        others = [one for one in _docks(window) if one is not dock and _beside(one, dock, window)]
        if others:
            window.tabifyDockWidget(others[-1], dock)
            QTimer.singleShot(0, dock.raise_)  # the tab exists from the next iteration on

    def eventFilter(self, dock: Any, event: Any) -> bool:  # noqa: N802 - Qt's name
        """Follow the events by which the dock is hidden or shown again.

        Parameters
        ----------
        dock : QDockWidget
            Dock that receives the event.
        event : QEvent
            Any event.

        Returns
        -------
        bool
            False: the event is not stopped.
        """
        kind = event.type()
        if kind == QEvent.Type.Close:  # by its button or the Window menu: it is to disappear
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
        """Show the dock that a menu has hidden while it was behind another tab."""
        dock = dock_of(self._native)
        if dock is not None:
            dock.show()

    def _to_front(self) -> None:
        """Bring the dock before the other tabs."""
        dock = dock_of(self._native)
        if dock is not None and not dock.isFloating():
            dock.raise_()


def tabbed(widget: Container[Any], title: str) -> None:
    """Make a widget's dock a tab of the other docks of Focus Stack, whenever it is docked.

    Parameters
    ----------
    widget : magicgui.widgets.Container
        Widget of this plugin.
    title : str
        Title of the tab, short because five of them share the width of a dock.
    """
    widget.native.setProperty(OURS, True)
    _Docked(widget, title)


def once_settled(dock: QDockWidget, work: Callable[[], None]) -> None:
    """Call back when a dock has its final size, on which the layout of its widget depends.

    Parameters
    ----------
    dock : QDockWidget
        Dock that was added to a window.
    work : callable
        Function that is called once, without arguments.
    """
    timer = QTimer(dock)
    timer.setSingleShot(True)
    timer.timeout.connect(work)
    timer.start(SETTLED)


def in_sight(native: QWidget) -> bool:
    """Return whether a docked widget is shown and not behind another tab.

    Parameters
    ----------
    native : QWidget
        Widget in a dock, or in none.

    Returns
    -------
    bool
        True if the user can see it.
    """
    dock = dock_of(native)
    return native.isVisibleTo(native.window()) and not (dock is not None and _behind(dock))


def _behind(dock: QDockWidget) -> bool:
    """Return whether a dock is behind another tab; Qt moves such docks out of the window."""
    return bool(dock.geometry().right() < 0)


def _docks(window: QMainWindow) -> list[QDockWidget]:
    """Return the docks of Focus Stack in a window."""
    return [one for one in window.findChildren(QDockWidget) if _is_ours(one.widget())]


def _is_ours(native: QWidget | None) -> bool:
    """Return whether a widget belongs to this plugin."""
    return native is not None and bool(native.property(OURS))


def _beside(one: QDockWidget, dock: QDockWidget, window: QMainWindow) -> bool:
    """Return whether a visible dock is docked in the same area as another one."""
    same = window.dockWidgetArea(one) == window.dockWidgetArea(dock)
    return same and not one.isHidden() and not one.isFloating()


def dock_of(native: Any) -> QDockWidget | None:
    """Return the dock that contains a widget.

    Parameters
    ----------
    native : QWidget
        Widget, docked or not.

    Returns
    -------
    QDockWidget or None
        None if it is in no dock.
    """
    parent = native.parent()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parent()
    return parent
