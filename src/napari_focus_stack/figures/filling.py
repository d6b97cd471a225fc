"""Heights that are not sure, replaced by smooth ones between those that are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def filled(heights: NDArray[np.float32], sure: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return heights with those that are not sure interpolated from sure ones around.

    Means over growing areas fill the gaps, each as coarse as its gap is wide [1]_. All values lie
    between the lowest and the highest sure height.

    Parameters
    ----------
    heights : numpy.ndarray
        (Y, X) float32, finite.
    sure : numpy.ndarray
        (Y, X) bool: heights that remain as they are, one or more.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32.

    References
    ----------
    .. [1] S. J. Gortler, R. Grzeszczuk, R. Szeliski, M. F. Cohen, "The lumigraph", SIGGRAPH '96,
       43-54, https://doi.org/10.1145/237170.237200
    """
    if sure.all():
        return heights
    weight = sure.astype(np.float32)
    filling = _between(heights * weight, weight)
    return np.where(sure, heights, filling)


def _between(total: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weighted means, those of a coarser level where weights are small."""
    mean = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    if max(total.shape) == 1 or weight.min() >= 1:
        return mean
    # the mean of a coarse pixel with a part of its weight is as good as one with all of it
    below = cv2.pyrDown(weight)
    gain = np.divide(np.minimum(2 * below, 1), below, out=np.zeros_like(below), where=below > 0)
    coarse = _between(cv2.pyrDown(total) * gain, below * gain)
    size = total.shape[1], total.shape[0]
    spread: NDArray[np.float32] = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)
    spread += np.minimum(weight, 1) * (mean - spread)
    return spread
