"""A result as a surface in the viewer: where it lies, how it is coloured, what the dock does."""

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import QPoint
from qtpy.QtTest import QTest
from stacks import OURS, camera_of, in_a_window, on_a_screen

from napari_focus_stack._napari.docks.surface import HEIGHT, PICTURE, VISIBLE
from napari_focus_stack._napari.layers.drape import draped
from napari_focus_stack._napari.layers.lying_over import lay_over, results_over
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.pictures import Picture
from napari_focus_stack._napari.layers.relief import PlacedRelief
from napari_focus_stack._napari.layers.results import SourceInfo, result_layers
from napari_focus_stack.io.sources import ArraySource, Spacing
from napari_focus_stack.pipeline.stack import focus_stack
from napari_focus_stack.settings import Settings

UM = Spacing(y=0.5, x=0.25, z=2.0, unit="micrometer")
RISE = (0.4, -0.7)


@pytest.fixture
def docked(dock):
    return dock("Show in 3-D")


def add_tilted(viewer, planes, spacing=UM, wanted=("height",), **place):
    """Add a stack and a result whose heights are a tilted plane of the field."""
    scale = (spacing.z or 1, spacing.y or 1, spacing.x or 1)
    units = spacing.unit or "pixel"
    source = viewer.add_image(planes, name="cells", scale=scale, units=units, **place)
    result = focus_stack(ArraySource(planes, spacing=spacing), align="none")
    y, x = np.indices(planes.shape[1:3])
    tilted = (30 + RISE[0] * y * UM.y + RISE[1] * x * UM.x).astype(np.float32)
    result = replace(result, height=None if spacing.z is None else tilted)
    for array, arguments in result_layers(result, wanted, SourceInfo.of([source], Settings())):
        viewer.add_image(array, **arguments)
    return result


def shown(qtbot, viewer, widget):
    widget.show_button.native.click()
    qtbot.waitUntil(lambda: not widget.job.running, timeout=10_000)
    return viewer.layers[-1]


def heights_of(surface):
    return surface.vertices[:, 0] * surface.scale[0]


def test_a_tilted_plane_lies_where_its_result_does(qtbot, viewer, docked, planes):
    """Translated, one axis flipped, z true to scale: vertex for pixel in world coordinates."""
    add_tilted(viewer, planes, translate=(0, 7, -3))
    image = viewer.layers[-1]
    image.scale = (0.5, -0.25)
    surface = shown(qtbot, viewer, docked)
    assert surface.name == "cells [surface]"
    assert surface.metadata[METADATA_KEY]["role"] == "surface"
    assert surface.metadata[METADATA_KEY]["sources"] == ["cells"]
    assert [str(unit) for unit in surface.units] == ["micrometer"] * 3
    y, x = np.indices(image.data.shape).reshape(2, -1)
    pixels = surface.vertices[:, 1:] / (0.5, 0.25)
    np.testing.assert_allclose(pixels, np.stack([y, x], axis=1), atol=1e-4)
    height = 30 + RISE[0] * y * 0.5 + RISE[1] * x * 0.25
    np.testing.assert_allclose(heights_of(surface), height, rtol=1e-5)
    for k in (0, 100, len(y) - 1):
        world = surface.data_to_world(surface.vertices[k])
        np.testing.assert_allclose(world[1:], image.data_to_world((y[k], x[k])), atol=1e-4)
        assert world[0] == pytest.approx(height[k], rel=1e-5)


@in_a_window
def test_a_rotated_sheared_affine_result_has_its_surface_over_it(qtbot, viewer, docked, planes):
    affine = np.eye(4)
    affine[1:, 1:] = [[1.1, 0.2, 5], [0.1, 0.9, -4], [0, 0, 1]]
    add_tilted(viewer, planes, affine=affine)
    image = viewer.layers[-1]
    image.rotate, image.shear = 30, [0.2]
    surface = shown(qtbot, viewer, docked)
    y, x = np.indices(image.data.shape).reshape(2, -1)
    for k in (0, 63, len(y) - 1):
        world = surface.data_to_world(surface.vertices[k])
        np.testing.assert_allclose(world[1:], image.data_to_world((y[k], x[k])), atol=1e-4)
        assert world[0] == pytest.approx(heights_of(surface)[k])


