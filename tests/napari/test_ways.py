"""napari's own ways: every kind of layer, wherever it lies, whatever becomes of it meanwhile.

What a job comes to is heard of in the main thread only, so whatever a test does between the start
of a job and `finished` happens during the run.
"""

import threading
import time
from types import SimpleNamespace

import dask.array
import numpy as np
import pytest
from long_runs import only_long
from napari.components import ViewerModel
from qtpy.QtCore import QEvent
from stacks import grid_of

from napari_focus_stack._napari.docks.align import AlignWidget
from napari_focus_stack._napari.docks.apply import ApplyWidget
from napari_focus_stack._napari.docks.correct import CorrectWidget
from napari_focus_stack._napari.docks.probe import ONLY_FLAT, ProbeWidget
from napari_focus_stack._napari.docks.stack import FocusStackWidget
from napari_focus_stack._napari.docks.surface import SurfaceWidget
from napari_focus_stack._napari.io.results_reader import reopen
from napari_focus_stack._napari.io.writers import write_results
from napari_focus_stack._napari.layers.appearance import OUTPUTS
from napari_focus_stack._napari.layers.geometry import calibrate, spacing_of
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, role
from napari_focus_stack._napari.layers.planes import finest
from napari_focus_stack._napari.layers.results import SourceInfo, result_layers
from napari_focus_stack._napari.widgets.settings_form import UPDATE
from napari_focus_stack.io.sources import ArraySource, Spacing
from napari_focus_stack.pipeline.stack import focus_stack, stack_steps
from napari_focus_stack.result import Progress
from napari_focus_stack.settings import Settings

UM = {"scale": (2, 0.5, 0.25), "units": "um"}
AFFINE = np.array([[3, 0, 0, 3], [0, 0, 1.5, 4], [0, -0.8, 0.1, 5], [0, 0, 0, 1.0]])
"""z three times as deep; y and x turned, stretched and leaning."""
WHOLE = (0, 65535)


def coloured(planes):
    return np.stack([planes.astype(np.uint16) * k for k in (257, 120, 30)], axis=-1)


def with_holes(planes):
    holes = planes.astype(np.float32)
    holes[:, 3:6, 3:6] = np.nan
    holes[2, 30, 30] = np.inf
    return holes


def lazy(array):
    return dask.array.from_array(array, chunks=(2, 20, 64, *array.shape[3:]))


KINDS = {
    "lazy multiscale": lambda p: ([lazy(p), lazy(p)[:, ::2, ::2]], {"multiscale": True, **UM}),
    "rgb16": lambda p: (coloured(p), {"rgb": True, **UM}),
    "multiscale rgb16": lambda p: (
        [coloured(p), coloured(p)[:, ::2, ::2]],
        {"rgb": True, "multiscale": True, **UM},
    ),
    "flipped": lambda p: (p, {"scale": (-2, -0.5, 0.25), "translate": (20, 7, -5), "units": "um"}),
    "turned": lambda p: (p, {"rotate": 30, "translate": (3, 7, -5), **UM}),
    "sheared": lambda p: (p, {"shear": (0, 0, 0.4), "translate": (3, 7, -5), **UM}),
    "affine": lambda p: (p, {"affine": AFFINE, "translate": (3, 7, -5), **UM}),
}
"""Stacks as arguments of `add_image`."""
KEPT_KINDS = ("lazy multiscale", "rgb16", "flipped", "affine")
OTHER_KINDS = [kind for kind in KINDS if kind not in KEPT_KINDS]
"""Parts and combinations of those that are kept."""
TYPES = {
    "uint64": lambda p: p.astype(np.uint64) << 20,
    "bool": lambda p: p > 128,
    "float16": lambda p: p.astype(np.float16),
    "holes": with_holes,
}
FILM = {"scale": (10, 2, 0.5, 0.25), "units": ("s", "um", "um", "um")}
NEIGHBOURS = {
    "alone": (None, 1),
    "film": (FILM, 1),
    "finer unit": ({"scale": (900, 100, 100), "units": "nm"}, 1000),
}
"""Layers beside the stack, and what its micrometres are in the viewer then."""


