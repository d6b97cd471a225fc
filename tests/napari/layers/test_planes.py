"""Layers in, planes out; results in, layers out."""

from dataclasses import replace

import dask.array
import numpy as np
import pytest
from napari.layers import Image

from napari_focus_stack._napari.docks.summary import summary
from napari_focus_stack._napari.layers.appearance import display_limits
from napari_focus_stack._napari.layers.geometry import calibrate, spacing_arguments, spacing_of
from napari_focus_stack._napari.layers.lying_over import lay_over, results_over
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.planes import likely_input, planes_of
from napari_focus_stack._napari.layers.results import SourceInfo, result_layers, shared_name
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.result import LeftOut, Report, StackResult
from napari_focus_stack.settings import Settings


def made_result(shape=(20, 24), dtype=np.uint8, count=5, z_step=None, crop=None):
    depth = np.linspace(0, count - 1, np.prod(shape[:2]), dtype=np.float32).reshape(shape[:2])
    transforms = np.stack([np.eye(3)] * count)
    transforms[1] = np.nan
    report = Report(
        version="1.2.3",
        settings=Settings(z_step=z_step).as_dict(),
        planes=[f"p{k}" for k in range(count)],
        shape=[count, *shape],
        dtype=str(np.dtype(dtype)),
        reference=2,
        align="affine",
        transforms=transforms,
        residuals=[None] * count,
        gains=[1.0] * count,
        offsets=[0.0, 0.0],
        gains_applied=False,
        in_order=True,
        left_out=[LeftOut(1, "p1", "it fits nowhere")],
        crop=crop,
        occlusion={"found": False, "why": "not looked"},
        notes=["Plane 1 ('p1') was left out: it fits nowhere."],
    )
    return StackResult(
        image=np.full(shape, 7, dtype),
        depth_index=np.round(depth).astype(np.uint16),
        depth=depth,
        height=None if z_step is None else depth * np.float32(z_step),
        confidence=np.ones_like(depth),
        transforms=transforms,
        report=report,
    )


def made_layers(source, result, *wanted, settings=None):
    origin = SourceInfo.of(source, settings or Settings())
    return [Image(array, **arguments) for array, arguments in result_layers(result, wanted, origin)]


def flat_pair(**different):
    data = np.zeros((20, 24))
    return [Image(data, name="a"), Image(data, name="b", **different)]


CROP = [3, 13, 5, 20]
TURNED = {
    "flipped": {"scale": (-0.5, 0.25), "translate": (10, 0)},
    "turned": {"scale": (0.5, 0.25), "rotate": 30, "shear": (0.2,), "translate": (4, -2)},
    "affine": {
        "scale": (0.5, -0.25),
        "rotate": -100,
        "affine": np.array([[1.5, 0.1, 4], [0.3, 2, 5], [0, 0, 1]]),
    },
}
"""Placements of 2-D layers; `solid` makes those of stacks."""


def solid(placed):
    """Arguments of a (z, y, x) layer whose planes lie as a 2-D layer with `placed`."""
    return {
        "scale": (-2, *placed["scale"]),
        "translate": (7, *placed.get("translate", (0, 0))),
        "rotate": placed.get("rotate", 0),
        "shear": (0, 0, *placed.get("shear", (0,))),
        "affine": np.block([[np.eye(1), np.zeros((1, 3))], [np.zeros((3, 1)), placed["affine"]]])
        if "affine" in placed
        else None,
    }


def cropped_result():
    return made_result((10, 15), crop=CROP, z_step=2.0)


def assert_lies_at_the_crop(layer, source):
    first = (4,) * (source.ndim - 2)
    for y, x in [(0, 0), (9, 0), (0, 14), (9, 14)]:
        expected = source.data_to_world((*first, y + CROP[0], x + CROP[2]))[-2:]
        np.testing.assert_allclose(layer.data_to_world((y, x)), expected, atol=1e-9)


ALL = ("depth-index", "depth", "height", "confidence")


