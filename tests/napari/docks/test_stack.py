"""The dock widget in a real viewer: what it takes, what it adds, what it says."""

import threading
import time
from dataclasses import replace

import dask.array
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from stacks import banded_planes, grid_of, in_a_window, in_one_unit

from napari_focus_stack._napari.docks import stack as room
from napari_focus_stack._napari.docks.stack import FocusStackWidget
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack.errors import Cancelled
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.result import Progress


@pytest.fixture
def docked(dock):
    def begin():
        widget = dock("Focus Stack")
        widget.form.parameters["align"].value = "none"
        return widget

    return begin


@pytest.fixture
def stacked(qtbot, viewer):
    """Press Stack and wait until the run is over; the layers that it added, by role."""

    def press(widget):
        before = list(viewer.layers)
        widget.stack_button.native.click()
        qtbot.waitUntil(lambda: not widget.job.cancel_button.enabled, timeout=10_000)
        added = [layer for layer in viewer.layers if layer not in before]
        return {layer.metadata[METADATA_KEY]["role"]: layer for layer in added}

    return press


def assert_bands(index, count):
    """The middle rows of band k come from plane k."""
    band = index.shape[0] // count
    for k in range(count):
        assert np.median(index[k * band + 2 : (k + 1) * band - 2]) == k


def select(widget, *layers):
    widget.input.layer_list.value = [layer.unique_id for layer in layers]


@pytest.fixture
def endless(monkeypatch):
    """An engine that goes on until it is cancelled."""
    running, cleaned_up = threading.Event(), threading.Event()

    def steps(source, settings, *, cancel, align_mask):
        try:
            for k in range(2000):
                yield Progress("fuse", k % 2, 2, k, 2000)
                running.set()
                if cancel.is_set():
                    raise Cancelled
                time.sleep(0.005)
        finally:
            cleaned_up.set()

    monkeypatch.setattr("napari_focus_stack.pipeline.stack.stack_steps", steps)
    return running, cleaned_up


@in_a_window
def test_a_stack_layer_becomes_an_image_and_a_depth_index(
    viewer, docked, stacked, planes, notifications
):
    source = viewer.add_image(planes, name="cells", scale=(2, 0.5, 0.5), units="um")
    widget = docked()
    assert widget.input.chosen_layers() == [source]
    assert "6 planes, 64 x 48 uint8 grey" in widget.input.summary.value
    assert (widget.form.pixel_size.value, widget.form.z_step.value) == ("0.5", "2")
    assert widget.form.unit.value == "micrometer"
    added = stacked(widget)
    assert set(added) == {"stacked", "depth-index"}
    assert [layer.name for layer in viewer.layers][-1] == "cells [sharp]"
    assert added["stacked"].data.dtype == np.uint8
    assert_bands(added["depth-index"].data, 6)
    for layer in added.values():
        assert layer.visible
        np.testing.assert_allclose(layer.scale, (0.5, 0.5))
        assert [str(unit) for unit in layer.units] == ["micrometer"] * 2
        for step in (0, 5):
            viewer.dims.set_current_step(0, step)
            assert layer.get_value((2.0 * step, 1.0, 1.0), world=True) == layer.data[2, 2]
    assert widget.job.status.value.startswith(
        "Stacked all 6 planes of the layer, which were not moved."
    )
    assert (
        "'cells [sharp]' lies on top; hide it to see 'cells [depth index]'."
        in widget.job.status.value
    )
    assert notifications == []
    assert widget.input.chosen_layers() == [source]  # ready for another go
    listed = [name for name, _ in widget.input.layer_list._widget._mgui_get_choices()]
    assert listed == ["cells"]  # results are no input
    again = stacked(widget)
    assert again["stacked"].name == "cells [sharp 2]"


