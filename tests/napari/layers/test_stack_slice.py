"""Parts of layers that are stacked: the axis taken as z, sliders, the order of planes."""

import dask.array
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Image
from stacks import banded_planes, in_a_window

from napari_focus_stack._napari.docks.apply import ApplyWidget
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.probed_result import probed_result
from napari_focus_stack._napari.layers.result_sets import result_sets, sources_of, stack_of
from napari_focus_stack._napari.layers.stack_slice import (
    StackSlice,
    copy_spacing,
    slice_at,
    stack_in,
)
from napari_focus_stack._napari.widgets.stack_selector import BY_NAME, TOP_DOWN

SHAPE = (2, 3, 4, 5)


@st.composite
def cuts(draw):
    ndim = draw(st.integers(3, 4))
    z = draw(st.integers(0, ndim - 1))
    _, y, x = StackSlice(z, (0,) * (ndim - 3)).axes
    return StackSlice(
        z, tuple(draw(st.integers(0, SHAPE[k] - 1)) for k in range(ndim) if k not in (z, y, x))
    )


@settings(deadline=None, max_examples=40)
@given(cuts(), st.booleans(), st.tuples(*[st.integers(0, n - 1) for n in SHAPE]))
def test_a_part_has_the_pixels_and_the_places_of_its_layer(cut, lazy, place):
    data = np.arange(np.prod(SHAPE[: cut.ndim])).reshape(SHAPE[: cut.ndim])
    layer = Image(
        dask.array.from_array(data) if lazy else data,
        scale=(2, 3, 5, 7)[: cut.ndim],
        translate=(1, -2, 3, 4)[: cut.ndim],
        contrast_limits=(0, 120),
    )
    place = list(place[: cut.ndim])
    for axis, at in zip(cut.other, cut.at, strict=True):
        place[axis] = at
    stack = stack_in(layer, cut)
    within = tuple(place[axis] for axis in cut.axes)
    assert cut.whole(within) == place
    assert np.asarray(stack.data)[within] == data[tuple(place)]
    world = np.array(layer.data_to_world(place))
    assert np.allclose(stack.data_to_world(within), world[list(cut.axes)])
    assert slice_at(layer, cut.z, world) == cut
    assert StackSlice.of_dict(cut.as_dict()) == cut


def test_a_layer_in_the_usual_order_is_taken_as_it_is():
    layer = Image(np.zeros((3, 4, 5)), multiscale=False)
    assert stack_in(layer, StackSlice()) is layer
    flat = Image(np.zeros((4, 5)))
    assert stack_in(flat, StackSlice()) is flat


def test_nothing_is_computed_for_a_part():
    def never(block):
        raise AssertionError("computed")

    lazy = dask.array.zeros((2, 3, 40, 50), chunks=(1, 1, 40, 50)).map_blocks(
        never, dtype=np.float64, meta=np.empty((0, 0, 0, 0))
    )
    layer = Image(lazy, contrast_limits=(0, 1), visible=False)
    assert stack_in(layer, StackSlice(1, (1,))).data.shape == (3, 40, 50)


def test_a_part_of_a_multiscale_layer_is_of_its_finest_level():
    data = np.arange(2 * 3 * 8 * 10).reshape(2, 3, 8, 10)
    layer = Image([data, data[..., ::2, ::2]], multiscale=True, contrast_limits=(0, 480))
    assert np.array_equal(stack_in(layer, StackSlice(1, (1,))).data, data[1])


def test_spacing_given_to_a_part_is_given_to_its_layer():
    layer = Image(np.zeros(SHAPE), scale=(9, 1, 1, 1), axis_labels=("t", "z", "y", "x"))
    cut = StackSlice(1, (0,))
    stack = stack_in(layer, cut)
    stack.scale, stack.units = (2, 0.5, 0.5), ("um", "um", "um")
    copy_spacing(stack, layer, cut)
    assert layer.scale.tolist() == [9, 2, 0.5, 0.5]
    assert [str(unit) for unit in layer.units] == ["pixel", *["micrometer"] * 3]


@pytest.fixture
def widget(dock):
    widget = dock("Focus Stack")
    widget.form.parameters["align"].value = "none"
    return widget


