"""Smoothing that stops at edges: a weighted mean, solved exactly along rows and columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focus_stack.imgproc.smoothing import ITERATIONS, EdgeAwareMean, fill_from_trusted

FLAT = np.zeros((40, 50), np.float32)


def edge_aware_mean(
    data: np.ndarray, weight: np.ndarray, guide: np.ndarray, reach: float, contrast: float
) -> tuple[np.ndarray, np.ndarray]:
    smooth = EdgeAwareMean(guide, reach, contrast)
    total, support = smooth(data * weight, weight)
    return total / support, support


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16), st.floats(-5, 20))
def test_a_constant_stays_whatever_weights_and_guide(seed: int, value: float) -> None:
    rng = np.random.default_rng(seed)
    data = np.full((30, 25), value, np.float32)
    weight = rng.uniform(1e-3, 1, data.shape).astype(np.float32)
    guide = rng.uniform(0, 1, data.shape).astype(np.float32)
    mean, support = edge_aware_mean(data, weight, guide, 30, 0.1)
    np.testing.assert_allclose(mean, value, rtol=1e-4, atol=1e-4)
    assert (support > 0).all()
    np.testing.assert_allclose(fill_from_trusted(data, weight, 0.02), value, rtol=1e-4, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16))
def test_a_mean_lies_between_what_it_is_made_of(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data, weight, guide = rng.uniform(0, 1, (3, 30, 25)).astype(np.float32)
    for mean in (
        edge_aware_mean(data, weight, guide, 30, 0.1)[0],
        fill_from_trusted(data, weight, 0.02),
    ):
        assert data.min() - 1e-4 <= mean.min()
        assert mean.max() <= data.max() + 1e-4


def test_weightless_pixels_take_what_their_neighbours_have() -> None:
    data, weight = np.full((40, 50), 3, np.float32), np.ones((40, 50), np.float32)
    data[15:25, 20:30], weight[15:25, 20:30] = 99, 0
    mean, _ = edge_aware_mean(data, weight, FLAT, 30, 0.1)
    np.testing.assert_allclose(mean, 3, atol=1e-3)
    np.testing.assert_allclose(fill_from_trusted(data, weight, 0.02), 3, atol=1e-3)


def test_trusted_pixels_keep_their_own() -> None:
    rng = np.random.default_rng(0)
    data = rng.uniform(0, 9, (40, 50)).astype(np.float32)
    filled = fill_from_trusted(data, np.full((40, 50), 100, np.float32), 0.02)
    np.testing.assert_allclose(filled, data, atol=0.01)


def test_what_is_filled_is_a_smooth_surface() -> None:
    """A slope known on a sparse grid only: the rest lies between."""
    truth = np.linspace(0, 8, 64, dtype=np.float32)[None].repeat(64, 0)
    weight = np.full((64, 64), 1e-9, np.float32)
    weight[::4, ::4] = 50
    data = np.where(weight > 1, truth, 99).astype(np.float32)
    filled = fill_from_trusted(data, weight, 0.02)
    assert np.abs(filled - truth).mean() < 0.4


def test_an_edge_of_the_guide_is_not_crossed() -> None:
    side = np.arange(50) < 25
    data = np.where(side, 0, 10).astype(np.float32)[None].repeat(40, 0)
    weight = np.ones_like(data)
    edge = np.where(side, 0, 1).astype(np.float32)[None].repeat(40, 0)
    kept, _ = edge_aware_mean(data, weight, edge, 30, 0.03)
    np.testing.assert_allclose(kept, data, atol=1e-3)
    crossed, _ = edge_aware_mean(data, weight, FLAT, 30, 0.03)
    assert crossed[:, 24].min() > 3  # where the guide shows no edge, it is
    # a weightless pixel at the edge takes its own side's
    weight[:, 24] = 0
    data[:, 24] = 10
    np.testing.assert_allclose(
        edge_aware_mean(data, weight, edge, 30, 0.03)[0][:, 24], 0, atol=1e-3
    )


def test_noise_is_averaged_over_about_the_root_of_the_reach() -> None:
    noise = np.random.default_rng(1).standard_normal((128, 128)).astype(np.float32)
    mean, support = edge_aware_mean(noise, np.ones_like(noise), np.zeros_like(noise), 30, 1)
    assert mean.std() < 0.2
    np.testing.assert_allclose(support, 1, rtol=1e-3)
    point = np.zeros((65, 65), np.float32)
    point[32, 32] = 1
    seen, _ = edge_aware_mean(point, np.ones_like(point), np.zeros_like(point), 30, 1)
    y, x = np.indices(point.shape) - 32
    spread = np.sqrt((seen * (x**2 + y**2) / 2).sum() / seen.sum())
    assert 0.5 * np.sqrt(30) < spread < 2 * np.sqrt(30)


@pytest.mark.parametrize(
    ("height", "width"),
    [(1, 6), (2, 2), (2, 7), (7, 2), (3, 3), (3, 4), (4, 3), (5, 5), (9, 6), (8, 11)],
)
def test_it_solves_the_least_squares_problem_of_the_paper(height: int, width: int) -> None:
    """Dense solutions of Min et al.'s equation 9, rows and columns in turn."""
    rng = np.random.default_rng(height)
    data, weight, guide = rng.uniform(0.1, 1, (3, height, width))
    reach, contrast = 30, 0.3

    def smoothed(lines: np.ndarray, guides: np.ndarray, strength: float) -> np.ndarray:
        out = np.empty_like(lines)
        for i, (line, g) in enumerate(zip(lines, guides, strict=True)):
            difference = np.diff(np.eye(len(line)), axis=0)
            coupling = np.diag(np.exp(-np.abs(np.diff(g)) / contrast))
            system = np.eye(len(line)) + strength * difference.T @ coupling @ difference
            out[i] = np.linalg.solve(system, line)
        return out

    sums, weights = data * weight, weight
    for t in range(1, ITERATIONS + 1):
        strength = 1.5 * 4 ** (ITERATIONS - t) / (4**ITERATIONS - 1) * reach
        sums, weights = (smoothed(a, guide, strength) for a in (sums, weights))
        sums, weights = (smoothed(a.T, guide.T, strength).T for a in (sums, weights))
    mean, support = edge_aware_mean(
        *(a.astype(np.float32) for a in (data, weight, guide)), reach, contrast
    )
    np.testing.assert_allclose(support, weights, rtol=1e-4)
    np.testing.assert_allclose(mean, sums / weights, rtol=1e-4)


