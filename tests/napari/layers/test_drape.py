"""Layers blended on a surface as napari blends them on its canvas."""

import numpy as np
import pytest
from stacks import camera_of, on_a_screen

from napari_focus_stack._napari.layers.drape import Composite, Sheet, lies_over

SHAPE = (40, 48)
ZOOM = 6
BLENDINGS = (
    "opaque",
    "translucent",
    "translucent_no_depth",
    "additive",
    "minimum",
    "multiplicative",
)


def add_layers(viewer):
    """Add images and labels of several kinds; the last of them has the blending to be tested."""
    rng = np.random.default_rng(3)
    grey = viewer.add_image(rng.integers(0, 256, SHAPE, dtype=np.uint8))
    viewer.add_image(
        rng.integers(0, 4096, SHAPE).astype(np.uint16),
        colormap="green",
        blending="additive",
        contrast_limits=(500, 3000),
        opacity=0.8,
    )
    viewer.add_labels(rng.integers(0, 4, SHAPE), opacity=0.3)
    top = viewer.add_image(  # each pixel over four of the others
        rng.random((SHAPE[0] // 2 - 4, SHAPE[1] // 2)).astype(np.float32),
        scale=(2, 2),
        translate=(0.5, 0.5),
        colormap="magma",
        gamma=0.6,
        contrast_limits=(0.2, 0.9),
        opacity=0.7,
    )
    return grey, top


def drawn(viewer):
    """Return the colours of napari's canvas at the centres of the pixels."""
    canvas = viewer.screenshot(canvas_only=True, flash=False)
    rows, cols = (
        np.rint((np.arange(side) - centre) * ZOOM + size / 2).astype(int)
        for side, centre, size in zip(
            SHAPE, camera_of(viewer).center[-2:], canvas.shape[:2], strict=True
        )
    )
    return canvas[rows][:, cols, :3].astype(int)


def composed(viewer, image):
    sheets = [Sheet.of(layer, image) for layer in viewer.layers if lies_over(layer, image)]
    return Composite(sheets, image.data.shape).texture().astype(int)


@on_a_screen
def test_layers_are_blended_as_on_the_canvas_of_napari(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    image, top = add_layers(viewer)
    camera_of(viewer).center, camera_of(viewer).zoom = (SHAPE[0] / 2, SHAPE[1] / 2), ZOOM
    for blending in BLENDINGS:
        top.blending = blending
        np.testing.assert_allclose(composed(viewer, image), drawn(viewer), atol=2, err_msg=blending)


NANOMETRES = {"scale": (1000, 1000), "translate": (1000, 2000), "units": "nm"}


@pytest.mark.parametrize("place", [{"translate": (1, 2), "units": "um"}, NANOMETRES])
def test_a_layer_has_its_own_colours_where_it_lies(viewer, place):
    image = viewer.add_image(np.zeros((4, 6), np.uint8), units="um")
    red = np.zeros((2, 3, 3), np.uint8)
    red[..., 0] = 200
    viewer.add_image(red, rgb=True, **place)
    wanted = np.zeros((4, 6))
    wanted[1:3, 2:5] = 200
    np.testing.assert_array_equal(composed(viewer, image)[..., 0], wanted)


@pytest.mark.parametrize(
    ("arguments", "over"),
    [({}, True), ({"translate": (0, 5.9)}, True), ({"translate": (0, 6.5)}, False)],
)
def test_layers_beside_the_result_are_left_out(viewer, arguments, over):
    image = viewer.add_image(np.zeros((4, 6), np.uint8))
    assert lies_over(viewer.add_labels(np.ones((4, 6), int), **arguments), image) is over
    assert not lies_over(viewer.add_image(np.zeros((3, 4, 6), np.uint8)), image)
    assert not lies_over(viewer.add_points([(1, 1)]), image)
