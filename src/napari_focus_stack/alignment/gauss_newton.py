"""One plane laid over another by their intensities: a Gauss-Newton search, coarse to fine.

Planes are compared in a band that leaves out brightness drift below and, above, what only one of
two neighbouring planes shows. Updates use the mean gradient of both planes, which converges as fast
as a second-order method (Benhimane and Malis, "Real-time image-based tracking of planes using
efficient second-order minimization", IROS 2004); pixels that fit badly count less (Huber).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.alignment.similarity import (
    FOCUS_BLOCK,
    STRIDE,
    Region,
    correlation,
    shared_area,
)
from napari_focus_stack.imgproc.transforms import (
    Matrix,
    Model,
    apply,
    corners,
    generators,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane

COARSEST_SIDE = 48
BAND = (1.5, 8.0)
"""Gaussian sigmas, in pixels of the reduced plane, of the band in which planes are compared.

Blur that grows along a slope looks like motion to fine detail: with 0.8 the corners of
`brick-dome-moving` are off by 0.08 px, with 1.5 (on planes reduced to 0.7) by 0.03 px.
"""
MOST_STEPS = 12
SMALLEST_STEP = 0.02
"""A search ends when no corner moves by more than this many pixels: convergence is quadratic."""
HUBER = 1.5
MISFIT = 4.0
"""Misfit, in that of the usual block, at which a block counts half."""
FINE_LEVELS = 2
"""Levels, of the finest, on which affine and perspective motion is searched for."""


def pyramid(grey: Plane) -> tuple[Plane, ...]:
    """Band-passed planes, finest first, down to a side of about 48 pixels."""
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
    """A region of the full plane at the size of every level of a pyramid."""
    whole = region.astype(np.uint8) * 255
    sizes = [level.shape[::-1] for level in levels]
    shrunk = [cv2.resize(whole, size, interpolation=cv2.INTER_AREA) for size in sizes]
    return tuple(np.asarray(mask > 127) for mask in shrunk)


def register_pair(
    fixed: tuple[Plane, ...],
    moving: tuple[Plane, ...],
    model: Model,
    start: Matrix | None = None,
    region: tuple[Region, ...] | None = None,
) -> tuple[Matrix, Evidence | None]:
    """Transform from pixels of `fixed` to pixels of `moving`.

    Parameters
    ----------
    fixed, moving : tuple of numpy.ndarray
        Pyramids of both planes.
    model : {"shift", "similarity", "affine", "homography"}
        What may move.
    start : numpy.ndarray, optional
        (3, 3) transform already close: only the finest level is searched then.
    region : tuple of numpy.ndarray, optional
        Where `fixed` may be looked at, for every level.

    Returns
    -------
    matrix : numpy.ndarray
        (3, 3) float64.
    evidence : Evidence or None
        Of the last step; None where the planes hardly overlap.
    """
    top = len(fixed) - 1 if start is None else 0
    matrix = _start(fixed[-1], moving[-1], top) if start is None else start
    for level in range(top, -1, -1):
        # pyrDown keeps pixel (0, 0) in place, so levels differ by a plain factor
        size = np.diag([2.0**-level, 2.0**-level, 1.0])
        here = size @ matrix @ np.linalg.inv(size)
        fits = model if level < FINE_LEVELS or model == "shift" else "similarity"
        where = None if region is None else region[level]
        here, evidence = _gauss_newton(fixed[level], moving[level], fits, here, where)
        matrix = np.linalg.inv(size) @ here @ size
    return matrix, evidence


def _start(fixed: Plane, moving: Plane, level: int) -> Matrix:
    """Identity or the phase correlation's shift, whichever fits better at the coarsest level.

    A search that starts one period off on a repetitive pattern never comes back.
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


@dataclass(frozen=True)
class Evidence:
    """What two overlaid planes say of the motion left between them, block by block.

    Attributes
    ----------
    moments : numpy.ndarray
        (blocks, 3, 3): weighted products of the two gradients and the difference, summed over each
        block, with what focus changes solved for and gone.
    x, y : numpy.ndarray
        (blocks,) centres, in pixels.
    shape : tuple of int
        Of the planes.
    """

    moments: Matrix
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    shape: tuple[int, ...]

    def step(self, model: Model) -> Matrix:
        """Least-squares motion: a matrix close to the identity."""
        normal, right = self.equations(model)
        found = np.linalg.lstsq(normal, right, rcond=None)[0]
        update: Matrix = np.eye(3) + np.tensordot(found, generators(model, self.shape), 1)
        return update

    def equations(self, model: Model) -> tuple[Matrix, NDArray[np.float64]]:
        """Normal equations of a model's parameters: matrix (p, p) and right side (p,)."""
        x, y = self.x, self.y
        place = np.stack([x, y, np.ones_like(x)])
        u, v, w = np.moveaxis(generators(model, self.shape) @ place, 1, 0)
        motion = np.stack([u - x * w, v - y * w], axis=1)  # (p, 2, blocks)
        moments = self.moments.transpose(1, 2, 0)
        weighed = (motion[:, :, None] * moments[:2]).sum(1)  # (p, 3, blocks)
        normal = np.tensordot(motion, weighed[:, :2], ((1, 2), (1, 2)))
        normal[np.diag_indices_from(normal)] *= 1 + 1e-6
        return normal, weighed[:, 2].sum(1)

    def explains(self, model: Model, lesser: Model) -> float:
        """Part of the weighted mismatch that a model removes and a lesser one does not.

        The score test (Rao, Proc. Camb. Phil. Soc. 44, 1948): no search is needed to know whether
        one would pay.
        """
        gained = []
        for one in (model, lesser):
            normal, right = self.equations(one)
            gained.append(float(right @ np.linalg.lstsq(normal, right, rcond=None)[0]))
        mismatch = float(self.moments[:, 2, 2].sum())
        return (gained[0] - gained[1]) / mismatch if mismatch > 0 else 0.0