@in_a_window
def test_one_press_turns_to_the_surface_alone_and_back(qtbot, viewer, docked, planes):
    result = add_tilted(viewer, planes)
    flat = list(viewer.layers)
    flat[1].visible = False
    surface = shown(qtbot, viewer, docked)
    assert viewer.dims.ndisplay == 3
    assert [layer for layer in viewer.layers if layer.visible] == [surface]
    np.testing.assert_array_equal(surface.texture, np.stack([result.image] * 3, axis=-1))
    assert (surface.shading, surface.vertex_values.min(), surface.vertex_values.max()) == (
        "none", 1, 1)  # fmt: skip
    rows, cols = (
        np.floor(side).astype(int) for side in surface.texcoords[:, ::-1].T * [[48], [64]]
    )
    picture = surface.texture[::-1, :, 0]
    np.testing.assert_array_equal(picture[rows, cols], result.image.ravel())
    assert docked.job.status.value == "'cells [surface]' is shown: drag to turn, scroll to zoom."
    docked.flat_button.native.click()
    assert viewer.dims.ndisplay == 2
    assert [layer.visible for layer in viewer.layers] == [True, False, True, False]


def test_back_in_2d_sliders_axes_and_camera_are_where_they_were(qtbot, viewer, docked, planes):
    add_tilted(viewer, planes)
    viewer.dims.order = (0, 2, 1)
    viewer.dims.set_point(0, 6)
    camera = getattr(viewer, "scene", viewer).camera
    camera.center, camera.zoom = (0, 7, 9), 3.5
    step = viewer.dims.current_step
    for _ in range(2):
        shown(qtbot, viewer, docked)
    viewer.dims.set_point(0, 2)
    docked.flat_button.native.click()
    assert viewer.dims.point[0] == 6
    assert viewer.dims.order == (0, 2, 1)
    assert (camera.center, camera.zoom) == ((0, 7, 9), 3.5)
    assert viewer.dims.current_step == step
    shown(qtbot, viewer, docked)
    viewer.dims.ndisplay = 2  # by napari's own button
    viewer.dims.set_point(0, 4)
    docked.flat_button.native.click()
    assert viewer.dims.point[0] == 4


def test_the_slider_stretches_z_alone_about_the_middle(qtbot, viewer, docked, planes):
    add_tilted(viewer, planes)
    docked.stretch.value = 2
    surface = shown(qtbot, viewer, docked)
    vertices = surface.vertices.copy()
    heights = vertices[:, 0] * 2
    for factor in (2, 5):
        docked.stretch.value = factor
        np.testing.assert_allclose(surface.scale, (2 * factor, 1, 1))
        z, y, x = np.array([surface.data_to_world(v) for v in vertices[[0, -1]]]).T
        assert np.ptp(z) == pytest.approx(factor * np.ptp(heights[[0, -1]]), rel=1e-5)
        np.testing.assert_allclose([y, x], vertices[[0, -1], 1:].T, atol=1e-5)
        middle = (heights.min() + heights.max()) / 2
        assert surface.extent.world[:, 0].mean() == pytest.approx(middle, rel=1e-5)
    np.testing.assert_array_equal(surface.vertices, vertices)


def test_a_stretched_surface_leaves_the_slider_of_the_stack_alone_in_2d(
    qtbot, viewer, docked, planes
):
    add_tilted(viewer, planes)
    steps = viewer.dims.nsteps[0]
    surface = shown(qtbot, viewer, docked)
    docked.stretch.value = 1
    docked.flat_button.native.click()
    assert viewer.dims.range[0].step == 2  # a plane, and not a unit
    assert viewer.dims.nsteps[0] >= steps
    viewer.dims.set_current_step(0, 1)
    span, at = viewer.dims.range[0], viewer.dims.point
    viewer.dims.ndisplay = 3
    docked.stretch.value = 20
    assert surface.scale[0] == 40
    viewer.dims.ndisplay = 2
    assert (viewer.dims.range[0], viewer.dims.point) == (span, at)
    viewer.dims.ndisplay = 3
    assert surface.scale[0] == 40


