"""Heights measured in the window are those of the surface, wherever its layers lie."""

import gc
import threading
import time
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Points, Shapes
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks
from stacks import in_a_window

from napari_focus_stack._napari.io.results_reader import get_reader
from napari_focus_stack._napari.io.writers import write_results
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.result_sets import result_sets
from napari_focus_stack.analysis import open_heights
from napari_focus_stack.analysis.height_profiles import profile
from napari_focus_stack.errors import InputError

SHAPE = (60, 80)
ROWS, COLS = np.indices(SHAPE, np.float32)
SIZE = 0.5, 0.25
TILT = 0.3 * ROWS + 0.1 * COLS
STEP = np.where(COLS < 40, 2.0, 6.0).astype(np.float32)
PLACE = {"scale": SIZE, "translate": (30, -7), "rotate": 30, "units": "um"}
TITLE = "Measure heights"


@pytest.fixture
def docked(dock):
    return dock(TITLE)


def add_result(viewer, heights=TILT, confidence=None, spacing=None, role="height"):
    """Layers as the Focus Stack dock adds them."""
    known = {"y": SIZE[0], "x": SIZE[1], "z": 2.0, "unit": "micrometer"}
    past = {
        "sources": ["cells"], "cut": {}, "aligned_on": None, "settings": {}, "transforms": [],
        "crop": None, "spacing": known if spacing is None else spacing, "depth_unit": 1.0,
    }  # fmt: skip
    sure = np.ones(SHAPE, np.float32) if confidence is None else confidence
    maps = {role: np.asarray(heights, np.float32), "confidence": sure}
    for name, array in {**maps, "stacked": np.zeros(SHAPE, np.uint8)}.items():
        metadata = {METADATA_KEY: {**past, "role": name}}
        viewer.add_image(array, name=f"cells [{name}]", metadata=metadata, **PLACE)
    return viewer.layers[-1]


def drawn(image, *pixels, ndim=2):
    """World coordinates of pixels of a result, for a layer without a place of its own."""
    return [[*[0] * (ndim - 2), *image.data_to_world(pixel)] for pixel in pixels]


def settled(qtbot, docked):
    """Wait for all that was begun."""
    qtbot.wait(5)  # changes of one turn of the event loop count as one
    workers = (docked.profile.worker, docked.step.worker, docked.source.worker)
    qtbot.waitUntil(lambda: all(one.idle for one in workers), timeout=10_000)
    qtbot.waitUntil(lambda: not docked.job.running, timeout=10_000)


def press(qtbot, docked, button):
    button.native.click()
    settled(qtbot, docked)
    return docked.job.status.value


def test_a_line_on_a_tilted_plane_has_its_heights_and_lengths(qtbot, viewer, docked, tmp_path):
    add_result(viewer)
    docked.profile.lines.buttons["add_line"].native.click()
    shapes = viewer.layers["Profiles"]
    assert viewer.layers.selection.active is shapes
    assert shapes.mode == "add_line"
    shapes.add_lines(np.array([(10, 10), (50, 70)], float))  # in pixels, as it lies over the result
    shapes.add_paths(np.array([(5.0, 5.0), (5.0, 45.0), (45.0, 45.0)], float))
    shapes.add_rectangles(np.array([(0, 0), (9, 9)], float))
    settled(qtbot, docked)
    (first, line), (second, path) = docked.profile.profiles
    assert (first, second) == (1, 2)
    assert line.length == pytest.approx(np.hypot(40 * 0.5, 60 * 0.25))
    assert path.length == pytest.approx(40 * 0.25 + 40 * 0.5)
    for one in (line, path):
        y, x = one.points.T
        np.testing.assert_allclose(one.height, 0.3 * y + 0.1 * x, atol=1e-5)
    shapes.data = [np.array([(10.0, 10), (10.0, 70)]), *shapes.data[1:]]
    settled(qtbot, docked)
    assert docked.profile.profiles[0][1].length == pytest.approx(60 * 0.25)
    qtbot.waitUntil(lambda: "length (µm)" in shapes.features, timeout=5000)
    table = shapes.features
    np.testing.assert_allclose(table["length (µm)"], [15, 30, np.nan])
    np.testing.assert_allclose(table["highest (µm)"], [10, 18, np.nan], rtol=1e-5)
    docked.profile.save(str(tmp_path / "p.csv"))
    names, *rows = (tmp_path / "p.csv").read_text().splitlines()
    assert names.split(",")[:4] == [
        "profile", "distance (µm)", "height (µm)", "standard uncertainty (µm)",
    ]  # fmt: skip
    cells = np.genfromtxt(rows, delimiter=",")
    np.testing.assert_allclose(cells[:, 2], 0.3 * cells[:, 6] + 0.1 * cells[:, 7], atol=1e-5)
    docked.profile.save(str(tmp_path / "p.svg"))
    assert "polyline" in (tmp_path / "p.svg").read_text()


