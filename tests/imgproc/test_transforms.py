"""What a transform is: directions, sizes, plausibility, and planes seen through one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focus_stack.imgproc.transforms import (
    apply,
    corner_distance,
    corners,
    generators,
    is_plausible,
    lies_inside,
    only_shift,
    rescale,
    valid_area,
    warp,
)
from napari_focus_stack.imgproc.unit_coordinates import unit_frame

SHAPE = (60, 80)


def translation(dx: float, dy: float) -> np.ndarray:
    return np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1]], np.float64)


def about_centre(linear: np.ndarray, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """A transform whose linear part leaves the plane's centre in place."""
    centre = (np.array(shape[::-1]) - 1) / 2
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = linear, centre - linear @ centre
    return matrix


def turned(scale: float, degrees: float) -> np.ndarray:
    t = np.deg2rad(degrees)
    return about_centre(scale * np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]))


small = st.floats(-0.1, 0.1)
matrices = st.builds(
    lambda a, b, c, d, x, y, p, q: np.array(
        [[1 + a, b, 100 * x], [c, 1 + d, 100 * y], [p / 1e3, q / 1e3, 1]]
    ),
    *[small] * 8,
)


FREEDOMS = {"none": 0, "shift": 2, "similarity": 4, "affine": 6, "homography": 8}


@pytest.mark.parametrize("model", FREEDOMS)
def test_a_model_moves_what_its_name_says(model: str) -> None:
    freedoms, frame = FREEDOMS[model], unit_frame(SHAPE)
    in_pixels = generators(model, SHAPE)
    assert in_pixels.shape == (freedoms, 3, 3)
    if not freedoms:
        return
    assert np.linalg.matrix_rank(in_pixels.reshape(freedoms, 9)) == freedoms
    if model != "homography":
        assert not in_pixels[:, 2].any()
    linear = (np.linalg.inv(frame) @ in_pixels @ frame)[:, :2, :2]
    if model == "shift":
        np.testing.assert_allclose(linear, 0, atol=1e-12)
    if model == "similarity":
        np.testing.assert_allclose(linear[:, 0, 0], linear[:, 1, 1], atol=1e-12)
        np.testing.assert_allclose(linear[:, 0, 1], -linear[:, 1, 0], atol=1e-12)


@pytest.mark.parametrize("model", FREEDOMS)
def test_a_model_begins_with_the_lesser_one(model: str) -> None:
    whole = generators("homography", SHAPE)
    np.testing.assert_array_equal(generators(model, SHAPE), whole[: FREEDOMS[model]])


def test_generators_do_not_depend_on_the_size_of_the_plane() -> None:
    """The same parameters move the same points of a plane twice as large twice as far."""
    parameters = np.array([0.1, -0.2, 0.02, 0.01, 0.003, -0.004, 0.005, 0.002])
    small, large = (
        np.eye(3) + np.tensordot(parameters, generators("homography", shape), 1)
        for shape in (SHAPE, (120, 160))
    )
    np.testing.assert_allclose(rescale(small, 2, 2), large, atol=1e-9)


def test_unit_frame_puts_the_longer_side_between_minus_one_and_one() -> None:
    ends = apply(np.linalg.inv(unit_frame(SHAPE)), corners(SHAPE))
    np.testing.assert_allclose(ends.mean(1), 0, atol=1e-12)
    assert np.abs(ends).max() == pytest.approx(1 - 1 / 80)


@settings(deadline=None)
@given(matrices, st.floats(0.2, 3), st.floats(0.2, 3))
def test_a_rescaled_transform_moves_the_same_points(matrix, fy, fx) -> None:
    def resized(points):  # as cv2.resize: pixel centres lie half a pixel in
        return np.stack([(points[0] + 0.5) * fx - 0.5, (points[1] + 0.5) * fy - 0.5])

    points = corners(SHAPE)
    there = apply(rescale(matrix, fy, fx), np.vstack([resized(points), np.ones(4)]))
    np.testing.assert_allclose(there, resized(apply(matrix, points)), atol=1e-6)


@settings(deadline=None)
@given(st.floats(-30, 30), st.floats(-30, 30))
def test_corner_distance_is_in_pixels(dx: float, dy: float) -> None:
    a, b = np.eye(3), translation(dx, dy)
    assert corner_distance(a, b, SHAPE) == pytest.approx(np.hypot(dx, dy))
    assert corner_distance(b, a, SHAPE) == corner_distance(a, b, SHAPE)
    zoomed = about_centre(np.diag([1.01, 1.0]))
    assert corner_distance(zoomed, a, SHAPE) == pytest.approx(0.01 * 79 / 2)


@pytest.mark.parametrize(
    ("matrix", "plausible"),
    [
        (np.eye(3), True),
        (np.full((3, 3), np.nan), False),
        (turned(1.9, 0), True),
        (turned(2.1, 0), False),
        (turned(1 / 1.9, 0), True),
        (turned(1 / 2.1, 0), False),
        (turned(1.0, 19), True),
        (turned(1.0, -21), False),
        (turned(1.0, 180), False),
        (about_centre(np.diag([-1.0, 1.0])), False),  # a mirror image
        (about_centre(np.array([[1, 0.09], [0, 1]])), True),
        (about_centre(np.diag([1.3, 1.0])), False),
        (translation(39, 29), True),
        (translation(41, 0), False),
        (translation(0, -31), False),
        (np.array([[1, 0, 0], [0, 1, 0], [0.001, 0, 1]]), True),
        (np.array([[1, 0, 0], [0, 1, 0], [0.003, 0, 1]]), False),
    ],
)
def test_what_a_lens_can_do_is_plausible(matrix: np.ndarray, plausible: bool) -> None:
    assert is_plausible(matrix, SHAPE) is plausible


