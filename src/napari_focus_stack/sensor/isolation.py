"""Isolated pixels of a plane, which exceed all their neighbours as no point behind a lens can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
        step = _step(light)
        somewhat, clearly = [], []
        for beyond in (
            cv2.subtract(light, cv2.dilate(light, RING)),
            cv2.subtract(cv2.erode(light, RING), light),
        ):
            # NumPy would turn the whole plane into float64 to compare it
            places = np.flatnonzero(cv2.compare(beyond, SOMEWHAT * step, cv2.CMP_GT) != 0)
            somewhat.append(places.astype(np.int32))
            clearly.append(somewhat[-1][beyond.ravel()[places] > step])
        if sum(map(len, somewhat)) > MOST_ISOLATED * light.size:
            return None
        return cls(np.concatenate(somewhat), np.concatenate(clearly))


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
