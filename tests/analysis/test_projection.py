"""What one stack told of a field, put on other data of the same field."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motion import about_centre
from scenes import MARGIN, Scene, over_a_step, picture, psnr, scene, surface

from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.alignment.registered_plane import RegisteredPlane
from napari_focus_stack.analysis.annotations import project_labels, project_points
from napari_focus_stack.analysis.projection import project, project_steps
from napari_focus_stack.errors import Cancelled, InputError, SettingsError
from napari_focus_stack.imgproc.transforms import apply
from napari_focus_stack.io.sources import ArraySource
from napari_focus_stack.pipeline.stack import focus_stack
from napari_focus_stack.simulation.rendering import render_stack

if TYPE_CHECKING:
    from napari_focus_stack.result import StackResult

N, SIZE = 8, (160, 192)
HILLS = np.add(*np.ogrid[0:4.3:40j, 0:3.3:50j]) % 7 + np.linspace(0.1, 0.4, 50)
"""Depths between 0 and 8 that rise by less than 0.2 planes from pixel to pixel."""
INNER = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
MOVING = {"zoom": 0.006, "angle": 0.2, "shift": 0.8}


@cache
def moving() -> Scene:
    return scene("gravel", "dome", n=N, size=SIZE, **MOVING)


@cache
def stacked(crop: bool = False) -> StackResult:
    shown = moving()
    return focus_stack(shown.planes, transforms=shown.transforms, crop=crop)


def still_result(depth: Any, planes: int = N) -> StackResult:
    """A result whose planes did not move, with any depth."""
    shape = np.shape(depth)
    return replace(
        stacked(),
        depth=np.array(depth, np.float32),
        depth_index=np.rint(depth).astype(np.uint16),
        transforms=np.tile(np.eye(3), (planes, 1, 1)),
        report=replace(stacked().report, shape=[planes, *shape], crop=None),
    )


def without(result: StackResult, *planes: int) -> StackResult:
    transforms = result.transforms.copy()
    transforms[list(planes)] = np.nan
    return replace(result, transforms=transforms)


def at_whole_depth(result: StackResult) -> StackResult:
    return replace(result, depth=result.depth_index.astype(np.float32))


def seen_planes(planes: np.ndarray, result: StackResult) -> np.ma.MaskedArray:
    """Every plane whole in the reference frame, masked where it recorded nothing."""
    seen = np.ma.masked_all(planes.shape, np.float64)
    for k, matrix in enumerate(result.transforms):
        if np.isfinite(matrix).all():
            values, recorded = RegisteredPlane.of(planes[k], matrix, Brightness()).colour()
            known = np.ones(values.shape[:2], bool) if recorded is None else recorded > 0
            seen[k][known] = values[known]
    return seen


def projected_plainly(
    planes: np.ndarray, result: StackResult, offset: int, half: int, how: str
) -> np.ma.MaskedArray:
    """The projection of a whole field as one would write it down, holding everything."""
    seen = seen_planes(planes, result)
    number = np.arange(len(planes))[:, None, None]
    away = np.abs(number - result.depth_index.astype(int) - offset)
    out_of_slab = away > half
    if planes.ndim == 4:
        out_of_slab = np.broadcast_to(out_of_slab[..., None], planes.shape)
    slab = np.ma.masked_where(out_of_slab, seen)
    return getattr(slab, how)(axis=0)


# --- images


def test_a_channel_in_focus_two_planes_further_is_sharp_at_that_offset_alone() -> None:
    planes, side = 10, tuple(length + 2 * MARGIN for length in SIZE)
    depth = np.float32(0.8) + surface("dome", planes - 2, *side) * np.float32(0.85)
    reflector = scene(n=planes, size=SIZE, **MOVING).transforms
    both = [
        render_stack(picture(name, *side), depth + more, planes, 1.2, margin=MARGIN,
                     transforms=reflector, seed=1)
        for name, more in (("gravel", 0), ("brick", 2))
    ]  # fmt: skip
    truth = np.rint(picture("brick", *side)[INNER] * 255)
    result = focus_stack(both[0])
    found = {offset: project(both[1], result, offset=offset) for offset in (0, 2)}
    inside = np.s_[10:-10, 10:-10]
    sharp, blurred = (psnr(found[k][inside], truth[inside]) for k in (2, 0))
    assert sharp > 33
    assert blurred < sharp - 8
    assert found[2].dtype == np.uint8


@given(
    st.integers(1 - N, N - 1),
    st.integers(0, N),
    st.sampled_from(["max", "mean"]),
    st.booleans(),
    st.sampled_from([(), (0,), (3, 5)]),
)
@settings(max_examples=25, deadline=None)
def test_slab_of_whole_planes_is_that_of_whole_warped_planes(
    offset: int, half: int, how: Any, cut: bool, left_out: tuple[int, ...]
) -> None:
    result = without(stacked(cut), *left_out)
    planes = moving().planes
    y0, y1, x0, x1 = result.report.crop or (0, SIZE[0], 0, SIZE[1])
    index = np.zeros(SIZE, np.uint16)
    index[y0:y1, x0:x1] = result.depth_index
    plain = projected_plainly(planes, replace(result, depth_index=index), offset, half, how)
    slab = {"offset": offset, "half_slab": half, "how": how}
    found = project(planes, result, **slab, interpolate=False)
    between = project(planes, at_whole_depth(result), **slab)
    same = found == between
    assert same.all() or (left_out and not found[~same].any())  # over planes left out
    wanted = plain.filled(0)[y0:y1, x0:x1]
    assert found.dtype == planes.dtype
    assert found.shape == result.depth_index.shape
    assert np.abs(found - wanted).max() <= 0.51 + over_a_step(planes[0])  # rounded once


def test_crop_cuts() -> None:
    assert stacked(True).report.crop is not None
    assert stacked(True).depth_index.shape != SIZE


@pytest.mark.parametrize("how", ["max", "mean"])
@pytest.mark.parametrize("kind", ["uint16", "float32", "float64", "int32", "bool", ">u2"])
def test_planes_that_did_not_move_are_read_as_they_are(kind: str, how: Any) -> None:
    rng = np.random.default_rng(0)
    planes = rng.integers(0, 2 if kind == "bool" else 4000, (5, 40, 50)).astype(kind)
    index = rng.integers(0, 5, (40, 50))
    result = still_result(index, 5)
    found = project(planes, result)
    assert found.dtype == planes.dtype
    np.testing.assert_array_equal(found, np.take_along_axis(planes, index[None], 0)[0])
    slab = project(planes, result, half_slab=1, how=how)
    plain = projected_plainly(planes.astype(np.float32), result, 0, 1, how)
    np.testing.assert_allclose(
        slab.astype(float), plain, atol=0.5 if planes.dtype.kind != "f" else 1e-3
    )


def test_colour_is_projected_by_channel() -> None:
    shown = moving()
    colours = np.stack([shown.planes, shown.planes[::-1], 255 - shown.planes], axis=-1)
    found = project(colours, stacked(), half_slab=2, interpolate=False)
    wanted = projected_plainly(colours, stacked(), 0, 2, "max").filled(0)
    assert found.shape == (*SIZE, 3)
    assert np.abs(found - wanted).max() <= 0.51
    still = np.random.default_rng(0).integers(0, 256, (9, 40, 50, 3)).astype(np.uint8)
    result = still_result(HILLS, 9)
    for how in ("max", "mean"):
        found = project(still, result, half_slab=1, how=how)
        each = [project(still[..., c], result, half_slab=1, how=how) for c in range(3)]
        np.testing.assert_array_equal(found, np.stack(each, axis=-1))


def test_missing_values_do_not_count_and_nothing_at_all_is_nan() -> None:
    planes = np.random.default_rng(1).normal(0, 1, (5, 30, 40)).astype(np.float32) - 9
    planes[2, 5:9, 5:9] = np.nan
    planes[:, 20:24, 20:24] = np.nan
    result = still_result(np.full((30, 40), 2), 5)
    found = project(planes, result, half_slab=1, how="mean")
    np.testing.assert_allclose(found[5:9, 5:9], planes[[1, 3], 5:9, 5:9].mean(0), rtol=1e-6)
    empty = np.zeros((30, 40), bool)
    empty[20:24, 20:24] = True
    np.testing.assert_array_equal(np.isnan(found), empty)
    assert found[~empty].max() < -6  # not mixed with zeros


def test_slab_ends_where_the_stack_does() -> None:
    planes = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((1, 20, 20), np.uint8) + 1
    index = np.repeat(np.arange(5), 4)[:, None] * np.ones((1, 20), int)
    result = still_result(index, 5)
    rows = project(planes, result, offset=2)[::4, 0]
    np.testing.assert_array_equal(rows, [3, 4, 5, 0, 0])
    rows = project(planes, result, offset=-1, half_slab=1, how="mean")[::4, 0]
    np.testing.assert_array_equal(rows, [1, 2, 2, 3, 4])  # 1; 1.5 to even; 2; 3; 4
    rows = project(planes, without(result, 4), half_slab=1)[::4, 0]
    np.testing.assert_array_equal(rows, [2, 3, 4, 4, 4])
    last = still_result(np.full((20, 20), 3.3), 5)
    np.testing.assert_array_equal(project(planes, last, offset=1), 5)  # to half a plane beyond
    np.testing.assert_array_equal(project(planes, last, offset=2), 0)


class Watched(ArraySource):
    """A stack that counts who reads what."""

    def __init__(self, planes: Any) -> None:
        super().__init__(planes)
        self.read: list[int] = []

    def __getitem__(self, k: int) -> np.ndarray:
        self.read.append(k)
        return super().__getitem__(k)


def test_only_planes_that_some_pixel_needs_are_read_each_once() -> None:
    planes = np.zeros((9, 20, 20), np.uint8)
    index = np.full((20, 20), 3)
    index[0, 0] = 8
    watched = Watched(planes)
    told = list(project_steps(watched, still_result(index, 9), offset=-1, half_slab=1))
    assert watched.read == [1, 2, 3, 6, 7, 8]
    assert [(step.plane, step.done, step.total) for step in told[:2]] == [(1, 0, 6), (2, 1, 6)]
    assert str(told[0]) == "Projecting plane 1 of 0 to 8"


def test_cancelled_between_planes() -> None:
    stop = threading.Event()
    steps = project_steps(moving().planes, stacked(), cancel=stop)
    next(steps)
    stop.set()
    with pytest.raises(Cancelled):
        next(steps)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"offset": N}, "offset 8 leads out of a stack of 8 planes"),
        ({"offset": -N}, "offset -8 must be -7 or more"),
        ({"offset": 0.5}, "offset 0.5 must be a whole number"),
        ({"half_slab": -1}, "half_slab -1 must be 0 or more"),
        ({"how": "median"}, "how 'median' is not known; choose max or mean"),
    ],
)
def test_options_out_of_bounds(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        project(moving().planes, stacked(), **options)


def test_stack_of_another_field_is_refused() -> None:
    with pytest.raises(InputError, match=r"This stack is of shape \(7, 160, 192\), but .*\(8, 160"):
        project(moving().planes[:-1], stacked())


def test_planes_out_of_order_have_no_neighbours() -> None:
    result = replace(stacked(), report=replace(stacked().report, in_order=False))
    assert project(moving().planes, result).any()
    with pytest.raises(SettingsError, match="not in the order of their focus"):
        project(moving().planes, result, half_slab=1)


# --- images between planes


def climbing(planes: int = 10, shape: tuple[int, int] = (40, 50)) -> np.ndarray:
    """A volume that rises linearly with z, at a rate of each pixel's own."""
    rate = np.random.default_rng(5).uniform(100, 900, shape)
    return 1000 + np.arange(planes)[:, None, None] * rate


