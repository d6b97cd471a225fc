"""Registration of two planes by their features, for a start where intensities find none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.transforms import Matrix

RATIO = 0.75
"""Largest ratio of a match's distance to that of the second best match (Lowe, IJCV 2004)."""
LEAST_MATCHES = 12
REPROJECTION = 2.0
"""Reprojection error of a match, in pixels, that is allowed; as in the original command."""
MOST_FEATURES, PIXELS_EACH = 2000, 100
"""Most features of a plane, and least pixels to a feature: noise has more, and all are useless."""


@dataclass(frozen=True)
class Features:
    """Keypoints of one plane and the descriptors of their surroundings.

    Attributes
    ----------
    points : numpy.ndarray
        (n, 2) float32, x and y.
    descriptors : numpy.ndarray
        (n, 128) float32.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]

    @classmethod
    def of(cls, plane: NDArray[np.float32]) -> Features:
        """Detect the SIFT keypoints of a plane.

        Parameters
        ----------
        plane : numpy.ndarray
            (Y, X) float32, band-passed or not.

        Returns
        -------
        Features
            At most 2000 keypoints with their descriptors.

        References
        ----------
        .. [1] D. G. Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 2004,
           https://doi.org/10.1023/B:VISI.0000029664.99615.94
        """
        sift = cv2.SIFT.create(nfeatures=min(MOST_FEATURES, plane.size // PIXELS_EACH))
        found, descriptors = sift.detectAndCompute(_to_8bit(plane), None)
        if descriptors is None:
            return cls(np.empty((0, 2), np.float32), np.empty((0, 128), np.float32))
        return cls(np.array([point.pt for point in found], np.float32), descriptors)


def similarity(fixed: Features, moving: Features) -> Matrix | None:
    """Estimate the similarity transform between two planes from their features.

    Outliers are removed by MAGSAC++ [1]_, a RANSAC without an exact threshold.

    Parameters
    ----------
    fixed, moving : Features
        Features of both planes.

    Returns
    -------
    numpy.ndarray or None
        (3, 3) float64, pixel of `fixed` to pixel of `moving`: shift, magnification and rotation.
        None where too few features match.

    References
    ----------
    .. [1] D. Barath et al., "MAGSAC++, a fast, reliable and accurate robust estimator", CVPR 2020,
       https://doi.org/10.1109/CVPR42600.2020.00138
    """
    if len(fixed.points) < LEAST_MATCHES or len(moving.points) < LEAST_MATCHES:
        return None
    pairs = cv2.BFMatcher().knnMatch(fixed.descriptors, moving.descriptors, k=2)
    good = [best for best, second in pairs if best.distance < RATIO * second.distance]
    if len(good) < LEAST_MATCHES:
        return None
    source = fixed.points[[m.queryIdx for m in good]]
    target = moving.points[[m.trainIdx for m in good]]
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
