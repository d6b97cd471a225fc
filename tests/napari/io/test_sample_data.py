"""Samples in napari's menu, and the demo's window."""

import sys

import npe2
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_focus_stack._napari.demo import open_demo
from napari_focus_stack._napari.layers.geometry import spacing_of
from napari_focus_stack.errors import FocusStackError
from napari_focus_stack.simulation.samples import render_sample


@pytest.mark.parametrize("name", ["histology", "motorcycle"])
def test_a_sample_opens_calibrated(name):
    npe2.PluginManager.instance().discover()
    viewer = ViewerModel()
    viewer.open_sample("napari-focus-stack", name)
    [layer] = viewer.layers
    sample = render_sample(name)
    assert layer.rgb
    assert layer.name == name
    np.testing.assert_array_equal(layer.data[1], sample.planes[1])
    assert spacing_of([layer]) == sample.spacing


def test_the_demo_shows_the_sample_and_the_widget(qtbot, make_napari_viewer, monkeypatch):
    viewer = make_napari_viewer()
    monkeypatch.setattr("napari.Viewer", lambda **_: viewer)
    monkeypatch.setattr("napari.run", lambda: None)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setattr("napari_focus_stack._napari.viewer.dock_tabs.SETTLED", 0)
    open_demo("histology")
    qtbot.wait(20)
    assert [layer.name for layer in viewer.layers] == ["histology"]
    [widget] = viewer.window.dock_widgets.values()
    assert widget.stack_button.enabled
    assert "12 planes" in widget.input.summary.value


def test_the_demo_without_qt_is_one_sentence(monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setitem(sys.modules, "qtpy.QtWidgets", None)
    with pytest.raises(FocusStackError, match=r"install napari-focus-stack\[all\]"):
        open_demo()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others always have a screen")
def test_the_demo_without_a_screen_is_one_sentence(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(FocusStackError, match="screen"):
        open_demo()