@given(
    st.integers(-2, 2), st.integers(0, 1), st.sampled_from(["max", "mean"]),
    st.sampled_from(["uint16", "float32"]), st.sampled_from([(), (4,)]),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_volume_that_rises_linearly_is_projected_exactly(
    offset: int, half: int, how: Any, kind: str, left_out: tuple[int, ...]
) -> None:
    volume = climbing()
    depth = 3.1 + HILLS * 0.38  # so that all slabs lie in the stack
    result = without(still_result(depth, 10), *(() if half else left_out))
    found = project(volume.astype(kind), result, offset=offset, half_slab=half, how=how)
    at = depth + offset + (half if how == "max" else 0)
    truth = 1000 + at * (volume[1] - volume[0])
    assert np.abs(found - truth).max() <= (1.5 if kind == "uint16" else 0.02)  # twice rounded


def test_smooth_surface_leaves_no_steps_in_a_nucleus() -> None:
    z = np.arange(12)[:, None, None]
    depth = np.linspace(2, 9, 400)[None] * np.ones((40, 1))
    rise = depth[0, 1] - depth[0, 0]
    volume = (4000 * np.exp(-0.5 * ((z - 5.5) / 2) ** 2)).astype(np.float32)
    steepest = 4000 * np.exp(-0.5) / 2
    volume, result = np.broadcast_to(volume, (12, *depth.shape)), still_result(depth, 12)
    truth = 4000 * np.exp(-0.5 * ((depth - 5.5) / 2) ** 2)
    for slab in ({}, {"half_slab": 1, "how": "mean"}, {"half_slab": 1}):
        found, whole = (
            project(volume, result, **slab, interpolate=between) for between in (True, False)
        )
        assert np.abs(np.diff(found)).max() < 1.01 * steepest * rise
        assert np.abs(np.diff(whole)).max() > 25 * steepest * rise
        if not slab:
            assert np.abs(found - truth).max() < 4000 / 2**2 / 8  # that of linear interpolation
            assert np.abs(whole - truth).max() > 0.45 * steepest


def test_slab_maximum_reaches_between_planes_at_its_ends() -> None:
    volume = np.zeros((7, 20, 20), np.float32)
    volume[[1, 5]] = 8
    result = still_result(np.repeat([3.0, 3.25, 2.5, 4.0], 5)[:, None] * np.ones((1, 20)), 7)
    np.testing.assert_array_equal(project(volume, result, half_slab=1)[::5, 0], [0, 2, 4, 8])
    np.testing.assert_array_equal(
        project(volume, result, half_slab=1, how="mean")[::5, 0],
        np.float32([0, 2, 4, 8]) / np.float32(3),
    )


def test_surface_crosses_planes_left_out_without_a_step() -> None:
    result = without(still_result(np.linspace(1, 5, 41)[None] * np.ones((20, 1)), 7), 2, 3)
    volume = np.broadcast_to(np.arange(7, dtype=np.float32)[:, None, None], (7, 20, 41))
    np.testing.assert_allclose(project(volume, result), result.depth, rtol=1e-6)
    for slab in ({"half_slab": 1}, {"half_slab": 1, "how": "mean"}):
        assert np.abs(np.diff(project(volume, result, **slab))).max() < 0.31


def test_pixel_that_one_of_two_planes_did_not_record_is_the_other_ones() -> None:
    volume = np.arange(5, dtype=np.float32)[:, None, None] * np.ones((1, 20, 20), np.float32)
    volume[2, :10] = np.nan
    found = project(volume, still_result(np.full((20, 20), 2.25), 5))
    np.testing.assert_array_equal(found[[0, 10], 0], [3, 2.25])


def test_background_and_recorded_values_keep_to_whole_planes() -> None:
    volume, depth = climbing().astype(np.uint16), HILLS.copy()
    result = still_result(depth, 10)
    whole = project(volume, result, interpolate=False)
    depth[:9] = np.nan
    background = replace(result, depth=depth.astype(np.float32))
    np.testing.assert_array_equal(project(volume, background)[:9], whole[:9])
    recorded = replace(result.report, settings={**result.report.settings, "values": "recorded"})
    promised = replace(result, report=recorded)
    np.testing.assert_array_equal(project(volume, promised), whole)
    assert np.any(project(volume, promised, interpolate=True) != whole)


def test_mask_is_cut_half_way_between_planes() -> None:
    mask = np.zeros((5, 20, 20), bool)
    mask[3:] = True
    depth = np.repeat([2.0, 2.4, 2.6, 3.0], 5)[:, None] * np.ones((1, 20))
    found = project(mask, still_result(depth, 5))
    assert found.dtype == bool
    np.testing.assert_array_equal(found[::5, 0], [False, False, True, True])


# --- labels and points


def objects(numbers: Any) -> np.ndarray:
    """Label map of the scene, margin included: a chequerboard of large numbers and background."""
    rows, cols = np.indices([length + 2 * MARGIN for length in SIZE]) // 24
    return np.asarray(numbers)[(rows + 3 * cols) % len(numbers)]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "int64"])
