"""Depth corrected by hand, against rendered scenes whose sharp image and depth are known."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from long_runs import examples
from scenes import QUIET, Scene, psnr, scene

from napari_focus_stack import ArraySource, InputError, SettingsError, focus_stack, read_stack
from napari_focus_stack.correction.compositing import FEATHER_REACH
from napari_focus_stack.correction.nearest_plane import nearest_plane_labels
from napari_focus_stack.correction.retouch import DepthRetoucher, apply_correction
from napari_focus_stack.depth_labels import BACKGROUND

if TYPE_CHECKING:
    from pathlib import Path

    from napari_focus_stack import StackResult

MAPS = ("image", "depth", "depth_index", "confidence")
PATCH = np.s_[60:100, 110:150]
"""On the right side of the step, which plane 5 shows."""


@cache
def run(**options) -> tuple[ArraySource, StackResult]:
    rendered = scene("gravel", "step", noise=QUIET)
    source = ArraySource(rendered.planes)
    return source, focus_stack(source, align="none", **options)


def wrong(source: ArraySource, result: StackResult, where, plane: int) -> StackResult:
    """A result that is of another plane somewhere, as if it had been misled."""
    image, depth, index = (getattr(result, name).copy() for name in MAPS[:3])
    image[where], depth[where], index[where] = source[plane][where], plane, plane
    return dataclasses.replace(result, image=image, depth=depth, depth_index=index)


def painted(result: StackResult, *strokes: tuple) -> np.ndarray:
    labels = np.zeros(result.depth.shape, np.uint16)
    for where, label in strokes:
        labels[where] = label
    return labels


def assert_same(a, b, where=np.s_[:]) -> None:
    for name in MAPS:
        np.testing.assert_array_equal(getattr(a, name)[where], getattr(b, name)[where])


def truly(image, rendered: Scene, where) -> float:
    return psnr(image[where].astype(float), rendered.truth[where])


def test_painting_the_true_plane_brings_the_image_to_the_truth() -> None:
    source, good = run()
    rendered = scene("gravel", "step", noise=QUIET)
    misled = wrong(source, good, PATCH, 0)
    true_plane = round(float(rendered.depth[80, 130]))
    corrected = apply_correction(source, misled, painted(misled, (PATCH, true_plane + 1)))
    before = truly(misled.image, rendered, PATCH)
    inner = np.s_[
        60 + FEATHER_REACH : 100 - FEATHER_REACH, 110 + FEATHER_REACH : 150 - FEATHER_REACH
    ]
    assert before < 30
    assert truly(corrected.image, rendered, inner) > before + 8
    assert truly(corrected.image, rendered, PATCH) > before + 3
    assert np.abs(corrected.depth - rendered.depth)[PATCH].max() < 0.6
    assert (corrected.depth_index[PATCH] == true_plane).all()
    assert (corrected.confidence[PATCH] == 1).all()
    assert misled.depth[80, 130] == 0  # what was found is not changed


def test_nothing_changes_beyond_the_feather() -> None:
    source, result = run()
    retoucher = DepthRetoucher(source, result)
    changed = retoucher.change(painted(result, (PATCH, 1)))
    around = (
        slice(60 - FEATHER_REACH, 100 + FEATHER_REACH),
        slice(110 - FEATHER_REACH, 150 + FEATHER_REACH),
    )
    assert changed == around
    far = np.ones(result.depth.shape, bool)
    far[around] = False
    assert_same(retoucher, result, far)
    assert (retoucher.image != result.image)[PATCH].mean() > 0.5
    outside = np.ones(result.depth.shape, bool)
    outside[PATCH] = False
    for name in MAPS[1:]:  # only the image is blended
        np.testing.assert_array_equal(
            getattr(retoucher, name)[outside], getattr(result, name)[outside]
        )


def test_edges_are_blended_within_the_feather_alone() -> None:
    planes = np.stack([np.full((64, 80), value, np.float32) for value in (0, 0, 1)])
    source = ArraySource(planes)
    result = focus_stack(source, align="none")
    result = dataclasses.replace(result, image=np.zeros_like(result.image))
    labels = np.zeros((64, 80), np.uint16)
    labels[:, 40:] = 3
    alpha = apply_correction(source, result, labels).image
    assert (alpha[:, : 40 - FEATHER_REACH] == 0).all()
    assert (alpha[:, 40 + FEATHER_REACH :] == 1).all()
    seam = alpha[:, 40 - FEATHER_REACH : 40 + FEATHER_REACH]
    assert ((seam > 0) & (seam < 1)).all()
    assert (np.diff(seam, axis=1) > 0).all()
    assert (alpha == alpha[:1]).all()  # up to the border of the image
    np.testing.assert_allclose(alpha[:, 39] + alpha[:, 40], 1, atol=1e-4)


@pytest.mark.parametrize("options", [{"values": "recorded"}, {"method": "depth"}, {"gaussian": 5}])
def test_recorded_values_are_not_blended(options) -> None:
    source, result = run(**options)
    retoucher = DepthRetoucher(source, result)
    assert retoucher.change(painted(result, (PATCH, 1))) == (slice(60, 100), slice(110, 150))
    np.testing.assert_array_equal(retoucher.image[PATCH], source[0][PATCH])


def test_background_has_no_depth_and_keeps_its_image() -> None:
    rendered = scene("gravel", "step", noise=QUIET)
    source = ArraySource(rendered.planes)
    result = focus_stack(source, align="none", z_step=0.5)
    labels = painted(result, (PATCH, BACKGROUND), (np.s_[10:20, 10:20], 3))
    retoucher = DepthRetoucher(source, result, labels)
    assert retoucher.height is not None
    assert result.height is not None
    assert np.isnan(retoucher.depth[PATCH]).all()
    assert np.isnan(retoucher.height[PATCH]).all()
    assert (retoucher.confidence[PATCH] == 1).all()
    np.testing.assert_array_equal(retoucher.depth_index[PATCH], result.depth_index[PATCH])
    np.testing.assert_array_equal(retoucher.image[PATCH], result.image[PATCH])
    assert (retoucher.height[10:20, 10:20] == 1).all()  # plane 2
    retoucher.change(np.zeros_like(labels))
    assert_same(retoucher, result)
    np.testing.assert_array_equal(retoucher.height, result.height)


# however the labels came about

rectangles = st.tuples(
    st.integers(0, 150), st.integers(1, 40), st.integers(0, 180), st.integers(1, 40)
)
strokes = st.lists(
    st.tuples(rectangles, st.sampled_from([0, 1, 4, 8, BACKGROUND])), min_size=1, max_size=6
)


@settings(deadline=None, max_examples=examples(12))
@given(strokes, st.booleans())
def test_only_the_labels_count_not_the_strokes(strokes, moving: bool) -> None:
    source, result = moved(dtype="float32") if moving else run()
    retoucher = DepthRetoucher(source, result)
    labels = np.zeros(result.depth.shape, np.uint16)
    for (top, height, left, width), label in strokes:
        window = slice(top, min(top + height, 160)), slice(left, min(left + width, 192))
        labels[window] = label
        before = {name: getattr(retoucher, name).copy() for name in MAPS}
        changed = retoucher.change(labels[window], window)
        same = np.ones(labels.shape, bool)
        if changed is not None:
            same[changed] = False
        for name, former in before.items():
            np.testing.assert_array_equal(getattr(retoucher, name)[same], former[same])
    np.testing.assert_array_equal(retoucher.labels, labels)
    assert_same(retoucher, apply_correction(source, result, labels))
    assert retoucher.change(labels) is None
    retoucher.change(np.zeros_like(labels))
    assert_same(retoucher, result)


@cache
def moved(**kinds) -> tuple[ArraySource, StackResult]:
    rendered = scene("gravel", "step", noise=QUIET, zoom=0.02, shift=2.5, **kinds)
    source = ArraySource(rendered.planes)
    return source, focus_stack(source, transforms=rendered.transforms)


def test_two_labels_meet_without_the_image_below() -> None:
    """Beyond the feather's reach of what is not painted, only the two planes count."""
    source, result = run()
    white = dataclasses.replace(result, image=np.full_like(result.image, 255))
    labels = painted(result, (np.s_[20:140, 20:90], 1), (np.s_[20:140, 80:160], 8))
    image = apply_correction(source, white, labels).image
    inner = np.s_[
        20 + FEATHER_REACH : 140 - FEATHER_REACH, 20 + FEATHER_REACH : 160 - FEATHER_REACH
    ]
    first, last = source[0][inner].astype(int), source[7][inner].astype(int)
    assert (image[inner] <= np.maximum(first, last)).all()
    assert (image[inner] >= np.minimum(first, last)).all()
    np.testing.assert_array_equal(image[30:130, 30:73], source[0][30:130, 30:73])
    np.testing.assert_array_equal(image[30:130, 87:150], source[7][30:130, 87:150])


