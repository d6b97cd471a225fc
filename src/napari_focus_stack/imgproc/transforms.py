"""Plane transforms: 3 x 3 matrices that take a pixel (x, y, 1) of one plane to that of another.

Nothing here looks at intensities; `alignment` estimates, this room knows what a transform is.
"""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Model = Literal["none", "shift", "similarity", "affine", "homography"]

MOST_SCALE = 2.0
MOST_ROTATION = 20.0
MOST_SHEAR = 0.1
MOST_PERSPECTIVE = 0.2
"""Nothing a focusing lens does lies beyond these (scale, degrees, ratio, change over the field)."""
IMPLAUSIBLE = (
    f"scale beyond {1 / MOST_SCALE:g} to {MOST_SCALE:g}, rotation over {MOST_ROTATION:g} degrees, "
    f"shear over {MOST_SHEAR:.0%}, perspective over {MOST_PERSPECTIVE:.0%} or shift over half the "
    "field"
)
"""What `is_plausible` refuses."""

_GENERATORS = np.array(
    [
        ((0, 0, 1), (0, 0, 0), (0, 0, 0)),
        ((0, 0, 0), (0, 0, 1), (0, 0, 0)),
        ((1, 0, 0), (0, 1, 0), (0, 0, 0)),
        ((0, -1, 0), (1, 0, 0), (0, 0, 0)),
        ((1, 0, 0), (0, -1, 0), (0, 0, 0)),
        ((0, 1, 0), (1, 0, 0), (0, 0, 0)),
        ((0, 0, 0), (0, 0, 0), (1, 0, 0)),
        ((0, 0, 0), (0, 0, 0), (0, 1, 0)),
    ],
    np.float64,
)
"""Two shifts, magnification, rotation, two shears, two perspectives: a model is the first p."""
PARAMETERS: dict[Model, int] = {
    "none": 0,
    "shift": 2,
    "similarity": 4,
    "affine": 6,
    "homography": 8,
}


def generators(model: Model, shape: tuple[int, ...]) -> Matrix:
    """Lie-algebra generators of a model, (p, 3, 3), in the pixels of a plane."""
    frame = unit_frame(shape)
    in_pixels: Matrix = frame @ _GENERATORS[: PARAMETERS[model]] @ np.linalg.inv(frame)
    return in_pixels


def unit_frame(shape: tuple[int, ...]) -> Matrix:
    """Matrix from centred unit coordinates (half the longer side is 1) to pixels of a plane."""
    h, w = shape[:2]
    half = max(h, w) / 2
    return np.array([[half, 0, (w - 1) / 2], [0, half, (h - 1) / 2], [0, 0, 1]], np.float64)


def rescale(matrix: Matrix, fy: float, fx: float) -> Matrix:
    """The same transform between planes resized by `fy`, `fx` (pixel centres, as cv2.resize)."""
    if np.array_equal(matrix, np.eye(3)):
        return matrix  # no rounding: what did not move is not resampled
    size = np.array([[fx, 0, (fx - 1) / 2], [0, fy, (fy - 1) / 2], [0, 0, 1]], np.float64)
    scaled: Matrix = size @ matrix @ np.linalg.inv(size)
    return scaled


def corners(shape: tuple[int, ...]) -> Matrix:
    """(3, 4) homogeneous corner pixels of a plane."""
    h, w = shape[:2]
    return np.array([[0, w - 1, 0, w - 1], [0, 0, h - 1, h - 1], [1, 1, 1, 1]], np.float64)


def apply(matrix: Matrix, points: Matrix) -> Matrix:
    """(2, m) images of (3, m) homogeneous points."""
    moved = matrix @ points
    mapped: Matrix = moved[:2] / moved[2]
    return mapped


def corner_distance(a: Matrix, b: Matrix, shape: tuple[int, ...]) -> float:
    """Largest distance in pixels, over the four corners, between two transforms."""
    points = corners(shape)
    return float(np.hypot(*(apply(a, points) - apply(b, points))).max())


