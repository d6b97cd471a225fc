"""A person at the napari window: sees widgets, presses the mouse, types, takes pictures.

Every press and move goes to the window as the platform would send it, so it reaches whatever lies
under the pointer. Places come from the widgets.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from napari._qt.dialogs.qt_reader_dialog import QtReaderDialog
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QLineEdit
from stacks import camera_of

from napari_focus_stack._napari.widgets.scroll_area import ScrollArea

LEFT, NO_KEY = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
GLANCE = 30
"""Milliseconds between two looks at the window."""


class Person:
    """One who uses a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        Shown on a screen.
    pictures : pathlib.Path
        Folder for the pictures of the window.

    Attributes
    ----------
    clicks : int
        Presses of the mouse so far.
    clicked : list of str
        What each of them was on.
    """

    def __init__(self, viewer, pictures):
        self.viewer, self.pictures = viewer, Path(pictures)
        self.window = viewer.window._qt_window
        self.canvas = viewer.window._qt_viewer.canvas.native
        self.clicked = []

    @property
    def clicks(self):
        return len(self.clicked)

    def wait(self, milliseconds):
        QTest.qWait(milliseconds)

    def wait_for(self, condition, what, seconds=20):
        """Wait until something is so; the last sight of it."""
        end = time.monotonic() + seconds
        while not (seen := condition()):
            assert time.monotonic() < end, f"waited {seconds} s for {what}"
            self.wait(GLANCE)
        return seen

    def picture(self, name):
        """Keep what the screen shows of the window, menus and dialogs over it included."""
        self.wait(150)
        at, size = self.window.mapToGlobal(QPoint(0, 0)), self.window.size()
        shown = self.window.screen().grabWindow(0, at.x(), at.y(), size.width(), size.height())
        number = len(list(self.pictures.glob("[0-9][0-9]-*.png"))) + 1
        path = self.pictures / f"{number:02}-{name}.png"
        assert shown.save(str(path)), path
        print(f"{path.name}", flush=True)

    def move(self, widget, point=None):
        window, place = _in_window(widget, point)
        QTest.mouseMove(window.windowHandle(), place)

    def click(self, widget, point=None, what=None, modifier=NO_KEY):
        """Press and release the left button."""
        self._scroll_to(widget)
        window, place = _in_window(widget, point)
        assert widget.isVisible(), what
        assert widget.isEnabled(), what
        self.clicked.append(what or _text(widget))
        QTest.mouseMove(window.windowHandle(), place)
        QTest.mouseClick(window.windowHandle(), LEFT, modifier, place)
        self.wait(GLANCE)

    def _scroll_to(self, widget):
        """Turn the wheel until a widget is in sight."""
        around = widget.parentWidget()
        while around is not None and not isinstance(around, ScrollArea):
            around = around.parentWidget()
        if around is not None:
            around.ensureWidgetVisible(widget)
            self.wait(10)

    def drag(self, widget, points, what):
        """Press on the first point, release on the last."""
        self.clicked.append(what)
        for place, point in enumerate(points):
            window, there = _in_window(widget, point)
            QTest.mouseMove(window.windowHandle(), there)
            if place == 0:
                QTest.mousePress(window.windowHandle(), LEFT, NO_KEY, there)
            self.wait(10)
        QTest.mouseRelease(window.windowHandle(), LEFT, NO_KEY, there)
        self.wait(GLANCE)

    def menu(self, *titles, picture=None):
        """Choose from the menu bar: a press opens a menu, a press chooses; submenus open alone."""
        bar = self.window.menuBar()
        self._choose(bar, titles[0])
        for title in titles[1:-1]:
            menu = self._popup()
            self.move(menu, menu.actionGeometry(_action(menu, title)).center())
            self.wait_for(lambda below=menu: self._popup() not in (None, below), f"menu {title}")
        if picture:
            self.move(self._popup(), self._place(self._popup(), titles[-1]))
            self.picture(picture)
        self._choose(self._popup(), titles[-1])

    def _choose(self, menu, title):
        self.click(menu, self._place(menu, title), f"{title!r} in the menu")

    def _place(self, menu, title):
        action = _action(menu, title)
        assert action.isEnabled(), f"{title!r} is grey"
        return menu.actionGeometry(action).center()

    def _popup(self):
        return self.wait_for(QApplication.activePopupWidget, "a menu")

    def choose(self, box, text):
        """Choose from a combo box."""
        self.click(box, what=f"the list with {box.currentText()!r}")
        view = box.view()
        self.wait_for(view.isVisible, f"the list with {text!r}")
        place = view.visualRect(view.model().index(box.findText(text), 0)).center()
        self.click(view.viewport(), place, f"{text!r} in the list")
        assert box.currentText() == text

    def pick(self, layer, modifier=NO_KEY):
        """Click on a layer in napari's list of layers."""
        view = self.viewer.window._qt_viewer.layers
        row = len(self.viewer.layers) - 1 - self.viewer.layers.index(layer)
        place = view.visualRect(view.model().index(row, 0)).center()
        self.click(view.viewport(), place, f"{layer.name!r} in the layer list", modifier)

    def key(self, key, modifier=NO_KEY):
        """Press a key over the canvas."""
        QTest.keyClick(self.canvas, key, modifier)
        self.wait(GLANCE)

    @contextmanager
    def answering(self, text, picture=None):
        """Paste a name into the file dialog that opens meanwhile, and press Return.

        Where napari asks for a reader, too, the one that it proposes is taken.
        """
        answered, timer = [], QTimer(self.window, interval=GLANCE)

        def look():
            dialog = QApplication.activeModalWidget()
            if dialog is None or dialog in answered:
                return
            answered.append(dialog)
            if isinstance(dialog, QFileDialog):
                edit = dialog.findChild(QLineEdit, "fileNameEdit")
                edit.selectAll()
                edit.insert(text)  # pasted: keys that come at once are overtaken by completion
                if picture:
                    self.picture(picture)
                QTest.keyClick(edit, Qt.Key.Key_Return)
            elif isinstance(dialog, QtReaderDialog):
                chosen = dialog.reader_btn_group.checkedButton().text()
                assert chosen == "Focus Stack", chosen
                self.click(dialog.btn_box.button(dialog.btn_box.StandardButton.Ok))
            else:
                raise AssertionError(f"nobody expected {dialog}")

        timer.timeout.connect(look)
        timer.start()
        try:
            yield
        finally:
            timer.stop()
        assert answered, "no file dialog opened"

    def point_of(self, *position):
        """Where on the canvas a world position (y, x) is seen, in two dimensions."""
        camera = camera_of(self.viewer)
        size = np.array([self.canvas.height(), self.canvas.width()])
        row, col = (np.array(position) - camera.center[-2:]) * camera.zoom + size / 2
        return QPoint(round(col), round(row))


def _in_window(widget, point=None):
    """The window, whose handle PySide6 keeps no longer than itself, and the point in it."""
    window = widget.window()
    inside = widget.rect().center() if point is None else point
    assert widget.rect().contains(inside), f"{_text(widget)} is not at {inside}"
    return window, widget.mapTo(window, inside)


def _text(widget):
    return widget.text() if hasattr(widget, "text") else type(widget).__name__


def _action(menu, title):
    found = [one for one in menu.actions() if one.text().replace("&", "") == title]
    texts = [one.text() for one in menu.actions() if one.text()]
    assert found, f"{title!r} is not among {texts}"
    return found[0]