@pytest.mark.parametrize("rgb", [False, True])
@pytest.mark.parametrize("lazy", [False, True])
def test_one_stack_layer_gives_its_planes(planes, rgb, lazy):
    data = np.stack([planes] * 3, axis=-1) if rgb else planes
    layer = Image(dask.array.from_array(data, chunks=-1) if lazy else data, name="cells")
    source = planes_of([layer])
    assert (len(source), source.plane_shape, source.dtype) == (6, data.shape[1:], data.dtype)
    np.testing.assert_array_equal(source[4], data[4])
    assert source.names[4] == "plane 4 of cells"


def test_a_multiscale_layer_gives_its_finest_planes(planes):
    layer = Image([planes, planes[:, ::2, ::2]], multiscale=True)
    np.testing.assert_array_equal(planes_of([layer])[1], planes[1])


def test_flat_layers_are_planes_in_the_order_given(planes):
    layers = [Image(plane, name=f"img {k}") for k, plane in enumerate(planes)]
    source = planes_of(layers[::-1])
    assert source.names == ("img 5", "img 4", "img 3", "img 2", "img 1", "img 0")
    np.testing.assert_array_equal(source[0], planes[5])


@pytest.mark.parametrize(
    ("layers", "named"),
    [
        ([Image(np.zeros((20, 20)), name="one")], "'one'"),
        ([Image(np.zeros((1, 20, 20)), name="thin")], "'thin'"),
        ([Image(np.zeros((3, 20, 20)), name="a"), Image(np.zeros((20, 20)), name="b")], "'a'"),
        ([Image(np.zeros((20, 20)), name="a"), Image(np.zeros((20, 21)), name="b")], "'b'"),
        ([Image(np.zeros((20, 20)), name="a"), Image(np.ones((20, 20), int), name="b")], "'b'"),
        ([Image(np.zeros((20, 20)), name="a"), Image(np.zeros((20, 20, 3)), name="b")], "'b'"),
        (
            [Image(np.zeros((2, 3, 20, 20)), name="film", axis_labels=("t", "z", "y", "x"))],
            r"'film' has the axes t, z, y, x \(2 x 3 x 20 x 20\)",
        ),
        ([Image(np.zeros((2, 3, 20, 20)), name="film")], "'film' has 4 axes"),
        ([Image(np.zeros((20, 20, 4)), rgb=False, name="sliver")], "'sliver'"),
        ([], "Open a stack first"),
        (flat_pair(units="um"), "'b' has another unit than 'a'"),
        (flat_pair(scale=(1, 2)), "'b' has another scale than 'a'"),
        (flat_pair(rotate=5), "'b' has another rotation"),
        (flat_pair(affine=np.diag([2, 2, 1])), "'b' has another rotation, shear or affine"),
        (flat_pair(translate=(0, 1)), "'b' has another position"),
    ],
)
def test_what_makes_no_stack_is_named(layers, named):
    with pytest.raises(InputError, match=named):
        planes_of(layers)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")  # napari's, of such layers
@pytest.mark.parametrize(
    "turned",
    [
        {"rotate": (0, 10, 0)},
        {"rotate": (10, 0, 0)},
        {"shear": (0.1, 0, 0)},
        {"shear": (0, 0.1, 0)},
        {"affine": np.eye(4)[[1, 0, 2, 3]]},
    ],
)
def test_a_stack_whose_z_leans_into_the_plane_is_named(turned):
    layer = Image(np.zeros((3, 20, 20)), name="a", **turned)
    to_world = np.stack(
        [np.subtract(layer.data_to_world(e), layer.data_to_world((0, 0, 0))) for e in np.eye(3)],
        axis=1,
    )
    assert to_world[0, 1:].any() or to_world[1:, 0].any()  # the premise
    with pytest.raises(InputError, match="'a' is rotated, sheared or transformed so that z"):
        planes_of([layer])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, Spacing()),
        ({"scale": (-1, 1, -1)}, Spacing()),
        ({"scale": (2, 0.5, 0.25), "units": "um"}, Spacing(0.5, 0.25, 2, "micrometer")),
        ({"scale": (2, 0.5, 0.25)}, Spacing(0.5, 0.25, 2, "pixel")),
        ({"units": "um"}, Spacing(1, 1, 1, "micrometer")),
        ({"scale": (1, 2, 2), "units": ("pixel", "nm", "nm")}, Spacing(2, 2, None, "nanometer")),
        ({"scale": (3, 1, 1), "units": ("um", "pixel", "pixel")}, Spacing(z=3, unit="micrometer")),
        ({"scale": (0.002, 1, 1), "units": ("mm", "um", "um")}, Spacing(1, 1, 2, "micrometer")),
        ({"units": ("s", "um", "um")}, Spacing(1, 1, None, "micrometer")),
        ({"scale": (-2, -0.5, 0.25), "units": "um"}, Spacing(0.5, 0.25, 2, "micrometer")),
    ],
)
def test_spacing_is_what_the_layer_knows(arguments, expected):
    found = spacing_of([Image(np.zeros((4, 20, 20)), **arguments)])
    assert found.unit == expected.unit
    for axis in "zyx":
        assert getattr(found, axis) == pytest.approx(getattr(expected, axis))