def docked(viewer, kind):
    """Widget that hears of the layer list, as napari's window sees to."""
    widget = kind(viewer)
    for change in {"inserted", "removed", "reordered", "renamed"} & {*viewer.layers.events}:
        getattr(viewer.layers.events, change).connect(widget.reset_choices)
    if kind is ProbeWidget:  # which rests out of sight
        widget.native.show()
    DOCKED.append(widget)
    return widget


def finished(qtbot, widget):
    """What the widget says in the end."""
    qtbot.waitUntil(lambda: not widget.job.running, timeout=10_000)
    return widget.job.status.value


def done(qtbot, widget, start):
    getattr(widget, start)()
    return finished(qtbot, widget)


def made(viewer, wanted="stacked"):
    """Topmost layer of a role."""
    return [layer for layer in viewer.layers if role(layer) == wanted][-1]


def add_result(viewer, source, wanted=("depth-index",)):
    """What a run adds, without the dock."""
    planes = ArraySource(np.asarray(finest(source)), spacing=spacing_of([source]))
    result = focus_stack(planes, align="none")
    for array, arguments in result_layers(result, wanted, SourceInfo.of([source], Settings())):
        viewer.add_image(array, **arguments)
    return made(viewer)


DOCKED = []
"""Widgets of a test: without a window nobody else holds them, and PySide6 crashes where the garbage
collection of another thread finds them."""


@pytest.fixture
def viewer(qapp):
    yield ViewerModel()
    for widget in DOCKED:
        widget.native.close()
        widget.native.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    DOCKED.clear()


@pytest.fixture
def cells(viewer, planes):
    return viewer.add_image(planes, name="cells", **UM)


def pointed(qtbot, probe, position):
    probe._point(None, SimpleNamespace(position=position))
    qtbot.waitUntil(lambda: probe.worker.idle, timeout=10_000)
    return probe.status.value


def paint(labels, image, pixel):
    labels.paint(labels.world_to_data(image.data_to_world(pixel)), labels.selected_label)


def assert_over(layer, source, atol=1e-6):
    """Pixel for pixel in the world, at whatever z."""
    ndim = layer.ndim
    for pixel in ((0, 0), (47, 0), (13, 63)):
        place = (0,) * (ndim - 2) + pixel
        there = source.data_to_world((0,) * (source.ndim - 2) + pixel)
        np.testing.assert_allclose(layer.data_to_world(place)[-2:], there[-2:], atol=atol)
        assert layer.units[-2:] == source.units[-2:]


# --- every widget, on every kind of layer


def check_stack(qtbot, viewer, source):
    widget = docked(viewer, FocusStackWidget)
    widget.form.parameters["align"].value = "none"
    for check in widget.form.checks.values():
        check.value = True
    assert done(qtbot, widget, "stack").startswith("Stacked all 6 planes")
    index = made(viewer, "depth-index").data
    for k in range(6):
        assert np.median(index[8 * k + 2 : 8 * k + 6, 10:]) == k
    assert made(viewer).data.dtype == finest(source).dtype
    for wanted in ("stacked", *OUTPUTS):
        assert_over(made(viewer, wanted), source)


def check_probe(qtbot, viewer, source):
    probe = docked(viewer, ProbeWidget)
    position = source.data_to_world((1, 36, 30))
    assert pointed(qtbot, probe, position).startswith("Pixel (36, 30): plane 4")
    probe._jump(position)
    assert round(source.world_to_data(viewer.dims.point)[0]) == 4


def check_correct(qtbot, viewer, source):
    correct = docked(viewer, CorrectWidget)
    assert done(qtbot, correct, "start").startswith(
        "Paint on 'cells [correction]'. Go through the planes"
    )
    labels, index = viewer.layers[-1], made(viewer, "depth-index")
    assert_over(labels, source)
    assert correct.plane.value == 4  # where the probe went to
    viewer.dims.set_point(0, source.data_to_world((1, 0, 0))[0])
    assert correct.plane.value == 1
    before = index.data.copy()
    paint(labels, source, (1, 44, 20))
    changed = np.argwhere(index.data != before)
    np.testing.assert_allclose(changed.mean(axis=0), (44, 20), atol=4)
    assert (index.data[44, 15:25] == 1).all()
    assert (made(viewer, "confidence").data[44, 15:25] == 1).all()
    labels.undo()
    np.testing.assert_array_equal(index.data, before)
    viewer.layers.remove(labels)


