"""All planes against the sharp composite: errors that added up along a chain grow smaller."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from long_runs import only_long
from motion import QUIET, foreign, shifted
from scenes import Scene, scene

from napari_focus_stack.alignment.gauss_newton import level_of, regions
from napari_focus_stack.alignment.joint_refinement import refine_jointly
from napari_focus_stack.alignment.reduced_planes import ReducedPlane
from napari_focus_stack.imgproc.transforms import corner_distance

MODELS = ["shift", "similarity", "affine", "homography"]


def long(name: str = "brick", kind: str = "dome", n: int = 40, blur: float = 0.05) -> Scene:
    return scene(name, kind, n=n, blur=blur, zoom=5e-4, angle=0.01, shift=0.3, noise=QUIET)


def parents_of(n: int, reference: int) -> dict[int, int]:
    return {k: k - 1 if k > reference else k + 1 for k in range(n) if k != reference}


def chained(stack: Scene, reference: int, jitter: float, seed: int = 0) -> dict[int, np.ndarray]:
    """True steps from neighbour to neighbour, each off by a random shift; composed."""
    n, rng = len(stack.planes), np.random.default_rng(seed)
    parents = parents_of(n, reference)
    found = {reference: np.eye(3)}
    for k in sorted(parents, key=lambda plane: abs(plane - reference)):
        step = stack.transforms[k] @ np.linalg.inv(stack.transforms[parents[k]])
        found[k] = shifted(*rng.normal(0, jitter, 2)) @ step @ found[parents[k]]
    return found


def errors(found: dict[int, np.ndarray], stack: Scene, reference: int) -> np.ndarray:
    to_reference = np.linalg.inv(stack.transforms[reference])
    return np.array(
        [
            corner_distance(found[k], stack.transforms[k] @ to_reference, stack.planes.shape[1:])
            for k in sorted(found)
        ]
    )


def refined(stack: Scene, start: dict[int, np.ndarray], reference: int, model: str, **options):
    looked = [ReducedPlane.of(plane) for plane in stack.planes]
    parents = parents_of(len(looked), reference)
    return refine_jointly(start, parents, model, looked.__getitem__, **options)


@pytest.mark.parametrize("model", ["similarity", *only_long("shift")])
@pytest.mark.parametrize(("reference", "mean"), [(20, 0.85), (0, 0.95)])
def test_errors_that_added_up_grow_smaller(reference: int, mean: float, model: str) -> None:
    stack, left = long(), []
    for seed in range(4):
        start = chained(stack, reference, 0.1, seed)
        found = refined(stack, start, reference, model)
        before, after = errors(start, stack, reference), errors(found, stack, reference)
        assert before.max() > 0.4
        assert after.max() < 0.95 * before.max()
        left.append(np.square(after).mean() / np.square(before).mean())
        assert list(found) == list(start)
        np.testing.assert_array_equal(found[reference], np.eye(3))
    assert np.sqrt(np.mean(left)) < mean


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("name", "kind"), [("gravel", "slant"), ("gravel", "dome")])
def test_exact_transforms_stay(name: str, kind: str, model: str) -> None:
    stack = scene(name, kind, zoom=1e-3, angle=0.02, shift=0.5, noise=QUIET)
    found = refined(stack, chained(stack, 4, 0.0), 4, model)
    assert errors(found, stack, 4).max() < 0.05


def test_a_plane_without_a_parent_is_not_moved() -> None:
    stack = long(n=8)
    start = chained(stack, 4, 0.0)
    start[4] = shifted(0.3, 0)  # only a parent lets a plane move
    found = refined(stack, start, 4, "shift")
    assert found[4] is start[4]


def test_links_are_kept_as_they_are() -> None:
    """The composite moves whole stretches; from one plane to the next little changes."""
    stack = long()
    start = chained(stack, 20, 0.1)
    found = refined(stack, start, 20, "shift")
    moved = np.array([corner_distance(found[k], start[k], (160, 192)) for k in range(40)])
    assert moved.max() > 0.1
    assert np.abs(np.diff(moved)).max() < 0.05


def test_planes_that_do_not_overlap_follow_their_neighbours() -> None:
    stack = long(n=8)
    start = chained(stack, 4, 0.0)
    start[7] = shifted(170, 0) @ start[7]
    found = refined(stack, start, 4, "shift")
    others = {k: start[k] for k in range(7)}
    assert errors({k: found[k] for k in others}, stack, 4).max() < 0.05
    assert corner_distance(found[7], start[7], (160, 192)) < 0.05


def test_the_region_alone_counts() -> None:
    """A clip that moves by itself covers most of the field; the rest is refined as without it."""
    stack = long(n=12, blur=0.3)
    planes = np.array(stack.planes)
    for k, plane in enumerate(planes):
        plane[:, :120] = np.roll(foreign("camera", 150, 150), k - 6, 1)[:, :120]
    covered = Scene(planes, stack.image, stack.depth, stack.transforms)
    region = np.zeros(planes.shape[1:], bool)
    region[:, 130:] = True
    finest = regions(region, ReducedPlane.of(planes[0]).levels)
    start = chained(stack, 6, 0.05)
    apart = []
    for where in (finest, None):
        plain, found = (refined(s, start, 6, "shift", regions=where) for s in (stack, covered))
        apart.append(max(corner_distance(plain[k], found[k], (160, 192)) for k in start))
    assert apart[0] < 0.01
    assert apart[1] > 0.02


def test_whoever_checks_may_stop_it() -> None:
    class Stopped(Exception):  # noqa: N818 - it says what happened
        pass

    stack, calls = long(n=8), []

    def check() -> None:
        calls.append(None)
        if len(calls) == 12:
            raise Stopped

    start = chained(stack, 4, 0.0)
    with pytest.raises(Stopped):
        refined(stack, start, 4, "shift", check=check)
    assert len(calls) == 12


def test_large_planes_are_refined_at_half_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their composite has a quarter of the pixels; transforms are those of the full planes."""
    random, shape, n = np.random.default_rng(2), (640, 720), 12
    detail = cv2.GaussianBlur(random.standard_normal(shape).astype(np.float32), (0, 0), 2.5)
    true = {k: shifted(0.7 * (k - 6), -0.4 * (k - 6)) for k in range(n)}
    planes = {
        k: ReducedPlane.of(cv2.warpPerspective(detail, matrix, shape[::-1]))
        for k, matrix in true.items()
    }
    monkeypatch.setattr("napari_focus_stack.alignment.gauss_newton.ENOUGH", 100_000)
    assert level_of(planes[0].levels) == 1
    start = {6: np.eye(3)}
    for k in sorted(parents_of(n, 6), key=lambda plane: abs(plane - 6)):
        inner = k - np.sign(k - 6)
        step = true[k] @ np.linalg.inv(true[inner])
        start[k] = shifted(*random.normal(0, 0.1, 2)) @ step @ start[inner]

    def error(found: dict[int, np.ndarray]) -> float:
        return float(np.mean([corner_distance(found[k], true[k], shape) for k in range(n)]))

    found = refine_jointly(start, parents_of(n, 6), "shift", planes.__getitem__)
    assert error(start) > 0.1
    assert error(found) < 0.95 * error(start)
    exact = refine_jointly(true, parents_of(n, 6), "shift", planes.__getitem__)
    assert error(exact) < 0.03