@pytest.mark.parametrize(
    "spacing",
    [
        Spacing(),
        Spacing(0.5, 0.25, 2.0, "micrometer"),
        Spacing(0.5, 0.25, None, "nanometer"),
        Spacing(z=3.0, unit="micrometer"),
    ],
)
def test_a_layer_says_the_spacing_it_was_given(spacing):
    opened = Image(np.zeros((4, 20, 20)), **spacing_arguments(spacing))
    assert spacing_of([opened]) == spacing
    calibrated = Image(np.zeros((4, 20, 20)))
    calibrate([calibrated], spacing)
    assert spacing_of([calibrated]) == spacing


def test_calibration_moves_a_layer_with_its_pixels():
    layer = Image(np.zeros((20, 20)), translate=(10, 20))
    calibrate([layer], Spacing(0.5, 0.5, 2.0, "micrometer"))
    np.testing.assert_allclose(layer.translate, (5, 10))


def test_calibration_leaves_a_flipped_axis_flipped():
    layer = Image(np.zeros((3, 20, 20)), scale=(-2, 1, -1), translate=(4, 0, 10))
    calibrate([layer], Spacing(0.5, 0.5, 3.0, "micrometer"))
    np.testing.assert_allclose(layer.scale, (-3, 0.5, -0.5))
    np.testing.assert_allclose(layer.translate, (6, 0, 5))


def test_results_lie_over_a_flipped_layer():
    source = Image(np.zeros((5, 20, 24)), scale=(-2, -0.5, 0.25), translate=(0, 10, 0), units="um")
    [layer] = made_layers([source], made_result())
    for pixel in [(0, 0), (19, 0), (3, 23)]:
        np.testing.assert_allclose(
            layer.data_to_world(pixel), source.data_to_world((4, *pixel))[1:], atol=1e-9
        )


def test_flat_layers_that_are_turned_and_moved_alike_are_planes():
    alike = {"rotate": 30, "scale": (-0.5, 0.25), "affine": np.diag([2, 3, 1]), "units": "um"}
    layers = [Image(np.zeros((20, 24)), translate=(5, k / 100), **alike) for k in range(3)]
    assert len(planes_of(layers)) == 3


def test_results_lie_over_an_anisotropic_moved_and_turned_layer():
    source = Image(
        np.zeros((5, 20, 24)),
        name="cells",
        scale=(2, 0.5, 0.25),
        translate=(7, 10, -3),
        rotate=30,
        shear=(0, 0, 0.2),
        affine=np.array([[1, 0, 0, 1], [0, 1.5, 0.1, 4], [0, 0, 2, 5], [0, 0, 0, 1]]),
        units="um",
        axis_labels=("focus", "row", "column"),
    )
    for layer in made_layers([source], made_result(z_step=2.0), *ALL):
        assert layer.ndim == 2
        assert [str(unit) for unit in layer.units] == ["micrometer"] * 2
        assert layer.axis_labels == ("row", "column")
        np.testing.assert_allclose(layer.scale, (0.5, 0.25))
        np.testing.assert_allclose(layer.translate, (10, -3))
        for pixel in [(0, 0), (19, 0), (3, 23)]:
            expected = source.data_to_world((4, *pixel))[1:]
            np.testing.assert_allclose(layer.data_to_world(pixel), expected, atol=1e-9)


