"""Views of a relief with its image as texture, drawn without a screen and without a GPU."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.figures.relief import FINER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.figures.poses import Pose
    from napari_focus_stack.figures.relief import Relief

Colour = tuple[int, int, int]


def view(relief: Relief, pose: Pose, background: Colour = (0, 0, 0)) -> NDArray[np.uint8]:
    """Return a picture of a relief, seen from one side without perspective.

    The hidden parts are found by the horizon that rises from the front to the back [1]_, which is
    exact for heights over a grid: along each column, a row of the picture shows the first piece of
    the surface that reaches it.

    Parameters
    ----------
    relief : Relief
        Relief that fits into the picture from this side.
    pose : Pose
        The side.
    background : tuple of int
        RGB where there is no surface, 0 to 255.

    Returns
    -------
    numpy.ndarray
        (Y, X, 3) uint8.

    References
    ----------
    .. [1] T. J. Wright, "A two-space solution to the hidden line problem for plotting functions of
       two variables", IEEE Transactions on Computers C-22, 1 (1973), 28-33
    """
    azimuth, tilt = math.radians(pose.azimuth), math.radians(pose.tilt)
    cols, depth, rows = _working_size(relief.extents, azimuth, tilt)
    place = _place(relief, azimuth, cols, depth)
    screen = _screen_rows(relief, place, (cols, depth), tilt, rows)
    seen, shown = _visible(screen, rows)
    column = np.arange(cols, dtype=np.float32)
    picture = cv2.remap(
        relief.texture,
        seen * np.float32(place[0, 1])
        + (column * np.float32(place[0, 0]) + np.float32(place[0, 2])),
        seen * np.float32(place[1, 1])
        + (column * np.float32(place[1, 0]) + np.float32(place[1, 2])),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    picture[~shown] = background
    return _framed(picture, relief.frame, pose.roll, background)


def _working_size(
    extents: tuple[float, float, float], azimuth: float, tilt: float
) -> tuple[int, int, int]:
    """Return columns, rows of the surface and rows of the picture, before it is averaged.

    Columns and rows of the picture are even, so that pixels that are averaged are whole.
    """
    c, s = abs(math.cos(azimuth)), abs(math.sin(azimuth))
    across, along = c * extents[0] + s * extents[1], s * extents[0] + c * extents[1]
    down = along * math.cos(tilt) + extents[2] * math.sin(tilt)
    cols, depth, rows = (math.ceil(FINER * length / 2) * 2 + 2 for length in (across, along, down))
    return cols, depth, rows


def _place(relief: Relief, azimuth: float, cols: int, depth: int) -> NDArray[np.float64]:
    """Return (2, 3): columns and rows, from the front, to x and y in pixels of the relief."""
    c, s = math.cos(azimuth), math.sin(azimuth)
    turned = np.array([[c, -s], [-s, -c]]) / FINER  # rows run from the front, towards -y
    linear = turned / np.array([[relief.pixel[1]], [relief.pixel[0]]])
    rows, columns = relief.known.shape
    middle = np.array([columns - 1, rows - 1]) / 2
    shift = middle - linear @ np.array([cols - 1, depth - 1]) / 2
    return np.column_stack([linear, shift])


def _screen_rows(
    relief: Relief,
    place: NDArray[np.float64],
    size: tuple[int, int],
    tilt: float,
    rows: int,
) -> NDArray[np.float32]:
    """Return (depth, cols) float32: the picture's row of each point; infinite without a surface."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    heights: NDArray[np.float32] = cv2.warpAffine(relief.heights, place, size, flags=flags)
    known = cv2.warpAffine(relief.known.astype(np.float32), place, size, flags=flags)
    # outside counts as height 0 in the mean; dividing by the known share takes that out
    with np.errstate(divide="ignore", invalid="ignore"):
        heights /= known
    depth = size[1]
    along = ((depth - 1) / 2 - np.arange(depth)) * math.cos(tilt) + (rows - 1) / 2
    heights *= np.float32(-FINER * math.sin(tilt))
    heights += along.astype(np.float32)[:, None]
    heights[known < 0.5] = np.inf
    return heights


def _visible(
    screen: NDArray[np.float32], rows: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the surface's row that each row of the picture shows, and where there is one.

    Both are (rows, cols). A piece of the surface covers the rows between its end and the horizon
    of all that is in front.
    """
    depth, cols = screen.shape
    reached = np.minimum.accumulate(screen, axis=0)
    np.clip(np.ceil(reached, out=reached), 0, rows, out=reached)
    rises = np.empty(screen.shape, bool)
    np.less(reached[0], rows, out=rises[0])
    np.less(reached[1:], reached[:-1], out=rises[1:])
    # a point that rises is the only one of its column with this row
    place = reached[rises].astype(np.int32)
    place *= cols
    place += np.broadcast_to(np.arange(cols, dtype=np.int32), rises.shape)[rises]
    behind = np.arange(depth, dtype=np.int32)
    first = np.full((rows, cols), depth, np.int32)
    first.ravel()[place] = np.repeat(behind, np.count_nonzero(rises, axis=1))
    np.minimum.accumulate(first, axis=0, out=first)
    return _between(screen, first)


def _between(
    screen: NDArray[np.float32], first: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return positions between points `first` and those in front of them, and where they exist."""
    depth, cols = screen.shape
    rows = np.arange(len(first), dtype=np.float32)[:, None]
    index = np.minimum(first, depth - 1)
    index *= cols
    index += np.arange(cols, dtype=np.int32)
    end = screen.ravel().take(index)
    index -= cols
    front = screen.ravel().take(index, mode="clip")
    front[index < 0] = np.inf
    exact = end == rows  # visible even at the edge, which has no piece in front
    shown = np.isfinite(front)
    shown |= exact
    shown &= first < depth
    with np.errstate(invalid="ignore", divide="ignore"):
        np.subtract(front, end, out=end)
        share = np.subtract(front, rows, out=front)
        share /= end
    exact |= ~shown
    share[exact] = 1
    share += first
    share -= 1
    return share, shown


def _framed(
    picture: NDArray[np.uint8], frame: tuple[int, int], roll: float, background: Colour
) -> NDArray[np.uint8]:
    """Return a picture turned, averaged and centred in its frame."""
    angle = math.radians(roll)
    c, s = math.cos(angle) * FINER, math.sin(angle) * FINER
    linear = np.array([[c, s], [-s, c]])
    middle = np.array([picture.shape[1] - 1, picture.shape[0] - 1]) / 2
    shift = middle - linear @ np.array([frame[0] - 1, frame[1] - 1]) / 2
    whole: NDArray[np.uint8] = cv2.warpAffine(
        picture,
        np.column_stack([linear, shift]),
        frame,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=background,
    )
    return whole
