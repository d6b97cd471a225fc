"""The probe names the plane in focus where the mouse points, and a click goes to it."""

import re
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)

from napari_focus_stack._napari.layers.appearance import OUTPUTS
from napari_focus_stack._napari.layers.results import SourceInfo, result_layers
from napari_focus_stack.analysis.height_map import HeightMap
from napari_focus_stack.io.sources import ArraySource, Spacing
from napari_focus_stack.pipeline.stack import focus_stack
from napari_focus_stack.settings import Settings

UM = Spacing(y=0.5, x=0.25, z=2.0, unit="micrometer")
PLACE = {"scale": (2, 0.5, 0.25), "translate": (3, 7, -5), "units": "um"}
TITLE = "Probe focus"


@pytest.fixture
def docked(dock):
    return dock(TITLE)


@pytest.fixture
def whole_viewer(make_napari_viewer):
    return make_napari_viewer()


def add_result(viewer, planes, wanted=tuple(OUTPUTS), crop=False):
    """Add a stack and its result; with `crop` its planes moved, and the result lost two columns."""
    source = viewer.add_image(planes, name="cells", **PLACE)
    matrices = np.tile(np.eye(3), (len(planes), 1, 1))
    if crop:
        matrices[3:, 0, 2] = -2
    result = focus_stack(ArraySource(planes, spacing=UM), transforms=matrices, crop=crop)
    for array, arguments in result_layers(result, wanted, SourceInfo.of([source], Settings())):
        viewer.add_image(array, **arguments)
    return result


def event(kind, layer, pixel, moved=(0, 0), **other):
    """Event over a pixel of a layer, as the canvas sends it."""
    inside = (*[0] * (layer.ndim - 2), *pixel)
    place = layer.data_to_world(inside)
    position = (0,) * (3 - len(place)) + tuple(place)
    given = {"button": 1, "modifiers": (), "handled": False, "is_dragging": False, **other}
    canvas = np.add((50, 50), moved)
    return SimpleNamespace(type=kind, position=position, pos=canvas, **given)


def point(qtbot, viewer, widget, layer, pixel):
    mouse_move_callbacks(viewer, event("mouse_move", layer, pixel))
    qtbot.waitUntil(lambda: widget.worker.idle, timeout=10_000)
    return widget.status.value


def click(viewer, layer, pixel, moved=(0, 0), **other):
    # napari puts the next events into the wrapper that callbacks have got
    pressed = ReadOnlyWrapper(event("mouse_press", layer, pixel, **other))
    mouse_press_callbacks(viewer, pressed)
    if any(moved):
        dragged = event("mouse_move", layer, pixel, moved, is_dragging=True, **other)
        mouse_move_callbacks(viewer, dragged)
    mouse_release_callbacks(viewer, event("mouse_release", layer, pixel, moved, **other))


def test_the_line_names_the_plane_in_focus_over_result_and_stack(qtbot, viewer, docked, planes):
    add_result(viewer, planes)
    image = viewer.layers["cells [sharp]"]
    for plane in range(6):
        said = point(qtbot, viewer, docked, image, (8 * plane + 4, 30))
        assert said.startswith(
            f"Pixel ({8 * plane + 4}, 30): plane {plane} is shown, sharpest at {plane}"
        )
        assert re.search(r"height [-\d.]+ ± [\d.]+ µm \(plane [-\d.]+ ± [\d.]+\)", said), said
        assert "confidence" in said
        curve = docked.plot.curve
        assert int(np.nanargmax(curve.energies)) == plane
    image.translate = (1000, 1000)  # laid beside: the stack is pointed at instead
    said = point(qtbot, viewer, docked, viewer.layers["cells"], (20, 10))
    assert said.startswith("Pixel (20, 10): plane 2 is shown, sharpest at 2")


def test_a_height_is_told_with_its_uncertainty_where_that_is_known(qtbot, viewer, docked, planes):
    result = add_result(viewer, planes)
    height = float(result.height[20, 30])
    error = float(HeightMap.of_result(result).uncertainty[20, 30])
    image = viewer.layers["cells [sharp]"]
    told = docked._probed.height_at((20, 30))
    assert (told.height, told.uncertainty) == (pytest.approx(height), pytest.approx(error))
    assert (told.unit, told.plane_height) == ("micrometer", 2)
    viewer.layers.remove("cells [confidence]")
    said = point(qtbot, viewer, docked, image, (20, 30))
    assert f"height {height:.4g} µm (plane {height / 2:.4g})" in said
    assert "±" not in said
    for layer in viewer.layers:
        known = layer.metadata.get("napari-focus-stack", {})
        if "spacing" in known:
            known["spacing"] = {}
    viewer.layers.remove("cells [height]")
    said = point(qtbot, viewer, docked, image, (20, 31))
    assert f"depth {float(result.depth[20, 31]):.4g}." in said