@pytest.fixture
def stack(qtbot, viewer, widget):
    def press():
        widget.stack_button.native.click()
        qtbot.waitUntil(lambda: not widget.job.cancel_button.enabled, timeout=20_000)
        return [one for one in viewer.layers if one.metadata.get(METADATA_KEY)]

    return press


@in_a_window
def test_a_film_is_stacked_where_the_slider_stands(viewer, widget, stack):
    film = np.stack([banded_planes()[::-1], banded_planes()])  # time, z, y, x
    layer = viewer.add_image(film, name="film", axis_labels=("t", "z", "y", "x"))
    viewer.dims.set_point(0, 1)
    assert widget.input.summary.value.endswith("This is the stack at t = 1.")
    assert widget.stack_button.enabled
    index, image = stack()
    assert [np.median(index.data[8 * k + 2 : 8 * k + 6]) for k in range(6)] == list(range(6))
    assert image.name == "film t=1 [sharp]"
    assert image.metadata[METADATA_KEY]["cut"] == {"z": 1, "at": [1], "names": ["t"]}
    viewer.dims.set_point(0, 0)
    assert widget.input.summary.value.endswith("t = 0.")
    assert not widget.form.target.enabled  # the results at hand are of another time
    *_, index, image = stack()
    assert [np.median(index.data[8 * k + 2 : 8 * k + 6]) for k in range(6)] == [5, 4, 3, 2, 1, 0]
    viewer.dims.set_point(0, 1)
    assert widget.form.target.enabled
    assert widget.input.chosen_layers() == [layer]


def test_what_follows_a_film_keeps_to_its_time_point(qtbot, viewer, dock, widget, stack):
    steady = banded_planes()
    film = np.stack([steady[::-1], steady])
    layer = viewer.add_image(film, name="film", scale=(1, 2, 0.5, 0.5))
    other = viewer.add_image(film[::-1] // 2, name="other", scale=(1, 2, 0.5, 0.5))
    viewer.layers.selection = {layer}
    viewer.dims.set_point(0, 1)
    stack()
    viewer.dims.set_point(0, 0)
    viewer.dims.set_point(1, 0)
    found = result_sets(viewer.layers)[0]
    probe = probed_result(found, viewer.layers)
    assert probe.probe.curve(20, 30).peak == pytest.approx(2, abs=0.5)
    position = (0, 0, *found.image.data_to_world((20, 30)))
    assert probe.pixel(position) == (20, 30)
    dock("Probe focus")._jump(position)
    assert viewer.dims.current_step[:2] == (1, 2)
    viewer.dims.set_point(0, 0)
    [source] = stack_of(found, sources_of(found, viewer.layers))
    assert np.array_equal(source.data, steady)
    target = ApplyWidget(viewer)
    target.target.value = other.unique_id
    assert target.chosen_options().cut == StackSlice(1, (0,))
    target.apply_button.native.click()
    qtbot.waitUntil(lambda: not target.job.running, timeout=20_000)
    added = viewer.layers[-1]
    assert added.name == "other axis -4=0 [on film channel=1]"
    assert np.array_equal(added.data[18:22], steady[2][18:22] // 2)


def test_z_may_be_any_axis(viewer, widget, stack):
    viewer.add_image(np.moveaxis(banded_planes(), 0, 2), name="cells")
    assert widget.input.z_axis.value == 0
    widget.input.z_axis.value = 2
    assert "6 planes, 64 x 48" in widget.input.summary.value
    index, _ = stack()
    assert [np.median(index.data[8 * k + 2 : 8 * k + 6]) for k in range(6)] == list(range(6))


def test_planes_may_be_taken_in_another_order(viewer, widget):
    for name in ("img10", "img2", "img1"):
        viewer.add_image(np.zeros((8, 9), np.uint8), name=name)

    def names():
        return [layer.name for layer in widget.input.chosen_layers()]

    assert names() == ["img10", "img2", "img1"]
    widget.input.order.value = TOP_DOWN
    assert names() == ["img1", "img2", "img10"]
    widget.input.order.value = BY_NAME
    viewer.layers.move(0, 3)
    assert names() == ["img1", "img2", "img10"]
    assert "0 img1, 1 img2, 2 img10" in widget.input.summary.value
