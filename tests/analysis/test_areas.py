"""True areas of objects on a surface, against surfaces whose area is known."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focus_stack.analysis.areas import AreaTable, measure_areas, write_csv
from napari_focus_stack.errors import OutputError, SettingsError

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (90, 110)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)


def disc(y: float, x: float, radius: float) -> np.ndarray:
    return (Y - y) ** 2 + (X - x) ** 2 < radius**2


def row(table: AreaTable, label: int) -> dict[str, float]:
    i = table.columns["label"].tolist().index(label)
    return {name: column[i].item() for name, column in table.columns.items()}


@given(
    st.floats(-3, 3),
    st.floats(-3, 3),
    st.floats(0.1, 5),
    st.floats(0.1, 5),
    st.floats(0.5, 4),
    st.floats(-1e5, 1e5),
)
@settings(max_examples=40, deadline=None)
def test_tilted_plane_is_larger_by_its_slope_whatever_the_pixels(
    rise_y: float, rise_x: float, dy: float, dx: float, smoothing: float, level: float
) -> None:
    labels = np.where(disc(40, 50, 23), 7, 0)
    height = level + rise_y * dy * Y + rise_x * dx * X  # rises in units of length, not pixels
    found = row(measure_areas(labels, height, (dy, dx), smoothing=smoothing), 7)
    tilt = math.atan(math.hypot(rise_y, rise_x))
    assert found["pixels"] == np.count_nonzero(labels)
    assert found["projected_area"] == pytest.approx(found["pixels"] * dy * dx)
    assert found["surface_area"] == pytest.approx(
        found["projected_area"] / math.cos(tilt), rel=1e-4
    )
    assert found["mean_tilt"] == pytest.approx(math.degrees(tilt), abs=0.01)
    assert found["mean_height"] == pytest.approx(height[labels > 0].mean(), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("angle", [20, 35, 50])
@pytest.mark.parametrize("size", [(1.0, 1.0), (0.5, 0.8)])
def test_spherical_cap_within_one_percent(angle: float, size: tuple[float, float]) -> None:
    n, theta = 201, math.radians(angle)
    y, x = (np.mgrid[:n, :n] - n // 2) * np.reshape(size, (2, 1, 1))
    rim = 0.45 * n * min(size)
    radius = rim / math.sin(theta)
    inside = y**2 + x**2 < rim**2
    height = np.where(inside, np.sqrt(np.maximum(radius**2 - y**2 - x**2, 0)), -50)
    found = row(measure_areas(inside.astype(np.uint8), height, size), 1)
    cap = 2 * math.pi * radius**2 * (1 - math.cos(theta))
    assert found["surface_area"] == pytest.approx(cap, rel=0.01)
    assert found["surface_area"] > 1.02 * found["projected_area"]


@pytest.mark.parametrize(("noise", "most"), [(0.1, 0.0005), (0.5, 0.01)])
def test_noise_adds_hardly_any_area(noise: float, most: float) -> None:
    labels = 1 + (Y // 30 * 4 + X // 30).astype(int)  # 30 x 30 pixels and less
    noisy = np.random.default_rng(0).normal(0, noise, SHAPE)
    table = measure_areas(labels, noisy)
    inflated = table.columns["surface_area"] / table.columns["projected_area"] - 1
    assert len(table) == 12
    assert 0 < inflated.mean() < most
    raw = np.hypot(1, np.hypot(*np.gradient(noisy))).mean() - 1
    assert raw > 10 * inflated.mean()


def test_objects_that_touch_and_the_ground_beside_them_do_not_count_for_each_other() -> None:
    left, right = disc(45, 40, 30) & (X < 50), disc(45, 60, 30) & (X >= 50)
    labels = np.where(left, 3, np.where(right, 2**40, 0))
    height = np.where(left, 0.5 * X, np.where(right, 900 - Y, -4000.0))
    table = measure_areas(labels, height)
    assert table.columns["label"].tolist() == [3, 2**40]
    for label, slope in ((3, 0.5), (2**40, 1.0)):
        found = row(table, label)
        assert found["surface_area"] == pytest.approx(
            math.hypot(1, slope) * np.count_nonzero(labels == label), rel=1e-4
        )


def test_pixels_without_a_height_do_not_count() -> None:
    labels = np.where(disc(45, 55, 40), 1, 0)
    labels[:3, :3] = 2
    height = 0.75 * X
    height[30:50, 45:60] = np.nan
    height[50:52] = np.inf
    height[:4, :4] = np.nan
    found = measure_areas(labels, height)
    known = np.count_nonzero(np.isfinite(height) & (labels == 1))
    assert row(found, 1)["pixels"] == known
    assert row(found, 1)["surface_area"] == pytest.approx(1.25 * known, rel=1e-4)
    assert row(found, 2)["pixels"] == row(found, 2)["surface_area"] == 0
    assert math.isnan(row(found, 2)["mean_height"])
    assert math.isnan(row(found, 2)["mean_tilt"])


def test_slope_along_a_line_of_pixels_is_its_own_and_across_it_none() -> None:
    labels = np.zeros(SHAPE, np.int32)
    labels[10, 5:85] = 1
    labels[50, 50] = 2
    table = measure_areas(labels, 3 * Y + X)
    assert row(table, 1)["surface_area"] == pytest.approx(80 * math.sqrt(2), rel=1e-4)
    assert row(table, 2)["surface_area"] == pytest.approx(1)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_scattered_labels_are_counted_as_numpy_counts_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, SHAPE, np.uint16).repeat(3, 1) * 1000
    height = rng.normal(5, 1, labels.shape)
    table = measure_areas(labels, height, (2.0, 0.5))
    known, counts = np.unique(labels[labels > 0], return_counts=True)
    np.testing.assert_array_equal(table.columns["label"], known)
    np.testing.assert_array_equal(table.columns["pixels"], counts)
    means = [height[labels == label].mean() for label in known]
    np.testing.assert_allclose(table.columns["mean_height"], means)


def test_large_objects_are_cut_into_tiles_without_seams() -> None:
    y, x = np.mgrid[:300, :1500].astype(float)
    height = 20 * np.sin(x / 40) + 20 * np.cos(y / 50)
    slope = np.hypot(0.5 * np.cos(x / 40), 0.4 * np.sin(y / 50))
    found = measure_areas(np.ones(y.shape, bool), height, smoothing=1)
    assert found.columns["surface_area"][0] == pytest.approx(np.hypot(1, slope).sum(), rel=1e-3)


def test_nothing_labelled_makes_an_empty_table(tmp_path: Path) -> None:
    table = measure_areas(np.zeros(SHAPE, int), Y)
    assert len(table) == 0
    write_csv(tmp_path / "none.csv", table)
    assert len((tmp_path / "none.csv").read_text("utf-8").splitlines()) == 1


def test_table_in_a_file(tmp_path: Path) -> None:
    labels = np.where(disc(40, 50, 20), 5, 0)
    labels[0, 0] = 9
    height = Y.copy()
    height[0, 0] = np.nan
    table = measure_areas(labels, height, (0.5, 0.5), unit="micrometer")
    file = tmp_path / "areas.csv"
    file.write_text("old")
    write_csv(file, table)
    with file.open(newline="", encoding="utf-8") as opened:
        first, second = list(csv.DictReader(opened))
    assert list(first) == [
        "label",
        "pixels",
        "projected_area (micrometer^2)",
        "surface_area (micrometer^2)",
        "mean_height (micrometer)",
        "mean_tilt (degree)",
    ]
    assert first["label"] == "5"
    assert float(first["surface_area (micrometer^2)"]) == pytest.approx(
        table.columns["surface_area"][0]
    )
    assert (second["pixels"], second["mean_tilt (degree)"]) == ("0", "")
    assert list(tmp_path.iterdir()) == [file]


def test_table_is_written_as_csv_where_there_is_a_folder(tmp_path: Path) -> None:
    table = measure_areas(np.ones(SHAPE, int), Y)
    with pytest.raises(OutputError, match=r"end it in \.csv"):
        write_csv(tmp_path / "areas.txt", table)
    with pytest.raises(OutputError, match="cannot be written"):
        write_csv(tmp_path / "missing" / "areas.csv", table)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"labels": np.zeros(SHAPE)}, "give integers"),
        ({"labels": np.zeros((2, *SHAPE), int)}, "no map of objects"),
        ({"height": Y[1:]}, "does not fit labels"),
        ({"pixel_size": (1.0, 0.0)}, "two numbers over 0"),
        ({"pixel_size": (1.0, math.nan)}, "two numbers over 0"),
        ({"smoothing": 0}, "smoothing 0 must be"),
        ({"smoothing": math.nan}, "smoothing nan must be"),
        ({"skew": 1}, "skew 1 must lie between -1 and 1"),
    ],
)
def test_what_does_not_fit_is_refused(changed: dict[str, Any], words: str) -> None:
    call = {"labels": np.ones(SHAPE, int), "height": Y, **changed}
    with pytest.raises(SettingsError, match=words):
        measure_areas(**call)
