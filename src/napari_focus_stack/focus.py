"""How sharp each plane is, level by level, in units of the sensor's own noise.

A plane becomes a Laplacian pyramid (Burt and Adelson, "The Laplacian pyramid as a compact image
code", IEEE Trans. Commun. 1983). Its energy at a pixel is the squared band over a window, divided by
what noise alone would leave there: 1 means "nothing but noise", whatever the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_focus_stack.registration import luminance

Plane = NDArray[np.float32]

SMALLEST_LEVEL = 8
"""The pyramid ends where a side would get shorter than this many pixels."""
BAND_NOISE = (0.943, 0.2302, 0.1006, 0.0490)
"""Noise of each band for white noise of 1; each level further up has half the one below."""
WINDOW_CORE = 0.7
WINDOW_TAIL = (0.3, 0.3, 0.2)
"""The window over the squared band: a Gaussian core, and a heavy tail of ever wider ones.

The core keeps depth edges; the tail lets the true plane's edge outvote, in the flat field beside it,
the blurred edge of every other plane, which is what draws halos. On the still truth scenes the core
alone loses 11 dB (brick-dome), a Gaussian of 2.5 alone 1 dB (motorcycle).
"""
WINDOW_SAMPLES = (14.0, 12.2, 11.3, 11.0)
"""Independent samples that the window averages, from the spread of the energy in white noise."""
ENERGY_FLOOR = 0.5


@dataclass(frozen=True)
class Noise:
    """Variance of a pixel: `constant` + `slope` times its value, in the planes' own units."""

    constant: float
    slope: float = 0.0

    def variance(self, plane: Plane) -> Plane | float:
        """Variance of each pixel of a (smoothed) plane."""
        if self.slope == 0:
            return self.constant
        return self.constant + self.slope * np.maximum(plane, 0)


def level_count(shape: tuple[int, ...]) -> int:
    """How many bands a plane of this shape has."""
    return max(1, int(np.log2(min(shape[:2]) / SMALLEST_LEVEL)))


def band_noise(level: int) -> float:
    """Standard deviation that white noise of 1 has in a band."""
    known = len(BAND_NOISE) - 1
    return BAND_NOISE[min(level, known)] * 0.5 ** max(0, level - known)


def window_samples(level: int) -> float:
    """Independent samples behind one energy of a level."""
    return WINDOW_SAMPLES[min(level, len(WINDOW_SAMPLES) - 1)]


def laplacian_pyramid(plane: Plane, levels: int) -> tuple[list[Plane], list[Plane]]:
    """Bands, finest first, with the residual last; and the Gaussian levels they came from."""
    gaussian = [plane]
    for _ in range(levels):
        gaussian.append(cv2.pyrDown(gaussian[-1]))  # type: ignore[arg-type]
    bands = [
        fine - expand(coarse, fine.shape)
        for fine, coarse in zip(gaussian[:-1], gaussian[1:], strict=True)
    ]
    return [*bands, gaussian[-1]], gaussian


def expand(coarse: Plane, shape: tuple[int, ...]) -> Plane:
    """A level at the size of the one below."""
    return cv2.pyrUp(coarse, dstsize=shape[1::-1])  # type: ignore[return-value]


def energies(bands: list[Plane], gaussian: list[Plane], noise: Noise) -> list[Plane]:
    """Energy of every band, (y, x) float32 each: 1 where noise explains all of it.

    Colour counts with all three channels; alpha does not.
    """
    return [
        window(_power(band, noise.variance(smooth), band_noise(level)))
        for level, (band, smooth) in enumerate(zip(bands[:-1], gaussian, strict=False))
    ]


def _power(band: Plane, variance: Plane | float, gain: float) -> Plane:
    power = np.square(band)
    power /= np.float32(gain * gain) * variance
    if power.ndim == 2:
        return power
    return (power[..., 0] + power[..., 2] + power[..., 1]) / np.float32(3)  # type: ignore[no-any-return]


def window(power: Plane) -> Plane:
    """Weighted mean of a squared band over the heavy-tailed window."""
    levels = [power]
    for _ in WINDOW_TAIL:
        if min(levels[-1].shape) < 2:
            break
        levels.append(cv2.pyrDown(levels[-1]))  # type: ignore[arg-type]
    tail = np.zeros_like(levels[-1])
    for share, level, below in zip(
        WINDOW_TAIL[len(levels) - 2 :: -1], levels[:0:-1], levels[-2::-1], strict=False
    ):
        tail += np.float32(share) * level
        tail = expand(tail, below.shape)
    core = cv2.GaussianBlur(power, (0, 0), WINDOW_CORE)
    core += tail
    core /= np.float32(1 + sum(WINDOW_TAIL[: len(levels) - 1]))
    return core  # type: ignore[return-value]


