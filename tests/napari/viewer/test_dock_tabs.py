"""Docks of Focus Stack: tabs of each other, and opened with a folder."""

import pytest
from napari._app_model import get_app_model
from qtpy.QtWidgets import QDockWidget

from napari_focus_stack._napari.docks.launch import show_stack_widget
from napari_focus_stack._napari.viewer.dock_tabs import STACK, in_sight

NAMES = ("Probe focus", "Correct depth", "Apply to other layers", "Show in 3-D", "Align only")


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


def opened(viewer, name):
    dock, widget = viewer.window.add_plugin_dock_widget("napari-focus-stack", name)
    return dock, widget


def test_docks_lie_behind_each_other_and_the_newest_in_front(qtbot, viewer):
    show_stack_widget(viewer)
    window = viewer.window._qt_window
    qtbot.wait(50)
    height = window.height()
    docks = []
    for name in NAMES:
        dock, widget = opened(viewer, name)
        qtbot.waitUntil(lambda native=widget.native: in_sight(native))
        assert not any(in_sight(older.inner_widget().native) for older in docks)
        docks.append(dock)
    assert window.height() == height, "the window keeps its size"
    assert {one.windowTitle() for one in window.tabifiedDockWidgets(docks[0])} == {
        "Stack", "Correct", "Apply", "3-D", "Align"}  # fmt: skip


def test_a_dock_that_floats_or_is_closed_gets_no_tab(qtbot, viewer):
    first, _ = opened(viewer, NAMES[0])
    qtbot.wait(50)
    first.setFloating(True)
    second, _ = opened(viewer, NAMES[1])
    qtbot.wait(50)
    second.hide()
    third, widget = opened(viewer, NAMES[2])
    qtbot.wait(50)
    assert viewer.window._qt_window.tabifiedDockWidgets(third) == []
    assert in_sight(widget.native)


def test_the_stack_widget_opens_once_and_comes_to_the_front(qtbot, viewer):
    show_stack_widget(viewer)
    stack = viewer.window.dock_widgets[STACK]
    _, probe = opened(viewer, NAMES[0])
    qtbot.waitUntil(lambda: in_sight(probe.native))
    show_stack_widget(viewer)
    qtbot.waitUntil(lambda: in_sight(stack.native))
    assert not in_sight(probe.native)
    titles = [dock.windowTitle() for dock in viewer.window._qt_window.findChildren(QDockWidget)]
    assert titles.count("Stack") == 1


def choose_stack_in_menu(qtbot):
    """Run the command of the menu, which older napari names after the widget."""
    commands = get_app_model().commands
    names = ("napari-focus-stack.open_widget", "napari-focus-stack:Focus Stack")
    commands.execute_command(next(name for name in names if name in commands))
    qtbot.wait(50)


def test_a_dock_behind_another_comes_to_the_front_when_the_menu_names_it(qtbot, viewer):
    choose_stack_in_menu(qtbot)
    stack = viewer.window.dock_widgets[STACK]
    _, probe = opened(viewer, NAMES[0])
    qtbot.waitUntil(lambda: in_sight(probe.native))
    choose_stack_in_menu(qtbot)
    qtbot.waitUntil(lambda: in_sight(stack.native), timeout=2000)
    choose_stack_in_menu(qtbot)
    qtbot.waitUntil(lambda: not in_sight(stack.native))
    assert in_sight(probe.native)
    choose_stack_in_menu(qtbot)
    qtbot.waitUntil(lambda: in_sight(stack.native), timeout=2000)


def test_a_dock_behind_another_can_be_closed(qtbot, viewer):
    first, _ = opened(viewer, NAMES[0])
    second, widget = opened(viewer, NAMES[1])
    third, front = opened(viewer, NAMES[2])
    qtbot.waitUntil(lambda: in_sight(front.native))
    first.toggleViewAction().trigger()  # napari's Window menu has these
    viewer.window.remove_dock_widget(second)
    qtbot.wait(50)
    assert first.isHidden()
    assert not third.isHidden()
    assert widget.native.parent() is None