# kinds of stacks


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64", "int16"])
@pytest.mark.parametrize("colour", [(), (3,), (4,)])
def test_inside_a_stroke_is_the_plane_itself(dtype: str, colour: tuple[int, ...]) -> None:
    rng = np.random.default_rng(4)
    planes = rng.integers(0, 3000, (4, 70, 90, *colour)).astype(dtype)
    source = ArraySource(planes)
    result = focus_stack(source, align="none")
    labels = painted(result, (np.s_[10:50, 20:70], 2))
    corrected = apply_correction(source, result, labels)
    assert corrected.image.dtype == dtype
    np.testing.assert_array_equal(corrected.image[16:44, 26:64], planes[1, 16:44, 26:64])
    low = np.minimum(result.image, planes[1]) - 1e-3
    high = np.maximum(result.image, planes[1]) + 1e-3
    assert ((corrected.image >= low) & (corrected.image <= high)).all()


def test_brightness_is_the_runs() -> None:
    rendered = scene("gravel", "step", gains=tuple(np.linspace(0.8, 1.1, 8)), noise=QUIET)
    source = ArraySource(rendered.planes)
    result = focus_stack(source, align="none", brightness="match")
    assert result.report.gains_applied
    corrected = apply_correction(source, result, painted(result, (PATCH, 1)))
    gain = result.report.gains[0]
    lit = gain * source[0][PATCH] + (result.report.offsets[0] or 0)
    inner = np.s_[FEATHER_REACH:-FEATHER_REACH, FEATHER_REACH:-FEATHER_REACH]
    np.testing.assert_allclose(corrected.image[PATCH][inner], lit[inner], atol=0.51)
    kept = focus_stack(source, align="none", brightness="keep")
    left = apply_correction(source, kept, painted(result, (PATCH, 1)))
    np.testing.assert_array_equal(left.image[PATCH][inner], source[0][PATCH][inner])