def test_labels_of_a_stack_keep_their_numbers_and_lie_where_the_objects_do(dtype: str) -> None:
    most = np.iinfo(dtype).max
    numbers = np.array([0, 7, most, most - 1], dtype)
    drawn, shown = objects(numbers), moving()
    rows, cols = np.indices(SIZE)
    stack = np.empty((N, *SIZE), dtype)
    for k, matrix in enumerate(shown.transforms):
        places = np.stack([cols, rows, np.ones_like(rows)]).reshape(3, -1)
        x, y = np.rint(apply(np.linalg.inv(matrix), places)).astype(int) + MARGIN
        stack[k] = drawn[np.clip(y, 0, 183), np.clip(x, 0, 215)].reshape(SIZE)
    result = stacked()
    found = project_labels(stack, result)
    assert found.dtype == dtype
    assert set(np.unique(found)) <= set(numbers)
    inside = np.s_[12:-12, 12:-12]
    # edges may be a pixel off, for they were rounded twice
    assert (found == drawn[INNER])[inside].mean() > 0.97
    cut = stacked(True)
    y0, y1, x0, x1 = cut.report.crop
    assert (project_labels(stack, cut) == drawn[INNER][y0:y1, x0:x1]).mean() > 0.95


def test_labels_follow_the_offset() -> None:
    stack = np.broadcast_to(np.arange(10, 15)[:, None, None], (5, 20, 20))
    result = still_result(np.repeat(np.arange(5), 4)[:, None] * np.ones((1, 20), int), 5)
    np.testing.assert_array_equal(
        project_labels(stack, result, offset=1)[::4, 3], [11, 12, 13, 14, 0]
    )