def check_apply(qtbot, viewer, source):
    apply, image = docked(viewer, ApplyWidget), made(viewer)
    arguments = {"rgb": source.rgb, "multiscale": source.multiscale, "name": "other"}
    place = ("scale", "translate", "rotate", "shear", "affine", "units")
    where = {name: getattr(source, name) for name in place}
    other = viewer.add_image(source.data, **arguments, **where)
    spot = viewer.add_points([source.data_to_world((3, 20, 40))], ndim=3, units=source.units)
    for target, kind in ((other, "image"), (spot, "points")):
        apply.target.value = target.unique_id
        assert done(qtbot, apply, "start").startswith("Added")
        added = viewer.layers[-1]
        assert added._type_string == kind
        assert_over(added, image)
    np.testing.assert_allclose(added.data, [(20, 40)], atol=1e-6)


def check_align(qtbot, viewer, source):
    align = docked(viewer, AlignWidget)
    align.layer.value = source.unique_id
    align.model.value = "shift"
    assert done(qtbot, align, "align").startswith("Added")
    aligned = made(viewer, "aligned")
    assert_over(aligned, source)
    for k in (0, 5):
        np.testing.assert_allclose(
            aligned.data_to_world((k, 3, 4)), source.data_to_world((k, 3, 4)), atol=1e-9
        )


def check_surface(qtbot, viewer, source):
    surface, image = docked(viewer, SurfaceWidget), made(viewer)
    assert done(qtbot, surface, "start").startswith("'cells [surface]' is shown")
    mesh = made(viewer, "surface")
    step = abs(source.data_to_world((1, 0, 0))[0] - source.data_to_world((0, 0, 0))[0])
    depth = made(viewer, "depth").data.ravel()
    assert viewer.dims.ndisplay == 3
    for k in (0, 1000, 3071):
        world = mesh.data_to_world(mesh.vertices[k])
        np.testing.assert_allclose(world[1:], image.data_to_world(divmod(k, 64)), atol=1e-3)
        assert world[0] == pytest.approx(depth[k] * step, rel=1e-4, abs=1e-4)
    if image.rgb:  # as bright as the values are, not white
        shown = np.asarray(image.data).mean(axis=(0, 1)) / 257
        np.testing.assert_allclose(mesh.texture.mean(axis=(0, 1)), shown, atol=1)


def check_colours(qtbot, viewer, source):
    shown = [layer for layer in viewer.layers if getattr(layer, "rgb", False) and role(layer)]
    assert {role(layer) for layer in shown} == {"stacked", "applied", "aligned"}
    for layer in shown:
        assert tuple(layer.contrast_limits) == WHOLE


CHECKS = (check_stack, check_probe, check_correct, check_apply, check_align, check_surface)


@pytest.mark.parametrize("kind", [*KEPT_KINDS, *only_long(*OTHER_KINDS)])
def test_every_widget_on_every_kind_of_layer(qtbot, viewer, planes, kind, tmp_path, notifications):
    data, arguments = KINDS[kind](planes)
    source = viewer.add_image(data, name="cells", **arguments)
    for check in CHECKS:
        check(qtbot, viewer, source)
    if source.rgb:
        check_colours(qtbot, viewer, source)
    assert notifications == []
    path = str(tmp_path / "cells.focusstack")
    image = made(viewer)
    write_results(path, [image.as_layer_data_tuple()])
    [(again, shown, _)] = reopen(path)
    back = ViewerModel().add_image(again, **shown)
    np.testing.assert_array_equal(back.data, image.data)
    assert_over(back, source)
    assert tuple(back.contrast_limits) == tuple(image.contrast_limits)


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_of_number(qtbot, viewer, planes, kind, notifications):
    source = viewer.add_image(TYPES[kind](planes), name="cells", **UM)
    for check in (check_stack, check_probe, check_surface):
        check(qtbot, viewer, source)
    assert notifications == []


