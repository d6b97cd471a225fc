"""Laplacian pyramids: what goes in comes out, and noise has the size that is counted on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focus_stack.imgproc.pyramids import (
    band_noise,
    expand,
    expanded_window,
    laplacian_pyramid,
    level_count,
    luminance,
    reduce,
    reduced_shape,
    reduced_window,
)


@settings(max_examples=30, deadline=None)
@given(st.integers(8, 130), st.integers(8, 130), st.sampled_from([(), (3,), (4,)]))
def test_bands_add_up_to_the_plane(height: int, width: int, colour: tuple[int, ...]) -> None:
    plane = np.random.default_rng(height).uniform(0, 255, (height, width, *colour))
    plane = plane.astype(np.float32)
    levels = level_count(plane.shape)
    bands, gaussian = laplacian_pyramid(plane, levels)
    assert len(bands) == len(gaussian) == levels + 1
    assert gaussian[0] is plane
    assert levels == 1 or min(bands[-1].shape[:2]) >= 8
    whole = bands[-1]
    for band in reversed(bands[:-1]):
        whole = expand(whole, band.shape) + band
    np.testing.assert_allclose(whole, plane, atol=1e-3)


def test_white_noise_in_each_band() -> None:
    rng = np.random.default_rng(0)
    powers = np.zeros(6)
    for _ in range(6):
        bands, _ = laplacian_pyramid(rng.standard_normal((512, 512), np.float32), 6)
        powers += [np.square(band).mean() / 6 for band in bands[:-1]]
    expected = [band_noise(level) for level in range(6)]
    tolerances = [0.02, 0.02, 0.02, 0.05, 0.1, 0.2]  # fewer samples, level by level
    for power, known, tolerance in zip(powers, expected, tolerances, strict=True):
        assert np.sqrt(power) == pytest.approx(known, rel=tolerance)


@settings(deadline=None)
@given(st.integers(0, 65535), st.sampled_from([np.uint8, np.uint16, np.float32]))
def test_equal_channels_have_their_own_luminance(value: int, dtype: type) -> None:
    value = value % 256 if dtype is np.uint8 else value
    colour = np.full((8, 9, 4), value, dtype)
    colour[..., 3] = 9  # alpha has no part in it
    for plane in (colour[..., 0], colour[..., :3], colour):
        grey = luminance(plane)
        assert grey.dtype == np.float32
        np.testing.assert_array_equal(grey, np.full((8, 9), value, np.float32))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 90),
    st.integers(1, 70),
    st.integers(1, 24),
    st.sampled_from([np.uint8, np.float32]),
)
def test_parts_of_a_level_are_those_of_the_whole(
    height: int, width: int, step: int, dtype: type
) -> None:
    """To the bit, or seams would show."""
    fine = np.random.default_rng(height).uniform(0, 255, (height, width)).astype(dtype)
    whole = cv2.pyrDown(fine.astype(np.float32))
    assert whole.shape == reduced_shape(fine.shape)
    for top in range(0, len(whole), step):
        rows = slice(top, min(top + step, len(whole)))
        np.testing.assert_array_equal(reduced_window(fine, rows), whole[rows])
    if dtype is not np.float32:
        return
    large = expand(whole, fine.shape)
    for top in range(0, height, 2 * step):  # parts start at even rows
        rows = slice(top, min(top + 2 * step, height))
        np.testing.assert_array_equal(expanded_window(whole, fine.shape, rows), large[rows])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([(), (3,)]))
def test_a_halved_plane_holds_means_of_two_by_two(
    height: int, width: int, colour: tuple[int, ...]
) -> None:
    plane = np.random.default_rng(width).uniform(0, 255, (height, width, *colour))
    half = reduce(plane.astype(np.float32))
    even = np.pad(plane, [(0, height % 2), (0, width % 2)] + [(0, 0)] * len(colour), mode="edge")
    means = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
    assert half.shape[:2] == reduced_shape(plane.shape)
    np.testing.assert_allclose(half, means, rtol=1e-5)
