"""The dock widget in a real viewer: what it takes, what it adds, what it says."""

import threading
import time

import dask.array
import numpy as np
import pytest
from conftest import banded_planes

from napari_focus_stack._napari.layers import METADATA_KEY
from napari_focus_stack._napari.widget import FocusStackWidget
from napari_focus_stack.errors import Cancelled
from napari_focus_stack.result import Progress


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def docked(viewer):
    def dock():
        _, widget = viewer.window.add_plugin_dock_widget("napari-focus-stack", "Focus Stack")
        widget.form.parameters["align"].value = "none"
        return widget

    return dock


@pytest.fixture
def stacked(qtbot, viewer):
    """Press Stack and wait until the run is over; the layers that it added, by role."""

    def press(widget):
        before = list(viewer.layers)
        widget.stack_button.native.click()
        qtbot.waitUntil(lambda: not widget.cancel_button.enabled, timeout=10_000)
        added = [layer for layer in viewer.layers if layer not in before]
        return {layer.metadata[METADATA_KEY]["role"]: layer for layer in added}

    return press


def assert_bands(index, count):
    """The middle rows of band k come from plane k."""
    band = index.shape[0] // count
    for k in range(count):
        assert np.median(index[k * band + 2 : (k + 1) * band - 2]) == k


def select(widget, *layers):
    widget.layer_list.value = [layer.unique_id for layer in layers]


@pytest.fixture
def endless(monkeypatch):
    """An engine that goes on until it is cancelled."""
    running, cleaned_up = threading.Event(), threading.Event()

    def steps(source, settings, *, cancel):
        try:
            for k in range(2000):
                yield Progress("fuse", k % 2, 2, k, 2000)
                running.set()
                if cancel.is_set():
                    raise Cancelled
                time.sleep(0.005)
        finally:
            cleaned_up.set()

    monkeypatch.setattr("napari_focus_stack.pipeline.stack_steps", steps)
    return running, cleaned_up


def test_a_stack_layer_becomes_an_image_and_a_depth_index(
    viewer, docked, stacked, planes, notifications
):
    source = viewer.add_image(planes, name="cells", scale=(2, 0.5, 0.5), units="um")
    widget = docked()
    assert widget.chosen_layers() == [source]
    assert "6 planes, 64 x 48 uint8 grey" in widget.summary.value
    assert (widget.form.pixel_size.value, widget.form.z_step.value) == ("0.5", "2")
    assert widget.form.unit.value == "micrometer"
    added = stacked(widget)
    assert set(added) == {"stacked", "depth-index"}
    assert [layer.name for layer in viewer.layers][-1] == "cells stacked"
    assert added["stacked"].data.dtype == np.uint8
    assert_bands(added["depth-index"].data, 6)
    assert added["depth-index"].colorbar.visible
    for layer in added.values():
        assert layer.visible
        np.testing.assert_allclose(layer.scale, (0.5, 0.5))
        assert [str(unit) for unit in layer.units] == ["micrometer"] * 2
        for step in (0, 5):
            viewer.dims.set_current_step(0, step)
            assert layer.get_value((2.0 * step, 1.0, 1.0), world=True) == layer.data[2, 2]
    assert widget.status.value.startswith("Fused 6 of 6 planes")
    assert notifications == []
    assert widget.chosen_layers() == [source]  # ready for another go
    listed = [name for name, _ in widget.layer_list._widget._mgui_get_choices()]
    assert listed == ["cells", "cells stacked"]
    again = stacked(widget)
    assert again["stacked"].name == "cells stacked [1]"


