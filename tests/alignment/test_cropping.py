"""The crop: what remains was recorded by every plane that counts, and one plane cannot take it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scenes import QUIET, psnr, scene

from napari_focus_stack import ArraySource, Settings, Spacing, focus_stack, read_stack, stack_steps
from napari_focus_stack._utils.steps import drain
from napari_focus_stack.alignment.cropping import common_crop, recorded_box
from napari_focus_stack.imgproc.transforms import is_plausible, valid_area
from napari_focus_stack.io.result_outputs import write_outputs
from napari_focus_stack.settings import METHODS

if TYPE_CHECKING:
    from pathlib import Path

    from napari_focus_stack.result import StackResult

FIELDS = st.tuples(st.integers(40, 200), st.integers(40, 200))
SHIFT = st.floats(-40, 40)


def transform(field, x=0.0, y=0.0, scale=1.0, angle=0.0, shear=0.0, tilt=(0.0, 0.0)) -> np.ndarray:
    """About the field's centre; `tilt` is the change of scale over the field."""
    h, w = field
    turn = np.deg2rad(angle)
    centre = np.array([[1, 0, (w - 1) / 2], [0, 1, (h - 1) / 2], [0, 0, 1.0]])
    inner = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = np.eye(3)
    matrix[:2, :2] = inner @ np.array([[1, shear], [0, 1]])
    matrix[:2, 2] = x, y
    matrix[2, :2] = np.array(tilt) / (w, h)
    moved = centre @ matrix @ np.linalg.inv(centre)
    return moved / moved[2, 2]


def transforms_of(field, *, tilted: bool) -> st.SearchStrategy[np.ndarray]:
    tilt = st.tuples(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1)) if tilted else st.just((0.0, 0.0))
    return st.builds(
        lambda *parts: transform(field, *parts),
        *(SHIFT, SHIFT, st.floats(0.7, 1.5), st.floats(-20, 20), st.floats(-0.05, 0.05), tilt),
    ).filter(lambda matrix: is_plausible(matrix, field))


def assert_recorded(matrix: np.ndarray, box: tuple[int, ...], field: tuple[int, int]) -> None:
    area = valid_area(matrix, field)
    if area is not None:
        assert (area[box[0] : box[1], box[2] : box[3]] == 255).all()


@settings(max_examples=300, deadline=None)
@given(st.data(), FIELDS, st.booleans())
def test_a_plane_recorded_every_pixel_of_its_box(data, field, tilted: bool) -> None:
    matrix = data.draw(transforms_of(field, tilted=tilted))
    box = recorded_box(matrix, field)
    assert 0 <= box[0] <= box[1] <= field[0]
    assert 0 <= box[2] <= box[3] <= field[1]
    assert_recorded(matrix, box, field)


@settings(max_examples=60, deadline=None)
@given(st.data(), FIELDS, st.integers(1, 12))
def test_every_plane_that_counts_recorded_every_pixel_of_the_crop(data, field, n: int) -> None:
    moving = transforms_of(field, tilted=True)
    missing = st.just(np.full((3, 3), np.nan))
    planes = st.lists(st.one_of(moving, missing), min_size=n, max_size=n)
    transforms = np.stack([np.eye(3), *data.draw(planes)])
    crop = common_crop(transforms, field)
    counted = [
        k for k in range(n + 1) if np.isfinite(transforms[k]).all() and k not in crop.outliers
    ]
    assert 0 in counted
    assert len(counted) >= 0.8 * np.isfinite(transforms).all((1, 2)).sum()
    box = crop.box or (0, field[0], 0, field[1])
    if not crop.too_small:
        for k in counted:
            assert_recorded(transforms[k], box, field)
    rows, columns = box[1] - box[0], box[3] - box[2]
    assert rows >= 32
    assert columns >= 32
    assert rows * columns >= field[0] * field[1] / 4


