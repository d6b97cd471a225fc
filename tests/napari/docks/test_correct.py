"""A result corrected by painting: it is the planes' where painted, and the run's elsewhere."""

import cv2
import numpy as np
import pytest
from stacks import in_a_window

from napari_focus_stack._napari.io.results_reader import reopen
from napari_focus_stack._napari.io.writers import write_results
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.results import SourceInfo, result_layers
from napari_focus_stack.correction.nearest_plane import nearest_plane_labels
from napari_focus_stack.depth_labels import BACKGROUND, decode_labels
from napari_focus_stack.io.recipe import Recipe
from napari_focus_stack.io.sources import ArraySource, Spacing
from napari_focus_stack.pipeline.stack import focus_stack
from napari_focus_stack.settings import Settings

UM = Spacing(y=0.5, x=0.25, z=2.0, unit="micrometer")
PLACE = {"scale": (2, 0.5, 0.25), "translate": (3, 7, -5), "units": "um"}
MAPS = ("depth-index", "depth", "height", "confidence")
SPOT = (24, 32)
REACH = 6


@pytest.fixture
def docked(dock):
    return dock("Correct depth")


def add_result(viewer, planes, wanted=MAPS, left_out=()):
    source = viewer.add_image(planes, name="cells", **PLACE)
    matrices = np.tile(np.eye(3), (len(planes), 1, 1))
    matrices[list(left_out)] = np.nan
    result = focus_stack(ArraySource(planes, spacing=UM), transforms=matrices)
    for array, arguments in result_layers(result, wanted, SourceInfo.of([source], Settings())):
        viewer.add_image(array, **arguments)
    return result


def corrected(qtbot, viewer, widget):
    widget.correct_button.native.click()
    qtbot.waitUntil(lambda: not widget.job.running, timeout=10_000)
    assert viewer.layers[-1].name == "cells [correction]", widget.job.status.value
    return viewer.layers[-1]


def slide(viewer, plane):
    viewer.dims.set_point(0, viewer.layers["cells"].data_to_world((plane, 0, 0))[0])


def painted(labels, spot=SPOT):
    """One dab, as the mouse makes it; returns where."""
    before = labels.data.copy()
    labels.paint(spot, labels.selected_label)
    return labels.data != before


def shown(viewer):
    names = ("sharp", "depth index", "depth", "height", "confidence")
    return {name: np.array(viewer.layers[f"cells [{name}]"].data) for name in names}


def deep(where):
    """Pixels inside a stroke that its feathered edge does not reach."""
    return cv2.erode(where.view(np.uint8), np.ones((2 * REACH + 1,) * 2, np.uint8)) > 0


def far(where):
    return cv2.dilate(where.view(np.uint8), np.ones((2 * REACH + 1,) * 2, np.uint8)) == 0


@in_a_window
def test_the_sliders_plane_is_painted_and_undone(qtbot, viewer, docked, planes):
    result = add_result(viewer, planes)
    before = shown(viewer)
    labels = corrected(qtbot, viewer, docked)
    assert (str(labels.mode), labels.brush_size) == ("paint", 20)
    image = viewer.layers["cells [sharp]"]
    np.testing.assert_allclose(labels.data_to_world((5, 6)), image.data_to_world((5, 6)))
    for name, array in shown(viewer).items():
        np.testing.assert_array_equal(array, before[name])
    for plane in (5, 1):
        slide(viewer, plane)
        assert labels.selected_label == plane + 1
    labels.brush_size = 50
    where = painted(labels)
    assert where[SPOT]
    after = shown(viewer)
    inside, outside = deep(where), far(where)
    assert inside.sum() > 20
    np.testing.assert_array_equal(after["sharp"][inside], planes[1][inside])
    assert (before["sharp"][inside] != planes[1][inside]).any()
    np.testing.assert_array_equal(after["sharp"][outside], before["sharp"][outside])
    for name, value in [("depth index", 1), ("depth", 1), ("height", 2), ("confidence", 1)]:
        assert (after[name][where] == value).all(), name
        np.testing.assert_array_equal(after[name][~where], before[name][~where])
    labels.undo()
    for name, array in shown(viewer).items():
        np.testing.assert_array_equal(array, before[name])
    labels.redo()
    for name, array in shown(viewer).items():
        np.testing.assert_array_equal(array, after[name])
    assert (result.depth_index[where] != 1).any()