def test_flat_layers_are_stacked_in_the_order_of_the_layer_list(viewer, docked, stacked, planes):
    layers = [viewer.add_image(plane, name=f"img_{k}") for k, plane in enumerate(planes)]
    widget = docked()
    assert len(widget.input.chosen_layers()) == 6
    assert "0 img_0, 1 img_1" in widget.input.summary.value
    viewer.layers.move(5, 0)
    assert "0 img_5, 1 img_0" in widget.input.summary.value
    layers[0].name = "renamed"
    if hasattr(viewer.layers.events, "renamed"):  # older napari lists no layer anew then
        assert "0 img_5, 1 renamed" in widget.input.summary.value
    assert len(widget.input.layer_list.value) == 6
    added = stacked(widget)
    band = added["depth-index"].data[40 + 2 : 48 - 2]
    assert np.median(band) == 0
    sources = added["stacked"].metadata[METADATA_KEY]["sources"]
    assert sources == ["img_5", "renamed", "img_1", "img_2", "img_3", "img_4"]


@pytest.mark.parametrize("kind", ["rgb16", "dask", "multiscale"])
@in_a_window
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


def test_what_cannot_be_stacked_is_said_once_and_not_started(viewer, docked, notifications):
    widget = docked()
    assert "Open a stack first" in widget.input.summary.value
    small = viewer.add_image(np.zeros((20, 24), np.uint8), name="small")
    assert "'small'" in widget.input.summary.value
    large = viewer.add_image(np.zeros((40, 48), np.uint8), name="large")
    scaled = viewer.add_image(np.zeros((20, 24), np.uint8), name="scaled", scale=(2, 2))
    thin = viewer.add_image(np.zeros((1, 20, 24), np.uint8), name="thin")
    stack = viewer.add_image(np.zeros((3, 20, 24), np.uint8), name="stack")
    for layers, named in (
        ((small, large), "'large' is 48 x 40"),
        ((small, scaled), "'scaled' has another scale"),
        ((thin,), "'thin' holds a single plane"),
        ((stack, small), "'stack' is a stack by itself"),
    ):
        select(widget, *layers)
        assert not widget.stack_button.enabled
        assert named in widget.input.summary.value
        assert widget.job.status.value == ""
        select(widget, stack)
        assert widget.stack_button.enabled
        assert "3 planes" in widget.input.summary.value
    assert notifications == []


def test_what_the_engine_refuses_is_one_notification_naming_the_layer(
    viewer, docked, stacked, notifications
):
    viewer.add_image(np.full((3, 20, 24), np.nan, np.float32), name="empty")
    widget = docked()
    widget.form.parameters["align"].value = "auto"
    assert stacked(widget) == {}
    [message] = notifications
    assert "empty" in message
    assert "inside" not in message
    assert widget.job.status.value == message


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
        assert widget.job.status.value == message
        assert widget.job.status.enabled
        control.value = before
        assert not widget.job.status.enabled


def test_parameters_of_a_method_show_with_it(viewer, docked, planes):
    viewer.add_image(planes)
    widget = docked()
    form = widget.form
    form.unfold()
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
    qtbot.waitUntil(lambda: "plane" in widget.job.status.value, timeout=5000)
    widget.stack()  # a second run does not start
    widget.job.cancel_button.native.click()
    qtbot.waitUntil(lambda: widget.stack_button.enabled, timeout=5000)
    assert cleaned_up.is_set()
    assert len(viewer.layers) == 1
    assert widget.job.status.value == "Cancelled; no result was added."
    assert notifications == []


def test_too_little_free_memory_is_said_while_the_run_goes_on(
    qtbot, viewer, docked, planes, endless, monkeypatch
):
    monkeypatch.setattr("napari_focus_stack.pipeline.memory_advice.free_memory", lambda: 1000)
    viewer.add_image(planes)
    widget = docked()
    widget.stack_button.native.click()
    qtbot.waitUntil(lambda: "are free" in widget.job.status.value, timeout=5000)
    assert widget.job.status.value.startswith("Fusing plane")
    assert "(Preferences > Focus Stack" in widget.job.status.value
    assert "--memory" not in widget.job.status.value
    widget.job.cancel_button.native.click()
    qtbot.waitUntil(lambda: widget.stack_button.enabled, timeout=5000)