def test_without_a_z_step_a_plane_is_as_deep_as_a_pixel_is_wide(qtbot, viewer, docked, planes):
    spacing = Spacing(y=0.5, x=0.25, unit="micrometer")
    result = add_tilted(viewer, planes, spacing, wanted=("depth-index",))
    surface = shown(qtbot, viewer, docked)
    np.testing.assert_allclose(heights_of(surface), 0.25 * result.depth_index.ravel())
    assert "z step is unknown" in docked.job.status.value
    assert "in steps of a plane" in docked.job.status.value


def test_results_offered_are_those_with_a_depth(viewer, docked, planes):
    assert not docked.show_button.enabled
    add_tilted(viewer, planes, wanted=())
    assert not docked.show_button.enabled
    add_tilted(viewer, planes, wanted=("height",))
    assert docked.show_button.enabled
    assert docked.result.value == viewer.layers[-1].unique_id
    viewer.layers.remove(viewer.layers[-1])
    assert not docked.show_button.enabled


def test_what_cannot_be_a_surface_is_said(qtbot, viewer, docked, planes, notifications):
    add_tilted(viewer, planes)
    viewer.layers["cells [height]"].data = np.full((48, 64), np.nan, np.float32)
    shown(qtbot, viewer, docked)
    assert docked.job.status.value == (
        "The height map has no heights side by side; choose another."
    )
    assert notifications == [docked.job.status.value]
    assert viewer.dims.ndisplay == 2


def test_a_surface_is_no_earlier_result_to_lay_over_a_stack(qtbot, viewer, docked, planes):
    add_tilted(viewer, planes)
    source, *results = list(viewer.layers)
    shown(qtbot, viewer, docked)
    assert results_over([source], viewer.layers) == results
    for layer in results_over([source], viewer.layers):
        lay_over(layer, source)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_grey_is_painted_as_it_is_shown(viewer, dtype):
    pixels = np.linspace(0, 200, 48).reshape(6, 8).astype(dtype)
    layer = viewer.add_image(pixels, colormap="green", contrast_limits=(50, 150), gamma=0.5)
    texture = Picture.of(layer).texture()
    shown = np.clip((pixels.astype(float) - 50) / 100, 0, 1) ** 0.5
    assert texture.dtype == np.uint8
    # 8 bits before gamma are up to 16 of 255 after it where it is steep, near black
    np.testing.assert_allclose(texture[..., 1], 255 * shown, atol=1 + 255 * np.sqrt(0.5 / 255))
    np.testing.assert_allclose(texture[shown > 0.3][:, 1], 255 * shown[shown > 0.3], atol=2)
    assert (texture[..., [0, 2]] == 0).all()


def test_colour_of_16_bits_is_painted_from_black_to_the_end_of_its_scale(viewer):
    pixels = np.random.default_rng(0).integers(0, 4096, (40, 50, 3)).astype(np.uint16)
    layer = viewer.add_image(pixels, rgb=True, contrast_limits=(0, 4095))
    texture = Picture.of(layer).texture()
    np.testing.assert_allclose(texture, pixels * (255 / 4095), atol=0.51)


def test_a_picture_larger_than_graphics_cards_take_is_made_smaller(viewer, monkeypatch):
    monkeypatch.setattr("napari_focus_stack._napari.layers.pictures.TEXTURE_SIDE", 20)
    pixels = np.arange(40 * 60, dtype=np.float32).reshape(40, 60)
    picture = Picture.of(viewer.add_image(pixels, contrast_limits=(0, 2399)))
    texture = picture.texture()
    assert texture.shape == (13, 20, 3)
    assert texture.mean() == pytest.approx(127.5, abs=0.5)


def test_a_large_result_has_few_enough_vertices_to_turn():
    pixels = np.zeros((700, 900), np.uint8)
    relief = PlacedRelief(pixels.astype(np.float32), "micrometer", 2.0, 1.0, UM)
    mesh, texture = draped(relief, Picture(np.dstack([pixels] * 3), (0, 255), None))
    assert 90_000 < len(mesh.vertices) <= 100_000
    assert texture.shape[:2] == pixels.shape


