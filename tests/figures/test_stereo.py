"""Stereo pairs: the parallax of a known height, and colours through glasses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_focus_stack.analysis.height_map import HeightMap
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.figures.stereo import anaglyph, side_by_side, stereo_pair

ANGLE = 8.0


def _marks_at(height: float) -> tuple[HeightMap, np.ndarray]:
    """Return a level field, and a plateau of a height with a red mark beside a green one at 0."""
    heights = np.zeros((200, 300), np.float32)
    heights[60:140, 60:140] = height
    image = np.zeros((200, 300, 3), np.uint8)
    image[98:103, 98:103] = (255, 0, 0)
    image[98:103, 220:225] = (0, 255, 0)
    return HeightMap(heights=heights), image


def _column(view: np.ndarray, channel: int) -> float:
    """Return the mean column of a mark."""
    weight = view[..., channel].astype(float)
    weight[weight < 60] = 0
    return float((weight * np.arange(view.shape[1])).sum() / weight.sum())


@pytest.mark.parametrize("height", [30.0, -30.0])
def test_parallax_is_that_of_the_height_and_high_points_are_nearer(height) -> None:
    source, image = _marks_at(height)
    left, right = stereo_pair(source, image, angle=ANGLE, frame=(600, 400), shading=0)
    # eyes that cross see a point nearer: it is further right for the left eye
    nearer = (_column(left, 0) - _column(right, 0)) - (_column(left, 1) - _column(right, 1))
    scale = (_column(left, 1) + _column(right, 1) - _column(left, 0) - _column(right, 0)) / 2 / 122
    scale /= math.cos(math.radians(ANGLE / 2))
    assert nearer == pytest.approx(2 * height * scale * math.sin(math.radians(ANGLE / 2)), abs=0.4)


def test_left_view_is_on_the_left_for_parallel_eyes() -> None:
    left, right = (np.full((4, 5, 3), value, np.uint8) for value in (10, 20))
    assert side_by_side(left, right)[0, :, 0].tolist() == [10] * 5 + [20] * 5


def test_glasses_show_each_view_to_its_eye() -> None:
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    black = np.zeros_like(grey)
    # the rows of both matrices add up to 1 within 0.02, which is 3 levels in 255
    assert np.abs(anaglyph(grey, grey).astype(int) - grey).max() <= 3
    only_left, only_right = anaglyph(grey, black)[0, -1], anaglyph(black, grey)[0, -1]
    assert only_left.tolist() == [255, 0, 0]
    assert only_right[0] == 0
    assert min(only_right[1:]) > 250


def test_angle_out_of_bounds_is_refused() -> None:
    with pytest.raises(SettingsError, match="angle 40"):
        stereo_pair(*_marks_at(1), angle=40)
