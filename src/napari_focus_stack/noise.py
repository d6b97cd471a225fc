"""How much the sensor's noise changes a pixel, measured on the stack itself, level by level.

Two neighbouring planes show the same specimen, so what differs between them is noise wherever the
focus changes little: out of focus, or where there is nothing. Every pyramid level is measured for
itself, because demosaicing, compression and resampling leave noise that is not white.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.bands import Plane, band_noise, laplacian_pyramid
from napari_focus_stack.colour import GREY, opponent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.transforms import Window

LEVELS = 4
"""Pyramid levels measured; coarser ones have the last one's noise."""
BLOCKS = (16, 16, 8, 8)
"""Side of the blocks in which a level's noise is measured."""
BLOCK_SAMPLES = (240.0, 155.0, 34.0, 33.0)
"""Independent samples in the squared band of one block, from simulated white noise."""
SMALLEST_SIDE = 4 * BLOCKS[0]
"""Smaller planes hold too few blocks to measure noise on."""
LARGEST_SIDE = 768
"""Of the part in the middle of a plane that is looked at: 2300 blocks of the finest level."""
QUIET = 0.2
"""Quantile of blocks that are taken for noise alone."""
FLOAT_STEP = 2e-7
"""Rounding of float32, relative to the largest value, after a few sums of it."""
QUIET_DEVIATION = 0.6
"""Standard deviations that the quiet percentile of the least energies lies under their mean."""
ALL_RECORDED = 254.9


@dataclass(frozen=True)
class Noise:
    """Variance of one channel of a pixel: `constant` + `slope` times its value.

    Attributes
    ----------
    constant, slope : float
        In the planes' own units, as white noise would have to be to leave what the finest band has.
    colour : tuple of float
        How much more (or less) variance each pyramid level has than such white noise leaves it.
    opponent : tuple of tuple of float
        How much more (or less) variance brightness and the two colour differences
        (`colour.OPPONENT`) have than a single channel, per pyramid level: 1 where channels are
        independent.
    """

    constant: float
    slope: float = 0.0
    colour: tuple[float, ...] = (1.0,)
    opponent: tuple[tuple[float, ...], ...] = ((1.0, 1.0, 1.0),)

    def deviation(self, value: float) -> float:
        """Standard deviation of a pixel of this value."""
        return float(np.sqrt(self.constant + self.slope * max(value, 0.0)))

    def opponent_at(self, level: int) -> tuple[float, ...]:
        """Variance of brightness and colour differences at a level, over a channel's."""
        return self.opponent[min(level, len(self.opponent) - 1)]

    def in_band(self, smooth: Plane, level: int) -> Plane | float:
        """Variance in a band, where the plane, smoothed to that level, is `smooth`."""
        gain = band_noise(level) ** 2 * self.colour[min(level, len(self.colour) - 1)]
        if self.slope == 0:
            return gain * self.constant
        variance: Plane = np.clip(smooth, np.float32(0), np.float32(np.inf))
        variance *= np.float32(gain * self.slope)
        variance += np.float32(gain * self.constant)
        return variance