def test_a_cancel_after_the_last_step_adds_nothing(qtbot, viewer, docked, planes, monkeypatch):
    from napari_focus_stack.pipeline.stack import stack_steps

    pressed = threading.Event()

    def deaf(source, settings, *, cancel, align_mask):
        yield Progress("fuse", 0, 2, 0, 2)
        pressed.wait(5)
        return (yield from stack_steps(source, settings))

    monkeypatch.setattr("napari_focus_stack.pipeline.stack.stack_steps", deaf)
    viewer.add_image(planes)
    widget = docked()
    widget.stack_button.native.click()
    widget.job.cancel_button.native.click()
    assert widget.job.status.value == "Cancelling"
    pressed.set()
    qtbot.waitUntil(lambda: widget.stack_button.enabled, timeout=10_000)
    assert widget.job.status.value == "Cancelled; no result was added."
    assert len(viewer.layers) == 1


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
    if what == "dock":
        dock.destroyOnClose()
    else:
        viewer.close()
    del dock, widget
    qtbot.waitUntil(cleaned_up.is_set, timeout=5000)
    qtbot.wait(50)  # late callbacks would come now
    assert notifications == []


def test_layers_that_go_during_a_run_do_not_stop_it(qtbot, viewer, docked, planes, monkeypatch):
    from napari_focus_stack.pipeline.stack import stack_steps

    go = threading.Event()

    def waiting(source, settings, *, cancel, align_mask):
        yield Progress("fuse", 0, 2, 0, 2)
        go.wait(5)
        return (yield from stack_steps(source, settings, cancel=cancel))

    monkeypatch.setattr("napari_focus_stack.pipeline.stack.stack_steps", waiting)
    viewer.add_image(planes, name="cells")
    widget = docked()
    widget.stack_button.native.click()
    viewer.layers.clear()
    go.set()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=10_000)
    assert [layer.name for layer in viewer.layers] == ["cells [depth index]", "cells [sharp]"]


def test_a_new_spacing_reaches_earlier_results(viewer, docked, stacked, planes, notifications):
    source = viewer.add_image(planes, name="cells", scale=(-1, 1, 1))
    strangers = [
        viewer.add_image(planes, name="other", scale=(4, 3, 3)),
        viewer.add_image(planes[0], name="cells copy"),
    ]
    widget = docked()
    select(widget, source)
    first = stacked(widget)
    assert widget.input.chosen_layers() == [source]
    for typed, size in (("0,5", 0.5), ("0.25", 0.25)):
        widget.form.pixel_size.value = typed
        widget.form.z_step.value = "3"
        second = stacked(widget)
        for layer in (source, *first.values(), *second.values()):
            np.testing.assert_allclose(layer.scale[-2:], (size, size))
            assert str(layer.units[-1]) == "micrometer"
        np.testing.assert_allclose(source.scale, (-3, size, size))
    np.testing.assert_allclose(strangers[0].scale, (4, 3, 3))
    np.testing.assert_allclose(strangers[1].scale, (1, 1))
    for layer in strangers:
        viewer.layers.remove(layer)
    assert in_one_unit(viewer)


def test_layers_over_the_stack_follow_what_is_typed(viewer, docked, stacked, planes):
    source, green = (viewer.add_image(planes, name=name) for name in ("cells", "green"))
    nuclei = viewer.add_labels(np.zeros(planes.shape[1:], int))
    widget = docked()
    select(widget, source)
    widget.form.z_step.value, widget.form.pixel_size.value = "2.5", "0.5"
    stacked(widget)
    np.testing.assert_allclose(green.data_to_world((2, 3, 4)), (5, 1.5, 2))
    np.testing.assert_allclose(nuclei.data_to_world((3, 4)), (1.5, 2))
    assert in_one_unit(viewer)
    assert viewer.dims.range[0].step == 2.5
    select(widget, green)
    assert widget.form.spacing() == Spacing(0.5, 0.5, 2.5, "micrometer")