def test_flat_layers_are_stacked_in_the_order_of_the_layer_list(viewer, docked, stacked, planes):
    layers = [viewer.add_image(plane, name=f"img_{k}") for k, plane in enumerate(planes)]
    widget = docked()
    assert len(widget.chosen_layers()) == 6
    assert "0 img_0, 1 img_1" in widget.summary.value
    viewer.layers.move(5, 0)
    assert "0 img_5, 1 img_0" in widget.summary.value
    layers[0].name = "renamed"
    assert "0 img_5, 1 renamed" in widget.summary.value
    assert len(widget.layer_list.value) == 6
    added = stacked(widget)
    band = added["depth-index"].data[40 + 2 : 48 - 2]
    assert np.median(band) == 0
    sources = added["stacked"].metadata[METADATA_KEY]["sources"]
    assert sources == ["img_5", "renamed", "img_1", "img_2", "img_3", "img_4"]


@pytest.mark.parametrize("kind", ["rgb16", "dask", "multiscale"])
def test_other_kinds_of_layer(viewer, docked, stacked, planes, kind):
    if kind == "rgb16":
        colour = np.stack([banded_planes(dtype=np.uint16)] * 3, axis=-1)
        viewer.add_image(colour, rgb=True, name="cells")
    elif kind == "dask":
        viewer.add_image(dask.array.from_array(planes, chunks=(1, 48, 64)), name="cells")
    else:
        viewer.add_image([planes, planes[:, ::2, ::2]], multiscale=True, name="cells")
    added = stacked(docked())
    assert_bands(added["depth-index"].data, 6)
    image = added["stacked"]
    assert image.rgb is (kind == "rgb16")
    assert image.data.dtype == (np.uint16 if kind == "rgb16" else np.uint8)
    if kind == "rgb16":
        assert tuple(image.contrast_limits) == (0, 65535)


def test_typed_lengths_reach_the_results_and_the_stack(viewer, docked, stacked, planes):
    source = viewer.add_image(planes, name="cells")
    widget = docked()
    assert (widget.form.pixel_size.value, widget.form.z_step.value) == ("", "")
    widget.form.checks["height"].value = True
    widget.form.checks["depth"].value = True
    widget.form.pixel_size.value = "0.25"
    widget.form.z_step.value = "3"
    added = stacked(widget)
    np.testing.assert_allclose(added["height"].data, added["depth"].data * 3, rtol=1e-6)
    for layer in (*added.values(), source):
        np.testing.assert_allclose(layer.scale[-2:], (0.25, 0.25))
        assert str(layer.units[-1]) == "micrometer"
    np.testing.assert_allclose(source.scale, (3, 0.25, 0.25))
    assert not widget.form.edited


def test_what_cannot_be_stacked_is_one_notification_naming_the_layer(
    viewer, docked, stacked, notifications
):
    widget = docked()
    widget.form.parameters["align"].value = "auto"
    assert not widget.stack_button.enabled
    assert "Select one (z, y, x) layer" in widget.summary.value
    small = viewer.add_image(np.zeros((20, 24), np.uint8), name="small")
    assert not widget.stack_button.enabled
    assert "'small'" in widget.summary.value
    large = viewer.add_image(np.zeros((40, 48), np.uint8), name="large")
    film = viewer.add_image(np.zeros((2, 3, 20, 24), np.uint8), name="film")
    thin = viewer.add_image(np.zeros((1, 20, 24), np.uint8), name="thin")
    nan = viewer.add_image(np.full((3, 20, 24), np.nan, np.float32), name="empty")
    for layers, named in (
        ((small, large), "'large' is 48 x 40"),
        ((film,), "'film' has 4 axes"),
        ((thin,), "'thin' holds a single plane"),
        ((nan, small), "'empty' is a stack by itself"),
        ((nan,), "empty"),
    ):
        notifications.clear()
        select(widget, *layers)
        assert widget.stack_button.enabled
        assert stacked(widget) == {}
        [message] = notifications
        assert named in message
        assert "inside" not in message


