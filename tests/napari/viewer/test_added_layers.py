"""Small results that grow in their layers, and are hidden where nothing comes of them."""

import threading
from pathlib import Path

import numpy as np
import pytest
from stacks import banded_planes

from napari_focus_stack._napari.layers.lying_over import results_over
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, is_input
from napari_focus_stack._napari.layers.result_sets import result_sets
from napari_focus_stack._napari.layers.saved_results import saved_of
from napari_focus_stack.errors import InputError, OutputError
from napari_focus_stack.pipeline import preview as previewing
from napari_focus_stack.pipeline import stack as pipeline


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def large(monkeypatch):
    """Planes whose preview is a quarter of their size."""
    planes = np.kron(banded_planes(), np.ones((1, 4, 4), np.uint8))
    monkeypatch.setattr(previewing, "PIXELS", planes[0].size // 16)
    return planes


@pytest.fixture
def gate(monkeypatch):
    """What the real run waits for, once the preview is there; an error that it may raise then."""
    opened, errors = threading.Event(), []
    real = pipeline.stack_steps

    def steps(source, settings, *, cancel, align_mask):
        run = real(source, settings, cancel=cancel, align_mask=align_mask)
        yield next(run)
        while not opened.wait(0.01) and not cancel.is_set():
            pass
        if errors:
            raise errors[0]
        return (yield from run)

    monkeypatch.setattr(pipeline, "stack_steps", steps)
    return opened, errors


@pytest.fixture
def previewed(qtbot, viewer, large, gate):
    """Press Stack on a layer that is turned and calibrated; wait for the preview."""
    source = viewer.add_image(
        large, name="cells", scale=(2, 0.5, 0.25), translate=(0, 7, 3), rotate=0, units="um"
    )
    _, widget = viewer.window.add_plugin_dock_widget("napari-focus-stack", "Focus Stack")
    widget.form.parameters["align"].value = "none"
    widget.stack_button.native.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=10_000)
    results = {layer.metadata[METADATA_KEY]["role"]: layer for layer in list(viewer.layers)[1:]}
    return source, widget, results


def covered(layer):
    """First and last edge of what a layer covers of y and x in the world."""
    corners = np.array([[-0.5, -0.5], np.array(layer.data.shape[:2]) - 0.5])
    return np.array([layer.data_to_world(corner) for corner in corners])


