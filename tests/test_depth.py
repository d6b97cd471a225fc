"""Depth against the surface that a stack was rendered from, and how far it says to be believed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import QUIET, picture, scene, surface

from napari_focus_stack import focus_stack
from napari_focus_stack.depth import DepthEstimator, nearest_plane
from napari_focus_stack.focus import UNRECORDED
from napari_focus_stack.noise import Noise
from napari_focus_stack.rendering import Noise as SensorNoise
from napari_focus_stack.rendering import render_stack
from napari_focus_stack.scoring import score_depth

NOISY = SensorNoise(read=0.02, shot=1 / 2000)


def stacked(planes: np.ndarray, **options):
    return focus_stack(planes, align="none", **options)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("kind", ["slant", "dome"])
@pytest.mark.parametrize("name", ["gravel", "brick"])
def test_a_textured_surface_is_found(name: str, kind: str, dtype: str) -> None:
    rendered = scene(name, kind, noise=QUIET, dtype=dtype)
    score = score_depth(stacked(rendered.planes).depth, rendered.depth)
    assert score.mean_error < 0.15
    assert score.share_off < 0.01


@pytest.mark.parametrize("kind", ["slant", "dome"])
def test_a_textured_surface_is_found_in_noise(kind: str) -> None:
    rendered = scene("gravel", kind, noise=NOISY)
    assert score_depth(stacked(rendered.planes).depth, rendered.depth).mean_error < 0.15


@pytest.mark.parametrize("noise", [QUIET, NOISY], ids=["quiet", "noisy"])
def test_a_step_keeps_its_edge(noise: SensorNoise) -> None:
    rendered = scene("gravel", "step", noise=noise)
    depth = stacked(rendered.planes).depth
    assert score_depth(depth, rendered.depth).mean_error < 0.15
    for side in (np.s_[:, 10:86], np.s_[:, 106:-10]):  # ten pixels from the edge
        assert np.abs(depth - rendered.depth)[side].mean() < 0.1


def test_depth_between_planes_is_found() -> None:
    image = picture("gravel", 96, 96)
    for true in (2.0, 2.25, 2.5, 2.75, 3.0):
        flat = np.full(image.shape, true, np.float32)
        depth = stacked(render_stack(image, flat, 6, 1.2, noise=QUIET)).depth
        assert np.median(depth) == pytest.approx(true, abs=0.1)


@pytest.mark.parametrize("true", [0.0, 5.0])
def test_the_first_and_the_last_plane_are_found(true: float) -> None:
    image = picture("gravel", 96, 96)
    flat = np.full(image.shape, true, np.float32)
    result = stacked(render_stack(image, flat, 6, 1.2, noise=QUIET))
    assert np.abs(result.depth - true).mean() < 0.15
    assert (result.depth_index == true).mean() > 0.99


@pytest.mark.parametrize("method", ["pyramid", "depth", "laplacian"])
@pytest.mark.parametrize("noise", [QUIET, NOISY], ids=["quiet", "noisy"])
def test_the_index_is_the_rounded_depth(method: str, noise: SensorNoise) -> None:
    result = stacked(scene("gravel", "dome", noise=noise).planes, method=method)
    assert result.depth_index.dtype == np.uint16
    assert result.depth.dtype == result.confidence.dtype == np.float32
    assert np.abs(result.depth - result.depth_index).max() <= 0.5


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**16), st.integers(2, 5), st.sampled_from(["pyramid", "laplacian"]))
def test_depth_stays_within_the_stack_and_confidence_within_one(seed, n, method) -> None:
    planes = np.random.default_rng(seed).integers(0, 256, (n, 24, 30)).astype(np.uint8)
    result = stacked(planes, method=method)
    assert 0 <= result.depth.min() <= result.depth.max() <= n - 1
    assert result.depth_index.max() <= n - 1
    assert 0 <= result.confidence.min() <= result.confidence.max() <= 1


def test_what_shows_nothing_is_not_believed() -> None:
    """Texture left, an even field right: only sensor noise there."""
    image = picture("gravel", 160, 192).copy()
    image[:, 96:] = 0.5
    depth = surface("slant", 8, 160, 192)
    result = stacked(render_stack(image, depth, 8, 1.2, noise=SensorNoise(0.005, 1 / 10_000)))
    assert np.median(result.confidence[:, :80]) > 0.5
    assert np.median(result.confidence[:, 130:]) < 0.1


def test_a_stack_of_noise_is_not_believed() -> None:
    planes = 100 + 5 * np.random.default_rng(2).standard_normal((8, 128, 128))
    assert stacked(planes.astype(np.float32)).confidence.max() < 0.3


@pytest.mark.parametrize("noise", [QUIET, NOISY], ids=["quiet", "noisy"])
@pytest.mark.parametrize("name", ["gravel", "brick", "coins"])
def test_the_more_confident_the_nearer_to_the_truth(name: str, noise: SensorNoise) -> None:
    rendered = scene(name, "dome", noise=noise)
    result = stacked(rendered.planes)
    error = np.abs(result.depth - rendered.depth)
    quarters = np.digitize(result.confidence, np.quantile(result.confidence, [0.25, 0.5, 0.75]))
    means = [error[quarters == q].mean() for q in range(4)]
    assert means == sorted(means, reverse=True)
    assert means[0] > 1.5 * means[3]


def test_the_order_reversed_reverses_depth() -> None:
    planes = scene("gravel", "dome", noise=QUIET).planes
    forth, back = stacked(planes), stacked(planes[::-1])
    np.testing.assert_allclose(7 - back.depth, forth.depth, atol=0.01)
    np.testing.assert_allclose(back.confidence, forth.confidence, atol=0.01)


def gaussian_focus(peak: float, n: int) -> np.ndarray:
    """Energies over the stack of a Gaussian focus curve on noise of energy 1."""
    return 1 + 400 * np.exp(-np.square(np.arange(n) - peak) / 3)


@pytest.mark.parametrize("peak", [1.0, 1.3, 2.5, 3.8])
def test_the_peak_of_a_gaussian_focus_curve_is_exact(peak: float) -> None:
    estimator = DepthEstimator()
    for energy in gaussian_focus(peak, 6):
        estimator.add(
            [np.full((16 >> level, 16 >> level), energy, np.float32) for level in range(3)]
        )
    depth, confidence = estimator.estimate(np.zeros((16, 16), np.float32), Noise(1.0))
    np.testing.assert_allclose(depth, peak, atol=0.02)
    assert confidence.min() > 0.5


def test_a_peak_beside_a_plane_that_recorded_nothing_is_not_believed() -> None:
    """Plane 3 may have been the sharper one in the columns that it missed."""
    estimator = DepthEstimator()
    for k, energy in enumerate(gaussian_focus(2.4, 6)):
        levels = [np.full((64 >> level, 64 >> level), energy, np.float32) for level in range(3)]
        for level in levels:
            if k == 3:
                level[:, : level.shape[1] // 2] = UNRECORDED
        estimator.add(levels)
    guide = np.repeat(np.float32([0, 100]), 32)[None].repeat(64, 0)
    depth, confidence = estimator.estimate(guide, Noise(1.0))
    assert confidence[:, 40:].min() > 0.5
    assert confidence[:, :24].max() < 0.1
    np.testing.assert_allclose(depth[:, 40:], 2.4, atol=0.02)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 30), min_size=2, max_size=8, unique=True).map(sorted),
    st.integers(0, 2**16),
)
def test_numbers_of_planes_left_out_are_skipped(planes: list[int], seed: int) -> None:
    numbers = np.array(planes)
    place = np.random.default_rng(seed).uniform(0, len(planes) - 1, (5, 6)).astype(np.float32)
    depth, index = nearest_plane(place, numbers)
    assert depth.dtype == np.float32
    assert set(np.unique(index)) <= set(planes)
    np.testing.assert_array_equal(index, numbers[np.rint(place).astype(int)])
    np.testing.assert_allclose(np.interp(depth, numbers, np.arange(len(planes))), place, atol=1e-4)
