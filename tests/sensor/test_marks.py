"""Marks of the sensor: told from the specimen by motion, left out, named; nothing else is."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from long_runs import only_long
from scenes import QUIET, psnr, scene

from napari_focus_stack import ArraySource, focus_stack
from napari_focus_stack.depth.focus_curve import FocusProbe
from napari_focus_stack.sensor.mark_detector import MarkDetector
from napari_focus_stack.sensor.marks import Marks

DRIFT = 1.5


@cache
def drifting(name: str, step: float = DRIFT, n: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Planes of a specimen that drifts, and what the middle one shows in focus."""
    size = (160, 192)
    shown = scene(name, "flat", n=n, size=(200, 232), blur=0.5, noise=QUIET)
    off = [k - n // 2 for k in range(n)]
    corners = [(20 + round(0.5 * step * k), 20 + round(step * k)) for k in off]
    planes = [
        plane[y : y + size[0], x : x + size[1]]
        for plane, (y, x) in zip(shown.planes, corners, strict=True)
    ]
    return np.stack(planes), shown.truth[20 : 20 + size[0], 20 : 20 + size[1]]


def marked(planes: np.ndarray, count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """The planes with hot and dead pixels, two apart or more, and where those are."""
    random = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.arange(6, 150, 4), np.arange(6, 180, 4)), -1).reshape(-1, 2)
    places = random.permutation(grid)[:count]
    seen = planes.astype(int)
    for i, (y, x) in enumerate(places):
        around = seen[:, y - 1 : y + 2, x - 1 : x + 2].reshape(len(seen), -1)
        seen[:, y, x] = around.max(1) + 110 if i % 3 else around.min(1) - 110
    return seen.clip(0, 255).astype(np.uint8), places[places[:, 0].argsort(kind="stable")]


def found(planes: np.ndarray) -> set[tuple[int, ...]]:
    detector = MarkDetector(len(planes))
    for k in np.random.default_rng(1).permutation(len(planes)):
        detector.add_plane(int(k), planes[k])
    still = {k: np.eye(3) for k in range(len(planes))}
    return set(map(tuple, detector.found(still).pixels.tolist()))


