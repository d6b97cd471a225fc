"""Blur of a thin lens out of focus: discs, and the light that pixel values stand for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.imgproc.pyramids import reduce

if TYPE_CHECKING:
    from napari_focus_stack.imgproc.pyramids import Plane

SHARP_RADIUS = 0.3
"""Pixels under which a disc changes nothing."""


COARSE_RADIUS = 5.0
"""Pixels from which on blurring at half the size shows the same, for a quarter of the time."""


RADIUS_STEP = 0.05
"""Pixels to which a disc is known, so that few are made."""


def to_linear(values: Plane, gamma: float) -> Plane:
    """Light that values stand for."""
    return values if gamma == 1 else np.maximum(values, 0) ** np.float32(gamma)


def to_encoded(light: Plane, gamma: float) -> Plane:
    """Values that stand for light."""
    return light if gamma == 1 else np.maximum(light, 0) ** np.float32(1 / gamma)


@lru_cache(maxsize=1024)
def disc_kernel(radius: float) -> Plane:
    """Blur of a disc of `radius` pixels, as a kernel of sum 1 with the disc's own variance.

    The edge is a ramp one pixel wide. Sampling would make small discs too wide or leave them out,
    so the ramp is moved until the variance along each axis is the ideal disc's, ``radius**2 / 4``.

    Parameters
    ----------
    radius : float
        0 or more, in pixels.

    Returns
    -------
    numpy.ndarray
        (2 r + 1, 2 r + 1) float32.
    """
    half = int(np.ceil(radius)) + 1
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    distance = np.hypot(x, y)
    low, high = 0.5, radius + 1.0  # at 0.5 the ramp ends before the neighbouring pixels
    for _ in range(40):
        edge = (low + high) / 2
        kernel = np.clip(edge + 0.5 - distance, 0.0, 1.0)
        if (kernel * x**2).sum() / kernel.sum() < radius**2 / 4:
            low = edge
        else:
            high = edge
    normalised: Plane = (kernel / kernel.sum()).astype(np.float32)
    return normalised


def defocused(image: Plane, radius: float) -> Plane:
    """An image, (Y, X[, C]) float32, seen through a disc of so many pixels."""
    if radius < SHARP_RADIUS:
        return image
    if radius > COARSE_RADIUS:
        small = defocused(np.asarray(reduce(image)), radius / 2)
        size = 2 * small.shape[1], 2 * small.shape[0]
        large = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(large[: image.shape[0], : image.shape[1]])
    blurred: Plane = cv2.filter2D(
        image,
        -1,
        disc_kernel(round(radius / RADIUS_STEP) * RADIUS_STEP),
        borderType=cv2.BORDER_REFLECT_101,
    )
    return blurred
