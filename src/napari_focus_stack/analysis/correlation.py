"""Correlation of errors between neighbouring heights, which limits what averaging gains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

REACH = 40
"""Largest distance, in pixels, over which heights are taken to be correlated."""


def correlation_area(residuals: NDArray[np.float64], counted: NDArray[np.bool_]) -> float:
    """Return the number of pixels that vary as one.

    The autocorrelation of the residuals, averaged over all directions, is summed up to the distance
    at which it first vanishes; n values then count as n over that sum of independent ones
    (Bayley and Hammersley, 1946 [1]_, in two dimensions).

    Parameters
    ----------
    residuals : numpy.ndarray
        (n,) float64: heights that count minus their form.
    counted : numpy.ndarray
        (Y, X) bool: where they lie, n times True.

    Returns
    -------
    float
        At least 1.

    References
    ----------
    .. [1] G. V. Bayley and J. M. Hammersley, "The effective number of independent observations in
       an autocorrelated time series", Supplement to the J. R. Stat. Soc. 8, 1946,
       https://doi.org/10.2307/2983560.
    """
    rows, columns = (slice(at.min(), at.max() + 1) for at in np.nonzero(counted))
    inside = counted[rows, columns]
    field = np.zeros(inside.shape)
    field[inside] = residuals
    products, pairs = _autocorrelation(field), _autocorrelation(inside.astype(np.float64))
    shifts = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]
    distance = np.rint(np.hypot(*shifts)).astype(np.intp).ravel()
    pixels = np.bincount(distance)[: REACH + 1]
    total, number = (
        np.bincount(distance, values.ravel())[: REACH + 1] for values in (products, pairs)
    )
    covariance = np.divide(total, number, out=np.zeros_like(total), where=number > 0.5)
    if covariance[0] <= 0:
        return 1.0
    vanishes = np.flatnonzero(covariance <= 0)
    end = vanishes[0] if len(vanishes) else REACH + 1
    return max(float(covariance[:end] @ pixels[:end] / covariance[0]), 1.0)


def _autocorrelation(field: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of products of a field with itself, for shifts up to `REACH` pixels."""
    shape = [cv2.getOptimalDFTSize(side + REACH) for side in field.shape]
    power = np.square(np.abs(np.fft.rfft2(field, shape)))
    around = np.fft.irfft2(power, shape)
    near = np.arange(-REACH, REACH + 1)
    return np.asarray(around[np.ix_(near % shape[0], near % shape[1])])
