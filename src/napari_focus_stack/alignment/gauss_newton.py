"""Registration of two planes by their intensities: a coarse-to-fine Gauss-Newton search.

Planes are compared in a band that excludes brightness drift at coarse scales and, at fine scales,
detail that only one of two neighbouring planes shows. Updates use the mean gradient of both planes,
which converges as fast as a second-order method (Benhimane and Malis, "Real-time image-based
tracking of planes using efficient second-order minimization", IROS 2004); pixels that fit badly
count less (Huber).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.alignment.motion_evidence import compare_pair
from napari_focus_stack.alignment.similarity import correlation
from napari_focus_stack.imgproc.transforms import apply, corners

if TYPE_CHECKING:
    from napari_focus_stack.alignment.motion_evidence import Evidence
    from napari_focus_stack.alignment.similarity import Region
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix, Model

COARSEST_SIDE = 48
BAND = (1.5, 8.0)
"""Gaussian sigmas, in pixels of the reduced plane, of the band in which planes are compared.

Blur that grows along a slope resembles motion of fine detail: with 0.8 the corners of
`brick-dome-moving` are off by 0.08 px, with 1.5 (on planes reduced to 0.7) by 0.03 px.
"""
MOST_STEPS = 12
SMALLEST_STEP = 0.02
"""Corner motion in pixels below which a search ends: convergence is quadratic."""
ENOUGH = 200_000
"""Pixels above which half the resolution suffices for the whole field, or for the composite."""
FINE_LEVELS = 2
"""Number of the finest levels on which affine and perspective motion is estimated."""


def pyramid(grey: Plane) -> tuple[Plane, ...]:
    """Build a pyramid of band-passed planes, down to a side of about 48 pixels.

    Parameters
    ----------
    grey : numpy.ndarray
        (y, x) float32 luminance.

    Returns
    -------
    tuple of numpy.ndarray
        (y, x) float32 levels, finest first, each half the size of the one before.
    """
    levels = [grey]
    while min(levels[-1].shape) >= 2 * COARSEST_SIDE:
        levels.append(cv2.pyrDown(levels[-1]))
    return tuple(_band(level) for level in levels)


def _band(grey: Plane) -> Plane:
    fine = cv2.GaussianBlur(grey, (0, 0), BAND[0])
    # two box filters have the variance of the Gaussian at a quarter of its time
    box = (round(np.sqrt(6 * BAND[1] ** 2 + 1)),) * 2
    coarse = cv2.blur(cv2.blur(grey, box), box)
    band: Plane = cv2.subtract(fine, coarse, dst=fine)
    return band


def regions(region: Region, levels: tuple[Plane, ...]) -> tuple[Region, ...]:
    """Resize a region of the full plane to every level of a pyramid.

    Parameters
    ----------
    region : numpy.ndarray
        (Y, X) bool, True where planes may be compared.
    levels : tuple of numpy.ndarray
        Levels of a pyramid of the plane.

    Returns
    -------
    tuple of numpy.ndarray
        (y, x) bool region of each level.
    """
    whole = region.astype(np.uint8) * 255
    sizes = [level.shape[::-1] for level in levels]
    shrunk = [cv2.resize(whole, size, interpolation=cv2.INTER_AREA) for size in sizes]
    return tuple(np.asarray(mask > 127) for mask in shrunk)


def level_of(levels: tuple[Plane, ...]) -> int:
    """Return the level at which planes are compared where detail need not be the finest.

    Parameters
    ----------
    levels : tuple of numpy.ndarray
        Levels of a pyramid.

    Returns
    -------
    int
        1 for planes of more than `ENOUGH` pixels, else 0.
    """
    return int(levels[0].size > ENOUGH and len(levels) > 1)


def at_level(matrix: Matrix, level: int) -> Matrix:
    """Rescale a transform from the finest level of a pyramid to a coarser one.

    Parameters
    ----------
    matrix : numpy.ndarray
        (3, 3) transform between pixels of the finest level.
    level : int
        Number of the level, 0 for the finest; negative to rescale from a level to the finest.

    Returns
    -------
    numpy.ndarray
        (3, 3) transform between pixels of that level.
    """
    # pyrDown keeps pixel (0, 0) in place, so levels differ by a plain factor
    size = np.array([2.0**-level, 2.0**-level, 1.0])
    scaled: Matrix = size[:, None] * matrix / size
    return scaled


def register_pair(
    fixed: tuple[Plane, ...],
    moving: tuple[Plane, ...],
    model: Model,
    start: Matrix | None = None,
    region: tuple[Region, ...] | None = None,
) -> tuple[Matrix, Evidence | None]:
    """Estimate the transform from pixels of `fixed` to pixels of `moving`.

    Parameters
    ----------
    fixed, moving : tuple of numpy.ndarray
        Pyramids of both planes.
    model : {"shift", "similarity", "affine", "homography"}
        Motion model.
    start : numpy.ndarray, optional
        (3, 3) transform that is already close: only the finest level is searched then.
    region : tuple of numpy.ndarray, optional
        (y, x) bool for every level, True where `fixed` may be compared.

    Returns
    -------
    matrix : numpy.ndarray
        (3, 3) float64.
    evidence : Evidence or None
        Evidence of the last step; None where the planes hardly overlap.

    References
    ----------
    .. [1] S. Benhimane and E. Malis, "Real-time image-based tracking of planes using efficient
       second-order minimization", IROS 2004.
    """
    top = len(fixed) - 1 if start is None else 0
    matrix = _start(fixed[-1], moving[-1], top) if start is None else start
    for level in range(top, -1, -1):
        fits = model if level < FINE_LEVELS or model == "shift" else "similarity"
        where = None if region is None else region[level]
        here = at_level(matrix, level)
        here, evidence = _gauss_newton(fixed[level], moving[level], fits, here, where)
        matrix = at_level(here, -level)
    return matrix, evidence


def _start(fixed: Plane, moving: Plane, level: int) -> Matrix:
    """Return the identity or the phase correlation's shift, whichever fits the coarsest level.

    A search that starts one period off on a repetitive pattern never recovers.
    """
    window = cv2.createHanningWindow(fixed.shape[::-1], cv2.CV_32F)
    # copies: OpenCV windows planes of a size that suits its transform in place
    (dx, dy), _ = cv2.phaseCorrelate(fixed.copy(), moving.copy(), window)
    shifted = np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1]], np.float64)
    best = max((np.eye(3), shifted), key=lambda matrix: correlation(fixed, moving, matrix))
    best[:2, 2] *= 2.0**level
    return best


def _gauss_newton(
    fixed: Plane, moving: Plane, model: Model, matrix: Matrix, region: Region | None
) -> tuple[Matrix, Evidence | None]:
    ends = corners(fixed.shape)
    for _ in range(MOST_STEPS):
        evidence = compare_pair(fixed, moving, matrix, region)
        if evidence is None:
            break
        update = evidence.step(model)
        matrix = matrix @ update
        matrix /= matrix[2, 2]
        if np.hypot(*(apply(update, ends) - ends[:2])).max() < SMALLEST_STEP:
            break
    return matrix, evidence