@pytest.mark.parametrize("name", ["gravel", "brick", "camera", "coins"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_pixels_of_the_sensor_are_found_and_none_of_the_specimen(name: str, dtype: type) -> None:
    planes, _ = drifting(name)
    assert found(planes.astype(dtype)) == set()
    seen, places = marked(planes)
    shown = seen[:, places[:, 0], places[:, 1]]
    others = (np.abs(np.diff(shown.astype(int), axis=0)) > 0).any(0)
    visible = others | (planes.max() < 200)  # not where the range ends
    wanted = set(map(tuple, places[visible].tolist()))
    got = found(seen.astype(dtype))
    assert got <= set(map(tuple, places.tolist()))
    assert len(got & wanted) >= 0.9 * len(wanted)


def test_trails_are_gone_and_the_report_names_the_pixels() -> None:
    planes, truth = drifting("gravel")
    seen, places = marked(planes)
    inner = np.s_[14:-14, 14:-14]
    clean, result = focus_stack(planes), focus_stack(seen)
    assert set(map(tuple, result.report.marks)) <= set(map(tuple, places.tolist()))
    assert any("hot or dead pixels" in note and "filled in" in note for note in result.report.notes)
    kept = psnr(result.image[inner].astype(float), truth[inner], 255)
    assert kept > psnr(clean.image[inner].astype(float), truth[inner], 255) - 0.7
    assert clean.report.marks == []
    probe = FocusProbe(ArraySource(seen), result)
    y, x = result.report.marks[0]
    assert (
        probe.curve(y, x).energies.max()
        < FocusProbe(ArraySource(seen), clean).curve(y, x).energies.max()
    )


def test_what_nothing_moves_past_stays_as_it_was_recorded() -> None:
    planes = scene("gravel", "slant", n=8, noise=QUIET).planes
    seen, places = marked(planes)
    result = focus_stack(seen)
    assert result.report.marks == []
    assert any("left as recorded" in note for note in result.report.notes)
    hot = places[seen[4, places[:, 0], places[:, 1]] == 255]
    assert (result.image[hot[:, 0], hot[:, 1]] > 200).all()


def test_a_mark_becomes_the_median_of_its_neighbours_in_every_channel() -> None:
    plane = np.random.default_rng(0).integers(0, 255, (12, 14, 3), dtype=np.uint8)
    pixels = np.array([[0, 0], [5, 6], [11, 13]])
    filled = Marks(pixels).filled(plane)
    np.testing.assert_array_equal(
        filled[5, 6], np.median(np.delete(plane[4:7, 5:8].reshape(9, 3), 4, 0), 0).astype(np.uint8)
    )
    same = np.ones(plane.shape[:2], bool)
    same[tuple(pixels.T)] = False
    np.testing.assert_array_equal(filled[same], plane[same])
    assert Marks().filled(plane) is plane
    np.testing.assert_array_equal(Marks(pixels).within(np.s_[4:8, 5:9]).pixels, [[1, 1]])


BLOTS = np.array([[30, 40, 4], [60, 150, 5], [80, 70, 3], [110, 120, 5], [130, 40, 4]])
"""Row, column and radius."""


def dusty(planes: np.ndarray) -> np.ndarray:
    """The planes as a sensor records them that has blots of dust, of all shades."""
    y, x = np.mgrid[: planes.shape[1], : planes.shape[2]]
    let_through = np.ones(planes.shape[1:])
    for i, (row, col, radius) in enumerate(BLOTS):
        away = np.hypot(y - row, x - col)
        let_through -= (0.25 + 0.05 * i) * np.clip(radius + 0.5 - away, 0, 1)
    return (planes * let_through).round().astype(planes.dtype)


@pytest.mark.parametrize("name", ["gravel", "camera", *only_long("brick", "moon")])
def test_specimen_is_seen_where_dust_lay_over_it(name: str) -> None:
    planes, truth = drifting(name, 2.5, 14)
    inner = np.s_[18:-18, 18:-18]
    clean, seen = focus_stack(planes), dusty(planes)
    assert clean.report.dust == []
    result = focus_stack(seen)
    listed = np.zeros(planes.shape[1:], bool)
    for top, bottom, left, right in result.report.dust:
        listed[top:bottom, left:right] = True
    within = [listed[y, x] for y, x, _ in BLOTS]
    assert sum(within) >= 3
    y, x = np.mgrid[: listed.shape[0], : listed.shape[1]]
    beside = np.min([np.hypot(y - row, x - col) - r for row, col, r in BLOTS], axis=0)
    assert not listed[beside > 10].any()
    assert any("dust on the camera" in note for note in result.report.notes)
    dirty, cleaned, clear = (
        psnr(image[inner].astype(float), truth[inner], 255)
        for image in (seen[7], result.image, clean.image)
    )
    assert cleaned > max(dirty + 9, clear - 6)
    row, col, _ = BLOTS[1]
    under = FocusProbe(ArraySource(seen), result).curve(row, col).energies
    assert np.isnan(under[7])
    assert np.isfinite(under[[0, -1]]).all()


def test_dust_on_what_stands_still_stays_as_it_was_recorded() -> None:
    planes = scene("gravel", "slant", n=14, noise=QUIET).planes
    result = focus_stack(dusty(planes))
    assert result.report.dust == []
    y, x, _ = BLOTS[3]
    np.testing.assert_allclose(result.image[y, x], 0.6 * focus_stack(planes).image[y, x], atol=12)


def specked(planes: np.ndarray, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """The planes with single pixels lit in one of them each, and plane, row and column of those."""
    random = np.random.default_rng(4)
    inner = [random.integers(20, side - 20, count) for side in planes.shape[1:3]]
    places = np.column_stack([random.integers(0, len(planes), count), *inner])
    seen = planes.astype(int)
    seen[tuple(places.T)] += random.integers(80, 160, count).reshape(-1, *[1] * (planes.ndim - 3))
    return seen.clip(0, 255).astype(np.uint8), places


def seen_at(transforms: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows and columns of the reference plane at which it shows pixels of other planes."""
    back = np.linalg.inv(transforms[places[:, 0]])
    ones = np.ones(len(places))
    seen = np.einsum("nij,nj->ni", back, np.column_stack([places[:, 2], places[:, 1], ones]))
    return seen[:, 1::-1].round().astype(int)


@pytest.mark.parametrize(
    ("name", "least"),
    [("moon", 40), ("camera", 20), pytest.param("brick", 20, marks=pytest.mark.long)],
)
@pytest.mark.parametrize("step", [0.0, 1.5])
def test_what_one_pixel_of_one_plane_shows_alone_is_filled_in(
    name: str, least: int, step: float
) -> None:
    planes, _ = drifting(name, step)
    seen, places = specked(planes)
    clean, result = focus_stack(planes), focus_stack(seen)
    assert len(clean.report.specks) <= 1
    listed, true = (set(map(tuple, p)) for p in (result.report.specks, places.tolist()))
    assert len(listed & true) >= least
    assert len(listed - true) <= 1
    assert any("in one plane alone" in note for note in result.report.notes)
    unaware = replace(result, report=replace(result.report, specks=[]))
    k, row, col = sorted(listed & true)[0]
    there = tuple(seen_at(result.transforms, np.array([[k, row, col]]))[0])
    filled, lit = (
        FocusProbe(ArraySource(seen), one).curve(*there).energies[k] for one in (result, unaware)
    )
    assert filled < 0.9 * lit
    at = tuple(seen_at(result.transforms, np.array(sorted(listed & true))).T)
    changed = result.image[at].astype(int) - clean.image[at]
    assert np.percentile(np.abs(changed), 90) <= 10


def beads(sigma: float, defocus: float, drift: float) -> np.ndarray:
    """Points behind a lens that blurs by so many pixels more with every plane from focus."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[:160, :160]
    planes = np.full((9, 160, 160), 10.0)
    for row, col, at in random.uniform((22, 22, 1), (138, 138, 7), (60, 3)):
        for k in range(9):
            width = np.hypot(sigma, defocus * (k - at))
            away = (y - row - 0.6 * drift * (k - 4)) ** 2 + (x - col - drift * (k - 4)) ** 2
            planes[k] += 180 * (sigma / width) ** 2 * np.exp(-away / (2 * width**2))
    return (random.poisson(planes * 4) / 4).clip(0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("drift", [0.0, 1.3])
@pytest.mark.parametrize(
    ("sigma", "defocus"),
    [(0.6, 0.6), (0.8, 0.35), (1.0, 3.0), pytest.param(0.6, 0.9, marks=pytest.mark.long)],
)
def test_points_that_a_lens_has_spread_are_no_specks(
    sigma: float, defocus: float, drift: float
) -> None:
    result = focus_stack(beads(sigma, defocus, drift), align="auto" if drift else "none")
    assert len(result.report.specks) <= 1


def test_what_every_plane_shows_next_to_black_is_no_speck() -> None:
    random = np.random.default_rng(0)
    planes = random.integers(0, 2, (9, 96, 96)).astype(np.uint8)
    planes[::2] //= 2  # the usual pixel is 0 in some planes and 1 in others
    places = 20 + random.permutation(56)[:16]
    planes[:, places, 20 + random.permutation(56)[:16]] = 60
    for stack in (planes, planes.astype(np.float32) - 0.5):
        assert focus_stack(stack, align="none").report.specks == []


def test_dust_that_is_wider_than_the_specimen_moves_stays_as_it_was_recorded() -> None:
    planes, _ = drifting("gravel", 1.6, 14)
    y, x = np.mgrid[: planes.shape[1], : planes.shape[2]]
    for radius in (7, 13):
        away = np.minimum(np.hypot(y - 60, x - 60), np.hypot(y - 100, x - 130))
        let_through = 1 - 0.5 * np.clip(radius + 0.5 - away, 0, 1)
        result = focus_stack((planes * let_through).astype(np.float32))
        assert np.isfinite(result.image[24:-24, 24:-24]).all()
