"""Pixels of a plane that stand out from all of their neighbours, as no point behind a lens does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_SIGMAS = 8.0
"""Standard deviations of the noise by which a pixel exceeds all of its neighbours clearly."""
LEAST_STEP = 0.05
"""The same in the range of the plane."""
SOMEWHAT = 0.5
"""Part of that step by which a pixel exceeds them that stands out at all."""
MOST_ISOLATED = 0.01
"""Part of the field beyond which single pixels that stand out are texture, or noise."""
NOISE_SIDE, SOME = 768, 4
"""Side of the part of a plane whose noise is measured, on every so many rows and columns."""
RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)


@dataclass(frozen=True)
class Isolated:
    """Flat indices of pixels of a plane that stand out, somewhat and clearly."""

    somewhat: NDArray[np.int32]
    clearly: NDArray[np.int32]

    @classmethod
    def of(cls, light: NDArray[Any]) -> Isolated | None:
        """Find them in a grey plane; None where so many do that they are texture or noise."""
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
    """Step that is no noise: many times what a median of nine pixels takes from a plane."""
    part = np.ascontiguousarray(light[:NOISE_SIDE, :NOISE_SIDE])
    noise = cv2.absdiff(part, cv2.medianBlur(part, 3))
    some = np.s_[::SOME, ::SOME]
    known, noise = (a[np.isfinite(a)] for a in (part[some], noise[some]))
    if not known.size or not noise.size:
        return float(np.finfo(np.float32).max)
    low, high = np.percentile(known, (1, 99))
    deviation = 1.4826 * float(np.median(noise))
    return max(LEAST_SIGMAS * deviation, LEAST_STEP * (float(high) - float(low)), 1e-30)
