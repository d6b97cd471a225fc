"""The blur of every plane, and what values stand for, are found from the planes alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import picture

from napari_focus_stack.imgproc.defocus import COARSE_RADIUS, defocused, to_encoded, to_linear
from napari_focus_stack.occlusion.lens import Lens, SharpPatch, measured_lens

PLACES = np.array([0.0, 1.0, 1.8, 3.0, 3.7, 4.6, 6.0])


def patch(sharp: int, gamma: float, seed: int = 0) -> SharpPatch:
    """A flat patch in all planes at `PLACES`, which record light to the power of 1 / gamma."""
    values = picture("gravel", 160, 160, 30 * seed, 20 * seed)
    light = to_linear(values, gamma)
    planes = {
        k: 255 * to_encoded(defocused(light, abs(place - PLACES[sharp])), gamma)
        for k, place in enumerate(PLACES)
    }
    return SharpPatch(sharp, planes, np.ones((160, 160), bool))


@pytest.mark.parametrize("gamma", [1.0, 2.2])
def test_uneven_steps_and_gamma_are_found(gamma: float) -> None:
    lens = measured_lens([patch(k, gamma, k) for k in (0, 2, 3, 5, 6)], np.arange(len(PLACES)))
    assert lens is not None
    assert lens.gamma == gamma
    np.testing.assert_allclose(lens.places, PLACES, atol=0.2)


def test_planes_that_do_not_blur_tell_nothing() -> None:
    values = 255 * picture("gravel", 64, 64)
    same = SharpPatch(1, dict.fromkeys(range(4), values), np.ones((64, 64), bool))
    assert measured_lens([same, same, same], np.arange(4)) is None
    assert measured_lens([], np.arange(4)) is None


def test_a_lens_turned_twice_is_itself_and_a_part_keeps_its_radii() -> None:
    lens = Lens(PLACES, 2.2)
    assert np.allclose(lens.turned.turned.places, PLACES)
    part = lens.of(2, 3)
    assert abs(part.places[2] - part.places[0]) == pytest.approx(PLACES[4] - PLACES[2])
    assert lens.place(2.5) == pytest.approx((PLACES[2] + PLACES[3]) / 2)


@settings(deadline=None, max_examples=20)
@given(st.floats(0, 20), st.floats(0.1, 200))
def test_plain_light_stays_and_none_is_lost(radius: float, value: float) -> None:
    plain = np.full((48, 40), value, np.float32)
    np.testing.assert_allclose(defocused(plain, radius), plain, rtol=1e-4)
    spot = np.zeros((129, 129), np.float32)
    spot[64, 64] = value
    np.testing.assert_allclose(defocused(spot, radius).sum(), value, rtol=1e-3)


def test_a_coarse_disc_is_a_fine_one() -> None:
    image = picture("gravel", 128, 128)
    image = cv2.GaussianBlur(image, (0, 0), 1.0)
    fine, coarse = defocused(image, COARSE_RADIUS), defocused(image, COARSE_RADIUS + 0.001)
    assert np.abs(fine - coarse)[16:-16, 16:-16].mean() < 0.04 * image.std()


@settings(deadline=None)
@given(st.sampled_from([1.0, 2.2]), st.floats(0.0009765625, 65535, width=32))
def test_light_and_values_are_one_another_inverse(gamma: float, value: float) -> None:
    values = np.array([value], np.float32)
    np.testing.assert_allclose(to_encoded(to_linear(values, gamma), gamma), values, rtol=1e-4)
