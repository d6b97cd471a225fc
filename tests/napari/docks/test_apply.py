"""A result put on other layers: what is added equals the engine's, and lies over the result."""

import threading
import time

import numpy as np
import pytest
from stacks import banded_planes, in_a_window

from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.results import SourceInfo, result_layers
from napari_focus_stack.analysis.annotations import (
    measure_labels,
    measure_points,
    project_labels,
    project_points,
)
from napari_focus_stack.analysis.areas import measure_areas
from napari_focus_stack.analysis.projection import project
from napari_focus_stack.errors import Cancelled
from napari_focus_stack.io.sources import ArraySource, Spacing
from napari_focus_stack.pipeline.stack import focus_stack
from napari_focus_stack.result import Progress
from napari_focus_stack.settings import Settings

UM = Spacing(y=0.5, x=0.25, z=2.0, unit="micrometer")
PLACE = {"scale": (2, 0.5, 0.25), "translate": (3, 7, -5), "units": "um"}


@pytest.fixture
def docked(dock):
    return dock("Apply to other layers")


def add_result(viewer, planes, wanted=("depth-index", "height"), spacing=UM):
    """Add a stack that moved two pixels along x, and its result, cut to what all planes show."""
    source = viewer.add_image(planes, name="cells", **PLACE)
    matrices = np.tile(np.eye(3), (len(planes), 1, 1))
    matrices[3:, 0, 2] = 2
    result = focus_stack(ArraySource(planes, spacing=spacing), transforms=matrices, crop=True)
    for array, arguments in result_layers(result, wanted, SourceInfo.of([source], Settings())):
        viewer.add_image(array, **arguments)
    return result


def choose(widget, layer):
    widget.target.value = layer.unique_id


def pressed(qtbot, viewer, widget):
    widget.apply_button.native.click()
    qtbot.waitUntil(lambda: not widget.job.running, timeout=10_000)
    return viewer.layers[-1]


def assert_over(layer, image):
    assert layer.metadata[METADATA_KEY]["role"] == "applied"
    for pixel in ((0, 0), (10, 20)):
        np.testing.assert_allclose(layer.data_to_world(pixel), image.data_to_world(pixel))


@pytest.mark.parametrize(
    ("offset", "half_slab", "how"), [(0, 0, "max"), (1, 0, "max"), (-1, 2, "mean")]
)
def test_another_channel_is_projected_where_the_surface_was_found(
    qtbot, viewer, docked, planes, offset, half_slab, how
):
    result = add_result(viewer, planes)
    image = viewer.layers[-1]
    other = np.random.default_rng(1).integers(0, 4000, planes.shape).astype(np.uint16)
    channel = viewer.add_image(other, name="actin", colormap="green", **PLACE)
    assert docked.chosen_target() == channel  # not the stack itself
    docked.offset.value, docked.half_slab.value, docked.how.value = offset, half_slab, how
    added = pressed(qtbot, viewer, docked)
    assert (added.name, added.colormap.name) == ("actin [on cells]", "green")
    wanted = project(other, result, offset=offset, half_slab=half_slab, how=how)
    np.testing.assert_array_equal(added.data, wanted)
    assert added.data.dtype == np.uint16
    assert_over(added, image)
    assert docked.job.status.value == "Added 'actin [on cells]'."
    assert len(docked.target._widget._mgui_get_choices()) == 2  # what was added is no target


@in_a_window
def test_labels_and_points_come_onto_the_result(qtbot, viewer, docked, planes):
    result = add_result(viewer, planes)
    image = viewer.layers[-1]
    numbers = np.random.default_rng(1).integers(0, 9, planes.shape).astype(np.int32)
    choose(docked, viewer.add_labels(numbers, name="nuclei", **PLACE))
    docked.offset.value = 1
    added = pressed(qtbot, viewer, docked)
    np.testing.assert_array_equal(added.data, project_labels(numbers, result, offset=1))
    assert_over(added, image)
    choose(docked, viewer.add_labels(numbers[4], name="drawn"))
    assert (docked.plane.enabled, docked.offset.enabled) == (True, False)
    docked.plane.value = 4
    added = pressed(qtbot, viewer, docked)
    np.testing.assert_array_equal(added.data, project_labels(numbers[4], result, plane=4))
    in_stack = np.array([(0, 5, 6), (4, 20, 30), (5, 47, 60)], float)
    world = [viewer.layers["cells"].data_to_world(place) for place in in_stack]
    choose(docked, viewer.add_points(world, name="spots", size=1, units="um"))
    added = pressed(qtbot, viewer, docked)
    np.testing.assert_allclose(added.data, project_points(in_stack, result), atol=1e-6)
    # two pixels back for planes from 3 on, and the crop begins at the first column
    np.testing.assert_allclose(added.data, [(5, 6), (20, 28), (47, 58)], atol=1e-6)
    assert_over(added, image)
    np.testing.assert_allclose(added.size, 1 / np.sqrt(0.5 * 0.25))