def test_a_moved_plane_comes_as_the_reference_sees_it() -> None:
    rendered = scene("gravel", "step", noise=QUIET, zoom=0.02, shift=2.5)
    source, result = moved()
    misled = dataclasses.replace(result, image=np.zeros_like(result.image))
    right = round(float(rendered.depth[80, 130]))
    corrected = apply_correction(source, misled, painted(result, (PATCH, right + 1)))
    inner = np.s_[70:90, 120:140]
    seen = truly(corrected.image, rendered, inner)
    where_it_lies = truly(source[right], rendered, inner)
    assert seen > where_it_lies + 5


@pytest.mark.parametrize("step", [1, 3])
def test_a_plane_is_shown_as_painting_it_shows_it(step: int) -> None:
    """Moved and cropped, to the grey level by which two ways of resampling differ."""
    rendered = scene("gravel", "step", noise=QUIET, zoom=0.02, shift=2.5)
    source = ArraySource(rendered.planes)
    result = focus_stack(source, transforms=rendered.transforms, crop=True)
    shown = DepthRetoucher(source, result).plane(6, (slice(20, 90), slice(30, 99)), step)
    everywhere = apply_correction(source, result, np.full(result.depth.shape, 7))
    part = everywhere.image[20:90:step, 30:99:step]
    assert shown.dtype == part.dtype
    np.testing.assert_allclose(shown.astype(int), part, atol=1)
    assert np.abs(shown.astype(int) - result.image[20:90:step, 30:99:step]).max() > 30