def drag(layer, image, *pixels):
    """Press on the first pixel and move to the others; the button is not released."""
    pressed = None
    for pixel in pixels:
        event = SimpleNamespace(
            type="mouse_move" if pressed else "mouse_press", position=image.data_to_world(pixel),
            pos=np.array(pixel, float), view_direction=None, dims_displayed=[0, 1],
            modifiers=(), button=1, is_dragging=bool(pressed), handled=False,
        )  # fmt: skip
        if pressed is None:
            pressed = ReadOnlyWrapper(event)
            mouse_press_callbacks(layer, pressed)
        else:
            mouse_move_callbacks(layer, ReadOnlyWrapper(event))


@in_a_window
def test_the_profile_follows_a_line_that_is_being_dragged(qtbot, viewer, docked):
    image = add_result(viewer)
    docked.profile.lines.buttons["add_line"].native.click()
    shapes = viewer.layers["Profiles"]
    lengths = []
    for end in ((10, 30), (10, 50), (40, 50)):
        drag(shapes, image, (10, 10), (10, 20), end)
        settled(qtbot, docked)
        lengths.append(docked.profile.profiles[-1][1].length)
        assert len(np.unique(shapes.edge_color, axis=0)) == len(lengths)
        shapes.mode = "pan_zoom"  # ends the drawing
        shapes.mode = "add_line"
    np.testing.assert_allclose(lengths, [5, 10, np.hypot(15, 10)], rtol=5e-3)


def test_profiles_go_into_the_table_of_their_own_layer(qtbot, viewer, docked, monkeypatch):
    image, begun = add_result(viewer), threading.Event()

    def slow(*arguments, **options):
        begun.set()
        time.sleep(0.3)
        return profile(*arguments, **options)

    monkeypatch.setattr("napari_focus_stack._napari.widgets.profile_panel.profile", slow)
    ends = [np.array(drawn(image, (10, 20), (40, k))) for k in (20, 20, 30)]
    viewer.add_shapes(ends[:1], shape_type="line")
    qtbot.waitUntil(begun.is_set, timeout=5000)
    second = viewer.add_shapes(ends[1:], shape_type="line")
    written = []
    second.events.features.connect(lambda _: written.append(second.features["length (µm)"]))
    docked.profile.lines.choice.value = second.unique_id
    qtbot.waitUntil(lambda: bool(written), timeout=5000)
    np.testing.assert_allclose(written[0], [15, np.hypot(15, 2.5)])


@pytest.mark.parametrize("ndim", [2, 3])
def test_shapes_of_the_user_lie_over_the_same_pixels(qtbot, viewer, docked, ndim):
    image = add_result(viewer)
    shapes = viewer.add_shapes(
        [np.array(drawn(image, (10, 20), (40, 20), ndim=ndim))], shape_type="line", ndim=ndim
    )
    settled(qtbot, docked)
    [(_, line)] = docked.profile.profiles
    np.testing.assert_allclose(line.points[[0, -1]], [(10, 20), (40, 20)], atol=1e-6)
    assert line.length == pytest.approx(15)
    viewer.layers.remove(shapes)
    settled(qtbot, docked)
    assert docked.profile.profiles == []
    assert not docked.profile.save_button.enabled


def test_only_sure_heights_count(qtbot, viewer, docked):
    confidence = np.where(ROWS < 30, 0.9, 0.2).astype(np.float32)
    image = add_result(viewer, STEP, confidence)
    viewer.add_shapes([np.array(drawn(image, (0, 10), (59, 10)))], shape_type="line")
    settled(qtbot, docked)
    assert docked.source.share.value == "50.0% of the field"
    [(_, line)] = docked.profile.profiles
    np.testing.assert_array_equal(line.counted, line.points[:, 0] < 29.5)
    docked.source.confidence.value = 0.1
    settled(qtbot, docked)
    assert docked.source.share.value == "100.0% of the field"
    assert docked.profile.profiles[0][1].counted.all()