def test_results_look_like_the_reference_and_carry_the_shared_name():
    layers = [Image(np.zeros((20, 24)), name=f"p{k}", gamma=1 + k / 10) for k in range(5)]
    [layer] = made_layers(layers, made_result(), settings=Settings(reference=3))
    assert layer.gamma == 1.3
    assert layer.name == "p [sharp]"


def test_every_output_has_its_kind_its_role_and_its_past():
    source = Image(np.zeros((5, 20, 24), np.uint8), name="cells", colormap="green")
    result = made_result(z_step=2.0)
    made = made_layers([source], result, *ALL)
    roles = [layer.metadata[METADATA_KEY]["role"] for layer in made]
    assert roles == [*ALL, "stacked"]
    index, depth, height, confidence, stacked = made
    assert [layer.name for layer in made] == [
        "cells [depth index]",
        "cells [depth]",
        "cells [height]",
        "cells [confidence]",
        "cells [sharp]",
    ]
    assert (index.data.dtype, stacked.data.dtype) == (np.uint16, np.uint8)
    assert tuple(index.contrast_limits) == tuple(depth.contrast_limits) == (0, 4)
    assert tuple(height.contrast_limits) == (0, 8)
    assert tuple(confidence.contrast_limits) == (0, 1)
    assert index.interpolation2d == "nearest"
    assert stacked.colormap.name == "green"
    past = stacked.metadata[METADATA_KEY]
    assert (past["version"], past["sources"]) == ("1.2.3", ["cells"])
    assert past["settings"]["method"] == "pyramid"
    assert past["transforms"][1] is None
    assert past["transforms"][0] == np.eye(3).tolist()
    assert past["left_out"][0]["name"] == "p1"
    assert past["crop"] is None
    assert past["aligned_on"] is None
    assert past["occlusion"] == result.report.occlusion == {"found": False, "why": "not looked"}


def test_results_go_with_the_layers_they_came_of_while_they_lie_there():
    source = Image(np.zeros((5, 20, 24)), name="cells", scale=(2, 0.5, 0.5), units="um")
    other = Image(np.zeros((5, 20, 24)), name="other", scale=(2, 0.5, 0.5), units="um")
    result = made_result()
    over = made_layers([source], result, "depth")
    moved, scaled, relabelled = (made_layers([source], result)[0] for _ in range(3))
    moved.translate, scaled.scale, relabelled.units = (9, 9), (1, 1), "nm"
    everything = [source, other, *over, moved, scaled, relabelled, *made_layers([other], result)]
    assert results_over([source], everything) == over


def source_layers(kind, how):
    if kind == "stack":
        return [Image(np.zeros((5, 20, 24)), name="cells", units="um", **solid(TURNED[how]))]
    return [Image(np.zeros((20, 24)), name=f"p{k}", units="um", **TURNED[how]) for k in range(5)]


@pytest.mark.parametrize("how", TURNED)
@pytest.mark.parametrize("kind", ["stack", "flat"])
def test_cropped_results_lie_over_the_pixels_they_show(kind, how):
    source = source_layers(kind, how)
    for layer in made_layers(source, cropped_result(), *ALL):
        assert layer.data.shape == (10, 15)
        assert_lies_at_the_crop(layer, source[0])
        np.testing.assert_allclose(np.abs(layer.scale), (0.5, 0.25))
        assert layer.metadata[METADATA_KEY]["crop"] == CROP


@pytest.mark.parametrize("how", TURNED)
@pytest.mark.parametrize("kind", ["stack", "flat"])
def test_cropped_results_are_recognised_and_get_a_new_spacing(kind, how):
    source = source_layers(kind, how)
    over = made_layers(source, cropped_result(), "depth")
    whole = made_layers(source, made_result())
    uncropped, shifted = (made_layers(source, cropped_result())[0] for _ in range(2))
    uncropped.translate = whole[0].translate
    shifted.translate = np.add(shifted.translate, 1)
    assert results_over(source, [*source, *over, uncropped, shifted, *whole]) == [*over, *whole]
    calibrate(source, Spacing(2.0, 3.0, 5.0, "nanometer"))  # not the same for y and x
    assert results_over(source, over) == []
    for layer in (*over, *whole):
        lay_over(layer, source[0])
    assert results_over(source, [*over, *whole]) == [*over, *whole]
    for layer in over:
        assert_lies_at_the_crop(layer, source[0])
        found = spacing_of([layer])
        np.testing.assert_allclose((found.y, found.x), (2, 3))
        assert [str(unit) for unit in layer.units] == ["nanometer"] * 2