def score(energy: Plane, level: int) -> Plane:
    """The energy on a scale where its own noise is 1 everywhere.

    An energy of mean E over N samples has variance (4 E - 2) / N; its integral is the scale
    sqrt(N (E - 1/2)), so that two planes can be told apart where their scores differ by more than 1.
    """
    above = np.maximum(energy - np.float32(0.5), np.float32(ENERGY_FLOOR))
    return np.sqrt(np.float32(window_samples(level)) * above)  # type: ignore[no-any-return]


BLOCK = 16
_BLOCK_SAMPLES = 240.0
"""Independent samples in a block's squared finest band."""


class NoiseGauge:
    """Estimates the sensor's noise from the planes as they were read.

    Out of focus there is no detail: of all planes, the one with the least finest-band energy in a
    block shows the noise there, even on a specimen textured everywhere.
    """

    def __init__(self) -> None:
        self._least: Plane | None = None
        self._level: Plane | None = None
        self._count = 0

    def add(self, plane: NDArray[Any]) -> None:
        """Take in a plane, (Y, X[, C]), unwarped: interpolation would hide the noise."""
        grey = np.nan_to_num(luminance(plane), nan=0.0, posinf=0.0, neginf=0.0)
        h, w = (side // BLOCK * BLOCK for side in grey.shape)
        if h == 0 or w == 0:
            return
        band = grey - expand(cv2.pyrDown(grey), grey.shape)  # type: ignore[arg-type]
        size = (w // BLOCK, h // BLOCK)
        energy, level = (
            cv2.resize(a[:h, :w], size, interpolation=cv2.INTER_AREA) for a in (band * band, grey)
        )
        self._count += 1
        if self._least is None or self._level is None:
            self._least, self._level = energy, level  # type: ignore[assignment]
            return
        less = energy < self._least
        self._least[less], self._level[less] = energy[less], level[less]

    def noise(self, dtype: np.dtype[Any], channels: int) -> Noise:
        """The noise of one channel; never less than the rounding of an integer type.

        A plane of several channels was measured on (R + 2 G + B) / 4, which averages noise.
        """
        rounding = 1 / 12 if dtype.kind in "ui" else 0.0
        if self._least is None or self._level is None:
            return Noise(max(rounding, 1e-12))
        mixing = 0.375 if channels >= 3 else 1.0
        scale = 1 / (mixing * BAND_NOISE[0] ** 2 * _expected_least(self._count))
        constant, slope = _variance_line(self._level.ravel(), self._least.ravel() * scale)
        smallest = 1e-12 * max(float(np.abs(self._level).max()), 1e-6) ** 2
        return Noise(max(constant, rounding, smallest), slope)


def _expected_least(count: int) -> float:
    """Mean of the least of `count` energies whose mean is 1 (Blom's order statistic)."""
    deviation = NormalDist().inv_cdf((count - 0.375) / (count + 0.25))
    return max(0.5, 1 - deviation * float(np.sqrt(2 / _BLOCK_SAMPLES)))


def _variance_line(level: Plane, variance: Plane) -> tuple[float, float]:
    """Constant and slope of variance over brightness, through the quiet blocks of each brightness."""
    quiet = float(np.percentile(variance, 40))
    edges = np.quantile(level, np.linspace(0, 1, 9))
    bins = np.searchsorted(edges[1:-1], level)
    points = [
        (float(level[bins == b].mean()), float(np.percentile(variance[bins == b], 40)))
        for b in range(8)
        if (bins == b).sum() >= 12
    ]
    if len(points) < 4:
        return quiet, 0.0
    x, y = np.array(points).T
    if np.ptp(x) < 0.2 * max(abs(float(x.mean())), 1e-12):
        return quiet, 0.0
    slope, constant = _median_line(x, y)
    if slope <= 0 or constant < 0 and slope * x.mean() < quiet / 4:
        return quiet, 0.0
    return max(constant, 0.0), slope


def _median_line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and intercept that a few outlying bins do not move (Theil-Sen)."""
    i, j = np.triu_indices(len(x), 1)
    apart = x[j] != x[i]
    slope = float(np.median((y[j] - y[i])[apart] / (x[j] - x[i])[apart]))
    return slope, float(np.median(y - slope * x))
