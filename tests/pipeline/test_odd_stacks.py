"""Properties that hold for every stack, whatever its numbers and its shape.

A mirrored stack is mirrored to the bit by method "laplacian" alone, whose filters are symmetric. A
pyramid samples every second pixel from the first one on, so a mirrored field of even size is
sampled at the other ones (image: 2e-4 of the range on average, 2e-5 to 6e-5 at sides of 32 k + 1);
means of two by two pixels repeat the last row of odd sides, so depth, which is estimated at half
the size, moves by a pixel (0.005 planes on average at even sides, 0.02 at odd ones); and the
edge-aware mean passes along rows before columns (0.01 planes where these change places).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from long_runs import examples, only_long
from odd_stacks import OddStack, flawed, odd_stacks, textured, typed
from scenes import scene

from napari_focus_stack import Settings, StackResult, align_stack, focus_stack
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.pipeline.tiles import least_memory, needed_memory

CHOICES = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["pyramid", "depth", "laplacian"]),
        "align": st.sampled_from(["none", "auto", "shift", "affine"]),
        "values": st.sampled_from(["fused", "recorded"]),
        "occlusion": st.sampled_from(["auto", "off"]),
        "threads": st.sampled_from([1, 2, 3]),
    }
)
STILL = CHOICES.map(lambda chosen: chosen | {"align": "none"})


def stacked(stack: OddStack, chosen: dict[str, Any]) -> StackResult | None:
    """Stack planes as they were recorded; None if fewer than two of them show anything."""
    try:
        return focus_stack(stack.planes, brightness="keep", **chosen)
    except InputError:
        if stack.has_one_that_varies or (stack.is_one_plane and chosen["align"] != "none"):
            return None
        raise


@settings(deadline=None, max_examples=examples(100))
@given(odd_stacks(), CHOICES)
def test_maps_of_any_stack_are_finite_and_within_it(stack: OddStack, chosen) -> None:
    result = stacked(stack, chosen)
    if result is None:
        return
    planes, image = stack.planes, result.image
    assert (image.dtype, image.shape) == (planes.dtype, planes.shape[1:])
    assert result.depth_index.max() < len(planes)
    assert (result.depth >= 0).all()
    assert (result.depth <= len(planes) - 1).all()
    assert (result.confidence >= 0).all()
    assert (result.confidence <= 1).all()
    if chosen["align"] != "none" or planes.shape[3:] == (4,):
        return
    recorded = stack.in_range
    assert (np.isfinite(image) == recorded.any(0)).all()
    if chosen["method"] != "pyramid" or chosen["values"] == "recorded":
        of_planes = (image == planes) & recorded
        assert of_planes.any(0)[recorded.any(0)].all()


@settings(deadline=None, max_examples=examples(40))
@given(odd_stacks(), st.sampled_from(["none", "auto", "affine"]))
def test_aligned_planes_of_any_stack_are_within_it(stack: OddStack, align: str) -> None:
    try:
        aligned = align_stack(stack.planes, align=align)
    except InputError:
        if stack.is_one_plane and align != "none":
            return
        raise
    for k, plane in enumerate(stack.planes):
        found = aligned[k]
        assert (found.dtype, found.shape) == (plane.dtype, plane.shape)
        if np.array_equal(aligned.transforms[k], np.eye(3)):
            np.testing.assert_array_equal(found, plane)


@settings(deadline=None, max_examples=examples(40))
@given(odd_stacks(), CHOICES, st.sampled_from([2, 3, 8]))
def test_threads_change_no_bit_of_any_stack(stack: OddStack, chosen, threads: int) -> None:
    one, other = (stacked(stack, chosen | {"threads": count}) for count in (1, threads))
    if one is None or other is None:
        assert one is other
        return
    for name in ("image", "depth_index", "depth", "confidence", "transforms"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.report.as_dict() == other.report.as_dict()


def scaled(planes: np.ndarray, factor: float) -> np.ndarray:
    """Return planes times a factor, except for their alpha."""
    colour = np.arange(planes.shape[-1]) < 3 if planes.shape[-1] == 4 else True
    return np.where(colour, planes * factor, planes)


FACTORS = (2.0**-900, 1e-300, 1e-30, 2.0**-20, 0.003, 7.3, 2.0**40, 1e30, 1e290)


@settings(deadline=None, max_examples=examples(40))
@given(odd_stacks(dtypes=("float64",), finite=True, ordinary=True), STILL, st.sampled_from(FACTORS))
def test_values_times_a_factor_give_the_result_times_it(stack, chosen, factor: float) -> None:
    one, other = (
        stacked(OddStack(planes, stack.flaw), chosen)
        for planes in (stack.planes, scaled(stack.planes, factor))
    )
    if one is None or other is None:
        assert one is other
        return
    apart = np.abs(scaled(other.image, 1 / factor) - one.image)
    # where planes are equally sharp to the last bits, rounding decides
    assert np.mean(apart > 1e-3 * np.abs(stack.planes).max()) < 0.01
    assert np.mean(np.abs(other.depth - one.depth) > 1e-2) < 0.01
    ours, others = (np.array(result.report.offsets, float) for result in (one, other))
    np.testing.assert_allclose(others / factor, ours, atol=1e-3)


@settings(deadline=None, max_examples=examples(40))
@given(
    st.sampled_from([(2, "slant"), (4, "slant"), (8, "dome")]),
    st.sampled_from(["uint8", "uint16", "float32"]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from(["first", "last", "between", "both ends"]),
    st.sampled_from([0, 3, 4]),
    CHOICES,
)
def test_a_plane_of_one_value_changes_nothing(kind, dtype, value, place, colour, chosen) -> None:
    """Confocal stacks end in true zeros: these darkened the image, by up to half of its range."""
    n, surface = kind
    planes = scene("gravel", surface, n=n, size=(64, 96)).planes.astype(np.float64)
    planes = (planes - planes.min()) / np.ptp(planes)
    if colour:
        planes = np.stack([planes] * colour, -1)
        planes[..., 3:] = 1  # opaque
    blank = np.full_like(planes[:1], value)
    at = {"first": [0], "last": [n], "between": [n - 1], "both ends": [0, n]}[place]
    odd = np.insert(planes, at, blank, axis=0)
    shown = [k for k in range(len(odd)) if not np.array_equal(odd[k], blank[0])]
    one, other = (
        focus_stack(typed(stack, dtype, 0), reference=reference, **chosen)
        for stack, reference in ((planes, 0), (odd, shown[0]))
    )
    assert [left.plane for left in other.report.left_out] == sorted({*range(len(odd))} - {*shown})
    # isolated pixels are found by comparison with the plane before, which may be the blank one
    apart = np.abs(other.image.astype(np.float64) - one.image)
    assert np.mean(apart > 1e-3 * typed(np.ones(1), dtype, 0)) < 0.01
    assert np.mean(np.abs(other.depth - np.interp(one.depth, range(n), shown)) > 1e-2) < 0.01
    assert np.isin(other.depth_index, shown).all()


def test_a_plane_beside_one_of_a_single_value_is_no_stack() -> None:
    planes = 255 * textured(2, 64, 64, seed=1)
    planes[1] = 0
    with pytest.raises(InputError, match="'plane 1' was left out because it shows nothing"):
        focus_stack(planes, align="none")
    blank = np.stack([np.full((64, 64), value) for value in (0, 3, 9)])
    assert not focus_stack(blank, align="none").report.left_out, "there is nothing else to show"


@settings(deadline=None, max_examples=examples(7))
@given(
    st.tuples(st.integers(700, 1500), st.integers(700, 1500)),
    st.floats(0, 0.9),
    st.sampled_from(["uint8", "uint16"]),
    st.sampled_from([0, 3]),
    st.sampled_from(["pyramid", "depth", "laplacian"]),
)
def test_memory_changes_no_stack_by_more_than_a_grey_level(size, part, dtype, colour, method):
    planes = typed(textured(3, *size, seed=1), dtype, 0)
    if colour:
        planes = np.stack([planes] * colour, -1)
    options = Settings(align="none", occlusion="off", method=method)
    kind = planes.shape[1:], planes.dtype, options
    least, enough = least_memory(*kind), needed_memory(len(planes), *kind)
    memory = int(least + part * (enough - least))
    whole, tiled = (
        focus_stack(planes, settings=replace(options, memory=limit)) for limit in (2**34, memory)
    )
    assert any(" tiles to keep within" in note for note in tiled.report.notes)
    assert np.abs(tiled.depth - whole.depth).max() < 0.1
    apart = np.abs(tiled.image.astype(np.int64) - whole.image) > 1
    # where depth lies halfway between two planes, its last bits choose the one that is shown
    halfway = np.abs(whole.depth % 1 - 0.5) < 0.1 if method == "depth" else False
    assert not (apart.any(-1) if colour else apart)[~np.broadcast_to(halfway, size)].any()


MIRRORED = {
    "left and right": (lambda planes: planes[:, :, ::-1], lambda map_: map_[:, ::-1]),
    "top and bottom": (lambda planes: planes[:, ::-1], lambda map_: map_[::-1]),
    "rows and columns": (lambda planes: planes.swapaxes(1, 2), lambda map_: map_.swapaxes(0, 1)),
}


@settings(deadline=None, max_examples=examples(12))
@given(
    st.sampled_from(sorted(MIRRORED)),
    st.sampled_from(["dome", "slant", "step"]),
    st.sampled_from([(64, 100), (97, 129), (120, 85)]),
    st.sampled_from(["pyramid", "laplacian"]),
)
def test_a_mirrored_stack_gives_the_mirrored_result(mirror, kind, size, method: str) -> None:
    there, back = MIRRORED[mirror]
    planes = scene("gravel", kind, n=8, size=size).planes.astype(np.float32)
    one = focus_stack(planes, align="none", method=method)
    other = focus_stack(np.ascontiguousarray(there(planes)), align="none", method=method)
    apart = np.abs(back(other.image) - one.image) / np.ptp(planes)
    assert apart.mean() < 1e-3
    if method == "laplacian":
        np.testing.assert_array_equal(back(other.image), one.image)
        np.testing.assert_array_equal(back(other.depth_index), one.depth_index)
    if mirror == "rows and columns":
        assert np.percentile(apart, 99) < 1e-3
    sure = (one.confidence > 0.5) & (back(other.confidence) > 0.5)
    assert np.percentile(np.abs(back(other.depth) - one.depth)[sure], 95) < 0.1


@pytest.mark.parametrize(
    "shape", [(100, 8, 9), (2, 8, 4000), *only_long((2000, 8, 9), (3, 8, 30_000), (3, 30_000, 9))]
)
def test_very_many_planes_and_very_long_ones(shape: tuple[int, ...]) -> None:
    planes = (255 * textured(*shape, seed=1)).astype(np.uint8)
    result = focus_stack(planes)
    assert result.image.shape == shape[1:]
    assert result.depth_index.max() < shape[0]
    assert result.image.min() >= planes.min()
    assert result.image.max() <= planes.max()


THIN = [(1, 1), (1, 200), (200, 1), (7, 64), (64, 2), (3, 5)]


@settings(deadline=None, max_examples=examples(40))
@given(
    st.sampled_from(THIN),
    st.sampled_from([0, 3, 4]),
    st.sampled_from(["uint8", "uint16", "float32"]),
    st.sampled_from(["ordinary", "zero plane", "hot pixel"]),
    CHOICES,
)
def test_line_scans_and_other_thin_planes_are_stacked(sides, colour, dtype, flaw, chosen) -> None:
    planes = typed(flawed(textured(4, *sides, seed=2), flaw, 2), dtype, 0)
    if colour:
        planes = np.stack([planes] * colour, -1)
    result = focus_stack(list(planes), z_step=2.0, brightness="keep", **chosen)
    maps = (result.depth_index, result.depth, result.height, result.confidence)
    assert result.image.shape == planes.shape[1:]
    assert all(one.shape == sides for one in maps)
    assert result.report.shape == list(planes.shape)
    assert result.report.align == "none"
    assert any("too narrow to be aligned" in note for note in result.report.notes)
    # alpha is what the planes recorded together, and may be more than that of each
    colours = np.s_[..., :3] if colour == 4 else np.s_[...]
    assert planes[colours].min() <= result.image[colours].min()
    assert result.image[colours].max() <= planes[colours].max()
    aligned = align_stack(list(planes), align=chosen["align"])
    np.testing.assert_array_equal(aligned[1], planes[1])


@pytest.mark.parametrize("across", [False, True])
def test_the_depth_of_a_line_scan_is_that_of_the_line(across: bool) -> None:
    planes = textured(5, 1, 400, seed=3)
    planes = planes.swapaxes(1, 2) if across else planes
    result = focus_stack(list(planes))
    place = np.linspace(0, 4, 400).reshape(planes.shape[1:])
    assert np.abs(result.depth - place).mean() < 0.3
    assert np.corrcoef(result.image.ravel(), planes.mean(0).ravel())[0, 1] < 0.99


def test_thin_planes_are_moved_by_no_transforms_but_may_be_left_out() -> None:
    planes = list(textured(4, 1, 200, seed=3))
    given = np.stack([np.eye(3)] * 4)
    given[3] = np.nan
    result = focus_stack(planes, transforms=given)
    assert [left.plane for left in result.report.left_out] == [3]
    assert result.depth_index.max() <= 2
    given[1, 0, 2] = 1.5
    with pytest.raises(SettingsError, match="move 'plane 1', but planes of 200 x 1 pixels are too"):
        focus_stack(planes, transforms=given)
    with pytest.raises(SettingsError, match=r"shape \(8, 200\)"):
        focus_stack(planes, align_mask=np.ones((8, 200), bool))


@pytest.mark.parametrize("call", [focus_stack, align_stack])
@pytest.mark.parametrize(
    "planes", [np.zeros((64, 80, 2)), np.zeros((5, 200, 1)), [[[1, 2, 3], [4, 5, 6]]] * 2]
)
def test_an_array_that_may_be_one_picture_is_not_stacked(call, planes) -> None:
    """An array of (Y, X, 3) is one picture in colour, and not a stack of lines."""
    with pytest.raises(InputError, match=r"may be the rows of one picture with [1-3] channel"):
        call(planes)


@pytest.mark.parametrize("floor", [0.0, 1e-25, 1e-12])
@pytest.mark.parametrize("scale", [1.0, 1e-9])
def test_a_bead_over_almost_nothing_keeps_its_value(floor: float, scale: float) -> None:
    """Deconvolution leaves such stacks; the bead counted as a value out of all range."""
    y, x = np.mgrid[:1024, :1024]
    spot = np.exp(-((y - 200) ** 2 + (x - 300) ** 2) / (2 * 0.7**2))
    planes = np.array([floor + 200 * 0.1 ** abs(k - 3) * spot for k in range(4)]) * scale
    planes = planes.astype(np.float32)
    image = focus_stack(planes, align="none", brightness="keep").image
    np.testing.assert_allclose(image, planes[3], atol=2 * scale)
    assert np.isfinite(image).all()


@pytest.mark.parametrize("scale", [1e29, 1e37])
def test_values_near_the_end_of_float32_are_fused(scale: float) -> None:
    planes = (textured(3, 31, 31, 1) * scale).astype(np.float32)
    image = focus_stack(planes, align="none", brightness="keep").image
    assert np.abs(image - planes.mean(0)).max() < 0.5 * scale


@pytest.mark.parametrize("size", [1.0, 0.03])
def test_wild_pixels_that_stand_alone_change_no_other(size: float) -> None:
    """Dead pixels of a flat field leave such values; four of them counted as an object."""
    planes = (textured(5, 300, 300, seed=3) * size).astype(np.float32)
    spoiled, at = planes.copy(), 20 + 60 * np.arange(5)
    spoiled[:, at, at[::-1]] *= 1e10
    plain, found = (focus_stack(list(p), align="none") for p in (planes, spoiled))
    away = np.ones(planes.shape[1:], bool)
    for n, m in zip(at, at[::-1], strict=True):
        away[n - 10 : n + 11, m - 10 : m + 11] = False
    assert np.abs(found.depth - plain.depth)[away].mean() < 0.05
    assert np.abs(found.image - plain.image)[away].max() < 0.02 * size
