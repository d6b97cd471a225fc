"""Plane transforms: 3 x 3 matrices from a pixel (x, y, 1) of one plane to that of another.

This module represents transforms and applies them; `alignment` estimates them from intensities.
"""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_focus_stack.imgproc.unit_coordinates import GENERATORS, unit_frame

Matrix = NDArray[np.float64]
Model = Literal["none", "shift", "similarity", "affine", "homography"]

MOST_SCALE = 2.0
MOST_ROTATION = 20.0
MOST_SHEAR = 0.1
MOST_PERSPECTIVE = 0.2
"""Largest scale, rotation in degrees, shear and change of scale over the field that a focusing lens
can cause."""
IMPLAUSIBLE = (
    f"scale beyond {1 / MOST_SCALE:g} to {MOST_SCALE:g}, rotation over {MOST_ROTATION:g} degrees, "
    f"shear over {MOST_SHEAR:.0%}, perspective over {MOST_PERSPECTIVE:.0%} or shift over half the "
    "field"
)
"""Description of the transforms that `is_plausible` rejects."""

PARAMETERS: dict[Model, int] = {
    "none": 0,
    "shift": 2,
    "similarity": 4,
    "affine": 6,
    "homography": 8,
}
"""Number of parameters of each model, which has the first of `GENERATORS`."""


def generators(model: Model, shape: tuple[int, ...]) -> Matrix:
    """Return the Lie-algebra generators of a model in pixels of a plane.

    Parameters
    ----------
    model : str
        Motion model.
    shape : tuple of int
        Shape of the plane, rows first.

    Returns
    -------
    numpy.ndarray
        (p, 3, 3) float64.
    """
    frame = unit_frame(shape)
    in_pixels: Matrix = frame @ GENERATORS[: PARAMETERS[model]] @ np.linalg.inv(frame)
    return in_pixels


def rescale(matrix: Matrix, fy: float, fx: float) -> Matrix:
    """Convert a transform to planes that are resized, by the pixel centres of cv2.resize.

    Parameters
    ----------
    matrix : numpy.ndarray
        (3, 3), pixel to pixel of the original planes.
    fy, fx : float
        Factors by which rows and columns are resized.

    Returns
    -------
    numpy.ndarray
        (3, 3), pixel to pixel of the resized planes; `matrix` itself for the identity.
    """
    if np.array_equal(matrix, np.eye(3)):
        return matrix  # exact, so that planes that did not move are not resampled
    size = np.array([[fx, 0, (fx - 1) / 2], [0, fy, (fy - 1) / 2], [0, 0, 1]], np.float64)
    scaled: Matrix = size @ matrix @ np.linalg.inv(size)
    return scaled


def corners(shape: tuple[int, ...]) -> Matrix:
    """Return the corner pixels of a plane.

    Parameters
    ----------
    shape : tuple of int
        Shape of the plane, rows first.

    Returns
    -------
    numpy.ndarray
        (3, 4) float64 homogeneous points (x, y, 1).
    """
    h, w = shape[:2]
    return np.array([[0, w - 1, 0, w - 1], [0, 0, h - 1, h - 1], [1, 1, 1, 1]], np.float64)


def apply(matrix: Matrix, points: Matrix) -> Matrix:
    """Transform points.

    Parameters
    ----------
    matrix : numpy.ndarray
        (3, 3).
    points : numpy.ndarray
        (3, m) homogeneous points (x, y, 1).

    Returns
    -------
    numpy.ndarray
        (2, m) float64, x and y.
    """
    moved = matrix @ points
    mapped: Matrix = moved[:2] / moved[2]
    return mapped


def corner_distance(a: Matrix, b: Matrix, shape: tuple[int, ...]) -> float:
    """Return the largest distance between two transforms of the four corners.

    Parameters
    ----------
    a, b : numpy.ndarray
        (3, 3) each.
    shape : tuple of int
        Shape of the plane, rows first.

    Returns
    -------
    float
        Distance in pixels.
    """
    points = corners(shape)
    return float(np.hypot(*(apply(a, points) - apply(b, points))).max())


def composed(step: Matrix, so_far: Matrix) -> Matrix:
    """Compose two transforms and scale the last element to 1.

    Parameters
    ----------
    step : numpy.ndarray
        (3, 3), applied second.
    so_far : numpy.ndarray
        (3, 3), applied first.

    Returns
    -------
    numpy.ndarray
        (3, 3) float64.
    """
    path: Matrix = step @ so_far
    path /= path[2, 2]
    return path


