"""Standard uncertainty of single heights, from their confidence and the curvature around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.depth.confidence import expected_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

OF_EXPECTED = 0.26
"""Standard uncertainty over the error that confidence expects, on flat and tilted surfaces.

This and `SMOOTHED` are fitted to rendered surfaces and to the 35 scenes of
`benchmarks/confidence.py` together: one standard uncertainty covers 71 % of the errors on the
former (`benchmarks/heights.py coverage`) and 64 % on the latter. By confidence alone, 45 to 86 %
would be covered on four scenes of five."""
SMOOTHED = 11.0
"""Squared pixels by which curvature changes a height: the mean over neighbours flattens it."""
CURVATURE_SIGMA = 2.0
"""Gaussian sigma, in pixels, of the heights whose curvature counts; 4 and 8 predict less."""


def standard_uncertainty(
    heights: NDArray[np.float32], confidence: NDArray[np.float32], unit: float
) -> NDArray[np.float32]:
    """Return the standard uncertainty of each height, without that of the z scale.

    Parameters
    ----------
    heights : numpy.ndarray
        (Y, X) float32, NaN where there is none.
    confidence : numpy.ndarray
        (Y, X) float32, 0 to 1.
    unit : float
        Height of one unit of depth, in the unit of the heights.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32 in the unit of the heights; NaN where there is no height, infinite where
        confidence is 0.
    """
    error = expected_error(confidence) * np.float32(OF_EXPECTED * unit)
    bend = _laplacian(np.asarray(heights, np.float32)) * np.float32(SMOOTHED)
    uncertainty: NDArray[np.float32] = np.hypot(error, bend)
    uncertainty[~np.isfinite(heights)] = np.nan
    return uncertainty


def _laplacian(heights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the Laplacian of smoothed heights for each squared pixel; gaps count as level."""
    finite = np.isfinite(heights)
    if finite.any():  # float32 rounds the blur of high heights by more than they bend
        heights = heights - np.float32(heights[finite].mean(dtype=np.float64))
    size = (0, 0)
    if finite.all():
        smooth = cv2.GaussianBlur(heights, size, CURVATURE_SIGMA)
    else:
        weight = cv2.GaussianBlur(finite.astype(np.float32), size, CURVATURE_SIGMA)
        total = cv2.GaussianBlur(np.where(finite, heights, 0), size, CURVATURE_SIGMA)
        smooth = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0.01)
    bend: NDArray[np.float32] = cv2.Laplacian(smooth, cv2.CV_32F, ksize=1)
    return bend