def test_typing_the_z_step_leaves_the_pixel_size_as_it_was(viewer, docked, stacked, planes):
    source = viewer.add_image(planes, name="cells", scale=(1, 1 / 3, 1 / 7), units="um")
    widget = docked()
    widget.form.z_step.value = "5"
    added = stacked(widget)
    assert tuple(source.scale) == (5, 1 / 3, 1 / 7)
    assert tuple(added["stacked"].scale) == (1 / 3, 1 / 7)


def test_typing_the_z_step_leaves_the_slider_on_its_plane(viewer, docked, stacked, planes):
    viewer.add_image(planes, name="cells")
    viewer.dims.set_current_step(0, 2)
    widget = docked()
    for step in ("0.05", "5"):
        widget.form.z_step.value = step
        stacked(widget)
        assert viewer.dims.current_step[0] == 2


def test_what_a_run_left_goes_with_the_next_change(viewer, docked, stacked, planes):
    source = viewer.add_image(planes, name="cells")
    short = viewer.add_image(planes[:4], name="short")
    widget = docked()

    def change_layers():
        select(widget, source if widget.input.chosen_layers() == [short] else short)

    def change_a_field():
        widget.form.pixel_size.value += "1"

    def change_a_choice():
        widget.form.checks["confidence"].value = not widget.form.checks["confidence"].value

    for change, left in ((change_layers, ""), (change_a_field, None), (change_a_choice, None)):
        stacked(widget)
        assert widget.job.status.value.startswith("Stacked all")
        assert widget.job.progress.value == widget.job.progress.max
        said = widget.job.status.value
        assert widget.job.status.enabled
        change()
        assert widget.job.status.value == (said if left is None else left)
        assert widget.job.status.enabled == (left is not None)  # grey, and as large as before
        assert widget.job.progress.value == 0


@in_a_window
def test_the_choice_follows_the_viewer(viewer, docked, stacked, planes):
    one = viewer.add_image(planes, name="one")
    flat = [viewer.add_image(plane, name=f"img_{k}") for k, plane in enumerate(planes)]
    picture = viewer.add_image(np.zeros((30, 30)), name="picture")
    points = viewer.add_points(np.zeros((1, 2)))
    widget = docked()

    def looking_at(*layers):
        viewer.layers.selection = set(layers)
        return widget.input.chosen_layers()

    assert looking_at(one) == [one]
    assert looking_at(flat[2], flat[1]) == flat[1:3]  # in the order of the layer list
    assert looking_at(flat[1]) == flat[1:3]
    assert looking_at(picture) == flat[1:3]
    assert looking_at(points) == flat[1:3]
    assert looking_at(flat[5]) == flat
    assert len(widget.input.layer_list.value) == 6
    two = viewer.add_image(planes[:3], name="two")
    assert widget.input.chosen_layers() == [two]
    assert "3 planes" in widget.input.summary.value
    added = stacked(widget)
    assert widget.input.chosen_layers() == [two]
    assert looking_at(added["stacked"]) == [two]


@in_a_window
def test_only_the_map_that_is_seen_has_a_colour_bar(viewer, docked, stacked, planes):
    viewer.add_image(planes, name="cells")
    widget = docked()
    widget.form.checks["confidence"].value = True
    first, second = stacked(widget), stacked(widget)
    top = second["stacked"]

    def bars():
        dock = viewer.window.dock_widgets.get("Colour bar")
        return [] if dock is None or dock.parent().isHidden() else list(dock.layers)

    assert bars() == []  # the sharp picture covers them
    top.visible = False
    assert bars() == [second["confidence"]]
    second["confidence"].opacity = 0.5  # the depth index shines through; one bar all the same
    assert bars() == [second["confidence"]]
    second["confidence"].visible = False
    assert bars() == [second["depth-index"]]
    top.visible = True
    assert bars() == []
    top.opacity = 0.5
    assert bars() == [second["depth-index"]]
    top.opacity = 1
    viewer.layers.move(viewer.layers.index(first["confidence"]), len(viewer.layers))
    assert bars() == [first["confidence"]]
    viewer.layers.remove(first["confidence"])
    assert bars() == []
    grid_of(viewer).enabled = True
    assert bars() == [first["depth-index"], second["depth-index"]]
    viewer.window.dock_widgets["Colour bar"].parent().close()
    first["depth-index"].visible = False
    assert bars() == []  # closed by the user