def test_the_step_between_two_regions_follows_them(qtbot, viewer, docked):
    image = add_result(viewer, STEP)
    settled(qtbot, docked)
    assert docked.step.step.value.startswith("Press 'Draw region'")
    docked.step.regions.buttons["add_rectangle"].native.click()
    shapes = viewer.layers["Regions"]
    shapes.add_rectangles(np.array([(10, 5), (40, 30)], float))
    shapes.add_ellipses(np.array([(25, 62), (15, 12)], float))  # centre and radii
    settled(qtbot, docked)
    assert list(shapes.features["region"]) == ["A", "B"]
    said = docked.step.step.value
    assert said.startswith("Step B \N{MINUS SIGN} A: 4")
    assert "100.0% of the pixels counted" in said
    np.testing.assert_allclose(shapes.features["mean height (µm)"], [2, 6])
    docked.step.first.value, docked.step.second.value = "B", "A"
    settled(qtbot, docked)
    assert docked.step.step.value.startswith("Step A \N{MINUS SIGN} B: -4")
    labels = np.zeros(SHAPE, int)
    labels[:, :20], labels[:, 60:] = 3, 7
    layer = viewer.add_labels(labels, name="sides", **PLACE)
    docked.step.regions.choice.value = layer.unique_id
    settled(qtbot, docked)
    assert docked.step.step.value.startswith("Step 7 \N{MINUS SIGN} 3: 4")
    image.translate = (500, 500)  # no pixel of the labels lies over the result now
    settled(qtbot, docked)
    assert "Step" not in docked.step.step.value


def test_regions_drawn_one_by_one_make_a_step_and_those_that_go_leave_the_others(
    qtbot, viewer, docked
):
    add_result(viewer, STEP)
    docked.step.regions.buttons["add_rectangle"].native.click()
    shapes, panel = viewer.layers["Regions"], docked.step
    for corners in ([(10, 5), (40, 30)], [(10, 50), (40, 70)], [(5, 2), (50, 12)]):
        shapes.add_rectangles(np.array(corners, float))
        settled(qtbot, docked)
    assert panel.step.value.startswith("Step B \N{MINUS SIGN} A: 4")
    panel.first.value, panel.second.value = "B", "C"
    settled(qtbot, docked)
    assert panel.step.value.startswith("Step C \N{MINUS SIGN} B: -4")
    panel.second.value = "B"
    settled(qtbot, docked)
    assert panel.step.value == "Choose two different regions."
    panel.second.value = "C"
    settled(qtbot, docked)
    shapes.data = shapes.data[:2]
    settled(qtbot, docked)
    assert (panel.first.value, panel.second.value) == ("A", "B")
    assert panel.step.value.startswith("Step B \N{MINUS SIGN} A: 4")


def test_texture_and_volume_of_regions_are_tabulated(
    qtbot, viewer, docked, tmp_path, monkeypatch, notifications
):
    add_result(viewer, 3 * np.sin(COLS * 2 * np.pi / 16) + TILT)
    press(qtbot, docked, docked.surface.texture_button)
    table = docked.surface.table
    rows = {one.name: one for one in table.measures.rows}
    assert rows["Sq"].unit == "µm"
    assert rows["Sq"].values[0] == pytest.approx(3 / np.sqrt(2), rel=0.02)
    assert rows["counted"].values == (100,)
    docked.surface.regions.draw("add_rectangle")
    viewer.layers["Regions"].add_rectangles(np.array([(10, 8), (49.4, 71.4)], float))
    docked.surface.regions.choice.value = viewer.layers["Regions"].unique_id
    docked.surface.level.value = "-100"
    press(qtbot, docked, docked.surface.volume_button)
    rows = {one.name: one for one in table.measures.rows}
    # 40 rows and 64 columns, which are four whole waves
    mean = 0.3 * 29.5 + 0.1 * 39.5 + 100
    assert rows["volume above"].unit == "µm³"
    assert rows["volume above"].values[0] == pytest.approx(mean * 40 * 0.5 * 64 * 0.25, rel=1e-5)
    assert rows["volume below"].values == (0,)
    assert table.measures.notes == ()
    table.save(str(tmp_path / "v.csv"))
    first, second, *_ = (tmp_path / "v.csv").read_text().splitlines()
    assert (first, second) == ("quantity,unit,A", "level,µm,-100")
    monkeypatch.setattr(
        "napari_focus_stack._napari.widgets.measures_table.QFileDialog.getSaveFileName",
        lambda *_: (str(tmp_path / "missing" / "v.csv"), ""),
    )
    table.save_button.native.click()
    assert "missing" in notifications[-1]
    docked.surface.s_filter.value = "fine"
    assert "S-filter 'fine' is no length" in press(qtbot, docked, docked.surface.texture_button)


