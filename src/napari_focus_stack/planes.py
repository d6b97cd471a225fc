"""A plane on its way into the fusion: computable, without gaps, as the reference would see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_focus_stack.smoothing import without_gaps
from napari_focus_stack.transforms import Matrix, Window, both_recorded, warp

if TYPE_CHECKING:
    from napari_focus_stack.bands import Plane
    from napari_focus_stack.brightness import Brightness

Mask = NDArray[np.uint8]

COMPUTABLE = ("uint8", "uint16", "float32")
"""Types that OpenCV works on; any other is computed as float32."""


def computable(plane: NDArray[Any]) -> NDArray[Any]:
    """A plane in a type that OpenCV works on, in this machine's byte order, which it ignores."""
    if not plane.dtype.isnative:
        plane = plane.astype(plane.dtype.newbyteorder("="))
    return plane if plane.dtype.name in COMPUTABLE else plane.astype(np.float32)


def seen_from_reference(
    plane: NDArray[Any], matrix: Matrix, light: Brightness, window: Window | None = None
) -> tuple[Plane, Mask | None]:
    """A plane as the reference plane's camera would have recorded it.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) uint8, uint16 or float32; NaN and infinities take no part.
    matrix : numpy.ndarray
        (3, 3), reference pixel (x, y, 1) to pixel of the plane.
    light : Brightness
        Gain and offset to the reference's brightness.
    window : tuple of slice, optional
        The part of the reference plane that is wanted; all of it by default.

    Returns
    -------
    seen : numpy.ndarray
        (Y, X[, C]) float32.
    valid : numpy.ndarray or None
        (Y, X) uint8, 255 where the plane recorded something; None where it did everywhere.
    """
    known: Mask | None = None
    if plane.dtype.kind == "f" and not np.isfinite(plane).all():
        plane, finite = without_gaps(plane)
        known, _ = warp(finite.astype(np.uint8) * 255, matrix, cv2.INTER_NEAREST, window)
    warped, inside = warp(plane, matrix, window=window)
    seen: Plane = warped.astype(np.float32)
    shown = seen if seen.ndim == 2 else seen[..., :3]  # alpha is no light
    if light.gain != 1:
        shown *= np.float32(light.gain)
    if light.offset != 0:
        shown += np.float32(light.offset)
    return seen, both_recorded(known, inside)


def as_dtype(image: Plane, dtype: np.dtype[Any]) -> NDArray[Any]:
    """A float32 image in the type its planes came in, rounded and held to the type's range.

    What no plane recorded is NaN, and 0 in a type without it.
    """
    if dtype.kind == "b":
        yes: NDArray[np.bool_] = image >= 0.5
        return yes
    if dtype.kind in "ui":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        wide = np.rint(image.astype(np.float64))
        wide[np.isnan(wide)] = 0
        largest = float(high) if int(float(high)) <= high else np.nextafter(float(high), 0)
        return np.clip(wide, low, largest).astype(dtype)
    return image.astype(dtype, copy=False)
