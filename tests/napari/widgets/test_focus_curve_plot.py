"""The plot of a focus curve shows all of it where it belongs, and leaves the process as it was."""

import csv
import gc
import os
import subprocess
import sys
import weakref
from dataclasses import replace

import numpy as np
import pytest
import qtpy
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QImage, QPalette, QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_focus_stack._napari.widgets.focus_curve_plot import (
    EnergyAxis,
    FocusCurvePlot,
    PlaneAxis,
    energy_limits,
)
from napari_focus_stack._napari.widgets.themed_plot import (
    BINDING,
    HEIGHT,
    WIDTH,
    _napari_binding,
)
from napari_focus_stack.depth.focus_curve import FocusCurve

ORANGE = 230, 120, 0
ENERGIES = np.array([1, 2, 40, 90, 60, np.nan, np.nan, 8, 20, 3], np.float32)
CURVE = FocusCurve(0, 0, ENERGIES, ENERGIES, 3.25, 8, 3, 3.25, 0.9)


@pytest.fixture
def plot(qtbot):
    plot = FocusCurvePlot()
    qtbot.addWidget(plot)
    plot.resize(400, HEIGHT)
    plot.show()
    return plot


def painted(plot, curve, joined=True):
    from pyqtgraph.functions import ndarray_from_qimage

    plot.show_curve(curve, joined=joined)
    shot = plot.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    return ndarray_from_qimage(shot)[..., 2::-1].astype(int)


def place(plot, plane, energy):
    """Pixel (x, y) of the plot where an energy stands."""
    return plot._box.mapViewToScene(QPointF(plane, np.log10(energy)))


def ink(pixels):
    """Where something is drawn."""
    return (pixels != pixels[0, -1]).any(-1)


def peak_column(pixels):
    orange = (np.abs(pixels - ORANGE) < 40).all(-1)[5:200].mean(0) > 0.7
    return np.flatnonzero(orange).mean()


def strings(axis, low, high):
    """Labels of an axis between its ends, coarse ones first."""
    levels = axis.tickValues(low, high, 200)
    return [
        text
        for spacing, values in levels
        for text in axis.tickStrings([v for v in values if low <= v <= high], 1.0, spacing)
    ]


def turn_wheel(plot, plane, energy):
    here, viewport = place(plot, plane, energy), plot._view.viewport()
    turned = QWheelEvent(
        here,
        QPointF(viewport.mapToGlobal(here.toPoint())),
        QPoint(0, 0),
        QPoint(0, 480),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(viewport, turned)


def test_the_peak_is_a_line_where_it_belongs(plot):
    line = peak_column(painted(plot, CURVE))
    # the axis begins behind the labels and ends 8 pixels before the edge
    assert 0.28 * 400 < line < 0.5 * 400
    moved = peak_column(painted(plot, replace(CURVE, peak=8.25)))
    plane = (moved - line) / 5
    assert moved + 1.25 * plane == pytest.approx(392, abs=2)
    no_peak = painted(plot, replace(CURVE, peak=None))
    assert not (np.abs(no_peak - ORANGE) < 40).all(-1).any()


def test_planes_in_no_order_are_not_joined(plot):
    joined = ink(painted(plot, replace(CURVE, peak=None)))
    apart = ink(painted(plot, replace(CURVE, peak=None), joined=False))
    assert apart.sum() < joined.sum()


def test_planes_left_out_are_gaps_and_marks_differ(plot):
    drawn = ink(painted(plot, replace(CURVE, peak=None)))

    def inked(plane, energy, radius):
        at = place(plot, plane, energy).toPoint()
        square = (
            slice(at.y() - radius, at.y() + radius + 1),
            slice(at.x() - radius, at.x() + radius),
        )
        return int(drawn[square].sum())

    left, right = (int(place(plot, plane, 1).x()) for plane in (4.5, 6.5))
    assert not drawn[8:195, left:right].any()
    large, ring, small = inked(3, 90, 5), inked(8, 20, 3), inked(1, 2, 5)
    assert ring < small < large  # the line through it makes the small one more than its own


def test_an_energy_of_none_lies_at_the_lower_edge(plot):
    energies = np.where(np.arange(10) == 7, 0, ENERGIES)
    shown = painted(plot, replace(CURVE, energies=energies, peak=None), joined=False)
    low, _ = energy_limits(energies)
    at = place(plot, 7, 10**low).toPoint()
    assert ink(shown)[at.y() - 2, at.x()]
    assert not ink(painted(plot, replace(CURVE, peak=None), joined=False))[at.y() - 2, at.x()]


def test_curves_without_energies_leave_empty_axes(plot):
    empty = painted(plot, None)
    assert ink(empty).any()
    nothing = np.full(4, np.nan, np.float32)
    unrecorded = FocusCurve(0, 0, nothing, nothing, None, None, 2, 2.0, 0.0)
    np.testing.assert_array_equal(painted(plot, unrecorded), empty)
    assert (painted(plot, CURVE) != empty).any()
    np.testing.assert_array_equal(painted(plot, None), empty)


def test_a_decade_is_a_decade_and_labels_are_energies(plot):
    plot.show_curve(CURVE)
    heights = [place(plot, 0, energy).y() for energy in (1, 10, 100)]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2])
    axis = EnergyAxis("left")
    wide = np.array([np.nan, 1, 10, np.nan, 1000, 100], np.float32)
    assert strings(axis, *energy_limits(wide)) == ["1", "10", "100", "1000"]
    narrow = np.array([1.5, 36], np.float32)
    assert strings(axis, *energy_limits(narrow)) == ["1", "2", "5", "10", "20"]  # noise is shown
    assert {"340", "344", "350"} <= set(strings(axis, np.log10(339.9), np.log10(351)))