def pointed(qtbot, viewer, widget, pixel):
    """Move the mouse to a pixel of the result, or off the canvas; return the plane's layer."""
    viewer.mouse_over_canvas = pixel is not None
    if pixel is not None:
        viewer.cursor.position = (0, *viewer.layers["cells [sharp]"].data_to_world(pixel))
    qtbot.waitUntil(lambda: widget.worker.idle, timeout=10_000)
    return viewer.layers["cells [plane]"]


@in_a_window
def test_the_plane_is_shown_under_the_brush_where_it_lies(qtbot, viewer, docked, planes):
    add_result(viewer, planes)
    labels, image = corrected(qtbot, viewer, docked), viewer.layers["cells [sharp]"]
    assert "cells [plane]" not in viewer.layers
    labels.brush_size = 4
    slide(viewer, 2)
    under = pointed(qtbot, viewer, docked, (20, 30))
    assert list(viewer.layers)[-3:] == [image, under, labels]
    assert viewer.layers.selection.active == labels
    for plane, spot in ((2, (20, 30)), (5, (46, 60)), (0, (0, 0))):
        slide(viewer, plane)
        under = pointed(qtbot, viewer, docked, spot)
        assert under.visible
        top, left = np.rint(image.world_to_data(under.data_to_world((0, 0)))).astype(int)
        height, width = under.data.shape
        assert top <= spot[0] < top + height
        assert left <= spot[1] < left + width
        assert height < 48, "beside it the result is seen"
        part = np.s_[top : top + height, left : left + width]
        np.testing.assert_array_equal(under.data, planes[plane][part])
    assert tuple(under.contrast_limits) == tuple(image.contrast_limits)
    image.contrast_limits = (50, 100)
    assert tuple(pointed(qtbot, viewer, docked, (9, 9)).contrast_limits) == (50, 100)
    pointed(qtbot, viewer, docked, None)
    assert not under.visible, "the mouse has left the canvas"
    slide(viewer, 3)
    pointed(qtbot, viewer, docked, None)
    assert under.visible, "the slider was moved"
    np.testing.assert_array_equal(under.data, planes[3])


def test_the_plane_is_shown_while_it_can_be_painted_alone(qtbot, viewer, docked, planes):
    add_result(viewer, planes)
    labels = corrected(qtbot, viewer, docked)
    under = pointed(qtbot, viewer, docked, (20, 30))
    assert under.visible
    for hide, show in [
        (lambda: docked.under_brush.native.click(),) * 2,
        (lambda: setattr(docked.painted, "value", "background"),
         lambda: setattr(docked.painted, "value", "the plane that the slider shows")),
        (lambda: setattr(labels, "mode", "pan_zoom"), lambda: setattr(labels, "mode", "paint")),
        (lambda: setattr(viewer.dims, "ndisplay", 3), lambda: setattr(viewer.dims, "ndisplay", 2)),
    ]:  # fmt: skip
        hide()
        pointed(qtbot, viewer, docked, (21, 30))
        assert not under.visible
        show()
        pointed(qtbot, viewer, docked, (20, 30))
        assert under.visible
    assert str(labels.mode) == "paint", "back in 2-D"
    count = len(viewer.layers)
    again = corrected(qtbot, viewer, docked)
    assert pointed(qtbot, viewer, docked, (22, 30)) is under
    assert (again, len(viewer.layers)) == (labels, count)
    viewer.layers.remove(under)
    assert not docked.under_brush.value
    docked.native_parent_changed.emit(None)
    assert viewer.layers[-1] is labels


def test_a_plane_that_was_left_out_is_not_shown_but_named(qtbot, viewer, docked, planes):
    add_result(viewer, planes, left_out=[5])
    corrected(qtbot, viewer, docked)
    slide(viewer, 1)
    under = pointed(qtbot, viewer, docked, (20, 30))
    slide(viewer, 5)
    pointed(qtbot, viewer, docked, (20, 31))
    assert not under.visible
    assert docked.job.status.value == (
        "Plane 5 ('plane 5 of cells') was left out of the run; take another plane."
    )
    slide(viewer, 1)
    pointed(qtbot, viewer, docked, (20, 30))
    assert under.visible


