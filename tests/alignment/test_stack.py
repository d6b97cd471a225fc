"""What moved in rendered stacks of known motion, what did not, and which planes do not belong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from long_runs import only_long
from motion import MODELS, MOVING, aligned, foreign, moved_by, worst_corner, worst_of
from scenes import QUIET, STEP, Scene, picture, scene

from napari_focus_stack.alignment import joint_refinement as refinement
from napari_focus_stack.alignment import stack as alignment
from napari_focus_stack.alignment.scheduler import PairScheduler
from napari_focus_stack.alignment.stack import FOREIGN, IS_BLANK, align_steps
from napari_focus_stack.imgproc.transforms import corner_distance, is_plausible
from napari_focus_stack.simulation.rendering import SensorNoise

if TYPE_CHECKING:
    from napari_focus_stack.alignment.pairwise import PairAlignment
    from napari_focus_stack.alignment.result import Alignment

DRIFTING = (1.1, 1.07, 1.04, 1.02, 1.0, 0.98, 0.95, 0.9)
SIZE = (160, 192)
LONG = pytest.mark.long


def with_planes(planes: np.ndarray, **others: np.ndarray) -> list[np.ndarray]:
    """The planes with some replaced, named as in ``at3=other``."""
    return [others.get(f"at{k}", plane) for k, plane in enumerate(planes)]


@pytest.mark.parametrize("name", ["gravel", "coins", "camera"])
@pytest.mark.parametrize(
    "noise",
    [None, SensorNoise(read=0.02, shot=1 / 2000), SensorNoise(read=0.05)],
    ids=["clean", "noisy", "very noisy"],
)
def test_a_still_stack_is_not_moved(name: str, noise: SensorNoise | None) -> None:
    found = aligned(scene(name, noise=noise).planes)
    assert found.model == "none"
    np.testing.assert_array_equal(found.transforms, np.tile(np.eye(3), (8, 1, 1)))
    assert found.left_out == {}
    assert not found.brightness_drifts
    assert found.residuals[4] is None
    assert all(0 <= r < 0.8 for k, r in enumerate(found.residuals) if k != 4)


@pytest.mark.parametrize(
    ("name", "kind", "motion", "model"),
    [
        ("gravel", "dome", {"shift": 1.5, "noise": QUIET}, "shift"),
        pytest.param(*("brick", "dome", {"shift": 1.5, "noise": QUIET}, "shift"), marks=LONG),
        ("coins", "slant", {"shift": 1.5, "noise": QUIET}, "shift"),
        pytest.param("gravel", "dome", MOVING, "similarity", marks=LONG),
        ("gravel", "step", MOVING, "similarity"),
        ("brick", "slant", MOVING, "similarity"),
        ("gravel", "slant", MOVING | {"noise": SensorNoise(0.02, 1 / 2000)}, "similarity"),
        ("gravel", "slant", MOVING | {"gains": DRIFTING}, "similarity"),
    ],
)
def test_motion_is_found_with_the_least_model(name, kind, motion, model) -> None:
    moved = scene(name, kind, **motion)
    found = aligned(moved.planes)
    assert found.model == model
    assert worst_corner(found.transforms, moved, 4) < 0.3
    np.testing.assert_array_equal(found.transforms[4], np.eye(3))


def test_motion_of_less_than_half_a_pixel_is_not_worth_a_resampling() -> None:
    moved = scene("brick", "slant", n=4, shift=0.25)
    assert 0.3 < worst_corner(np.tile(np.eye(3), (4, 1, 1)), moved, 2) < 0.45
    assert aligned(moved.planes).model == "none"


@pytest.mark.parametrize("name", ["gravel", "brick"])
def test_slow_motion_shows_from_afar(name: str) -> None:
    """0.1 px a plane at the corners: neighbours alone would not tell it from noise."""
    moved = scene(name, "slant", n=16, blur=0.5, zoom=0.0008, noise=QUIET)
    found = aligned(moved.planes)
    assert found.model == "similarity"
    assert worst_corner(found.transforms, moved, 8) < 0.3
    assert 0.7 < worst_corner(np.tile(np.eye(3), (16, 1, 1)), moved, 8) < 0.9


def test_a_small_shift_is_not_taken_for_a_similarity() -> None:
    assert aligned(scene("brick", "slant", shift=0.25).planes).model in ("none", "shift")


@pytest.mark.parametrize("reference", [0, 2, 7])
def test_any_plane_can_be_the_reference(reference: int) -> None:
    moved = scene("gravel", "slant", **MOVING)
    found = aligned(moved.planes, reference=reference)
    assert found.reference == reference
    np.testing.assert_array_equal(found.transforms[reference], np.eye(3))
    assert worst_corner(found.transforms, moved, reference) < 0.3


@pytest.mark.parametrize("align", ["shift", "similarity", "affine"])
def test_a_model_that_was_asked_for_is_used(align: str) -> None:
    moved = scene("gravel", "slant", shift=1.5, noise=QUIET)
    found = aligned(moved.planes, align)
    assert found.model == align
    assert worst_corner(found.transforms, moved, 4) < 0.3
    if align == "shift":
        np.testing.assert_array_equal(found.transforms[:, :2, :2], np.tile(np.eye(2), (8, 1, 1)))


def test_none_moves_nothing_and_leaves_nothing_out() -> None:
    moved = scene("gravel", "slant", **MOVING)
    found = aligned(with_planes(moved.planes, at6=foreign()), "none")
    assert found.model == "none"
    assert found.left_out == {}
    np.testing.assert_array_equal(found.transforms, np.tile(np.eye(3), (8, 1, 1)))


STEPS = {
    "shift": [[1, 0, 1.2], [0, 1, -0.8], [0, 0, 1]],
    "similarity": [[1.004, -0.001, 0.5], [0.001, 1.004, 0], [0, 0, 1]],
    "affine": [[1.003, 0.004, 0.3], [0, 0.997, 0.2], [0, 0, 1]],
    "homography": [[1.002, 0.001, 0.3], [0, 0.999, 0.2], [6e-5, -4e-5, 1]],
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("name", "kind"), [("gravel", "slant"), pytest.param("brick", "dome", marks=LONG)]
)
def test_the_whole_ladder_is_climbed_as_far_as_need_be(name: str, kind: str, model: str) -> None:
    moved = moved_by(STEPS[model], name=name, kind=kind)
    found = aligned(moved.planes)
    assert found.model == model
    assert worst_corner(found.transforms, moved, 4) < 0.3
    asked = aligned(moved.planes, model)
    assert asked.model == model
    assert worst_corner(asked.transforms, moved, 4) < 0.3
    for lesser in MODELS[: MODELS.index(model)]:
        poor = aligned(moved.planes, lesser)
        assert worst_corner(poor.transforms, moved, 4) > 1.5


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("k", [2, 5, 7, 0])
def test_a_foreign_picture_is_left_out(k: int, moving: bool) -> None:
    moved = scene("gravel", "slant", **(MOVING if moving else {"noise": QUIET}))
    found = aligned(with_planes(moved.planes, **{f"at{k}": foreign()}))
    assert list(found.left_out) == [k]
    assert found.fitting == [p for p in range(8) if p != k]
    assert np.isnan(found.transforms[k]).all()
    assert found.residuals[k] is None
    assert found.brightness[k] is None
    kept, true = (np.delete(all_of, k, axis=0) for all_of in (found.transforms, moved.transforms))
    assert worst_of(kept, true, 4 if k > 4 else 3, SIZE) < 0.3


@pytest.mark.parametrize("k", [1, 7])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_blank_plane_is_left_out(k: int, value: int) -> None:
    planes = scene("gravel", "slant", noise=QUIET).planes
    blank = np.full(planes.shape[1:], value, np.uint8)
    blank += np.random.default_rng(0).integers(0, 2, blank.shape, np.uint8) * (value < 255)
    found = aligned(with_planes(planes, **{f"at{k}": blank}))
    assert list(found.left_out) == [k]
    assert "blank" in found.left_out[k]
    assert np.isnan(found.transforms[k]).all()


def test_a_still_section_unlike_the_rest_is_kept() -> None:
    """Slices of a thick specimen can show other things; two that agree are no accident."""
    planes = scene("gravel", "slant", noise=QUIET).planes
    section = scene("coins", "slant", noise=QUIET).planes
    found = aligned(with_planes(planes, at6=section[6], at7=section[7]))
    assert found.left_out == {}
    np.testing.assert_array_equal(found.transforms, np.tile(np.eye(3), (8, 1, 1)))


def test_two_foreign_pictures_unlike_each_other_are_left_out() -> None:
    planes = scene("gravel", "slant", noise=QUIET).planes
    other = np.rint(picture("camera", 160, 192, 150, 150) * 255).astype(np.uint8)
    found = aligned(with_planes(planes, at2=foreign(), at3=other))
    assert sorted(found.left_out) == [2, 3]


def gains(found: Alignment) -> list[float]:
    return [light.gain for light in found.brightness if light is not None]


@pytest.mark.parametrize("motion", [{}, {"zoom": 0.003, "shift": 0.7}], ids=["still", "moving"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_gains_bring_planes_to_the_references_brightness(motion: dict, dtype: str) -> None:
    drifting = scene("gravel", gains=DRIFTING, noise=QUIET, dtype=dtype, **motion)
    found = aligned(drifting.planes)
    np.testing.assert_allclose(gains(found), 1 / np.array(DRIFTING), atol=0.003)
    assert found.brightness_drifts


@pytest.mark.parametrize("align", ["auto", "none", "affine"])
def test_every_plane_is_asked_for_once_in_the_order_of_the_files(align: str) -> None:
    planes = scene("gravel", "slant", noise=QUIET).planes
    read: list[int] = []
    announced = align_steps(lambda k: (read.append(k), planes[k])[1], 8, 3, align)
    order = []
    for k in announced:
        assert read == order  # named before it is read
        order.append(k)
    assert read == order == list(range(8))


def test_colour_moves_as_grey_does() -> None:
    moved = scene("gravel", "slant", **MOVING)
    grey = aligned(moved.planes)
    colour = aligned(np.repeat(moved.planes[..., None], 3, axis=-1))
    np.testing.assert_array_equal(colour.transforms, grey.transforms)
    assert colour.brightness == grey.brightness


def test_planes_above_the_working_size_are_compared_reduced() -> None:
    moved = scene("brick", "slant", n=3, size=(480, 480), **MOVING)
    big = [np.kron(plane, np.ones((3, 3), np.uint8)) for plane in moved.planes]
    found = aligned(big)
    size = np.array([[3, 0, 1], [0, 3, 1], [0, 0, 1]], np.float64)  # pixel centres, 3 times larger
    for k in range(3):
        true = size @ moved.transforms[k] @ np.linalg.inv(size)
        assert corner_distance(found.transforms[k], true, big[0].shape) < 0.6


# planes in any order

SHUFFLED = [("gravel", "slant"), ("gravel", "step"), ("brick", "slant"), ("coins", "slant")]
KEPT = 6
"""Seeds of the default suite: every scene of `SHUFFLED`, and two of them in another order."""
ODD = {
    "picture": lambda rng: foreign(["camera", "moon", "text"][rng.integers(3)], 10, 120),
    "blank": lambda rng: np.full(SIZE, rng.integers(256), np.uint8),
}


def shuffled(seed: int, odd: str | None) -> tuple[Scene, list[np.ndarray], int | None]:
    """Planes of a moving stack in random order, one of them replaced."""
    rng = np.random.default_rng(seed)
    rendered = scene(*SHUFFLED[seed % len(SHUFFLED)], **MOVING)
    order = rng.permutation(8)
    moved = Scene(
        rendered.planes[order], rendered.image, rendered.depth, rendered.transforms[order]
    )
    if odd is None:
        return moved, list(moved.planes), None
    k = int(rng.choice([0, 1, 2, 3, 5, 6, 7]))
    return moved, with_planes(moved.planes, **{f"at{k}": ODD[odd](rng)}), k


def disorder(moved: Scene, fitting: list[int], original: Scene) -> float:
    """Steps in focus from plane to plane, against those of planes in order."""
    place = [
        int((original.transforms == moved.transforms[k]).all((1, 2)).argmax()) for k in fitting
    ]
    return np.abs(np.diff(place)).sum() / np.ptp(place)


@pytest.mark.parametrize("odd", [None, *ODD])
@pytest.mark.parametrize("seed", [*range(KEPT), *only_long(*range(KEPT, 34))])
def test_a_hundred_shuffled_stacks(seed: int, odd: str | None) -> None:
    moved, planes, k = shuffled(seed, odd)
    found = aligned(planes)
    reasons = {None: {}, "picture": {k: FOREIGN}, "blank": {k: IS_BLANK}}
    assert found.left_out == reasons[odd]
    assert found.holds_together
    kept, true = found.transforms[found.fitting], moved.transforms[found.fitting]
    assert worst_of(kept, true, found.fitting.index(4), SIZE) < 0.3
    np.testing.assert_array_equal(found.transforms[4], np.eye(3))
    original = scene(*SHUFFLED[seed % len(SHUFFLED)], **MOVING)
    if disorder(moved, found.fitting, original) > 2.2:
        assert not found.in_order


@pytest.mark.parametrize("seeds", [KEPT, *only_long(34)])
def test_most_shuffled_stacks_are_out_of_order(seeds: int) -> None:
    """Else the test above would hold nothing."""
    many = []
    for seed in range(seeds):
        moved, _, _ = shuffled(seed, None)
        original = scene(*SHUFFLED[seed % len(SHUFFLED)], **MOVING)
        many.append(disorder(moved, list(range(8)), original) > 2.2)
    assert np.mean(many) > 0.8


@pytest.mark.parametrize("order", [range(8), range(8)[::-1]], ids=["forth", "back"])
@pytest.mark.parametrize(("name", "kind"), SHUFFLED)
def test_planes_in_order_are_in_order(name: str, kind: str, order: range) -> None:
    planes = scene(name, kind, **MOVING).planes[list(order)]
    assert aligned(planes).in_order
    assert aligned(planes, "none").in_order


@pytest.mark.parametrize("back", [False, True], ids=["from the start", "and back"])
@pytest.mark.parametrize("name", ["gravel", *only_long("brick")])
@pytest.mark.parametrize("n", [8, 13])
def test_a_stack_taken_in_two_passes(n: int, name: str, back: bool) -> None:
    rendered = scene(name, "slant", n=n, **(MOVING | {"zoom": 0.003}))
    second = range(1, n, 2)
    order = [*range(0, n, 2), *(second[::-1] if back else second)]
    found = aligned(rendered.planes[order])
    assert found.left_out == {}
    assert not found.in_order
    assert found.model == "similarity"
    assert worst_of(found.transforms, rendered.transforms[order], n // 2, SIZE) < 0.3 + STEP


@pytest.mark.parametrize("align", ["auto", "homography", "none"])
@pytest.mark.parametrize("seed", [*range(3), *only_long(*range(3, 8))])
def test_planes_of_noise_alone_neither_move_nor_crash(seed: int, align: str) -> None:
    rng = np.random.default_rng(seed)
    n, shape = int(rng.integers(2, 12)), rng.integers(16, 160, 2)
    planes = rng.normal(100, rng.uniform(0.5, 40), (n, *shape)).clip(0, 255)
    found = aligned(planes.astype([np.uint8, np.uint16, np.float32][seed % 3]), align)
    kept = found.transforms[found.fitting]
    np.testing.assert_array_equal(kept, np.tile(np.eye(3), (len(kept), 1, 1)))
    assert found.in_order
    assert found.holds_together is (align == "none")


@pytest.mark.parametrize("value", [0, 200, np.nan])
def test_a_stack_of_blank_planes_is_left_alone(value: float) -> None:
    found = aligned(np.full((5, 64, 80), value, np.float32))
    kept = found.transforms[found.fitting]
    np.testing.assert_array_equal(kept, np.tile(np.eye(3), (len(kept), 1, 1)))


def test_a_plane_that_does_not_fit_its_neighbour_is_held_against_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moved, tried = scene("gravel", "slant", **MOVING), []
    known = PairScheduler.pair

    def pair(scheduler: PairScheduler, inner: int, outer: int) -> PairAlignment:
        tried.append((inner, outer))
        return replace(known(scheduler, inner, outer), fits=(inner, outer) not in failing)

    monkeypatch.setattr(PairScheduler, "pair", pair)
    failing = {(5, 6)}
    found = aligned(moved.planes)
    assert found.left_out == {}
    assert worst_corner(found.transforms, moved, 4) < 0.3
    assert tried.count((5, 6)) > 0
    assert (4, 6) in tried
    failing |= {(4, 6)}  # two neighbours nearer by do not show what it shows
    found = aligned(moved.planes)
    assert found.left_out == {6: FOREIGN}
    assert (5, 7) in tried


# where to look, and for how long


@pytest.mark.parametrize("align", ["auto", "similarity"])
@pytest.mark.parametrize("motion", ["shift", "similarity"])
@pytest.mark.parametrize("name", ["gravel", *only_long("brick")])
def test_a_static_clip_is_passed_over_where_a_region_says_so(
    name: str, motion: str, align: str
) -> None:
    moved = moved_by(STEPS[motion], name=name)
    planes = np.array(moved.planes)
    planes[:, :70] = foreign("camera", 150, 150)[:70]
    region = np.zeros(SIZE, bool)
    region[76:] = True
    found = aligned(planes, align, region=region)
    assert found.left_out == {}
    assert found.model == (motion if align == "auto" else align)
    assert worst_corner(found.transforms, moved, 4) < 0.3
    assert not worst_corner(aligned(planes, align).transforms, moved, 4) < 2


def many(n: int) -> Scene:
    return scene("brick", "dome", n=n, blur=0.15, zoom=5e-4, angle=0.01, shift=0.3, noise=QUIET)


@pytest.mark.parametrize("align", ["auto", *only_long("similarity")])
@pytest.mark.parametrize(
    ("n", "reference", "refined"), [(25, 0, False), (26, 0, True), (26, 13, False), (50, 25, True)]
)
def test_long_chains_are_refined(
    monkeypatch: pytest.MonkeyPatch, n: int, reference: int, refined: bool, align: str
) -> None:
    made = []

    def note(*given) -> dict[int, np.ndarray]:
        made.append(refinement.refine_jointly(*given))
        return made[-1]

    monkeypatch.setattr(alignment, "refine_jointly", note)
    moved = many(n)
    found = aligned(moved.planes, align, reference)
    assert found.model == "similarity"
    assert bool(made) is refined
    if refined:
        np.testing.assert_array_equal(found.transforms, [made[0][k] for k in range(n)])
    np.testing.assert_array_equal(found.transforms[reference], np.eye(3))
    assert worst_corner(found.transforms, moved, reference) < 0.3


def test_a_long_stack_that_does_not_move_is_not_refined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(alignment, "refine_jointly")
    still = scene("brick", "dome", n=27, blur=0.15, noise=QUIET)
    assert aligned(still.planes, reference=0).model == "none"


class Stopped(Exception):  # noqa: N818 - it says what happened
    pass


@pytest.mark.parametrize("n", [8, 26])  # 26 are a chain that is refined
def test_whoever_checks_may_stop_it_at_any_time(n: int) -> None:
    moved = many(n)
    calls: list[None] = []
    aligned(moved.planes, reference=0, check=lambda: calls.append(None))
    total = len(calls)
    assert total > 2 * n  # once for each plane that is joined, looked at from afar, compared
    for after in (1, total // 2, total):
        left = iter(range(after - 1))

        def check(left=left) -> None:
            if next(left, None) is None:
                raise Stopped

        with pytest.raises(Stopped):
            aligned(moved.planes, reference=0, check=check)


# brightness


def lit(gain: np.ndarray, offset: np.ndarray) -> np.ndarray:
    planes = scene("gravel", "slant", **(MOVING | {"dtype": "float32"})).planes
    return planes * gain[:, None, None] + offset[:, None, None]


def test_stray_light_is_distinguished_from_a_lamp() -> None:
    stray = np.float32([0.05, 0.1, 0.02, 0, 0, 0.06, 0.15, 0.1])
    lamp = np.float32([1.0, 0.9, 1.1, 0.8, 1.0, 1.2, 0.9, 1.0])
    found: Alignment = aligned(lit(lamp, stray))
    assert found.brightness_drifts
    for k in (2, 3, 5, 6):
        light = found.brightness[k]
        again = light.gain * (lamp[k] * 0.4 + stray[k]) + light.offset
        assert again == pytest.approx(0.4, abs=0.01)
    assert found.brightness[4].offset == found.brightness[3].offset == 0
    assert found.brightness[6].offset == pytest.approx(-0.15 / 0.9, abs=0.04)


def test_light_that_comes_and_goes_is_no_lamp() -> None:
    bright = np.float32([0.2, 0.5, 0.8, 1, 1, 0.8, 0.4, 0.2])
    found = aligned(lit(bright, np.zeros(8, np.float32)))
    assert found.brightness[0].gain == pytest.approx(5, rel=0.02)
    assert not found.brightness_drifts


def with_a_bubble(planes: np.ndarray, radius: int, step: float) -> np.ndarray:
    """The planes with an opaque disc of high contrast over them, which moves on its own."""
    y, x = np.indices(planes.shape[1:], float)
    seen = planes.copy()
    for k in range(len(planes)):
        away = np.hypot(y - 80 - step * (k - 4), x - 90 + step * (k - 4))
        seen[k][away < radius] = 250
        seen[k][away < 0.8 * radius] = 5
    return seen


@pytest.mark.parametrize("radius", [22, 36])
@pytest.mark.parametrize("step", [1.5, 4.0])
@pytest.mark.parametrize("name", ["gravel", *only_long("brick")])
def test_a_bubble_does_not_move_a_still_specimen(name: str, radius: int, step: float) -> None:
    """It covers 5 and 13 % of the field; its own motion made the corners 3 to 100 px off."""
    found = aligned(with_a_bubble(scene(name, "slant", noise=QUIET).planes, radius, step))
    assert found.model == "none"


@pytest.mark.parametrize("radius", [30, 45])
def test_a_bubble_does_not_lead_a_moving_specimen(radius: int) -> None:
    moved = scene("gravel", "slant", size=(320, 384), **MOVING)
    found = aligned(with_a_bubble(moved.planes, radius, 3.0))
    assert worst_corner(found.transforms, moved, 4) < 0.3


def test_gaps_do_not_hold_the_planes_they_stand_still_in() -> None:
    moved = scene("gravel", "slant", dtype="float32", **MOVING)
    planes = moved.planes.copy()
    planes[:, :, 60:100] = np.nan
    found = aligned(planes)
    assert found.model == "similarity"
    assert worst_corner(found.transforms, moved, 4) < 0.3


def test_a_flat_specimen_is_in_order_though_planes_on_both_sides_look_alike() -> None:
    flat = scene("gravel", "flat", n=9, noise=QUIET)
    assert aligned(flat.planes).in_order
    passes = [0, 2, 4, 6, 8, 1, 3, 5, 7]
    assert not aligned(flat.planes[passes]).in_order


def test_what_drifts_out_of_the_field_is_left_out_and_the_rest_can_be_followed() -> None:
    """Every step is small; the way is not. Such transforms were refused as `transforms=`."""
    wide = np.rint(picture("gravel", 120, 420) * 255).astype(np.uint8)
    planes = [wide[:, 12 * k : 12 * k + 160] for k in range(20)]
    found = aligned(planes, reference=2)
    moved = np.array([12 * (k - 2) for k in range(20)])
    assert sorted(found.left_out) == [k for k in range(20) if moved[k] >= 80]
    assert all(is_plausible(found.transforms[k], (120, 160)) for k in found.fitting)
    np.testing.assert_allclose(found.transforms[found.fitting, 0, 2], -moved[:9], atol=0.2)


def test_a_black_plane_that_is_kept_makes_no_disorder() -> None:
    planes = scene("gravel", "slant", noise=QUIET).planes
    found = aligned(with_planes(planes, at3=np.zeros_like(planes[3])), "none")
    assert found.left_out == {}
    assert found.order == list(range(8))