def test_planes_are_whole_numbers_however_close(qapp):
    axis = PlaneAxis("bottom")
    assert strings(axis, 2.5, 4.5) == ["3", "4"]
    assert {float(text) % 1 for text in strings(axis, -0.5, 999.5)} == {0}


def test_the_pointer_reads_the_nearest_plane(qtbot, plot):
    plot.show_curve(CURVE)
    viewport = plot._view.viewport()
    read = plot._value
    for plane, energy, said in ((3.2, 2, "plane 3: 90"), (5.2, 30, "plane 4: 60")):
        qtbot.wait(20)  # pyqtgraph leaves out moves that follow within 10 ms
        qtbot.mouseMove(viewport, place(plot, plane, energy).toPoint())
        qtbot.waitUntil(lambda said=said: read.isVisible() and read.toPlainText() == said)
    QApplication.sendEvent(plot, QEvent(QEvent.Type.Leave))
    assert not read.isVisible()
    plot.show_curve(None)
    qtbot.wait(20)
    qtbot.mouseMove(viewport, QPoint(200, 100))
    qtbot.wait(20)
    assert not read.isVisible()


def test_the_wheel_zooms_and_a_new_curve_is_seen_whole(plot):
    plot.show_curve(CURVE)
    whole = plot._box.viewRange()
    turn_wheel(plot, 3, 50)
    (first, last), (low, high) = plot._box.viewRange()
    assert last - first < 0.8 * 10
    assert first < 3 < last
    assert high - low < 0.8 * (whole[1][1] - whole[1][0])
    weak = np.minimum(ENERGIES, 2)
    plot.show_curve(replace(CURVE, energies=weak))
    planes, levels = plot._box.viewRange()
    assert planes == [first, last]
    assert levels == pytest.approx(energy_limits(weak))
    plot.show_curve(None)
    plot.show_curve(CURVE)
    np.testing.assert_allclose(plot._box.viewRange(), whole)


def test_csv_holds_the_energies_themselves(plot, tmp_path):
    from pyqtgraph.exporters import CSVExporter

    energies = np.array([1e6, 0, np.nan, 2.5, 40], np.float32)
    plot.show_curve(replace(CURVE, energies=energies, plane=0, runner_up=4))
    CSVExporter(plot._view.getPlotItem()).export(str(tmp_path / "curve.csv"))
    with open(tmp_path / "curve.csv", newline="") as file:
        names, *rows = csv.reader(file)
    assert names == ["sharpness_x", "sharpness_y"]
    np.testing.assert_allclose(np.array(rows, float), np.stack([np.arange(5), energies], 1))


def test_the_export_window_closes_with_the_plot(plot):
    scene = plot._view.scene()
    scene.contextMenuItem = plot._box
    scene.showExportDialog()
    assert scene.exportDialog.isVisible()
    plot.hide()
    assert not scene.exportDialog.isVisible()


def test_colours_follow_the_theme(plot):
    for ink, paper in (("white", "black"), ("black", "white")):
        palette = QPalette()
        palette.setColor(QPalette.ColorRole.WindowText, QColor(ink))
        palette.setColor(QPalette.ColorRole.Window, QColor(paper))
        plot.setPalette(palette)
        pixels = painted(plot, CURVE)
        assert tuple(pixels[3, -3]) == QColor(paper).getRgb()[:3]
        at = place(plot, 3, 90).toPoint()
        assert tuple(pixels[at.y(), at.x() - 2]) == QColor(ink).getRgb()[:3]


def test_the_dock_does_not_grow(plot):
    long = np.full(10, 1e9, np.float32)
    for curve in (None, CURVE, replace(CURVE, energies=long)):
        painted(plot, curve)
        assert plot.sizeHint().width() <= WIDTH
        assert plot.minimumSizeHint().width() <= WIDTH
        assert plot.height() == HEIGHT
        assert plot._box.sceneBoundingRect().left() < 90


def test_a_deleted_plot_leaves_no_widget(qapp):
    def count():
        qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        return len(qapp.allWidgets())

    before = count()
    plot = FocusCurvePlot()
    plot.show_curve(CURVE)
    plot.grab()
    box = weakref.ref(plot._box)
    plot.deleteLater()
    del plot
    assert count() == before
    assert box() is None


def test_it_is_imported_with_its_dock_alone_and_changes_nothing():
    code = """
import os, sys
import napari_focus_stack, napari_focus_stack._napari.docks.stack
assert "pyqtgraph" not in sys.modules
before, hook = dict(os.environ), sys.excepthook
import napari_focus_stack._napari.widgets.focus_curve_plot, pyqtgraph, qtpy
assert pyqtgraph.Qt.QT_LIB == qtpy.API_NAME
assert sys.excepthook is hook
assert os.environ == before
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_another_choice_of_binding_is_put_back(monkeypatch):
    monkeypatch.setenv(BINDING, "PyQt5")
    with _napari_binding():
        assert os.environ[BINDING] == qtpy.API_NAME
    assert os.environ[BINDING] == "PyQt5"
