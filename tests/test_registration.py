"""One plane laid over another: known motion comes back, whatever blur, brightness and noise do."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import picture

from napari_focus_stack.features import homography
from napari_focus_stack.registration import correlation, luminance, pyramid, search
from napari_focus_stack.transforms import corner_distance

SHAPE = (192, 232)
MARGIN = 24
CENTRE = np.array([[1, 0, (SHAPE[1] - 1) / 2], [0, 1, (SHAPE[0] - 1) / 2], [0, 0, 1]])

ABOUT_CENTRE = {
    "shift": [[1, 0, 3.3], [0, 1, -2.6], [0, 0, 1]],
    "similarity": [[1.015, -0.012, -2.2], [0.012, 1.015, 1.7], [0, 0, 1]],
    "affine": [[1.015, -0.008, 1.4], [0.014, 0.991, 2.8], [0, 0, 1]],
}
TRUE = {
    model: CENTRE @ np.array(matrix) @ np.linalg.inv(CENTRE)
    for model, matrix in ABOUT_CENTRE.items()
}


def pair(name: str, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A field of a picture, and what is seen once each of its pixels moved by `matrix`."""
    whole = picture(name, SHAPE[0] + 2 * MARGIN, SHAPE[1] + 2 * MARGIN) * np.float32(255)
    to_whole = np.array([[1, 0, MARGIN], [0, 1, MARGIN], [0, 0, 1]], np.float64)
    moved = cv2.warpPerspective(
        whole,
        to_whole @ np.linalg.inv(matrix),
        SHAPE[::-1],
        flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return whole[MARGIN:-MARGIN, MARGIN:-MARGIN], moved


def error(found: np.ndarray, true: np.ndarray) -> float:
    return corner_distance(found, true, SHAPE)


@pytest.mark.parametrize("name", ["brick", "gravel"])
@pytest.mark.parametrize("model", ["shift", "similarity", "affine"])
def test_known_motion_comes_back(name: str, model: str) -> None:
    fixed, moving = pair(name, TRUE[model])
    found = search(pyramid(fixed), pyramid(moving), model)
    assert error(found, TRUE[model]) < 0.05


@pytest.mark.parametrize("name", ["brick", "gravel"])
@pytest.mark.parametrize("model", ["shift", "similarity", "affine"])
def test_blur_brightness_and_noise_do_not_move_it(name: str, model: str) -> None:
    fixed, moving = pair(name, TRUE[model])
    rng = np.random.default_rng(0)
    noisy, other = rng.normal(0, 2, (2, *SHAPE)).astype(np.float32)
    sharp = cv2.GaussianBlur(fixed, (0, 0), 0.6) + noisy
    blurred = 1.3 * cv2.GaussianBlur(moving, (0, 0), 1.2) + 20 + other
    found = search(pyramid(sharp), pyramid(blurred), model)
    assert error(found, TRUE[model]) < 0.07  # 0.056 at one corner: brick, affine


def test_objects_on_empty_ground() -> None:
    fixed, moving = pair("coins", TRUE["similarity"])  # nothing at the corners holds them
    assert error(search(pyramid(fixed), pyramid(moving), "similarity"), TRUE["similarity"]) < 0.1


@pytest.mark.parametrize(("dx", "dy"), [(45, -30), (-60, 12)])
@pytest.mark.parametrize("name", ["gravel", "coins"])
def test_a_large_shift_is_found(name: str, dx: int, dy: int) -> None:
    whole = picture(name, 300, 380)
    fixed = whole[50 : 50 + SHAPE[0], 70 : 70 + SHAPE[1]]
    moving = whole[50 - dy : 50 - dy + SHAPE[0], 70 - dx : 70 - dx + SHAPE[1]]
    true = np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1]], np.float64)
    assert error(search(pyramid(fixed), pyramid(moving), "similarity"), true) < 0.05


def test_a_repetitive_pattern_is_not_one_period_off() -> None:
    """Bricks repeat; a shift of most of a course must not end on the next one."""
    whole = picture("brick", 320, 360)
    fixed = whole[40 : 40 + SHAPE[0], 40 : 40 + SHAPE[1]]
    for shift in (9, 17, 23):
        moving = whole[40 - shift : 40 - shift + SHAPE[0], 40 : 40 + SHAPE[1]]
        true = np.array([[1, 0, 0], [0, 1, shift], [0, 0, 1]], np.float64)
        assert error(search(pyramid(fixed), pyramid(moving), "similarity"), true) < 0.05


def test_a_start_that_is_close_is_refined() -> None:
    fixed, moving = pair("gravel", TRUE["affine"])
    start = TRUE["affine"].copy()
    start[:2, 2] += 0.8
    found = search(pyramid(fixed), pyramid(moving), "affine", start=start)
    assert error(found, TRUE["affine"]) < 0.05


def test_planes_that_show_nothing_move_nothing() -> None:
    flat = np.full(SHAPE, 7, np.float32)
    found = search(pyramid(flat), pyramid(flat), "affine")
    np.testing.assert_allclose(found, np.eye(3), atol=1e-9)


def test_correlation_tells_what_belongs_together() -> None:
    fixed, moving = pair("gravel", TRUE["shift"])
    one, other = pyramid(fixed)[0], pyramid(moving)[0]
    assert correlation(one, one, np.eye(3)) == pytest.approx(1)
    assert correlation(one, 3 * other, TRUE["shift"]) > 0.97
    assert correlation(one, -one, np.eye(3)) == pytest.approx(-1)
    foreign = pyramid(pair("coins", np.eye(3))[0])[0]
    assert abs(correlation(one, foreign, np.eye(3))) < 0.1
    apart = np.array([[1, 0, 0.9 * SHAPE[1]], [0, 1, 0], [0, 0, 1]])
    assert correlation(one, one, apart) == -1


def test_features_find_a_homography() -> None:
    true = TRUE["affine"].copy()
    true[2, :2] = 1e-4, -5e-5
    fixed, moving = pair("gravel", true)
    assert error(homography(fixed, 0.7 * moving + 12), true) < 0.5


@pytest.mark.parametrize("fill", ["flat", "noise"])
def test_without_features_nothing_moves(fill: str) -> None:
    fixed = pair("gravel", np.eye(3))[0]
    rng = np.random.default_rng(5)
    other = (
        np.zeros(SHAPE) if fill == "flat" else cv2.GaussianBlur(rng.normal(size=SHAPE), (0, 0), 9)
    )
    np.testing.assert_array_equal(homography(fixed, other.astype(np.float32)), np.eye(3))


@given(st.integers(0, 65535), st.sampled_from([np.uint8, np.uint16, np.float32]))
def test_equal_channels_have_their_own_luminance(value: int, dtype: type) -> None:
    value = value % 256 if dtype is np.uint8 else value
    colour = np.full((8, 9, 4), value, dtype)
    colour[..., 3] = 9  # alpha has no part in it
    for plane in (colour[..., 0], colour[..., :3], colour):
        grey = luminance(plane)
        assert grey.dtype == np.float32
        np.testing.assert_array_equal(grey, np.full((8, 9), value, np.float32))
