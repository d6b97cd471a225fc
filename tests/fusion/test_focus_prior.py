"""One surface for all bands: what regions say of it, and what it does to image and depth."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import QUIET, picture, scene

from napari_focus_stack import focus_stack
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.depth.peak_fitting import FocusPeak, PeakError
from napari_focus_stack.depth.peak_widths import FEWEST_WIDTHS, SHARP, depth_unit
from napari_focus_stack.fusion.regional_energy import RegionalEnergy
from napari_focus_stack.imgproc.noise import Noise

SIDE, N = 200, 10


def cells() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stained cells whose edges refract: a bright rim that grows with distance from focus."""
    random = np.random.default_rng(4)
    y, x = np.mgrid[:SIDE, :SIDE]
    body = np.zeros((SIDE, SIDE), np.float32)
    for cy in range(30, SIDE, 55):
        for cx in range(30, SIDE, 55):
            body[np.hypot(y - cy, x - cx) < 14] = 1
    soft = cv2.GaussianBlur(body, (0, 0), 0.8)
    texture = cv2.GaussianBlur(random.random((SIDE, SIDE)).astype(np.float32), (0, 0), 1.2)
    texture = (texture - texture.mean()) / texture.std()
    image = 0.75 - soft * (0.4 + 0.08 * texture)
    planes = []
    for k in range(N):
        blur = abs(k - 4) * 1.1
        wide = cv2.GaussianBlur(body, (0, 0), 1 + blur) - cv2.GaussianBlur(
            body, (0, 0), 0.5 + 0.5 * blur
        )
        seen = image if blur == 0 else cv2.GaussianBlur(image, (0, 0), blur)
        planes.append(seen + 0.5 * max(0, k - 4) / 5 * np.clip(wide, 0, None))
    noisy = np.stack(planes) + random.normal(0, 0.004, (N, SIDE, SIDE))
    around = (cv2.dilate(body, np.ones((21, 21))) > 0) & (cv2.dilate(body, np.ones((5, 5))) == 0)
    return np.rint(255 * noisy).clip(0, 255).astype(np.uint8), 255 * image, around


def test_rims_that_grow_out_of_focus_do_not_surround_cells() -> None:
    planes, truth, around = cells()
    result = focus_stack(planes)
    glow = cv2.GaussianBlur(result.image - truth, (0, 0), 2)[around]
    worst = cv2.GaussianBlur(planes.max(0) - truth, (0, 0), 2)[around]
    assert np.abs(glow).mean() < 0.7
    assert np.abs(worst).mean() > 2  # what there would be to take


@pytest.mark.parametrize("side", [81, 128, 200])
def test_places_without_detail_are_not_trusted(side: int) -> None:
    random = np.random.default_rng(side)
    y, x = np.mgrid[:side, :side]
    away = np.hypot(y - side / 2, x - side / 2)
    image = np.where(away < 0.17 * side, 0.3 + 0.5 * picture("gravel", side, side), 0.6)
    blurs = [0.3 + 0.9 * abs(k - 4) for k in range(9)]
    planes = np.stack([cv2.GaussianBlur(image, (0, 0), blur) for blur in blurs])
    noisy = planes + random.normal(0, 0.006, planes.shape)
    result = focus_stack(np.rint(255 * noisy).clip(0, 255).astype(np.uint8))
    inside, outside = away < 0.12 * side, away > 0.17 * side + 4 * max(blurs)
    assert outside.any()
    assert (result.confidence[outside] >= 0.5).mean() <= 0.05
    assert (result.confidence[inside] >= 0.5).mean() > 0.9
    assert np.abs(result.depth - 4)[inside].mean() < 0.2


@pytest.mark.parametrize(("blur", "n", "most"), [(0.2, 30, 0.25), (0.4, 16, 0.12), (1.0, 9, 0.05)])
def test_planes_closer_than_need_be_do_not_harm_depth(blur: float, n: int, most: float) -> None:
    shown = scene("gravel", "slant", n=n, blur=blur, noise=QUIET)
    result = focus_stack(shown.planes, align="none")
    inner = np.s_[8:-8, 8:-8]
    sure = result.confidence[inner] >= 0.5
    assert sure.mean() > 0.5
    assert np.abs(result.depth - shown.depth)[inner][sure].mean() < most


@given(st.floats(0.3, 12), st.integers(0, 2))
@settings(max_examples=30, deadline=None)
def test_a_unit_of_depth_grows_with_the_peaks(width: float, first: int) -> None:
    """The finest level with peaks enough counts; each is twice as wide as the one before."""
    few = np.full(FEWEST_WIDTHS - 1, 99, np.float32)
    levels = [few] * first + [np.full(FEWEST_WIDTHS, width * 2**level) for level in range(first, 3)]
    assert depth_unit(levels) == pytest.approx(max(1.0, width / SHARP))
    assert depth_unit([few]) == 1


