"""Smoothing that stops at edges and trusts some pixels more than others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

Map = NDArray[np.float32]

ITERATIONS = 3
GAP_PRIOR = 1e-3
LINES_BETWEEN_CHECKS = 256


def fill_from_trusted(data: Map, weight: Map, prior: float) -> Map:
    """Data where its weight is high, what trusted pixels around say where it is low.

    Weighted means of ever wider neighbourhoods, from the widest to the pixel itself, each the prior
    of the next (pull-push: Gortler et al., "The Lumigraph", SIGGRAPH 1996).

    Parameters
    ----------
    data, weight : numpy.ndarray
        (Y, X) float32; weights are inverse variances.
    prior : float
        Inverse variance of a pixel around the mean of its wider neighbourhood.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32.
    """
    sums, weights = [data * weight], [weight]
    while min(weights[-1].shape) > 2:
        sums.append(cv2.pyrDown(sums[-1]))
        weights.append(cv2.pyrDown(weights[-1]))
    filled = np.full_like(weights[-1], sums[-1].sum() / max(float(weights[-1].sum()), 1e-12))
    for total, support in zip(reversed(sums), reversed(weights), strict=True):
        if filled.shape != support.shape:
            filled = cv2.pyrUp(filled, dstsize=support.shape[::-1])
        filled = (total + np.float32(prior) * filled) / (support + np.float32(prior))
    return filled


def without_gaps(plane: NDArray[Any]) -> tuple[Map, NDArray[np.bool_]]:
    """The plane with smooth surroundings where values were missing, and where they were not.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) float32.

    Returns
    -------
    filled : numpy.ndarray
        As `plane`, all of it finite.
    finite : numpy.ndarray
        (Y, X) bool.
    """
    finite: NDArray[np.bool_] = np.isfinite(plane)
    if plane.ndim == 3:
        finite = np.asarray(finite.all(-1))
    weight: Map = finite.astype(np.float32)
    filled = plane.copy()
    for channel in [filled] if plane.ndim == 2 else [filled[..., c] for c in range(plane.shape[2])]:
        channel[~finite] = 0
        channel[~finite] = fill_from_trusted(channel, weight, GAP_PRIOR)[~finite]
    return filled, finite


class EdgeAwareMean:
    """Means over neighbourhoods that end where a guide changes.

    Fast global smoothing (Min et al., "Fast global image smoothing based on weighted least
    squares", IEEE TIP 2014): rows and columns in turn, each an exact tridiagonal solution, thrice.

    Parameters
    ----------
    guide : numpy.ndarray
        (Y, X) float32.
    reach : float
        Smoothness; neighbours count over about its square root in pixels.
    contrast : float
        Step of the guide that counts as an edge.
    check : callable, optional
        Called between lines; what it raises ends the smoothing.
    """

    def __init__(
        self,
        guide: Map,
        reach: float,
        contrast: float,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._along_y = np.exp(-np.abs(np.diff(guide, axis=0)) / np.float32(contrast))
        along_x = np.exp(-np.abs(np.diff(guide, axis=1)) / np.float32(contrast))
        self._along_x = np.ascontiguousarray(along_x.T)
        self._reach = reach
        self._check = check

    def __call__(self, *maps: Map) -> list[Map]:
        """Plain means of several (Y, X) float32 maps at once."""
        smoothed = list(maps)
        for i in range(ITERATIONS):
            strength = 1.5 * 4 ** (ITERATIONS - i - 1) / (4**ITERATIONS - 1) * self._reach
            across = np.stack([cv2.transpose(plane) for plane in smoothed], axis=1)
            _solve(across, self._along_x * np.float32(strength), self._check)
            along = np.stack([cv2.transpose(across[:, m]) for m in range(len(maps))], axis=1)
            _solve(along, self._along_y * np.float32(strength), self._check)
            smoothed = [along[:, m] for m in range(len(maps))]
        return smoothed


def _solve(values: Map, coupling: Map, check: Callable[[], None]) -> None:
    """Thomas algorithm in place along the first axis of (line, map, place), all lines at once."""
    n = len(values)
    own = np.float32(1) + np.pad(coupling, ((0, 1), (0, 0))) + np.pad(coupling, ((1, 0), (0, 0)))
    upper = np.empty_like(coupling)
    pulled, scale = np.empty_like(values[0]), np.empty_like(coupling[0])
    for i in range(n):
        if i % LINES_BETWEEN_CHECKS == 0:
            check()
        pivot = own[i]
        if i:
            left = coupling[i - 1]
            np.multiply(left, upper[i - 1], out=scale)
            pivot -= scale
            np.multiply(values[i - 1], left, out=pulled)
            values[i] += pulled
        np.reciprocal(pivot, out=pivot)
        values[i] *= pivot
        if i < n - 1:
            np.multiply(coupling[i], pivot, out=upper[i])
    for i in range(n - 2, -1, -1):
        np.multiply(values[i + 1], upper[i], out=pulled)
        values[i] += pulled
