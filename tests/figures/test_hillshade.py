"""Hillshade against the cosine of known normals."""

from __future__ import annotations

import numpy as np
import pytest

from napari_focus_stack.analysis.height_map import HeightMap
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.figures.hillshade import hillshade

INSIDE = np.s_[1:-1, 1:-1]  # the outermost pixels have neighbours on one side alone


def _plane(slope_y: float, slope_x: float, **calibration: object) -> HeightMap:
    """Return a plane of known slopes, in heights per pixel."""
    y, x = np.mgrid[:20, :30].astype(np.float32)
    return HeightMap(heights=slope_y * y + slope_x * x, **calibration)


def _cosine(slope_y: float, slope_x: float, azimuth: float, altitude: float) -> float:
    """Return the cosine between a plane's normal and the light, by the vectors themselves."""
    around, up = np.radians([azimuth, altitude])
    light = np.array([np.sin(around), -np.cos(around), np.tan(up)])  # x, y downwards, height
    normal = np.array([-slope_x, -slope_y, 1.0])
    return max(0.0, light @ normal / np.linalg.norm(light) / np.linalg.norm(normal))


@pytest.mark.parametrize(
    ("slopes", "azimuth", "altitude"),
    [((0, 0), 315, 45), ((0.3, -0.2), 315, 45), ((-1, 2), 100, 20), ((3, 3), 315, 30)],
)
def test_plane_is_as_bright_as_its_normal_says(slopes, azimuth, altitude) -> None:
    shade = hillshade(_plane(*slopes), azimuth=azimuth, altitude=altitude)
    assert shade[INSIDE] == pytest.approx(_cosine(*slopes, azimuth, altitude), abs=2e-6)


def test_slope_that_faces_the_light_is_the_brighter_one() -> None:
    faces_left, faces_right = (hillshade(_plane(0, s), azimuth=270)[INSIDE] for s in (0.5, -0.5))
    assert faces_left.min() > np.sin(np.radians(45)) > faces_right.max()


def test_heights_are_true_to_scale_in_one_unit_and_planes_are_a_pixel_wide_otherwise() -> None:
    micrometres = {"unit": "micrometer", "z_step": 3.0}
    both = _plane(0.5, 0.25, pixel_size=(0.5, 0.2), pixel_unit="micrometer", **micrometres)
    assert hillshade(both)[INSIDE] == pytest.approx(_cosine(1.0, 1.25, 315, 45), abs=2e-6)
    only_z = _plane(0.5, 0.25, **micrometres)
    assert hillshade(only_z)[INSIDE] == pytest.approx(_cosine(0.5 / 3, 0.25 / 3, 315, 45), abs=2e-6)


def test_gaps_stay_gaps_and_leave_the_level_around_them_as_bright_as_it_is() -> None:
    heights = np.full((20, 30), 1000, np.float32)
    heights[5:9, 7:12] = np.nan
    shade = hillshade(HeightMap(heights=heights))
    assert np.array_equal(np.isnan(shade), np.isnan(heights))
    # a mean of 1000s in float32 is 1000 within 1e-4
    assert shade[~np.isnan(heights)] == pytest.approx(np.sin(np.radians(45)), abs=2e-4)


@pytest.mark.parametrize("wrong", [{"altitude": 0}, {"exaggeration": 0}, {"azimuth": np.nan}])
def test_numbers_out_of_bounds_are_refused_by_name(wrong) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        hillshade(_plane(0, 0), **wrong)
