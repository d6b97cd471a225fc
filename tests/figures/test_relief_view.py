"""Views of reliefs against geometry: the texture holds the position of each pixel."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import STEP

from napari_focus_stack.analysis.height_map import HeightMap
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.figures.poses import Pose, swung
from napari_focus_stack.figures.relief import Relief, prepare_relief
from napari_focus_stack.figures.relief_view import view

SIDE = 120
FRAME = (240, 240)
BACKGROUND = (0, 0, 255)
NOTHING = -1e6


def _relief(heights: np.ndarray, known: np.ndarray | None = None) -> Relief:
    """Return a relief as large as in the picture, red = 2 x and green = 2 y."""
    y, x = np.mgrid[:SIDE, :SIDE]
    texture = np.stack([2 * x, 2 * y, np.zeros_like(x)], axis=-1).astype(np.uint8)
    known = np.ones(heights.shape, bool) if known is None else known
    thickness = 2 * float(np.abs(heights).max())
    heights = np.where(known, heights, 0).astype(np.float32)
    return Relief(texture, heights, known, (1.0, 1.0), thickness, FRAME)


def _seen(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which pixels show the surface alone, and x and y of what they show."""
    return picture[..., 2] == 0, picture[..., 0] / 2.0, picture[..., 1] / 2.0


