"""Images of any type as 8-bit RGB, with contrast limits that show them well."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.sources import COLOUR_CHANNELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERCENTILES = (0.1, 99.9)
"""Percentiles of an image that are shown black and white, unless it has 8 bits."""
_SAMPLE = 1_000_000


def check_picture(image: NDArray[Any], shape: tuple[int, int]) -> None:
    """Refuse an image that is not that of a height map.

    Parameters
    ----------
    image : numpy.ndarray
        Any array.
    shape : tuple of int
        Rows and columns of the height map.

    Raises
    ------
    InputError
        Its shape or type does not fit.
    """
    fits = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in COLOUR_CHANNELS)
    if not fits or image.shape[:2] != shape or image.dtype.kind not in "buif":
        raise InputError(
            f"An image of shape {image.shape} and type {image.dtype} does not fit a height map of "
            f"shape {shape}; give the two of one result."
        )


def contrast_limits(image: NDArray[Any]) -> tuple[float, float]:
    """Return the values of an image that are shown black and white.

    Parameters
    ----------
    image : numpy.ndarray
        (Y, X), RGB (Y, X, 3) or RGBA (Y, X, 4) of any type of real number.

    Returns
    -------
    tuple of float
        0 and 255 for uint8. Otherwise the 0.1 and the 99.9 percentile of grey, and 0 and the 99.9
        percentile of all channels of a colour image, so that hues remain.
    """
    if image.dtype == np.uint8:
        return 0.0, 255.0
    if image.dtype == np.bool_:
        return 0.0, 1.0
    stride = max(1, math.isqrt(image.shape[0] * image.shape[1] // _SAMPLE))
    sample = image[::stride, ::stride, ...] if image.ndim == 2 else image[::stride, ::stride, :3]
    finite = sample[np.isfinite(sample)]
    if not finite.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(finite, PERCENTILES))
    low = low if image.ndim == 2 else 0.0
    return (low, high) if low < high else (low, low + 1)


def as_rgb8(image: NDArray[Any], limits: tuple[float, float]) -> NDArray[np.uint8]:
    """Return an image as 8-bit RGB.

    Parameters
    ----------
    image : numpy.ndarray
        (Y, X), RGB (Y, X, 3) or RGBA (Y, X, 4), of which alpha is left out.
    limits : tuple of float
        Values that are shown black and white.

    Returns
    -------
    numpy.ndarray
        (Y, X, 3) uint8; black where the image is not finite.
    """
    colour = image[..., :3] if image.ndim == 3 else image
    if colour.dtype != np.uint8 or limits != (0.0, 255.0):
        low, high = limits
        share = (colour.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
        colour = np.rint(np.clip(np.nan_to_num(share, nan=0.0), 0, 255)).astype(np.uint8)
    whole: NDArray[np.uint8] = (
        np.ascontiguousarray(colour)
        if colour.ndim == 3
        else cv2.cvtColor(colour, cv2.COLOR_GRAY2RGB)
    )
    return whole