def test_labels_drawn_on_a_plane_lie_on_the_reference() -> None:
    result = stacked()
    matrix = about_centre([[1, 0, 5], [0, 1, -3], [0, 0, 1]], SIZE)
    result = replace(result, transforms=np.stack([*result.transforms[:-1], matrix]))
    drawn = np.zeros(SIZE, np.int64)
    drawn[50:60, 100:120] = 2**40 + 1
    found = project_labels(drawn, result, plane=N - 1)
    wanted = np.zeros_like(drawn)
    wanted[53:63, 95:115] = 2**40 + 1
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("cut", [False, True])
def test_points_land_where_they_are_in_the_reference(cut: bool) -> None:
    result, shown = focus_stack(moving().planes, crop=cut), moving()  # estimated transforms
    rng = np.random.default_rng(2)
    truth = rng.uniform((20, 20), (140, 170), (200, 2))
    z = rng.uniform(-0.4, N - 0.6, 200)
    planes = np.rint(z).astype(int)
    homogeneous = np.stack([truth[:, 1], truth[:, 0], np.ones(200)])
    moved = np.array([apply(shown.transforms[k], homogeneous[:, [i]])[::-1, 0]
                      for i, k in enumerate(planes)])  # fmt: skip
    assert np.abs(moved - truth).max() > 2
    y0, _, x0, _ = result.report.crop or (0, 0, 0, 0)
    found = project_points(np.column_stack([z, moved]), result)
    assert np.hypot(*(found + np.array((y0, x0)) - truth).T).max() < 0.2
    on_plane = planes == 2
    np.testing.assert_allclose(
        project_points(moved[on_plane], result, plane=2), found[on_plane], atol=1e-9
    )


