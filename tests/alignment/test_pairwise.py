"""How one plane lies over another: every model, foreign pictures, and ways in where one fails."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from motion import MODELS, MOVING, SHAPE, TRUE, about_centre, error, foreign, pair, shifted
from scenes import picture, scene

from napari_focus_stack.alignment.gauss_newton import regions
from napari_focus_stack.alignment.pairwise import (
    FITS_MOST,
    LADDER,
    PairAlignment,
    align_pair,
    models_of,
)
from napari_focus_stack.alignment.reduced_planes import ReducedPlane
from napari_focus_stack.imgproc.transforms import is_plausible
from napari_focus_stack.settings import ALIGNS

PICTURES = {"gravel": (0, 0), "coins": (0, 0), "brick": (0, 0), "camera": (150, 150)}


def aligned(name: str, true: np.ndarray, align: str = "auto", **options) -> PairAlignment:
    fixed, moving = (ReducedPlane.of(plane) for plane in pair(name, true))
    return align_pair(fixed, moving, models_of(align), **options)


def test_models_to_choose_from() -> None:
    assert models_of("auto") == LADDER == ("none", *MODELS)
    for align in ALIGNS:
        assert align == "auto" or models_of(align) == (align,)


@pytest.mark.parametrize("name", ["gravel", "brick", "coins"])
@pytest.mark.parametrize("moved", MODELS)
def test_the_model_that_moved_is_found_and_richer_ones_stay_with_it(name: str, moved: str) -> None:
    found = aligned(name, TRUE[moved])
    assert found.fits
    assert tuple(found.transforms) == tuple(found.mismatches) == LADDER
    np.testing.assert_array_equal(found.transforms["none"], np.eye(3))
    for model in LADDER:
        enough = LADDER.index(model) >= LADDER.index(moved)
        off = error(found.transforms[model], TRUE[moved])
        assert off < 0.08 if enough else off > 1.5
    for lesser, model in pairwise(LADDER):
        if LADDER.index(lesser) > LADDER.index(moved):
            np.testing.assert_array_equal(found.transforms[model], found.transforms[lesser])
        if LADDER.index(model) <= LADDER.index(moved):
            assert found.mismatches[model] < 0.8 * found.mismatches[lesser]
        assert found.mismatches[model] <= found.mismatches[lesser]
    assert found.correlation == 1 - found.mismatches["homography"]


def test_what_does_not_move_stays_exactly() -> None:
    found = aligned("gravel", np.eye(3))
    for model in LADDER:
        np.testing.assert_array_equal(found.transforms[model], np.eye(3))
    assert found.correlation == pytest.approx(1)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_alone(model: str) -> None:
    found = aligned("gravel", TRUE[model], model)
    assert found.fits
    assert list(found.transforms) == [model]
    assert error(found.transforms[model], TRUE[model]) < 0.08
    if model == "shift":
        np.testing.assert_array_equal(found.transforms[model][:, :2], np.eye(3)[:, :2])


def test_none_alone_compares_only() -> None:
    found = aligned("gravel", TRUE["shift"], "none")
    np.testing.assert_array_equal(found.transforms["none"], np.eye(3))
    assert found.mismatches["none"] > 0.2


def other(name: str) -> ReducedPlane:
    return ReducedPlane.of(picture(name, *SHAPE, *PICTURES[name]) * np.float32(255))


@pytest.mark.parametrize("align", ["auto", "similarity", "homography"])
@pytest.mark.parametrize("one", PICTURES)
@pytest.mark.parametrize("another", PICTURES)
def test_foreign_pictures_do_not_fit(one: str, another: str, align: str) -> None:
    found = align_pair(other(one), other(another), models_of(align))
    assert found.fits is (one == another)


def test_little_overlap_is_little_evidence() -> None:
    """A crater far off was laid over a coin, by two fifths of the field, as well as 0.29."""
    crater = ReducedPlane.of(foreign("moon", 10, 120))
    coins = [ReducedPlane.of(plane) for plane in scene("coins", "slant", **MOVING).planes]
    found = [align_pair(coin, crater, models_of("auto")) for coin in coins]
    assert not any(one.fits for one in found)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", [SHAPE, (64, 80), (32, 36)])
def test_noise_does_not_fit_noise(seed: int, shape: tuple[int, int]) -> None:
    planes = np.random.default_rng(seed).normal(100, 10, (2, *shape)).astype(np.float32)
    found = align_pair(*map(ReducedPlane.of, planes), models_of("auto"))
    assert not found.fits


@settings(max_examples=15, deadline=None)
@example(0.45806533313325615, -36.0, 0.0, 141.0, "camera", "auto")
@given(
    st.floats(0.3, 3),
    st.floats(-180, 180),
    st.floats(-150, 150),
    st.floats(-150, 150),
    st.sampled_from(list(PICTURES)),
    st.sampled_from(["auto", "shift", "affine", "homography"]),
)
def test_nothing_implausible_is_ever_found(scale, degrees, dx, dy, name: str, align: str) -> None:
    """Whatever one plane is made of, what is found is what a lens or stage could have done."""
    t = np.deg2rad(degrees)
    turn = scale * np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    matrix = about_centre(np.block([[turn, np.array([[dx], [dy]])], [np.zeros((1, 2)), 1]]))
    found = aligned(name, matrix, align)
    still = aligned(name, matrix, "none").mismatches["none"]
    for model, transform in found.transforms.items():
        assert is_plausible(transform, SHAPE)
        # light that comes and goes may raise the mismatch of a motion that fits most of the field
        assert found.mismatches[model] <= still or found.gains[model] > FITS_MOST


def test_what_others_let_expect_rescues_a_link_that_went_astray() -> None:
    """A pattern that repeats every 16 pixels, told apart by a faint texture."""
    y, x = np.indices((240, 300))
    ripples = np.sin(2 * np.pi * x / 16) * np.sin(2 * np.pi * y / 16) * 60
    noise = np.random.default_rng(0).normal(0, 5, ripples.shape)
    plane = (128 + ripples + cv2.GaussianBlur(noise, (0, 0), 1.5)).astype(np.float32)
    fixed = ReducedPlane.of(plane[20:212, 20:252])
    moving = ReducedPlane.of(plane[20:212, 36:268])
    true = shifted(-16, 0)
    astray = align_pair(fixed, moving, models_of("auto"))
    np.testing.assert_array_equal(astray.transforms["similarity"], np.eye(3))
    rescued = align_pair(fixed, moving, models_of("auto"), expected=shifted(-14.5, -1))
    assert error(rescued.transforms["similarity"], true) < 0.1
    assert rescued.correlation > astray.correlation


def test_a_wrong_expectation_does_no_harm() -> None:
    found = aligned("gravel", TRUE["similarity"], expected=shifted(40, 30))
    assert error(found.transforms["similarity"], TRUE["similarity"]) < 0.08


def test_features_find_a_way_in() -> None:
    """A turn by 15 degrees, at which the search along gradients ends astray."""
    t = np.deg2rad(15)
    turn = 1.1 * np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    far = about_centre(np.block([[turn, np.array([[20], [-14]])], [np.zeros((1, 2)), 1]]))
    found = aligned("gravel", far)
    assert found.fits
    assert error(found.transforms["similarity"], far) < 0.1


def test_a_region_decides_what_fits() -> None:
    """Two pictures side by side: what moves on the right does not fit what moves on the left."""
    fixed, moving = (plane.copy() for plane in pair("gravel", TRUE["shift"]))
    clip = picture("camera", SHAPE[0], 110, 150, 200) * 255
    fixed[:, :110] = moving[:, :110] = clip
    one, two = ReducedPlane.of(fixed), ReducedPlane.of(moving)
    right = np.zeros(SHAPE, bool)
    right[:, 116:] = True
    for region, true in ((right, TRUE["shift"]), (~right, np.eye(3))):
        found = align_pair(one, two, models_of("auto"), regions(region, one.levels))
        assert found.fits
        assert error(found.transforms["similarity"], true) < 0.15
        assert found.correlation > 0.95