@pytest.fixture
def masks(monkeypatch):
    """What the engine is told of where alignment may look, run by run."""
    from napari_focus_stack.pipeline.stack import stack_steps

    given = []

    def steps(source, settings, *, cancel, align_mask):
        given.append(align_mask)
        return stack_steps(source, replace(settings, align="none"), cancel=cancel)

    monkeypatch.setattr("napari_focus_stack.pipeline.stack.stack_steps", steps)
    return given


def test_alignment_goes_by_the_shapes_that_are_chosen(viewer, docked, stacked, planes, masks):
    source = viewer.add_image(planes, name="cells")
    shapes = viewer.add_shapes(
        np.array([(0, 5, 10), (0, 5, 49), (0, 39, 49), (0, 39, 10)]) / 2, scale=(2, 2, 2)
    )
    expected = np.zeros((48, 64), bool)
    expected[5:40, 10:50] = True
    widget = docked()
    align_on = widget.form.align_on
    widget.form.parameters["align"].value = "shift"
    assert widget.input.chosen_layers() == [source]
    assert stacked(widget)["stacked"].metadata[METADATA_KEY]["aligned_on"] is None
    assert "aligned on" not in widget.job.status.value
    align_on.value = shapes.unique_id
    shapes.name = "clip"
    viewer.add_shapes(name="other")
    assert [name for name, _ in align_on._widget._mgui_get_choices()][1:] == ["clip", "other"]
    assert stacked(widget)["stacked"].metadata[METADATA_KEY]["aligned_on"] == "clip"
    assert "aligned on 'clip'" in widget.job.status.value
    widget.form.pixel_size.value = "0.5, 0.25"
    for _ in range(2):  # the shapes stay over the pixels they were drawn on
        stacked(widget)
    np.testing.assert_allclose(source.scale[-2:], (0.5, 0.25))
    assert masks[0] is None
    for mask in masks[1:]:
        np.testing.assert_array_equal(mask, expected)
    viewer.layers.remove(shapes)
    stacked(widget)
    assert len(masks) == 5
    assert masks[-1] is None


def test_a_press_reads_the_layers_once_and_gives_the_run_what_was_typed(
    viewer, docked, stacked, planes, monkeypatch
):
    from napari_focus_stack._napari.layers.planes import LayerPlanes
    from napari_focus_stack.pipeline.stack import stack_steps

    read, given = [], []

    class Counted(LayerPlanes):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            read.append(self)

    def steps(source, settings, *, cancel, align_mask):
        given.extend([source.spacing, list(read)])
        return stack_steps(source, replace(settings, align="none"), cancel=cancel)

    monkeypatch.setattr("napari_focus_stack._napari.layers.planes.LayerPlanes", Counted)
    monkeypatch.setattr("napari_focus_stack.pipeline.stack.stack_steps", steps)
    film = viewer.add_image(np.stack([planes] * 2), name="cells", axis_labels=("t", "z", "y", "x"))
    shapes = viewer.add_shapes(np.array([(5, 5), (5, 40), (40, 40), (40, 5)]))
    widget = docked()
    widget.form.parameters["align"].value = "shift"
    widget.form.align_on.value = shapes.unique_id
    widget.form.pixel_size.value = "0.5, 0.25"
    widget.form.z_step.value = "3"
    read.clear()
    stacked(widget)
    spacing, before = given
    assert spacing == Spacing(y=0.5, x=0.25, z=3.0, unit="micrometer")
    assert len(before) == 1
    np.testing.assert_allclose(film.scale, (1, 3, 0.5, 0.25))


