"""Whether the order of the files is that of the focus, and how far apart planes are in focus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from long_runs import only_long
from scenes import QUIET, scene
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path

from napari_focus_stack.alignment.focus_order import (
    Pass,
    _tree,
    _ways,
    distances,
    focus_order,
    follows_focus,
    passes,
)
from napari_focus_stack.alignment.reduced_planes import ReducedPlane
from napari_focus_stack.simulation.rendering import SensorNoise

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = ["slant", "dome", "step"]


def details(planes: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [ReducedPlane.of(plane).detail() for plane in planes]


def rendered(kind: str, name: str = "gravel", n: int = 8, **options) -> list[np.ndarray]:
    return details(scene(name, kind, n=n, **{"noise": QUIET, **options}).planes)


def in_order(known: Sequence[np.ndarray], order: Sequence[int]) -> bool:
    return follows_focus([known[k] for k in order])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["gravel", *only_long("brick", "coins")])
@pytest.mark.parametrize("motion", [{}, {"zoom": 0.004, "shift": 0.7}], ids=["still", "moving"])
def test_rendered_stacks(name: str, kind: str, motion: dict) -> None:
    known = rendered(kind, name, **motion)
    assert in_order(known, range(8))
    assert in_order(known, range(8)[::-1])
    for order in ([0, 2, 4, 6, 1, 3, 5, 7], [0, 2, 4, 6, 7, 5, 3, 1], [3, 6, 0, 7, 2, 5, 1, 4]):
        assert not in_order(known, order)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_does_not_hide_the_order(kind: str) -> None:
    known = rendered(kind, noise=SensorNoise(read=0.02, shot=1 / 2000))
    assert in_order(known, range(8))
    assert not in_order(known, [3, 6, 0, 7, 2, 5, 1, 4])


@pytest.mark.parametrize("seed", range(10))
def test_planes_of_noise_alone_follow_each_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    planes = rng.normal(100, 10, (rng.integers(4, 12), 64, 80)).astype(np.float32)
    assert follows_focus(details(planes))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_three_planes_cannot_be_out_of_order(n: int) -> None:
    positions = np.array([0.0, 9.0, 1.0])[:n]
    assert follows_focus(list(positions[:, None, None]))


@settings(deadline=None)
@given(st.permutations(range(6)))
def test_the_way_is_held_against_the_shortest_tree(order: list[int]) -> None:
    """Each plane changes another place, and all have one mean: the tree has length 5."""
    way = np.sqrt(np.abs(np.diff(order))).sum()
    stairs = [np.where(np.arange(5) < k, 1.0, 0.0) for k in order]
    assert follows_focus([np.array([[*s, *-s]]) for s in stairs]) is bool(way <= 1.4 * 5)


@pytest.mark.parametrize("name", ["gravel", "brick"])
def test_a_flat_specimen_in_order_is_in_order(name: str) -> None:
    """Planes on both sides of its focus look alike, whatever the share of smooth pixels."""
    known = rendered("flat", name, n=9)
    assert follows_focus(known)
    assert not in_order(known, [0, 2, 4, 6, 8, 7, 5, 3, 1])


@pytest.mark.parametrize("name", ["gravel", "brick"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_drive_that_steps_back_and_goes_on_is_found(kind: str, name: str) -> None:
    known = rendered(kind, name, n=9)
    assert follows_focus(known)
    assert not in_order(known, [0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 8])


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ([0, 8, 1, 7, 2, 6, 3, 5, 4], [Pass(0, 4, True), Pass(5, 8, False)]),
        ([0, 1, 2, 3, 6, 4, 7, 5, 8, 9], [Pass(0, 5, True), Pass(6, 9, True)]),
        ([4, 3, 5, 2, 6, 1, 7, 0, 8], [Pass(0, 4, True), Pass(5, 8, False)]),
        (list(range(9)), [Pass(0, 8, True)]),
        ([6, 7, 2, 1, 4, 5, 3, 0, 8], []),
    ],
)
def test_passes_are_told_by_the_order_of_focus(order: list[int], found: list[Pass]) -> None:
    assert passes(order) == found


def points(seed: int) -> list[np.ndarray]:
    """Planes of few values, so that many are equal or equally far apart."""
    rng = np.random.default_rng(seed)
    return list(rng.integers(0, rng.integers(1, 9), (rng.integers(4, 30), 1, 3)).astype(float))


@pytest.mark.parametrize("seed", range(30))
def test_the_tree_is_as_short_as_that_of_scipy(seed: int) -> None:
    apart = distances(points(seed))
    # scipy takes a distance of 0 for none
    lifted = np.maximum(apart, 1e-7)
    np.fill_diagonal(lifted, 0)
    shortest = minimum_spanning_tree(lifted).sum()
    assert _tree(apart)[1].sum() == pytest.approx(shortest, abs=1e-5)


@pytest.mark.parametrize("seed", range(30))
def test_ways_along_the_tree_are_those_of_scipy(seed: int) -> None:
    apart = distances(points(seed))
    parents, lengths = _tree(apart)
    edges = np.zeros_like(apart)
    edges[np.arange(1, len(apart)), parents[1:]] = np.maximum(lengths[1:], 1e-7)
    for start in range(0, len(apart), 3):
        expected = shortest_path(edges, directed=False, indices=start)
        np.testing.assert_allclose(_ways(parents, lengths, start), expected, atol=1e-5)


def test_planes_recorded_twice_lie_side_by_side() -> None:
    places = [4, 0, 2, 0, 3, 1, 4, 2]
    order = focus_order([np.array([[float(place), -place]]) for place in places])
    assert [places[k] for k in order] in ([0, 0, 1, 2, 2, 3, 4, 4], [4, 4, 3, 2, 2, 1, 0, 0])


@settings(max_examples=50, deadline=None)
@given(arrays(np.float32, (5, 4, 6), elements=st.floats(-20, 20, width=32)))
def test_distances_are_root_mean_squares(maps: np.ndarray) -> None:
    apart = distances(list(maps))
    true = np.sqrt(((maps[:, None] - maps[None]).astype(float) ** 2).mean((2, 3)))
    np.testing.assert_allclose(apart, true, atol=1e-5)
    np.testing.assert_allclose(apart, apart.T, atol=1e-5)  # products are rounded as BLAS likes


@pytest.mark.parametrize("name", ["gravel", "brick"])
def test_planes_farther_in_focus_are_farther_apart(name: str) -> None:
    apart = distances(rendered("slant", name))
    for k in range(8):
        assert (np.diff(apart[k, k:]) > 0).all()
        assert (np.diff(apart[k, : k + 1]) < 0).all()


def test_brightness_has_no_part_in_the_distance() -> None:
    planes = scene("gravel", "slant", noise=QUIET, dtype="float32").planes
    here, brighter, other = details([planes[3], planes[3] * 1.7, planes[4]])
    apart = distances([here, brighter, other])
    assert apart[0, 1] < 0.001 < 0.1 < apart[0, 2]


def test_detail_that_falls_and_rises_once_keeps_its_order() -> None:
    """A smooth section between dark planes, whose noise is most of their detail, is no fold."""
    y, x = np.mgrid[:256, :256] - 128
    blob = np.exp(-(x**2 + y**2) / 2 / 60**2)
    section = np.exp(-((np.arange(9) - 4) ** 2) / 2 / 1.5**2)
    noise = np.random.default_rng(0).normal(0, 0.75, (9, 256, 256))
    planes = (150 * (section[:, None, None] * blob + 0.05) + noise).clip(0).astype(np.uint8)
    assert in_order(details(planes), range(9))