@given(st.floats(1.0, 6.0), st.floats(0.8, 1.6))
@settings(max_examples=30, deadline=None)
def test_a_peak_is_where_a_gaussian_curve_has_its_top(top: float, width: float) -> None:
    peak = FocusPeak((8, 8), 16.0, PeakError(0.05, 0.2))
    for k in range(8):
        energy = np.float32(1 + 5000 * np.exp(-((k - top) ** 2) / 2 / width**2))
        peak.add(np.full((8, 8), energy), slice(0, 8), k)
    depth, trust = peak.read(slice(0, 8), 8)
    np.testing.assert_allclose(depth, top, atol=0.02)
    assert (trust > 5).all()  # the worth of an error of less than half a plane
    np.testing.assert_allclose(peak.read(slice(0, 8), 8, 2.0)[0], top / 2, atol=0.02)
    np.testing.assert_allclose(peak.sample(2).widths(8), width, rtol=0.05)


def test_threads_may_begin_a_level_at_a_time() -> None:
    """Each made an array of its own for the first plane, and what others had put there was lost."""
    energies = np.random.default_rng(0).gamma(4, 5, (3, 1600, 64)).astype(np.float32)
    counting = np.full((100, 64), 0.25, np.float32)
    parts = [slice(top, top + 100) for top in range(0, 1600, 100)]
    found = []
    with ThreadPoolExecutor(8) as threads:
        for _ in range(20):
            peak = FocusPeak((1600, 64), 16.0, PeakError(0.05, 0.2), weighed=True)
            for k, energy in enumerate(energies):
                add = [threads.submit(peak.add, energy[p], p, k, counting) for p in parts]
                wait(add)
            found.append(peak.best.copy())
    wanted = energies.max(0)
    for best in found:
        np.testing.assert_array_equal(best, wanted)


def test_noise_alone_makes_no_peak() -> None:
    random = np.random.default_rng(0)
    peak = FocusPeak((64, 64), 16.0, PeakError(0.05, 0.2))
    for k in range(12):
        energy = random.gamma(8, 1 / 8, (64, 64)).astype(np.float32)
        peak.add(energy, slice(0, 64), k)
    _, trust = peak.read(slice(0, 64), 12)
    assert (trust > 1 / 0.22**2).mean() < 0.01


@given(st.floats(0.4, 2.5), st.floats(-20, 20))
@settings(max_examples=25, deadline=None)
def test_noise_of_an_evened_plane_is_that_of_its_values(gain: float, offset: float) -> None:
    noise = Noise(4.0, 0.3, least=1.0)
    evened = noise.evened(gain, offset)
    for value in (20.0, 90.0, 200.0):
        wanted = gain * noise.deviation(value)
        assert evened.deviation(gain * value + offset) == pytest.approx(wanted, rel=1e-6)


def test_regions_of_an_evened_plane_are_those_of_the_evened_values() -> None:
    plane = 255 * picture("gravel", 128, 160)
    light = Brightness(0.5, 12.0)
    here = RegionalEnergy.of(plane).evened(light)
    there = RegionalEnergy.of(plane * np.float32(0.5) + np.float32(12.0))
    np.testing.assert_allclose(here.light, there.light, rtol=1e-4)
    noise, brightest = Noise(2.0), there.light
    pairs = zip(*(one.seen(np.eye(3), noise, brightest)[1] for one in (here, there)), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one, other, rtol=0.03, atol=2.0)


@pytest.mark.parametrize("times", [0.45, 2.1])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_an_odd_exposure_is_evened_out_alone_and_named(times: float, dtype: str) -> None:
    gains = tuple(times * 0.45 if k == 3 else 0.45 for k in range(8))
    shown = scene("gravel", "slant", noise=QUIET, gains=gains, dtype=dtype)
    report = focus_stack(shown.planes, brightness="match").report
    assert report.gains[3] == pytest.approx(1 / times, rel=0.01)
    assert [gain for k, gain in enumerate(report.gains) if k != 3] == pytest.approx(
        [1] * 7, abs=0.01
    )
    assert any(note.startswith("Plane 3 has ") and "evened out" in note for note in report.notes)
    kept = focus_stack(shown.planes, brightness="keep").report
    assert not kept.gains_applied
    assert any(note.startswith("Plane 3 has ") and "as recorded" in note for note in kept.notes)
