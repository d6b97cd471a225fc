"""Depth against the surface that a stack was rendered from, and how far it says to be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from long_runs import only_long
from scenes import QUIET, picture, scene, surface

from napari_focus_stack import focus_stack
from napari_focus_stack._utils.threads import ThreadTeam
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.alignment.registered_plane import RegisteredPlane
from napari_focus_stack.depth import estimation
from napari_focus_stack.depth.estimation import DepthEstimator, nearest_plane, peak_width
from napari_focus_stack.fusion.focus_measure import UNRECORDED
from napari_focus_stack.fusion.pyramid import PyramidFusion
from napari_focus_stack.imgproc.noise import Noise
from napari_focus_stack.imgproc.pyramids import reduced_shape
from napari_focus_stack.simulation.metrics import score_depth
from napari_focus_stack.simulation.rendering import SensorNoise as SensorNoise
from napari_focus_stack.simulation.rendering import render_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

NOISY = SensorNoise(read=0.02, shot=1 / 2000)


def stacked(planes: np.ndarray, **options):
    return focus_stack(planes, align="none", **options)


@pytest.mark.parametrize("dtype", ["uint8", "float32", *only_long("uint16")])
@pytest.mark.parametrize("kind", ["slant", "dome"])
@pytest.mark.parametrize("name", ["gravel", *only_long("brick")])
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


def even(energy: float, shape: tuple[int, int]) -> list[np.ndarray]:
    """Energies of a plane as the fusion hands them out, everywhere the same."""
    half = reduced_shape(shape)
    return [np.full(size, energy, np.float32) for size in (half, half, reduced_shape(half))]


@pytest.fixture
def team() -> Iterator[ThreadTeam]:
    with ThreadTeam(2) as threads:
        yield threads


@pytest.mark.parametrize("shape", [(16, 16), (17, 22), (9, 8), (700, 600)])
@pytest.mark.parametrize("peak", [1.0, 1.3, 2.5, 3.8])
def test_the_peak_of_a_gaussian_focus_curve_is_exact(peak: float, shape, team: ThreadTeam) -> None:
    estimator = DepthEstimator(team)
    for energy in gaussian_focus(peak, 6):
        estimator.add(even(energy, shape))
    depth, confidence = estimator.estimate(np.zeros(shape, np.float32), 1.0)
    assert depth.shape == confidence.shape == shape
    np.testing.assert_allclose(depth, peak, atol=0.02)
    assert confidence.min() > 0.5


def test_a_peak_beside_a_plane_that_recorded_nothing_is_not_believed(team: ThreadTeam) -> None:
    """Plane 3 may have been the sharper one in the columns that it missed."""
    estimator = DepthEstimator(team)
    for k, energy in enumerate(gaussian_focus(2.4, 6)):
        levels = even(energy, (64, 64))
        for level in levels:
            if k == 3:
                level[:, : level.shape[1] // 2] = UNRECORDED
        estimator.add(levels)
    guide = np.repeat(np.float32([0, 100]), 32)[None].repeat(64, 0)
    depth, confidence = estimator.estimate(guide, 3.0)
    assert confidence[:, 40:].min() > 0.5
    assert confidence[:, :24].max() < 0.1
    np.testing.assert_allclose(depth[:, 40:], 2.4, atol=0.02)


def test_maps_of_half_the_size_come_back_where_they_were(team: ThreadTeam) -> None:
    """A step of the surface under one of the picture stays there, and slopes are not shifted."""
    x = np.arange(64)
    for truth in (np.where(x < 32, 1.5, 4.0), 1 + x * 4 / 63):
        estimator = DepthEstimator(team)
        half = truth.reshape(-1, 2).mean(1)
        quarter = half.reshape(-1, 2).mean(1)
        curves = [np.stack([gaussian_focus(peak, 7) for peak in t], 1) for t in (half, quarter)]
        for k in range(7):
            fine, coarse = (curve[k][None].astype(np.float32) for curve in curves)
            estimator.add([fine.repeat(32, 0), fine.repeat(32, 0), coarse.repeat(16, 0)])
        guide = (100 * (truth > 2.75)).astype(np.float32)[None].repeat(64, 0)
        stepped = len(set(truth)) == 2
        depth, _ = estimator.estimate(guide if stepped else np.zeros_like(guide), 1.0)
        inner = np.s_[8:-8, 8:-8] if not stepped else np.s_[:, np.r_[:31, 33:64]]
        apart = (depth - truth.astype(np.float32))[inner]
        assert np.abs(apart).max() < 0.15
        assert abs(apart.mean()) < 0.02


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_do_not_matter(threads: int) -> None:
    planes = scene("gravel", "dome", noise=NOISY).planes
    one, more = stacked(planes, threads=1), stacked(planes, threads=threads)
    for name in ("image", "depth", "confidence", "depth_index"):
        np.testing.assert_array_equal(getattr(more, name), getattr(one, name))


@pytest.mark.parametrize("level", range(3))
def test_the_spread_of_an_energy_is_the_one_that_is_counted_on(level: int) -> None:
    """Of white noise, as the estimator sees it: the finest halved, the others widened."""
    found = []
    with ThreadTeam(2) as threads:
        for seed in range(6):
            noise = 100 + 3 * np.random.default_rng(seed).standard_normal((512, 512), np.float32)
            pyramid = PyramidFusion(noise.shape, noise.dtype, Noise(9.0), threads)
            pyramid.add(RegisteredPlane.of(noise, np.eye(3), Brightness()))
            energy = pyramid.energies[level]
            found.append(
                estimation._energy_in_rows(energy, slice(0, len(energy)), level)[4:-4, 4:-4]
            )
    samples = 2 * np.mean(found) ** 2 / np.var(found)
    assert estimation.WIDENED_SAMPLES[level] == pytest.approx(samples, rel=0.05)


# width of the focus curve


@pytest.mark.parametrize("width", [0.8, 1.2, 2.0])
def test_the_width_of_a_focus_curve_is_found(width: float, team: ThreadTeam) -> None:
    estimator = DepthEstimator(team)
    for k in range(9):
        estimator.add(even(1 + 400 * np.exp(-((k - 4.2) ** 2) / 2 / width**2), (256, 256)))
    estimator.estimate(np.zeros((256, 256), np.float32), 1.0)
    found = estimator.widths(np.ones((256, 256), bool))
    assert [level.size for level in found] == [32**2, 32**2, 16**2]
    for level in found:
        np.testing.assert_allclose(level, width, rtol=0.02)
    assert peak_width([found]) == pytest.approx(width, rel=0.02)
    nowhere = estimator.widths(np.zeros((256, 256), bool))
    assert peak_width([nowhere]) is None


def test_the_width_is_that_of_the_finest_level_seen_over_all_parts() -> None:
    few, many = np.full(150, 1.0, np.float32), np.full(300, 2.0, np.float32)
    none = np.empty(0, np.float32)
    assert peak_width([[few, many]]) == 2.0
    assert peak_width([[few, many], [few, none]]) == 1.0
    assert peak_width([[none, few], [few, none]]) is None


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
