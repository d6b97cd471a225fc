"""Sensor noise, measured on the stack itself, level by level of the pyramid.

Two neighbouring planes show the same specimen, so they differ by noise alone wherever the focus
changes little: out of focus, or on an empty background. Every pyramid level is measured separately,
because demosaicing, compression and resampling leave noise that is not white.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.imgproc.colour import GREY, opponent
from napari_focus_stack.imgproc.noise_statistics import expected_quiet, fit_line, quiet_variance
from napari_focus_stack.imgproc.pyramids import Plane, band_noise, laplacian_pyramid
from napari_focus_stack.imgproc.resampling import block_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window

NOISE_LEVELS = 4
"""Number of pyramid levels measured; coarser ones have the noise of the last."""
BLOCK_SIDES = (16, 16, 8, 8)
"""Side, in pixels, of the blocks in which the noise of each level is measured."""
SMALLEST_MEASURED = 4 * BLOCK_SIDES[0]
"""Least side, in pixels, of a plane that holds enough blocks."""
LARGEST_SIDE = 768
"""Largest side, in pixels, of the central part that is measured: 2300 blocks of the finest
level."""
STEADY = 0.15
"""Largest range of a steady block's brightness over the pairs, as a part of it."""
FLOAT_STEP = 2e-7
"""Rounding error of float32 after a few sums, relative to the largest value."""
ALL_RECORDED = 254.9
"""Mean of a block of a mask, 255 where recorded, from which on all of the block is recorded."""


@dataclass(frozen=True)
class Noise:
    """Variance of one channel of a pixel: `constant` + `slope` times its value, at least `least`.

    Attributes
    ----------
    constant, slope : float
        In the planes' own units, for white noise that has the measured variance in the finest band.
        The constant is negative where shot noise begins at a black level.
    colour : tuple of float
        Ratio of the variance in each pyramid level to that of such white noise.
    opponent : tuple of tuple of float
        Ratio of the variance of brightness and the two colour differences (`colour.OPPONENT`) to
        that of a single channel, for each pyramid level: 1 where channels are independent.
    least : float
        Variance of the darkest pixels.
    """

    constant: float
    slope: float = 0.0
    colour: tuple[float, ...] = (1.0,)
    opponent: tuple[tuple[float, ...], ...] = ((1.0, 1.0, 1.0),)
    least: float = 0.0

    def deviation(self, value: float) -> float:
        """Return the standard deviation of a pixel.

        Parameters
        ----------
        value : float
            Value of the pixel.

        Returns
        -------
        float
            Standard deviation, in the same units.
        """
        return float(np.sqrt(max(self.constant + self.slope * value, self.least)))

    def evened(self, gain: float, offset: float) -> Noise:
        """Return the noise of a plane after its brightness was corrected.

        Parameters
        ----------
        gain, offset : float
            Correction: `gain` times the value plus `offset`.

        Returns
        -------
        Noise
            Noise in the corrected units.
        """
        square = gain**2
        return replace(
            self,
            constant=self.constant * square - self.slope * gain * offset,
            slope=self.slope * gain,
            least=self.least * square,
        )

    def averaged(self, factor: float) -> Noise:
        """Return the noise of means over pixels or channels, as a single channel.

        Parameters
        ----------
        factor : float
            Variance of a mean, over that of one channel of a pixel.

        Returns
        -------
        Noise
            Noise of the means.
        """
        return Noise(self.constant * factor, self.slope * factor, least=self.least * factor)

    def variance_by(self, gain: float) -> float:
        """Return the approximate factor by which a gain changes the variance.

        Parameters
        ----------
        gain : float
            Factor of the values.

        Returns
        -------
        float
            `gain` for shot noise, its square for any other noise.
        """
        return gain if self.slope else gain * gain

    def opponent_at(self, level: int) -> tuple[float, ...]:
        """Return the variance of brightness and colour differences, relative to that of a channel.

        Parameters
        ----------
        level : int
            Pyramid level, 0 for the finest.

        Returns
        -------
        tuple of float
            Three ratios.
        """
        return self.opponent[min(level, len(self.opponent) - 1)]

    def gain_in_band(self, level: int) -> float:
        """Return the factor from the variance of a pixel's noise to that in a band.

        Parameters
        ----------
        level : int
            Pyramid level, 0 for the finest.

        Returns
        -------
        float
            Variance in the band of noise of variance 1.
        """
        return band_noise(level) ** 2 * self.colour[min(level, len(self.colour) - 1)]

    def in_band(self, smooth: Plane, level: int) -> Plane | float:
        """Return the variance of the noise in a band.

        It depends on the smoothed plane, because variance that follows the noise of the pixels
        makes dark pixels of a photon-starved section look sharp.

        Parameters
        ----------
        smooth : numpy.ndarray
            Float32 smoothed plane at this level.
        level : int
            Pyramid level, 0 for the finest.

        Returns
        -------
        numpy.ndarray or float
            Float32 as `smooth`; one number if it does not depend on brightness.
        """
        gain = self.gain_in_band(level)
        if self.slope == 0:
            return gain * self.constant
        variance: Plane = smooth * np.float32(gain * self.slope)
        variance += np.float32(gain * self.constant)
        return np.maximum(variance, np.float32(gain * self.least), out=variance)