def test_nothing_is_added_for_a_dock_that_is_closed(qtbot, viewer, docked, planes):
    add_tilted(viewer, planes)
    layers = list(viewer.layers)
    docked.show_button.native.click()
    docked.native.setParent(None)
    qtbot.waitUntil(lambda: not docked.job.running, timeout=10_000)
    assert list(viewer.layers) == layers
    assert viewer.dims.ndisplay == 2


def recoloured(qtbot, docked, value):
    docked.colours.value = value
    qtbot.waitUntil(lambda: not docked.job.running, timeout=10_000)


def test_points_stand_at_the_height_of_the_pixel_under_them(qtbot, viewer, docked, planes):
    """Flat points get the height of the surface; those in the stack the height of their plane."""
    add_tilted(viewer, planes, translate=(4, 7, -3))
    source, image = viewer.layers[0], viewer.layers[-1]
    place = {"scale": source.scale[1:], "translate": source.translate[1:], "units": image.units}
    flat = [(3, 5), (40, 60), (10, 63.4), (47, 70)]
    viewer.add_points(flat, name="cells", size=6, **place)
    stood = [(2, 8, 9), (3.5, 30, 31)]
    viewer.add_points(
        stood, name="marks", scale=source.scale, translate=source.translate, units=source.units
    )
    viewer.add_points([(1, 1)], name="unseen", visible=False, **place)
    shown(qtbot, viewer, docked)
    assert (
        "without a height under them are not shown: 1." in docked.job.status.value
    )  # beyond the border
    cells, marks = viewer.layers["cells [3-D]"], viewer.layers["marks [3-D]"]
    assert "unseen [3-D]" not in viewer.layers
    world = np.array([cells.data_to_world(point) for point in cells.data])
    y, x = np.array(flat[:3]).T
    np.testing.assert_allclose(world[:, 1:], [image.data_to_world(p) for p in flat[:3]], atol=1e-4)
    height = 30 + RISE[0] * y * 0.5 + RISE[1] * np.rint(x) * 0.25
    np.testing.assert_allclose(world[:, 0], height, rtol=1e-5)
    np.testing.assert_allclose(cells.size, 6 * np.sqrt(0.5 * 0.25))  # as large as before
    world = np.array([marks.data_to_world(point) for point in marks.data])
    np.testing.assert_allclose(world[:, 0], (4, 7), atol=1e-6)
    np.testing.assert_allclose(
        world[:, 1:], [source.data_to_world(point)[1:] for point in stood], atol=1e-4
    )
    surface = viewer.layers["cells [surface]"]
    docked.stretch.value = 3
    for layer in (cells, marks):
        np.testing.assert_allclose(layer.scale, surface.scale)
        np.testing.assert_allclose(layer.translate, surface.translate)


def test_a_second_press_updates_the_layers_of_the_first(qtbot, viewer, docked, planes):
    add_tilted(viewer, planes)
    points = viewer.add_points([(3, 5), (40, 60)], name="spots", scale=viewer.layers[-1].scale)
    flat = {layer: layer.visible for layer in viewer.layers}
    shown(qtbot, viewer, docked)
    before = list(viewer.layers)
    docked.flat_button.native.click()
    assert not any(layer.visible for layer in before if layer not in flat)
    height = viewer.layers["cells [height]"]
    height.data = np.where(np.arange(64) < 32, height.data, np.nan).astype(np.float32)
    points.data = [(3, 5), (10, 20), (12, 14), (5, 40)]
    shown(qtbot, viewer, docked)
    assert list(viewer.layers) == before
    surface, raised = viewer.layers["cells [surface]"], viewer.layers["spots [3-D]"]
    assert len(surface.vertices) == len(surface.texcoords) == 48 * 32
    np.testing.assert_allclose(raised.data[:, 1:] / (0.5, 0.25), [(3, 5), (10, 20), (12, 14)])
    points.visible = False
    docked.flat_button.native.click()
    assert {layer: layer.visible for layer in flat} == flat