def test_results_of_a_version_that_could_not_crop_are_recognised():
    source = Image(np.zeros((5, 20, 24)), name="cells")
    over = made_layers([source], made_result())
    del over[0].metadata[METADATA_KEY]["crop"]
    assert results_over([source], over) == over


def test_results_are_not_over_a_layer_that_was_turned_since():
    source = Image(np.zeros((20, 24)), name="cells")
    over = made_layers([source], made_result())
    assert results_over([source], over) == over
    source.rotate = 5
    assert results_over([source], over) == []


def test_the_summary_says_once_what_was_left_out_and_cut():
    cells = SourceInfo("cells", ("cells",), ("id",), {}, {})
    text = summary(cropped_result().report, ["cells [sharp]"], cells)
    assert text.splitlines() == [
        "Stacked 4 of 5 planes, aligned by shifting, turning, resizing and shearing; "
        "results cropped to 15 x 10 pixels.",
        "Plane 1 ('p1') was left out: it fits nowhere.",
    ]
    whole = summary(made_result().report, ["cells [sharp]"], cells)
    assert whole.startswith(
        "Stacked 4 of 5 planes, aligned by shifting, turning, resizing and shearing."
    )
    on_clip = replace(cells, aligned_on="clip")
    on_shapes = summary(cropped_result().report, ["cells [sharp]"], on_clip)
    assert on_shapes.splitlines()[0] == (
        "Stacked 4 of 5 planes, aligned on 'clip' by shifting, turning, resizing and shearing; "
        "results cropped to 15 x 10 pixels."
    )


@pytest.mark.parametrize(("sources", "whose"), [(["cells"], "layer"), (["a", "b"], "layers")])
def test_all_planes_are_those_of_the_layers_and_not_of_a_folder(sources, whose):
    report = replace(made_result().report, left_out=[])
    origin = SourceInfo("cells", tuple(sources), tuple(sources), {}, {})
    assert summary(report, ["cells [sharp]"], origin).startswith(
        f"Stacked all 5 planes of the {whose}, aligned by"
    )


@pytest.mark.parametrize(("dtype", "limit"), [(np.uint8, 255), (np.uint16, 255), (np.float32, 255)])
def test_colour_results_are_shown_in_full_scale(dtype, limit):
    source = Image(np.zeros((5, 20, 24, 3), dtype), rgb=True, name="leaf")
    [stacked] = made_layers([source], made_result((20, 24, 3), dtype))
    assert stacked.rgb
    assert stacked.data.shape == (20, 24, 3)
    assert tuple(stacked.contrast_limits) == (0, limit)


def test_limits_of_what_holds_no_number():
    assert display_limits(np.full((9, 9), np.nan, np.float32), rgb=False) == (0.0, 1.0)
    assert display_limits(np.zeros((9, 9), np.uint16), rgb=False) == (0.0, 65535.0)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["img_01", "img_02", "img_10"], "img"),
        (["a"], "a"),
        (["12", "13"], "12"),
        (["a", "b"], "a"),
    ],
)
def test_numbered_names_share_their_beginning(names, expected):
    assert shared_name(names) == expected


def test_the_likely_input_is_the_active_stack_or_the_planes_that_fit():
    flat = [Image(np.zeros((20, 20)), name=f"{k}") for k in range(3)]
    odd = Image(np.zeros((9, 20)), name="odd")
    one, two = (Image(np.zeros((3, 20, 20)), name=name) for name in ("one", "two"))
    assert likely_input([], []) == []
    assert likely_input([*flat, odd], [flat[1]]) == flat
    assert likely_input([*flat, odd], flat[:2]) == flat[:2]
    assert likely_input([one, *flat, two], [one]) == [one]
    assert likely_input([one, *flat, two], []) == [two]
    assert likely_input([one, *flat, two], [flat[0]]) == [two]
