"""Binary morphology with round structuring elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def disk(radius: int) -> NDArray[np.uint8]:
    """Return a structuring element as round as pixels allow.

    Parameters
    ----------
    radius : int
        Radius in pixels.

    Returns
    -------
    numpy.ndarray
        (2 radius + 1, 2 radius + 1) uint8, 1 within the disc.
    """
    size = (2 * radius + 1, 2 * radius + 1)
    kernel: NDArray[np.uint8] = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size)
    return kernel


def dilate(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Dilate a mask by a disc.

    Parameters
    ----------
    mask : numpy.ndarray
        (Y, X) bool.
    radius : int
        Radius of the disc, in pixels.

    Returns
    -------
    numpy.ndarray
        (Y, X) bool, True within `radius` of a pixel of the mask; `mask` itself if it is empty.
    """
    if not mask.any():
        return mask
    distance = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= radius)