def compare_pair(
    fixed: Plane, moving: Plane, matrix: Matrix, region: Region | None = None
) -> Evidence | None:
    """What two planes say of the motion that a transform leaves; None where they hardly overlap.

    Two neighbouring planes differ by blur as well, which is their Laplacian times an unknown that
    varies over the field, and by local contrast and brightness. Left in, blur that grows on one
    side and shrinks on the other looks like magnification: 0.13 px instead of 0.03 px at the
    corners of `coins-step-moving`, 0.12 px instead of 0.04 px of `strands-moving`.
    """
    overlap = shared_area(fixed, moving, matrix, region)
    if overlap is None:
        return None
    warped, inside = overlap
    difference = cv2.subtract(fixed, warped)
    difference *= inside
    both = cv2.scaleAdd(difference, -0.5, fixed)
    gradients = [cv2.Scharr(both, cv2.CV_32F, *axis, scale=1 / 32) for axis in ((1, 0), (0, 1))]
    blur = cv2.Laplacian(both, cv2.CV_32F, ksize=3)
    some = np.s_[::STRIDE, ::STRIDE]
    weight = _huber(difference[some], inside[some])
    sums, x, y = _block_sums([a[some] for a in (*gradients, difference, blur, both)], weight)
    left = _without_focus(sums)
    left *= _block_weights(left[:, 2, 2], sums[:, -1, -1])[:, None, None]
    return Evidence(left, x, y, fixed.shape)


def _huber(difference: Plane, inside: Region) -> Plane:
    """Weight of each pixel: 1, less for outliers, 0 where nothing may be looked at."""
    size = np.abs(difference)
    sample = size[::2, ::2][inside[::2, ::2]]
    limit = HUBER * 1.4826 * float(np.median(sample)) + 1e-12 if sample.size else 1e-12
    weight = np.divide(np.float32(limit), np.maximum(size, np.float32(limit), out=size), out=size)
    weight *= inside
    return weight


def _block_sums(
    columns: list[Plane], weight: Plane
) -> tuple[Matrix, NDArray[np.float64], NDArray[np.float64]]:
    """Weighted sums of all products of two columns, or of one and 1, in each block; the centres.

    Blocks measure a whole number of pixels, which is averaged seven times faster; zeros fill up
    the last ones.
    """
    h, w = weight.shape
    side = FOCUS_BLOCK // STRIDE
    rows, cols = -(-h // side), -(-w // side)
    c = len(columns)
    sums = np.empty((rows * cols, c + 1, c + 1))
    padded = np.zeros((rows * side, cols * side), np.float32)
    product = padded[:h, :w]

    def mean() -> NDArray[np.float32]:
        averaged: Plane = cv2.resize(padded, (cols, rows), interpolation=cv2.INTER_AREA)
        return averaged.ravel()

    product[:] = weight
    sums[:, c, c] = mean()
    weighted = np.empty_like(weight)
    for i, column in enumerate(columns):
        np.multiply(weight, column, out=weighted)
        product[:] = weighted
        sums[:, i, c] = sums[:, c, i] = mean()
        for j in range(i, c):
            np.multiply(weighted, columns[j], out=product)
            sums[:, i, j] = sums[:, j, i] = mean()
    sums *= side**2
    y, x = np.meshgrid(_centres(h), _centres(w), indexing="ij")
    return sums, x.ravel(), y.ravel()


def _block_weights(misfit: NDArray[np.float64], pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight of each block: less, the more it misfits than most.

    What moves on its own (a bubble, a stage clip) has contrast enough to outvote a whole specimen;
    as variance of its own block (Cauchy's weight) it has one voice among many.
    """
    seen = pixels > 0
    variance = np.divide(misfit, pixels, out=np.zeros_like(misfit), where=seen)
    usual = float(np.median(variance[seen])) if seen.any() else 0.0
    weights: NDArray[np.float64] = 1 / (1 + variance / (MISFIT * usual + 1e-12))
    return weights


def _centres(places: int) -> NDArray[np.float64]:
    """Of blocks along a side, in pixels, for so many places where planes are compared."""
    starts = np.arange(0, places, FOCUS_BLOCK // STRIDE)
    return STRIDE * (starts + np.minimum(starts + FOCUS_BLOCK // STRIDE, places) - 1) / 2


def _without_focus(sums: Matrix) -> Matrix:
    """Schur complement: the motion's moments once blur, contrast and brightness are solved for."""
    inner, moments = sums[:, 3:, 3:].copy(), sums[:, 3:, :3]
    diagonal = np.einsum("bii->bi", inner)
    diagonal += 1e-3 * diagonal + 1e-9 * diagonal.sum(1, keepdims=True) + 1e-12
    explained = moments.transpose(0, 2, 1) @ np.linalg.solve(inner, moments)
    left: Matrix = sums[:, :3, :3] - explained
    return left