def test_points_on_a_plane_left_out_move_with_the_next_one() -> None:
    result = without(stacked(), 3)
    point = np.array([[3.4, 50.0, 60.0]])
    np.testing.assert_array_equal(
        project_points(point, result), project_points(point[:, 1:], stacked(), plane=4)
    )
    assert project_points(np.empty((0, 3)), result).shape == (0, 2)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda r: project_labels(np.zeros((N, *SIZE)), r), InputError, "give integers"),
        (lambda r: project_labels(np.zeros((3, *SIZE), int), r), InputError, "These labels are of"),
        (lambda r: project_labels(np.zeros((9, 9), int), r, plane=0), InputError, "These labels"),
        (lambda r: project_labels(np.zeros(SIZE, int), r), SettingsError, "say on which"),
        (lambda r: project_labels(np.zeros(SIZE, int), r, plane=N), SettingsError, "not in a"),
        (lambda r: project_labels(np.zeros(SIZE, int), r, plane=5), SettingsError, "left out"),
        (lambda r: project_labels(np.zeros((N, *SIZE), int), r, plane=1), SettingsError, "axes"),
        (lambda r: project_points(np.zeros((4, 4)), r), InputError, "cannot be placed"),
        (lambda r: project_points([[0, np.nan, 1]], r), InputError, "NaN"),
        (lambda r: project_points(np.zeros((4, 2)), r), SettingsError, "say on which"),
        (lambda r: project_points(np.zeros((4, 3)), r, plane=1), SettingsError, "two columns"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call(without(stacked(), 5))