@in_a_window
def test_points_and_labels_get_columns_beside_those_of_the_user(
    qtbot, viewer, docked, planes, tmp_path
):
    result = add_result(viewer, planes)
    in_stack = np.array([(0, 5, 6), (4, 20, 30), (5, 40, 50)], float)
    world = [viewer.layers["cells"].data_to_world(place) for place in in_stack]
    own = {"kind": ["a", "b", "c"], "height (µm)": [1.0, 2.0, 3.0]}
    choose(docked, viewer.add_points(world, name="spots", features=own, units="um"))
    added = pressed(qtbot, viewer, docked)
    measured = measure_points(in_stack, result)
    assert list(added.features) == [
        "kind", "height (µm)", "depth (planes)", "height (µm) 2", "standard uncertainty (µm)",
        "distance along z (µm)", "distance to surface (µm)",
    ]  # fmt: skip
    for name, column in own.items():
        assert list(added.features[name]) == column
    np.testing.assert_allclose(added.features["height (µm) 2"], measured["height (µm)"], rtol=1e-5)
    # without a confidence map nothing is known of it
    assert added.features["standard uncertainty (µm)"].isna().all()
    along = added.features["distance along z (µm)"]
    np.testing.assert_allclose(along + measured["height (µm)"], 2 * in_stack[:, 0], rtol=1e-5)
    added.save(str(tmp_path / "spots.csv"))
    assert "distance to surface (µm)" in (tmp_path / "spots.csv").read_text().splitlines()[0]

    numbers = np.zeros(planes.shape, np.int32)
    numbers[:, 5:15, 10:20], numbers[3:, 30:34, 30:34] = 4, 12
    features = {"index": [4, 99], "type": ["cell", "none"]}
    choose(docked, viewer.add_labels(numbers, name="nuclei", features=features, **PLACE))
    added = pressed(qtbot, viewer, docked)
    table = added.features.set_index("index")
    assert list(table.index) == [4, 12, 99]
    assert list(table["type"])[::2] == ["cell", "none"]
    heights = measure_labels(project_labels(numbers, result), result)
    name = "mean height (µm)"
    np.testing.assert_allclose(table[name][heights["label"]], heights[name], rtol=1e-5)
    assert np.isfinite(table["distance along z (µm)"][[4, 12]]).all()
    shown = added.get_status((*added.data_to_world((8, 14)),), view_direction=None, world=True)
    assert "mean height (µm)" in shown["coordinates"]
    choose(docked, viewer.add_labels(numbers[4], name="drawn", features={"size": np.arange(13.0)}))
    docked.plane.value = 4
    added = pressed(qtbot, viewer, docked)
    table = added.features.set_index("index")
    assert (table["size"][4], table["size"][12]) == (4, 12)
    assert np.isfinite(table[name][[4, 12]]).all()


def test_without_depth_and_height_whole_planes_are_used_and_said(qtbot, viewer, docked, planes):
    result = add_result(viewer, planes, wanted=("depth-index",))
    other = np.random.default_rng(1).integers(0, 4000, planes.shape).astype(np.uint16)
    viewer.add_image(other, name="actin", **PLACE)
    added = pressed(qtbot, viewer, docked)
    np.testing.assert_array_equal(added.data, project(other, result, interpolate=False))
    assert docked.job.status.value == (
        "Added 'actin [on cells]'. The surface is that of whole planes, because neither depth nor "
        "height of 'cells [sharp]' is in the viewer; stack again with 'Depth' ticked."
    )


def test_points_lie_right_without_the_stack_in_the_viewer(qtbot, viewer, docked, planes):
    result = add_result(viewer, planes)
    viewer.layers.remove("cells")
    place = np.array([(10.0, 20.0)])
    image = viewer.layers[-1]
    world = [image.data_to_world(place[0])]
    choose(docked, viewer.add_points(world, name="spots", units="um"))
    docked.plane.value = 4
    added = pressed(qtbot, viewer, docked)
    np.testing.assert_allclose(added.data, place - (0, 2), atol=1e-6)
    assert result.report.crop[0] == 0


