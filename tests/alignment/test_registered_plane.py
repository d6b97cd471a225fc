"""Planes on their way into the fusion: gaps closed and masked, moved, brightened; and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import over_a_step, picture

from napari_focus_stack._utils.windows import whole
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.alignment.registered_plane import RegisteredPlane
from napari_focus_stack.imgproc.colour import merged, separated
from napari_focus_stack.imgproc.dtypes import as_dtype, computable

if TYPE_CHECKING:
    from napari_focus_stack._utils.windows import Window

STILL = np.eye(3)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_computable_plane_is_not_copied(dtype: str) -> None:
    plane = np.zeros((9, 9), dtype)
    assert computable(plane) is plane


@pytest.mark.parametrize("dtype", ["bool", "int16", "int32", "uint32", "float16", "float64"])
def test_any_other_is_computed_as_float32(dtype: str) -> None:
    plane = np.array([[0, 1]], dtype)
    np.testing.assert_array_equal(computable(plane), np.float32([[0, 1]]))
    assert computable(plane).dtype == np.float32


@pytest.mark.parametrize("dtype", [">u2", ">f4"])
def test_opencv_gets_the_machines_order_of_bytes(dtype: str) -> None:
    found = computable(np.array([[0, 258]], dtype))
    assert found.dtype.isnative
    assert found.tolist() == [[0, 258]]


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.sampled_from(["uint8", "uint16", "int16", "int8"]))
def test_values_are_rounded_and_held_to_the_types_range(value: float, dtype: str) -> None:
    found = as_dtype(np.full((2, 2), value, np.float32), np.dtype(dtype))
    limits = np.iinfo(dtype)
    assert found.dtype == dtype
    expected = min(max(round(float(np.float32(value))), limits.min), limits.max)
    assert (found == expected).all()


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint64", "float16", "float64"])
def test_what_no_plane_recorded_is_zero_where_there_is_no_nan(dtype: str) -> None:
    found = as_dtype(np.float32([[np.nan, 1, np.nan]]), np.dtype(dtype))
    nothing = np.nan if found.dtype.kind == "f" else 0
    np.testing.assert_array_equal(found, np.array([[nothing, 1, nothing]], dtype))


def test_bool_is_decided_at_one_half() -> None:
    found = as_dtype(np.float32([[0, 0.4, 0.6, 1]]), np.dtype(bool))
    assert found.tolist() == [[False, False, True, True]]


def test_a_still_plane_is_seen_as_it_is() -> None:
    plane = picture("gravel", 40, 50)
    seen, mask = RegisteredPlane.of(plane, STILL, Brightness()).colour()
    np.testing.assert_array_equal(seen, plane)
    assert mask is None
    seen[:] = 0  # what is seen is new, whatever is done to it
    assert plane.any()
    brighter, _ = RegisteredPlane.of(plane, STILL, Brightness(1.25, 3.0)).colour()
    np.testing.assert_allclose(brighter, plane * 1.25 + 3, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("colour", [(), (3,)])
def test_gaps_are_masked_and_filled_from_around(bad: float, colour: tuple[int, ...]) -> None:
    plane = np.full((40, 50, *colour), 7, np.float32)
    plane[10:20, 30:45] = bad
    before = plane.copy()
    seen, mask = RegisteredPlane.of(plane, STILL, Brightness()).colour()
    np.testing.assert_array_equal(plane, before)
    np.testing.assert_allclose(seen, 7, rtol=1e-4)
    recorded = np.full((40, 50), 255, np.uint8)
    recorded[10:20, 30:45] = 0
    np.testing.assert_array_equal(mask, recorded)


def test_gaps_move_with_the_plane() -> None:
    plane = np.full((40, 50), 7, np.float32)
    plane[10, 30] = np.nan
    seen, mask = RegisteredPlane.of(plane, shifted(4), Brightness()).colour()
    np.testing.assert_allclose(seen, 7, rtol=1e-4)
    recorded = np.full((40, 50), 255, np.uint8)
    recorded[10, 26] = 0
    recorded[:, 46:] = 0
    np.testing.assert_array_equal(mask, recorded)


def test_a_plane_of_gaps_is_recorded_nowhere() -> None:
    gaps = np.full((40, 50), np.nan, np.float32)
    seen, mask = RegisteredPlane.of(gaps, STILL, Brightness()).colour()
    assert np.isfinite(seen).all()
    assert mask is not None
    assert not mask.any()


# planes as the fusion reads them off

SIZE = (60, 84)
KINDS = [((), "uint8"), ((), "uint16"), ((), "float32"), ((3,), "uint8"), ((4,), "uint16")]
MOVED = np.array([[1.02, 0.01, -3.2], [-0.01, 1.02, 2.7], [0, 0, 1]])
TURNED = np.array([[1.0, 0.03, 2.0], [-0.03, 1.0, 1.5], [0, 0, 1]])


def shifted(x: float, y: float = 0) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def recording(colour: tuple[int, ...], dtype: str) -> np.ndarray:
    name = "immunohistochemistry" if colour else "gravel"
    plane = cv2.GaussianBlur(picture(name, *SIZE), (0, 0), 1.2)
    if colour == (4,):
        plane = np.dstack([plane, np.linspace(0.2, 1, SIZE[1])[None].repeat(SIZE[0], 0)])
    return (plane * (1 if dtype == "float32" else np.iinfo(dtype).max)).astype(dtype)


def channels(seen: RegisteredPlane, window: Window | None = None) -> list[np.ndarray]:
    rows, cols = window or whole(seen.plane.shape)
    count = 1 if seen.plane.ndim == 2 else seen.plane.shape[2]
    out = [
        np.full((rows.stop - rows.start, cols.stop - cols.start), np.nan, np.float32)
        for _ in range(count)
    ]
    seen.channels((rows, cols), out)
    return out


@pytest.mark.parametrize("brightness", [Brightness(), Brightness(1.2, -3.0)])
@pytest.mark.parametrize(("colour", "dtype"), KINDS)
def test_channels_of_a_still_plane_are_its_own(colour, dtype: str, brightness: Brightness) -> None:
    plane = recording(colour, dtype)
    seen = RegisteredPlane.of(plane, STILL, brightness)
    assert seen.still
    lit = plane.astype(np.float32)
    lit[..., :3] = lit[..., :3] * np.float32(brightness.gain) + np.float32(brightness.offset)
    if not colour:
        lit = plane * np.float32(brightness.gain) + np.float32(brightness.offset)
    found = channels(seen)
    np.testing.assert_allclose(merged(found), lit, rtol=1e-5, atol=1e-3)
    if brightness == Brightness():
        for a, b in zip(found, separated(plane), strict=True):
            np.testing.assert_array_equal(a, b)
    assert seen.recorded_in(whole(plane.shape)) is None


@pytest.mark.parametrize("brightness", [Brightness(), Brightness(1.2, -3.0)])
@pytest.mark.parametrize(("colour", "dtype"), KINDS)
def test_channels_of_a_moved_plane_make_the_picture_of_it(colour, dtype, brightness) -> None:
    plane = recording(colour, dtype)
    seen = RegisteredPlane.of(plane, MOVED, brightness)
    assert not seen.still
    picture_of_it, _ = seen.colour()
    inner = np.s_[8:-8, 8:-8]
    apart = np.abs(merged(channels(seen)) - picture_of_it)[inner]
    # differences are read off linearly; the smooth plane's lose next to nothing
    span = float(np.ptp(plane))
    assert apart.mean() < (1e-6 if not colour else 3e-3) * span


@pytest.mark.parametrize("matrix", [STILL, MOVED, TURNED], ids=["still", "moved", "turned"])
@pytest.mark.parametrize(("colour", "dtype"), KINDS)
def test_parts_of_a_plane_are_those_of_the_whole(colour, dtype: str, matrix) -> None:
    plane = recording(colour, dtype)
    seen = RegisteredPlane.of(plane, matrix, Brightness(1.1, 2.0))
    together = channels(seen)
    bright = np.empty(SIZE, np.float32)
    seen.resample_brightness(whole(SIZE), bright)
    np.testing.assert_allclose(bright, together[0], rtol=1e-5, atol=1e-5)
    mask = seen.recorded_in(whole(SIZE))
    near = 1e-3 * np.ptp(plane) + (0 if seen.still else over_a_step(plane))
    for rows in range(0, SIZE[0], 22):
        for cols in range(0, SIZE[1], 30):
            window = slice(rows, min(rows + 22, SIZE[0])), slice(cols, min(cols + 30, SIZE[1]))
            for part, channel in zip(channels(seen, window), together, strict=True):
                np.testing.assert_allclose(part, channel[window], atol=near)
            part, here = seen.colour(window)
            np.testing.assert_allclose(part, seen.colour()[0][window], atol=near)
            recorded = np.full(part.shape[:2], 255) if here is None else here
            wanted = np.full(SIZE, 255) if mask is None else mask
            assert (recorded != wanted[window]).mean() < 0.02  # a pixel right at the edge
            assert (seen.recorded_in(window) is None) == (here is None)


@pytest.mark.parametrize("matrix", [MOVED, TURNED], ids=["moved", "turned"])
def test_a_picture_is_cut_into_tiles_without_seams(matrix) -> None:
    plane = np.random.default_rng(5).integers(0, 255, (140, 1100, 3), np.uint8)
    seen = RegisteredPlane.of(plane, matrix, Brightness())
    shown, _ = seen.colour()
    for window in ((slice(120, 135), slice(40, 90)), (slice(10, 60), slice(1010, 1040))):
        near = 1e-3 * 255 + over_a_step(plane)
        np.testing.assert_allclose(seen.colour(window)[0], shown[window], atol=near)


@pytest.mark.parametrize("matrix", [STILL, MOVED, TURNED], ids=["still", "moved", "turned"])
@pytest.mark.parametrize("brightness", [Brightness(), Brightness(1.2, -3.0)])
def test_differences_come_at_every_second_pixel(matrix, brightness: Brightness) -> None:
    """As they would be if whole ones were blurred a little and every second was taken."""
    smooth = 255 * cv2.GaussianBlur(recording((3,), "float32"), (0, 0), 2.5)
    seen = RegisteredPlane.of(smooth, matrix, brightness)
    _, *fine = channels(seen)
    half = [np.empty((30, 42), np.float32) for _ in range(2)]
    seen.differences(whole(SIZE), half)
    for few, all_of_them in zip(half, fine, strict=True):
        inner = np.s_[4:-4, 4:-4]
        wanted = all_of_them[::2, ::2][inner]
        assert np.abs(few[inner] - wanted).mean() < 0.05 * wanted.std()
        # not half a pixel to the side
        beside = all_of_them[1::2, 1::2][inner]
        assert np.abs(few[inner] - wanted).mean() < 0.5 * np.abs(few[inner] - beside).mean()
    rounded = [np.empty((30, 42), np.float32) for _ in range(2)]
    whole_numbers = np.rint(smooth).astype(np.uint8)
    RegisteredPlane.of(whole_numbers, matrix, brightness).differences(whole(SIZE), rounded)
    for a, b in zip(rounded, half, strict=True):
        assert np.abs(a - b).max() < 2.5
        assert np.abs(a - b).mean() < 0.5  # means of two by two are rounded once more
    # parts make the whole
    for window in ((slice(0, 20), slice(0, 84)), (slice(20, 60), slice(0, 40))):
        rows, cols = (slice(side.start // 2, (side.stop + 1) // 2) for side in window)
        parts = [np.empty(half[0][rows, cols].shape, np.float32) for _ in range(2)]
        seen.differences(window, parts)
        for part, all_of_it in zip(parts, half, strict=True):
            np.testing.assert_allclose(part, all_of_it[rows, cols], atol=0.2)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_picture_never_goes_beyond_what_was_recorded(dtype: str) -> None:
    rng = np.random.default_rng(3)
    plane = rng.choice(np.array([0, 200], dtype), SIZE)  # it would overshoot
    seen, _ = RegisteredPlane.of(plane, MOVED, Brightness()).colour()
    assert (seen.min(), seen.max()) == (0, 200)
    sharp = channels(RegisteredPlane.of(plane, MOVED, Brightness()))[0]
    assert sharp.max() > 200  # the fusion's is held at its end


def test_alpha_takes_no_light() -> None:
    plane = np.full((*SIZE, 4), 100, np.uint8)
    for matrix in (STILL, MOVED):
        seen = RegisteredPlane.of(plane, matrix, Brightness(1.5, 7.0))
        for lit in (seen.colour()[0], merged(channels(seen))):
            np.testing.assert_allclose(lit[..., :3], 157, rtol=1e-4)
            np.testing.assert_allclose(lit[..., 3], 100, rtol=1e-4)


@pytest.mark.parametrize("matrix", [STILL, np.float64([[1, 0, 2], [0, 1, 3], [0, 0, 1]])])
def test_grey_is_the_mean_of_the_colours_with_gain_and_offset(matrix) -> None:
    colours = np.dstack([picture("gravel", 40, 40), picture("camera", 40, 40), np.zeros((40, 40))])
    plane = np.float32(255 * colours)
    registered = RegisteredPlane(plane, matrix, Brightness(0.5, 8.0))
    window = slice(4, 24), slice(6, 30)
    expected = registered.colour(window)[0].mean(-1)
    np.testing.assert_allclose(registered.grey(window), expected, atol=0.5)
    alone = RegisteredPlane(plane[..., 0].copy(), matrix, Brightness(0.5, 8.0))
    np.testing.assert_allclose(alone.grey(window), alone.colour(window)[0], atol=0.5)
