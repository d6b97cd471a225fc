"""Slopes and curvatures of surfaces that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from height_maps import height_map, places, with_gaps
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focus_stack.analysis import curvature_map, slope_map
from napari_focus_stack.errors import InputError, SettingsError

SIZES = (0.5, 0.8)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0.5, 6))
@settings(deadline=None)
def test_slope_and_direction_of_planes_with_gaps(
    rise_y: float, rise_x: float, smoothing: float
) -> None:
    y, x = places((40, 50), SIZES)
    plane = with_gaps(7 + rise_y * y + rise_x * x)
    found = slope_map(height_map(plane, SIZES), smoothing)
    here = np.isfinite(found.slope)
    assert found.share == here.mean()
    if smoothing >= 1.5:
        assert np.array_equal(here, np.isfinite(plane))
    rise = math.hypot(rise_y, rise_x)
    np.testing.assert_allclose(found.slope[here], math.degrees(math.atan(rise)), atol=0.02)
    if rise > 0.1:
        off = found.direction[here] - math.degrees(math.atan2(rise_y, rise_x))
        assert np.abs((off + 180) % 360 - 180).max() < 0.1


@given(st.tuples(*[st.floats(-0.02, 0.02)] * 3), st.tuples(*[st.floats(-1, 1)] * 2))
@settings(deadline=None)
def test_curvature_of_parabolas_is_exact_up_to_borders_and_gaps(
    second: tuple[float, float, float], first: tuple[float, float]
) -> None:
    y, x = places((40, 50), SIZES)
    y, x = y - 10, x - 20
    (yy, xy, xx), (rise_y, rise_x) = second, first
    heights = yy * y * y + xy * x * y + xx * x * x + rise_y * y + rise_x * x
    found = curvature_map(height_map(with_gaps(heights), SIZES), 3.0)
    zy, zx = 2 * yy * y + xy * x + rise_y, 2 * xx * x + xy * y + rise_x
    bend = (1 + zx**2) * yy - zx * zy * xy + (1 + zy**2) * xx  # of second derivatives halved
    mean = -bend / (1 + zy**2 + zx**2) ** 1.5
    here = np.isfinite(found.mean)
    assert here.mean() > 0.65  # 0.7 have a height
    np.testing.assert_allclose(found.mean[here], mean[here], atol=2e-5)


def test_curvature_is_positive_on_hills_and_that_of_balls_and_cylinders() -> None:
    y, x = places((160, 160))
    away = np.hypot(y - 80, x - 80)
    ball = np.sqrt(np.maximum(200**2 - away**2, 0))
    log = np.sqrt(200**2 - (x - 80) ** 2)
    middle = away < 40
    for heights, curvature in ((ball, 1 / 200), (-ball, -1 / 200), (log, 1 / 400)):
        found = curvature_map(height_map(heights), 3.0)
        np.testing.assert_allclose(found.mean[middle], curvature, rtol=0.01)
        assert found.unit == "1/micrometer"


def test_lines_and_single_pixels_have_neither() -> None:
    heights = np.full((40, 40), np.nan)
    heights[10, 5:30] = 1.0
    heights[30, 30] = 2.0
    heights[15:36, 5:20] = 3.0
    block = np.zeros((40, 40), bool)
    block[15:36, 5:20] = True
    assert np.array_equal(np.isfinite(slope_map(height_map(heights), 1.0).slope), block)
    assert np.array_equal(np.isfinite(curvature_map(height_map(heights), 1.0).mean), block)


def test_slopes_need_one_unit_and_a_window() -> None:
    with pytest.raises(InputError, match="one unit"):
        slope_map(height_map(np.zeros((9, 9)), unit="plane"))
    with pytest.raises(SettingsError, match="must be 1 to 50"):
        curvature_map(height_map(np.zeros((9, 9))), 0.5)