def test_shapes_that_are_no_region_start_nothing(
    viewer, docked, stacked, planes, masks, notifications
):
    source = viewer.add_image(planes, name="cells")
    shapes = viewer.add_shapes(np.array([(5, 5), (40, 40)]), shape_type="line", name="clip")
    widget = docked()
    widget.form.align_on.value = shapes.unique_id
    stacked(widget)  # nothing is aligned, so nothing is asked of the shapes
    assert masks == [None]
    widget.form.parameters["align"].value = "auto"
    widget.form.pixel_size.value = "3"
    assert stacked(widget) == {}
    [message] = notifications
    assert message.startswith("'clip' holds no area to align on")
    assert widget.job.status.value == message
    assert len(masks) == 1
    np.testing.assert_allclose(source.scale, 1)


def test_cropped_results_lie_over_the_stack(viewer, docked, stacked):
    rng = np.random.default_rng(1)
    scene = gaussian_filter(rng.uniform(0, 255, (150, 190)), 1.5)
    scene = ((scene - scene.min()) / np.ptp(scene) * 255).astype(np.uint8)
    drifting = np.stack([scene[20 + 4 * k : 116 + 4 * k, 40 - 5 * k : 168 - 5 * k] for k in (0, 1)])
    source = viewer.add_image(
        drifting, name="cells", scale=(2, -0.5, 0.25), rotate=30, translate=(0, 9, 4)
    )
    widget = docked()
    widget.form.parameters["align"].value = "shift"
    widget.form.parameters["reference"].value = "first"
    widget.form.parameters["crop"].value = True
    added = stacked(widget)
    past = added["stacked"].metadata[METADATA_KEY]
    y0, y1, x0, x1 = past["crop"]
    np.testing.assert_allclose(past["crop"], (4, 96, 0, 123), atol=1)
    assert f"cropped to {x1 - x0} x {y1 - y0} pixels" in widget.job.status.value
    cut = drifting[0, y0:y1, x0:x1].astype(float)
    assert np.abs(added["stacked"].data - cut)[8:-8, 8:-8].mean() < 2  # every shift is off by more
    for layer in added.values():
        assert layer.data.shape == cut.shape
        for y, x in ((0, 0), (y1 - y0 - 1, 0), (7, x1 - x0 - 1)):
            expected = source.data_to_world((1, y0 + y, x0 + x))[1:]
            np.testing.assert_allclose(layer.data_to_world((y, x)), expected)
    widget.form.pixel_size.value = "3"
    again = stacked(widget)
    for role in added:  # the earlier results went along
        for pixel in ((0, 0), (30, 40)):
            here, there = (layers[role].data_to_world(pixel) for layers in (added, again))
            np.testing.assert_allclose(here, there)


def test_the_widget_takes_the_viewer_by_name():
    import inspect

    assert list(inspect.signature(FocusStackWidget.__init__).parameters)[1] == "napari_viewer"


def test_the_time_left_is_noted_once_it_is_known(docked, monkeypatch):
    widget = docked()
    clock = [100.0]
    monkeypatch.setattr(room.time, "monotonic", lambda: clock[0])
    widget._started = 100.0

    def said(done, seconds):
        clock[0] = 100.0 + seconds
        return widget._described(Progress("fuse", done, 40, done, 40))

    assert said(1, 0.2) == "Fusing plane 1 of 0 to 39"  # nobody asks yet
    assert said(3, 5) == "Fusing plane 3 of 0 to 39"  # too little is done to judge by
    assert said(10, 5) == "Fusing plane 10 of 0 to 39, about 15 s left"
    assert said(30, 5) == "Fusing plane 30 of 0 to 39, about 2 s left"
    assert said(4, 36) == "Fusing plane 4 of 0 to 39, 5 min left"