def test_planes_are_counted_from_0_as_the_slider_counts(qtbot, viewer, docked, planes):
    add_result(viewer, planes)
    labels = corrected(qtbot, viewer, docked)
    assert docked.last_plane.value == "of 0 to 5"
    docked.plane.value = 4
    assert round(viewer.layers["cells"].world_to_data(viewer.dims.point)[0]) == 4
    painted(labels)
    at = labels.data_to_world(SPOT)
    assert labels.get_status(at, world=True)["value"].endswith("painted: plane 4")
    docked.painted.value = "background"
    painted(labels)
    assert labels.get_status(at, world=True)["value"].endswith("painted: background")
    red, _, blue, opacity = labels.get_color(BACKGROUND)
    assert min(red, blue, opacity) > 0.5, "seen where nothing else changes"


def test_background_and_as_stacked(qtbot, viewer, docked, planes):
    add_result(viewer, planes)
    before = shown(viewer)
    labels = corrected(qtbot, viewer, docked)
    docked.painted.value = "background"
    where = painted(labels)
    assert (labels.data[where] == BACKGROUND).all()
    assert np.isnan(viewer.layers["cells [depth]"].data[where]).all()
    docked.painted.value = "as stacked"
    painted(labels)
    for name, array in shown(viewer).items():
        np.testing.assert_array_equal(array, before[name])


def test_the_nearest_plane_is_one_step_of_undo(qtbot, viewer, docked, planes):
    result = add_result(viewer, planes)
    before = shown(viewer)
    labels = corrected(qtbot, viewer, docked)
    docked.painted.value = "the nearest plane"
    where = painted(labels)
    around = result.depth_index[where]
    assert len(np.unique(around)) > 1
    wanted = nearest_plane_labels(result, where)
    np.testing.assert_array_equal(labels.data, wanted)
    [label] = np.unique(wanted[where])
    assert 0 < label <= around.max()
    assert (viewer.layers["cells [depth index]"].data[where] == label - 1).all()
    labels.undo()
    assert not labels.data.any()
    for name, array in shown(viewer).items():
        np.testing.assert_array_equal(array, before[name])
    labels.redo()
    assert (labels.data[where] == label).all()
    assert (viewer.layers["cells [depth index]"].data[where] == label - 1).all()
    labels.undo()
    docked.side.value = "last"
    painted(labels)
    np.testing.assert_array_equal(labels.data, nearest_plane_labels(result, where, "last"))
    assert (labels.data[where] > label).all()


def test_a_drag_of_the_mouse_and_a_fill_are_followed(qtbot, viewer, docked, planes):
    """As napari's own callbacks do it: history told of after a drag, before a fill."""
    result = add_result(viewer, planes)
    labels = corrected(qtbot, viewer, docked)
    docked.painted.value = "the nearest plane"
    with labels.block_history():
        for column in (20, 30, 40):
            labels.paint((24, column), labels.selected_label)
            assert (viewer.layers["cells [depth index]"].data == result.depth_index).all()
    where = labels.data > 0
    np.testing.assert_array_equal(labels.data, nearest_plane_labels(result, where))
    docked.painted.value = "background"
    labels.fill((0, 0), labels.selected_label)
    assert (labels.data[~where] == BACKGROUND).all()
    kept = viewer.layers["cells [depth]"].metadata[METADATA_KEY]["correction"]
    np.testing.assert_array_equal(decode_labels(kept["labels"], kept["shape"]), labels.data)
    labels.undo()
    labels.undo()
    assert not labels.data.any()
    np.testing.assert_array_equal(viewer.layers["cells [sharp]"].data, result.image)


def test_a_correction_is_saved_and_opened_again(qtbot, viewer, docked, planes, tmp_path):
    add_result(viewer, planes)
    labels = corrected(qtbot, viewer, docked)
    slide(viewer, 1)
    painted(labels)
    results = [layer for layer in viewer.layers if layer.name not in ("cells", labels.name)]
    path = str(tmp_path / "cells.focusstack")
    write_results(path, [layer.as_layer_data_tuple() for layer in results])
    np.testing.assert_array_equal(Recipe.read(path).correction, labels.data)
    wanted, drawn = shown(viewer), labels.data.copy()
    for layer in [*results, labels]:
        viewer.layers.remove(layer)
    for data, arguments, _ in reopen(path):
        viewer.add_image(data, **arguments)
    again = corrected(qtbot, viewer, docked)
    np.testing.assert_array_equal(again.data, drawn)
    np.testing.assert_array_equal(viewer.layers["cells [depth index]"].data, wanted["depth index"])
    again.data[:] = 0
    again.refresh()
    slide(viewer, 4)
    painted(again)
    results = [layer for layer in viewer.layers if layer.name not in ("cells", again.name)]
    other = str(tmp_path / "other.focusstack")
    write_results(other, [layer.as_layer_data_tuple() for layer in results])
    np.testing.assert_array_equal(Recipe.read(other).correction, again.data)
    assert set(np.unique(again.data)) == {0, 5}