def test_what_is_not_known_is_not_said(qtbot, viewer, docked, planes):
    add_result(viewer, planes, wanted=("depth-index",))
    said = point(qtbot, viewer, docked, viewer.layers["cells [sharp]"], (4, 30))
    assert "plane 0" in said
    assert "confidence" not in said
    assert "depth" not in said


def test_a_click_goes_to_the_plane_and_a_drag_does_not(viewer, docked, planes):
    add_result(viewer, planes)
    image = viewer.layers["cells [sharp]"]
    for plane in (4, 0, 5):
        click(viewer, image, (8 * plane + 4, 30))
        assert viewer.dims.point[0] == pytest.approx(2 * plane + 3)
        assert viewer.dims.current_step[0] == plane
    click(viewer, image, (12, 30), moved=(30, 0))
    click(viewer, image, (12, 30), button=2)
    click(viewer, image, (12, 30), modifiers=("Shift",))
    assert viewer.dims.current_step[0] == 5
    viewer.add_labels(np.zeros((48, 64), int)).mode = "paint"
    click(viewer, image, (12, 30))
    assert viewer.dims.current_step[0] == 5


def test_a_cut_result_counts_from_its_corner(qtbot, viewer, docked, planes):
    result = add_result(viewer, planes, crop=True)
    top, _, left, _ = result.report.crop
    assert left == 2
    image = viewer.layers["cells [sharp]"]
    said = point(qtbot, viewer, docked, image, (12 - top, 20))
    assert said.startswith("Pixel (12, 22): plane 1 is shown, sharpest at 1")
    # the stack shows more than the result: there is a curve there, but nothing was chosen
    said = point(qtbot, viewer, docked, viewer.layers["cells"], (12, 0))
    assert said.startswith("Pixel (12, 0): cropped away, sharpest at 1")
    click(viewer, viewer.layers["cells"], (12, 0))
    assert viewer.dims.current_step[0] == 1


def test_renamed_layers_stay_in_sight_and_removed_ones_are_noted(qtbot, viewer, docked, planes):
    assert docked.status.value.startswith("No result with a depth index is in the viewer")
    add_result(viewer, planes)
    image, stack = viewer.layers["cells [sharp]"], viewer.layers["cells"]
    assert docked.status.value.startswith("Point at a pixel")
    stack.name = "renamed"
    assert "plane 1" in point(qtbot, viewer, docked, image, (12, 30))
    viewer.layers.remove(stack)
    said = point(qtbot, viewer, docked, image, (20, 30))
    assert said.startswith("'cells', of which 'cells [sharp]' was made, is not in the viewer")
    click(viewer, image, (20, 30))
    viewer.layers.remove(image)
    assert docked.status.value.startswith("No result with a depth index is in the viewer")
    mouse_move_callbacks(viewer, event("mouse_move", image, (12, 30)))
    assert docked.plot.curve is None


def test_looks_are_taken_elsewhere_and_only_the_newest_waits(
    qtbot, viewer, docked, planes, monkeypatch
):
    add_result(viewer, planes)
    image = viewer.layers["cells [sharp]"]
    gate, seen = threading.Event(), []
    probe = docked._probed.probe
    real = probe.curve

    def slow(y, x):
        seen.append((y, threading.current_thread() is threading.main_thread()))
        gate.wait(10)
        return real(y, x)

    monkeypatch.setattr(probe, "curve", slow)
    for row in range(4, 48, 4):
        mouse_move_callbacks(viewer, event("mouse_move", image, (row, 30)))
    assert not docked.worker.idle
    gate.set()
    qtbot.waitUntil(lambda: docked.worker.idle, timeout=10_000)
    assert seen == [(4, False), (44, False)]
    assert docked.status.value.startswith("Pixel (44, 30): plane 5")


