"""Contour lines of surfaces whose lines are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focus_stack.analysis.height_map import HeightMap
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.figures.contours import contours, levels_between, nice_interval


def _cone(shape: tuple[int, int], middle: tuple[float, float], slope: float) -> HeightMap:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return HeightMap(heights=slope * np.hypot(y - middle[0], x - middle[1]))


@pytest.mark.parametrize("factor", [1, 25])
def test_lines_of_a_cone_are_circles_of_known_radii_and_closed(factor) -> None:
    # 25 times as large, the map is reduced before lines are traced
    middle = (40.0 * factor, 45.0 * factor)
    cone = _cone((80 * factor, 100 * factor), middle, 0.5 / factor)
    lines = contours(cone, interval=3)
    closed = [line for line in lines if line.level < 18]
    assert [line.level for line in closed] == [3, 6, 9, 12, 15]
    for line in closed:
        assert np.array_equal(line.points[0], line.points[-1])
        radii = np.hypot(*(line.points - middle).T)
        # straight pieces over a reduced pixel stay inside the circle by less than a tenth of it
        assert radii == pytest.approx(line.level * 2 * factor, abs=0.1 * factor)


def test_lines_end_at_gaps() -> None:
    y, _ = np.mgrid[:30, :40].astype(np.float32)
    y[:, 10:20] = np.nan
    lines = contours(HeightMap(heights=y), interval=10)
    assert sorted((line.level, *np.sort(line.points[[0, -1], 1])) for line in lines) == [
        (10, 0, 9),
        (10, 20, 39),
        (20, 0, 9),
        (20, 20, 39),
    ]


@given(st.floats(1e-9, 1e9), st.integers(1, 60))
def test_interval_is_one_two_or_five_and_gives_about_the_number_of_parts(span, wanted) -> None:
    interval = nice_interval(span, wanted)
    leading = float(f"{interval:.12e}".split("e")[0])
    assert leading in (1, 2, 5)
    # neighbours of 1, 2, 5, 10 are at most 2.5 apart, so the nearer one is within its root
    assert 1 / math.sqrt(2.51) <= span / interval / wanted <= math.sqrt(2.51)


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.sampled_from([0.01, 0.2, 5, 0.0005]))
def test_levels_are_all_multiples_inside_and_print_as_round_numbers(low, span, interval) -> None:
    interval = max(interval, nice_interval(span, 50))
    levels = levels_between(low, low + span, interval)
    expected = math.ceil((low + span) / interval) - math.floor(low / interval) - 1
    assert abs(len(levels) - expected) <= 1  # an end may be a level up to rounding
    assert all(len(f"{abs(level):.15g}".replace(".", "").strip("0")) <= 8 for level in levels)


def test_what_gives_no_lines_is_refused_or_empty() -> None:
    assert contours(HeightMap(heights=np.ones((9, 9), np.float32))) == []
    for side in ((1, 9), (9, 1)):  # one line of pixels
        assert contours(HeightMap(heights=np.arange(9, dtype=np.float32).reshape(side))) == []
    with pytest.raises(InputError, match="no heights"):
        contours(HeightMap(heights=np.full((9, 9), np.nan, np.float32)))
    with pytest.raises(SettingsError, match="more than 200"):
        contours(_cone((20, 20), (0, 0), 1), interval=0.01)