@pytest.mark.parametrize("kind", ["rgb16", "affine"])
def test_a_preview_lies_where_the_result_does_and_looks_like_it(
    qtbot, viewer, planes, kind, monkeypatch
):
    monkeypatch.setattr("napari_focus_stack.pipeline.preview.PIXELS", 190)
    data, arguments = KINDS[kind](planes)
    source = viewer.add_image(data, name="cells", **arguments)
    previewed = []

    def note(event):
        layer = event.value
        if layer.metadata[METADATA_KEY]["role"] == "stacked":
            pixel = layer.data_to_world((1.5, 2.5))
            previewed.append((layer.data.shape, pixel, tuple(layer.contrast_limits)))

    viewer.layers.events.inserted.connect(note)
    widget = docked(viewer, FocusStackWidget)
    done(qtbot, widget, "stack")
    image = made(viewer)
    shape, place, limits = previewed[-1]
    assert shape[:2] == (12, 16)
    # the middle of four previewed pixels is that of their 8 x 8 pixels
    np.testing.assert_allclose(place, image.data_to_world((7.5, 11.5)))
    assert_over(image, source)
    assert limits == tuple(image.contrast_limits)
    assert not source.rgb or limits == WHOLE


def test_channels_are_layers_of_their_own(qtbot, viewer, planes):
    two = np.stack([planes, planes[:, ::-1]], axis=1)
    dapi, gfp = viewer.add_image(two, channel_axis=1, name=["dapi", "gfp"], **UM)
    viewer.layers.selection = {gfp}
    widget = docked(viewer, FocusStackWidget)
    done(qtbot, widget, "stack")
    image = made(viewer)
    assert (image.name, image.colormap.name) == ("gfp [sharp]", gfp.colormap.name)
    apply = docked(viewer, ApplyWidget)
    assert apply.chosen_target() == dapi
    done(qtbot, apply, "start")
    added = viewer.layers[-1]
    assert (added.name, added.colormap.name) == ("dapi [on gfp]", dapi.colormap.name)
    assert (added.blending, tuple(added.contrast_limits)) == (
        dapi.blending,
        tuple(dapi.contrast_limits),
    )
    index = made(viewer, "depth-index").data
    np.testing.assert_array_equal(
        added.data, np.take_along_axis(dapi.data, index[None].astype(int), 0)[0]
    )


# --- where pixels lie


@pytest.mark.parametrize("kind", ["flipped", "turned", "sheared", "affine"])
def test_areas_are_those_of_the_world(qtbot, viewer, planes, kind):
    """Heights that are a tilted plane of the world: its area has a closed form."""
    data, arguments = KINDS[kind](planes)
    source = viewer.add_image(data, name="cells", **arguments)
    image = add_result(viewer, source, ["depth-index", "height"])
    corners = np.array([image.data_to_world(pixel) for pixel in np.ndindex(48, 64)])
    made(viewer, "height").data = (corners @ (0.6, -0.5)).reshape(48, 64).astype(np.float32)
    viewer.add_labels(np.ones((48, 64), int))
    apply = docked(viewer, ApplyWidget)
    apply.areas.measure()
    finished(qtbot, apply.areas)
    first, down, right = (np.array(image.data_to_world(p)) for p in ((0, 0), (1, 0), (0, 1)))
    pixel = abs(np.linalg.det([down - first, right - first]))
    columns = apply.areas.areas.columns
    np.testing.assert_allclose(columns["projected_area"], 48 * 64 * pixel, rtol=1e-6)
    wanted = 48 * 64 * pixel * np.sqrt(1 + 0.6**2 + 0.5**2)
    np.testing.assert_allclose(columns["surface_area"], wanted, rtol=1e-4)
    slope = np.degrees(np.arctan(np.hypot(0.6, 0.5)))
    np.testing.assert_allclose(columns["mean_tilt"], slope, rtol=1e-4)


