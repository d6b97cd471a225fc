"""Evidence of the motion left between two overlaid planes, free of what focus changes.

Planes are compared block by block: differences that blur, local contrast or brightness explain do
not count as motion, and pixels and blocks that fit badly count less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack._compiled.library import library
from napari_focus_stack.alignment.compiled_moments import compiled_moments
from napari_focus_stack.alignment.similarity import FOCUS_BLOCK, STRIDE, shared_area
from napari_focus_stack.imgproc.transforms import generators

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.alignment.similarity import Region
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix, Model

HUBER = 1.5
"""Robust standard deviations of the difference beyond which a pixel counts less."""
MISFIT = 4.0
"""Misfit, as a multiple of that of the median block, at which a block counts half."""


@dataclass(frozen=True)
class Evidence:
    """Evidence of the motion left between two overlaid planes, block by block.

    Attributes
    ----------
    moments : numpy.ndarray
        (blocks, 3, 3) float64 weighted products of the two gradients and the difference, summed
        over each block, with the effects of focus eliminated.
    x, y : numpy.ndarray
        (blocks,) float64 centres, in pixels.
    shape : tuple of int
        (y, x) of the planes.
    """

    moments: Matrix
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    shape: tuple[int, ...]

    def step(self, model: Model) -> Matrix:
        """Solve for the least-squares motion of a model.

        Parameters
        ----------
        model : {"shift", "similarity", "affine", "homography"}
            Motion model.

        Returns
        -------
        numpy.ndarray
            (3, 3) float64, close to the identity.
        """
        normal, right = self.equations(model)
        found = np.linalg.lstsq(normal, right, rcond=None)[0]
        update: Matrix = np.eye(3) + np.tensordot(found, generators(model, self.shape), 1)
        return update

    def equations(self, model: Model) -> tuple[Matrix, NDArray[np.float64]]:
        """Set up the normal equations of a model's parameters.

        Parameters
        ----------
        model : {"shift", "similarity", "affine", "homography"}
            Motion model with p parameters.

        Returns
        -------
        normal : numpy.ndarray
            (p, p) float64 matrix.
        right : numpy.ndarray
            (p,) float64 right side.
        """
        x, y = self.x, self.y
        place = np.stack([x, y, np.ones_like(x)])
        u, v, w = np.moveaxis(generators(model, self.shape) @ place, 1, 0)
        u, v = u - x * w, v - y * w  # (p, blocks), the motion of each block's centre
        moments = np.ascontiguousarray(self.moments[:, :2].transpose(1, 2, 0))
        along_x, along_y = (u * moments[0, i] + v * moments[1, i] for i in (0, 1))
        normal = along_x @ u.T + along_y @ v.T
        normal[np.diag_indices_from(normal)] *= 1 + 1e-6
        return normal, u @ moments[0, 2] + v @ moments[1, 2]

    def explains(self, model: Model, lesser: Model) -> float:
        """Predict the part of the mismatch that a model removes and a simpler one does not.

        By the score test [1]_, without a search.

        Parameters
        ----------
        model, lesser : str
            Motion models, the richer one first.

        Returns
        -------
        float
            Part of the weighted mismatch, 0 to 1.

        References
        ----------
        .. [1] C. R. Rao, "Large sample tests of statistical hypotheses concerning several
           parameters with applications to problems of estimation", Proc. Camb. Phil. Soc. 44,
           1948, https://doi.org/10.1017/S0305004100023987
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
    """Collect the evidence of the motion that a transform leaves between two planes.

    Two neighbouring planes also differ by blur, which is their Laplacian times an unknown that
    varies over the field, and by local contrast and brightness. Unless these are eliminated, blur
    that grows on one side and shrinks on the other resembles magnification: 0.13 px instead of
    0.03 px at the corners of `coins-step-moving`, 0.12 px instead of 0.04 px of `strands-moving`.

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
    Evidence or None
        None where the planes hardly overlap.
    """
    overlap = shared_area(fixed, moving, matrix, region)
    if overlap is None:
        return None
    warped, inside = overlap
    limit = _outlier_limit(fixed, warped, inside)
    y, x = np.meshgrid(*(_centres(-(-side // STRIDE)) for side in fixed.shape), indexing="ij")
    kernels = library()
    if kernels is None:
        moments, pixels = _moments(fixed, warped, inside, limit)
    else:
        moments, pixels = compiled_moments(kernels, (fixed, warped, inside), limit, x.size)
    moments *= _block_weights(moments[:, 2, 2], pixels)[:, None, None]
    return Evidence(moments, x.ravel(), y.ravel(), fixed.shape)


def _outlier_limit(fixed: Plane, warped: Plane, inside: Region) -> float:
    """Return the difference beyond which a pixel counts less, from every second one compared."""
    some = np.s_[:: 2 * STRIDE, :: 2 * STRIDE]
    sample = np.abs(fixed[some] - warped[some])[inside[some]]
    return HUBER * 1.4826 * float(np.median(sample)) + 1e-12 if sample.size else 1e-12


def _moments(
    fixed: Plane, warped: Plane, inside: Region, limit: float
) -> tuple[Matrix, NDArray[np.float64]]:
    """Return the moments of each block, (blocks, 3, 3), and the sum of its weights."""
    difference = cv2.subtract(fixed, warped)
    difference *= inside
    both = cv2.scaleAdd(difference, -0.5, fixed)
    gradients = [cv2.Scharr(both, cv2.CV_32F, *axis, scale=1 / 32) for axis in ((1, 0), (0, 1))]
    blur = cv2.Laplacian(both, cv2.CV_32F, ksize=3)
    some = np.s_[::STRIDE, ::STRIDE]
    weight = _huber(difference[some], inside[some], limit)
    sums = _block_sums([a[some] for a in (*gradients, difference, blur, both)], weight)
    return _without_focus(sums), sums[:, -1, -1]


def _huber(difference: Plane, inside: Region, limit: float) -> Plane:
    """Return the weight of each pixel: 1, less for outliers, 0 outside the area compared."""
    size = np.abs(difference)
    weight = np.divide(np.float32(limit), np.maximum(size, np.float32(limit), out=size), out=size)
    weight *= inside
    return weight


def _block_sums(columns: list[Plane], weight: Plane) -> Matrix:
    """Sum the weighted products of two columns, or of one and 1, over each block.

    Blocks measure a whole number of pixels, which is averaged seven times faster; zeros fill up the
    last ones.
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
    return sums


def _block_weights(misfit: NDArray[np.float64], pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weight of each block: less, the more its misfit exceeds the median.

    An object that moves independently (a bubble, a stage clip) has enough contrast to outvote a
    whole specimen; as the variance of its own block (Cauchy's weight) it has one vote among many.
    """
    seen = pixels > 0
    variance = np.divide(misfit, pixels, out=np.zeros_like(misfit), where=seen)
    usual = float(np.median(variance[seen])) if seen.any() else 0.0
    weights: NDArray[np.float64] = 1 / (1 + variance / (MISFIT * usual + 1e-12))
    return weights


def _centres(places: int) -> NDArray[np.float64]:
    """Return the centres of the blocks along a side of so many sampled pixels, in pixels."""
    starts = np.arange(0, places, FOCUS_BLOCK // STRIDE)
    return STRIDE * (starts + np.minimum(starts + FOCUS_BLOCK // STRIDE, places) - 1) / 2


def _without_focus(sums: Matrix) -> Matrix:
    """Eliminate blur, contrast and brightness from the moments by their Schur complement."""
    inner, moments = sums[:, 3:, 3:].copy(), sums[:, 3:, :3]
    diagonal = np.einsum("bii->bi", inner)
    diagonal += 1e-3 * diagonal + 1e-9 * diagonal.sum(1, keepdims=True) + 1e-12
    explained = moments.transpose(0, 2, 1) @ np.linalg.solve(inner, moments)
    left: Matrix = sums[:, :3, :3] - explained
    return left