def test_colours_of_height_are_those_of_the_height_map(qtbot, viewer, docked, planes):
    add_tilted(viewer, planes)
    viewer.layers["cells [height]"].contrast_limits = (28, 33)
    surface = shown(qtbot, viewer, docked)
    assert not surface.colorbar.visible
    camera_of(viewer).angles = angles = (1, 2, 3)
    recoloured(qtbot, docked, HEIGHT)
    np.testing.assert_allclose(surface.vertex_values, heights_of(surface), rtol=1e-6)
    assert (surface.colormap.name, tuple(surface.contrast_limits)) == ("viridis", (28, 33))
    assert surface.texture is None
    assert surface.colorbar.visible
    assert camera_of(viewer).angles == angles  # the view is the user's
    recoloured(qtbot, docked, PICTURE)
    assert surface.texture is not None
    assert (surface.vertex_values == 1).all()
    assert not surface.colorbar.visible


def test_visible_layers_are_laid_on_the_surface_together(qtbot, viewer, docked, planes):
    result = add_tilted(viewer, planes)
    image = viewer.layers[-1]
    over = {"scale": image.scale, "units": image.units}
    red = viewer.add_image(
        np.full((48, 64), 100, np.uint8), name="stain", colormap="red", blending="additive",
        contrast_limits=(0, 255), **over,
    )  # fmt: skip
    half = np.zeros((48, 64), int)
    half[:, 32:] = 1
    labels = viewer.add_labels(half, opacity=1, **over)
    docked.colours.value = VISIBLE
    surface = shown(qtbot, viewer, docked)
    grey = result.image[:, :32].astype(int)
    np.testing.assert_array_equal(surface.texture[:, :32, 0], np.minimum(grey + 100, 255))
    np.testing.assert_array_equal(surface.texture[:, :32, 1], grey)
    colour = np.rint(labels.get_color(1)[:3] * 255)
    np.testing.assert_allclose(surface.texture[:, 32:], np.broadcast_to(colour, (48, 32, 3)))
    assert red.unique_id in docked.colours.choices
    recoloured(qtbot, docked, red.unique_id)
    np.testing.assert_array_equal(surface.texture[..., 0], 100)
    assert (surface.texture[..., 1:] == 0).all()
    docked.flat_button.native.click()
    for layer in (image, red, labels, viewer.layers["cells [height]"]):
        layer.visible = False
    docked.colours.value = VISIBLE
    shown(qtbot, viewer, docked)
    assert docked.job.status.value.startswith("No image and no labels are visible over 'cells")


@on_a_screen
def test_no_dark_square_stays_where_a_brush_was(qtbot, make_napari_viewer, planes):
    """The box that napari 0.9 draws behind its brush, once layers are hidden under it."""
    viewer = make_napari_viewer(show=True)
    viewer.window.set_geometry(0, 0, 1200, 800)
    _, docked = viewer.window.add_plugin_dock_widget(OURS, "Show in 3-D")
    add_tilted(viewer, planes)
    image = viewer.layers[-1]
    viewer.layers["cells [height]"].data = np.full((48, 64), 5, np.float32)
    viewer.reset_view()
    labels = viewer.add_labels(np.zeros((48, 64), int), scale=image.scale, units=image.units)
    labels.brush_size, labels.mode = 10, "paint"
    docked.colours.value = HEIGHT
    qtbot.wait(100)
    canvas = viewer.window._qt_viewer.canvas.native
    middle = canvas.rect().center()
    for pixels in (20, 0):
        QTest.mouseMove(canvas, middle + QPoint(pixels, 0))
        qtbot.wait(20)
    shown(qtbot, viewer, docked)
    drawn = viewer.screenshot(canvas_only=True, flash=False)
    y, x = drawn.shape[0] // 2, drawn.shape[1] // 2
    around = drawn[y - 40 : y + 40, x - 40 : x + 40, :3]
    assert around.any()
    assert (around == around[0, 0]).all(), "one height has one colour"
