"""What a veil hides comes out again as far as it comes through, and noise stays bounded."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import picture

from napari_focus_stack.imgproc.defocus import defocused
from napari_focus_stack.imgproc.noise import Noise
from napari_focus_stack.imgproc.pyramids import reduce, spread_over
from napari_focus_stack.occlusion.foreground_blur import ForegroundBlur
from napari_focus_stack.occlusion.foreground_layers import SMALLEST_HALVED, halved_radius
from napari_focus_stack.occlusion.lens import Lens
from napari_focus_stack.occlusion.patch import LEAST_LEFT, MOST_LEFT_NOISE, ImagingModel

SIDE = 48
EVERYWHERE = np.ones((SIDE, SIDE), bool)
ENDS = (0.0, 255.0)


@settings(deadline=None, max_examples=25)
@given(st.floats(0.01, 0.6), st.floats(0, 255), st.booleans())
def test_lifting_undoes_a_veil(cover: float, value: float, colour: bool) -> None:
    background = 255 * picture("gravel", SIDE, SIDE)
    background = np.dstack([background, 255 - background, background]) if colour else background
    share = np.linspace(0.005, cover, SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)
    light = spread_over(share, background) * np.full_like(background, value)
    plane = light + spread_over(1 - share, background) * background
    lifted = ForegroundBlur(light, share).removed_from(plane, EVERYWHERE, ENDS, LEAST_LEFT)
    np.testing.assert_allclose(lifted, background, atol=1e-3)


def test_what_hardly_came_through_is_filled_and_what_is_not_asked_for_stays() -> None:
    plane = np.full((SIDE, SIDE), 100, np.float32)
    cover = np.zeros((SIDE, SIDE), np.float32)
    cover[20:30, 20:30] = 0.9
    cover[2:6, 2:6] = 0.5
    plane[cover > 0] = 7
    asked = EVERYWHERE.copy()
    asked[:10] = False
    lifted = ForegroundBlur(cover * 7, cover).removed_from(plane, asked, ENDS, LEAST_LEFT)
    assert (lifted[2:6, 2:6] == 7).all()
    assert lifted[20:30, 20:30].min() > 90
    assert (plane[20:30, 20:30] == 7).all()


def test_what_no_plane_can_show_is_filled_too() -> None:
    plane = np.full((SIDE, SIDE), 100, np.float32)
    cover, light = np.zeros_like(plane), np.zeros_like(plane)
    cover[20:30, 20:30], light[20:30, 20:30] = 0.4, 150  # more than there is
    cover[5:9, 5:9], light[5:9, 5:9] = 0.4, 0  # leaves 167
    cover[35:39, 35:39], light[35:39, 35:39] = 0.65, 0  # leaves 286
    lifted = ForegroundBlur(light, cover).removed_from(plane, EVERYWHERE, ENDS, 0.3)
    np.testing.assert_allclose(lifted[20:30, 20:30], 100, atol=30)
    np.testing.assert_allclose(lifted[5:9, 5:9], 100 / 0.6, rtol=1e-5)
    np.testing.assert_allclose(lifted[35:39, 35:39], 100, atol=30)


@settings(deadline=None)
@given(st.floats(0, 50))
def test_noise_that_is_left_is_bounded(deviation: float) -> None:
    lens = Lens(np.arange(6.0))
    light = ImagingModel.of(lens, Noise(deviation**2), 255.0, 128.0)
    assert light.least_left >= LEAST_LEFT
    assert deviation / light.least_left <= MOST_LEFT_NOISE * 255 * (1 + 1e-6)


@pytest.mark.parametrize("radius", [SMALLEST_HALVED, 4.7])
def test_blur_at_half_the_size_is_as_wide_as_at_the_full_size(radius: float) -> None:
    y, x = np.mgrid[: 2 * SIDE, : 2 * SIDE] - (SIDE - 0.5)
    point = np.exp(-(np.hypot(x, y) ** 2) / 8).astype(np.float32)
    fine = defocused(point, radius)
    small = defocused(reduce(point), halved_radius(radius))
    coarse = cv2.resize(small, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    fine_width, coarse_width = (float((blur * x**2).sum() / blur.sum()) for blur in (fine, coarse))
    assert coarse_width == pytest.approx(fine_width, rel=0.06)
