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
        Called between the passes; what it raises ends the smoothing.
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
        stacked: Map = np.stack(maps, -1)
        for i in range(ITERATIONS):
            strength = np.float32(
                1.5 * 4 ** (ITERATIONS - i - 1) / (4**ITERATIONS - 1) * self._reach
            )
            across = np.ascontiguousarray(stacked.transpose(1, 0, 2))
            self._check()
            _solve(across, self._along_x * strength)
            stacked = np.ascontiguousarray(across.transpose(1, 0, 2))
            self._check()
            _solve(stacked, self._along_y * strength)
        return [stacked[..., i] for i in range(len(maps))]


def _solve(values: Map, coupling: Map) -> None:
    """Thomas algorithm in place along the first axis, all lines at once."""
    n = len(values)
    upper = np.empty_like(coupling)
    own = 1 + coupling[0]
    upper[0] = -coupling[0] / own
    values[0] /= own[:, None]
    for i in range(1, n):
        left = coupling[i - 1]
        right = coupling[i] if i < n - 1 else np.float32(0)
        pivot = 1 + left + right + left * upper[i - 1]
        if i < n - 1:
            upper[i] = -right / pivot
        values[i] += left[:, None] * values[i - 1]
        values[i] /= pivot[:, None]
    for i in range(n - 2, -1, -1):
        values[i] -= upper[i][:, None] * values[i + 1]