def test_a_volume_of_a_part_of_the_field_says_so(qtbot, viewer, docked):
    add_result(viewer, STEP, confidence=np.where(ROWS < 30, 1, 0.2).astype(np.float32))
    press(qtbot, docked, docked.surface.volume_button)
    measures = docked.surface.table.measures
    [note] = measures.notes
    share = next(one.values[0] for one in measures.rows if one.name == "counted")
    assert f"those of {share:.1f}% of the region" in note
    assert measures.cells[-1] == [note]


def test_lines_and_regions_of_one_layer_keep_their_shares(qtbot, viewer, docked):
    image = add_result(viewer, confidence=np.where(ROWS < 30, 1, 0.2).astype(np.float32))
    shapes = viewer.add_shapes([np.array(drawn(image, (10, 20), (48, 20)))], shape_type="line")
    settled(qtbot, docked)
    qtbot.waitUntil(lambda: "share that counts" in shapes.features, timeout=5000)
    assert not any("region" in name for name in shapes.features)
    corners = drawn(image, (9.6, 4.6), (9.6, 15.4), (39.4, 15.4), (39.4, 4.6))
    shapes.add_polygons(np.array(corners))
    settled(qtbot, docked)
    table = shapes.features
    np.testing.assert_allclose(table["share that counts"][0], 20 / 39, atol=0.02)
    np.testing.assert_allclose(table["share of region that counts"][1], 2 / 3, rtol=0.01)


def test_a_table_says_that_heights_regions_or_the_result_are_others_now(qtbot, viewer, docked):
    image = add_result(viewer, STEP)
    panel, words = docked.surface, "press the button again"
    panel.regions.draw("add_rectangle")
    shapes = viewer.layers["Regions"]
    shapes.add_rectangles(np.array([(10, 8), (49, 71)], float))
    panel.regions.choice.value = shapes.unique_id

    def move():
        shapes.data = [one + 1 for one in shapes.data]

    def lower():
        docked.source.confidence.value -= 0.1

    for change in (move, lower, lambda: viewer.layers.remove(image)):
        press(qtbot, docked, panel.volume_button)
        image.visible = not image.visible  # by which layers are read anew
        settled(qtbot, docked)
        assert words not in panel.table.notes.value
        change()
        settled(qtbot, docked)
        assert words in panel.table.notes.value
        assert any(words in str(line[0]) for line in panel.table.measures.cells)


def test_the_longest_table_fits_on_a_low_screen(qtbot, viewer, docked):
    add_result(viewer)
    docked.surface.regions.draw("add_rectangle")
    shapes = viewer.layers["Regions"]
    for top in (5, 15, 25, 35):
        shapes.add_rectangles(np.array([(top, 8), (top + 9, 71)], float))
    docked.surface.regions.choice.value = shapes.unique_id
    press(qtbot, docked, docked.surface.texture_button)
    assert len(docked.surface.table.notes.value) > 500
    assert docked.native.minimumSizeHint().height() < 600


