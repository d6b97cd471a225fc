"""How alike two planes are that a transform lays over each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import (
        Matrix,
    )

Region = NDArray[np.bool_]

LEAST_OVERLAP = 0.2
STRIDE = 2
"""Pixels from one place where planes are compared to the next: the band leaves no finer detail."""
FOCUS_BLOCK = 12
"""Side in pixels of the blocks within which a change of focus is taken for uniform."""


def correlation(fixed: Plane, moving: Plane, matrix: Matrix, region: Region | None = None) -> float:
    """Correlation of two band-passed planes where a transform makes them overlap; -1 if hardly."""
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
    """Whether most of the field fits better by one transform than by another, from -1 to 1.

    Each block tells the relative change of its squared difference; blocks of little contrast count
    little, those of much no more than thrice the usual one. A bubble that moves on its own fits
    better by its own motion, and the specimen round it worse.
    """
    new, old = (shared_area(fixed, moving, one, region) for one in (matrix, lesser))
    if new is None or old is None:
        return 1.0 if old is None else -1.0
    (better, _), (worse, _) = new, old
    inside = new[1] & old[1]
    left, before, power = (
        _block_means(np.square(x, out=x) * inside)
        for x in (fixed - better, fixed - worse, fixed.copy())
    )
    total = left + before
    seen = (total > 0) & (power > 0)
    if not seen.any():
        return 0.0
    weight = np.minimum(power[seen], 3 * np.exp(np.log(power[seen]).mean()))
    return float((weight * (before - left)[seen] / total[seen]).sum() / weight.sum())


def _block_means(plane: Plane) -> Plane:
    """Means over whole blocks; what is left at the ends does not count."""
    rows, cols = (side // FOCUS_BLOCK for side in plane.shape)
    whole = plane[: rows * FOCUS_BLOCK, : cols * FOCUS_BLOCK]
    if not whole.size:
        whole, rows, cols = plane, 1, 1
    means: Plane = cv2.resize(whole, (cols, rows), interpolation=cv2.INTER_AREA)
    return means


def shared_area(
    fixed: Plane, moving: Plane, matrix: Matrix, region: Region | None
) -> tuple[Plane, Region] | None:
    """The moving plane over the fixed one, 0 beyond its edges, and where both may be looked at."""
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
