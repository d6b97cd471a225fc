"""Alpha channel as the mask of what a plane recorded.

A plane recorded nothing where its alpha is 0, as in margins of planes that another program aligned.
Partly transparent pixels count by their weight in the fusion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.threads import row_bands
from napari_focus_stack.imgproc.dtypes import as_dtype
from napari_focus_stack.imgproc.smoothing import without_gaps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.dtypes import Mask

LEAST_WEIGHT = 1e-3
"""Weight of pixels that are almost transparent, so that its logarithm is finite."""


def has_alpha(plane: NDArray[Any]) -> bool:
    """Return whether a plane has an alpha channel.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) of any type.

    Returns
    -------
    bool
        True for four channels.
    """
    return plane.ndim == 3 and plane.shape[2] == 4


def recorded_by_alpha(plane: NDArray[Any]) -> Mask | None:
    """Return where the alpha channel of a plane is not 0.

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
    if not has_alpha(plane) or all(plane[rows, :, 3].all() for rows in row_bands(plane.shape)):
        return None
    return (plane[..., 3] > 0).view(np.uint8) * np.uint8(255)


def ignores_alpha(plane: NDArray[Any]) -> bool:
    """Return whether the alpha channel of a plane is 0 everywhere.

    Programs that have no use for alpha leave it so; such a plane counts as opaque.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) of any type: a whole plane.

    Returns
    -------
    bool
        False for planes without alpha.
    """
    # the first rows of nearly all planes answer it
    return has_alpha(plane) and not any(plane[rows, :, 3].any() for rows in row_bands(plane.shape))


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
    missing = plane[..., :channels].astype(np.float32)
    missing[gaps] = np.nan
    smooth, _ = without_gaps(missing)
    filled[gaps, :channels] = as_dtype(smooth[gaps], plane.dtype)
    return filled


def continued(plane: NDArray[Any]) -> NDArray[Any]:
    """Continue the colours of a plane smoothly where it is transparent, and keep its alpha.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) uint8, uint16 or float32: a whole plane.

    Returns
    -------
    numpy.ndarray
        As `plane`, opaque if it ignores alpha; `plane` itself if it recorded everything.
    """
    if ignores_alpha(plane):
        plane = plane.copy()
        plane[..., 3] = opaque_value(plane.dtype)
        return plane
    recorded = recorded_by_alpha(plane)
    return plane if recorded is None else fill_transparent(plane, recorded, channels=3)


def opaque_value(dtype: np.dtype[Any]) -> float:
    """Return the value of alpha that stands for opaque.

    Parameters
    ----------
    dtype : numpy.dtype
        Type of the planes, as recorded.

    Returns
    -------
    float
        Largest value of uint8 and uint16; 1 for all others, in which alpha is a share.
    """
    return float(np.iinfo(dtype).max) if dtype.name in ("uint8", "uint16") else 1.0


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
    weight: NDArray[np.float32] = np.clip(
        alpha * np.float32(1 / opaque), np.float32(LEAST_WEIGHT), np.float32(1)
    )
    return weight
