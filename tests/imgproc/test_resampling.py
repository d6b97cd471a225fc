"""What lies between pixels: known functions are read off where they are, and parts meet."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import over_a_step, picture, psnr

from napari_focus_stack._utils.threads import block_grid
from napari_focus_stack.imgproc.resampling import SourceWindow, resample, resample_linearly
from napari_focus_stack.imgproc.transforms import apply

SHAPE = (120, 160)
WHOLE = slice(0, SHAPE[0]), slice(0, SHAPE[1])
DEEP = np.s_[16:-16, 16:-16]


def motion(degrees: float = 0, scale: float = 1, x: float = 0, y: float = 0) -> np.ndarray:
    """A similarity about the centre."""
    matrix = np.eye(3)
    centre = (SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2
    matrix[:2] = cv2.getRotationMatrix2D(centre, degrees, scale)
    matrix[:2, 2] += x, y
    return matrix


def places(matrix: np.ndarray, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """(2, Y, X): x and y of the plane that pixels of the reference see."""
    y, x = np.indices(shape)
    seen = apply(matrix, np.stack([x.ravel(), y.ravel(), np.ones(x.size)]))
    return seen.reshape(2, *shape)


def seen(plane: np.ndarray, matrix: np.ndarray, read=resample, window=WHOLE) -> np.ndarray:
    cut = SourceWindow.of(matrix, window, plane.shape)
    return read(plane[cut.crop], cut.matrix, cut.size)


class Waves:
    """Plane waves of random directions: known everywhere, with nothing finer than a limit."""

    def __init__(self, finest: float, seed: int = 0, count: int = 300) -> None:
        rng = np.random.default_rng(seed)
        angle, phase = rng.uniform(0, 2 * np.pi, (2, count))
        frequency = finest * np.sqrt(rng.uniform(0, 1, count))  # cycles a pixel
        self._waves = frequency * np.cos(angle), frequency * np.sin(angle), phase
        self._size = 30 * np.sqrt(2 / count)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        total = np.zeros(np.shape(x))
        for u, v, phase in zip(*self._waves, strict=True):
            total += np.cos(2 * np.pi * (u * x + v * y) + phase)
        return (100 + self._size * total).astype(np.float32)


def opencv(flags: int, plane: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    flags |= cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(
        plane, matrix, plane.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE
    )


MOTIONS = [
    motion(x=0.5, y=0.5),
    motion(x=0.3, y=-0.2),
    motion(1.0, 1.01, 2.3, -1.7),
    motion(-4.0, 0.97, 0.4, 0.6),
]
PERSPECTIVE = np.array([[1.01, 0.02, -1.3], [-0.01, 0.99, 2.2], [2e-5, -3e-5, 1]])


@pytest.mark.parametrize("matrix", [*MOTIONS, PERSPECTIVE])
def test_a_smooth_plane_is_seen_where_it_lies(matrix: np.ndarray) -> None:
    wave = Waves(finest=0.1)
    plane, truth = wave(*places(np.eye(3))), wave(*places(matrix))
    for read in (resample, resample_linearly):
        error = np.abs(seen(plane, matrix, read) - truth)[DEEP]
        assert error.mean() < 0.8  # of 255; the wave's deviation is 30
        assert error.max() < 5


@pytest.mark.parametrize("matrix", [*MOTIONS, PERSPECTIVE])
@pytest.mark.parametrize(
    ("finest", "least"), [(0.2, 50), pytest.param(0.35, 43, marks=pytest.mark.long), (0.45, 34)]
)
def test_detail_is_kept_better_than_by_a_cubic_or_a_line(finest, least, matrix) -> None:
    wave = Waves(finest)
    plane, truth = wave(*places(np.eye(3))), wave(*places(matrix))[DEEP]
    found = psnr(seen(plane, matrix)[DEEP], truth)
    assert found > least
    assert found > psnr(opencv(cv2.INTER_CUBIC, plane, matrix)[DEEP], truth)
    assert found > psnr(seen(plane, matrix, resample_linearly)[DEEP], truth) + 6


@pytest.mark.parametrize("matrix", [*MOTIONS, PERSPECTIVE])
@pytest.mark.parametrize("read", [resample, resample_linearly])
def test_tiles_show_what_the_whole_shows(read, matrix: np.ndarray) -> None:
    plane = picture("brick", 300, 500) * np.float32(255)
    whole = seen(plane, matrix, read, (slice(0, 300), slice(0, 500)))
    tiled = np.empty_like(whole)
    for rows in range(0, 300, 70):
        for cols in range(0, 500, 90):
            window = slice(rows, min(rows + 70, 300)), slice(cols, min(cols + 90, 500))
            tiled[window] = seen(plane, matrix, read, window)
    # OpenCV's float32 counts places from the corner of a part
    near = over_a_step(plane)
    assert np.abs(tiled - whole).max() < 0.05 + near
    assert np.abs(tiled - whole).mean() < 1e-3 + near / 100  # few places lie between two steps


@pytest.mark.parametrize("read", [resample, resample_linearly])
def test_the_result_goes_where_it_is_wanted(read) -> None:
    plane = picture("gravel", *SHAPE)
    room = np.full((200, 300), -1, np.float32)
    cut = SourceWindow.of(MOTIONS[2], WHOLE, SHAPE)
    part = room[40:160, 70:230]
    read(plane[cut.crop], cut.matrix, cut.size, part)
    np.testing.assert_array_equal(part, seen(plane, MOTIONS[2], read))
    part[:] = -1
    assert (room == -1).all()


@settings(max_examples=30, deadline=None)
@given(st.floats(-1e4, 1e4), st.floats(-30, 30), st.floats(-30, 30), st.floats(-3, 3))
def test_an_even_plane_is_even_everywhere_and_repeats_beyond_its_border(
    value: float, x: float, y: float, degrees: float
) -> None:
    plane = np.full(SHAPE, value, np.float32)
    for read in (resample, resample_linearly):
        found = seen(plane, motion(degrees, 1, x, y), read)
        np.testing.assert_allclose(found, plane, rtol=1e-5, atol=1e-5)


def test_beyond_the_border_the_border_repeats() -> None:
    plane = picture("gravel", *SHAPE) * np.float32(255)
    for read in (resample, resample_linearly):
        found = seen(plane, motion(x=-40, y=-30), read)
        # the kernel reaches up to five pixels beyond
        np.testing.assert_allclose(found[:24], found[24][None].repeat(24, 0), atol=1e-2)
        np.testing.assert_allclose(found[:, :34], found[:, 34][:, None].repeat(34, 1), atol=1e-2)
        far = seen(plane, motion(x=1000, y=1000), read)
        np.testing.assert_allclose(far, far[0, 0], atol=1e-2)
        assert far[0, 0] == pytest.approx(plane[-1, -1], abs=20)


def test_steps_hardly_overshoot() -> None:
    plane = np.zeros(SHAPE, np.float32)
    plane[:, 80:] = 255
    found = seen(plane, motion(x=0.3))
    assert -50 < found.min() < 0
    assert 255 < found.max() < 305
    linear = seen(plane, motion(x=0.3), resample_linearly)
    assert (linear.min(), linear.max()) == (0, 255)


# cutting


@settings(max_examples=100, deadline=None)
@given(
    st.tuples(st.integers(9, 200), st.integers(9, 200)),
    st.tuples(st.floats(-5, 5), st.floats(0.8, 1.2), st.floats(-60, 60), st.floats(-60, 60)),
    st.booleans(),
    st.data(),
)
def test_a_cutting_holds_all_that_a_window_sees(shape, moved, even: bool, data) -> None:
    height, width = shape
    top, left = data.draw(st.integers(0, height - 2)), data.draw(st.integers(0, width - 2))
    window = (
        slice(top, data.draw(st.integers(top + 1, height))),
        slice(left, data.draw(st.integers(left + 1, width))),
    )
    matrix = motion(*moved)
    cut = SourceWindow.of(matrix, window, shape, even)
    rows, cols = cut.crop
    assert 0 <= rows.start < rows.stop <= height
    assert 0 <= cols.start < cols.stop <= width
    if even:
        assert rows.start % 2 == cols.start % 2 == 0
    size = window[1].stop - left, window[0].stop - top
    assert cut.size == size
    x, y = (place[window] for place in places(matrix, shape))
    # the matrix leads to the same places, counted from the corner of the crop
    u, v = places(cut.matrix, size[::-1])
    np.testing.assert_allclose(u + cols.start, x, atol=1e-6)
    np.testing.assert_allclose(v + rows.start, y, atol=1e-6)
    # each has two pixels around it in the crop, unless the plane itself ends there
    low, high = np.clip(np.floor(y) - 2, 0, height - 1), np.clip(np.floor(y) + 3, 0, height - 1)
    assert rows.start <= low.min()
    assert high.max() < rows.stop
    low, high = np.clip(np.floor(x) - 2, 0, width - 1), np.clip(np.floor(x) + 3, 0, width - 1)
    assert cols.start <= low.min()
    assert high.max() < cols.stop
    within = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    close = np.min(np.abs([x, x - width + 1, y, y - height + 1])) < 1e-6
    assert cut.inside == within.all() or close


def test_tiles_of_a_plane_need_little_beyond_themselves() -> None:
    shape = (1000, 3000)
    for window in block_grid(shape):
        rows, cols = SourceWindow.of(motion(x=3), window, shape).crop
        assert rows.stop - rows.start <= window[0].stop - window[0].start + 12
        assert cols.stop - cols.start <= window[1].stop - window[1].start + 12