@pytest.mark.parametrize("shape", [(600, 40), (40, 600)])
def test_it_looks_between_lines_whether_it_is_still_wanted(shape: tuple[int, int]) -> None:
    class UnwantedError(Exception):
        pass

    looks = 0

    def check() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise UnwantedError

    plane = np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)
    before = plane.copy()
    smooth = EdgeAwareMean(plane, 30, 0.1, check)
    with pytest.raises(UnwantedError):
        smooth(plane)
    np.testing.assert_array_equal(plane, before)


def test_maps_are_smoothed_each_for_itself_and_left_alone() -> None:
    maps = list(np.random.default_rng(0).uniform(0, 1, (3, 31, 26)).astype(np.float32))
    before = [plane.copy() for plane in maps]
    smooth = EdgeAwareMean(maps[0], 30, 0.1)
    together = smooth(*maps)
    for plane, kept, mean in zip(maps, before, together, strict=True):
        np.testing.assert_array_equal(plane, kept)
        np.testing.assert_allclose(smooth(plane)[0], mean, rtol=1e-5)


def test_evidence_of_wide_neighbourhoods_adds_up_where_errors_are_independent():
    slope = np.tile(np.linspace(0, 10, 64, dtype=np.float32), (64, 1))
    weight = np.full_like(slope, 0.05)
    drawn, followed = (fill_from_trusted(slope, weight, 1.0, growth) for growth in (1.0, 4.0))
    rise = [np.polyfit(slope[32], filled[32], 1)[0] for filled in (drawn, followed)]
    assert rise[0] < 0.4
    assert rise[1] > 0.8
