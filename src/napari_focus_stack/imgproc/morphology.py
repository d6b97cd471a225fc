"""Binary morphology with round structuring elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack._compiled.library import library
from napari_focus_stack.imgproc import compiled_morphology

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window


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
    if library() is not None and radius <= compiled_morphology.LARGEST_RADIUS:
        return compiled_morphology.dilate(mask, radius)
    distance = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= radius)


def without_small_regions(mask: NDArray[np.bool_], smallest: int) -> NDArray[np.bool_]:
    """Return a mask without its small groups of pixels that touch at their sides or corners.

    Parameters
    ----------
    mask : numpy.ndarray
        (Y, X) bool.
    smallest : int
        Least number of pixels of a group that stays.

    Returns
    -------
    numpy.ndarray
        (Y, X) bool.
    """
    if library() is not None:
        kept = mask.copy()
        compiled_morphology.erase_small_regions(kept, smallest)
        return kept
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= smallest
    large[0] = False
    return np.asarray(large[labels])


def bounding_window(mask: NDArray[np.bool_]) -> Window:
    """Return the rows and columns of all pixels of a mask.

    Parameters
    ----------
    mask : numpy.ndarray
        (Y, X) bool, not empty.

    Returns
    -------
    tuple of slice
        Smallest window that holds them.
    """
    rows, cols = (
        slice(int(found[0]), int(found[-1]) + 1)
        for found in (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    )
    return rows, cols
