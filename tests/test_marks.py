"""Hot and dead pixels: told from the specimen by motion, filled in, named; nothing else is."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scenes import QUIET, psnr, scene

from napari_focus_stack import ArraySource, focus_stack
from napari_focus_stack.marks import MarkGauge, Marks
from napari_focus_stack.probing import Probe

DRIFT = 1.5


@cache
def drifting(name: str, step: float = DRIFT) -> tuple[np.ndarray, np.ndarray]:
    """Planes of a specimen that drifts, and what the middle one shows in focus."""
    n, size = 10, (160, 192)
    shown = scene(name, "flat", n=n, size=(200, 232), blur=0.5, noise=QUIET)
    corners = [(20 + round(0.5 * step * (k - 5)), 20 + round(step * (k - 5))) for k in range(n)]
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
    gauge = MarkGauge()
    for k in np.random.default_rng(1).permutation(len(planes)):
        gauge.look(int(k), planes[k])
    return set(map(tuple, gauge.found().pixels.tolist()))


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
    probe = Probe(ArraySource(seen), result)
    y, x = result.report.marks[0]
    assert (
        probe.curve(y, x).energies.max()
        < Probe(ArraySource(seen), clean).curve(y, x).energies.max()
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