def test_a_result_that_was_cut_has_its_own_pixels() -> None:
    rendered = scene("gravel", "step", noise=QUIET, zoom=0.02, shift=2.5)
    source = ArraySource(rendered.planes)
    full, cut = (
        focus_stack(source, transforms=rendered.transforms, crop=crop) for crop in (False, True)
    )
    assert cut.report.crop is not None
    y0, y1, x0, x1 = cut.report.crop
    assert y0 > 0
    assert x0 > 0
    labels = painted(full, (PATCH, 2))
    there = np.s_[y0:y1, x0:x1]
    same = dataclasses.replace(cut, image=full.image[there].copy())
    corrected = apply_correction(source, same, labels[there])
    np.testing.assert_array_equal(
        corrected.image, apply_correction(source, full, labels).image[there]
    )
    assert (corrected.depth[labels[there] > 0] == 1).all()


def test_where_the_plane_recorded_nothing_the_image_stays() -> None:
    rng = np.random.default_rng(6)
    planes = rng.random((4, 70, 90), np.float32)
    planes[1, 20:30, 30:50] = np.nan
    planes[:, 40:44, 30:34] = np.inf
    source = ArraySource(planes)
    result = focus_stack(source, align="none")
    assert np.isnan(result.image[40:44, 30:34]).all()
    corrected = apply_correction(source, result, painted(result, (np.s_[10:60, 10:80], 2)))
    for gap in (np.s_[20:30, 30:50], np.s_[40:44, 30:34]):
        np.testing.assert_array_equal(corrected.image[gap], result.image[gap])
        assert (corrected.depth[gap] == 1).all()
    shown = DepthRetoucher(source, result).plane(1, (slice(0, 70), slice(0, 90)))
    known = np.isfinite(planes[1])
    np.testing.assert_array_equal(shown, np.where(known, planes[1], result.image))
    recorded = np.isfinite(planes[1]) & (np.pad(np.ones((38, 58)), 16)[:70, :90] > 0)
    np.testing.assert_array_equal(corrected.image[recorded], planes[1][recorded])


def test_an_image_without_values_takes_no_part_in_the_feather() -> None:
    planes = np.random.default_rng(6).random((4, 70, 90), np.float32)
    source = ArraySource(planes)
    result = focus_stack(source, align="none")
    empty = dataclasses.replace(result, image=np.full_like(result.image, np.nan))
    shown = apply_correction(source, empty, painted(result, (np.s_[20:50, 30:60], 2))).image
    near = np.s_[17:53, 27:63]
    np.testing.assert_allclose(shown[near], planes[1][near], rtol=1e-6)
    assert np.isnan(shown[: 20 - FEATHER_REACH]).all()


# what is asked for and cannot be


@pytest.mark.parametrize(
    "labels",
    [
        np.zeros((160, 191), np.uint16),
        np.zeros((160, 192), np.float32),
        np.zeros((160, 192), bool),
        np.zeros((1, 160, 192), np.uint16),
    ],
)
def test_labels_of_another_shape_or_kind_are_refused(labels) -> None:
    source, result = run()
    with pytest.raises(SettingsError, match=r"do not fit the result.*\(160, 192\)"):
        DepthRetoucher(source, result, labels)


@pytest.mark.parametrize("label", [-1, 9, 65534, 65536, 2**40])
def test_labels_of_no_plane_are_refused_and_nothing_is_changed(label: int) -> None:
    source, result = run()
    retoucher = DepthRetoucher(source, result, painted(result, (PATCH, 3)))
    before = {name: getattr(retoucher, name).copy() for name in (*MAPS, "labels")}
    labels = retoucher.labels.astype(np.int64)
    labels[5, 5], labels[90, 120] = label, 1
    with pytest.raises(SettingsError, match=f"Label {label} .*1 to 8.*65535"):
        retoucher.change(labels)
    for name, former in before.items():
        np.testing.assert_array_equal(getattr(retoucher, name), former)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "uint64"])
def test_labels_of_any_whole_number_will_do(dtype: str) -> None:
    source, result = run()
    labels = painted(result, (PATCH, 3))
    assert_same(
        apply_correction(source, result, labels.astype(dtype)),
        apply_correction(source, result, labels),
    )


