"""Shapes in, a mask of the planes out: what napari shows as covered is where alignment looks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Image, Shapes
from scipy.ndimage import binary_dilation, binary_erosion

from napari_focus_stack._napari.layers.geometry import calibrate
from napari_focus_stack._napari.layers.region_mask import region_of
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.io.sources import Spacing

FIELD = (60, 80)
BOX = np.array([(10.0, 15), (10, 65), (50, 65), (50, 15)])
TRIANGLE = np.array([(8.0, 10), (52, 10), (30, 72)])
DRAWN = {"rectangle": BOX, "ellipse": BOX, "polygon": TRIANGLE}

_sizes = st.floats(0.2, 5) | st.floats(-5, -0.2)
_ways = st.floats(-100, 100)
placements = st.fixed_dictionaries(
    {
        "scale": st.tuples(_sizes, _sizes),
        "translate": st.tuples(_ways, _ways),
        "rotate": st.floats(-180, 180),
        "affine": st.builds(
            lambda a, b, way: np.array([[1, a, way], [b, 1.5, -way], [0, 0, 1]]),
            st.floats(-0.5, 0.5),
            st.floats(-0.5, 0.5),
            _ways,
        ),
    }
)


def truth(kind):
    """What a shape of `DRAWN` covers of the field."""
    y, x = np.mgrid[: FIELD[0], : FIELD[1]].astype(float)
    if kind == "rectangle":
        return (y >= 10) & (y <= 50) & (x >= 15) & (x <= 65)
    if kind == "ellipse":
        return ((y - 30) / 20) ** 2 + ((x - 40) / 25) ** 2 <= 1
    return (x >= 10) & (abs(y - 30) / 22 <= (72 - x) / 62)


def assert_covers(mask, expected):
    """The border itself may fall to either side."""
    around = np.ones((3, 3), bool)
    assert mask.dtype == bool
    assert mask.shape == expected.shape
    assert mask[binary_erosion(expected, around)].all()
    assert not mask[~binary_dilation(expected, around)].any()


def draw(layer, lead, corners, kind, z=()):
    """Add a shape to `layer` that lies over the given pixels of the planes of `lead`."""
    first = (0,) * (lead.ndim - 2)
    world = [lead.data_to_world((*first, *corner))[-2:] for corner in corners]
    data = [[*z, *layer.world_to_data((*z, *point))[-2:]] for point in world]
    layer.add(np.array(data), shape_type=kind)


def stack(**placed):
    return Image(np.zeros((5, *FIELD)), name="cells", **placed)


@pytest.mark.parametrize("kind", DRAWN)
def test_the_mask_is_what_napari_says_the_shape_covers(kind):
    shapes = Shapes(DRAWN[kind], shape_type=kind)
    mask = region_of(shapes, stack(), FIELD)
    assert_covers(mask, shapes.to_masks(FIELD)[0])
    assert_covers(mask, truth(kind))


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(sorted(DRAWN)), of_image=placements, of_shapes=placements)
def test_shapes_and_planes_may_lie_anyhow(kind, of_image, of_shapes):
    lead = Image(np.zeros(FIELD), **of_image)
    shapes = Shapes(ndim=2, **of_shapes)
    draw(shapes, lead, DRAWN[kind], kind)
    assert_covers(region_of(shapes, lead, FIELD), truth(kind))


@pytest.mark.parametrize("z", [(), (0,), (4,), (-7.3,), (1, 3)])
def test_shapes_count_whatever_z_they_were_drawn_at(z):
    lead = stack(scale=(2, -0.5, 0.25), translate=(7, 10, -3), rotate=(0, 0, 30))
    shapes = Shapes(ndim=2 + len(z), scale=(0.5,) * (2 + len(z)))
    draw(shapes, lead, TRIANGLE, "polygon", z)
    assert_covers(region_of(shapes, lead, FIELD), truth("polygon"))


def test_every_shape_counts_but_lines_and_paths():
    shapes = Shapes(BOX, shape_type="ellipse")
    shapes.add(np.array([(0.0, 0), (8, 0), (8, 8), (0, 8)]), shape_type="rectangle")
    shapes.add(np.array([(0.0, 79), (59, 79)]), shape_type="line")
    shapes.add(np.array([(59.0, 0), (59, 9), (55, 9)]), shape_type="path")
    expected = truth("ellipse")
    expected[:9, :9] = True
    assert_covers(region_of(shapes, stack(), FIELD), expected)


def test_units_that_differ_are_converted_as_napari_draws_them():
    lead = stack(scale=(2, 0.5, 0.5), units="um")
    shapes = Shapes(BOX, shape_type="rectangle", scale=(0.0005, 0.0005), units="mm")
    assert_covers(region_of(shapes, lead, FIELD), truth("rectangle"))
    plain = Shapes(BOX * 0.5, shape_type="rectangle")
    assert_covers(region_of(plain, lead, FIELD), truth("rectangle"))
    calibrate([lead], Spacing(300.0, 200.0, 3.0, "nanometer"), [shapes, plain])
    for layer in (shapes, plain):
        assert_covers(region_of(layer, lead, FIELD), truth("rectangle"))
        corner = layer.data_to_world(layer.data[0][2])
        np.testing.assert_allclose(corner, lead.data_to_world((0, *BOX[2]))[1:])


def test_a_shape_far_larger_than_the_field_covers_it_as_far_as_it_reaches():
    corners = np.array([(-1e6, -1e6), (1e6, 1e6), (1e6, -1e6)])
    mask = region_of(Shapes(corners, shape_type="polygon"), stack(), FIELD)
    y, x = np.mgrid[: FIELD[0], : FIELD[1]]
    assert_covers(mask[1:-1, 1:-1], (y >= x)[1:-1, 1:-1])


@pytest.mark.parametrize(
    ("corners", "kind", "said"),
    [
        (None, None, "'clip' holds no area"),
        ([(10, 10), (50, 60)], "line", "'clip' holds no area"),
        ([(10, 10), (50, 60), (10, 60)], "path", "'clip' holds no area"),
        ([(0, 10, 9), (4, 10, 9), (4, 10, 60), (0, 10, 60)], "rectangle", "'clip' holds no area"),
        (BOX + 500, "rectangle", "'clip' covers nothing of the planes"),
        (BOX + np.array([0, 60]), "rectangle", "'clip' covers 5 x 41 pixels of the planes"),
    ],
)
def test_what_is_no_region_is_named(corners, kind, said):
    shapes = Shapes(name="clip", ndim=3 if corners is not None and len(corners[0]) == 3 else 2)
    if corners is not None:
        shapes.add(np.array(corners, float), shape_type=kind)
    with pytest.raises(SettingsError, match=said) as error:
        region_of(shapes, stack(), FIELD)
    assert str(error.value).count(".") == 1


@settings(max_examples=25, deadline=None)
@given(of_image=placements, of_shapes=placements, solid=st.booleans())
def test_shapes_stay_where_they_are_when_the_planes_get_a_spacing(of_image, of_shapes, solid):
    if solid:
        lead, z = stack(scale=(-3, *of_image["scale"]), translate=(7, 1, 2)), (4.0,)
        shapes = Shapes(ndim=3, scale=(0.5, *of_shapes["scale"]), units="um")
    else:
        lead, z = Image(np.zeros(FIELD), **of_image), ()
        shapes = Shapes(ndim=2, **of_shapes)
    draw(shapes, lead, BOX, "rectangle", z)
    planes = [lead.world_to_data(shapes.data_to_world(corner)) for corner in shapes.data[0]]
    before = region_of(shapes, lead, FIELD)
    calibrate([lead], Spacing(0.5, 0.25, 3.0, "nanometer"), [shapes])
    assert [str(unit) for unit in shapes.units] == [str(unit) for unit in lead.units]
    after = [lead.world_to_data(shapes.data_to_world(corner)) for corner in shapes.data[0]]
    np.testing.assert_allclose(after, planes, atol=1e-6)
    np.testing.assert_array_equal(region_of(shapes, lead, FIELD), before)
