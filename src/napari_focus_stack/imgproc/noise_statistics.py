"""Statistics of noise in blocks of a plane: quiet blocks, and variance fitted over brightness."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane

BLOCK_SAMPLES = (240.0, 155.0, 34.0, 33.0)
"""Independent samples in the squared band of one block, for each level, from simulated white
noise."""
QUIET_BLOCKS = 0.2
"""Quantile of the blocks that is considered to be noise alone."""
BINS = 8
"""Number of groups of blocks of similar brightness; lines are fitted through their quiet blocks."""
FEWEST_BLOCKS = 100
"""Least number of blocks for which noise is fitted over brightness."""
LEAST_RANGE = 0.05
"""Least range of the blocks' brightness, as a part of its mean, that shows how noise depends on
it."""
MOST_MISFIT = 1.0
"""Logarithm of the ratio of a variance to the line at which a block's weight is capped: it holds
detail."""
DECISIVE = 0.95
"""Largest part of the misfit of one constant variance that an accepted line may leave."""
QUIET_DEVIATION = 0.6
"""Standard deviations by which the quiet quantile of the least energies lies below their mean."""


def quiet_variance(variance: Plane) -> float:
    """Return the variance of the quiet blocks.

    Parameters
    ----------
    variance : numpy.ndarray
        Float32 variance of each block, infinite where nothing was measured.

    Returns
    -------
    float
        0 if no block was measured.
    """
    finite = variance[np.isfinite(variance)]
    return _quantile(finite, QUIET_BLOCKS) if finite.size else 0.0


def _quantile(values: Plane | NDArray[np.float64], share: float) -> float:
    """Return a quantile without interpolation, so that equal channels have the same one."""
    return float(np.quantile(values, share, method="inverted_cdf"))


def expected_quiet(level: int, count: int) -> float:
    """Return the energy of the quiet blocks in pure noise of variance 1.

    Each block holds the least of three energies from each pair, which share part of their noise.
    Its expectation follows from Blom's order statistic and from Wilson and Hilferty's approximation
    of the chi-squared distribution [1]_.

    Parameters
    ----------
    level : int
        Pyramid level, 0 for the finest.
    count : int
        Number of pairs.

    Returns
    -------
    float
        Expected energy.

    References
    ----------
    .. [1] E. B. Wilson and M. M. Hilferty, "The distribution of chi-square", PNAS 17, 1931,
       https://doi.org/10.1073/pnas.17.12.684.
    """
    draws = 2 * count + 1
    below = NormalDist().inv_cdf((draws - 0.375) / (draws + 0.25)) + QUIET_DEVIATION
    width = 2 / (9 * BLOCK_SAMPLES[level])
    return float((1 - width - below * np.sqrt(width)) ** 3)


def fit_line(
    brightness: NDArray[np.float64], variance: NDArray[np.float64]
) -> tuple[float, float, float] | None:
    """Fit the variance of quiet blocks as a line over their brightness.

    Quantile regression [1]_ of the logarithm, among the lines from the darkest blocks to the quiet
    ones of each brighter group. Lines between any two groups would take bright texture before a
    dark background for noise (`bars-bright` of light.py).

    Parameters
    ----------
    brightness, variance : numpy.ndarray
        (n,) float64, for each block.

    Returns
    -------
    tuple of float or None
        Constant, slope and least variance; None if one constant variance fits as well.

    References
    ----------
    .. [1] R. Koenker and G. Bassett, "Regression quantiles", Econometrica 46, 1978,
       https://doi.org/10.2307/1913643.
    """
    apart = np.ptp(brightness) if brightness.size else 0.0
    if brightness.size < FEWEST_BLOCKS or apart < LEAST_RANGE * abs(float(brightness.mean())):
        return None
    order = np.argsort(brightness, kind="stable")
    brightness, variance = brightness[order], variance[order]
    groups = np.array_split(np.arange(len(order)), BINS)
    x = np.array([brightness[group].mean() for group in groups])
    y = np.array([_quantile(variance[group], QUIET_BLOCKS) for group in groups])
    rising = (x > x[0]) & (y > y[0])
    slopes = (y[rising] - y[0]) / (x[rising] - x[0])
    lines = [*zip(slopes, y[0] - slopes * x[0], strict=True), *((0.0, level) for level in y)]
    least, logarithms = float(y.min()), np.log(variance)

    def misfit(line: tuple[float, float]) -> float:
        fitted = np.maximum(line[0] * brightness + line[1], least)
        beyond = np.clip(logarithms - np.log(fitted), -MOST_MISFIT, MOST_MISFIT)
        return float(np.mean(beyond * (QUIET_BLOCKS - (beyond < 0))))

    misfits = [misfit(line) for line in lines]
    best = int(np.argmin(misfits))
    slope, constant = lines[best]
    if slope <= 0 or misfits[best] > DECISIVE * min(misfits[-BINS:]):
        return None
    return float(constant), float(slope), least