def test_an_affine_counts_in_pixel_size_and_z_step(viewer, planes):
    layer = viewer.add_image(planes, affine=np.diag([3, 0.5, 2, 1]), **UM)
    assert spacing_of([layer]) == Spacing(y=0.25, x=0.5, z=6, unit="micrometer")
    typed = Spacing(y=1.0, x=3.0, z=9.0, unit="nanometer")
    calibrate([layer], typed)
    assert spacing_of([layer]) == typed
    corner = np.subtract(layer.data_to_world((1, 1, 1)), layer.data_to_world((0, 0, 0)))
    np.testing.assert_allclose(corner, (9, 1, 3))


@pytest.mark.parametrize("beside", NEIGHBOURS)
def test_the_slider_of_the_stack_is_found_among_others(qtbot, viewer, planes, beside):
    other, unit = NEIGHBOURS[beside]
    if not hasattr(viewer.layers.extent, "units"):  # older napari converts none
        unit = 1
    cells = viewer.add_image(planes, name="cells", translate=(3, 7, -5), **UM)
    add_result(viewer, cells)
    if other:
        viewer.add_image(np.zeros((5, 6, 9, 9)[-len(other["scale"]) :]), **other)
    ahead = viewer.dims.ndim - 3
    viewer.dims.set_point(0, viewer.dims.range[0].stop)
    probe, correct = docked(viewer, ProbeWidget), docked(viewer, CorrectWidget)
    position = (*[20] * ahead, *(np.array(cells.data_to_world((1, 36, 30))) * unit))
    assert pointed(qtbot, probe, position).startswith("Pixel (36, 30): plane 4")
    before = viewer.dims.point
    probe._jump(position)
    assert viewer.dims.point[ahead] == pytest.approx(11 * unit)
    assert viewer.dims.point[:ahead] == before[:ahead]
    done(qtbot, correct, "start")
    assert correct.plane.value == 4
    viewer.dims.set_point(ahead, 5 * unit)
    assert correct.plane.value == 1


@pytest.mark.parametrize("order", [(0, 1, 3, 2), (0, 2, 1, 3), (3, 0, 1, 2), (2, 3, 0, 1)])
def test_axes_that_were_rolled(qtbot, viewer, planes, cells, order):
    viewer.add_image(np.zeros((5, 6, 9, 9)), **FILM)
    image = add_result(viewer, cells)
    correct, surface = docked(viewer, CorrectWidget), docked(viewer, SurfaceWidget)
    done(qtbot, correct, "start")
    viewer.dims.order = order
    position = (0, *cells.data_to_world((0, 12, 30)))
    probe = docked(viewer, ProbeWidget)
    assert pointed(qtbot, probe, position).startswith("Pixel (12, 30): plane 1")
    correct.plane.value = 5
    paint(viewer.layers["cells [correction]"], image, (12, 30))
    assert (made(viewer, "depth-index").data[12, 25:35] == 5).all()
    assert made(viewer, "depth-index").data[30, 12] == 3
    done(qtbot, surface, "start")
    assert viewer.dims.displayed == (1, 2, 3)


def test_in_3d_the_probe_says_why_it_is_silent_and_painting_turns_to_2d(qtbot, viewer, cells):
    viewer.dims.ndisplay = 3
    done(qtbot, docked(viewer, FocusStackWidget), "stack")
    image = made(viewer)
    assert_over(image, cells)
    probe, correct = docked(viewer, ProbeWidget), docked(viewer, CorrectWidget)
    position = cells.data_to_world((0, 36, 30))
    assert pointed(qtbot, probe, position) == ONLY_FLAT
    probe._jump(position)
    assert viewer.dims.ndisplay == 3
    image.visible = False
    done(qtbot, correct, "start")
    assert viewer.dims.ndisplay == 2
    assert image.visible
    assert pointed(qtbot, probe, position).startswith("Pixel (36, 30): plane 4")


def test_back_after_two_presses_everything_is_seen_again(qtbot, viewer, cells):
    add_result(viewer, cells)
    viewer.layers["cells [depth index]"].visible = False
    before = [(layer, layer.visible) for layer in viewer.layers]
    surface = docked(viewer, SurfaceWidget)
    for _ in range(2):
        done(qtbot, surface, "start")
    assert [layer.name for layer in viewer.layers if layer.visible] == ["cells [surface]"]
    surface.show_flat()
    assert [(layer, layer.visible) for layer in viewer.layers][: len(before)] == before
    assert not made(viewer, "surface").visible


