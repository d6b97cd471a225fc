"""The "Align only" dock widget beside a viewer's layers."""

import threading

import dask.array
import numpy as np
import pytest
from scenes import picture
from stacks import in_a_window

from napari_focus_stack._napari.layers import planes as reading
from napari_focus_stack._napari.layers.metadata import METADATA_KEY

SHIFTS = ((3, -4), (0, 0), (-5, 2))


@pytest.fixture
def docked(dock):
    return lambda: dock("Align only")


def moved_planes(colour=False):
    whole = picture("brick", 160, 200) * 20_000
    stack = np.stack([whole[8 + y : 136 + y, 8 + x : 168 + x] for y, x in SHIFTS])
    return (np.stack([stack] * 3, -1) if colour else stack).astype(np.uint16)


def press(qtbot, widget):
    widget.align_button.native.click()
    qtbot.waitUntil(lambda: not widget.job.running, timeout=20_000)


@pytest.mark.parametrize("colour", [False, True])
@in_a_window
def test_the_aligned_stack_lies_and_looks_like_its_source(viewer, docked, qtbot, colour):
    planes = moved_planes(colour)
    place = {"scale": [2.0, 0.5, 0.25], "translate": [1, 2, 3], "units": "um"}
    shown = {"rgb": True} if colour else {"colormap": "magma", "contrast_limits": (500, 9000)}
    source = viewer.add_image(planes, name="leaf", axis_labels=("z", "y", "x"), **place, **shown)
    source.affine = np.diag([1, 3, 3, 1])
    press(qtbot, docked())
    assert [layer.name for layer in viewer.layers] == ["leaf", "leaf [aligned]"]
    found = viewer.layers[1]
    assert isinstance(found.data, dask.array.Array)
    assert found.data.shape == planes.shape
    assert found.data.dtype == planes.dtype
    np.testing.assert_array_equal(found.data[1], planes[1])
    inner = np.s_[8:-8, 8:-8]
    for k in (0, 2):
        off = np.asarray(found.data[k])[inner].astype(float) - planes[1][inner]
        assert off.std() < 0.05 * planes[1].std()
    for name in ("scale", "translate", "rotate"):
        np.testing.assert_allclose(getattr(found, name), getattr(source, name))
    np.testing.assert_allclose(found.affine.affine_matrix, source.affine.affine_matrix)
    assert found.units == source.units
    assert found.axis_labels == source.axis_labels
    assert found.rgb is colour
    if colour:
        assert found.contrast_limits[1] >= planes.max()
    else:
        assert (found.colormap.name, found.contrast_limits) == ("magma", [500, 9000])
    known = found.metadata[METADATA_KEY]
    assert (known["role"], known["sources"]) == ("aligned", ["leaf"])
    assert len(known["transforms"]) == len(SHIFTS)


def test_a_layer_that_makes_no_stack_is_said_so(viewer, docked, qtbot, notifications):
    widget = docked()
    viewer.add_image(np.zeros((1, 40, 40), np.uint8), name="lone")
    press(qtbot, widget)
    assert "'lone' holds a single plane" in widget.job.status.value
    assert len(viewer.layers) == 1
    assert len(notifications) == 1


def test_without_a_layer_there_is_nothing_to_press(viewer, docked, qtbot):
    widget = docked()
    assert not widget.align_button.enabled
    viewer.add_image(np.zeros((40, 40), np.uint8), name="flat")
    assert not widget.align_button.enabled
    source = viewer.add_image(moved_planes(), name="leaf")
    assert widget.align_button.enabled
    widget.align_button.native.click()
    viewer.layers.remove(source)
    assert not widget.align_button.enabled
    widget.job.cancel()
    qtbot.waitUntil(lambda: not widget.job.running, timeout=20_000)
    assert not widget.align_button.enabled


def test_an_aligned_stack_is_an_input_like_any_other(viewer, docked, dock, qtbot):
    viewer.add_image(moved_planes(), name="leaf")
    align, stack, apply = docked(), dock("Focus Stack"), dock("Apply to other layers")
    press(qtbot, align)
    source, aligned = viewer.layers
    assert align._offered() == [source, aligned]  # not aligned twice unless chosen
    stack.input.layer_list.value = [source.unique_id]
    assert "black" not in stack.input.summary.value
    stack.input.layer_list.value = [aligned.unique_id]
    assert "count as black" in stack.input.summary.value
    assert "stack 'leaf' itself" in stack.input.summary.value
    stack.form.parameters["align"].value = "none"
    stack.stack_button.native.click()
    qtbot.waitUntil(lambda: not stack.job.running, timeout=20_000)
    image = viewer.layers["leaf [aligned] [sharp]"]
    assert image.metadata[METADATA_KEY]["sources"] == ["leaf [aligned]"]
    assert apply.chosen_target() == aligned  # the other one has moved
    apply.target.value = source.unique_id
    assert apply.chosen_target() == source


def test_results_and_flat_layers_are_not_offered(viewer, docked):
    widget = docked()
    viewer.add_image(np.zeros((40, 40), np.uint8), name="flat")
    viewer.add_image(np.zeros((3, 40, 40)), name="made", metadata={METADATA_KEY: {"role": "x"}})
    viewer.add_image(np.zeros((3, 40, 40), np.uint8), name="stack")
    assert [choice.name for choice in widget._offered()] == ["stack"]
    assert widget.layer.value == viewer.layers["stack"].unique_id


def test_cancel_adds_nothing(viewer, docked, qtbot, monkeypatch):
    viewer.add_image(moved_planes(), name="leaf")
    widget, begun, go_on = docked(), threading.Event(), threading.Event()
    read = reading.planes_of

    def slow(layers):
        source = read(layers)
        plane = type(source).__getitem__

        class Slow(type(source)):
            def __getitem__(self, k):
                begun.set()
                go_on.wait(10)
                return plane(self, k)

        source.__class__ = Slow
        return source

    monkeypatch.setattr(reading, "planes_of", slow)
    widget.align_button.native.click()
    qtbot.waitUntil(begun.is_set, timeout=10_000)
    widget.job.cancel_button.native.click()
    go_on.set()
    qtbot.waitUntil(lambda: not widget.job.running, timeout=10_000)
    assert len(viewer.layers) == 1
    assert widget.job.status.value == "Cancelled; no result was added."