@settings(deadline=None)
@given(matrices)
def test_only_shift_moves_the_centre_alike(matrix: np.ndarray) -> None:
    shift = only_shift(matrix, SHAPE)
    centre = np.array([[39.5], [29.5], [1.0]])
    np.testing.assert_allclose(apply(shift, centre), apply(matrix, centre), atol=1e-9)
    np.testing.assert_array_equal(shift[:, :2], np.eye(3)[:, :2])


@pytest.mark.parametrize("colour", [(), (3,), (4,)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_whole_shift_copies_pixels(dtype: type, colour: tuple[int, ...]) -> None:
    plane = np.random.default_rng(1).integers(0, 256, (*SHAPE, *colour)).astype(dtype)
    seen, mask = warp(plane, translation(5, -3))  # reference (x, y) shows plane's (x + 5, y - 3)
    assert (seen.dtype, seen.shape) == (plane.dtype, plane.shape)
    np.testing.assert_allclose(seen[3:, :-5], plane[:-3, 5:], atol=1e-3)
    recorded = np.zeros(SHAPE, np.uint8)
    recorded[3:, :-5] = 255
    np.testing.assert_array_equal(mask, recorded)


def test_the_identity_resamples_nothing() -> None:
    plane = np.zeros(SHAPE, np.float32)
    seen, mask = warp(plane, np.eye(3))
    assert seen is plane
    assert mask is None


def test_a_smooth_plane_is_seen_where_it_lies() -> None:
    def wave(x, y):
        return (np.sin(x / 5) * np.cos(y / 7) * 100).astype(np.float32)

    y, x = np.indices(SHAPE)
    matrix = turned(1.03, 2) @ translation(0.4, -0.7)
    seen, mask = warp(wave(x, y), matrix)
    there = apply(matrix, np.stack([x.ravel(), y.ravel(), np.ones(x.size)]))
    truth = wave(*there).reshape(SHAPE)
    assert mask is not None
    deep = np.zeros(SHAPE, bool)
    deep[8:-8, 8:-8] = True
    np.testing.assert_allclose(seen[deep], truth[deep], atol=1.0)


@settings(max_examples=30, deadline=None)
@given(matrices, st.integers(0, 99))
def test_nothing_is_seen_beyond_the_range_or_the_edge(matrix: np.ndarray, seed: int) -> None:
    plane = np.random.default_rng(seed).choice(np.float32([-3, 7]), SHAPE)  # rings under Lanczos
    seen, _ = warp(plane, matrix)
    assert seen.min() >= -3
    assert seen.max() <= 7
    valid = valid_area(matrix, SHAPE)
    y, x = np.indices(SHAPE)
    u, v = apply(matrix, np.stack([x.ravel(), y.ravel(), np.ones(x.size)])).reshape(2, *SHAPE)
    beyond = np.maximum.reduce([-u, u - 79, -v, v - 59])  # pixels outside the recorded centres
    trusted = np.ones(SHAPE, bool) if valid is None else valid > 0
    assert beyond[trusted].max() < 0.55
    assert trusted[beyond < 0.45].all()


@settings(max_examples=100, deadline=None)
@given(matrices, st.tuples(st.integers(1, 90), st.integers(1, 70)))
def test_an_area_lies_inside_where_all_of_it_does(matrix: np.ndarray, size) -> None:
    width, height = size
    y, x = np.indices((height, width))
    u, v = apply(matrix, np.stack([x.ravel(), y.ravel(), np.ones(x.size)]))
    least = min(u.min(), v.min(), (79 - u).min(), (59 - v).min())
    if abs(least) > 1e-6:
        assert lies_inside(matrix, size, SHAPE) == (least > 0)


def test_the_identity_lies_just_inside() -> None:
    assert lies_inside(np.eye(3), (80, 60), SHAPE)
    assert not lies_inside(translation(0.01, 0), (80, 60), SHAPE)
    assert not lies_inside(translation(0, -0.01), (80, 60), SHAPE)
    assert lies_inside(translation(0.01, 0.01), (79, 59), SHAPE)
    assert valid_area(np.eye(3), SHAPE) is None
    area = valid_area(translation(0.6, 0), SHAPE)
    assert area is not None
    assert not area[:, 79].any()
    assert (area[:, :79] == 255).all()


def test_places_are_read_off_one_from_another_or_the_nearest() -> None:
    plane = np.float32([[0, 10, 20, 30]]).repeat(4, 0)
    half = translation(0.25, 0)
    between, _ = warp(plane, half)
    np.testing.assert_allclose(between[:, :3], plane[:, :3] + 2.5, atol=1e-3)
    nearest, _ = warp(plane, half, cv2.INTER_NEAREST)
    np.testing.assert_array_equal(nearest, plane)
