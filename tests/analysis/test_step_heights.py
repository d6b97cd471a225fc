"""Steps of known height, and how often the stated uncertainty covers the error."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from napari_focus_stack import focus_stack
from napari_focus_stack.analysis import HeightMap, step_height, step_heights
from napari_focus_stack.errors import InputError
from napari_focus_stack.simulation import render_stack
from napari_focus_stack.simulation.rendering import SensorNoise

SHAPE = (120, 160)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]
LEFT, RIGHT = X < 70, X >= 90


def correlated(seed: int, sigma: float) -> np.ndarray:
    """Noise of deviation 0.1 that is correlated over a Gaussian."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=SHAPE), (0, 0), sigma)
    return 0.1 * noise / noise.std()


def test_a_step_on_a_tilted_field_is_exact_and_gaps_do_not_move_it() -> None:
    heights = (4.0 * (X >= 80) + 0.02 * X - 0.03 * Y).astype(np.float32)
    heights[np.random.default_rng(0).random(SHAPE) < 0.3] = np.nan
    found = step_height(HeightMap(heights=heights), LEFT, RIGHT)
    assert found.value == pytest.approx(4, abs=1e-4)
    assert found.share == pytest.approx(0.7, abs=0.02)
    assert step_height(HeightMap(heights=heights), RIGHT, LEFT).value == pytest.approx(-4, abs=1e-4)
    level = step_height(HeightMap(heights=heights), LEFT, RIGHT, tilt=False)
    assert level.value == pytest.approx(4 + 0.02 * 89.5, abs=0.1)


@pytest.mark.parametrize("sigma", [0.3, 4.0])
def test_correlated_noise_is_covered_by_the_uncertainty(sigma: float) -> None:
    ratios = []
    for seed in range(80):
        heights = (correlated(seed, sigma) + 2.0 * (X >= 80)).astype(np.float32)
        # in units that make the systematic part vanish
        found = step_height(HeightMap(heights=heights, z_step=1e-9, unit="mm"), LEFT, RIGHT)
        ratios.append((found.value - 2) / found.uncertainty)
    # 80 cases: 68 % within 10 % for two standard deviations of the count
    assert np.mean(np.abs(ratios) < 1) == pytest.approx(0.68, abs=0.11)
    assert np.std(ratios) == pytest.approx(1, abs=0.25)


def test_some_pixels_of_large_regions_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    heights = (correlated(0, 4.0) + 2.0 * (X >= 80)).astype(np.float32)
    field = HeightMap(heights=heights, z_step=1e-9, unit="mm")
    whole = step_height(field, LEFT, RIGHT)
    monkeypatch.setattr(step_heights, "ENOUGH", np.count_nonzero(LEFT) // 10)
    thinned = step_height(field, LEFT, RIGHT)
    assert thinned.value != whole.value
    assert thinned.value == pytest.approx(whole.value, abs=0.3 * whole.uncertainty)
    assert thinned.uncertainty == pytest.approx(whole.uncertainty, rel=0.2)
    assert thinned.share == whole.share


def test_the_scale_adds_its_share() -> None:
    heights = np.where(X >= 80, 10, 0).astype(np.float32)
    field = HeightMap(heights=heights, z_step=1e-9, unit="mm", scale_uncertainty=0.03)
    assert step_height(field, LEFT, RIGHT).uncertainty == pytest.approx(0.3, rel=1e-3)


def test_a_rendered_step_is_measured_within_a_twentieth_of_a_z_step() -> None:
    image = np.random.default_rng(1).random(SHAPE).astype(np.float32)
    image = cv2.GaussianBlur(image, (0, 0), 1.0)
    image = (image - image.min()) / np.ptp(image)
    depth = np.where(X >= 80, 7.3, 2.6).astype(np.float32)
    planes = render_stack(
        image, depth, 10, 0.9, noise=SensorNoise(0.004), layers_per_plane=30, seed=2
    )
    found = step_height(focus_stack(planes, align="none", z_step=2.0), LEFT, RIGHT)
    assert found.unit == "micrometer"
    assert found.value == pytest.approx(2 * 4.7, abs=2 / 20)
    assert 0.01 < found.uncertainty < 2 / 20
    assert found.share > 0.9


def test_regions_that_are_no_step_are_refused() -> None:
    field = HeightMap(heights=np.zeros(SHAPE, np.float32))
    with pytest.raises(InputError, match="overlap"):
        step_height(field, LEFT, X < 80)
    few = np.zeros(SHAPE, bool)
    few[0, :5] = True
    with pytest.raises(InputError, match="region B"):
        step_height(field, LEFT, few & RIGHT | (X == 150) & (Y < 5))
    with pytest.raises(InputError, match="shape"):
        step_height(field, LEFT[:10], RIGHT)
    with pytest.raises(InputError, match="sure"):
        step_height(HeightMap(heights=np.full(SHAPE, np.nan, np.float32)), LEFT, RIGHT)