def test_levelled_heights_lie_beside_those_of_the_stack(qtbot, viewer, docked):
    image = add_result(viewer, TILT + STEP)
    docked.level.method.value = "points"
    docked.level.points_button.native.click()
    assert "none are placed" in press(qtbot, docked, docked.level.level_button)
    viewer.layers["Points to level by"].add([(10, 10), (50, 10), (30, 30)])
    said = press(qtbot, docked, docked.level.level_button)
    levelled = viewer.layers["cells [height, levelled]"]
    assert levelled.name in said
    np.testing.assert_allclose(levelled.data, STEP - 2, atol=1e-4)
    np.testing.assert_array_equal(viewer.layers["cells [height]"].data, TILT + STEP)
    for pixel in ((0, 0), (10, 20)):
        np.testing.assert_allclose(levelled.data_to_world(pixel), image.data_to_world(pixel))
    [found] = result_sets(viewer.layers)
    assert found.maps["height"] is viewer.layers["cells [height]"]
    np.testing.assert_array_equal(docked.source.heights().heights, levelled.data)
    viewer.layers.remove(levelled)
    np.testing.assert_array_equal(docked.source.heights().heights, TILT + STEP)


def test_levelled_heights_are_shown_in_3d_and_saved_beside_the_others(
    qtbot, viewer, docked, dock, tmp_path
):
    add_result(viewer, TILT + STEP)
    press(qtbot, docked, docked.level.level_button)
    levelled = viewer.layers["cells [height, levelled]"]
    shown = dock("Show in 3-D")
    for layer in (viewer.layers["cells [height]"], levelled):
        shown.heights.value = layer.unique_id
        shown.show_button.native.click()
        qtbot.waitUntil(lambda: not shown.job.running, timeout=10_000)
        surface = viewer.layers["cells [surface]"]
        heights = surface.vertices[:, 0] * abs(surface.scale[0])
        np.testing.assert_allclose(np.ptp(heights), np.ptp(layer.data), rtol=0.05)
    pair = [viewer.layers["cells [height]"], levelled, viewer.layers["cells [stacked]"]]
    [path] = write_results(
        str(tmp_path / "r.focusstack"), [layer.as_layer_data_tuple() for layer in pair]
    )
    opened = ViewerModel()
    for data in get_reader(path)(path):
        opened._add_layer_from_data(*data)
    [found] = result_sets(opened.layers)
    np.testing.assert_array_equal(found.maps["height"].data, TILT + STEP)
    np.testing.assert_array_equal(found.levelled[0].data, levelled.data)


def test_maps_show_the_slope_and_the_levels_of_a_plane(qtbot, viewer, docked):
    image = add_result(viewer, confidence=np.where(ROWS < 40, 1, 0.2).astype(np.float32))
    for name in ("Slope", "Hillshade", "Contour lines"):
        press(qtbot, docked, docked.maps.buttons[name])
    slope = viewer.layers["cells [slope]"]
    assert [one.name for one in viewer.layers][-4:] == [
        "cells [stacked]", "cells [slope]", "cells [hillshade]", "cells [contour lines]"
    ]  # fmt: skip
    steep = np.degrees(np.arctan(np.hypot(0.3 / 0.5, 0.1 / 0.25)))
    np.testing.assert_allclose(slope.data[:40], steep, rtol=1e-4)
    assert np.isnan(slope.data[40:]).all()
    lines = viewer.layers["cells [contour lines]"]
    (y, x), level = lines.data[:, 0].T, lines.features["height (µm)"]
    np.testing.assert_allclose(0.3 * y + 0.1 * x, level, atol=1e-4)
    assert 38 < y.max() < 40
    for layer in (slope, lines):
        np.testing.assert_allclose(layer.data_to_world((3, 4)), image.data_to_world((3, 4)))


def test_a_layer_with_a_shear_is_refused(qtbot, viewer, docked):
    image = add_result(viewer)
    image.affine = [[1, 0.4, 0], [0, 1, 0], [0, 0, 1]]
    ends = np.array(drawn(image, (10, 20), (40, 20)))
    viewer.add_shapes([ends], shape_type="line")
    settled(qtbot, docked)
    assert docked.profile.profiles == []
    assert "has a shear" in docked.profile.status.value
    assert "has a shear" in docked.job.status.value
    assert not docked.maps.buttons["Slope"].enabled
    image.affine = np.eye(3)
    settled(qtbot, docked)
    assert docked.profile.profiles[0][1].length == pytest.approx(np.hypot(*np.ptp(ends, axis=0)))
    assert docked.maps.buttons["Slope"].enabled
    assert docked.job.status.value == ""


