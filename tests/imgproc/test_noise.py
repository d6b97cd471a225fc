"""The sensor's noise is found on the stack itself, whatever the specimen shows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from long_runs import only_long
from scenes import scene

from napari_focus_stack.imgproc.noise import Noise, NoiseEstimator, middle
from napari_focus_stack.imgproc.pyramids import band_noise, laplacian_pyramid
from napari_focus_stack.simulation.rendering import SensorNoise as SensorNoise

ROUNDING = 1 / 12


def estimated(planes: np.ndarray, rounding: float, recorded: np.ndarray | None = None) -> Noise:
    """Noise of planes, measured on every other pair of neighbours."""
    estimator = NoiseEstimator()
    floats = planes.astype(np.float32)
    for k in range(0, len(floats) - 1, 2):
        estimator.add(floats[k], floats[k + 1], recorded)
    return estimator.noise(rounding)


def measured(name: str, sensor: SensorNoise, dtype: str, white: float) -> Noise:
    rendered = scene(name, size=(192, 224), noise=sensor, dtype=dtype, white=white)
    rounding = ROUNDING if dtype != "float32" else 0.0
    return estimated(rendered.planes, rounding)


CAMERAS = [("uint8", 255.0), ("uint16", 4095.0), ("float32", 1.0)]


@pytest.mark.parametrize(("dtype", "white"), CAMERAS)
@pytest.mark.parametrize("name", ["gravel", "camera", *only_long("coins")])
def test_read_noise_is_found_on_texture(name: str, dtype: str, white: float) -> None:
    found = measured(name, SensorNoise(read=0.02), dtype, white)
    deviation = np.sqrt(found.constant + found.slope * 0.5 * white)
    assert deviation == pytest.approx(0.02 * white, rel=0.1)


@pytest.mark.parametrize(("dtype", "white"), CAMERAS)
@pytest.mark.parametrize("name", ["gravel", "camera"])
def test_shot_noise_grows_with_brightness(name: str, dtype: str, white: float) -> None:
    found = measured(name, SensorNoise(read=0.005, shot=1e-3), dtype, white)
    assert found.slope == pytest.approx(1e-3 * white, rel=0.25)
    middle = found.constant + found.slope * 0.5 * white
    true = (0.005 * white) ** 2 + 1e-3 * white * 0.5 * white
    assert np.sqrt(middle) == pytest.approx(np.sqrt(true), rel=0.1)


def test_shot_noise_is_found_where_a_place_is_lit_in_some_planes_only() -> None:
    """Optical sections: what is dark in one of each pair of planes says nothing of bright light."""
    rng = np.random.default_rng(3)
    depth = np.linspace(0, 11, 320)[None].repeat(256, 0)
    body = np.full((256, 320), 0.5)
    planes = []
    for k in range(12):
        photons = 100 * body * np.exp(-0.5 * ((depth - k) / 1.2) ** 2)
        planes.append(rng.poisson(photons) * 8.0 + 100 + rng.normal(0, 5, depth.shape))
    found = estimated(np.array(planes), ROUNDING)
    # a photon is 8 levels: 8 levels of variance for each of brightness above the black level
    for light in (100, 200, 400):
        true = 25 + 8 * (light - 100)
        assert found.deviation(light) ** 2 == pytest.approx(true, rel=0.35)


def grain(kind: str, rng: np.random.Generator) -> np.ndarray:
    white = rng.standard_normal((256, 256), np.float32)
    if kind == "white":
        return 5 * white
    if kind == "smooth":  # demosaicing, resampling
        return 15 * cv2.GaussianBlur(white, (0, 0), 1.0)
    return np.kron(5 * white[:128, :128], np.ones((2, 2), np.float32))  # enlarged


@pytest.mark.parametrize("kind", ["white", "smooth", "enlarged"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_band_has_the_noise_it_really_has(kind: str, channels: int) -> None:
    rng = np.random.default_rng(4)
    planes = [
        np.dstack([100 + grain(kind, rng) for _ in range(channels)]).squeeze() for _ in range(8)
    ]
    found = estimated(np.array(planes), 0.0)
    powers = np.zeros(4)
    for plane in planes:
        bands, gaussian = laplacian_pyramid(plane, 4)
        powers += [np.square(band).mean() / len(planes) for band in bands[:-1]]
    for level in range(4):
        in_band = np.mean(found.in_band(gaussian[level], level))
        # the quiet blocks of three channels are less quiet than those of one, which are counted on
        assert in_band == pytest.approx(powers[level], rel=0.25 if channels == 1 else 0.45)


def test_variance_in_a_band() -> None:
    plane = np.float32([[0, 10, -10]])
    noise = Noise(2.0, 0.5, (1.0, 3.0))
    black = Noise(-3.0, 0.5, (1.0, 3.0), least=1.5)  # shot noise over a black level
    for level, colour in [(0, 1), (1, 3), (2, 3)]:
        unit = band_noise(level) ** 2 * colour
        expected = unit * np.array([[2, 7, 0]])
        np.testing.assert_allclose(noise.in_band(plane, level), expected, rtol=1e-5)
        expected = unit * np.array([[1.5, 2, 1.5]])
        np.testing.assert_allclose(black.in_band(plane, level), expected, rtol=1e-5)
    assert black.deviation(-10) ** 2 == pytest.approx(1.5)
    assert Noise(2.0).in_band(plane, 0) == pytest.approx(2 * band_noise(0) ** 2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 255), st.sampled_from([0.0, ROUNDING]))
def test_planes_without_noise_have_their_rounding(value: int, rounding: float) -> None:
    plane = np.full((80, 90), value, np.float32)
    found = estimated(np.stack([plane, plane]), rounding)
    assert found.slope == 0
    assert found.constant > 0  # energies divide by it
    assert found.constant == pytest.approx(rounding, abs=1e-8)


@pytest.mark.parametrize("name", ["gravel", "brick", "camera"])
def test_never_less_than_the_rounding(name: str) -> None:
    found = measured(name, SensorNoise(), "uint8", 255)
    for value in (0, 100, 255):
        assert found.deviation(value) ** 2 >= ROUNDING * (1 - 1e-9)


def test_planes_too_small_to_measure_have_their_rounding() -> None:
    plane = np.random.default_rng(0).uniform(0, 255, (40, 40)).astype(np.float32)
    assert estimated(np.stack([plane, plane[::-1]]), ROUNDING) == Noise(ROUNDING)
    assert NoiseEstimator().noise(0.0).constant > 0


def test_what_was_not_recorded_is_not_measured() -> None:
    rng = np.random.default_rng(6)
    planes = 100 + 5 * rng.standard_normal((6, 256, 256), np.float32)
    whole = estimated(planes, 0.0)
    recorded = np.full((256, 256), 255, np.uint8)
    recorded[:, :96] = 0
    planes[:, :, :90] = 100  # flat: what a warp repeats has no noise
    found = estimated(planes, 0.0, recorded)
    assert found.constant == pytest.approx(whole.constant, rel=0.1)


@pytest.mark.parametrize("sensor", [SensorNoise(0.02), SensorNoise(0.002, 1e-3)])
def test_the_order_of_planes_does_not_matter(sensor: SensorNoise) -> None:
    planes = scene("gravel", noise=sensor).planes
    forth, back = estimated(planes, ROUNDING), estimated(planes[::-1], ROUNDING)
    assert back.constant == pytest.approx(forth.constant, rel=1e-4)
    assert back.slope == pytest.approx(forth.slope, rel=1e-4)
    assert back.colour == pytest.approx(forth.colour, rel=1e-4)


@pytest.mark.parametrize("sensor", [SensorNoise(0.02), SensorNoise(0.002, 1e-3)])
def test_three_equal_channels_have_the_noise_of_grey(sensor: SensorNoise) -> None:
    planes = scene("gravel", noise=sensor).planes
    grey = estimated(planes, ROUNDING)
    colour = estimated(np.repeat(planes[..., None], 3, axis=-1), ROUNDING)
    assert colour.constant == pytest.approx(grey.constant, rel=1e-4)
    assert colour.slope == pytest.approx(grey.slope, rel=1e-4)
    assert colour.colour == pytest.approx(grey.colour, rel=1e-4)
    for level in range(4):
        bright, *differences = colour.opponent_at(level)
        assert bright == pytest.approx(3, rel=1e-4)
        assert differences == pytest.approx([0, 0], abs=1e-4)


@pytest.mark.parametrize("kind", ["white", "smooth"])
def test_noise_of_brightness_and_of_differences_are_distinguished(kind: str) -> None:
    """Channels that share half of their noise, as after demosaicing."""
    rng = np.random.default_rng(7)
    shared = np.sqrt(0.5)
    planes = []
    for _ in range(6):
        common = shared * grain(kind, rng)
        planes.append(np.dstack([100 + common + shared * grain(kind, rng) for _ in range(3)]))
    found = estimated(np.array(planes), 0.0)
    for level in range(2):
        # of a channel's variance, half is shared: 0.5 * 3 + 0.5 in brightness, 0.5 in the others
        assert found.opponent_at(level) == pytest.approx((2.0, 0.5, 0.5), rel=0.12)
        assert sum(found.opponent_at(level)) == pytest.approx(3, rel=0.05)


def test_brightness_of_colour_is_never_without_noise() -> None:
    plane = np.full((80, 90, 3), 50, np.float32)
    found = estimated(np.stack([plane, plane]), ROUNDING)
    assert found.opponent_at(0)[0] > 0  # energies divide by it
    assert found.constant == pytest.approx(ROUNDING)


def test_noise_of_large_planes_is_measured_in_their_middle() -> None:
    assert middle((700, 640, 3)) == (slice(0, 700), slice(0, 640))
    rows, cols = middle((3000, 4000))
    assert rows.stop - rows.start == cols.stop - cols.start == 768
    assert (rows.start + rows.stop) // 2 == 1500
    assert (cols.start + cols.stop) // 2 == 2000


@pytest.mark.parametrize("size", [(16, 16), (64, 80)])
def test_alpha_is_no_light(size) -> None:
    """Values of 0.003 beside an alpha of 1 had the noise of rounding of 1."""
    rng = np.random.default_rng(1)
    pairs = [rng.normal(0.003, 1e-4, (2, *size, 3)).astype(np.float32) for _ in range(2)]
    of_colour, with_alpha = NoiseEstimator(), NoiseEstimator()
    for first, second in pairs:
        of_colour.add(first, second)
        opaque = np.ones((*size, 1), np.float32)
        with_alpha.add(*(np.concatenate([one, opaque], -1) for one in (first, second)))
    assert with_alpha.noise(0) == of_colour.noise(0)
