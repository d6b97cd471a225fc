"""A plane as alignment sees it: small, band-passed, with its contrast and its brightness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.registration import Plane, correlation, luminance, pyramid
from napari_focus_stack.transforms import Matrix, rescale, warp

if TYPE_CHECKING:
    from numpy.typing import NDArray

WORKING_PIXELS = 600_000
"""Planes are compared at this size at most: 0.02 px of it is 0.1 px of a 12-megapixel plane."""
FAINTEST = 1e-5
"""Contrast below this part of the brightness is the rounding of float32."""
LEAST_DRIFT = 0.003
"""Change in brightness too small to matter: 0.3 % leaves 50 dB."""
BLOCKS = 16
"""Block means along the longer side whose ratio gives the brightness; blur hardly crosses them."""


@dataclass(frozen=True)
class View:
    """A plane as alignment sees it: reduced, band-passed, with a pyramid over it.

    Attributes
    ----------
    grey : numpy.ndarray
        (y, x) float32 luminance at the working size.
    levels : tuple of numpy.ndarray
        Band-passed, finest first, each half the size of the one before.
    contrast : float
        Standard deviation of the luminance, noise smoothed away; -1 if no pixel is finite.
    shape : tuple of int
        Of the full plane.
    """

    grey: Plane
    levels: tuple[Plane, ...]
    contrast: float
    shape: tuple[int, int]

    @classmethod
    def of(cls, plane: NDArray[Any]) -> View:
        """Reduce a plane to what alignment needs of it."""
        h, w = plane.shape[:2]
        factor = min(1.0, np.sqrt(WORKING_PIXELS / (h * w)))
        size = round(w * factor), round(h * factor)
        small = plane if factor == 1 else cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
        grey = luminance(small)
        finite = np.isfinite(grey)
        grey[~finite] = 0
        contrast = float(cv2.GaussianBlur(grey, (0, 0), 2.0).std()) if finite.any() else -1.0
        unit = max(contrast, FAINTEST * float(np.abs(grey).max()), 1e-30)
        return cls(grey, pyramid(grey / unit), contrast, (h, w))

    def correlation(self, other: View, full_size: Matrix) -> float:
        """Correlation with another plane that a transform between the full planes lays over it."""
        h, w = self.grey.shape
        matrix = rescale(full_size, h / self.shape[0], w / self.shape[1])
        return correlation(self.levels[0], other.levels[0], matrix)

    def full_size(self, matrix: Matrix) -> Matrix:
        """A transform at the working size, for the planes themselves."""
        h, w = self.grey.shape
        return rescale(matrix, self.shape[0] / h, self.shape[1] / w)


@dataclass(frozen=True)
class Brightness:
    """Brightness of a plane against the reference: the gain that matches it, the blocks' spread.

    Focus moves light between neighbouring blocks, drift changes all of them alike, so a gain is
    drift where it stands out from the spread.
    """

    gain: float
    spread: float

    @property
    def drifts(self) -> bool:
        """Whether focus alone cannot explain the gain."""
        return abs(self.gain - 1) > LEAST_DRIFT + self.spread

    @classmethod
    def of(cls, fixed: View, moving: View, full_size: Matrix) -> Brightness:
        """Weighted median and quartiles of the ratio of block means, bright blocks first."""
        h, w = fixed.grey.shape
        matrix = rescale(full_size, h / fixed.shape[0], w / fixed.shape[1])
        moved, valid = warp(moving.grey, matrix, cv2.INTER_LINEAR)
        inside = np.ones_like(fixed.grey) if valid is None else valid.astype(np.float32) / 255
        factor = BLOCKS / max(h, w)
        size = max(1, round(w * factor)), max(1, round(h * factor))
        a, b, covered = (
            cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in (fixed.grey, moved, inside)
        )
        weight = np.minimum(a, b)
        usable = (weight > 0.02 * float(a.max())) & (covered > 0.999) & (b > 0)
        if not usable.any():
            return cls(1.0, 0.0)
        ratio, weight = a[usable] / b[usable], weight[usable]
        order = np.argsort(ratio)
        share = np.cumsum(weight[order])
        quartiles = np.searchsorted(share, share[-1] * np.array([0.25, 0.5, 0.75]))
        low, gain, high = (float(q) for q in ratio[order][quartiles])
        return cls(gain, high - low)
