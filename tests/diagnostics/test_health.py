"""What the report says of a recording is what was done to the rendered stack."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import QUIET, picture, scene, surface

from napari_focus_stack import focus_stack, read_stack
from napari_focus_stack.diagnostics.plane_statistics import PlaneStatistics
from napari_focus_stack.simulation.rendering import render_stack


def good() -> np.ndarray:
    return np.array(scene("gravel", "slant", noise=QUIET).planes)


def flat(planes: np.ndarray, **options):
    """Report of a stack left where it is."""
    return focus_stack(planes, align="none", **options).report


def test_a_good_stack_is_measured() -> None:
    report = flat(good())
    health = json.loads(json.dumps(report.as_dict(), allow_nan=False))["health"]
    assert report.notes == []
    assert health["trusted"] > 0.95
    assert health["guessed"] < 0.01
    assert health["at_first"] < 0.01 > health["at_last"]
    assert health["saturated"] == [0.0] * 8
    assert health["empty"] == health["duplicates"] == []
    assert health["brightness_drift"] == 0


def test_noise_is_the_one_that_was_added() -> None:
    rng = np.random.default_rng(0)
    planes = np.repeat(picture("gravel", 160, 192)[None] * 0, 6, 0) + np.float32(0.5)
    health = flat(planes + 0.02 * rng.standard_normal(planes.shape, np.float32)).health
    variance = health["noise_constant"] + 0.5 * health["noise_slope"]
    assert variance == pytest.approx(0.02**2, rel=0.15)


@pytest.mark.parametrize(
    ("kept", "end", "other", "words"),
    [
        (np.s_[3:], "at_first", "at_last", "in the first plane (plane 0)"),
        (np.s_[:5], "at_last", "at_first", "in the last plane (plane 4)"),
    ],
    ids=["top", "bottom"],
)
def test_a_surface_that_leaves_the_range_is_noted(kept, end: str, other: str, words: str) -> None:
    report = flat(good()[kept])
    assert report.health[end] > 0.15
    assert report.health[other] < 0.01
    assert [
        note for note in report.notes if "outside the stack" in note and words in note
    ] == report.notes


@pytest.mark.parametrize(
    ("options", "kept", "told"),
    [({}, np.s_[4:], "outside the stack"), ({"blur": 5.0}, np.s_[:], "z step is coarse")],
)
def test_planes_out_of_order_have_no_ends_and_no_step(options: dict, kept, told: str) -> None:
    planes = scene("gravel", "slant", n=12, noise=QUIET, **options).planes[kept]
    shuffled = planes[np.random.default_rng(1).permutation(len(planes))]
    recorded, mixed = flat(planes), flat(shuffled)
    assert recorded.in_order
    assert any(told in note for note in recorded.notes)
    assert not mixed.in_order
    words = ("outside the stack", "z step is")
    assert [note for note in mixed.notes if any(word in note for word in words)] == []


def test_the_width_of_the_focus_curve_falls_as_the_blur_per_plane_grows() -> None:
    """In planes: twice the blur a plane, half the width."""
    widths = [
        flat(scene("gravel", "slant", n=n, blur=blur, noise=QUIET).planes).health["peak_width"]
        for blur, n in ((0.5, 16), (1.0, 8))
    ]
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.15)


def test_planes_too_far_apart_are_noted_with_a_better_step() -> None:
    planes = scene("gravel", "slant", blur=5.0, noise=QUIET).planes
    (note,) = flat(planes, z_step=10).notes
    assert "z step is coarse" in note
    better = float(note.split("a z step of about ")[1].split()[0])
    assert 1 < better < 5
    assert note.split("a z step of about ")[1].split()[1].startswith("µm")
    (unscaled,) = flat(planes).notes
    assert "times this z step" in unscaled


def test_planes_too_close_are_noted() -> None:
    planes = scene("gravel", "slant", n=16, blur=0.3, noise=QUIET).planes
    notes = [note for note in flat(planes, z_step=1.0).notes if "finer than needed" in note]
    assert len(notes) == 1
    assert 2 < float(notes[0].split("a z step of about ")[1].split()[0]) < 4


@pytest.mark.parametrize(
    ("dtype", "white"), [("uint8", None), ("uint16", None), ("uint16", 4095), ("float32", None)]
)
def test_saturated_planes_are_noted_whatever_the_bits(dtype: str, white: float | None) -> None:
    image = picture("gravel", 160, 192)
    bright = image * np.float32(0.98 / np.quantile(image, 0.9))  # a tenth of it beyond white
    depth = surface("slant", 8, 160, 192)
    planes = render_stack(bright, depth, 8, 1.2, noise=QUIET, dtype=dtype, white=white)
    planes = np.minimum(planes, 1.0) if dtype == "float32" else planes
    report = flat(planes)
    top = {"uint8": 255, "uint16": white or 65535, "float32": 1.0}[dtype]
    np.testing.assert_allclose(report.health["saturated"], (planes == top).mean((1, 2)))
    worst = int(np.argmax(report.health["saturated"]))
    assert report.health["saturated"][worst] > 0.02
    (note,) = report.notes
    assert note.startswith(f"Plane {worst} is overexposed in ")
    assert "Expose less" in note


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_what_is_merely_bright_is_not_saturated(dtype: str) -> None:
    planes = scene("gravel", "slant", noise=QUIET, dtype=dtype).planes
    assert max(flat(planes).health["saturated"]) < 0.001


def test_saturation_counts_a_pixel_once_and_alpha_never() -> None:
    planes = np.zeros((2, 8, 8, 4), np.uint8)
    planes[..., 3] = 255
    planes[1, 0, :2, :3] = 255
    statistics = PlaneStatistics(planes.dtype)
    for k in (1, 0):
        statistics.record(k, planes[k])
    assert statistics.saturated(3) == [0.0, 2 / 64, 0.0]


@pytest.mark.parametrize("colour", [(), (3,), (4,)])
@pytest.mark.parametrize("gap", [np.nan, -np.inf])
def test_what_was_not_recorded_does_not_saturate(colour: tuple[int, ...], gap: float) -> None:
    plane = np.random.default_rng(0).random((96, 80, *colour)).astype(np.float32)
    plane[20:25, 10:30] = 1.0
    plane[60:] = gap
    statistics = PlaneStatistics(plane.dtype)
    statistics.record(0, plane)
    assert statistics.saturated(1) == [5 * 20 / (96 * 80)]


def test_a_truth_value_does_not_saturate() -> None:
    planes = np.random.default_rng(0).random((3, 96, 96)) > 0.5
    assert flat(planes).health["saturated"] == [0.0] * 3


def test_duplicates_are_noted_once_a_run() -> None:
    planes = good()
    planes = planes[[0, 1, 2, 2, 2, 3, 4, 5, 5, 6, 7]]
    report = flat(planes)
    assert report.health["duplicates"] == [[2, 3, 4], [7, 8]]
    told = [note for note in report.notes if "equal in every pixel" in note]
    assert [note.split(" are")[0] for note in told] == ["Planes 2, 3 and 4", "Planes 7 and 8"]


def test_one_changed_pixel_makes_no_duplicate() -> None:
    planes = good()
    planes[4] = planes[3]
    planes[4, 77, 101] ^= 1
    assert flat(planes).health["duplicates"] == []


@settings(max_examples=80, deadline=None)
@given(
    st.tuples(st.integers(8, 70), st.integers(8, 70)),
    st.sampled_from([(), (3,), (4,)]),
    st.sampled_from(["uint8", "uint16", "float32"]),
    st.data(),
)
def test_a_change_anywhere_makes_no_duplicate(shape, colour, dtype: str, data) -> None:
    plane = np.random.default_rng(0).integers(0, 250, (*shape, *colour)).astype(dtype)
    other = plane.copy()
    anywhere, at_end = st.integers(0, plane.size - 1), st.integers(plane.size - 7, plane.size - 1)
    place = data.draw(anywhere | at_end, "place")
    other.reshape(-1)[place] += data.draw(st.integers(1, 5), "change")
    statistics = PlaneStatistics(np.dtype(dtype))
    for k, seen in enumerate([plane, plane.copy(), other, other[..., ::1], plane]):
        statistics.record(k, seen)
    assert statistics.duplicates() == [[0, 1], [2, 3]]


def test_planes_of_another_layout_in_memory_are_equal_too() -> None:
    plane = np.random.default_rng(0).integers(0, 250, (40, 56, 3)).astype(np.uint8)
    statistics = PlaneStatistics(plane.dtype)
    for k, seen in enumerate([plane, np.asfortranarray(plane), plane[:, ::-1]]):
        statistics.record(k, seen)
    assert statistics.duplicates() == [[0, 1]]


@pytest.mark.parametrize("share", [0.002, 0.05])
@pytest.mark.parametrize("colour", [(), (3,)], ids=["grey", "colour"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_saturation_of_large_planes_is_counted_on_some_rows(dtype, colour, share) -> None:
    rng = np.random.default_rng(3)
    shape = 1100, 1300
    plane = rng.integers(20, 200, (*shape, *colour)).astype(dtype)
    glint = cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), 6)
    beyond = glint > np.quantile(glint, 1 - share)
    plane[beyond] = 255 if dtype == "uint8" else 4095
    statistics = PlaneStatistics(plane.dtype)
    statistics.record(0, plane)
    (found,) = statistics.saturated(1)
    assert found == pytest.approx(share, rel=0.15)


def test_empty_planes_are_noted_and_are_no_duplicates() -> None:
    planes = good()
    almost = np.full((2, *planes.shape[1:]), 100, np.uint8)
    almost[:, 0, 0] = 101  # planes of one value are left out
    report = flat(np.concatenate([planes, almost]))
    assert report.health["empty"] == [8, 9]
    assert report.health["duplicates"] == []
    assert any(note.startswith("Planes 8, 9 show next to nothing") for note in report.notes)


def test_an_empty_plane_that_was_left_out_is_noted_once() -> None:
    planes = good()
    planes[7] = 100
    report = focus_stack(planes).report
    assert report.health["empty"] == [7]
    assert len([note for note in report.notes if "lane 7" in note and "nothing" in note]) == 1


def test_planes_left_out_for_one_reason_are_noted_in_one_sentence() -> None:
    blank = np.full((4, *good().shape[1:]), 100, np.uint8)
    report = focus_stack(np.concatenate([blank, good(), blank[:1]])).report
    last = len(report.planes) - 1
    assert [one.plane for one in report.left_out] == [0, 1, 2, 3, last]
    assert [note for note in report.notes if "left out" in note] == [
        f"Planes 0 to 3 and {last} were left out, each because it shows nothing (blank)."
    ]


@pytest.mark.parametrize(("least", "told"), [(0.7, True), (0.95, False)])
def test_light_that_changes_much_is_noted(least: float, told: bool) -> None:
    gains = tuple(np.linspace(least, 1, 8))
    report = focus_stack(scene("gravel", "slant", noise=QUIET, gains=gains).planes).report
    assert report.gains_applied
    assert report.health["brightness_drift"] == pytest.approx(1 / least - 1, abs=0.02)
    assert any("fix the exposure" in note for note in report.notes) is told


def test_a_guessed_depth_is_noted() -> None:
    planes = good()
    planes[:, :, 96:] = np.random.default_rng(3).normal(100, 2, (8, 160, 96)).round()
    report = flat(planes)
    assert 0.25 < report.health["guessed"] < 0.55  # half of the picture is noise
    assert any("depth is a guess" in note for note in report.notes)


@pytest.mark.parametrize(("noise", "uncertain"), [(5, False), (12, False), (16, True), (24, True)])
def test_a_depth_of_which_next_to_nothing_is_sure_is_noted(noise: float, uncertain: bool) -> None:
    """Light alone decides: the depth is within a fifth of a plane all the same."""
    made = scene("gravel", "slant", noise=QUIET)
    added = np.random.default_rng(0).normal(0, noise, made.planes.shape)
    result = focus_stack(np.clip(made.planes + added, 0, 255).astype(np.uint8), align="none")
    assert float((result.confidence >= 0.5).mean()) == pytest.approx(
        result.report.health["trusted"]
    )
    assert (result.report.health["trusted"] < 0.1) is uncertain
    assert np.abs(result.depth - made.depth).mean() < 0.2
    said = [note for note in result.report.notes if "Hardly any of the depth is sure" in note]
    assert result.report.advice["texture"] == said
    assert len(said) == uncertain


def test_a_small_specimen_before_a_noisy_blurred_background_is_sure() -> None:
    """Depth of such a background is neither a guess nor sure, and nothing is amiss."""
    texture = picture("gravel", 240, 320) * 255
    y, x = np.mgrid[:240, :320]
    inside = (np.hypot(y - 120, x - 160) < 28).astype(np.float32)  # 3 % of the field
    planes = [
        cv2.GaussianBlur(texture, (0, 0), 0.3 + abs(k - 4)) * inside
        + cv2.GaussianBlur(texture, (0, 0), 6 + k) * (1 - inside)
        for k in range(10)
    ]
    noise = np.random.default_rng(0).normal(0, 3, (10, 240, 320))
    report = flat(np.clip(np.array(planes) + noise, 0, 255).astype(np.uint8))
    assert report.health["guessed"] < 0.2
    assert report.health["trusted"] < 0.1
    assert report.advice["texture"] == []


def test_the_planes_are_not_held() -> None:
    """A census keeps numbers: it may be shown any number of planes."""
    import gc
    import weakref

    statistics = PlaneStatistics(np.dtype(np.uint8))
    plane = np.zeros((64, 64), np.uint8) + np.arange(64, dtype=np.uint8)
    gone = weakref.ref(plane)
    statistics.record(0, plane)
    del plane
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(("step", "said"), [(0.5, False), (3.0, True)])
def test_a_field_that_moves_is_measured_and_said_beyond_a_share(step, said):
    motions = np.tile(np.eye(3), (8, 1, 1))
    motions[:, 0, 2] = step * np.arange(8) * 0.6
    motions[:, 1, 2] = step * np.arange(8) * 0.8
    planes = np.random.default_rng(0).integers(0, 255, (8, 200, 300), np.uint8)
    report = focus_stack(planes, transforms=motions, crop=True).report
    assert report.health["drift"] == pytest.approx(7 * step)
    assert report.health["drift_share"] == pytest.approx(7 * step / 200)
    assert bool(report.advice["drift"]) == said
    assert set(report.advice["drift"]) <= set(report.notes)


def test_every_subject_is_judged_and_every_sentence_is_a_note():
    planes = np.random.default_rng(0).integers(0, 255, (5, 64, 64), np.uint8)
    planes[2:4] = planes[2]
    report = focus_stack(planes, align="none").report
    assert list(report.advice) == [
        "range of z", "z step", "texture", "planes", "drift", "brightness", "exposure",
    ]  # fmt: skip
    said = [sentence for about in report.advice.values() for sentence in about]
    assert report.advice["planes"]
    assert [note for note in report.notes if note in said] == said


def test_two_planes_are_no_reason_to_ask_for_more_at_their_ends() -> None:
    planes = good()[[2, 5]]
    notes = flat(planes).notes
    assert sum("only two planes" in note for note in notes) == 1
    assert not any("outside the stack" in note for note in notes)


def test_contrast_that_is_least_in_focus_is_noted_once_with_the_plane() -> None:
    """Unstained cells: bright rims on both sides of focus, next to nothing in it."""
    y, x = np.mgrid[:160, :192].astype(np.float32)
    cells = np.zeros((160, 192), np.float32)
    for row, column in np.random.default_rng(2).uniform(10, 150, (40, 2)):
        cells += (np.hypot(y - row, x - 1.2 * column) < 9).astype(np.float32)
    planes = []
    for k in range(9):
        rim = cells - cv2.GaussianBlur(cells, (0, 0), 1.5)
        noise = np.random.default_rng(k).normal(0, 1, cells.shape)
        planes.append(np.clip(120 + 12 * (k - 4) * rim + 2 * rim + noise, 0, 255).round())
    notes = flat(np.array(planes, np.uint8)).notes
    [note] = [note for note in notes if "Contrast is strongest at both ends" in note]
    assert "near plane 4" in note
    assert not any("outside the stack" in note for note in notes)


def test_a_plane_that_was_left_out_is_not_judged() -> None:
    planes = good()
    planes[7] = 255
    planes[7, ::2] = 254
    report = focus_stack(planes).report
    assert [one.plane for one in report.left_out] == [7]
    assert not any("overexposed" in note for note in report.notes)


def test_a_moving_field_names_shift_magnification_and_how_sure_that_is() -> None:
    moving = scene("gravel", "slant", zoom=0.01, shift=2.0, noise=QUIET)
    report = focus_stack(moving.planes).report
    [note] = report.advice["drift"]
    magnified = float(note.split("magnification changed by ")[1].split("%")[0])
    assert magnified == pytest.approx(7, abs=0.5)
    assert "the field moved by " in note.lower()
    assert "so this is certain" in note


@pytest.mark.parametrize("kept", [np.s_[3:], np.s_[:5]], ids=["top", "bottom"])
def test_a_file_that_may_be_no_plane_gives_no_advice_on_ends_and_step(kept, tmp_path) -> None:
    planes = good()
    files = [tmp_path / f"img_{k}.tif" for k in range(len(planes[kept]))]
    for file, plane in zip(files, planes[kept], strict=True):
        tifffile.imwrite(file, np.round(plane).astype(np.uint8))
    alone = focus_stack(read_stack(tmp_path), align="none").report
    assert alone.advice["range of z"]
    sharp = focus_stack(planes, align="none").image
    cv2.imwrite(str(tmp_path / "sharp.png"), np.round(sharp).astype(np.uint8))
    report = focus_stack(read_stack(tmp_path), align="none").report
    assert len(report.planes) == len(files) + 1
    assert "'sharp.png' differs from the other files" in report.notes[0]
    assert not {"range of z", "z step"} & report.advice.keys()
    assert not [note for note in report.notes if "Next time take" in note]
