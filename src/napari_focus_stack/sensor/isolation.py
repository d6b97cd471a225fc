"""Isolated pixels of a plane, which exceed all their neighbours as no point behind a lens can."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_focus_stack._compiled.library import kernels, readable
from napari_focus_stack.imgproc.dtypes import all_finite
from napari_focus_stack.imgproc.smoothing import without_gaps

LEAST_SIGMAS = 8.0
"""Standard deviations of the noise by which a pixel clearly exceeds all of its neighbours."""
LEAST_STEP = 0.05
"""The same step as a part of the range of the plane."""
SOMEWHAT = 0.5
"""Part of that step by which a pixel must exceed its neighbours to stand out at all."""
MOST_ISOLATED = 0.01
"""Part of the field above which isolated pixels are texture or noise."""
NOISE_SIDE, SOME = 768, 4
"""Side of the part of a plane whose noise is measured, and the step between its rows and
columns."""
RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)

_StandingOut = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Flat indices of pixels, and by how much each exceeds the nearest of its neighbours in value."""


class _Found(ctypes.Structure):
    _fields_ = (
        ("places", ctypes.c_void_p),
        ("excess", ctypes.c_void_p),
        ("count", ctypes.c_int64),
        ("capacity", ctypes.c_int64),
    )


@dataclass(frozen=True)
class Isolated:
    """Isolated pixels of a plane.

    Attributes
    ----------
    somewhat : numpy.ndarray
        (n,) int32 flat indices of the pixels that stand out at all.
    clearly : numpy.ndarray
        (m,) int32 flat indices of those that stand out clearly.
    """

    somewhat: NDArray[np.int32]
    clearly: NDArray[np.int32]

    @classmethod
    def of(cls, light: NDArray[Any]) -> Isolated | None:
        """Find the isolated pixels of a plane.

        Parameters
        ----------
        light : numpy.ndarray
            (Y, X) grey, uint8, uint16 or float32.

        Returns
        -------
        Isolated or None
            None if there are so many that they are texture or noise.
        """
        if not all_finite(light):
            light, _ = without_gaps(light)
        step, most = _step(light), int(MOST_ISOLATED * light.size)
        found = _standing_out(light, SOMEWHAT * step, most)
        if sum(len(places) for places, _ in found) > most:
            return None
        return cls(
            np.concatenate([places for places, _ in found]),
            np.concatenate([places[excess > step] for places, excess in found]),
        )


def _standing_out(light: NDArray[Any], least: float, most: int) -> list[_StandingOut]:
    """Find pixels that exceed all neighbours by more than `least`, and those that all exceed.

    The search may end as soon as it has found more than `most`.
    """
    if readable(light) and min(light.shape) > 1:
        return _compiled(light, least, most)
    found = []
    for beyond in (
        cv2.subtract(light, cv2.dilate(light, RING)),
        cv2.subtract(cv2.erode(light, RING), light),
    ):
        # NumPy would turn the whole plane into float64 to compare it
        places = np.flatnonzero(cv2.compare(beyond, least, cv2.CMP_GT) != 0)
        found.append((places.astype(np.int32), beyond.ravel()[places].astype(np.float32)))
    return found


def _compiled(light: NDArray[Any], least: float, most: int) -> list[_StandingOut]:
    """Do the same by the compiled kernel (`isolation.c`), which reads the plane once."""
    limit = least if light.dtype.kind == "f" else min(least, np.iinfo(light.dtype).max)
    room = most + 1
    arrays = [(np.empty(room, np.int32), np.empty(room, np.float32)) for _ in range(2)]
    ends = [_Found(p.ctypes.data, e.ctypes.data, 0, room) for p, e in arrays]
    getattr(kernels(), f"isolated_{light.dtype.name}")(
        ctypes.c_void_p(light.ctypes.data),
        *(ctypes.c_int64(side) for side in light.shape),
        ctypes.c_int64(light.strides[0] // light.itemsize),
        ctypes.c_float(limit),
        *(ctypes.byref(end) for end in ends),
    )
    counts = [end.count for end in ends]
    return [(p[:n], e[:n]) for (p, e), n in zip(arrays, counts, strict=True)]


def _step(light: NDArray[Any]) -> float:
    """Return a step that is no noise, from the difference between a plane and its median filter."""
    part = np.ascontiguousarray(light[:NOISE_SIDE, :NOISE_SIDE])
    noise = cv2.absdiff(part, cv2.medianBlur(part, 3))
    some = np.s_[::SOME, ::SOME]
    finite, noise = (a[np.isfinite(a)] for a in (part[some], noise[some]))
    if not finite.size or not noise.size:
        return float(np.finfo(np.float32).max)
    low, high = np.percentile(finite, (1, 99))
    deviation = 1.4826 * float(np.median(noise))
    return max(LEAST_SIGMAS * deviation, LEAST_STEP * (float(high) - float(low)), 1e-30)