def test_cancel_stops_the_projection_and_adds_nothing(qtbot, viewer, docked, planes, monkeypatch):
    running = threading.Event()

    def endless(source, result, *, cancel, **_):
        for k in range(2000):
            yield Progress("project", 0, 6, k, 2000)
            running.set()
            if cancel.is_set():
                raise Cancelled
            time.sleep(0.005)

    monkeypatch.setattr("napari_focus_stack.analysis.projection.project_steps", endless)
    add_result(viewer, planes)
    before = list(viewer.layers)
    docked.apply_button.native.click()
    qtbot.waitUntil(running.is_set, timeout=5000)
    qtbot.waitUntil(lambda: docked.job.progress.value > 0, timeout=5000)
    assert not docked.apply_button.enabled
    docked.job.cancel_button.native.click()
    qtbot.waitUntil(lambda: not docked.job.running, timeout=5000)
    assert docked.job.status.value == "Cancelled; no result was added."
    assert list(viewer.layers) == before
    assert docked.apply_button.enabled


def test_what_does_not_fit_is_said_in_a_sentence(qtbot, viewer, docked, planes, notifications):
    add_result(viewer, planes)
    choose(docked, viewer.add_image(banded_planes(4), name="other", **PLACE))
    pressed(qtbot, viewer, docked)
    assert docked.job.status.value.startswith("This stack is of shape (4, 48, 64), but the result")
    choose(docked, viewer.layers["cells"])
    docked.offset.value = 6
    pressed(qtbot, viewer, docked)
    assert docked.job.status.value == "offset 6 leads out of a stack of 6 planes; give less."
    assert len(notifications) == 2
    assert viewer.layers[-1].name == "other"


def test_only_results_with_a_depth_index_are_offered(viewer, docked, planes):
    assert not docked.apply_button.enabled
    add_result(viewer, planes, wanted=("height",))
    assert not docked.apply_button.enabled
    add_result(viewer, planes)
    assert docked.apply_button.enabled


def test_areas_are_those_of_the_engine_and_are_saved(qtbot, viewer, docked, planes, tmp_path):
    add_result(viewer, planes)
    height = viewer.layers["cells [height]"]
    _y, x = np.indices(height.data.shape)
    height.data = (0.75 * x * 0.25).astype(np.float32)  # a 3-4-5 slope
    labels = np.zeros(height.data.shape, np.int32)
    labels[5:25, 10:40], labels[30:40, 5:15] = 1, 7
    viewer.add_labels(labels, name="objects")
    assert not docked.areas.save_button.enabled
    docked.areas.measure_button.native.click()
    qtbot.waitUntil(lambda: not docked.areas.job.running, timeout=10_000)
    wanted = measure_areas(labels, height.data, (0.5, 0.25), unit="micrometer")
    assert docked.areas.areas.units == wanted.units
    for name, column in wanted.columns.items():
        np.testing.assert_array_equal(docked.areas.areas.columns[name], column)
    np.testing.assert_allclose(wanted.columns["surface_area"], [600 / 8 * 1.25, 100 / 8 * 1.25],
                               rtol=1e-4)  # fmt: skip
    table = docked.areas.table
    shown = [[table.item(i, j).text() for j in range(4)] for i in range(2)]
    assert shown == [["1", "600", "75", "93.75"], ["7", "100", "12.5", "15.625"]]
    assert table.horizontalHeaderItem(3).text() == "surface area\n(µm²)"
    docked.areas.save(str(tmp_path / "areas.csv"))
    first, *rows = (tmp_path / "areas.csv").read_text().splitlines()
    assert first.split(",") == wanted.headings
    assert [line.split(",")[:3] for line in rows] == [["1", "600", "75"], ["7", "100", "12.5"]]


def test_areas_need_a_height_map_and_labels_of_its_size(qtbot, viewer, docked, planes):
    add_result(viewer, planes, wanted=("depth-index",))
    viewer.add_labels(np.ones((48, 64), int), name="objects")
    docked.areas.measure_button.native.click()
    assert docked.areas.job.status.value.startswith("'cells [sharp]' has no height map")
    add_result(viewer, planes)
    docked.areas.measure_button.native.click()
    qtbot.waitUntil(lambda: not docked.areas.job.running, timeout=10_000)
    assert "does not fit labels of shape (48, 64)" in docked.areas.job.status.value
    assert docked.areas.areas is None


def test_areas_without_a_pixel_size_are_refused(qtbot, viewer, docked, planes):
    """A pixel had counted as a micrometre, without a word."""
    add_result(viewer, planes)
    for one in viewer.layers:
        known = one.metadata.get("napari-focus-stack", {})
        if known.get("spacing"):
            known["spacing"] = {**known["spacing"], "y": None, "x": None}
    viewer.add_labels(np.ones((48, 62), int), name="objects")
    docked.areas.measure_button.native.click()
    assert "pixel size of 'cells [sharp]' is unknown" in docked.areas.job.status.value
    assert docked.areas.areas is None
