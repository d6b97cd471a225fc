"""One plane laid over another: known motion comes back, whatever blur, brightness and noise do."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from motion import MODELS, SHAPE, TRUE, error, pair, shifted
from scenes import picture

from napari_focus_stack.alignment.gauss_newton import at_level, pyramid, regions, register_pair
from napari_focus_stack.alignment.motion_evidence import compare_pair
from napari_focus_stack.alignment.similarity import correlation


@pytest.mark.parametrize("name", ["brick", "gravel"])
@pytest.mark.parametrize("model", MODELS)
def test_known_motion_comes_back(name: str, model: str) -> None:
    fixed, moving = pair(name, TRUE[model])
    found, evidence = register_pair(pyramid(fixed), pyramid(moving), model)
    assert error(found, TRUE[model]) < 0.05
    assert found[2, 2] == 1
    assert evidence is not None


@pytest.mark.parametrize("name", ["brick", "gravel"])
@pytest.mark.parametrize("model", MODELS)
def test_blur_brightness_and_noise_do_not_move_it(name: str, model: str) -> None:
    sharp, blurred = blurred_pair(name, model)
    found, _ = register_pair(pyramid(sharp), pyramid(blurred), model)
    most = 0.12 if model == "homography" else 0.05  # 0.10 at one corner: gravel
    assert error(found, TRUE[model]) < most


def blurred_pair(name: str, model: str) -> tuple[np.ndarray, np.ndarray]:
    """A noisy pair of which one is brighter and blurred."""
    fixed, moving = pair(name, TRUE[model])
    noise, other = np.random.default_rng(0).normal(0, 2, (2, *SHAPE)).astype(np.float32)
    sharp = cv2.GaussianBlur(fixed, (0, 0), 0.6) + noise
    return sharp, 1.3 * cv2.GaussianBlur(moving, (0, 0), 1.2) + 20 + other


def test_objects_on_empty_ground() -> None:
    fixed, moving = pair("coins", TRUE["similarity"])  # nothing at the corners holds them
    found, _ = register_pair(pyramid(fixed), pyramid(moving), "similarity")
    assert error(found, TRUE["similarity"]) < 0.05


@pytest.mark.parametrize(("dx", "dy"), [(45, -30), (-60, 12)])
@pytest.mark.parametrize("name", ["gravel", "coins"])
def test_a_large_shift_is_found(name: str, dx: int, dy: int) -> None:
    whole = picture(name, 300, 380)
    fixed = whole[50 : 50 + SHAPE[0], 70 : 70 + SHAPE[1]]
    moving = whole[50 - dy : 50 - dy + SHAPE[0], 70 - dx : 70 - dx + SHAPE[1]]
    found, _ = register_pair(pyramid(fixed), pyramid(moving), "similarity")
    assert error(found, shifted(dx, dy)) < 0.05


def test_a_repetitive_pattern_is_not_one_period_off() -> None:
    """Bricks repeat; a shift of most of a course must not end on the next one."""
    whole = picture("brick", 320, 360)
    fixed = whole[40 : 40 + SHAPE[0], 40 : 40 + SHAPE[1]]
    for shift in (9, 17, 23):
        moving = whole[40 - shift : 40 - shift + SHAPE[0], 40 : 40 + SHAPE[1]]
        found, _ = register_pair(pyramid(fixed), pyramid(moving), "similarity")
        assert error(found, shifted(0, shift)) < 0.05


def test_a_start_that_is_close_is_refined() -> None:
    fixed, moving = pair("gravel", TRUE["affine"])
    start = shifted(0.8, 0.8) @ TRUE["affine"]
    found, _ = register_pair(pyramid(fixed), pyramid(moving), "affine", start=start)
    assert error(start, TRUE["affine"]) > 1
    assert error(found, TRUE["affine"]) < 0.05


@pytest.mark.parametrize("model", MODELS)
def test_planes_that_show_nothing_move_nothing(model: str) -> None:
    flat = np.full(SHAPE, 7, np.float32)
    found, _ = register_pair(pyramid(flat), pyramid(flat), model)
    np.testing.assert_allclose(found, np.eye(3), atol=1e-9)


def test_planes_that_hardly_overlap_say_nothing() -> None:
    one = pyramid(pair("gravel", np.eye(3))[0])[0]
    apart = shifted(0.9 * SHAPE[1], 0)
    assert compare_pair(one, one, apart) is None
    start, evidence = register_pair((one,), (one,), "similarity", start=apart)
    assert evidence is None
    np.testing.assert_array_equal(start, apart)


# where one may look


def with_a_clip(plane: np.ndarray) -> np.ndarray:
    """A clip of the stage, which never moves, over the left half of a plane."""
    covered = plane.copy()
    covered[:, :110] = picture("camera", SHAPE[0], 110, 150, 200) * 255
    return covered


def with_a_bubble(plane: np.ndarray, x: int, y: int) -> np.ndarray:
    """A bubble with a texture of its own, centred at (x, y)."""
    rows, columns = np.indices(SHAPE)
    own = np.roll(picture("camera", *SHAPE, 150, 150) * 255, (y, x), (0, 1))
    return np.where(np.hypot(columns - x, rows - y) < 45, own, plane)


def away_from_the_clip() -> np.ndarray:
    region = np.zeros(SHAPE, bool)
    region[:, 116:] = True
    return region


def away_from_the_bubble() -> np.ndarray:
    rows, columns = np.indices(SHAPE)
    return np.hypot(columns - 90, rows - 80) > 65


@pytest.mark.parametrize("name", ["brick", "gravel"])
@pytest.mark.parametrize("model", MODELS)
def test_a_region_leaves_a_static_clip_out(name: str, model: str) -> None:
    fixed, moving = (pyramid(with_a_clip(plane)) for plane in pair(name, TRUE[model]))
    if name == "brick":  # on gravel the specimen has more blocks than the clip, and wins alone
        assert error(register_pair(fixed, moving, model)[0], TRUE[model]) > 0.3
    where = regions(away_from_the_clip(), fixed)
    found, _ = register_pair(fixed, moving, model, region=where)
    # the perspective of the half that is covered is told by the other one
    assert error(found, TRUE[model]) < (0.25 if model == "homography" else 0.05)


@pytest.mark.parametrize(("name", "model"), [("brick", "similarity"), ("gravel", "affine")])
def test_a_moving_bubble_has_one_voice_among_many_and_none_with_a_region(
    name: str, model: str
) -> None:
    plain, moved = pair(name, TRUE[model])
    fixed = pyramid(with_a_bubble(plain, 90, 80))
    moving = pyramid(with_a_bubble(moved, 78, 93))
    assert error(register_pair(fixed, moving, model)[0], TRUE[model]) < 0.1
    where = regions(away_from_the_bubble(), fixed)
    assert error(register_pair(fixed, moving, model, region=where)[0], TRUE[model]) < 0.05


def test_what_lies_outside_the_region_has_no_part_at_all() -> None:
    fixed, moving = pair("gravel", TRUE["similarity"])
    region = away_from_the_clip()
    band, other = pyramid(fixed)[0], pyramid(moving)[0]
    wild = np.where(region, band, 1e3 * np.random.default_rng(1).normal(size=SHAPE))
    for plane in (band, wild.astype(np.float32)):
        seen = correlation(plane, other, TRUE["similarity"], region)
        assert seen == pytest.approx(correlation(band, other, TRUE["similarity"], region))
        assert seen > 0.97
    assert correlation(wild.astype(np.float32), other, TRUE["similarity"]) < 0.1


def test_a_region_is_as_large_as_every_level() -> None:
    levels = pyramid(pair("gravel", np.eye(3))[0])
    assert len(levels) == 3
    where = regions(away_from_the_clip(), levels)
    assert [mask.shape for mask in where] == [level.shape for level in levels]
    for mask in where:
        assert mask.dtype == bool
        edge = 116 / SHAPE[1] * mask.shape[1]
        assert mask[:, int(edge) + 1 :].all()
        assert not mask[:, : int(edge) - 1].any()


# what a model would gain


@pytest.mark.parametrize("name", ["brick", "gravel", "coins"])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("noisy", [False, True])
def test_evidence_tells_whether_a_richer_model_would_pay(
    name: str, model: str, noisy: bool
) -> None:
    planes = blurred_pair(name, model) if noisy else pair(name, TRUE[model])
    fixed, moving = (pyramid(plane) for plane in planes)
    for lesser, richer in pairwise(MODELS):
        _, evidence = register_pair(fixed, moving, lesser)
        assert evidence is not None
        promised = evidence.explains(richer, lesser)
        if MODELS.index(lesser) < MODELS.index(model):
            assert promised > 0.1
        else:
            assert 0 <= promised < 0.02


def test_evidence_points_to_the_motion() -> None:
    """One step from half a pixel away lands within a tenth of a pixel."""
    fixed, moving = pair("gravel", TRUE["similarity"])
    away = TRUE["similarity"] @ shifted(0.4, -0.3)
    evidence = compare_pair(pyramid(fixed)[0], pyramid(moving)[0], away)
    assert evidence is not None
    assert error(away, TRUE["similarity"]) == pytest.approx(0.5, rel=0.05)
    assert error(away @ evidence.step("similarity"), TRUE["similarity"]) < 0.1


def test_growing_blur_does_not_look_like_motion() -> None:
    """What a slanted surface shows: sharp on the left in one plane, on the right in the other."""
    sharp = pair("gravel", np.eye(3))[0]
    soft = cv2.GaussianBlur(sharp, (0, 0), 2.0)
    ramp = np.linspace(0, 1, SHAPE[1], dtype=np.float32)
    one, other = sharp + ramp * (soft - sharp), soft + ramp * (sharp - soft)
    found, _ = register_pair(pyramid(one), pyramid(other), "similarity")
    assert error(found, np.eye(3)) < 0.05


def test_correlation_tells_what_belongs_together() -> None:
    fixed, moving = pair("gravel", TRUE["shift"])
    one, other = pyramid(fixed)[0], pyramid(moving)[0]
    assert correlation(one, one, np.eye(3)) == pytest.approx(1)
    assert correlation(one, 3 * other, TRUE["shift"]) > 0.97
    assert correlation(one, -one, np.eye(3)) == pytest.approx(-1)
    foreign = pyramid(pair("coins", np.eye(3))[0])[0]
    assert abs(correlation(one, foreign, np.eye(3))) < 0.1
    assert correlation(one, one, shifted(0.9 * SHAPE[1], 0)) == -1


@pytest.mark.parametrize("side", [45, 48, 50, 61])
def test_a_search_leaves_planes_as_they_were(side: int) -> None:
    """OpenCV 5's phase correlation multiplies planes of some sizes by its window, in place."""
    fixed, moving = (pyramid(picture("gravel", side, side, y=y)) for y in (0, 2))
    before = [level.copy() for level in (*fixed, *moving)]
    found = register_pair(fixed, moving, "shift")[0]
    for level, was in zip((*fixed, *moving), before, strict=True):
        np.testing.assert_array_equal(level, was)
    np.testing.assert_array_equal(register_pair(fixed, moving, "shift")[0], found)


def test_a_transform_at_a_coarser_level_maps_the_same_points() -> None:
    matrix = np.array([[1.02, 0.01, 3.0], [-0.01, 0.99, -5.0], [1e-5, -2e-5, 1.0]])
    point = np.array([40.0, 24.0, 1.0])
    moved = matrix @ point
    coarse = at_level(matrix, 2) @ (point * (0.25, 0.25, 1))
    np.testing.assert_allclose(coarse[:2] / coarse[2], 0.25 * moved[:2] / moved[2])
    np.testing.assert_allclose(at_level(at_level(matrix, 2), -2), matrix)
