"""Films of known depth: what pooling of neighbouring time points gains, and what it must not do."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from scenes import picture, surface

from napari_focus_stack import focus_series
from napari_focus_stack.errors import InputError
from napari_focus_stack.imgproc.noise import NoiseEstimator
from napari_focus_stack.io.sources import ArraySource
from napari_focus_stack.series.arrays import series_of_array
from napari_focus_stack.series.climb import climb_between, focus_curves, regional_detail
from napari_focus_stack.series.model import StackIndex
from napari_focus_stack.series.pooling import Neighbour, PooledPlanes, window
from napari_focus_stack.series.repeated_detail import repeated_detail
from napari_focus_stack.simulation.rendering import SensorNoise, render_stack

SIDE, PLANES, MARGIN = 128, 8, 16
SHIFT, CLIMB = 1.5, 0.15


def moved(t: float) -> np.ndarray:
    matrix = np.eye(3)
    matrix[:2, 2] = SHIFT * t, SHIFT * t / 2
    return matrix


@cache
def film(name: str, photons: int, times: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Planes (T, Z, Y, X) of a drifting, climbing specimen, and its depth (T, Y, X)."""
    side = SIDE + 2 * MARGIN
    image = picture(name, side, side, 100, 100)
    depths = [surface("dome", PLANES - 2, side, side) + 0.5 + CLIMB * t for t in range(times)]
    noise = SensorNoise(3 / photons, 1 / photons)
    planes = [
        render_stack(
            image,
            depth,
            PLANES,
            1.5,
            margin=MARGIN,
            transforms=[moved(t)] * PLANES,
            noise=noise,
            dtype=np.uint16,
            white=8 * photons,
            seed=t,
        )
        for t, depth in enumerate(depths)
    ]
    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    seen = [
        cv2.warpAffine(depth, np.linalg.inv(moved(t))[:2], depth.shape[::-1],
                       flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                       borderMode=cv2.BORDER_REPLICATE)[inner]
        for t, depth in enumerate(depths)
    ]  # fmt: skip
    return np.stack(planes), np.stack(seen)


