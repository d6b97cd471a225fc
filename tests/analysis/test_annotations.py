"""Heights and distances of points and labels, on surfaces whose distances are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_focus_stack.analysis import (
    HeightMap,
    measure_label_centres,
    measure_labels,
    measure_points,
    project_labels,
)
from napari_focus_stack.analysis import surface_distance as module
from napari_focus_stack.errors import InputError
from napari_focus_stack.result import Report, StackResult

PLANES, SHAPE = 40, (90, 110)
UM: dict[str, Any] = {"z": 2.0, "y": 0.5, "x": 0.25, "unit": "micrometer"}
ROWS, COLS = np.indices(SHAPE)


def over(depth: Any, spacing: dict[str, Any] = UM, transforms: Any = None) -> StackResult:
    """A result of any depth, whose planes did not move by default."""
    moved = np.tile(np.eye(3), (PLANES, 1, 1)) if transforms is None else transforms
    report = Report(
        version="", settings={}, planes=[str(k) for k in range(PLANES)], shape=[PLANES, *SHAPE],
        dtype="uint8", reference=0, align="given", transforms=moved, residuals=[], gains=[],
        offsets=[], gains_applied=False, in_order=True, spacing=dict(spacing),
    )  # fmt: skip
    return StackResult(
        image=np.zeros(SHAPE, np.uint8),
        depth_index=np.nan_to_num(depth).astype(np.uint16),
        depth=np.array(depth, np.float32),
        height=None,
        confidence=np.ones(SHAPE, np.float32),
        transforms=moved,
        report=report,
    )


def tilted() -> StackResult:
    return over(6 + 0.05 * ROWS + 0.1 * COLS)


def scattered(count: int, margin: int = 30) -> np.ndarray:
    rng = np.random.default_rng(3)
    low = np.array([0, margin, margin])
    return rng.uniform(low, np.array([30, *SHAPE]) - (0, margin + 1, margin + 1), (count, 3))


def test_points_over_a_tilted_plane_have_its_height_and_its_perpendicular() -> None:
    points = scattered(300)
    z, y, x = points.T
    found = measure_points(points, tilted())
    depth = 6 + 0.05 * y + 0.1 * x
    slope = np.array([0.05 * 2 / 0.5, 0.1 * 2 / 0.25])  # µm of height in a µm
    assert list(found) == [
        "depth (planes)", "height (µm)", "standard uncertainty (µm)", "distance along z (µm)",
        "distance to surface (µm)",
    ]  # fmt: skip
    np.testing.assert_allclose(found["depth (planes)"], depth, atol=1e-5)
    np.testing.assert_allclose(found["height (µm)"], 2 * depth, atol=1e-5)
    np.testing.assert_allclose(found["distance along z (µm)"], 2 * (z - depth), atol=1e-5)
    across = 2 * (z - depth) / np.sqrt(1 + slope @ slope)
    known = np.isfinite(found["distance to surface (µm)"])
    # where the foot lies beyond the field
    foot = np.stack([y, x]) + (across / np.sqrt(1 + slope @ slope) * slope[:, None]) / [
        [0.5],
        [0.25],
    ]
    inside = ((foot > 2) & (foot < np.array(SHAPE)[:, None] - 3)).all(0)
    assert known[inside].all()
    assert inside.sum() > 200
    np.testing.assert_allclose(found["distance to surface (µm)"][inside], across[inside], atol=1e-4)


@pytest.mark.parametrize("most", [500_000, 1000])
def test_points_within_a_sphere_lie_as_far_as_their_radius_says(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_VERTICES", most)
    radius, centre = 60.0, np.array([65.0, 44.0, 27.0])  # µm
    spacing = {"z": 2.0, "y": 1.0, "x": 0.5, "unit": "micrometer"}
    y, x = ROWS * 1.0 - centre[1], COLS * 0.5 - centre[2]
    result = over((centre[0] - np.sqrt(radius**2 - y**2 - x**2)) / 2, spacing)
    rng = np.random.default_rng(1)
    aim = rng.uniform((-1.35, -0.35, -0.35), (-0.65, 0.35, 0.35), (200, 3))
    aim /= np.linalg.norm(aim, axis=1, keepdims=True)
    inwards = rng.uniform(-3, 12, 200)
    places = centre + aim * (radius - inwards)[:, None]
    found = measure_points(places / (2.0, 1.0, 0.5), result)["distance to surface (µm)"]
    np.testing.assert_allclose(found, inwards, atol=1.0 / (4 * radius))


def test_units_and_columns_are_those_that_are_known() -> None:
    points, depth = scattered(5), 3.5 * np.ones(SHAPE)
    bare = measure_points(points, over(depth, {}))
    assert list(bare) == [
        "depth (planes)", "standard uncertainty (planes)", "distance along z (planes)"
    ]  # fmt: skip
    np.testing.assert_allclose(bare["distance along z (planes)"], points[:, 0] - 3.5)
    step_alone = measure_points(points, over(depth, {"z": 4.0, "unit": "nanometer"}))
    assert list(step_alone) == [
        "depth (planes)", "height (nm)", "standard uncertainty (nm)", "distance along z (nm)"
    ]  # fmt: skip
    flat = measure_points(points[:, 1:], over(depth), plane=7)
    assert {name: float(column[0]) for name, column in flat.items()} == {
        "depth (planes)": 3.5, "height (µm)": 7.0, "standard uncertainty (µm)": 0.0
    }  # fmt: skip


def test_points_have_the_uncertainty_of_the_pixel_under_them() -> None:
    sure = np.where(COLS < 50, 0.8, 0.3).astype(np.float32)
    result = replace(tilted(), confidence=sure)
    field = HeightMap(heights=result.depth * 2, confidence=sure, unit="micrometer", z_step=2.0)
    points = scattered(50)
    found = measure_points(points, result)["standard uncertainty (µm)"]
    y, x = np.rint(points[:, 1:]).astype(int).T
    np.testing.assert_allclose(found, field.uncertainty[y, x], rtol=1e-4)
    assert found[x < 50].max() < found[x >= 50].min()


def test_points_beside_the_surface_or_over_a_hole_have_no_distance() -> None:
    depth = np.full(SHAPE, 3.0)
    depth[40:50, 40:50] = np.nan
    places = [(5, 45, 45), (5, -3, 20), (5, 20, 109.4), (5, 20, 38), (5, 39.5, 60), (5, 20, 20)]
    found = measure_points(places, over(depth))
    np.testing.assert_array_equal(np.isnan(found["height (µm)"]), [1, 1, 0, 0, 0, 0])
    across = found["distance to surface (µm)"]
    np.testing.assert_array_equal(np.isnan(across), [1, 1, 1, 0, 0, 0])
    np.testing.assert_allclose(across[3:], 4)
    nowhere = measure_points(places, over(np.full(SHAPE, np.nan)))
    assert all(np.isnan(column).all() for column in nowhere.values())
    assert all(len(column) == 0 for column in measure_points(np.empty((0, 3)), tilted()).values())


def test_labels_have_the_heights_of_their_pixels() -> None:
    labels = np.zeros(SHAPE, np.int64)
    labels[10:20, 10:31], labels[50:52, 60:61], labels[80:, :4] = 7, 2**40, 3
    depth = 6 + 0.1 * COLS
    depth[80:, :4] = np.nan
    found = measure_labels(labels, over(depth))
    np.testing.assert_array_equal(found.pop("label"), [3, 7, 2**40])
    wanted = {"mean": (16, 24), "median": (16, 24), "lowest": (14, 24), "highest": (18, 24)}
    assert list(found) == [f"{name} height (µm)" for name in wanted]
    for column, (seven, large) in zip(found.values(), wanted.values(), strict=True):
        np.testing.assert_allclose(column, [np.nan, seven, large], rtol=1e-6)
    assert "mean depth (planes)" in measure_labels(labels, over(depth, {}))
    assert len(measure_labels(np.zeros(SHAPE, int), over(depth))["label"]) == 0


def test_centres_of_labels_are_measured_where_planes_moved() -> None:
    moved = np.tile(np.eye(3), (PLANES, 1, 1))
    moved[:, 0, 2] = 0.5 * np.arange(PLANES)
    result = over(10 + 0.1 * COLS, transforms=moved)
    ball = np.zeros((PLANES, *SHAPE), np.uint16)
    for k in range(18, 23):
        ball[k, 40:51, 40 + k // 2 : 50 + k // 2] = 9  # x 44.5 in the reference, on even planes
    found = measure_label_centres(ball, result)
    z, x = 20.0, np.mean([44.5, 44.0, 44.5, 44.0, 44.5])
    np.testing.assert_array_equal(found["label"], [9])
    np.testing.assert_allclose(found["distance along z (µm)"], 2 * (z - 10 - 0.1 * x), rtol=1e-6)
    slope = 0.1 * 2 / 0.25
    np.testing.assert_allclose(
        found["distance to surface (µm)"],
        found["distance along z (µm)"] / np.hypot(1, slope),
        rtol=1e-5,
    )
    assert 9 not in project_labels(ball, result)  # it lies below the surface


def test_labels_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match="project them with project_labels first"):
        measure_labels(np.zeros((5, 5), int), tilted())
    with pytest.raises(InputError, match="give integers"):
        measure_labels(np.zeros(SHAPE), tilted())
    with pytest.raises(InputError, match="These labels are of shape"):
        measure_label_centres(np.zeros((3, *SHAPE), int), tilted())
