"""Similarity of two planes that a transform overlays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_focus_stack.imgproc.resampling import block_means

if TYPE_CHECKING:
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import (
        Matrix,
    )

Region = NDArray[np.bool_]

LEAST_OVERLAP = 0.2
STRIDE = 2
"""Pixels between the places where planes are compared: the band contains no finer detail."""
FOCUS_BLOCK = 12
"""Side in pixels of the blocks within which a change of focus is assumed to be uniform."""


def correlation(fixed: Plane, moving: Plane, matrix: Matrix, region: Region | None = None) -> float:
    """Correlate two band-passed planes where a transform makes them overlap.

    Parameters
    ----------
    fixed, moving : numpy.ndarray
        (y, x) float32 band-passed planes.
    matrix : numpy.ndarray
        (3, 3) transform, pixel of `fixed` to pixel of `moving`.
    region : numpy.ndarray, optional
        (y, x) bool, True where `fixed` may be compared.

    Returns
    -------
    float
        Correlation; -1 where the planes hardly overlap.
    """
    thinned = matrix @ np.diag([STRIDE, STRIDE, 1.0])
    some = None if region is None else region[::STRIDE, ::STRIDE]
    fixed = fixed[::STRIDE, ::STRIDE]
    overlap = shared_area(fixed, moving, thinned, some)
    if overlap is None:
        return -1.0
    warped, inside = overlap
    a, b = fixed * inside, warped * inside
    power = math.sqrt(float(np.vdot(a, a)) * float(np.vdot(b, b)))
    return float(np.vdot(a, b)) / power if power > 0 else 0.0


def gain_of_most(
    fixed: Plane,
    moving: Plane,
    matrix: Matrix,
    lesser: Matrix,
    region: Region | None = None,
) -> float:
    """Measure how much better most of the field fits by one transform than by another.

    Each block contributes the relative change of its squared difference; blocks of low contrast
    count little, those of high contrast at most three times as much as the average one. A bubble
    that moves independently fits better by its own motion, but the specimen around it fits worse.

    Parameters
    ----------
    fixed, moving : numpy.ndarray
        (y, x) float32 band-passed planes.
    matrix, lesser : numpy.ndarray
        (3, 3) transforms of the richer and the simpler model, pixel of `fixed` to pixel of
        `moving`.
    region : numpy.ndarray, optional
        (y, x) bool, True where `fixed` may be compared.

    Returns
    -------
    float
        Gain of `matrix` over `lesser`, -1 to 1.
    """
    new, old = (shared_area(fixed, moving, one, region) for one in (matrix, lesser))
    if new is None or old is None:
        return 1.0 if old is None else -1.0
    (better, _), (worse, _) = new, old
    inside = new[1] & old[1]
    left, before, power = (
        block_means(np.square(x, out=x) * inside, FOCUS_BLOCK)
        for x in (fixed - better, fixed - worse, fixed.copy())
    )
    total = left + before
    usable = (total > 0) & (power > 0)
    if not usable.any():
        return 0.0
    weight = np.minimum(power[usable], 3 * np.exp(np.log(power[usable]).mean()))
    return float((weight * (before - left)[usable] / total[usable]).sum() / weight.sum())


def shared_area(
    fixed: Plane, moving: Plane, matrix: Matrix, region: Region | None
) -> tuple[Plane, Region] | None:
    """Overlay the moving plane on the fixed one.

    Parameters
    ----------
    fixed, moving : numpy.ndarray
        (y, x) float32 planes.
    matrix : numpy.ndarray
        (3, 3) transform, pixel of `fixed` to pixel of `moving`.
    region : numpy.ndarray or None
        (y, x) bool, True where `fixed` may be compared.

    Returns
    -------
    tuple of numpy.ndarray or None
        The moving plane, (y, x) float32, 0 beyond its edges, and (y, x) bool, True where both may
        be compared. None where that is under 20 % of the area.
    """
    size = fixed.shape[::-1]
    warped = cv2.warpPerspective(
        moving,
        matrix,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=np.nan,
    )
    inside = np.isfinite(warped)
    cv2.patchNaNs(warped, 0)
    area = fixed.size
    if region is not None:
        inside &= region
        area = int(np.count_nonzero(region))
    return (warped, inside) if np.count_nonzero(inside) >= LEAST_OVERLAP * area else None
