"""Energies count in units of the noise: 1 is noise alone, and scores differ by noise of about 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import picture

from napari_focus_stack.fusion.focus_measure import (
    WINDOW_SAMPLES,
    energy_parts,
    power,
    score,
    tail,
    window_samples,
    windowed,
)
from napari_focus_stack.imgproc.colour import opponent
from napari_focus_stack.imgproc.noise import Noise
from napari_focus_stack.imgproc.pyramids import laplacian_pyramid, reduced_shape, reduced_window

SIGMA = 3.0


def energies_of(plane: np.ndarray, noise: Noise, levels: int = 4) -> list[np.ndarray]:
    """Energy of every level, (y, x) each."""
    colour = plane.ndim == 3
    channels = opponent(plane) if colour else plane
    bands, gaussian = laplacian_pyramid(channels.astype(np.float32), levels)
    energies = []
    for level in range(levels):
        band, smooth = (np.atleast_3d(level_of[level]) for level_of in (bands, gaussian))
        told = [np.ascontiguousarray(band[..., c]) for c in range(energy_parts(level, colour))]
        squared = np.empty(band.shape[:2], np.float32)
        power(told, np.ascontiguousarray(smooth[..., 0]), noise, level, colour, squared)
        energies.append(window(squared))
    return energies


def window(squared: np.ndarray, step: int | None = None) -> np.ndarray:
    """The window over a squared band, `step` rows at a time."""
    height = len(squared)
    step = step or height
    half = reduced_window(squared, slice(0, reduced_shape(squared.shape)[0]))
    wide = tail(half)
    rows = [slice(top, min(top + step, height)) for top in range(0, height, step)]
    return np.concatenate([windowed(squared, half, wide, part) for part in rows])


def noisy(plane: np.ndarray | float, seed: int) -> np.ndarray:
    return plane + SIGMA * np.random.default_rng(seed).standard_normal((512, 512), np.float32)


@pytest.fixture(scope="module")
def noise_alone() -> list[list[np.ndarray]]:
    """Energies of 6 planes of white noise, level by level."""
    planes = [energies_of(noisy(100, seed), Noise(SIGMA**2)) for seed in range(6)]
    return [list(level) for level in zip(*planes, strict=True)]


@pytest.mark.parametrize("level", range(4))
def test_noise_alone_has_an_energy_of_one(noise_alone, level: int) -> None:
    energy = np.array(noise_alone[level])
    assert energy.mean() == pytest.approx(1, abs=0.05)
    inner = energy[:, 4:-4, 4:-4]
    samples = 2 * inner.mean() ** 2 / inner.var()
    assert window_samples(level) == pytest.approx(samples, rel=0.05)
    assert window_samples(level) == WINDOW_SAMPLES[level]


def test_shot_noise_has_an_energy_of_one_at_any_brightness() -> None:
    slope = 0.5
    brightness = np.repeat(np.linspace(20, 200, 8), 64)[None].repeat(512, 0)
    planes = np.random.default_rng(0).poisson(brightness / slope, (4, 512, 512)) * slope
    energy = np.mean([energies_of(plane, Noise(0.0, slope), 1)[0] for plane in planes], axis=0)
    for x in range(0, 512, 64):  # away from the steps
        assert energy[:, x + 12 : x + 52].mean() == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("level", range(3))
def test_scores_of_one_place_spread_by_about_one(level: int) -> None:
    """Whatever the signal, or planes could not be compared on one scale."""
    texture = np.random.default_rng(99).standard_normal((512, 512))
    for contrast in (0.0, 1.0, 3.0, 10.0, 30.0):
        plane = 100 + contrast * texture
        scores = [
            score(energies_of(noisy(plane, seed), Noise(SIGMA**2))[level], window_samples(level))
            for seed in range(6)
        ]
        # below an energy of 1 scores are cut off, which halves the spread of noise alone
        assert 0.5 < np.sqrt(np.var(scores, axis=0, ddof=1).mean()) < 1.1


def test_sharper_texture_has_more_energy() -> None:
    import cv2

    plane = picture("gravel", 160, 192) * np.float32(255)
    before = None
    for sigma in (0.01, 0.8, 1.6, 3.2):
        energy = energies_of(cv2.GaussianBlur(plane, (0, 0), sigma), Noise(1.0))[0].mean()
        assert before is None or energy < 0.7 * before
        before = energy


def test_brightness_and_slow_gradients_have_no_energy() -> None:
    ramp = np.linspace(0, 250, 192, dtype=np.float32)[None].repeat(160, 0)
    energy = energies_of(ramp, Noise(1.0), 1)[0]
    assert energy[:, 16:-16].max() < 0.01


@pytest.mark.parametrize("noise", [(1.0, 0.0), (0.5, 0.3)], ids=["constant", "shot"])
def test_three_equal_channels_have_the_energy_of_one_and_alpha_none(noise) -> None:
    plane = picture("gravel", 96, 96) * np.float32(255)
    rgba = np.repeat(plane[..., None], 4, axis=-1)
    rgba[..., 3] = np.random.default_rng(0).uniform(0, 255, plane.shape)
    grey = energies_of(plane, Noise(*noise), 3)
    alike = Noise(*noise, opponent=((3.0, 0.0, 0.0),))  # as an estimator finds in equal channels
    for colour in (rgba[..., :3], rgba):
        for a, b in zip(grey, energies_of(colour, alike, 3), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("slope", [0.0, 0.05])
def test_noise_of_colour_alone_has_an_energy_of_one(slope: float) -> None:
    rng = np.random.default_rng(1)
    deviation = np.sqrt(SIGMA**2 + slope * 100)
    planes = 100 + deviation * rng.standard_normal((3, 256, 256, 3), np.float32)
    found = [energies_of(plane, Noise(SIGMA**2, slope), 3) for plane in planes]
    for level in range(3):
        assert np.mean([energies[level].mean() for energies in found]) == pytest.approx(1, abs=0.05)


def test_colour_tells_above_the_finest_level() -> None:
    """A pattern of colours alone, as bright everywhere."""
    pattern = np.random.default_rng(2).uniform(-20, 20, (48, 64)).repeat(4, 0).repeat(4, 1)
    plane = np.stack([100 + pattern, 100 - pattern, np.full_like(pattern, 100)], -1)
    energies = energies_of(plane.astype(np.float32), Noise(1.0), 3)
    assert energies[0].max() < 1e-3
    assert energies[1].mean() > 5
    assert energies[2].mean() > 5


def test_the_window_is_a_weighted_mean_round_the_pixel() -> None:
    np.testing.assert_allclose(window(np.ones((40, 56), np.float32)), 1, atol=1e-5)
    point = np.zeros((65, 65), np.float32)
    point[32, 32] = 1
    seen = window(point)
    assert seen.sum() == pytest.approx(1, abs=0.01)
    assert seen.argmax() == 32 * 65 + 32
    assert seen[32, 40] > 0  # the heavy tail
    assert seen.min() >= 0
    for size in ((8, 8), (8, 40), (13, 9)):
        tiny = window(np.full(size, 3, np.float32))
        np.testing.assert_allclose(tiny, np.full(size, 3), rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 70), st.integers(8, 50), st.integers(1, 20))
def test_parts_of_an_energy_are_those_of_the_whole(height: int, width: int, half: int) -> None:
    squared = np.random.default_rng(height).exponential(1, (height, width)).astype(np.float32)
    np.testing.assert_array_equal(window(squared, 2 * half), window(squared))
