"""How much the sensor's noise changes a pixel, measured on the stack itself, level by level.

Two neighbouring planes show the same specimen, so what differs between them is noise wherever the
focus changes little: out of focus, or where there is nothing. Every pyramid level is measured for
itself, because demosaicing, compression and resampling leave noise that is not white.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.imgproc.colour import GREY, opponent
from napari_focus_stack.imgproc.pyramids import Plane, band_noise, laplacian_pyramid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window

NOISE_LEVELS = 4
"""Pyramid levels measured; coarser ones have the last one's noise."""
BLOCK_SIDES = (16, 16, 8, 8)
"""Side of the blocks in which a level's noise is measured."""
BLOCK_SAMPLES = (240.0, 155.0, 34.0, 33.0)
"""Independent samples in the squared band of one block, from simulated white noise."""
SMALLEST_MEASURED = 4 * BLOCK_SIDES[0]
"""Smaller planes hold too few blocks to measure noise on."""
LARGEST_SIDE = 768
"""Of the part in the middle of a plane that is looked at: 2300 blocks of the finest level."""
QUIET_BLOCKS = 0.2
"""Quantile of blocks that are taken for noise alone."""
BINS = 8
"""Groups of blocks of like brightness through whose quiet members lines are laid."""
FEWEST_BLOCKS = 100
"""Blocks from which on noise is looked at by brightness."""
STEADY = 0.15
"""Range of a block's brightness over the pairs, as a part of it, up to which it is the same."""
LEAST_RANGE = 0.05
"""Range of the blocks' brightness, as a part of its mean, that shows how noise grows with it."""
MOST_MISFIT = 1.0
"""Logarithm of variance over a line from which on a block counts no more: it holds detail."""
DECISIVE = 0.95
"""Part of the misfit of one variance for all that a line may leave to be believed."""
FLOAT_STEP = 2e-7
"""Rounding of float32, relative to the largest value, after a few sums of it."""
QUIET_DEVIATION = 0.6
"""Standard deviations that the quiet percentile of the least energies lies under their mean."""
ALL_RECORDED = 254.9


@dataclass(frozen=True)
class Noise:
    """Variance of one channel of a pixel: `constant` + `slope` times its value, `least` at least.

    Attributes
    ----------
    constant, slope : float
        In the planes' own units, as white noise would have to be to leave what the finest band has.
        The constant is negative where shot noise begins at a black level.
    colour : tuple of float
        How much more (or less) variance each pyramid level has than such white noise leaves it.
    opponent : tuple of tuple of float
        How much more (or less) variance brightness and the two colour differences
        (`colour.OPPONENT`) have than a single channel, per pyramid level: 1 where channels are
        independent.
    least : float
        Variance that even the darkest pixel has.
    """

    constant: float
    slope: float = 0.0
    colour: tuple[float, ...] = (1.0,)
    opponent: tuple[tuple[float, ...], ...] = ((1.0, 1.0, 1.0),)
    least: float = 0.0

    def deviation(self, value: float) -> float:
        """Standard deviation of a pixel of this value."""
        return float(np.sqrt(max(self.constant + self.slope * value, self.least)))

    def evened(self, gain: float, offset: float) -> Noise:
        """Of a plane that was brought to another brightness."""
        square = gain**2
        return replace(
            self,
            constant=self.constant * square - self.slope * gain * offset,
            slope=self.slope * gain,
            least=self.least * square,
        )

    def variance_by(self, gain: float) -> float:
        """By how much a gain changes the variance, about: of shot noise less than of any other."""
        return gain if self.slope else gain * gain

    def opponent_at(self, level: int) -> tuple[float, ...]:
        """Variance of brightness and colour differences at a level, over a channel's."""
        return self.opponent[min(level, len(self.opponent) - 1)]

    def in_band(self, smooth: Plane, level: int) -> Plane | float:
        """Variance in a band, where the plane is `smooth` around.

        Not the noisy pixels themselves: variance that follows their own noise makes dark ones of
        a photon-starved section look sharp.
        """
        gain = band_noise(level) ** 2 * self.colour[min(level, len(self.colour) - 1)]
        if self.slope == 0:
            return gain * self.constant
        variance: Plane = smooth * np.float32(gain * self.slope)
        variance += np.float32(gain * self.constant)
        return np.maximum(variance, np.float32(gain * self.least), out=variance)