def composed(step: Matrix, so_far: Matrix) -> Matrix:
    """One transform after another, brought to a last element of 1."""
    path: Matrix = step @ so_far
    path /= path[2, 2]
    return path


def is_plausible(matrix: Matrix, shape: tuple[int, ...]) -> bool:
    """Whether a lens or a stage could have done this between two planes of one stack."""
    if not np.isfinite(matrix).all():
        return False
    (a, b), (c, d) = matrix[0, :2], matrix[1, :2]
    scale = np.sqrt(abs(a * d - b * c))
    rotation = np.degrees(np.arctan2(c - b, a + d))
    shear = np.hypot(a - d, b + c) / max(np.hypot(a + d, c - b), 1e-9)
    perspective = np.abs(matrix[2, :2]).sum() * max(shape[:2])
    shift = np.abs(apply(matrix, corners(shape)).mean(1) - corners(shape)[:2].mean(1))
    return bool(
        1 / MOST_SCALE < scale < MOST_SCALE
        and abs(rotation) < MOST_ROTATION
        and shear < MOST_SHEAR
        and perspective < MOST_PERSPECTIVE
        and (shift < np.array(shape[1::-1]) / 2).all()
    )


def only_shift(
    matrix: Matrix, shape: tuple[int, ...], region: NDArray[np.bool_] | None = None
) -> Matrix:
    """The shift that moves the centre of the plane, or of a region, as a transform does."""
    h, w = shape[:2]
    x, y = (w - 1) / 2, (h - 1) / 2
    if region is not None and region.any():
        y, x = (float(np.mean(places)) for places in np.nonzero(region))
    centre = np.array([[x], [y], [1]], np.float64)
    shift = np.eye(3)
    shift[:2, 2] = (apply(matrix, centre) - centre[:2]).ravel()
    return shift


def warp(
    plane: NDArray[Any], matrix: Matrix, flags: int = cv2.INTER_LINEAR
) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
    """A small plane seen in the reference frame, and where it has recorded anything.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) uint8, uint16 or float32.
    matrix : numpy.ndarray
        (3, 3), reference pixel to plane pixel.
    flags : int
        Interpolation.

    Returns
    -------
    warped : numpy.ndarray
        As `plane`; the plane's own pixels for the identity.
    valid : numpy.ndarray or None
        (Y, X) uint8, 255 where the plane has recorded; None where it has everywhere.
    """
    if np.array_equal(matrix, np.eye(3)):
        return plane, None
    size = plane.shape[1::-1]
    flags |= cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(plane, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return warped, valid_area(matrix, plane.shape[:2])


def warp_masked(
    plane: NDArray[np.float32], matrix: Matrix, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """A plane as the pixels of another of this shape see it; 0 beyond its edges."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped: NDArray[np.float32] = cv2.warpPerspective(
        plane, matrix, shape[1::-1], flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    return warped


def lies_inside(matrix: Matrix, size: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether an area of `size` (width, height) lands inside a plane of `shape` (Y, X)."""
    (wide, high), (h, w) = size, shape[:2]
    x, y = apply(matrix, corners((high, wide)))
    return bool(x.min() >= 0 and y.min() >= 0 and x.max() <= w - 1 and y.max() <= h - 1)


def valid_area(matrix: Matrix, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Where a transform lands inside a plane: (Y, X) uint8, 255 there; None if it does everywhere.

    Parameters
    ----------
    matrix : numpy.ndarray
        (3, 3), pixel of the area to pixel of the plane.
    shape : tuple of int
        Of the plane, and of the area.
    """
    h, w = shape[:2]
    if lies_inside(matrix, (w, h), shape):
        return None
    inside = np.full((h, w), 255, np.uint8)
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    area: NDArray[np.uint8] = cv2.warpPerspective(inside, matrix, (w, h), flags=flags)
    return area


def both_recorded(
    a: NDArray[np.uint8] | None, b: NDArray[np.uint8] | None
) -> NDArray[np.uint8] | None:
    """Where two planes have recorded, each given by its own valid area; None for everywhere."""
    if a is None or b is None:
        return b if a is None else a
    return np.minimum(a, b)
