"""Figures of a stack against maps and motion of known truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import scene

from napari_focus_stack import focus_stack
from napari_focus_stack.batch.figures import figures_of
from napari_focus_stack.result import LeftOut, Report

SHAPE = (40, 50)
IMAGE = np.zeros(SHAPE, np.uint8)


def report(transforms: np.ndarray, **changes: object) -> Report:
    n = len(transforms)
    fields = {
        "version": "0",
        "settings": {},
        "planes": [f"plane {k}" for k in range(n)],
        "shape": [n, *SHAPE],
        "dtype": "uint8",
        "reference": 0,
        "align": "shift",
        "transforms": transforms,
        "residuals": [None] * n,
        "gains": [None] * n,
        "offsets": [None] * n,
        "gains_applied": False,
        "in_order": True,
    }
    return Report(**(fields | changes))


def still(n: int = 5) -> np.ndarray:
    return np.tile(np.eye(3), (n, 1, 1))


def flat(value: float) -> np.ndarray:
    return np.full(SHAPE, value, np.float32)


@given(
    shifts=st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=2, max_size=6),
    lost=st.booleans(),
)
def test_motion_is_the_largest_of_all_planes_in_use(
    shifts: list[tuple[float, float]], lost: bool
) -> None:
    transforms = still(len(shifts))
    transforms[:, :2, 2] = shifts
    if lost:
        transforms[0] = np.nan
    figures = figures_of(IMAGE, flat(1), None, flat(1), report(transforms))
    expected = max(np.hypot(*shift) for shift in shifts[lost:])
    assert figures.motion == pytest.approx(expected)


def test_motion_of_a_turn_is_that_of_the_corners() -> None:
    transforms = still(2)
    transforms[1, :2, :2] = [[0.0, -1.0], [1.0, 0.0]]  # about pixel (0, 0)
    figures = figures_of(IMAGE, flat(1), None, flat(1), report(transforms))
    assert figures.motion == pytest.approx(np.hypot(39, 49) * np.sqrt(2))


@given(sure=st.integers(0, 40), low=st.floats(1, 2), high=st.floats(2, 3))
def test_only_sure_pixels_count(sure: int, low: float, high: float) -> None:
    depth, confidence = flat(4.0), flat(0.49)
    confidence[:sure] = 0.5
    depth[:sure] = np.linspace(low, high, 50, dtype=np.float32)
    figures = figures_of(IMAGE, depth, depth * 3, confidence, report(still()))
    assert figures.share_sure == pytest.approx(sure / 40)
    if not sure:
        assert figures.depth is figures.height is None
        return
    expected = low + (high - low) * np.array([0.05, 0.5, 0.95])
    assert figures.depth == pytest.approx(expected, abs=(high - low) / 49 + 1e-5)
    assert figures.height == pytest.approx(np.array(figures.depth) * 3, rel=1e-5)
    assert figures.share_at_ends == 0


def test_ends_are_those_of_the_planes_in_use() -> None:
    depth = flat(2)
    depth[:4], depth[4:6], depth[6:7] = 1.2, 3.9, 0.0
    lost = [LeftOut(0, "plane 0", "it is empty")]
    at_ends = figures_of(IMAGE, depth, None, flat(1), report(still(), left_out=lost))
    assert at_ends.share_at_ends == pytest.approx(7 / 40)
    assert (at_ends.planes, at_ends.left_out) == (5, 1)


def test_saturation_is_that_of_the_worst_plane_in_use() -> None:
    lost = [LeftOut(1, "plane 1", "it is empty")]
    health = {"saturated": [0.1, 0.9, 0.3, 0.2, 0.0]}
    known = report(still(), health=health, left_out=lost)
    assert figures_of(IMAGE, flat(1), None, flat(1), known).saturated == 0.3
    assert figures_of(IMAGE, flat(1), None, flat(1), report(still())).saturated is None


def test_unit_is_that_of_the_height_or_none() -> None:
    known = report(still(), spacing={"unit": "micrometer"})
    assert figures_of(IMAGE, flat(1), flat(1), flat(1), known).unit == "micrometer"
    assert figures_of(IMAGE, flat(1), None, flat(1), known).unit is None


def test_not_a_number_is_no_sure_depth() -> None:
    depth = flat(2)
    depth[:10] = np.nan
    assert figures_of(IMAGE, depth, None, flat(1), report(still())).share_sure == 0.75


def test_maps_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="sizes differ"):
        figures_of(IMAGE, flat(1)[:-1], None, flat(1), report(still()))


def test_a_run_on_known_truth() -> None:
    truth = scene("gravel", "slant", shift=0.6)
    result = focus_stack(truth.planes, z_step=2.0)
    figures = figures_of(
        result.image, result.depth, result.height, result.confidence, result.report
    )
    moved = np.hypot(*(truth.transforms[:, :2, 2] - truth.transforms[4, :2, 2]).T).max()
    assert figures.motion == pytest.approx(moved, abs=0.5)
    assert figures.depth == pytest.approx(np.percentile(truth.depth, (5, 50, 95)), abs=0.4)
    assert figures.height == pytest.approx(np.multiply(figures.depth, 2), rel=1e-4)
    assert figures.share_sure == pytest.approx(result.report.health["trusted"], abs=0.001)
    ends = result.report.health["at_first"] + result.report.health["at_last"]
    assert figures.share_at_ends == pytest.approx(ends, abs=0.001)