def middle(shape: tuple[int, ...]) -> Window:
    """Return the central part of a large plane: enough blocks, for a fraction of the time.

    Parameters
    ----------
    shape : tuple of int
        Shape of the plane, rows first.

    Returns
    -------
    tuple of slice
        Rows and columns.
    """
    starts = [max(0, (side - LARGEST_SIDE) // 2) for side in shape[:2]]
    ends = [min(side, LARGEST_SIDE) + start for side, start in zip(shape, starts, strict=False)]
    return slice(starts[0], ends[0]), slice(starts[1], ends[1])


class NoiseEstimator:
    """Estimator of noise from pairs of registered neighbouring planes.

    The least variance of all pairs is taken in every block, and the quiet ones of all blocks. All
    pairs show how noise grows with brightness, because in optical sections a place is lit in some
    planes only.
    """

    def __init__(self) -> None:
        self._quietest: list[Plane] = []  # (channel, block row, block) each
        # for each pair: brightness and power of the blocks, and their brightness in both planes
        self._blocks: list[tuple[Plane, Plane, Plane]] = []
        self._count = 0
        self._largest = 0.0

    def add(self, first: Plane, second: Plane, recorded: NDArray[np.uint8] | None = None) -> None:
        """Add a pair of planes.

        Parameters
        ----------
        first, second : numpy.ndarray
            (Y, X[, C]) float32.
        recorded : numpy.ndarray, optional
            (Y, X) uint8, 255 where both planes recorded; None for everywhere.
        """
        colours = first if first.ndim == 2 else first[..., :3]  # alpha is no light
        self._largest = max(self._largest, float(np.abs(colours).max()))
        if min(first.shape[:2]) < SMALLEST_MEASURED:
            return
        channels = list(zip(_channels(first), _channels(second), strict=True))
        found = [_differences(a, b, recorded) for a, b in channels]
        powers = [np.stack(level) for level in zip(*(power for power, _ in found), strict=True)]
        self._quietest = [
            np.minimum(*p) for p in zip(self._quietest or powers, powers, strict=True)
        ]
        unit = np.float32(1 if first.ndim == 2 else GREY)
        a, b = (block_means(plane, BLOCK_SIDES[0]) / unit for plane in channels[0])
        bright = np.stack([(a + b) / 2, a, b])
        taken = np.take_along_axis(bright, found[0][1][None], 0)[0]
        # the mean is that of the original channels, because a rotation keeps the sum
        self._blocks.append((taken, powers[0].mean(0), bright[1:]))
        self._count += 1

    def noise(self, rounding: float) -> Noise:
        """Return the noise of one channel, at least that of rounding.

        Parameters
        ----------
        rounding : float
            Variance of rounding in the planes' type: 1/12 for integers, else 0.

        Returns
        -------
        Noise
            Noise of rounding alone if no pair was large enough.
        """
        smallest = max(rounding, (FLOAT_STEP * self._largest) ** 2, 1e-30)
        if not self._count:
            return Noise(smallest)
        variances = [
            power / (band_noise(level) ** 2 * expected_quiet(level, self._count))
            for level, power in enumerate(self._quietest)
        ]
        measured = [max(quiet_variance(variance.mean(0)), smallest) for variance in variances]
        brightness, variance = self._by_brightness()
        line = fit_line(brightness, np.maximum(variance, smallest))
        constant, slope, least = line or (measured[0], 0.0, measured[0])
        colour = tuple(v / measured[0] for v in measured)
        if len(variances[0]) == 1:
            return Noise(constant, slope, colour, least=least)
        opponent = tuple(
            # differences of equal channels have no noise at all
            (
                max(quiet_variance(bright), smallest) / channel,
                *(quiet_variance(d) / channel for d in differences),
            )
            for (bright, *differences), channel in zip(variances, measured, strict=True)
        )
        return Noise(constant, slope, colour, opponent, least)

    def _by_brightness(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the brightness and variance of blocks at the finest level.

        A block that is equally bright in all pairs counts once, where it is quietest; other blocks
        count once for each pair.
        """
        brightness, power, both = (
            np.stack(some).astype(np.float64) for some in zip(*self._blocks, strict=True)
        )
        mean = both.mean((0, 1))
        steady = np.ptp(both, axis=(0, 1)) <= STEADY * np.abs(mean)
        of_one, of_all = (expected_quiet(0, count) for count in (1, self._count))
        levels = np.concatenate([mean[steady], brightness[:, ~steady].ravel()])
        powers = np.concatenate([power.min(0)[steady] / of_all, power[:, ~steady].ravel() / of_one])
        measured = np.isfinite(powers)
        return levels[measured], powers[measured] / band_noise(0) ** 2


def _differences(
    a: Plane, b: Plane, recorded: NDArray[np.uint8] | None
) -> tuple[list[Plane], NDArray[np.intp]]:
    """Return the energy of the noise in blocks of each band, and its source at the finest level.

    The energy is half the squared difference of two bands, or the square of either band if less;
    the source is the index of the least of these three.
    """
    pyramids = (laplacian_pyramid(plane, NOISE_LEVELS)[0][:-1] for plane in (a, b))
    blocks, which = [], []
    for (p, q), side in zip(zip(*pyramids, strict=True), BLOCK_SIDES, strict=True):
        both = block_means(np.square(p - q), side) / np.float32(2)
        powers = np.stack([both, *(block_means(np.square(band), side) for band in (p, q))])
        power: Plane = powers.min(0)
        which.append(powers.argmin(0))
        if recorded is not None:
            inside: Plane = cv2.resize(recorded, p.shape[::-1], interpolation=cv2.INTER_AREA)
            power[block_means(inside.astype(np.float32), side) < ALL_RECORDED] = np.inf
        blocks.append(power)
    return blocks, which[0]


def _channels(plane: Plane) -> list[Plane]:
    """Return the channels that are measured: a grey plane, or brightness and colour differences."""
    return [plane] if plane.ndim == 2 else list(cv2.split(opponent(plane)))


def noise_pairs(planes: int) -> list[int]:
    """Select up to four pairs of neighbouring planes, spread over the stack, to measure noise.

    Parameters
    ----------
    planes : int
        Number of planes, 2 at least.

    Returns
    -------
    list of int
        First plane of each pair; the pairs are the same in the reversed order.
    """
    last, third = planes - 2, (planes - 2) // 3
    return sorted({0, third, last - third, last})  # the same pairs if the order is reversed
