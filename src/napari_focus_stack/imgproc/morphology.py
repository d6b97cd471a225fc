"""Binary morphology with round structuring elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def disk(radius: int) -> NDArray[np.uint8]:
    """Kernel for morphology, as round as pixels let it be."""
    size = (2 * radius + 1, 2 * radius + 1)
    kernel: NDArray[np.uint8] = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size)
    return kernel


def dilate(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """All pixels within so many of a mask's."""
    if not mask.any():
        return mask
    apart = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(apart <= radius)