def test_the_result_grows_in_the_layers_of_its_preview(qtbot, viewer, large, gate, previewed):
    source, widget, results = previewed
    top = results["stacked"]
    assert set(results) == {"stacked", "depth-index"}
    assert top.data.shape == tuple(side // 4 for side in large.shape[1:])
    small = covered(top)
    top.name, results["depth-index"].colormap = "mine", "magma"
    top.contrast_limits = (10, 90)
    gate[0].set()
    qtbot.waitUntil(lambda: not widget.job.cancel_button.enabled, timeout=10_000)
    assert len(viewer.layers) == 3
    assert top in viewer.layers
    assert top.data.shape == large.shape[1:]
    np.testing.assert_allclose(covered(top), small)
    np.testing.assert_allclose(top.scale, source.scale[1:])
    assert top.name == "mine"
    assert tuple(top.contrast_limits) == (10, 90)
    assert results["depth-index"].colormap.name == "magma"
    assert "'mine' lies on top" in widget.job.status.value
    assert top.metadata[METADATA_KEY]["shape"] == list(large.shape)


def test_a_preview_that_was_removed_comes_back_as_the_result(qtbot, viewer, large, gate, previewed):
    _, widget, results = previewed
    viewer.layers.remove(results["stacked"])
    gate[0].set()
    qtbot.waitUntil(lambda: not widget.job.cancel_button.enabled, timeout=10_000)
    assert [layer.data.shape for layer in list(viewer.layers)[1:]] == [large.shape[1:]] * 2


def ended(qtbot, widget):
    qtbot.waitUntil(lambda: not widget.job.running, timeout=10_000)


@pytest.fixture
def left(qtbot, previewed):
    """Cancel a run in its preview."""
    source, widget, results = previewed
    widget.job.cancel_button.native.click()
    ended(qtbot, widget)
    return source, widget, results


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_a_preview_without_a_result_is_hidden_and_neither_result_nor_input(
    qtbot, viewer, gate, previewed, notifications, how
):
    source, widget, results = previewed
    if how == "failed":
        gate[1].append(InputError("The last plane is gone."))
        gate[0].set()
    else:
        widget.job.cancel_button.native.click()
    ended(qtbot, widget)
    assert widget.job.status.value == (
        "The last plane is gone." if how == "failed" else "Cancelled; no result was added."
    )
    assert list(viewer.layers) == [source, results["depth-index"], results["stacked"]]
    names = {role: layer.name for role, layer in results.items()}
    assert names == {"depth-index": "cells [depth index preview]", "stacked": "cells [preview]"}
    for layer in results.values():
        assert not layer.visible
        assert not is_input(layer)
        with pytest.raises(OutputError, match="is no result"):
            saved_of(layer, Path("results.focusstack.ome.tif"))
    assert result_sets(viewer.layers) == []
    assert results_over([source], viewer.layers) == []


def test_the_next_run_uses_the_layers_of_a_cancelled_one(qtbot, viewer, large, gate, left):
    _, widget, kept = left
    kept["stacked"].opacity, kept["depth-index"].colormap = 0.5, "magma"
    other = viewer.add_image(large[::-1], name="petal", colormap="green", translate=(0, 50, 9))
    widget.stack_button.native.click()
    qtbot.waitUntil(lambda: all(layer.visible for layer in kept.values()), timeout=10_000)
    assert list(viewer.layers)[2:] == [kept["depth-index"], kept["stacked"]]
    gate[0].set()
    ended(qtbot, widget)
    image, index = kept["stacked"], kept["depth-index"]
    assert [layer.name for layer in viewer.layers][1:] == [
        "petal",
        "petal [depth index]",
        "petal [sharp]",
    ]
    assert viewer.layers.selection.active == image
    assert image.opacity == 1
    assert (image.colormap.name, index.colormap.name) == ("green", "viridis")
    assert (image.interpolation2d, index.interpolation2d) == ("nearest", "nearest")
    np.testing.assert_array_equal(image.translate, other.translate[1:])
    np.testing.assert_array_equal(index.data[16::32, 128], np.arange(6)[::-1])
    [found] = result_sets(viewer.layers)
    assert (found.image, found.maps) == (image, {"depth-index": index})


def test_colour_and_grey_have_layers_of_their_own(qtbot, viewer, large, gate, left):
    _, widget, grey = left
    viewer.add_image(np.stack([large] * 3, axis=-1), name="petal")
    widget.stack_button.native.click()
    qtbot.waitUntil(lambda: grey["stacked"].visible, timeout=10_000)
    widget.job.cancel_button.native.click()
    ended(qtbot, widget)
    [colour] = [layer for layer in viewer.layers if layer.name == "petal [preview]"]
    assert colour.rgb
    count = len(viewer.layers)
    viewer.layers.selection.active = viewer.layers["cells"]
    gate[0].set()
    widget.stack_button.native.click()
    ended(qtbot, widget)
    assert not colour.visible
    assert len(viewer.layers) == count


def test_a_hidden_preview_that_is_deleted_is_made_anew(qtbot, viewer, large, gate, left):
    _, widget, kept = left
    for layer in kept.values():
        viewer.layers.remove(layer)
    gate[0].set()
    widget.stack_button.native.click()
    ended(qtbot, widget)
    assert [layer.name for layer in viewer.layers] == [
        "cells",
        "cells [depth index]",
        "cells [sharp]",
    ]
    assert not set(kept.values()) & set(viewer.layers)


def test_a_hidden_preview_lies_over_its_source_when_that_is_calibrated(qtbot, large, left):
    source, widget, kept = left
    widget.form.pixel_size.value, widget.form.z_step.value = "0.2", "3"
    widget.stack_button.native.click()
    np.testing.assert_allclose(source.scale, (3, 0.2, 0.2))
    last = np.array(large.shape) - 0.5
    field = [source.data_to_world(corner)[1:] for corner in ([0, -0.5, -0.5], last)]
    for layer in kept.values():
        assert not layer.visible  # before the next preview takes it
        np.testing.assert_allclose(covered(layer), field)
    widget.job.cancel_button.native.click()
    ended(qtbot, widget)


def test_earlier_results_are_updated_where_that_is_wanted(qtbot, viewer):
    planes = banded_planes()
    viewer.add_image(planes, name="cells")
    _, widget = viewer.window.add_plugin_dock_widget("napari-focus-stack", "Focus Stack")
    widget.form.parameters["align"].value = "none"

    def stack():
        widget.stack_button.native.click()
        qtbot.waitUntil(lambda: not widget.job.cancel_button.enabled, timeout=10_000)

    assert not widget.form.target.enabled
    stack()
    first = list(viewer.layers)[1:]
    assert widget.form.target.enabled
    stack()
    assert len(viewer.layers) == 5  # new ones unless told
    viewer.layers.remove(viewer.layers[-1])
    viewer.layers.remove(viewer.layers[-1])
    widget.form.target.value = "update the last ones"
    widget.form.parameters["method"].value = "laplacian"
    widget.form.checks["confidence"].value = True
    first[1].name = "mine"
    before = first[1].data.copy()
    stack()
    assert [viewer.layers[1], viewer.layers[3]] == first
    assert [layer.metadata[METADATA_KEY]["role"] for layer in list(viewer.layers)[1:]] == [
        "depth-index",
        "confidence",
        "stacked",  # on top, as the dock says
    ]
    assert first[1].name == "mine"
    assert not np.array_equal(first[1].data, before)
    assert first[1].metadata[METADATA_KEY]["settings"]["method"] == "laplacian"
    for layer in list(viewer.layers)[1:]:
        viewer.layers.remove(layer)
    assert not widget.form.target.enabled


def test_an_update_leaves_results_before_the_last_ones_alone(qtbot, viewer):
    viewer.add_image(banded_planes(), name="cells")
    _, widget = viewer.window.add_plugin_dock_widget("napari-focus-stack", "Focus Stack")
    widget.form.parameters["align"].value = "none"

    def stack(**checks):
        for role, wanted in checks.items():
            widget.form.checks[role].value = wanted
        widget.stack_button.native.click()
        qtbot.waitUntil(lambda: not widget.job.cancel_button.enabled, timeout=10_000)

    stack(confidence=True)
    first = [(layer, layer.data, layer.metadata) for layer in viewer.layers]
    widget.form.parameters["method"].value = "depth"
    stack(confidence=False)
    last = viewer.layers[-1]
    widget.form.target.value = "update the last ones"
    widget.form.parameters["method"].value = "laplacian"
    stack(confidence=True)
    assert last.metadata[METADATA_KEY]["settings"]["method"] == "laplacian"
    for layer, data, metadata in first:
        assert layer.data is data
        assert layer.metadata is metadata
    assert viewer.layers[-1] == last
    assert len(viewer.layers) == 7


def test_maps_of_a_preview_come_one_by_one_below_it(qtbot, viewer, large, gate):
    viewer.add_image(large, name="cells")
    _, widget = viewer.window.add_plugin_dock_widget("napari-focus-stack", "Focus Stack")
    widget.form.parameters["align"].value = "none"
    for role in ("depth", "confidence"):
        widget.form.checks[role].value = True
    widget.stack_button.native.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 5, timeout=10_000)
    order = [layer.metadata[METADATA_KEY]["role"] for layer in list(viewer.layers)[1:]]
    assert order == ["depth-index", "depth", "confidence", "stacked"]
    assert viewer.layers.selection.active == viewer.layers[-1]
    gate[0].set()
    qtbot.waitUntil(lambda: not widget.job.cancel_button.enabled, timeout=10_000)
    assert [layer.metadata[METADATA_KEY]["role"] for layer in list(viewer.layers)[1:]] == order
    assert {layer.data.shape for layer in list(viewer.layers)[1:]} == {large.shape[1:]}
