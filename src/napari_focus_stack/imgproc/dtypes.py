"""Data types of planes: those OpenCV computes with, and the way back to the recorded type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_focus_stack._utils.threads import row_bands

Mask = NDArray[np.uint8]


EXACT = ("bool", "int8", "uint8", "int16", "uint16", "float16", "float32")
"""Types every value of which float32 holds."""
COMPUTABLE = ("uint8", "uint16", "float32")
"""Types that OpenCV supports; all others are converted to float32."""


def computable(plane: NDArray[Any]) -> NDArray[Any]:
    """Convert a plane to a type that OpenCV supports, in native byte order, which OpenCV assumes.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) of any type.

    Returns
    -------
    numpy.ndarray
        As `plane`, uint8, uint16 or float32; `plane` itself if nothing needs to change. Values
        beyond float32 become infinite.
    """
    if not plane.dtype.isnative:
        plane = plane.astype(plane.dtype.newbyteorder("="))
    if plane.dtype.name in COMPUTABLE:
        return plane
    with np.errstate(over="ignore"):
        return plane.astype(np.float32, copy=False)


def all_finite(plane: NDArray[Any]) -> bool:
    """Return whether all values of a plane are finite.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) of any type.

    Returns
    -------
    bool
        True for types that hold finite values alone.
    """
    # a mask of the whole plane would be a new mapping of memory each time
    return plane.dtype.kind != "f" or all(
        bool(np.isfinite(plane[rows]).all()) for rows in row_bands(plane.shape)
    )


def nothing(dtype: np.dtype[Any]) -> float:
    """Return the value of a pixel that no plane recorded.

    Parameters
    ----------
    dtype : numpy.dtype
        Type of the image.

    Returns
    -------
    float
        NaN, or 0 in types without NaN.
    """
    return np.nan if dtype.kind == "f" else 0


def as_dtype(image: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Convert a float32 image to the type of its planes, rounded and clipped to the type's range.

    Parameters
    ----------
    image : numpy.ndarray
        (Y, X[, C]) float32, NaN where no plane recorded anything; or of type `dtype` already.
    dtype : numpy.dtype
        Type of the planes.

    Returns
    -------
    numpy.ndarray
        As `image`, of type `dtype`; NaN becomes 0 in integer types, and transparent where there is
        an alpha channel.
    """
    if dtype.kind in "bui" and image.dtype == dtype:
        return image
    if dtype.kind == "b":
        yes: NDArray[np.bool_] = image >= 0.5
        return yes
    if dtype.kind in "ui":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        # float32 holds every value of 16 bits
        exact = np.rint(image if high < 2**24 else image.astype(np.float64))
        exact[np.isnan(exact)] = 0
        largest = float(high) if int(float(high)) <= high else np.nextafter(float(high), 0)
        np.clip(exact, low, largest, out=exact)
        whole_numbers: NDArray[Any] = exact.astype(dtype)
        return whole_numbers
    if image.ndim == 3 and image.shape[2] == 4:
        image = np.nan_to_num(image, nan=0, posinf=np.inf, neginf=-np.inf)
    converted: NDArray[Any] = image.astype(dtype, copy=False)
    return converted