def test_wrong_parameters_are_one_notification(viewer, docked, stacked, planes, notifications):
    viewer.add_image(planes, name="cells")
    widget = docked()
    for control, value, named in (
        (widget.form.z_step, "far", "'far'"),
        (widget.form.pixel_size, "-1", "'-1'"),
        (widget.form.pixel_size, "1, 2, 3", "'1, 2, 3'"),
    ):
        notifications.clear()
        before, control.value = control.value, value
        assert stacked(widget) == {}
        [message] = notifications
        assert named in message
        control.value = before
    notifications.clear()
    widget.form.checks["height"].value = True
    assert stacked(widget) == {}
    assert "z step" in notifications[0]


def test_parameters_of_a_method_show_with_it(viewer, docked, planes):
    viewer.add_image(planes)
    widget = docked()
    form = widget.form
    kernels = [form.parameters["gaussian"], form.parameters["laplacian"]]
    assert not any(kernel.native.isVisibleTo(widget.native) for kernel in kernels)
    form.parameters["method"].value = "laplacian"
    assert all(kernel.native.isVisibleTo(widget.native) for kernel in kernels)
    kernels[0].value = 7
    form.parameters["reference"].value = 5
    settings = form.settings()
    assert (settings.method, settings.gaussian, settings.laplacian) == ("laplacian", 7, 5)
    assert settings.reference == 5
    assert "odd" in kernels[0].tooltip
    viewer.add_image(planes[:3], name="short")
    select(widget, viewer.layers["short"])
    assert form.parameters["reference"].value == "middle"


def test_cancel_adds_nothing_and_leaves_the_widget_ready(
    qtbot, viewer, docked, planes, endless, notifications
):
    running, cleaned_up = endless
    viewer.add_image(planes)
    widget = docked()
    widget.stack_button.native.click()
    qtbot.waitUntil(running.is_set, timeout=5000)
    assert not widget.stack_button.enabled
    qtbot.waitUntil(lambda: "plane" in widget.status.value, timeout=5000)
    widget.stack()  # a second run does not start
    begun = time.monotonic()
    widget.cancel_button.native.click()
    qtbot.waitUntil(lambda: widget.stack_button.enabled, timeout=5000)
    assert time.monotonic() - begun < 1
    assert cleaned_up.is_set()
    assert len(viewer.layers) == 1
    assert widget.status.value == "Cancelled; nothing was added."
    assert notifications == []


@pytest.mark.parametrize("what", ["dock", "window"])
def test_closing_in_the_middle_of_a_run_ends_it(
    qtbot, make_napari_viewer, planes, endless, notifications, what
):
    running, cleaned_up = endless
    viewer = make_napari_viewer()
    viewer.add_image(planes)
    dock, widget = viewer.window.add_plugin_dock_widget("napari-focus-stack", "Focus Stack")
    widget.stack_button.native.click()
    qtbot.waitUntil(running.is_set, timeout=5000)
    begun = time.monotonic()
    if what == "dock":
        dock.destroyOnClose()
    else:
        viewer.close()
    del dock, widget
    qtbot.waitUntil(cleaned_up.is_set, timeout=5000)
    assert time.monotonic() - begun < 1
    qtbot.wait(50)  # late callbacks would come now
    assert notifications == []


def test_layers_that_go_during_a_run_do_not_stop_it(qtbot, viewer, docked, planes, monkeypatch):
    from napari_focus_stack.pipeline import stack_steps

    go = threading.Event()

    def waiting(source, settings, *, cancel):
        yield Progress("fuse", 0, 2, 0, 2)
        go.wait(5)
        return (yield from stack_steps(source, settings, cancel=cancel))

    monkeypatch.setattr("napari_focus_stack.pipeline.stack_steps", waiting)
    viewer.add_image(planes, name="cells")
    widget = docked()
    widget.stack_button.native.click()
    viewer.layers.clear()
    go.set()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=10_000)
    assert [layer.name for layer in viewer.layers] == ["cells depth index", "cells stacked"]


def test_the_widget_takes_the_viewer_by_name():
    import inspect

    assert list(inspect.signature(FocusStackWidget.__init__).parameters)[1] == "napari_viewer"
