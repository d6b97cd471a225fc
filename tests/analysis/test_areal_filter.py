"""Areal Gaussian filters: transmission of the standard, borders and gaps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from height_maps import height_map, places, with_gaps, with_unsure
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focus_stack.analysis import l_filter, s_filter
from napari_focus_stack.errors import InputError, SettingsError

SIZES = (0.5, 0.8)


def amplitude(heights: np.ndarray, wave: np.ndarray, other: np.ndarray) -> float:
    """Amplitude of `wave`, whose quarter-shifted wave is `other`, in the middle of a field."""
    middle = tuple(slice(n // 4, -(n // 4)) for n in heights.shape)
    terms = np.stack([wave[middle].ravel(), other[middle].ravel()], 1)
    return float(np.linalg.lstsq(terms, heights[middle].ravel(), rcond=None)[0][0])


@pytest.mark.parametrize("cut_off", [6.0, 20.0, 33.0, 60.0])  # from pixels, and from blocks
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.5])
def test_transmission_is_that_of_the_standard(cut_off: float, axis: int, ratio: float) -> None:
    place = places((420, 300), SIZES)[axis]
    phase = 2 * math.pi * place / (ratio * cut_off)
    wave, other = np.sin(phase), np.cos(phase)
    short = s_filter(height_map(wave, SIZES), cut_off)
    expected = 2 ** -(ratio**-2)  # exp(-pi (alpha cut_off / wavelength)^2): 1/2 at the cut-off
    assert amplitude(short.surface.heights, wave, other) == pytest.approx(expected, abs=5e-4)
    long = l_filter(height_map(wave, SIZES), cut_off)
    assert amplitude(long.surface.heights, wave, other) == pytest.approx(1 - expected, abs=5e-4)
    assert short.share == long.share == 1


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-1e3, 1e3), st.sampled_from([5.0, 14.0, 45.0]))
@settings(deadline=None)
def test_tilted_planes_stay_as_they_are_up_to_borders_and_gaps(
    rise_y: float, rise_x: float, level: float, cut_off: float
) -> None:
    y, x = places((60, 90), SIZES)
    plane = with_gaps(level + rise_y * y + rise_x * x)
    found = s_filter(height_map(plane, SIZES), cut_off).surface.heights
    size = np.nanmax(np.abs(plane)) + 1
    np.testing.assert_allclose(found, plane, rtol=0, atol=1e-5 * size)


@pytest.mark.parametrize(("cut_off", "tolerance"), [(12.0, 1e-3), (80.0, 0.012)])
def test_weights_are_those_of_the_definition(cut_off: float, tolerance: float) -> None:
    # from pixels up to rounding and the end of the window; from blocks by 1 % in a corner
    heights = with_gaps(np.random.default_rng(1).normal(size=(70, 110)).cumsum(0).cumsum(1))
    found = s_filter(height_map(heights), cut_off).surface.heights
    y, x = places(heights.shape)
    counted = np.isfinite(heights)
    alpha = math.sqrt(math.log(2) / math.pi)
    spread = np.nanstd(heights)
    for at in [(0, 0), (3, 60), (35, 55), (69, 20)]:
        if not counted[at]:
            continue
        dy, dx = (y - at[0])[counted], (x - at[1])[counted]
        root = np.exp(-math.pi / 2 * (dy**2 + dx**2) / (alpha * cut_off) ** 2)
        terms = np.stack([np.ones_like(dy), dy, dx], 1) * root[:, None]
        fit = np.linalg.lstsq(terms, heights[counted] * root, rcond=None)[0]
        assert found[at] == pytest.approx(fit[0], abs=tolerance * spread)


def test_only_sure_heights_of_the_region_count() -> None:
    y, x = places((80, 80))
    wild = with_unsure(np.sin(x / 5) + y / 10)
    region = x + y < 90
    source = height_map(wild["heights"], confidence=wild["confidence"])
    inside = region & (wild["confidence"] > 0.5)
    alone = height_map(np.where(inside, wild["heights"], np.nan))
    found = s_filter(source, 20.0, region)
    np.testing.assert_array_equal(found.surface.heights, s_filter(alone, 20.0).surface.heights)
    assert np.array_equal(np.isfinite(found.surface.heights), inside)
    assert found.share == inside.sum() / region.sum()


def test_cut_offs_that_cannot_be_are_refused() -> None:
    source = height_map(np.zeros((20, 40)), SIZES)
    for cut_off in (3.1, 32.1, math.nan):  # 4 pixels of 0.8, and the longer side
        with pytest.raises(SettingsError, match=r"3\.2 \(4 pixels\) to 32"):
            s_filter(source, cut_off)
    part = np.zeros((20, 40), bool)
    part[5:15, 10:20] = True
    with pytest.raises(SettingsError, match=r"to 8 \(the longer side of what is measured\)"):
        l_filter(source, 20.0, part)
    with pytest.raises(InputError, match="sure enough"):
        l_filter(source, 10.0, np.zeros((20, 40), bool))