def test_a_surface_is_in_the_unit_that_its_picture_has_now(qtbot, viewer, cells):
    image = add_result(viewer, cells, ["depth-index", "depth"])
    for layer in viewer.layers:
        layer.scale, layer.units = np.array(layer.scale) * 1000, "nm"
    done(qtbot, docked(viewer, SurfaceWidget), "start")
    mesh = made(viewer, "surface")
    assert [str(unit) for unit in mesh.units] == ["nanometer"] * 3
    world = [mesh.data_to_world(mesh.vertices[k]) for k in (0, 3071)]
    np.testing.assert_allclose(world[1][1:], image.data_to_world((47, 63)), rtol=1e-4)
    depth = made(viewer, "depth").data
    np.testing.assert_allclose(world[1][0], depth[47, 63] * 2000, rtol=1e-4)


# --- what becomes of layers meanwhile

WIDGETS = {
    "stack": (FocusStackWidget, "stack", "Stacked"),
    "surface": (SurfaceWidget, "start", "'cells [surface]' is shown"),
    "align": (AlignWidget, "align", "Added 'cells [aligned]'"),
    "apply": (ApplyWidget, "start", "Added 'cells [on cells]'"),
    "correct": (CorrectWidget, "start", "Paint on '"),
}


def hide_rename_and_turn_over(viewer):
    for layer in viewer.layers:
        layer.visible = False
        layer.name = f"my {layer.name}"
    viewer.layers.move_multiple(range(len(viewer.layers))[::-1], 0)


def remove_all(viewer):
    viewer.layers.clear()


@pytest.mark.parametrize("change", [hide_rename_and_turn_over, remove_all])
@pytest.mark.parametrize("name", WIDGETS)
def test_layers_change_during_a_run(qtbot, viewer, cells, name, change, notifications):
    add_result(viewer, cells)
    kind, start, said = WIDGETS[name]
    widget = docked(viewer, kind)
    before = list(viewer.layers)
    getattr(widget, start)()
    change(viewer)
    words = finished(qtbot, widget)
    assert notifications == []
    added = [layer for layer in viewer.layers if layer not in before]
    if kind is CorrectWidget and change is remove_all:
        assert words == "'cells [sharp]' was removed; nothing can be corrected."
        assert added == []
    else:
        assert words.startswith(said)
        assert added
    if change is not remove_all:
        assert all(layer.name.startswith("my cells") for layer in before)


def test_a_renamed_stack_is_known_still(qtbot, viewer, planes, cells):
    image = add_result(viewer, cells)
    cells.name = "other"
    impostor = viewer.add_image(planes[::-1], name="cells", **UM)
    probe = docked(viewer, ProbeWidget)
    position = cells.data_to_world((0, 36, 30))
    assert pointed(qtbot, probe, position).startswith(
        "Pixel (36, 30): plane 4 is shown, sharpest at 4"
    )
    apply = docked(viewer, ApplyWidget)
    assert apply.chosen_target() == impostor  # the stack itself comes last
    widget = docked(viewer, FocusStackWidget)
    viewer.layers.selection = {cells}
    widget.reset_choices()
    image.name = "mine"
    viewer.layers.remove("cells [depth index]")
    widget.form.target.value = UPDATE
    count = len(viewer.layers)
    done(qtbot, widget, "stack")
    assert made(viewer) is image
    assert image.name == "mine"
    assert len(viewer.layers) == count + 1
    index = made(viewer, "depth-index")
    assert viewer.layers.index(index) == viewer.layers.index(image) - 1  # not over the picture
    viewer.layers.remove(cells)
    viewer.layers.remove(impostor)
    assert pointed(qtbot, probe, position).startswith("'other', of which 'mine' was made, is not")


