"""Colour as brightness and two differences, a rotation that separates noise from detail.

Brightness carries nearly all detail, but only a third of independent noise. Weights are computed
from brightness, and each component is denoised by its own noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._utils.threads import row_bands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane

OPPONENT = np.array(
    [[3**-0.5, 3**-0.5, 3**-0.5], [2**-0.5, 0, -(2**-0.5)], [6**-0.5, -2 * 6**-0.5, 6**-0.5]],
    np.float32,
)
"""Brightness, red minus blue, red and blue minus green: rows of a rotation, which keeps noise as it
is."""
GREY = 3**0.5
"""Brightness of a grey of 1."""


def opponent(plane: NDArray[Any]) -> Plane:
    """Return brightness and two colour differences of a colour plane: a rotation of RGB.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X, 3 or more) of any type; channels after the third are ignored.

    Returns
    -------
    numpy.ndarray
        (Y, X, 3) float32.
    """
    rotated: Plane = cv2.transform(plane[..., :3].astype(np.float32, copy=False), OPPONENT)
    return rotated


def lightness(plane: NDArray[Any]) -> Plane:
    """Return the first component of a plane: the values of grey, or the brightness of colour.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) of any type.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32.
    """
    if plane.ndim == 2:
        return plane.astype(np.float32)
    weights = np.zeros((1, plane.shape[2]), np.float32)
    weights[0, :3] = OPPONENT[0]
    bright: Plane = np.empty(plane.shape[:2], np.float32)
    # as float32 a whole plane would leave the caches, which takes three times as long
    for rows in row_bands(plane.shape):
        cv2.transform(plane[rows].astype(np.float32, copy=False), weights, dst=bright[rows])
    return bright


def separated(plane: NDArray[Any]) -> list[Plane]:
    """Split a plane into the components that are processed one by one.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) of any type.

    Returns
    -------
    list of numpy.ndarray
        (Y, X) float32 each: grey; or brightness, two colour differences and, if present, alpha.
    """
    if plane.ndim == 2:
        return [plane.astype(np.float32)]
    channels = list(cv2.split(opponent(plane)))
    return channels + [plane[..., c].astype(np.float32) for c in range(3, plane.shape[2])]


def mixtures(plane: NDArray[Any]) -> list[tuple[float, ...]]:
    """Return the weights of a plane's channels in each component of `separated`.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) of any type.

    Returns
    -------
    list of tuple of float
        One weight for each channel.
    """
    if plane.ndim == 2:
        return [(1.0,)]
    further = plane.shape[2] - len(OPPONENT)
    rows = [(*row, *([0.0] * further)) for row in OPPONENT.tolist()]
    return rows + [tuple(np.eye(plane.shape[2])[c].tolist()) for c in range(3, plane.shape[2])]


def merged(channels: Sequence[Plane]) -> Plane:
    """Join the components of a plane; the inverse of `separated`.

    Parameters
    ----------
    channels : sequence of numpy.ndarray
        (Y, X) float32 each, in the order of `separated`.

    Returns
    -------
    numpy.ndarray
        (Y, X[, C]) float32.
    """
    if len(channels) == 1:
        return channels[0]
    rgb: Plane = cv2.transform(cv2.merge(list(channels[:3])), OPPONENT.T)
    return rgb if len(channels) == 3 else np.dstack([rgb, *channels[3:]])