def test_correcting_again_can_take_back_what_was_painted(qtbot, viewer, docked, planes):
    add_result(viewer, planes)
    before = shown(viewer)
    labels = corrected(qtbot, viewer, docked)
    slide(viewer, 1)
    painted(labels)
    viewer.layers.remove(labels)
    assert docked.job.status.value == "The correction stays in the result."
    again = corrected(qtbot, viewer, docked)
    assert (again.data > 0).any()
    docked.painted.value = "as stacked"
    painted(again)
    for name, array in shown(viewer).items():
        np.testing.assert_array_equal(array, before[name])
    assert viewer.layers["cells [sharp]"].metadata[METADATA_KEY]["correction"] is None


def test_what_cannot_be_painted_is_put_back_in_a_sentence(
    qtbot, viewer, docked, planes, notifications
):
    add_result(viewer, planes, left_out=[5])
    before = shown(viewer)
    labels = corrected(qtbot, viewer, docked)
    slide(viewer, 5)
    painted(labels)
    assert "was left out of the run" in docked.job.status.value
    assert len(notifications) == 1
    assert not labels.data.any()
    for name, array in shown(viewer).items():
        np.testing.assert_array_equal(array, before[name])


def test_layers_removed_or_renamed(qtbot, viewer, docked, planes, notifications):
    add_result(viewer, planes)
    stack = viewer.layers.pop(0)
    docked.correct_button.native.click()
    assert docked.job.status.value.startswith("'cells', of which 'cells [sharp]' was made")
    viewer.layers.insert(0, stack)
    labels = corrected(qtbot, viewer, docked)
    viewer.layers["cells [depth]"].name = "renamed"
    viewer.layers.remove("cells [height]")
    viewer.layers.remove("cells")
    docked.plane.value = 2
    where = painted(labels)
    assert (viewer.layers["cells [depth index]"].data[where] == 2).all()
    assert (viewer.layers["renamed"].data[where] == 2).all()
    viewer.layers.remove("cells [sharp]")
    painted(labels, (5, 5))
    assert docked.job.status.value == "'cells [sharp]' was removed; painting has no effect now."
    assert len(notifications) == 1


def test_the_layer_to_paint_on_follows_a_result_that_is_given_another_pixel_size(
    qtbot, viewer, docked, dock, planes
):
    add_result(viewer, planes)
    labels = corrected(qtbot, viewer, docked)
    stack = dock("Focus Stack")
    stack.form.pixel_size.value = "2"
    stack.stack_button.native.click()
    qtbot.waitUntil(lambda: not stack.job.cancel_button.enabled, timeout=10_000)
    image = viewer.layers["cells [sharp]"]
    assert image.scale.tolist() == [2, 2]
    np.testing.assert_array_equal(labels.scale, image.scale)
    np.testing.assert_array_equal(labels.translate, image.translate)


def test_nothing_is_added_for_a_dock_that_is_closed(qtbot, viewer, docked, planes):
    add_result(viewer, planes)
    layers = list(viewer.layers)
    docked.correct_button.native.click()
    docked.native.setParent(None)
    qtbot.waitUntil(lambda: not docked.job.running, timeout=10_000)
    assert list(viewer.layers) == layers


def test_pressing_again_goes_on_with_the_same_layer_and_a_closed_dock_lets_nobody_paint(
    qtbot, viewer, docked, planes
):
    add_result(viewer, planes)
    labels = corrected(qtbot, viewer, docked)
    slide(viewer, 4)
    where = painted(labels)
    count = len(viewer.layers)
    again = corrected(qtbot, viewer, docked)
    assert again is labels
    assert len(viewer.layers) == count
    assert (labels.data[where] == 5).all()
    slide(viewer, 1)
    elsewhere = painted(labels, (40, 10))
    index = viewer.layers["cells [depth index]"].data
    assert (index[deep(where)] == 4).all()
    assert (index[deep(elsewhere)] == 1).all()
    docked.native_parent_changed.emit(None)
    assert not labels.editable
    assert str(labels.mode) == "pan_zoom"
