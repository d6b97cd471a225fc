"""Levelling against polynomials that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from height_maps import height_map, places, with_unsure
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focus_stack.analysis import level
from napari_focus_stack.errors import InputError, SettingsError

SHAPE, SIZES = (90, 120), (0.5, 0.8)


@given(st.integers(2, 8), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_polynomials_leave_nothing_of_their_own(degree: int, seed: int) -> None:
    y, x = places(SHAPE)
    random = np.random.default_rng(seed)
    form = sum(
        random.normal() * (y / 45 - 1) ** i * (x / 60 - 1) ** j
        for i in range(degree + 1)
        for j in range(degree + 1 - i)
    )
    region = np.hypot(y - 45, x - 60) < 40
    wild = with_unsure(form, seed)
    source = height_map(wild["heights"], confidence=wild["confidence"])
    found = level(source, "polynomial", degree=degree, region=region)
    counted = source.counted_in(region)
    size = np.abs(form).max()
    assert np.abs(found.surface.heights[counted]).max() < 1e-6 * size
    np.testing.assert_allclose(found.form.heights[region], form[region], atol=2e-6 * size)
    assert found.share == counted.sum() / region.sum()


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(-1e3, 1e3))
@settings(deadline=None)
def test_planes_are_found_with_their_tilt(rise_y: float, rise_x: float, offset: float) -> None:
    y, x = places(SHAPE, SIZES)
    plane = offset + rise_y * y + rise_x * x
    source = height_map(plane, SIZES)
    tilt = math.degrees(math.atan(math.hypot(rise_y, rise_x)))
    ways = [level(source), level(source, "points", points=[(2, 3), (80, 10), (40, 118)])]
    for found in [*ways, level(source, "polynomial", degree=3)]:
        assert found.tilt == pytest.approx(tilt, abs=0.01)
        np.testing.assert_allclose(found.surface.heights, 0, atol=1e-6 * np.abs(plane).max() + 1e-9)
    mean = level(source, "offset")
    assert mean.tilt == 0
    np.testing.assert_allclose(
        mean.surface.heights, plane - plane.mean(), atol=1e-6 * np.abs(plane).max() + 1e-9
    )


def test_surface_and_form_are_the_heights_of_all_pixels_also_of_unsure_ones() -> None:
    wild = with_unsure(places(SHAPE)[0])
    wild["heights"][5, 7] = np.nan
    source = height_map(wild["heights"], confidence=wild["confidence"])
    found = level(source)
    np.testing.assert_allclose(
        found.surface.heights + found.form.heights, source.heights, rtol=1e-6, atol=1e-4
    )
    assert np.isnan(found.surface.heights[5, 7])
    assert np.isfinite(found.form.heights).all()
    assert found.surface.confidence is source.confidence


def test_least_squares_are_those_of_the_pixels_that_count() -> None:
    random = np.random.default_rng(3)
    wild = with_unsure(random.normal(size=SHAPE), 1)
    source = height_map(wild["heights"], SIZES, confidence=wild["confidence"])
    y, x = places(SHAPE)
    counted = source.counted
    terms = np.stack([np.ones_like(x), y, x, y * y, y * x, x * x], -1)
    expected = np.linalg.lstsq(terms[counted], source.heights[counted].astype(float), rcond=None)[0]
    found = level(source, "polynomial", degree=2).form.heights
    np.testing.assert_allclose(found, terms @ expected, atol=1e-6)


def test_point_is_the_mean_of_sure_heights_within_three_pixels() -> None:
    heights = np.zeros(SHAPE)
    heights[7:14, 17:24] = np.nan
    heights[7, 20], heights[13, 20] = 4.0, 8.0  # alone around (10, 20); their middle is (10, 20)
    found = level(height_map(heights), "points", points=[(10, 20), (80, 20), (45, 100)])
    assert found.form.heights[10, 20] == pytest.approx(6, abs=1e-5)
    assert found.form.heights[80, 20] == pytest.approx(0, abs=1e-5)


def test_tilt_needs_one_unit() -> None:
    assert level(height_map(places(SHAPE)[0], unit="plane")).tilt is None


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"method": "sphere"}, "must be one of offset, plane, polynomial, points"),
        ({"method": "polynomial", "degree": 9}, "degree 9 must be 2 to 8"),
        ({"method": "points"}, "three positions"),
        ({"method": "points", "points": [(0, 0), (10, 10), (50, 50.2)]}, "on one line"),
        ({"method": "points", "points": [(0, 0), (math.nan, 1), (5, 5)]}, "three positions"),
    ],
)
def test_wrong_settings_are_refused(choice: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        level(height_map(np.zeros(SHAPE)), **choice)


def test_forms_that_are_not_determined_are_refused() -> None:
    source = height_map(np.zeros(SHAPE))
    line = np.eye(*SHAPE, dtype=bool)
    with pytest.raises(InputError, match="too close to a line"):
        level(source, region=line)
    with pytest.raises(InputError, match="move it"):
        level(source, "points", points=[(0, 0), (80, 10), (500, 500)])
