"""Types of planes: what OpenCV computes in, and the way back to what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.imgproc.pyramids import Plane

Mask = NDArray[np.uint8]


COMPUTABLE = ("uint8", "uint16", "float32")
"""Types that OpenCV works on; any other is computed as float32."""


def computable(plane: NDArray[Any]) -> NDArray[Any]:
    """A plane in a type that OpenCV works on, in this machine's byte order, which it ignores."""
    if not plane.dtype.isnative:
        plane = plane.astype(plane.dtype.newbyteorder("="))
    return plane if plane.dtype.name in COMPUTABLE else plane.astype(np.float32)


def whole(shape: tuple[int, ...]) -> Window:
    """All rows and columns of a plane."""
    return slice(0, shape[0]), slice(0, shape[1])


def as_dtype(image: Plane, dtype: np.dtype[Any]) -> NDArray[Any]:
    """A float32 image in the type its planes came in, rounded and held to the type's range.

    What no plane recorded is NaN, and 0 in a type without it.
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