def test_a_result_removed_during_a_look_leaves_no_curve(qtbot, viewer, docked, planes, monkeypatch):
    add_result(viewer, planes)
    image = viewer.layers["cells [sharp]"]
    gate, probe = threading.Event(), docked._probed.probe
    real = probe.curve
    monkeypatch.setattr(probe, "curve", lambda y, x: gate.wait(10) and real(y, x))
    mouse_move_callbacks(viewer, event("mouse_move", image, (12, 30)))
    viewer.layers.remove(image)
    gate.set()
    qtbot.waitUntil(lambda: docked.worker.idle, timeout=10_000)
    assert docked.status.value.startswith("No result")
    assert docked.plot.curve is None


def test_a_window_closed_during_a_look_hears_nothing_of_it(
    qtbot, whole_viewer, planes, monkeypatch
):
    viewer = whole_viewer
    _, docked = viewer.window.add_plugin_dock_widget("napari-focus-stack", TITLE)
    add_result(viewer, planes)
    gate, probe = threading.Event(), docked._probed.probe
    real = probe.curve
    monkeypatch.setattr(probe, "curve", lambda y, x: gate.wait(10) and real(y, x))
    mouse_move_callbacks(viewer, event("mouse_move", viewer.layers["cells [sharp]"], (12, 30)))
    assert not docked.worker.idle
    viewer.close()
    gate.set()
    # qtbot fails the test if an exception is raised in a slot
    qtbot.waitUntil(lambda: docked.worker.idle, timeout=10_000)


def test_planes_in_no_order_have_a_curve(qtbot, viewer, docked, planes):
    source = ArraySource(planes[[2, 0, 5, 1, 4, 3]])
    layer = viewer.add_image(planes[[2, 0, 5, 1, 4, 3]], name="cells")
    result = focus_stack(source, align="none")
    report = replace(result.report, in_order=False)
    result = replace(result, report=report)
    for array, given in result_layers(result, ["depth-index"], SourceInfo.of([layer], Settings())):
        viewer.add_image(array, **given)
    said = point(qtbot, viewer, docked, viewer.layers["cells [sharp]"], (12, 30))
    assert said.startswith("Pixel (12, 30): plane 3 is shown, sharpest at 3.0")  # the second band's
    assert not docked._probed.joined
    click(viewer, viewer.layers["cells [sharp]"], (12, 30))
    assert viewer.dims.current_step[0] == 3


def test_a_plane_that_cannot_be_read_is_said(qtbot, viewer, docked, planes, monkeypatch):
    add_result(viewer, planes)

    def broken(y, x):
        raise OSError("a bug")

    monkeypatch.setattr(docked._probed.probe, "curve", broken)
    said = point(qtbot, viewer, docked, viewer.layers["cells [sharp]"], (12, 30))
    assert said.startswith("The focus probe failed inside: OSError: a bug (")


def test_closing_takes_the_callbacks_away(whole_viewer):
    viewer = whole_viewer
    before = len(viewer.mouse_move_callbacks), len(viewer.mouse_drag_callbacks)
    dock, _ = viewer.window.add_plugin_dock_widget("napari-focus-stack", TITLE)
    now = len(viewer.mouse_move_callbacks), len(viewer.mouse_drag_callbacks)
    assert now == (before[0] + 1, before[1] + 1)
    viewer.window.remove_dock_widget(dock)
    assert (len(viewer.mouse_move_callbacks), len(viewer.mouse_drag_callbacks)) == before


def test_of_2d_layers_a_click_selects_the_one_in_focus(qtbot, viewer, docked, planes):
    sources = [viewer.add_image(plane, name=f"img_{k}") for k, plane in enumerate(planes)]
    result = focus_stack(ArraySource(planes), align="none")
    for array, given in result_layers(result, ["depth-index"], SourceInfo.of(sources, Settings())):
        viewer.add_image(array, **given)
    image = viewer.layers[-1]
    assert "plane 4 is shown, sharpest at 4" in point(qtbot, viewer, docked, image, (36, 30))
    click(viewer, image, (36, 30))
    assert viewer.layers.selection.active == sources[4]


def test_a_hidden_dock_looks_at_nothing(whole_viewer, planes):
    viewer = whole_viewer
    dock, widget = viewer.window.add_plugin_dock_widget("napari-focus-stack", TITLE)
    add_result(viewer, planes)
    before = viewer.dims.current_step[0]
    dock.hide()
    image = viewer.layers["cells [sharp]"]
    mouse_move_callbacks(viewer, event("mouse_move", image, (12, 30)))
    assert widget.worker.idle
    click(viewer, image, (4, 30))
    assert viewer.dims.current_step[0] == before != 0