@settings(deadline=None)
@given(FIELDS, st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), max_size=12))
def test_whole_shifts_are_cut_to_the_pixel(field, shifts) -> None:
    x, y = np.array([(0, 0), *shifts]).T
    transforms = np.stack([transform(field, *shift) for shift in zip(x, y, strict=True)])
    h, w = field
    kept = (max(-y.min(), 0), h - max(y.max(), 0), max(-x.min(), 0), w - max(x.max(), 0))
    assume(kept[1] - kept[0] >= 32)
    assume(kept[3] - kept[2] >= 32)
    crop = common_crop(transforms, field)
    assume(not crop.outliers)
    assert crop.box == (None if kept == (0, h, 0, w) else kept)


@pytest.mark.parametrize("angle", [-1.0, 0.2, 2.0])
@pytest.mark.parametrize("scale", [0.98, 1.0, 1.05])
def test_a_small_turn_costs_what_its_edges_sweep(angle: float, scale: float) -> None:
    h, w = 1200, 1600
    y0, y1, x0, x1 = recorded_box(transform((h, w), scale=scale, angle=angle), (h, w))
    turn = np.abs(np.deg2rad(angle))
    assert x1 - x0 == pytest.approx(min((w * np.cos(turn) - h * np.sin(turn)) / scale, w), abs=3)
    assert y1 - y0 == pytest.approx(min((h * np.cos(turn) - w * np.sin(turn)) / scale, h), abs=3)


def test_rounding_is_no_motion() -> None:
    crop = common_crop(np.stack([transform((80, 90), x=1e-4, scale=1 + 1e-5)] * 3), (80, 90))
    assert (crop.box, crop.outliers, crop.too_small) == (None, {}, False)


# one plane alone does not take the field


def drifting(n: int, step: float, reference: int) -> list[np.ndarray]:
    return [transform((100, 100), x=step * (k - reference)) for k in range(n)]