def middle(shape: tuple[int, ...]) -> Window:
    """Part of a large plane that noise is measured on: enough blocks, a fraction of the time."""
    starts = [max(0, (side - LARGEST_SIDE) // 2) for side in shape[:2]]
    ends = [min(side, LARGEST_SIDE) + start for side, start in zip(shape, starts, strict=False)]
    return slice(starts[0], ends[0]), slice(starts[1], ends[1])


class NoiseGauge:
    """Measures noise on pairs of neighbouring planes that lie over each other.

    In every block the least of all pairs counts, and of all blocks the quiet ones.
    """

    def __init__(self) -> None:
        self._quietest: list[Plane] = []  # (channel, block row, block) each
        self._brightness: Plane = np.zeros((1, 1), np.float32)
        self._count = 0
        self._largest = 0.0

    def add(self, first: Plane, second: Plane, valid: NDArray[np.uint8] | None = None) -> None:
        """Take in a pair.

        Parameters
        ----------
        first, second : numpy.ndarray
            (Y, X[, C]) float32.
        valid : numpy.ndarray, optional
            (Y, X) uint8, 255 where both have recorded; None for everywhere.
        """
        self._largest = max(self._largest, float(np.abs(first).max()))
        if min(first.shape[:2]) < SMALLEST_SIDE:
            return
        channels = list(zip(_channels(first), _channels(second), strict=True))
        powers = [
            np.stack(level)
            for level in zip(*(_differences(a, b, valid) for a, b in channels), strict=True)
        ]
        self._quietest = [
            np.minimum(*p) for p in zip(self._quietest or powers, powers, strict=True)
        ]
        (a, b), unit = channels[0], 1 if first.ndim == 2 else GREY
        halves = (_block_means(a, BLOCKS[0]) + _block_means(b, BLOCKS[0])) / np.float32(2 * unit)
        self._brightness = self._brightness + halves
        self._count += 1

    def noise(self, rounding: float) -> Noise:
        """Noise of one channel, never less than rounding leaves.

        Parameters
        ----------
        rounding : float
            Variance of the rounding that the planes' type implies: 1/12 for integers, else 0.
        """
        smallest = max(rounding, (FLOAT_STEP * self._largest) ** 2, 1e-30)
        if not self._count:
            return Noise(smallest)
        brightness = self._brightness / np.float32(self._count)
        variances = [
            power / (band_noise(level) ** 2 * _expected_quiet(level, self._count))
            for level, power in enumerate(self._quietest)
        ]
        # the rotation keeps the sum over the channels
        known = [max(_quiet(variance.mean(0)), smallest) for variance in variances]
        constant, slope = _line(brightness, variances[0].mean(0), known[0])
        colour = tuple(v / known[0] for v in known)
        if len(variances[0]) == 1:
            return Noise(max(constant, smallest), slope, colour)
        opponent = tuple(
            # differences of equal channels have no noise at all
            (max(_quiet(bright), smallest) / channel, *(_quiet(d) / channel for d in differences))
            for (bright, *differences), channel in zip(variances, known, strict=True)
        )
        return Noise(max(constant, smallest), slope, colour, opponent)


def _differences(a: Plane, b: Plane, valid: NDArray[np.uint8] | None) -> list[Plane]:
    """Half the squared difference of each band, or a plane's own square if less, in blocks."""
    pyramids = (laplacian_pyramid(plane, LEVELS)[0][:-1] for plane in (a, b))
    blocks = []
    for (p, q), side in zip(zip(*pyramids, strict=True), BLOCKS, strict=True):
        power = _block_means(np.square(p - q), side) / np.float32(2)
        for band in (p, q):
            np.minimum(power, _block_means(np.square(band), side), out=power)
        if valid is not None:
            inside: Plane = cv2.resize(valid, p.shape[::-1], interpolation=cv2.INTER_AREA)
            power[_block_means(inside.astype(np.float32), side) < ALL_RECORDED] = np.inf
        blocks.append(power)
    return blocks


def _block_means(plane: Plane, side: int) -> Plane:
    h, w = (length // side for length in plane.shape)
    whole = plane[: h * side, : w * side]
    means: Plane = cv2.resize(whole, (w, h), interpolation=cv2.INTER_AREA)
    return means


def _channels(plane: Plane) -> list[Plane]:
    """The plane; of a colour one its brightness and colour differences."""
    return [plane] if plane.ndim == 2 else list(cv2.split(opponent(plane)))


def _quiet(variance: Plane) -> float:
    """What quiet blocks have."""
    seen = variance[np.isfinite(variance)]
    return _quantile(seen, QUIET) if seen.size else 0.0


def _quantile(values: Plane, share: float) -> float:
    # without interpolation equal channels have the quantiles of one of them
    return float(np.quantile(values, share, method="inverted_cdf"))


def _expected_quiet(level: int, count: int) -> float:
    """Energy that pure noise of variance 1 has in the quiet blocks.

    Each block holds the least of three energies a pair, which share their noise in part (Blom's
    order statistic), of a chi-squared distribution (Wilson and Hilferty's approximation).
    """
    draws = 2 * count + 1
    below = NormalDist().inv_cdf((draws - 0.375) / (draws + 0.25)) + QUIET_DEVIATION
    width = 2 / (9 * BLOCK_SAMPLES[level])
    return float((1 - width - below * np.sqrt(width)) ** 3)


def _line(brightness: Plane, variance: Plane, quiet: float) -> tuple[float, float]:
    """Constant and slope of variance over brightness, through the quiet blocks of each."""
    seen = np.isfinite(variance)
    level, variance = brightness[seen], variance[seen]
    if level.size < 100 or np.ptp(level) < 0.2 * max(abs(float(level.mean())), 1e-12):
        return quiet, 0.0
    edges = [_quantile(level, share) for share in np.linspace(0, 1, 9)[1:-1]]
    members = [np.searchsorted(edges, level) == b for b in range(8)]
    filled = [m for m in members if m.sum() >= 12]
    if len(filled) < 4:
        return quiet, 0.0
    x = np.array([float(level[m].mean()) for m in filled])
    y = np.array([_quantile(variance[m], QUIET) for m in filled])
    slope, constant = _median_line(x, y)
    if slope <= 0:
        return quiet, 0.0
    return max(constant, 0.0), slope


def _median_line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and intercept that a few outlying points do not move (Theil-Sen)."""
    i, j = np.triu_indices(len(x), 1)
    apart = x[j] != x[i]
    slope = float(np.median((y[j] - y[i])[apart] / (x[j] - x[i])[apart]))
    return slope, float(np.median(y - slope * x))
