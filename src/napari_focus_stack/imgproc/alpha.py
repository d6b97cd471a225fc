"""Alpha channel as the mask of what a plane recorded.

A plane recorded nothing where its alpha is 0, as in margins of planes that another program aligned.
Partly transparent pixels count by their weight in the fusion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.imgproc.dtypes import as_dtype
from napari_focus_stack.imgproc.smoothing import GAP_PRIOR, fill_from_trusted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.dtypes import Mask

LEAST_WEIGHT = 1e-3
"""Weight of pixels that are almost transparent, so that its logarithm is finite."""


def recorded_by_alpha(plane: NDArray[Any]) -> Mask | None:
    """Return where the alpha channel of a plane is not 0.

    Programs that ignore alpha leave it 0 everywhere, so such a plane counts as opaque.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) of any type.

    Returns
    -------
    numpy.ndarray or None
        (Y, X) uint8, 255 where the plane recorded a value; None if it recorded everything or has
        no alpha channel.
    """
    if plane.ndim == 2 or plane.shape[2] != 4:
        return None
    alpha = plane[..., 3]
    some = alpha > 0
    if some.all() or not some.any():
        return None
    return some.view(np.uint8) * np.uint8(255)


def fill_transparent(plane: NDArray[Any], recorded: Mask, channels: int = 4) -> NDArray[Any]:
    """Continue a plane smoothly where it is transparent, so that no edge remains there.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X, 4) uint8, uint16 or float32.
    recorded : numpy.ndarray
        (Y, X) uint8, 0 where the plane is transparent.
    channels : int
        Number of channels to fill: 3 for the colours alone.

    Returns
    -------
    numpy.ndarray
        A new array, as `plane`.
    """
    filled, gaps = plane.copy(), recorded == 0
    weight = (~gaps).astype(np.float32)
    for c in range(channels):
        channel = plane[..., c].astype(np.float32)
        channel[gaps] = 0
        smooth = fill_from_trusted(channel, weight, GAP_PRIOR)
        filled[..., c][gaps] = as_dtype(smooth[gaps], plane.dtype)
    return filled


def continued(plane: NDArray[Any]) -> NDArray[Any]:
    """Continue the colours of a plane smoothly where it is transparent, and keep its alpha.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) uint8, uint16 or float32.

    Returns
    -------
    numpy.ndarray
        As `plane`; `plane` itself if it recorded everything.
    """
    recorded = recorded_by_alpha(plane)
    return plane if recorded is None else fill_transparent(plane, recorded, channels=3)


def opaque_value(dtype: np.dtype[Any]) -> float:
    """Return the value of alpha that stands for opaque.

    Parameters
    ----------
    dtype : numpy.dtype
        Type of the planes.

    Returns
    -------
    float
        Largest value of an integer type; 1 for floating point.
    """
    return float(np.iinfo(dtype).max) if dtype.kind in "ui" else 1.0


def alpha_weight(alpha: NDArray[np.float32], opaque: float) -> NDArray[np.float32]:
    """Return the weight of pixels by their alpha.

    Parameters
    ----------
    alpha : numpy.ndarray
        (y, x) float32.
    opaque : float
        Value of alpha that stands for opaque.

    Returns
    -------
    numpy.ndarray
        (y, x) float32, from a small positive number to 1.
    """
    return np.clip(alpha * np.float32(1 / opaque), np.float32(LEAST_WEIGHT), np.float32(1))
