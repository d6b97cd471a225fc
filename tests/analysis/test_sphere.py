"""Spheres through caps of known radius and centre."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from height_maps import height_map, places, with_unsure
from hypothesis import given, settings
from hypothesis import strategies as st
from long_runs import only_long

from napari_focus_stack.analysis import fit_sphere
from napari_focus_stack.errors import InputError

SHAPE, SIZES = (120, 150), (0.5, 0.8)


def cap(
    radius: float, centre: tuple[float, float], sizes: tuple[float, float], *, hollow: bool
) -> np.ndarray:
    y, x = places(SHAPE, sizes)
    away = (y - centre[0]) ** 2 + (x - centre[1]) ** 2
    return (-1 if hollow else 1) * np.sqrt(np.maximum(radius**2 - away, 0))


@given(
    st.floats(80, 600),
    st.floats(-25, 25),
    st.floats(-25, 25),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=50)
def test_caps_off_their_top_with_gaps(
    radius: float, off_y: float, off_x: float, hollow: bool, seed: int
) -> None:
    centre = (30 + off_y, 60 + off_x)
    y, x = places(SHAPE, SIZES)
    region = np.hypot(y - 30, x - 60) < 28
    wild = with_unsure(5 + cap(radius, centre, SIZES, hollow=hollow), seed)
    source = height_map(wild["heights"], SIZES, confidence=wild["confidence"])
    found = fit_sphere(source, region)
    assert found.radius == pytest.approx(radius, rel=1e-4)
    assert found.centre == pytest.approx((*centre, 5.0), abs=1e-4 * radius)
    assert found.is_convex is not hollow
    assert found.residual < 1e-4
    assert found.share == source.counted_in(region).sum() / region.sum()


@pytest.mark.parametrize("blur", [3.0, *only_long(0.0)])
def test_uncertainty_covers_the_error_also_where_neighbours_share_theirs(blur: float) -> None:
    random = np.random.default_rng(4)
    truth = cap(500, (60, 75), (1, 1), hollow=False)
    ratios = []
    for _ in range(120):
        noise = random.normal(size=SHAPE)
        if blur:
            noise = cv2.GaussianBlur(noise, (0, 0), blur)
        found = fit_sphere(height_map(truth + 0.05 * noise / noise.std()))
        ratios.append((found.radius - 500) / found.radius_uncertainty)
    assert abs(np.mean(ratios)) < 0.3
    assert 0.85 < np.std(ratios) < 1.3  # 1 if it is right, by 0.07 in 120 cases


def test_uncertainty_of_the_scale_is_added() -> None:
    source = height_map(cap(200, (60, 75), (1, 1), hollow=False), scale_uncertainty=0.03)
    assert fit_sphere(source).radius_uncertainty == pytest.approx(6, rel=1e-3)


def test_uncertainty_holds_a_share_of_a_plane_in_the_rise_of_the_cap() -> None:
    source = height_map(cap(500, (59.5, 74.5), (1, 1), hollow=True), z_step=2.0)
    rise = 74.5**2 / (2 * 500)
    found = fit_sphere(source)
    assert found.radius_uncertainty / found.radius == pytest.approx(0.01 * 2 / rise, rel=0.01)


def test_what_is_no_cap_is_refused() -> None:
    y, x = places(SHAPE)
    noise = cv2.GaussianBlur(np.random.default_rng(0).normal(size=SHAPE), (0, 0), 4)
    surfaces = [
        0.3 * x + 0.1 * y,
        noise,
        np.sqrt(300**2 - (x - 75) ** 2),
        ((x - 75) ** 2 - (y - 60) ** 2) / 300,
    ]
    for surface in surfaces:
        with pytest.raises(InputError, match="do not determine the radius"):
            fit_sphere(height_map(surface))
    with pytest.raises(InputError, match="one unit"):
        fit_sphere(height_map(noise, unit="plane"))