def test_a_result_without_heights_is_refused_before_anything_is_pressed(viewer, docked):
    add_result(viewer, role="depth-index")
    assert "stack again with 'Height' or 'Depth' ticked" in docked.job.status.value
    assert not docked.surface.texture_button.enabled


def test_without_a_z_step_heights_are_planes(qtbot, viewer, docked):
    image = add_result(viewer, spacing={}, role="depth")
    viewer.add_shapes([np.array(drawn(image, (10, 20), (40, 20)))], shape_type="line")
    settled(qtbot, docked)
    [(_, line)] = docked.profile.profiles
    assert (line.unit, line.distance_unit) == ("plane", "pixel")
    assert line.length == pytest.approx(30)
    assert "give the pixel size and the z step" in press(
        qtbot, docked, docked.maps.buttons["Slope"]
    )


@pytest.mark.parametrize("z", [None, 2.0])
def test_a_levelled_depth_has_the_unit_of_the_depth(qtbot, viewer, docked, z):
    spacing = {"y": SIZE[0], "x": SIZE[1], "z": z, "unit": "micrometer"}
    add_result(viewer, TILT, spacing=spacing, role="depth")
    before = docked.source.heights()
    press(qtbot, docked, docked.level.level_button)
    levelled, after = viewer.layers[-1], docked.source.heights()
    kind, unit = ("depth", "plane") if z is None else ("height", "micrometer")
    assert levelled.name == f"cells [{kind}, levelled]"
    assert before.unit == after.unit == unit
    np.testing.assert_allclose(after.heights, 0, atol=1e-4)
    docked.source.layers.value = viewer.layers["cells [depth]"].unique_id
    np.testing.assert_array_equal(docked.source.heights().heights, TILT * (z or 1))


@pytest.mark.parametrize("role", ["height", "depth"])
def test_pixels_count_in_the_unit_of_the_run_whatever_that_of_the_layer_is(
    qtbot, viewer, docked, role
):
    spacing = {"y": SIZE[0], "x": SIZE[1], "z": None, "unit": "micrometer"}
    image = add_result(viewer, spacing=spacing, role=role)
    for layer in viewer.layers:
        layer.units, layer.scale = ("nm", "nm"), np.multiply(SIZE, 1000)
    heights = docked.source.heights()
    np.testing.assert_allclose(heights.pixel_size, SIZE)
    assert heights.pixel_unit == "micrometer"
    image.affine = np.diag([2.0, 2.0, 1.0])  # as another pixel size of its stack makes it
    settled(qtbot, docked)
    np.testing.assert_allclose(docked.source.heights().pixel_size, np.multiply(SIZE, 2))


def test_without_a_result_nothing_can_be_measured(qtbot, viewer, docked):
    assert docked.job.status.value.startswith("No result with a map of depth or height")
    assert not docked.surface.texture_button.enabled
    with pytest.raises(InputError, match="no result"):
        docked.source.heights()
    image = add_result(viewer)
    assert docked.surface.texture_button.enabled
    docked.profile.lines.draw("add_line")
    viewer.layers["Profiles"].add_lines(np.array([(10, 10), (50, 70)], float))
    settled(qtbot, docked)
    viewer.layers.remove(image)
    settled(qtbot, docked)
    assert docked.profile.profiles == []


def test_the_pointer_in_the_plot_marks_the_place(qtbot, viewer, docked):
    image = add_result(viewer)
    docked.profile.lines.draw("add_line")
    shapes = viewer.layers["Profiles"]
    shapes.add_lines(np.array([(10, 10), (50, 70)], float))
    settled(qtbot, docked)
    docked.profile.plot.pointed.emit((20.0, 25.0))
    mark = viewer.layers["Place in the plot"]
    np.testing.assert_allclose(mark.data, [(20, 25)])
    np.testing.assert_allclose(mark.data_to_world((20, 25)), image.data_to_world((20, 25)))
    assert viewer.layers.selection.active is shapes  # or the tool to draw with would be gone
    assert shapes.mode == "add_line"
    docked.profile.plot.pointed.emit(None)
    assert not mark.visible
    viewer.layers.remove(mark)
    docked.profile.plot.pointed.emit((20.0, 25.0))
    assert isinstance(viewer.layers["Place in the plot"], Points)


