"""The form in a window of the least size: nothing moves, nothing widens, all is in sight."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget
from stacks import banded_planes

OURS = "napari-focus-stack"
SMALL = (1024, 700)
LONG = "x" * 120
DOCKS = ("Show in 3-D", "Apply to other layers", "Correct depth", "Align only", "Probe focus")
SETTLED = 200
"""Milliseconds until layouts have settled."""


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.window.set_geometry(0, 0, *SMALL)
    return viewer


@pytest.fixture
def stack_dock(viewer):
    viewer.add_image(banded_planes(), name="leaf")
    dock, widget = viewer.window.add_plugin_dock_widget(OURS, "Focus Stack")
    widget.form.parameters["align"].value = "none"
    QTest.qWait(SETTLED)
    return dock, widget


def places(dock):
    """Place and size of every visible widget."""
    QTest.qWait(SETTLED)
    seen = [one for one in dock.findChildren(QWidget) if one.isVisible()]
    return [(type(one).__name__, one.mapTo(dock, QPoint(0, 0)), one.size()) for one in seen]


def activated(qtbot, viewer):
    window = viewer.window._qt_window
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)


def run(qtbot, widget):
    widget.stack_button.native.click()
    qtbot.waitUntil(lambda: not widget.job.running, timeout=10_000)


def test_typing_moves_nothing(qtbot, stack_dock):
    dock, widget = stack_dock
    check_typing(dock, widget)
    run(qtbot, widget)
    assert len(widget.job.status.value) > 60
    check_typing(dock, widget)
    widget.form.z_step.value, widget.form.checks["height"].value = "", True
    widget.stack()
    assert "type the z step" in widget.job.status.value
    check_typing(dock, widget)


def check_typing(dock, widget):
    """Type a z step, key by key, and clear the field again."""
    field, at = widget.form.z_step.native, places(dock)
    for key in ("2", ".", "5"):
        QTest.keyClicks(field, key)
        assert places(dock) == at
    field.clear()
    assert places(dock) == at


def test_long_names_widen_no_dock(qtbot, viewer, stack_dock):
    dock, widget = stack_dock
    width, size = dock.width(), viewer.window._qt_window.size()
    viewer.layers["leaf"].name = LONG
    viewer.add_shapes(np.array([[0, 0], [0, 40], [40, 40], [40, 0]]), name=f"y{LONG}")
    viewer.add_labels(np.zeros((48, 64), int), name=f"z{LONG}")
    viewer.layers.selection.active = viewer.layers[LONG]
    run(qtbot, widget)
    assert f"{LONG} [sharp]" in viewer.layers
    QTest.qWait(SETTLED)
    assert dock.width() == width
    for name in DOCKS:
        other, _ = viewer.window.add_plugin_dock_widget(OURS, name)
        qtbot.waitUntil(lambda one=other: one.width() == dock.width() == width)
    assert viewer.window._qt_window.size() == size


def test_more_opens_in_sight(stack_dock):
    _, widget = stack_dock
    form, area = widget.form, widget._choices.native.parentWidget()
    form.more.native.click()
    QTest.qWait(SETTLED)
    last = form.fold[-1].native
    assert area.rect().contains(last.mapTo(area, QPoint(0, last.height() // 2)))
    assert area.rect().contains(form.more.native.mapTo(area, QPoint(0, 5)))


def test_many_notes_leave_the_window_on_the_screen(viewer, stack_dock):
    dock, widget = stack_dock
    height = viewer.window._qt_window.height()
    widget.job.status.value = "\n".join(["A note on the recording that takes a line."] * 60)
    QTest.qWait(SETTLED)
    assert viewer.window._qt_window.height() == height
    below = widget.stack_button.native.mapTo(dock, QPoint(0, 0)).y()
    assert 0 < below < height


def test_focus_of_a_check_box_is_seen_and_moves_nothing(qtbot, viewer, stack_dock):
    dock, widget = stack_dock
    activated(qtbot, viewer)
    check = widget.form.checks["confidence"].native
    at, plain = places(dock), check.grab().toImage()
    check.setFocus()
    assert places(dock) == at
    assert check.hasFocus()
    assert check.grab().toImage() != plain


def test_height_in_micrometres_takes_two_actions_more(qtbot, viewer, stack_dock):
    _, widget = stack_dock
    activated(qtbot, viewer)
    widget.form.checks["height"].native.click()
    QTest.keyClicks(viewer.window._qt_window.focusWidget(), "2.5")
    run(qtbot, widget)
    height = viewer.layers["leaf [height]"].data
    index = viewer.layers["leaf [depth index]"].data
    assert np.abs(height - 2.5 * index).max() <= 1.25 + 1e-5  # between two planes
    assert height.max() > 2.5 * 4
    assert str(viewer.layers["leaf"].units[0]) == "micrometer"
