"""One plane laid over another by their features: a way in where intensities do not find one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.transforms import Matrix

RATIO = 0.75
"""A match must be this much nearer than the second best (Lowe, IJCV 2004)."""
LEAST_MATCHES = 12
REPROJECTION = 2.0
"""Pixels by which a match may miss; the original command's figure."""
MOST_FEATURES = 2000


def similarity(fixed: NDArray[np.float32], moving: NDArray[np.float32]) -> Matrix | None:
    """Transform from pixels of `fixed` to pixels of `moving`; None where features are too few.

    SIFT keypoints (Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 2004),
    outliers sorted out by MAGSAC++ (Barath et al., CVPR 2020), a RANSAC without exact threshold.

    Parameters
    ----------
    fixed, moving : numpy.ndarray
        (Y, X) float32, band-passed or not.

    Returns
    -------
    numpy.ndarray or None
        (3, 3) float64: shift, magnification and rotation.
    """
    sift = cv2.SIFT.create(nfeatures=MOST_FEATURES)
    (points, descriptors), (others, other_descriptors) = (
        sift.detectAndCompute(_to_8bit(plane), None) for plane in (fixed, moving)
    )
    if descriptors is None or other_descriptors is None or len(others) < 2:
        return None
    pairs = cv2.BFMatcher().knnMatch(descriptors, other_descriptors, k=2)
    good = [best for best, second in pairs if best.distance < RATIO * second.distance]
    if len(good) < LEAST_MATCHES:
        return None
    source = np.array([points[m.queryIdx].pt for m in good], np.float32)
    target = np.array([others[m.trainIdx].pt for m in good], np.float32)
    _, kept = cv2.findHomography(source, target, cv2.USAC_MAGSAC, REPROJECTION, maxIters=5000)
    if kept is None or np.count_nonzero(kept) < LEAST_MATCHES:
        return None
    inliers = kept.ravel() > 0
    found, _ = cv2.estimateAffinePartial2D(source[inliers], target[inliers], method=cv2.LMEDS)
    return None if found is None else np.vstack([found, [0, 0, 1]]).astype(np.float64)


def _to_8bit(plane: NDArray[np.float32]) -> NDArray[np.uint8]:
    low, high = np.percentile(plane, (0.1, 99.9))
    scaled = (plane - low) * (255 / max(float(high - low), 1e-12))
    bytes_: NDArray[np.uint8] = np.clip(scaled, 0, 255).astype(np.uint8)
    return bytes_
