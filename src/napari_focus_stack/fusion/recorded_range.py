"""Range of the values that planes recorded, to which a fused image is limited."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._compiled.library import library

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.alignment.registered_plane import RegisteredPlane
    from napari_focus_stack.imgproc.dtypes import Mask
    from napari_focus_stack.imgproc.pyramids import Plane

ROUNDED = 0.48
"""Distance of a value from the recorded whole numbers at which it is still rounded to one of them:
a little less than half, because float32 errs by up to 0.01 near 65535."""


class RecordedRange:
    """Range of all channels in the whole stack, and of brightness at each pixel.

    Parameters
    ----------
    shape : tuple of int
        (Y, X) of the fused image.
    dtype : numpy.dtype
        Type of the planes.
    unit : float
        Brightness of a grey of 1.

    Attributes
    ----------
    stack : tuple of float
        Least and largest value of all planes, as recorded and at the reference's brightness.
    """

    def __init__(self, shape: tuple[int, int], dtype: np.dtype[Any], unit: np.float32) -> None:
        narrow = np.dtype(dtype.name if dtype.name in ("uint8", "uint16") else np.float32)
        self._unit = unit
        self._ends = _ends(narrow)
        self._lowest = np.full(shape, self._ends[1], narrow)
        self._highest = np.full(shape, self._ends[0], narrow)
        self.stack = (np.inf, -np.inf)

    def add_plane(self, seen: RegisteredPlane) -> None:
        """Extend the range of the stack by a plane.

        Parameters
        ----------
        seen : RegisteredPlane
            The plane.
        """
        low, high = (float(v) for v in (seen.plane.min(), seen.plane.max()))
        gain, offset = seen.brightness.gain, seen.brightness.offset
        ends = [low, high, gain * low + offset, gain * high + offset]
        self.stack = min(self.stack[0], *ends), max(self.stack[1], *ends)

    def add_tile(self, bright: Plane, tile: Window, recorded: Mask | None) -> None:
        """Extend the range of each pixel by a tile of a plane.

        Parameters
        ----------
        bright : numpy.ndarray
            (y, x) float32 brightness of the tile.
        tile : tuple of slice
            Rows and columns of the tile.
        recorded : numpy.ndarray or None
            (y, x) uint8, 0 where the plane recorded nothing; None if it recorded the whole tile.
        """
        lowest, highest = self._lowest[tile], self._highest[tile]
        kernels = library()
        if kernels is not None and recorded is None:
            _extend(kernels, lowest, highest, bright, float(1 / self._unit))
            return
        low = high = _as_recorded(bright, self._unit, lowest.dtype)
        if recorded is not None:
            outside = recorded == 0
            low, high = low.copy(), low.copy()
            high[outside], low[outside] = self._ends
        np.minimum(lowest, low, out=lowest)
        np.maximum(highest, high, out=highest)

    def limit(self, bright: Plane, recorded: Mask, rows: slice) -> int:
        """Limit the brightness of some rows to the range at each pixel, in place.

        Parameters
        ----------
        bright : numpy.ndarray
            (Y, X) float32 brightness of the fused image.
        recorded : numpy.ndarray
            (Y, X) uint8: set to 1 where some plane recorded the pixel, else to 0.
        rows : slice
            Rows to limit.

        Returns
        -------
        int
            Number of pixels that lay outside the range.
        """
        lowest, highest = self._lowest[rows], self._highest[rows]
        slack = ROUNDED if lowest.dtype.kind == "u" else 0.0
        some = recorded[rows] = lowest <= highest
        low, high = (np.where(some, end, 0).astype(np.float32) for end in (lowest, highest))
        low -= np.float32(slack)
        high += np.float32(slack)
        channel = bright[rows]
        held = np.clip(channel, low * self._unit, high * self._unit)
        outside = int(np.count_nonzero((held != channel) & some))
        np.copyto(channel, held, where=some)  # elsewhere it goes on smoothly, for the depth
        return outside

    def release(self) -> None:
        """Free the memory of the range of each pixel."""
        del self._lowest, self._highest


def _extend(
    kernels: ctypes.CDLL, lowest: NDArray[Any], highest: NDArray[Any], bright: Plane, scale: float
) -> None:
    """Extend the range of each pixel by `bright` times `scale` (`range.c`)."""
    getattr(kernels, f"extend_range_{lowest.dtype.name}")(
        ctypes.c_void_p(lowest.ctypes.data),
        ctypes.c_void_p(highest.ctypes.data),
        ctypes.c_int64(lowest.strides[0] // lowest.itemsize),
        ctypes.c_void_p(bright.ctypes.data),
        ctypes.c_int64(bright.strides[0] // bright.itemsize),
        *(ctypes.c_int64(side) for side in bright.shape),
        ctypes.c_float(scale),
    )


def _ends(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the least and the largest value of a type."""
    if dtype.kind == "f":
        return float(np.finfo(dtype).min), float(np.finfo(dtype).max)
    return float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)


def _as_recorded(bright: Plane, unit: np.float32, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Convert brightness to units of a channel, rounded where planes hold whole numbers."""
    if dtype.kind == "f":
        return bright * (1 / unit)
    depth = cv2.CV_8U if dtype == np.uint8 else cv2.CV_16U
    rounded: NDArray[Any] = cv2.addWeighted(bright, float(1 / unit), bright, 0, 0, dtype=depth)
    return rounded