def middle(shape: tuple[int, ...]) -> Window:
    """Part of a large plane that noise is measured on: enough blocks, a fraction of the time."""
    starts = [max(0, (side - LARGEST_SIDE) // 2) for side in shape[:2]]
    ends = [min(side, LARGEST_SIDE) + start for side, start in zip(shape, starts, strict=False)]
    return slice(starts[0], ends[0]), slice(starts[1], ends[1])


class NoiseEstimator:
    """Measures noise on pairs of neighbouring planes that lie over each other.

    In every block the least of all pairs counts, and of all blocks the quiet ones. How noise grows
    with brightness is told by all pairs: in optical sections a place is lit in some planes only.
    """

    def __init__(self) -> None:
        self._quietest: list[Plane] = []  # (channel, block row, block) each
        # brightness and power of a pair's blocks, and the brightness of both planes
        self._blocks: list[tuple[Plane, Plane, Plane]] = []
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
        if min(first.shape[:2]) < SMALLEST_MEASURED:
            return
        channels = list(zip(_channels(first), _channels(second), strict=True))
        found = [_differences(a, b, valid) for a, b in channels]
        powers = [np.stack(level) for level in zip(*(power for power, _ in found), strict=True)]
        self._quietest = [
            np.minimum(*p) for p in zip(self._quietest or powers, powers, strict=True)
        ]
        unit = np.float32(1 if first.ndim == 2 else GREY)
        a, b = (_block_means(plane, BLOCK_SIDES[0]) / unit for plane in channels[0])
        bright = np.stack([(a + b) / 2, a, b])
        taken = np.take_along_axis(bright, found[0][1][None], 0)[0]
        # the rotation keeps the sum over the channels
        self._blocks.append((taken, powers[0].mean(0), bright[1:]))
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
        variances = [
            power / (band_noise(level) ** 2 * _expected_quiet(level, self._count))
            for level, power in enumerate(self._quietest)
        ]
        known = [max(_quiet(variance.mean(0)), smallest) for variance in variances]
        brightness, variance = self._by_brightness()
        line = _line(brightness, np.maximum(variance, smallest))
        constant, slope, least = line or (known[0], 0.0, known[0])
        colour = tuple(v / known[0] for v in known)
        if len(variances[0]) == 1:
            return Noise(constant, slope, colour, least=least)
        opponent = tuple(
            # differences of equal channels have no noise at all
            (max(_quiet(bright), smallest) / channel, *(_quiet(d) / channel for d in differences))
            for (bright, *differences), channel in zip(variances, known, strict=True)
        )
        return Noise(constant, slope, colour, opponent, least)

    def _by_brightness(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Blocks' brightness and variance at the finest level.

        Of a block that is equally bright in all pairs the quietest counts; one that lights up
        counts once for each pair.
        """
        brightness, power, both = (
            np.stack(some).astype(np.float64) for some in zip(*self._blocks, strict=True)
        )
        mean = both.mean((0, 1))
        steady = np.ptp(both, axis=(0, 1)) <= STEADY * np.abs(mean)
        alone, least = (_expected_quiet(0, count) for count in (1, self._count))
        levels = np.concatenate([mean[steady], brightness[:, ~steady].ravel()])
        powers = np.concatenate([power.min(0)[steady] / least, power[:, ~steady].ravel() / alone])
        seen = np.isfinite(powers)
        return levels[seen], powers[seen] / band_noise(0) ** 2


def _differences(
    a: Plane, b: Plane, valid: NDArray[np.uint8] | None
) -> tuple[list[Plane], NDArray[np.intp]]:
    """Half the squared difference of each band, or a plane's own square if less, in blocks.

    And which of the three it was, at the finest level.
    """
    pyramids = (laplacian_pyramid(plane, NOISE_LEVELS)[0][:-1] for plane in (a, b))
    blocks, which = [], []
    for (p, q), side in zip(zip(*pyramids, strict=True), BLOCK_SIDES, strict=True):
        both = _block_means(np.square(p - q), side) / np.float32(2)
        powers = np.stack([both, *(_block_means(np.square(band), side) for band in (p, q))])
        power: Plane = powers.min(0)
        which.append(powers.argmin(0))
        if valid is not None:
            inside: Plane = cv2.resize(valid, p.shape[::-1], interpolation=cv2.INTER_AREA)
            power[_block_means(inside.astype(np.float32), side) < ALL_RECORDED] = np.inf
        blocks.append(power)
    return blocks, which[0]


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
    return _quantile(seen, QUIET_BLOCKS) if seen.size else 0.0


def _quantile(values: Plane | NDArray[np.float64], share: float) -> float:
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


def _line(
    brightness: NDArray[np.float64], variance: NDArray[np.float64]
) -> tuple[float, float, float] | None:
    """Constant, slope and least variance of quiet blocks over their brightness.

    Quantile regression (Koenker and Bassett, Econometrica 46, 1978) of the logarithm, among the
    lines from the darkest blocks to the quiet ones of each brighter group; lines between any two
    take bright texture before a dark ground for noise (`bars-bright` of light.py). None where one
    variance for all does as well.
    """
    apart = np.ptp(brightness) if brightness.size else 0.0
    if brightness.size < FEWEST_BLOCKS or apart < LEAST_RANGE * abs(float(brightness.mean())):
        return None
    order = np.argsort(brightness, kind="stable")
    brightness, variance = brightness[order], variance[order]
    groups = np.array_split(np.arange(len(order)), BINS)
    x = np.array([brightness[group].mean() for group in groups])
    y = np.array([_quantile(variance[group], QUIET_BLOCKS) for group in groups])
    rising = (x > x[0]) & (y > y[0])
    slopes = (y[rising] - y[0]) / (x[rising] - x[0])
    lines = [*zip(slopes, y[0] - slopes * x[0], strict=True), *((0.0, level) for level in y)]
    least, logarithms = float(y.min()), np.log(variance)

    def misfit(line: tuple[float, float]) -> float:
        fitted = np.maximum(line[0] * brightness + line[1], least)
        beyond = np.clip(logarithms - np.log(fitted), -MOST_MISFIT, MOST_MISFIT)
        return float(np.mean(beyond * (QUIET_BLOCKS - (beyond < 0))))

    misfits = [misfit(line) for line in lines]
    best = int(np.argmin(misfits))
    slope, constant = lines[best]
    if slope <= 0 or misfits[best] > DECISIVE * min(misfits[-BINS:]):
        return None
    return float(constant), float(slope), least


def noise_pairs(planes: int) -> list[int]:
    """First of each pair of neighbours on which noise is measured: up to four, over the stack."""
    last, third = planes - 2, (planes - 2) // 3
    return sorted({0, third, last - third, last})  # the same pairs if the order is reversed
