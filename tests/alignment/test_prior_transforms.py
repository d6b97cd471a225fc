"""Transforms taken from elsewhere, and where alignment may look: what is taken and what refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scenes import QUIET, scene

from napari_focus_stack import Settings, focus_stack
from napari_focus_stack.alignment.prior_transforms import PriorTransforms, alignment_mask
from napari_focus_stack.errors import FocusStackError, InputError, SettingsError
from napari_focus_stack.pipeline import alignment
from napari_focus_stack.simulation.metrics import score_image

if TYPE_CHECKING:
    from pathlib import Path

    from napari_focus_stack.result import Progress, StackResult

N, FIELD = 8, (160, 192)


def moved(name: str = "gravel"):
    return scene(name, "slant", noise=QUIET, zoom=0.004, angle=0.05, shift=1.5)


@pytest.fixture(scope="module")
def leader() -> StackResult:
    return focus_stack(moved().planes)


@pytest.fixture
def report(leader: StackResult, tmp_path: Path) -> Path:
    path = tmp_path / "leader.json"
    path.write_text(json.dumps(leader.report.as_dict()))
    return path


def still(*left_out: int) -> list[Any]:
    return [None if k in left_out else np.eye(3) for k in range(N)]


# what is taken


def test_another_channel_follows(leader: StackResult, report: Path) -> None:
    """Result, array and report say the same, and the follower lies over its leader."""
    follower = moved("coins")
    made = [focus_stack(follower.planes, transforms=t) for t in (leader, leader.transforms, report)]
    for result in made:
        assert result.report.align == "given"
        np.testing.assert_array_equal(result.transforms, leader.transforms)
        np.testing.assert_array_equal(result.image, made[0].image)
    origins = [result.report.notes[0] for result in made]
    assert [origins[0], origins[1]] == [
        "The transforms are those of another result.",
        "The transforms were given.",
    ]
    assert origins[2] == f"The transforms are from '{report}'."
    best = max(score_image(plane, follower.truth).psnr for plane in follower.planes)
    assert score_image(made[0].image, follower.truth).psnr > best + 4


def test_what_was_estimated_gives_the_same_result_again(leader: StackResult) -> None:
    again = focus_stack(moved().planes, transforms=leader)
    np.testing.assert_array_equal(again.image, leader.image)
    np.testing.assert_array_equal(again.depth, leader.depth)
    assert again.report.reference == leader.report.reference


@pytest.mark.parametrize("method", ["pyramid", "depth"])
@pytest.mark.parametrize("left_out", [(), (0,), (3,), (2, 4, 7), (0, 1, 2, 3, 4, 5)])
def test_planes_without_a_transform_take_no_part(left_out: tuple[int, ...], method: str) -> None:
    said: list[Progress] = []
    planes = np.array(scene("gravel", "dome", noise=QUIET).planes)
    planes[list(left_out)] = 255
    result = focus_stack(planes, transforms=still(*left_out), method=method, progress=said.append)
    assert [plane.plane for plane in result.report.left_out] == list(left_out)
    assert not set(left_out) & set(np.unique(result.depth_index))
    assert np.isnan(result.transforms[list(left_out)]).all()
    assert result.report.reference not in left_out
    assert len(result.report.health["saturated"]) == N
    done = [step.done for step in said]
    assert done == list(range(said[-1].total))
    assert not {step.plane for step in said} & set(left_out)


@settings(deadline=None)
@given(st.sets(st.integers(0, N - 1)), st.sets(st.integers(0, N - 1)), st.integers(0, N - 1))
def test_the_reference_is_a_plane_that_does_not_move(moving, missing, wanted: int) -> None:
    assume(len(missing) < N)
    transforms = np.tile(np.eye(3), (N, 1, 1))
    transforms[list(moving), 0, 2] = 3.0
    transforms[list(missing)] = np.nan
    chosen = PriorTransforms(transforms, "").reference(wanted)
    assert chosen not in missing
    resting = set(range(N)) - moving - missing
    assert chosen in (resting or set(range(N)) - missing)
    if wanted in resting:
        assert chosen == wanted
    if len(resting) == 1:
        assert {chosen} == resting


def test_a_homography_is_known_up_to_a_factor() -> None:
    planes = scene("gravel", "dome", noise=QUIET).planes
    result = focus_stack(planes, transforms=3 * np.tile(np.eye(3), (N, 1, 1)))
    np.testing.assert_array_equal(result.transforms, np.tile(np.eye(3), (N, 1, 1)))


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, None),
        ({"align": "shift"}, "Alignment 'shift'"),
        ({"align_region": (0, 40, 0, 40)}, "The region to align on"),
        ({"align_mask": np.ones(FIELD, bool)}, "The mask to align on"),
        ({"reference": 4}, None),
        ({"reference": 2, "align": "affine"}, "Alignment 'affine' and the reference plane"),
    ],
)
def test_what_has_no_effect_is_noted(options: dict[str, Any], names: str | None) -> None:
    transforms = np.tile(np.eye(3), (N, 1, 1))
    transforms[:, 0, 2] = np.arange(N) - 4.0
    planes = scene("gravel", "dome", noise=QUIET).planes
    report = focus_stack(planes, transforms=transforms, **options).report
    assert report.reference == 4
    idle = [note for note in report.notes if "no effect" in note]
    sentence = f"{names} had no effect, because the transforms were given."
    assert idle == ([] if names is None else [sentence])


@pytest.mark.parametrize("method", ["pyramid", "laplacian", "depth"])
@pytest.mark.parametrize(("dtype", "says"), [("uint8", "are 0"), ("float32", "are NaN")])
def test_what_no_plane_recorded_is_noted(dtype: str, says: str, method: str) -> None:
    """The planes that take part lie beside the reference plane, which is left out."""
    planes = np.array(scene("gravel", "dome", noise=QUIET).planes).astype(dtype)
    transforms = still(*range(2, N))
    transforms[0], transforms[1] = shifted(12.0), shifted(15.0)
    result = focus_stack(planes, transforms=transforms, method=method)
    unrecorded = np.zeros(FIELD, bool)
    unrecorded[:, -12:] = True
    nothing = np.isnan(result.image) if dtype == "float32" else result.image == 0
    np.testing.assert_array_equal(nothing, unrecorded)
    assert result.confidence[unrecorded].max() < 0.01
    (note,) = (note for note in result.report.notes if "by no plane" in note)
    assert note.startswith("6.2% of the picture")
    assert says in note


def test_a_speck_that_no_plane_recorded_is_noted() -> None:
    planes = np.array(scene("gravel", "dome", noise=QUIET).planes).astype(np.float32)
    planes[:, 80, 90] = np.nan
    (note,) = (
        note for note in focus_stack(planes, align="none").report.notes if "by no plane" in note
    )
    assert note.startswith("Less than 0.1% of the picture")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, None),
        ({"align_region": (0, 40, 0, 40)}, "The region to align on"),
        ({"align_mask": np.ones(FIELD, bool)}, "The mask to align on"),
        (
            {"align_region": (0, 40, 0, 40), "align_mask": np.ones(FIELD, bool)},
            "The region to align on and the mask to align on",
        ),
    ],
)
def test_a_region_has_no_effect_where_nothing_is_aligned(
    options: dict[str, Any], names: str | None
) -> None:
    planes = scene("gravel", "slant", noise=QUIET).planes
    for align in ("none", "shift"):
        notes = focus_stack(planes, align=align, **options).report.notes
        sentence = f"{names} had no effect, because nothing was to be aligned (alignment 'none')."
        told = names is not None and align == "none"
        assert notes == ([sentence] if told else [])


# what is refused


def changed(k: int, matrix: Any) -> list[Any]:
    return [matrix if i == k else np.eye(3) for i in range(N)]


def shifted(x: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, 0], [0, 0, 1.0]])


BAD_TRANSFORMS: dict[str, tuple[Any, str]] = {
    "a number": (3, "3 x 3 matrix for each plane"),
    "too few": ([np.eye(3)] * 7, "holds 7 transforms, but the stack has 8 planes"),
    "too many": (np.tile(np.eye(3), (9, 1, 1)), "holds 9 transforms"),
    "affine matrices": (np.zeros((N, 2, 3)), r"plane 0 needs a 3 x 3 matrix.*\(2, 3\)"),
    "words": (changed(2, "identity"), "plane 2 needs a 3 x 3 matrix of numbers"),
    "ragged": (changed(2, [[1, 0], [0]]), "plane 2 needs a 3 x 3 matrix of numbers"),
    "beyond float": (changed(2, [[10**400, 0, 0], [0, 1, 0], [0, 0, 1]]), "plane 2 needs"),
    "NaN in part": (changed(5, shifted(np.nan)), "plane 5 has a matrix that is finite in part"),
    "infinite": (changed(5, np.full((3, 3), np.inf)), "plane 5 has a matrix that is finite"),
    "half the field": (changed(1, shifted(97)), "plane 1 is moved as no lens or stage"),
    "huge": (changed(1, 1e300 * shifted(97)), "plane 1 is moved"),
    "scale": (changed(1, np.diag([2.1, 2.1, 1])), "plane 1 is moved"),
    "zero": (changed(1, np.zeros((3, 3))), "plane 1 is moved"),
    "shear": (changed(1, np.array([[1, 0.3, 0], [0, 1, 0], [0, 0, 1]])), "shear over 10%"),
    "one plane left": (still(*range(1, N)), "leaves fewer than two planes"),
}


@pytest.mark.parametrize("case", BAD_TRANSFORMS)
def test_transforms_that_cannot_be_are_refused(case: str) -> None:
    transforms, says = BAD_TRANSFORMS[case]
    planes = scene("gravel", "dome", noise=QUIET).planes
    with pytest.raises(SettingsError, match=f"^transforms.*{says}") as refused:
        focus_stack(planes, transforms=transforms)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("cut", "says"),
    [
        (np.s_[:7], "8 planes of 192 x 160 pixels, but these are 7 planes of 192 x 160 pixels"),
        (np.s_[:, :150], "but these are 8 planes of 192 x 150"),
        (np.s_[:, :, :100], "but these are 8 planes of 100 x 160"),
    ],
)
def test_another_field_is_refused(leader: StackResult, report: Path, cut: Any, says: str) -> None:
    planes = moved().planes[cut]
    for transforms, name in ((leader, "The result"), (report, f"'{report}'")):
        with pytest.raises(SettingsError, match=says) as refused:
            focus_stack(planes, transforms=transforms)
        assert str(refused.value).startswith(name)


def test_colour_follows_grey(report: Path, leader: StackResult) -> None:
    colour = np.repeat(moved().planes[..., None], 3, -1)
    np.testing.assert_array_equal(
        focus_stack(colour, transforms=report).transforms, leader.transforms
    )


BAD_REPORTS: dict[str, bytes | None] = {
    "missing": None,
    "picture": b"\x89PNG\r\n\x1a\n\0\xff",
    "text": b"not JSON",
    "deep": b"[" * 100_000,
    "list": b"[1, 2]",
    "no transforms": b'{"shape": [8, 160, 192]}',
    "no shape": b'{"transforms": []}',
    "shape of words": b'{"transforms": [], "shape": ["8", "160", "192"]}',
    "flat": b'{"transforms": [], "shape": [160, 192]}',
    "transforms is a number": b'{"transforms": 3, "shape": [8, 160, 192]}',
    "fewer than shape says": b'{"transforms": [null], "shape": [8, 160, 192]}',
    "words": b'{"transforms": ["a", "b", 1, 1, 1, 1, 1, 1], "shape": [8, 160, 192]}',
}


@pytest.mark.parametrize("case", BAD_REPORTS)
def test_what_is_no_report_is_refused_by_name(tmp_path: Path, case: str) -> None:
    path, contents = tmp_path / "red.json", BAD_REPORTS[case]
    if contents is not None:
        path.write_bytes(contents)
    with pytest.raises((InputError, SettingsError), match=r"red\.json'") as refused:
        focus_stack(scene("gravel", "dome", noise=QUIET).planes, transforms=path)
    assert isinstance(refused.value, FocusStackError)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "bad",
    [
        [[1, 0, 97], [0, 1, 0], [0, 0, 1]],
        [[1, 0, None], [0, 1, 0], [0, 0, 1]],
        "identity",
        "one too many",
    ],
)
def test_a_plane_is_left_out_by_null_in_a_report_and_by_nan_in_an_array(
    tmp_path: Path, bad: Any
) -> None:
    planes = scene("gravel", "dome", noise=QUIET).planes
    path = tmp_path / "report.json"
    more = N if bad == "one too many" else N - 1
    listed = [bad, *[np.eye(3).tolist()] * more]
    path.write_text(json.dumps({"transforms": listed, "shape": [N, *FIELD]}))
    for transforms, advised, other in ((path, "null", "NaN"), (listed, "nine NaN", "null")):
        with pytest.raises(SettingsError) as refused:
            focus_stack(planes, transforms=transforms)
        assert advised in str(refused.value)
        assert other not in str(refused.value)


# where alignment may look

sides = st.integers(0, 100).flatmap(lambda a: st.tuples(st.just(a), st.integers(a + 1, 110)))


@settings(deadline=None)
@given(sides, sides, sides, sides, st.booleans(), st.booleans())
def test_mask_and_region_both_count(rows, columns, y, x, boxed: bool, masked: bool) -> None:
    field = (110, 110)
    mask = np.zeros(field, bool)
    mask[y[0] : y[1], x[0] : x[1]] = True
    wanted = np.ones(field, bool)
    if masked:
        wanted &= mask
    if boxed:
        inside = np.zeros(field, bool)
        inside[rows[0] : rows[1], columns[0] : columns[1]] = True
        wanted &= inside
    settings = Settings(align_region=(*rows, *columns) if boxed else None)
    if min(np.count_nonzero(wanted.any(axis)) for axis in (0, 1)) < 32:
        with pytest.raises(SettingsError, match=r"^align_"):
            alignment_mask(settings, mask if masked else None, field)
        return
    region = alignment_mask(settings, mask if masked else None, field)
    if wanted.all():
        assert region is None
    else:
        np.testing.assert_array_equal(region, wanted)


@pytest.mark.parametrize(
    "mask",
    [
        np.ones((192, 160), bool),
        np.ones((8, *FIELD), bool),
        np.ones(FIELD, np.float32),
        np.zeros(FIELD, bool),
        [[True], [True, False]],
        "everywhere",
    ],
    ids=["turned", "a stack", "float", "empty", "ragged", "word"],
)
def test_a_mask_that_is_none_is_refused(mask: Any) -> None:
    with pytest.raises(SettingsError, match=r"^align_mask") as refused:
        focus_stack(scene("gravel", "dome", noise=QUIET).planes, align_mask=mask)
    assert "\n" not in str(refused.value)


def test_labels_are_a_mask_and_a_small_field_may_be_one_whole() -> None:
    labels = np.zeros(FIELD, np.int32)
    labels[:50, :60] = 7
    np.testing.assert_array_equal(alignment_mask(Settings(), labels, FIELD), labels > 0)
    assert alignment_mask(Settings(), np.ones((16, 20), bool), (16, 20)) is None


@pytest.mark.parametrize("align", ["auto", "shift", "none"])
def test_alignment_looks_where_it_may(monkeypatch: pytest.MonkeyPatch, align: str) -> None:
    told = []

    class Told(Exception):  # noqa: N818 - it ends the run
        pass

    def listen(read, n, reference, align, *, region=None, **_):
        told.append(region)
        raise Told

    monkeypatch.setattr(alignment, "align_steps", listen)
    planes = scene("gravel", "dome", noise=QUIET).planes
    wanted = np.zeros(FIELD, bool)
    wanted[10:60, 20:90] = True
    for options in ({"align_region": (10, 60, 20, 90)}, {"align_mask": wanted}, {}):
        with pytest.raises(Told):
            focus_stack(planes, align=align, **options)
    np.testing.assert_array_equal(told[0], wanted)
    np.testing.assert_array_equal(told[1], wanted)
    assert told[2] is None


def test_a_small_region_tells_a_shift_alone() -> None:
    """What it says of magnification would throw the far corners off by more than they moved."""
    zooming = scene("gravel", "slant", zoom=0.004, shift=0.7, noise=QUIET)
    y, x = zooming.planes.shape[1:]
    for part, model in ((0.75, "similarity"), (0.4, "shift")):
        report = focus_stack(
            zooming.planes, align_region=(0, int(part * y), 0, int(part * x))
        ).report
        notes = [note for note in report.notes if "only a shift was estimated" in note]
        assert report.align == model
        assert len(notes) == (model == "shift")


def test_a_corner_tells_the_shift_of_the_whole_field() -> None:
    """Taken at the field's middle, a small region's noisy rotation was 30 pixels off."""
    moved = scene("gravel", "slant", shift=1.5, noise=QUIET)
    y, x = moved.planes.shape[1:]
    found = focus_stack(moved.planes, align_region=(y - 60, y, x - 60, x)).transforms
    true = [t @ np.linalg.inv(moved.transforms[4]) for t in moved.transforms]
    np.testing.assert_allclose(found[:, :2, 2], np.array(true)[:, :2, 2], atol=0.3)


def test_shuffled_channels_follow_in_the_order_of_their_focus() -> None:
    """The leader's order is found; the follower's was taken as that of the files."""
    moved = scene("gravel", "slant", zoom=0.004, shift=0.7, noise=QUIET)
    order = [6, 7, 2, 1, 4, 5, 3, 0]
    lead = focus_stack(moved.planes[order], reference=4)
    follower = focus_stack(moved.planes[order], transforms=lead)
    assert not lead.report.in_order
    assert not follower.report.in_order
    np.testing.assert_array_equal(follower.depth_index, lead.depth_index)
    np.testing.assert_array_equal(follower.image, lead.image)
