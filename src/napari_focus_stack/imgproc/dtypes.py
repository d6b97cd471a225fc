"""Data types of planes: those OpenCV computes with, and the way back to the recorded type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_focus_stack.imgproc.pyramids import Plane

Mask = NDArray[np.uint8]


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
        As `plane`, uint8, uint16 or float32; `plane` itself if nothing needs to change.
    """
    if not plane.dtype.isnative:
        plane = plane.astype(plane.dtype.newbyteorder("="))
    return plane if plane.dtype.name in COMPUTABLE else plane.astype(np.float32)


def as_dtype(image: Plane, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Convert a float32 image to the type of its planes, rounded and clipped to the type's range.

    Parameters
    ----------
    image : numpy.ndarray
        (Y, X[, C]) float32, NaN where no plane recorded anything.
    dtype : numpy.dtype
        Type of the planes.

    Returns
    -------
    numpy.ndarray
        As `image`, of type `dtype`; NaN becomes 0 in integer types.
    """
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
        return exact.astype(dtype)
    return image.astype(dtype, copy=False)
