"""What moved in rendered stacks of known motion, what did not, and which planes do not belong."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import QUIET, Scene, picture, scene

from napari_focus_stack.alignment import Alignment, align_steps
from napari_focus_stack.rendering import Noise
from napari_focus_stack.transforms import corner_distance

DRIFTING = (1.1, 1.07, 1.04, 1.02, 1.0, 0.98, 0.95, 0.9)
MOVING = {"zoom": 0.004, "angle": 0.05, "shift": 0.7, "noise": QUIET}


def aligned(planes, align: str = "auto", reference: int | None = None) -> Alignment:
    reference = len(planes) // 2 if reference is None else reference
    steps = align_steps(lambda k: planes[k], len(planes), reference, align)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


def worst_corner(found: np.ndarray, moved: Scene, reference: int) -> float:
    """Largest corner error in pixels over all planes, NaN if one was left out."""
    to_middle = np.linalg.inv(moved.transforms[reference])
    return max(
        corner_distance(a, b @ to_middle, moved.planes.shape[1:])
        for a, b in zip(found, moved.transforms, strict=True)
    )


def with_planes(planes: np.ndarray, **others: np.ndarray) -> list[np.ndarray]:
    """The planes with some replaced, named as in ``at3=other``."""
    return [others.get(f"at{k}", plane) for k, plane in enumerate(planes)]


def foreign(y: int = 0) -> np.ndarray:
    return np.rint(picture("coins", 160, 192, y) * 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["gravel", "coins", "camera"])
@pytest.mark.parametrize(
    "noise",
    [None, Noise(read=0.02, shot=1 / 2000), Noise(read=0.05)],
    ids=["clean", "noisy", "very noisy"],
)
def test_a_still_stack_is_not_moved(name: str, noise: Noise | None) -> None:
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
        ("brick", "dome", {"shift": 1.5, "noise": QUIET}, "shift"),
        ("coins", "slant", {"shift": 1.5, "noise": QUIET}, "shift"),
        ("gravel", "dome", MOVING, "similarity"),
        ("gravel", "step", MOVING, "similarity"),
        ("brick", "slant", MOVING, "similarity"),
        ("gravel", "slant", MOVING | {"noise": Noise(0.02, 1 / 2000)}, "similarity"),
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


def test_features_undo_a_projective_motion() -> None:
    rendered = scene("gravel", "slant", noise=QUIET, size=(200, 240))
    planes, true = [], []
    for k, plane in enumerate(rendered.planes):
        matrix = np.eye(3)
        matrix[2, :2] = (k - 4) * 2e-5, (k - 4) * -1e-5
        planes.append(seen_through(plane, matrix))
        true.append(matrix)
    moved = Scene(np.array(planes), rendered.image, rendered.depth, np.array(true))
    found = aligned(planes, "homography")
    assert found.model == "homography"
    assert worst_corner(np.array(true), rendered, 4) > 2  # there was something to undo
    assert worst_corner(found.transforms, moved, 4) < 1


def seen_through(plane: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """A plane whose every pixel moved by `matrix`."""
    import cv2

    return cv2.warpPerspective(
        plane, matrix, plane.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("k", [2, 5, 7, 0])
def test_a_foreign_picture_is_left_out(k: int, moving: bool) -> None:
    moved = scene("gravel", "slant", **(MOVING if moving else {"noise": QUIET}))
    found = aligned(with_planes(moved.planes, **{f"at{k}": foreign()}))
    assert list(found.left_out) == [k]
    assert found.fitting == [p for p in range(8) if p != k]
    assert np.isnan(found.transforms[k]).all()
    assert found.residuals[k] is None
    assert found.gains[k] is None
    others = Scene(moved.planes, moved.image, moved.depth, np.delete(moved.transforms, k, axis=0))
    kept = np.delete(found.transforms, k, axis=0)
    assert worst_corner(kept, others, 4 if k > 4 else 3) < 0.3


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


@pytest.mark.parametrize("motion", [{}, {"zoom": 0.003, "shift": 0.7}], ids=["still", "moving"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_gains_bring_planes_to_the_references_brightness(motion: dict, dtype: str) -> None:
    drifting = scene("gravel", gains=DRIFTING, noise=QUIET, dtype=dtype, **motion)
    found = aligned(drifting.planes)
    np.testing.assert_allclose(found.gains, 1 / np.array(DRIFTING), atol=0.003)
    assert found.brightness_drifts


def test_every_plane_is_asked_for_once_from_the_reference_outward() -> None:
    planes = scene("gravel", "slant", noise=QUIET).planes
    read: list[int] = []
    announced = align_steps(lambda k: (read.append(k), planes[k])[1], 8, 3, "auto")
    order = []
    for k in announced:
        assert read == order  # named before it is read
        order.append(k)
    assert read == order == [3, 4, 5, 6, 7, 2, 1, 0]


def test_colour_moves_as_grey_does() -> None:
    moved = scene("gravel", "slant", **MOVING)
    grey = aligned(moved.planes)
    colour = aligned(np.repeat(moved.planes[..., None], 3, axis=-1))
    np.testing.assert_array_equal(colour.transforms, grey.transforms)
    assert colour.gains == grey.gains


def test_planes_above_the_working_size_are_compared_reduced() -> None:
    moved = scene("brick", "slant", n=3, size=(480, 480), **MOVING)
    big = [np.kron(plane, np.ones((3, 3), np.uint8)) for plane in moved.planes]
    found = aligned(big)
    size = np.array([[3, 0, 1], [0, 3, 1], [0, 0, 1]], np.float64)  # pixel centres, 3 times larger
    for k in range(3):
        true = size @ moved.transforms[k] @ np.linalg.inv(size)
        assert corner_distance(found.transforms[k], true, big[0].shape) < 0.6