def test_heights_and_meshes_are_handed_on_as_they_are(qtbot, viewer, docked, tmp_path):
    add_result(viewer)
    docked.export.save("Height map...", str(tmp_path / "h.gsf"))
    settled(qtbot, docked)
    assert docked.job.status.value == f"Saved '{tmp_path / 'h.gsf'}'."
    opened = open_heights(tmp_path / "h.gsf").height_map
    np.testing.assert_allclose(opened.heights, TILT, rtol=1e-6)
    np.testing.assert_allclose(opened.pixel_size, SIZE)
    docked.export.save("Mesh...", str(tmp_path / "m.stl"))
    settled(qtbot, docked)
    assert (tmp_path / "m.stl").stat().st_size > 84
    docked.export.save("Mesh...", str(tmp_path / "m.abc"))
    settled(qtbot, docked)
    assert "is no name for a mesh" in docked.job.status.value


def test_the_chosen_format_decides_and_nothing_is_replaced_unasked(
    qtbot, viewer, docked, tmp_path, monkeypatch
):
    add_result(viewer)
    for typed, chosen, written in (
        ("a", "GSF (*.gsf)", "a.gsf"),
        ("v1.5", "TIFF (*.tif)", "v1.5.tif"),
        ("b.tif", "GSF (*.gsf)", "b.gsf"),  # offered as .tif before the format was chosen
        ("c.X3P", "TIFF (*.tif)", "c.X3P"),
    ):
        monkeypatch.setattr(
            "napari_focus_stack._napari.widgets.export_panel.QFileDialog.getSaveFileName",
            lambda *_, path=tmp_path / typed, chosen=chosen: (str(path), chosen),
        )
        said = press(qtbot, docked, docked.export.buttons["Height map..."])
        assert said == f"Saved '{tmp_path / written}'."
        again = press(qtbot, docked, docked.export.buttons["Height map..."])
        asked = typed == written
        assert ("Saved" if asked else "exists; choose it to replace it") in again


def test_a_mesh_that_is_cancelled_leaves_no_file(qtbot, viewer, docked, tmp_path, monkeypatch):
    from napari_focus_stack.analysis import surface

    add_result(viewer)
    begun, make = threading.Event(), surface.surface_mesh

    def slow(*arguments, **options):
        begun.set()
        time.sleep(0.3)
        return make(*arguments, **options)

    monkeypatch.setattr(surface, "surface_mesh", slow)
    docked.export.save("Mesh...", str(tmp_path / "m.stl"))
    qtbot.waitUntil(begun.is_set, timeout=5000)
    docked.job.cancel_button.native.click()
    settled(qtbot, docked)
    assert docked.job.status.value == "Cancelled; nothing was added or written."
    assert list(tmp_path.iterdir()) == []


def test_a_film_that_is_cancelled_leaves_no_file(qtbot, viewer, docked, tmp_path):
    add_result(viewer)
    docked.export.save("Film...", str(tmp_path / "film.mp4"))
    qtbot.waitUntil(lambda: docked.job.progress.value > 0, timeout=20_000)
    assert not docked.export.buttons["Film..."].enabled
    docked.job.cancel_button.native.click()
    settled(qtbot, docked)
    assert docked.job.status.value == "Cancelled; nothing was added or written."
    assert list(tmp_path.iterdir()) == []


@in_a_window
def test_a_closed_dock_leaves_the_window_as_it_was(qtbot, viewer):
    dock, widget = viewer.window.add_plugin_dock_widget("napari-focus-stack", TITLE)
    add_result(viewer)
    widget.profile.lines.draw("add_line")
    shapes = viewer.layers["Profiles"]
    shapes.add_lines(np.array([(10, 10), (50, 70)], float))
    settled(qtbot, widget)
    widget.profile.plot.pointed.emit((20.0, 25.0))
    viewer.window.remove_dock_widget(dock)
    assert "Place in the plot" not in viewer.layers
    assert all(one.worker.idle for one in (widget.source, widget.profile, widget.step))
    gone = weakref.ref(widget)
    del widget, dock
    shapes.data = [np.array([(10.0, 10), (20.0, 20)])]
    qtbot.wait(20)
    gc.collect()
    assert {type(one) for one in viewer.layers} == {Image, Shapes}
    assert gone() is None or gone().profile.worker.idle