def _screen() -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of the pixels of a picture, from its middle."""
    v, u = np.mgrid[: FRAME[1], : FRAME[0]]
    return u - (FRAME[0] - 1) / 2, v - (FRAME[1] - 1) / 2


def test_view_from_above_is_the_image() -> None:
    bumps = np.random.default_rng(1).uniform(-20, 20, (SIDE, SIDE))
    picture = view(_relief(bumps), Pose(), BACKGROUND)
    edge = (FRAME[0] - SIDE) // 2
    inside = picture[edge : edge + SIDE, edge : edge + SIDE]
    texture = _relief(bumps).texture.astype(int)
    assert np.abs(inside - texture)[1:-1, 1:-1].max() <= 1
    outside = np.ones(picture.shape[:2], bool)
    outside[edge - 1 : edge + SIDE + 1, edge - 1 : edge + SIDE + 1] = False
    assert (picture[outside] == BACKGROUND).all()


@pytest.mark.parametrize("tilt", [30.0, 60.0, 75.0])
def test_plane_is_foreshortened_by_the_cosine_of_the_tilt(tilt) -> None:
    shown, _, y = _seen(view(_relief(np.zeros((SIDE, SIDE))), Pose(0, tilt), BACKGROUND))
    column = FRAME[0] // 2
    rows = np.flatnonzero(shown[:, column])
    assert abs(len(rows) - SIDE * math.cos(math.radians(tilt))) <= 3  # mixed pixels at both ends
    from_middle = (y[rows, column] - (SIDE - 1) / 2) * math.cos(math.radians(tilt))
    assert from_middle == pytest.approx(rows - (FRAME[1] - 1) / 2, abs=0.5)


@pytest.mark.parametrize("azimuth", [0, 90, 180, 270])
def test_step_hides_what_is_behind_it_and_nothing_else(azimuth) -> None:
    # a bar over the whole width, 15 to both sides of level, across the direction of view
    heights = np.full((SIDE, SIDE), -15.0)
    bar = np.s_[60:80]
    heights[bar] = 15
    turned = np.rot90(heights, azimuth // 90)  # back by azimuth, so that it lies across again
    tilt = 40.0
    picture = view(_relief(np.ascontiguousarray(turned)), Pose(azimuth, tilt), BACKGROUND)
    shown, x, y = _seen(picture)
    column = FRAME[0] // 2
    rows = np.flatnonzero(shown[:, column])
    assert len(rows) == rows[-1] - rows[0] + 1  # the steep wall has no holes
    seen = {0: y, 90: x, 180: SIDE - 1 - y, 270: SIDE - 1 - x}[azimuth][rows, column]
    assert (np.diff(seen) > -0.6).all()  # from the back to the front, in order
    hidden = 30 * math.tan(math.radians(tilt))
    behind = seen[seen < 59]
    assert behind.max() == pytest.approx(60 - hidden, abs=1.5)
    wall = ((seen > 78.8) & (seen < 80.2)).sum()
    assert wall == pytest.approx(30 * math.sin(math.radians(tilt)), abs=2)


@settings(max_examples=20, deadline=None)
@given(
    st.floats(-180, 180),
    st.floats(0, 70),
    st.floats(-180, 180),
    st.integers(0, 2**31),
)
def test_every_pixel_shows_the_foremost_point_that_projects_to_it(azimuth, tilt, roll, seed):
    pose = Pose(azimuth, tilt, roll)
    relief = _relief(_hills(seed))
    shown, x, y = _seen(view(relief, pose, BACKGROUND))
    assert shown.any()
    # finer points of the surface in a buffer of distances, with the matrix of the pose alone
    fine_y, fine_x = np.mgrid[: SIDE - 1 : 0.25, : SIDE - 1 : 0.25]
    fine_z = _bilinear(relief.heights, fine_y, fine_x)
    points = np.stack([fine_x, fine_y, fine_z]).reshape(3, -1) - _MIDDLE
    u, v, near = pose.rotation @ points
    column, row = np.rint(u + (FRAME[0] - 1) / 2), np.rint(v + (FRAME[1] - 1) / 2)
    foremost = np.full(FRAME[::-1], NOTHING)
    np.maximum.at(foremost, (row.astype(int), column.astype(int)), near)
    here = np.stack([x, y, _bilinear(relief.heights, y, x)]).reshape(3, -1) - _MIDDLE
    seen_u, seen_v, seen_near = (pose.rotation @ here).reshape(3, *FRAME)
    across, down = _screen()
    # a pixel may show any point of its own area and of its neighbours': outlines of hills are mixed
    block = np.ones((3, 3), np.uint8)
    nearest, farthest = cv2.dilate(foremost, block), cv2.erode(foremost, block)
    in_sight = (seen_near > farthest - 2) & (seen_near < nearest + 2)
    smooth = nearest - farthest < 6
    in_place = np.hypot(seen_u - across, seen_v - down) < 0.8 + STEP
    assert in_sight[shown & smooth].mean() > 0.995
    assert in_place[shown & smooth].mean() > 0.99
    assert (shown & smooth).sum() > 0.4 * shown.sum()
    covered = foremost > NOTHING
    assert (shown != covered).sum() < 12 * SIDE  # the outline alone differs


_MIDDLE = np.array([[(SIDE - 1) / 2], [(SIDE - 1) / 2], [0]])


def _hills(seed: int) -> np.ndarray:
    """Return smooth hills of up to 25 to both sides of level."""
    noise = np.random.default_rng(seed).normal(size=(SIDE, SIDE)).astype(np.float32)
    hills = cv2.GaussianBlur(noise, (0, 0), 12)
    return hills * (25 / np.abs(hills).max())


def _bilinear(heights: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    from scipy.ndimage import map_coordinates

    return map_coordinates(heights.astype(float), [y, x], order=1, mode="nearest")


@pytest.mark.parametrize("angle", [8.0, 25.0])
def test_mirrored_relief_from_the_other_side_is_the_mirrored_picture(angle) -> None:
    relief = _relief(_hills(3))
    mirrored = Relief(
        np.ascontiguousarray(relief.texture[:, ::-1]),
        np.ascontiguousarray(relief.heights[:, ::-1]),
        relief.known,
        relief.pixel,
        relief.thickness,
        FRAME,
    )
    one = view(relief, swung(20, angle)).astype(int)
    other = view(mirrored, swung(20, -angle)).astype(int)[:, ::-1]
    assert (np.abs(one - other).max(2) <= 2).mean() > 0.999


def test_holes_are_background_and_hide_nothing() -> None:
    heights = np.zeros((SIDE, SIDE))
    heights[70:90] = 40
    known = np.ones((SIDE, SIDE), bool)
    known[70:90] = False  # the bar that would hide the rows behind it is missing
    shown, _, y = _seen(view(_relief(heights, known), Pose(0, 50), BACKGROUND))
    column = FRAME[0] // 2
    seen = y[:, column][shown[:, column]]
    assert not ((seen > 70) & (seen < 89)).any()
    expected = (70 + 30) * math.cos(math.radians(50))
    assert len(seen) == pytest.approx(expected, abs=4)  # two mixed pixels at each of four edges
    gap = np.array(view(_relief(heights, known), Pose(), BACKGROUND)[140, column]) == BACKGROUND
    assert gap.all()


def test_prepared_relief_is_true_to_scale_and_fits_from_every_side() -> None:
    heights = np.full((400, 600), 0.0, np.float32)
    heights[100:300, 200:400] = 90  # micrometres
    source = HeightMap(
        heights=heights, unit="micrometer", pixel_unit="micrometer", pixel_size=(1.0, 0.5), z_step=2
    )
    poses = [swung(0, 30.0), Pose(45, 60), Pose()]
    relief = prepare_relief(source, None, poses, frame=(300, 200), exaggeration=2.0)
    along_x, along_y, up = relief.extents
    assert along_y / along_x == pytest.approx(400 / 300)
    assert up / along_x == pytest.approx(2 * 90 / 300)
    assert np.ptp(relief.heights) == pytest.approx(up, rel=1e-3)
    pictures = [view(relief, pose, BACKGROUND) for pose in poses]
    for picture in pictures:
        ring = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        assert (ring == BACKGROUND).all()
    spans = [np.ptp(np.argwhere((p != BACKGROUND).any(2)), axis=0) + 1 for p in pictures]
    assert max(max(rows / 200, cols / 300) for rows, cols in spans) > 0.9


def test_exaggeration_below_0_turns_hills_into_hollows() -> None:
    heights = _hills(5).astype(np.float32)
    pose = [swung(0, 20.0)]
    upside_down = view(
        prepare_relief(HeightMap(heights=heights), None, pose, exaggeration=-1), pose[0]
    )
    turned = prepare_relief(HeightMap(heights=-heights), None, pose)
    texture = prepare_relief(HeightMap(heights=heights), None, pose, exaggeration=-1).texture
    same = Relief(
        texture, turned.heights, turned.known, turned.pixel, turned.thickness, turned.frame
    )
    assert np.array_equal(upside_down, view(same, pose[0]))


def test_what_makes_no_picture_is_refused() -> None:
    flat = HeightMap(heights=np.zeros((20, 20), np.float32))
    with pytest.raises(InputError, match="does not fit"):
        prepare_relief(flat, np.zeros((20, 21), np.uint8), [Pose()])
    with pytest.raises(InputError, match="No height is sure"):
        prepare_relief(HeightMap(heights=np.full((9, 9), np.nan)), None, [Pose()])
    with pytest.raises(SettingsError, match="tilt 95"):
        prepare_relief(flat, None, [Pose(0, 95)])
    with pytest.raises(SettingsError, match="frame 4 x 9000"):
        prepare_relief(flat, None, [Pose()], frame=(4, 9000))


def test_heights_that_are_not_sure_are_smooth_between_those_that_are() -> None:
    y, x = np.mgrid[:200, :300].astype(np.float32)
    ramp = 0.1 * x
    doubtful = np.hypot(y - 100, x - 150) < 30
    noisy = np.where(doubtful, np.random.default_rng(1).uniform(-500, 500, ramp.shape), ramp)
    noisy[:20, :20] = np.nan
    source = HeightMap(
        heights=noisy.astype(np.float32), confidence=np.where(doubtful, 0, 1).astype(np.float32)
    )
    relief = prepare_relief(source, None, [Pose()], frame=(600, 400))
    scale = relief.pixel[1]
    assert relief.thickness == pytest.approx(29.9 * scale, rel=1e-3)  # the noise does not count
    shown = relief.heights / scale + 29.9 / 2
    around = np.hypot(y - 100, x - 150) < 60
    # sure heights are kept; a gap 60 wide over a ramp is filled within a few per cent of its rise
    assert shown[around & ~doubtful] == pytest.approx(ramp[around & ~doubtful], abs=1e-3)
    assert np.abs(shown - ramp)[doubtful].max() < 2
    assert not relief.known[:20, :20].any()
    assert relief.known.sum() == 200 * 300 - 400


@pytest.mark.parametrize("share", [0.1, 0.001])
def test_few_sure_heights_far_apart_make_the_same_relief(share: float) -> None:
    ramp = np.broadcast_to(100 + np.arange(1200, dtype=np.float32) / 4, (900, 1200))
    sure = np.random.default_rng(0).random(ramp.shape) < share
    wild = np.where(sure, ramp, np.float32(1000))
    few = HeightMap(heights=wild, confidence=sure.astype(np.float32))
    whole, sparse = (
        prepare_relief(source, None, [Pose()], frame=(160, 120))
        for source in (HeightMap(heights=ramp), few)
    )
    difference = np.abs(sparse.heights - whole.heights)[20:-20, 20:-20]
    assert difference.max() < 0.05 * whole.thickness