def test_painting_on_a_result_that_was_stacked_anew_says_so(qtbot, viewer, cells, notifications):
    image = add_result(viewer, cells)
    correct, widget = docked(viewer, CorrectWidget), docked(viewer, FocusStackWidget)
    done(qtbot, correct, "start")
    labels = viewer.layers[-1]
    widget.form.target.value = UPDATE
    done(qtbot, widget, "stack")
    before = image.data.copy()
    correct.plane.value = 5
    paint(labels, image, (12, 20))
    assert correct.job.status.value == (
        "'cells [sharp]' was stacked anew; press Correct to paint on what it shows now."
    )
    assert len(notifications) == 1
    np.testing.assert_array_equal(image.data, before)
    assert image.metadata[METADATA_KEY].get("correction") is None
    done(qtbot, correct, "start")
    correct.plane.value = 5
    paint(viewer.layers[-1], image, (12, 20))
    assert made(viewer, "depth-index").data[12, 20] == 5


def test_the_slider_of_a_stack_that_went_during_the_run_is_not_followed(qtbot, viewer, cells):
    add_result(viewer, cells)
    correct = docked(viewer, CorrectWidget)
    correct.start()
    viewer.layers.remove(cells)
    finished(qtbot, correct)
    assert correct.plane.max == 5
    correct.plane.value = 3
    viewer.dims.set_point(0, 4)
    assert correct.plane.value == 3


# --- data that make no stack

NO_STACKS = {
    "thin": (lambda p: p[:1], "'bad' holds a single plane"),
    "no planes": (lambda p: p[:0], "'bad' holds a single plane"),
    "tiny": (lambda p: p[:, :5, :5], "'bad': Planes of 5 x 5 pixels may be the rows of"),
    "all nan": (lambda p: p * np.float32(np.nan), "'plane 0 of bad' was left out because"),
    "all inf": (lambda p: p * np.float32(np.inf), "'plane 0 of bad' was left out because"),
}


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("what", NO_STACKS)
def test_what_makes_no_stack_is_said_in_a_sentence(
    qtbot, viewer, planes, cells, what, notifications
):
    add_result(viewer, cells)
    make, sentence = NO_STACKS[what]
    bad = viewer.add_image(make(planes), name="bad", **UM)
    widget = docked(viewer, FocusStackWidget)
    viewer.layers.selection = {bad}
    widget.reset_choices()
    assert widget.input.chosen_layers() == [bad]
    if widget.stack_button.enabled:
        assert done(qtbot, widget, "stack").startswith(sentence)
    else:
        assert widget.input.summary.value.startswith(sentence)
    align, apply = docked(viewer, AlignWidget), docked(viewer, ApplyWidget)
    align.layer.value = apply.target.value = bad.unique_id
    assert done(qtbot, align, "align").startswith(sentence)
    said = done(qtbot, apply, "start")
    assert said.startswith("Added 'bad [on cells]'." if what.startswith("all") else sentence)
    assert not any("inside" in message for message in notifications)


# --- in napari's window


def test_two_viewers_run_at_a_time_and_one_is_closed(
    qtbot, make_napari_viewer, planes, monkeypatch
):
    go = threading.Event()

    def waiting(source, settings, *, cancel, **others):
        while not go.is_set() and not cancel.is_set():
            yield Progress("fuse", 0, 2, 0, 2)
            time.sleep(0.01)
        return (yield from stack_steps(source, settings, cancel=cancel, **others))

    monkeypatch.setattr("napari_focus_stack.pipeline.stack.stack_steps", waiting)
    viewers, widgets = [make_napari_viewer(), make_napari_viewer()], []
    for k, viewer in enumerate(viewers):
        grid_of(viewer).enabled = k == 0
        viewer.add_image(planes, name=f"cells {k}", **UM)
        _, widget = viewer.window.add_plugin_dock_widget("napari-focus-stack", "Focus Stack")
        widget.form.parameters["align"].value = "none"
        widgets.append(widget)
    for widget in widgets:
        widget.stack()
    qtbot.waitUntil(lambda: all("plane" in w.job.status.value for w in widgets), timeout=5000)
    viewers[1].close()  # the one in front
    qtbot.wait(50)
    go.set()
    assert finished(qtbot, widgets[0]).startswith("Stacked all 6 planes")
    assert [layer.name for layer in viewers[0].layers] == [
        "cells 0",
        "cells 0 [depth index]",
        "cells 0 [sharp]",
    ]
