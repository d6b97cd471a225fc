"""Polynomials fitted to the heights around each pixel, in a Gaussian window and without gaps.

Normalised convolution of zeroth to second order (Knutsson and Westin, CVPR 1993): the least-squares
polynomial of the heights that count, weighted by their distance. It is exact on surfaces of its
order up to the border and at gaps.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

Values = NDArray[np.floating[Any]]
Power = tuple[int, int]
"""Powers of y and x of a monomial."""
Sigmas = tuple[float, float]

REACH = 3.0
"""Half the width of a window by default, in standard deviations."""
RIDGE = 1e-6
"""Variance, in squared standard deviations of the window, that keeps a coefficient at 0 where it is
undetermined: the slope across a line of pixels."""


def powers(order: int) -> list[Power]:
    """Return the monomials up to a total degree.

    Parameters
    ----------
    order : int
        Total degree.

    Returns
    -------
    list of tuple of int
        Powers of y and x: (0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2) for degree 2.
    """
    return [(total - q, q) for total in range(order + 1) for q in range(total + 1)]


@lru_cache(64)
def _kernel(sigma: float, power: int, reach: float) -> NDArray[np.float64]:
    """Return a Gaussian of sum 1, times a power of the distance in standard deviations."""
    half = math.ceil(reach * sigma)
    away = np.arange(-half, half + 1) / sigma
    weight = np.exp(-0.5 * away**2)
    return np.asarray(weight / weight.sum() * away**power, np.float64)


def windowed(values: Values, power: Power, sigmas: Sigmas, reach: float = REACH) -> Values:
    """Sum values around each pixel in a Gaussian window, times a monomial of the distance.

    Parameters
    ----------
    values : numpy.ndarray
        (Y, X) float32 or float64; 0 outside.
    power : tuple of int
        Powers of the distances along y and x, in standard deviations.
    sigmas : tuple of float
        Standard deviations of the window along y and x, in pixels.
    reach : float
        Half the width of the window, in standard deviations.

    Returns
    -------
    numpy.ndarray
        (Y, X), of the same type.
    """
    along_y, along_x = (_kernel(s, p, reach) for s, p in zip(sigmas, power, strict=True))
    summed: Values = cv2.sepFilter2D(values, -1, along_x, along_y, borderType=cv2.BORDER_CONSTANT)
    return summed


def fitted(
    values: Values, inside: NDArray[np.bool_], sigmas: Sigmas, order: int, reach: float = REACH
) -> tuple[list[Values], list[Values]]:
    """Fit a polynomial around each pixel to the values that count.

    Parameters
    ----------
    values : numpy.ndarray
        (Y, X) float32 or float64, 0 where nothing counts; more precise if they are close to 0.
    inside : numpy.ndarray
        (Y, X) bool: the values that count.
    sigmas : tuple of float
        Standard deviations of the window along y and x, in pixels.
    order : int
        Total degree, 0 to 2.
    reach : float
        Half the width of the window, in standard deviations.

    Returns
    -------
    coefficients : list of numpy.ndarray
        Those of the monomials of `powers`, with distances in standard deviations.
    pivots : list of numpy.ndarray
        What of the weight of each monomial is independent of those before it; the first is the
        share of the window that counts.
    """
    mask = inside.astype(values.dtype)
    weights = {power: windowed(mask, power, sigmas, reach) for power in powers(2 * order)}
    data = {power: windowed(values, power, sigmas, reach) for power in powers(order)}
    return solved(weights, data, order)


def solved(
    weights: Mapping[Power, Values], data: Mapping[Power, Values], order: int
) -> tuple[list[Values], list[Values]]:
    """Solve the normal equations of a polynomial at every pixel (LDL decomposition).

    Parameters
    ----------
    weights : mapping
        Moments of the mask by power, up to twice the order.
    data : mapping
        Moments of the values by power, up to the order.
    order : int
        Total degree.

    Returns
    -------
    coefficients, pivots : list of numpy.ndarray
        As of `fitted`.
    """
    terms = powers(order)
    lower: dict[tuple[int, int], Values] = {}
    pivots: list[Values] = []
    ahead: list[Values] = []
    for i, (p, q) in enumerate(terms):
        for j in range(i):
            entry = weights[p + terms[j][0], q + terms[j][1]].copy()
            for k in range(j):
                entry -= lower[i, k] * lower[j, k] * pivots[k]
            lower[i, j] = entry / pivots[j]
        pivot, right = weights[2 * p, 2 * q].copy(), data[p, q].copy()
        for k in range(i):
            pivot -= lower[i, k] ** 2 * pivots[k]
            right -= lower[i, k] * ahead[k]
        pivots.append(np.maximum(pivot, RIDGE) if i == 0 else np.maximum(pivot, 0) + RIDGE)
        ahead.append(right)
    return _substituted(lower, [b / d for b, d in zip(ahead, pivots, strict=True)]), pivots


def _substituted(lower: Mapping[tuple[int, int], Values], values: list[Values]) -> list[Values]:
    """Solve the triangular equations from the last coefficient to the first."""
    found = list(values)
    for i in range(len(found) - 2, -1, -1):
        for k in range(i + 1, len(found)):
            found[i] = found[i] - lower[k, i] * found[k]
    return found
