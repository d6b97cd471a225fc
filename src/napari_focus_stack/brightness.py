"""How bright a plane is against the reference plane: a lamp that drifts, not what is in focus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.transforms import Matrix, rescale, warp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.views import View

LEAST_DRIFT = 0.003
"""Change in brightness too small to matter: 0.3 % leaves 50 dB."""
BLOCKS = 16
"""Block means along the longer side whose ratio gives the brightness; blur hardly crosses them."""
LEAST_BLOCK = 8
"""Side of a block in pixels from which on blur, which evens out tones, hardly crosses it."""
LEAST_SPAN = 0.15
"""Part of the brightest block that blocks must span, in the plane of more contrast, for an offset
to be told from a gain."""
PAYS = 0.7
"""An offset is believed that leaves at most this part of the mean misfit of a gain alone.

Where focus alone changed it leaves 0.79 (`coins-step-moving`) to 1; fluorescence that fades over a
black level 0.2 to 0.6 once the gain is 10 % off. The median misfit would be the background's, which
any gain fits.
"""
ROUNDS = 8


@dataclass(frozen=True)
class Brightness:
    """What brings a plane to the reference's brightness, and how sure it is.

    Attributes
    ----------
    gain, offset : float
        Reference = gain * plane + offset.
    spread : float
        Quartile distance of the blocks' ratio to the reference. Focus moves light between
        neighbouring blocks, drift changes all of them alike: it is drift what stands out.
    """

    gain: float = 1.0
    offset: float = 0.0
    spread: float = 0.0

    @property
    def drifts(self) -> bool:
        """Whether focus alone cannot explain the change."""
        return self.offset != 0 or abs(self.gain - 1) > LEAST_DRIFT + self.spread

    @classmethod
    def of(cls, fixed: View, moving: View, full_size: Matrix) -> Brightness:
        """Compare block means, bright blocks first: a weighted median of their ratio.

        A gain alone, unless an offset (stray light, another black level) leaves much less misfit.
        """
        a, b = _blocks(fixed, moving, full_size)
        if a.size == 0:
            return cls()
        weight = np.minimum(a, b)
        ratio = a / b
        low, gain, high = _quartiles(ratio, weight)
        spread = high - low
        span = max(float(np.ptp(light) / light.max()) for light in (a, b))
        if span > LEAST_SPAN and max(fixed.shape) >= BLOCKS * LEAST_BLOCK:
            line = _robust_line(a, b)
            left = float(np.abs(a - line[0] * b - line[1]).mean())
            before = float(np.abs(a - gain * b).mean())
            if left < PAYS * before and abs(line[1]) > LEAST_DRIFT * b.max() and line[0] > 0:
                return cls(line[0], line[1], 2 * left / float(np.median(b)))
        return cls(gain, 0.0, spread)


def _blocks(
    fixed: View, moving: View, full_size: Matrix
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Block means of both planes where both recorded and it is not dark."""
    y, x = fixed.light.shape
    matrix = rescale(full_size, y / fixed.shape[0], x / fixed.shape[1])
    moved, valid = warp(moving.light, matrix, cv2.INTER_LINEAR)
    inside = np.ones_like(moved) if valid is None else valid.astype(np.float32) / 255
    factor = BLOCKS / max(y, x)
    size = max(1, round(x * factor)), max(1, round(y * factor))
    a, b, covered = (
        cv2.resize(plane, size, interpolation=cv2.INTER_AREA).astype(float)
        for plane in (fixed.light, moved, inside)
    )
    usable = (np.minimum(a, b) > 0.02 * float(a.max())) & (covered > 0.999) & (b > 0)
    return a[usable], b[usable]


def _quartiles(values: NDArray[np.float64], weight: NDArray[np.float64]) -> list[float]:
    order = np.argsort(values)
    share = np.cumsum(weight[order])
    places = np.searchsorted(share, share[-1] * np.array([0.25, 0.5, 0.75]))
    return [float(value) for value in values[order][places]]


def _robust_line(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """Gain and offset by least absolute residuals: least squares, reweighted."""
    columns = np.stack([b, np.ones_like(b)], axis=1)
    weight = np.ones_like(b)
    gain, offset = 1.0, 0.0
    for _ in range(ROUNDS):
        root = np.sqrt(weight)
        gain, offset = np.linalg.lstsq(columns * root[:, None], a * root, rcond=None)[0]
        miss = np.abs(a - gain * b - offset)
        weight = 1 / (miss + 1e-3 * float(np.median(a)) + 1e-12)
    return float(gain), float(offset)