def is_plausible(matrix: Matrix, shape: tuple[int, ...]) -> bool:
    """Check whether a lens or a stage could cause this transform between two planes of a stack.

    Parameters
    ----------
    matrix : numpy.ndarray
        (3, 3), pixel to pixel.
    shape : tuple of int
        Shape of the planes, rows first.

    Returns
    -------
    bool
        False beyond the limits that `IMPLAUSIBLE` lists.
    """
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
    """Return the shift that moves the centre of a plane, or of a region, as a transform does.

    Parameters
    ----------
    matrix : numpy.ndarray
        (3, 3), pixel to pixel.
    shape : tuple of int
        Shape of the plane, rows first.
    region : numpy.ndarray, optional
        (Y, X) bool; its centroid takes the place of the centre of the plane.

    Returns
    -------
    numpy.ndarray
        (3, 3) float64.
    """
    h, w = shape[:2]
    x, y = (w - 1) / 2, (h - 1) / 2
    if region is not None and region.any():
        y, x = (float(np.mean(pixels)) for pixels in np.nonzero(region))
    centre = np.array([[x], [y], [1]], np.float64)
    shift = np.eye(3)
    shift[:2, 2] = (apply(matrix, centre) - centre[:2]).ravel()
    return shift


def warp(
    plane: NDArray[Any], matrix: Matrix, flags: int = cv2.INTER_LINEAR
) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
    """Resample a small plane in the reference frame.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) uint8, uint16 or float32.
    matrix : numpy.ndarray
        (3, 3), reference pixel (x, y, 1) to pixel of the plane.
    flags : int
        OpenCV interpolation.

    Returns
    -------
    warped : numpy.ndarray
        As `plane`; `plane` itself for the identity.
    recorded : numpy.ndarray or None
        (Y, X) uint8, 255 where the plane recorded; None where it recorded everything.
    """
    if np.array_equal(matrix, np.eye(3)):
        return plane, None
    size = plane.shape[1::-1]
    flags |= cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(plane, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return warped, valid_area(matrix, plane.shape[:2])


def warp_masked(plane: NDArray[Any], matrix: Matrix, shape: tuple[int, ...]) -> NDArray[Any]:
    """Resample a plane in the frame of another one, with 0 beyond its edges.

    Parameters
    ----------
    plane : numpy.ndarray
        (y, x[, C]) uint8 or float32.
    matrix : numpy.ndarray
        (3, 3), pixel (x, y, 1) of the result to pixel of the plane.
    shape : tuple of int
        Shape of the result, rows first.

    Returns
    -------
    numpy.ndarray
        (Y, X[, C]) of the same type.
    """
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped: NDArray[Any] = cv2.warpPerspective(
        plane, matrix, shape[1::-1], flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    return warped


def lies_inside(matrix: Matrix, size: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Check whether an area lies inside a plane after a transform.

    Parameters
    ----------
    matrix : numpy.ndarray
        (3, 3), pixel (x, y, 1) of the area to pixel of the plane.
    size : tuple of int
        Width and height of the area.
    shape : tuple of int
        Shape of the plane, rows first.

    Returns
    -------
    bool
        True if all four corners lie inside.
    """
    (wide, high), (h, w) = size, shape[:2]
    x, y = apply(matrix, corners((high, wide)))
    return bool(x.min() >= 0 and y.min() >= 0 and x.max() <= w - 1 and y.max() <= h - 1)


def valid_area(matrix: Matrix, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Return a mask of the pixels that a transform maps into a plane.

    Parameters
    ----------
    matrix : numpy.ndarray
        (3, 3), pixel (x, y, 1) of the area to pixel of the plane.
    shape : tuple of int
        (Y, X) of the plane, and of the area.

    Returns
    -------
    numpy.ndarray or None
        (Y, X) uint8, 255 inside the plane; None if all of the area is inside.
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
    """Return where both of two planes recorded values.

    Parameters
    ----------
    a, b : numpy.ndarray or None
        (Y, X) uint8, 255 where a plane recorded; None for everywhere.

    Returns
    -------
    numpy.ndarray or None
        (Y, X) uint8, 255 where both recorded; None for everywhere.
    """
    if a is None or b is None:
        return b if a is None else a
    return np.minimum(a, b)