@pytest.mark.parametrize("n", [5, 6, 9, 20])
@pytest.mark.parametrize("step", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("place", ["first", "middle"])
def test_planes_that_drift_or_zoom_evenly_all_count(n: int, step: float, place: str) -> None:
    reference = 0 if place == "first" else n // 2
    for rest in range(3):  # a stack that loses its last planes elsewhere
        moved = drifting(n, step, reference)
        zoomed = [
            transform((100, 100), scale=(1 + step / 100) ** (k - reference)) for k in range(n)
        ]
        for planes in (moved, zoomed, [np.linalg.inv(matrix) for matrix in zoomed]):
            planes[:rest] = [np.full((3, 3), np.nan)] * min(rest, reference)
            assert common_crop(np.stack(planes), (100, 100)).outliers == {}


@pytest.mark.parametrize("outlier", [0, 3, 7])
@pytest.mark.parametrize("x", [12.0, 30.0, 70.0])
def test_an_outlier_does_not_count_and_is_named(outlier: int, x: float) -> None:
    planes = drifting(8, 0.5, 4)
    planes[outlier] = transform((100, 100), x=x)
    crop = common_crop(np.stack(planes), (100, 100))
    assert crop.outliers == {outlier: pytest.approx(x / 100)}
    assert crop.box is not None
    assert crop.box[3] - crop.box[2] >= 96


def test_a_stage_that_was_pushed_makes_the_field_smaller() -> None:
    planes = [np.eye(3)] * 5 + [transform((100, 100), x=20)] * 3
    crop = common_crop(np.stack(planes), (100, 100))
    assert (crop.box, crop.outliers) == ((0, 100, 0, 80), {})


def test_one_of_few_planes_is_no_rogue() -> None:
    planes = [np.eye(3)] * 3 + [transform((100, 100), y=-20)]
    assert common_crop(np.stack(planes), (100, 100)).box == (20, 100, 0, 100)


# the results


def moving(**options) -> tuple[StackResult, StackResult]:
    """Whole and cut."""
    planes = scene("gravel", "slant", noise=QUIET, shift=1.5, zoom=0.004).planes
    source = ArraySource(planes, spacing=Spacing(y=0.5, x=0.25, z=2.0, unit="micrometer"))
    return focus_stack(source, **options), focus_stack(source, crop=True, **options)


@pytest.mark.parametrize("method", METHODS)
def test_every_result_is_cut_to_the_same_part(method: str) -> None:
    whole, cut = moving(method=method)
    assert whole.report.crop is None
    y0, y1, x0, x1 = cut.report.crop
    assert 0 < (y1 - y0) * (x1 - x0) < whole.depth.size
    for name in ("image", "depth", "depth_index", "height", "confidence"):
        part = getattr(whole, name)[y0:y1, x0:x1]
        np.testing.assert_array_equal(getattr(cut, name), part)
        assert getattr(cut, name).base is None  # the whole is forgotten
    np.testing.assert_array_equal(cut.transforms, whole.transforms)
    assert cut.report.shape == whole.report.shape
    for matrix in cut.transforms:
        assert_recorded(matrix, cut.report.crop, (160, 192))
    assert json.loads(json.dumps(cut.report.as_dict()))["crop"] == [y0, y1, x0, x1]


def test_where_nothing_moved_nothing_is_cut() -> None:
    planes = scene("gravel", "dome", noise=QUIET).planes
    whole, cut = focus_stack(planes), focus_stack(planes, crop=True)
    assert cut.report.crop is None
    np.testing.assert_array_equal(cut.image, whole.image)
    assert cut.report.notes == whole.report.notes


def test_colour_is_cut_like_grey() -> None:
    planes = np.repeat(scene("gravel", "dome", noise=QUIET).planes[..., None], 3, -1)
    given = np.tile(np.eye(3), (8, 1, 1))
    given[:2, 0, 2] = -7
    result = focus_stack(planes, transforms=given, crop=True)
    assert result.report.crop == [0, 160, 7, 192]
    assert result.image.shape == (160, 185, 3)


def test_a_plane_that_did_not_count_is_noted() -> None:
    transforms = np.tile(np.eye(3), (8, 1, 1))
    transforms[:4, 1, 2] = 3
    transforms[0, 0, 2] = 48
    transforms[7] = np.nan
    result = focus_stack(
        scene("gravel", "dome", noise=QUIET).planes, transforms=transforms, crop=True
    )
    assert result.report.crop == [0, 157, 0, 192]
    sentence = (
        "Plane 0 ('plane 0') did not count for the crop, because it alone would have taken 26% of"
    )
    assert [sentence in note for note in result.report.notes].count(True) == 1


def test_what_would_leave_too_little_stays_whole() -> None:
    transforms = np.tile(np.eye(3), (8, 1, 1))
    transforms[:4, 0, 2], transforms[6:, 0, 2] = 90, -90
    result = focus_stack(
        scene("gravel", "dome", noise=QUIET).planes, transforms=transforms, crop=True
    )
    assert result.report.crop is None
    assert result.image.shape == (160, 192)
    assert any(
        "not cropped, because the planes have too little" in note for note in result.report.notes
    )


def test_planes_for_debugging_stay_whole() -> None:
    planes = scene("gravel", "slant", noise=QUIET, shift=1.5, zoom=0.004).planes
    shapes = set()

    def note(k, plane, energy) -> None:
        shapes.update({plane.shape, energy.shape})

    result = drain(stack_steps(ArraySource(planes), Settings(crop=True), on_plane=note))
    assert result.report.crop is not None
    assert shapes == {(160, 192)}


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif"])
def test_files_of_a_crop_keep_the_size_of_a_pixel(tmp_path: Path, suffix: str) -> None:
    _, cut = moving()
    maps = ("image", "depth", "height", "depth_index")
    for role in maps:
        folder = tmp_path / role
        folder.mkdir()
        for k in range(2):  # a stack needs two
            write_outputs({role: folder / f"{k}{suffix}"}, cut)
        back = read_stack(folder)
        np.testing.assert_array_equal(back[0], getattr(cut, role))
        assert (back.spacing.y, back.spacing.x) == pytest.approx((0.5, 0.25))
        assert back.spacing.unit == "micrometer"


def test_a_crop_is_as_true_as_the_whole() -> None:
    truth = scene("gravel", "slant", noise=QUIET, shift=1.5, zoom=0.004).truth
    whole, cut = moving()
    y0, y1, x0, x1 = cut.report.crop
    inside = psnr(cut.image.astype(float), truth[y0:y1, x0:x1].astype(float))
    assert inside >= psnr(whole.image.astype(float), truth.astype(float)) - 0.1
