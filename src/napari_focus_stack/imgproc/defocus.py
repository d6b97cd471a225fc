"""Defocus blur of a thin lens: disc kernels, and the linear light that pixel values encode."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.imgproc.pyramids import reduce

if TYPE_CHECKING:
    from napari_focus_stack.imgproc.pyramids import Plane

SHARP_RADIUS = 0.3
"""Radius in pixels below which a disc changes nothing."""
COARSE_RADIUS = 5.0
"""Radius in pixels above which blurring at half the size gives the same result in a quarter of the
time."""
RADIUS_STEP = 0.05
"""Step in pixels to which radii are rounded, so that few kernels are made."""
EDGES_TRIED, EDGE_ROUNDS = 17, 8
"""Edges of a disc that are tried at the same time, and how often, each time with a sixteenth of the
step: one by one they take as long as a patch's blur."""


def to_linear(values: Plane, gamma: float) -> Plane:
    """Convert pixel values to linear light.

    Parameters
    ----------
    values : numpy.ndarray
        Float32 pixel values.
    gamma : float
        1 for linear values, else the exponent of their encoding.

    Returns
    -------
    numpy.ndarray
        Float32; `values` itself if they are linear.
    """
    return values if gamma == 1 else np.maximum(values, 0) ** np.float32(gamma)


def to_encoded(light: Plane, gamma: float) -> Plane:
    """Convert linear light to pixel values; the inverse of `to_linear`.

    Parameters
    ----------
    light : numpy.ndarray
        Float32 linear light.
    gamma : float
        1 for linear values, else the exponent of their encoding.

    Returns
    -------
    numpy.ndarray
        Float32; `light` itself if values are linear.
    """
    return light if gamma == 1 else np.maximum(light, 0) ** np.float32(1 / gamma)


@lru_cache(maxsize=1024)
def disc_kernel(radius: float) -> Plane:
    """Return a disc of `radius` pixels as a kernel of sum 1 with the variance of the ideal disc.

    The edge is a ramp one pixel wide. Sampling would make small discs too wide or lose them, so the
    ramp is moved until the variance along each axis is that of the ideal disc, ``radius**2 / 4``.

    Parameters
    ----------
    radius : float
        0 or more, in pixels.

    Returns
    -------
    numpy.ndarray
        (2 r + 3, 2 r + 3) float32, where r is `radius` rounded up.
    """
    half = int(np.ceil(radius)) + 1
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    distance = np.hypot(x, y)
    kernel = np.clip(_ramp_edge(radius, half) + 0.5 - distance, 0.0, 1.0)
    normalised: Plane = (kernel / kernel.sum()).astype(np.float32)
    return normalised


def _ramp_edge(radius: float, half: int) -> float:
    """Return where the ramp's middle lies so that a disc has the variance of the ideal one."""
    y, x = np.mgrid[: half + 1, : half + 1].reshape(2, -1)
    distance, times = np.hypot(x, y), np.where(x > 0, 2, 1) * np.where(y > 0, 2, 1)
    low, high = 0.5, radius + 1.0  # at 0.5 the ramp ends before the neighbouring pixels
    for _ in range(EDGE_ROUNDS):
        edges = np.linspace(low, high, EDGES_TRIED)
        tried = np.clip(edges[:, None] + 0.5 - distance, 0.0, 1.0)
        variances = (tried @ (times * x**2)) / (tried @ times)
        best = int(np.searchsorted(variances[1:-1], radius**2 / 4))
        low, high = edges[best], edges[best + 1]
    return float(low + high) / 2


def defocused(image: Plane, radius: float) -> Plane:
    """Blur an image by a disc.

    Parameters
    ----------
    image : numpy.ndarray
        (Y, X[, C]) float32 linear light.
    radius : float
        Radius of the disc, in pixels.

    Returns
    -------
    numpy.ndarray
        As `image`; `image` itself below `SHARP_RADIUS`.
    """
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
