"""Profiles of surfaces whose heights are known at every point."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focus_stack.analysis import HeightMap, profile
from napari_focus_stack.errors import InputError, SettingsError

SHAPE = (40, 60)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
TILTED = HeightMap(
    heights=2 * Y + 3 * X,
    confidence=np.full(SHAPE, 0.8, np.float32),
    pixel_size=(0.5, 0.25),
    unit="micrometer",
    pixel_unit="micrometer",
    z_step=1.0,
)
PLACES = st.tuples(st.floats(0, SHAPE[0] - 1), st.floats(0, SHAPE[1] - 1))


@given(st.lists(PLACES, min_size=2, max_size=5, unique=True), st.sampled_from([1, 2, 5]))
def test_a_tilted_plane_is_exact_along_any_polyline(
    points: list[tuple[float, float]], width: int
) -> None:
    legs = np.diff(points, axis=0)
    if np.hypot(*legs.T).max() == 0:
        return
    found = profile(TILTED, points, width=width)
    expected = 2 * found.points[:, 0] + 3 * found.points[:, 1]
    # a band that reaches beyond the field is averaged over its inner part
    inside = np.all((found.points >= 2.5) & (found.points <= np.array(SHAPE) - 3.5), axis=1)
    where = np.ones(len(expected), bool) if width == 1 else inside
    np.testing.assert_allclose(found.height[where], expected[where], atol=1e-4)
    length = np.hypot(*(legs * TILTED.pixel_size).T).sum()
    # samples cut corners by less than a pixel at every vertex
    assert length - 0.5 * len(legs) <= found.length <= length + 1e-9
    np.testing.assert_allclose(found.points[[0, -1]], [points[0], points[-1]], atol=1e-9)


def test_gaps_and_unsure_heights_do_not_count_and_are_not_bridged() -> None:
    heights, confidence = TILTED.heights.copy(), np.full(SHAPE, 0.8, np.float32)
    heights[:, 20] = np.nan
    confidence[:, 30] = 0.2
    field = HeightMap(heights=heights, confidence=confidence)
    found = profile(field, [(10, 15), (10, 35)])
    assert np.flatnonzero(np.isnan(found.height)).tolist() == [5]
    assert np.flatnonzero(~found.counted).tolist() == [5, 15]
    assert found.share == pytest.approx(19 / 21)
    # across a band, heights that count are taken alone
    heights[12] = 1e6
    confidence[12] = 0
    banded = profile(
        HeightMap(heights=heights, confidence=confidence), [(10, 40), (10, 50)], width=5
    )
    assert banded.height.max() < 200
    outside = profile(TILTED, [(-5, 10), (5, 10)])
    assert np.isnan(outside.height[:5]).all()
    assert outside.height[5] == pytest.approx(30)


@pytest.mark.parametrize(
    ("points", "width", "error"),
    [
        ([(1, 1)], 1, InputError),
        ([(1, 1), (1, 1)], 1, InputError),
        ([(1, 1), (np.nan, 2)], 1, InputError),
        ([(1, 1, 1), (2, 2, 2)], 1, InputError),
        ([(1, 1), (2, 2)], 0, SettingsError),
        ([(0, 0), (1e9, 1e9)], 1, SettingsError),
        ([(0, 0), (0, 1e300)], 1, SettingsError),
        ([(0, 0), (0, 3e4)], 1000, SettingsError),
    ],
)
def test_what_is_no_line_is_refused(
    points: list[tuple[float, ...]], width: int, error: type
) -> None:
    with pytest.raises(error):
        profile(TILTED, points, width=width)
