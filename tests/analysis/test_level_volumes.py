"""Volumes of bodies that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from height_maps import height_map, places

from napari_focus_stack.analysis import volumes
from napari_focus_stack.errors import SettingsError

SIZES = (0.5, 0.8)


def test_box_and_pit() -> None:
    heights = np.full((50, 60), 10.0)
    heights[10:20, 5:25] = 13.0
    heights[30:40, 30:36] = 8.5
    found = volumes(height_map(heights, SIZES), 10.0)
    assert found.above == pytest.approx(3 * 200 * 0.4)
    assert found.below == pytest.approx(1.5 * 60 * 0.4)
    assert found.area_above == pytest.approx(200 * 0.4)
    assert found.area_below == pytest.approx(2800 * 0.4)
    assert (found.area_unmeasured, found.share) == (0, 1)
    assert (found.unit, found.area_unit) == ("micrometer^3", "micrometer^2")


def test_cap_of_a_ball() -> None:
    y, x = places((400, 400), (0.5, 0.5))
    heights = np.sqrt(np.maximum(90.0**2 - (y - 99.7) ** 2 - (x - 100.2) ** 2, 0))
    found = volumes(height_map(heights, (0.5, 0.5)), 60.0)
    rise = 30.0
    assert found.above == pytest.approx(math.pi * rise**2 * (90 - rise / 3), rel=1e-3)
    assert found.area_above == pytest.approx(math.pi * (90**2 - 60**2), rel=1e-3)


def test_what_does_not_count_is_an_area_and_not_a_volume() -> None:
    heights = np.full((20, 30), 5.0)
    heights[0, 0] = np.nan
    confidence = np.full((20, 30), 0.9, np.float32)
    confidence[10:] = 0.1
    region = np.zeros((20, 30), bool)
    region[:, :10] = True
    found = volumes(height_map(heights, SIZES, confidence=confidence), 2.0, region)
    assert found.above == pytest.approx(3 * 99 * 0.4)
    assert found.area_unmeasured == pytest.approx(101 * 0.4)
    assert found.share == pytest.approx(99 / 200)
    [note] = found.notes
    assert "those of 49.5% of the region" in note
    confidence[10:] = 0.6
    whole = volumes(height_map(heights, SIZES, confidence=confidence), 2.0, region)
    assert (whole.share, whole.notes) == (199 / 200, [])


def test_uncertainty_is_that_of_one_error_in_all_pixels_and_of_the_scale() -> None:
    heights = np.array([[4.0, 6.0], [-1.0, 1.0]])
    confidence = np.full((2, 2), 0.8, np.float32)
    source = height_map(heights, SIZES, confidence=confidence, z_step=2.5, scale_uncertainty=0.02)
    assert source.uncertainty is not None
    one = source.uncertainty.astype(float)
    found = volumes(source, 0.0)
    above = math.hypot(one.sum() - one[1, 0], 0.02 * 11)
    assert found.uncertainty_above == pytest.approx(0.4 * above)
    assert found.uncertainty_below == pytest.approx(0.4 * math.hypot(one[1, 0], 0.02))
    assert volumes(height_map(heights), 0.0).uncertainty_above is None


def test_units_that_differ_and_a_level_that_is_none() -> None:
    source = height_map(np.ones((3, 3)), unit="plane", pixel_unit="pixel")
    assert volumes(source, 0.0).unit == "plane pixel^2"
    with pytest.raises(SettingsError, match="must be a number"):
        volumes(source, math.nan)