def test_a_plane_that_was_left_out_cannot_be_painted_with() -> None:
    rendered = scene("gravel", "step", noise=QUIET)
    source = ArraySource(rendered.planes)
    given = np.tile(np.eye(3), (8, 1, 1))
    given[2] = np.nan
    result = focus_stack(source, transforms=given)
    with pytest.raises(SettingsError, match=r"Plane 2 \('plane 2'\) was left out"):
        apply_correction(source, result, painted(result, (PATCH, 3)))
    with pytest.raises(SettingsError, match="was left out"):
        DepthRetoucher(source, result).plane(2, PATCH)
    assert (apply_correction(source, result, painted(result, (PATCH, 4))).depth[PATCH] == 3).all()


def test_another_stack_is_refused() -> None:
    _, result = run()
    other = ArraySource(np.zeros((8, 100, 192), np.uint8))
    with pytest.raises(InputError, match=r"\(8, 160, 192\), not \(8, 100, 192\)"):
        DepthRetoucher(other, result)


def test_a_plane_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    rendered = scene("gravel", "step", noise=QUIET)
    import cv2

    for k, plane in enumerate(rendered.planes):
        cv2.imwrite(str(tmp_path / f"{k}.png"), plane)
    source = read_stack(tmp_path)
    result = focus_stack(source, align="none")
    retoucher = DepthRetoucher(source, result)
    (tmp_path / "2.png").unlink()
    with pytest.raises(InputError, match=r"2\.png"):
        retoucher.change(painted(result, (PATCH, 3)))
    assert_same(retoucher, result)
    assert not retoucher.labels.any()
    retoucher.change(painted(result, (PATCH, 4)))
    assert (retoucher.depth[PATCH] == 3).all()


def test_the_last_planes_of_files_are_read_once() -> None:
    source, result = run()
    asked: list[int] = []

    class Counting(ArraySource):
        def __getitem__(self, k: int):
            asked.append(k)
            return super().__getitem__(k)

    retoucher = DepthRetoucher(Counting(source._planes), result)
    for row in range(10, 60, 10):
        for label in (1, 2, 3, 4):
            labels = retoucher.labels
            labels[row, 10 * label : 10 * label + 8] = label
            retoucher.change(labels)
    assert sorted(asked) == [0, 1, 2, 3]


def test_the_report_says_how_much_was_corrected() -> None:
    source, result = run()
    labels = painted(result, (np.s_[10:20, 10:20], 3), (np.s_[40:50, 10:20], BACKGROUND))
    corrected = apply_correction(source, result, labels)
    note = "Depth was corrected by hand in 200 pixels."
    assert corrected.report.notes == [*result.report.notes, note]
    unchanged = apply_correction(source, result, np.zeros_like(labels))
    assert unchanged.report.notes == result.report.notes


# nearest wins


def test_the_nearest_credible_plane_in_or_around_a_stroke_wins() -> None:
    _, result = run()
    index = np.full(result.depth.shape, 5, np.uint16)
    confidence = np.full(result.depth.shape, 0.9, np.float32)
    index[50:54, 50:70] = 2  # beside the first stroke
    index[40:44, 50:70], confidence[40:44, 50:70] = 1, 0.4  # not credible
    index[36, 52] = 0  # a pixel that errs
    index[100:120, 100:110] = 6
    confidence[130:, :40] = 0
    found = dataclasses.replace(result, depth_index=index, confidence=confidence)
    mask = np.zeros(index.shape, bool)
    mask[35:47, 50:70] = True
    mask[105:115, 104:114] = True
    mask[140:150, 10:20] = True
    labels = nearest_plane_labels(found, mask)
    assert (labels[35:47, 50:70] == 3).all()
    assert (labels[105:115, 104:114] == 6).all()
    assert not labels[140:150, 10:20].any()
    assert not labels[~mask].any()
    last = nearest_plane_labels(found, mask, side="last")
    assert (last[35:47, 50:70] == 6).all()
    assert (last[105:115, 104:114] == 7).all()


def test_nearest_wins_refuses_what_does_not_fit() -> None:
    _, result = run()
    with pytest.raises(SettingsError, match="first, last"):
        nearest_plane_labels(result, np.zeros((160, 192), bool), side="near")  # type: ignore[arg-type]
    for bad in (np.zeros((160, 191), bool), np.zeros((160, 192), np.uint8)):
        with pytest.raises(SettingsError, match="does not fit"):
            nearest_plane_labels(result, bad)