def depth_error(depth: np.ndarray, truth: np.ndarray) -> float:
    inner = np.s_[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    return float(np.abs(depth - truth)[inner].mean())


@pytest.fixture(scope="module")
def weak():
    planes, truth = film("moon", 400)
    alone, pooled = (
        focus_series(planes, axes="TZYX", smooth_time=n, threads=1, z_step=2.0) for n in (1, 3)
    )
    return truth, alone, pooled


def test_a_weak_film_is_measured_far_better(weak):
    truth, alone, pooled = weak
    assert depth_error(pooled.depth[:, 0], truth) < 0.75 * depth_error(alone.depth[:, 0], truth)


def test_what_is_said_of_depth_is_of_the_planes_that_it_was_measured_on():
    planes, _ = film("gravel", 100)
    for n, uncertain in ((1, True), (3, False)):
        run = focus_series(planes, axes="TZYX", smooth_time=n, threads=1)
        for index, report in run.reports.items():
            sure = float((run.confidence[index.time, 0] >= 0.5).mean())
            assert report.health["trusted"] == pytest.approx(sure, abs=0.02)
            said = [note for note in report.notes if "Hardly any of the depth" in note]
            assert report.advice["texture"] == said
            assert bool(said) is uncertain


def test_the_climb_of_the_field_leaves_no_lag_at_the_ends(weak):
    truth, _, pooled = weak
    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    lags = [float((d - t)[inner].mean()) for d, t in zip(pooled.depth[:, 0], truth, strict=True)]
    assert abs((lags[0] - lags[2]) / 2) < CLIMB / 2


def test_the_image_stays_that_of_its_own_time_and_height_follows_depth(weak):
    _, alone, pooled = weak
    np.testing.assert_array_equal(pooled.image, alone.image)
    np.testing.assert_allclose(pooled.height, pooled.depth * 2, rtol=1e-6)
    assert all(report.series["pooled"] == [0, 1, 2] for report in pooled.reports.values())


def test_a_textured_film_loses_nothing():
    planes, truth = film("gravel", 1000)
    alone, pooled = (
        focus_series(planes, axes="TZYX", smooth_time=n, threads=1).depth[:, 0] for n in (1, 3)
    )
    assert depth_error(pooled, truth) <= 1.02 * depth_error(alone, truth)


def test_a_time_point_that_failed_is_not_pooled():
    planes, _ = film("moon", 400)
    series = series_of_array(planes, "TZYX")
    whole = series.stack

    def stack(position, time, channel):
        if time == 1:
            raise InputError("The file ends in the middle.")
        return whole(position, time, channel)

    series.stack = stack
    result = focus_series(series, smooth_time=3, threads=1)
    assert list(result.failed) == [StackIndex(0, 1, 0)]
    assert result.reports[StackIndex(0, 0, 0)].series["pooled"] == [0, 2]


def neighbour(planes: np.ndarray, t: int, climb: float = 0.0) -> Neighbour:
    still = np.tile(np.eye(3), (len(planes), 1, 1))
    return Neighbour(ArraySource(planes), still, moved(t), np.zeros(planes.shape[1:]), climb)


def test_a_drift_of_one_and_a_half_pixels_is_undone():
    image = picture("gravel", SIDE + 2 * MARGIN, SIDE + 2 * MARGIN)
    depth = np.ones_like(image)
    own, other = (
        render_stack(image, depth, 3, 1.0, margin=MARGIN, transforms=[moved(t)] * 3) for t in (0, 1)
    )
    still = np.tile(np.eye(3), (3, 1, 1))
    inner = np.s_[8:-8, 8:-8]
    # the blurred planes do not depend on the kernel of the interpolation
    seen = PooledPlanes(ArraySource(own), still, [neighbour(other, 1)])[0][inner] - own[0][inner]
    assert np.abs(seen).mean() < 0.1 * np.abs(other[0][inner] - own[0][inner].astype(float)).mean()


def test_planes_are_matched_by_the_climb_and_borrowed_where_one_was_left_out():
    planes = np.arange(5, dtype=np.uint16)[:, None, None] * np.ones((5, 16, 16), np.uint16)
    climbed = neighbour(planes, 0, 1.3)
    assert [climbed.matching(k) for k in range(5)] == [1, 2, 3, 4, 4]
    assert climbed.lag == pytest.approx(0.3)
    climbed.transforms[2] = np.nan
    assert climbed.matching(1) in (1, 3)
    pooled = PooledPlanes(ArraySource(planes), np.tile(np.eye(3), (5, 1, 1)), [climbed])
    assert pooled[3].mean() == 3.5


def test_pooled_planes_have_the_noise_of_the_light_of_all():
    rng = np.random.default_rng(0)
    films = [rng.normal(500, 30, (2, 128, 128)).astype(np.float32) for _ in range(3)]
    still = np.tile(np.eye(3), (2, 1, 1))
    pooled = PooledPlanes(ArraySource(films[0]), still, [neighbour(one, 0) for one in films[1:]])
    estimator = NoiseEstimator()
    estimator.add(pooled[0], pooled[1])
    assert estimator.noise(0.0).constant == pytest.approx(30**2 / 3, rel=0.08)


@pytest.mark.parametrize("climb", [0.0, 0.3, -1.4])
def test_the_climb_is_found_where_depth_is_not(climb):
    image = picture("moon", SIDE + 2 * MARGIN, SIDE + 2 * MARGIN, 100, 100)
    depth = surface("dome", PLANES - 4, *image.shape) + 2
    noise, still = SensorNoise(3 / 400, 1 / 400), np.tile(np.eye(3), (PLANES, 1, 1))
    curves = []
    for seed, height in enumerate((0.0, climb)):
        planes = render_stack(
            image, depth + height, PLANES, 1.5, margin=MARGIN,
            noise=noise, dtype=np.uint16, white=3200, seed=seed,
        )  # fmt: skip
        curves.append(focus_curves(regional_detail(ArraySource(planes), still), still, np.eye(3)))
    found = climb_between(*curves)
    assert found == pytest.approx(climb, abs=0.15)
    assert climb_between(*curves[::-1]) == pytest.approx(-found, abs=0.02)


def test_no_climb_is_made_of_noise():
    planes = [np.random.default_rng(i).poisson(50, (8, 64, 64)).astype(np.uint16) for i in (0, 1)]
    still = np.tile(np.eye(3), (8, 1, 1))
    curves = [
        focus_curves(regional_detail(ArraySource(one), still), still, np.eye(3)) for one in planes
    ]
    assert climb_between(*curves) is None
    assert regional_detail(ArraySource(planes[0][:3]), still[:3]) is None


def test_detail_that_repeats_stays_and_noise_goes():
    rng = np.random.default_rng(0)
    step = np.where(np.arange(128) < 64, 2.0, 5.0) * np.ones((128, 1))
    noisy = [
        (step + cv2.GaussianBlur(rng.normal(0, 1.5, step.shape), (0, 0), 2)).astype(np.float32)
        for _ in range(6)
    ]
    steady = step.astype(np.float32)
    np.testing.assert_allclose(repeated_detail(steady, [steady] * 3), steady, atol=1e-4)
    pooled = np.mean(noisy[:3], axis=0)
    kept = repeated_detail(pooled, noisy[:3])
    far, beside = np.s_[:, np.r_[8:48, 80:120]], np.s_[:, 60:68]
    assert np.abs(kept - step)[far].mean() < 0.7 * np.abs(pooled - step)[far].mean()
    assert np.abs(kept - step)[beside].mean() < 1.1 * np.abs(pooled - step)[beside].mean()


def test_windows_of_equal_length_lie_within_the_film():
    assert [list(window(t, 3, 5)) for t in (0, 2, 4)] == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
    assert list(window(0, 5, 2)) == [0, 1]


def test_a_sure_depth_of_one_time_point_stays_where_the_specimen_changed():
    image = picture("gravel", SIDE, SIDE)
    left = np.arange(SIDE) < SIDE // 2
    depths = [np.where(left, 2.0, one) * np.ones((SIDE, 1)) for one in (2.0, 5.0, 2.0)]
    noise = SensorNoise(3 / 2000, 1 / 2000)
    planes = [
        render_stack(image, d, PLANES, 1.5, noise=noise, dtype=np.uint16, white=16000, seed=t)
        for t, d in enumerate(depths)
    ]
    depth = focus_series(np.stack(planes), axes="TZYX", smooth_time=3, threads=1).depth[:, 0]
    for side in (np.s_[:, 16:-16, 8:48], np.s_[:, 16:-16, 80:120]):
        assert np.abs(depth - np.stack(depths))[side].mean() < 0.15
