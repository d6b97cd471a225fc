"""One level of a fusion's pyramid: the band of the current plane, and the mean of all so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._utils.threads import ThreadTeam, row_bands
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.fusion.focus_measure import (
    NO_SCORE,
    UNRECORDED,
    energy_parts,
    power,
    score,
    selectivity,
    tail,
    windowed,
)
from napari_focus_stack.imgproc.alpha import alpha_weight
from napari_focus_stack.imgproc.colour import GREY
from napari_focus_stack.imgproc.pyramids import (
    Plane,
    expanded_window,
    reduce,
    reduced_shape,
    reduced_window,
    rows_above,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.fusion.focus_prior import PlanePrior
    from napari_focus_stack.imgproc.dtypes import Mask
    from napari_focus_stack.imgproc.noise import Noise

SHRINK_WINDOW = 1.5
"""Gaussian sigma over which the fused band's power is measured before it is shrunk."""
SHRINK_SIZE = 9
ALPHA = 3
"""Channel that holds alpha."""
LEAST_COVERAGE = 191
"""Part of a coarse pixel, out of 255, that must have been recorded for it to count."""
LARGEST_EXPONENT = 80.0
"""Exponent beyond which a plane has no weight: exp(80) is still finite in float32."""


class Level:
    """One level of the pyramid: the band of the current plane, and the mean of all so far.

    Parameters
    ----------
    level : int
        Number of the level, 0 for the finest.
    shape : tuple of int
        (y, x) of the level.
    channels : int
        Number of channels.
    noise : Noise
        Noise of one channel.
    colour : bool
        Whether planes are in colour.

    Attributes
    ----------
    smooth : list of numpy.ndarray
        (y, x) float32 channels of the current plane, from which the band is separated.
    above : list of numpy.ndarray
        (y, x) float32 channels of the level above.
    energy : numpy.ndarray
        (y, x) float32 energy of the current plane, at half the size in the finest level.
    full_energy : numpy.ndarray or None
        (y, x) float32 array for the energy of the finest level at its full size, where it is kept.
    scored : numpy.ndarray or None
        (y, x) float32 array for the score of the current plane, where it is kept.
    recorded : numpy.ndarray or None
        (y, x) uint8, 255 where the current plane recorded; None if it recorded everything.
    brightness : Brightness
        Gain and offset by which the current plane, and so its noise, was brought to the
        reference plane's brightness.
    opaque : float or None
        Value of an opaque pixel in the fourth channel; None if there is no such channel.
    averaged : float
        Sum over the pixels of the number of planes averaged in each, once the level is built.
    parts : list of slice
        Rows that are processed at a time.
    """

    def __init__(
        self, level: int, shape: tuple[int, int], channels: int, noise: Noise, colour: bool
    ) -> None:
        self.level, self.shape, self.parts = level, shape, row_bands(shape)
        self.smooth = _empty(shape, channels)
        self.above: list[Plane] = []
        self.recorded: Mask | None = None
        self.brightness = Brightness()
        self.opaque: float | None = None
        self.averaged = 0.0
        half = reduced_shape(shape)
        self.energy = np.empty(half if level == 0 else shape, np.float32)
        self.full_energy: Plane | None = None
        self.scored: Plane | None = None
        self._noise = noise
        self._colour = colour
        self._energy_channels = energy_parts(level, self._colour)
        self._means = [np.zeros(shape, np.float32) for _ in range(channels)]
        self._weight = np.empty(shape, np.float32)
        self._squares: NDArray[Any] = np.empty(shape, np.float32)
        self._power = np.empty(shape, np.float32)
        self._halved = np.empty(half, np.float32)
        self._wide = np.empty(0, np.float32)
        self._count = 0
        self._prior: PlanePrior | None = None

    def gather(self, rows: slice) -> None:
        """Square the bands of some rows.

        Parameters
        ----------
        rows : slice
            Rows of the level.
        """
        around = expanded_window(self.above[0], self.shape, rows)
        bands = [self.smooth[0][rows] - around]
        bands += [self._band(c, rows) for c in range(1, self._energy_channels)]
        out, own = self._power[rows], self._own_noise
        power(bands, around, self._noise, self.level, self._colour, out, own)

    def reduce(self, rows: slice) -> None:
        """Reduce the squared bands to some rows of the level above.

        Parameters
        ----------
        rows : slice
            Rows of the level above.
        """
        self._halved[rows] = reduced_window(self._power, rows)

    def prepare(self, count: int, prior: PlanePrior | None) -> None:
        """Prepare what all rows of the current plane share, before they are folded.

        Parameters
        ----------
        count : int
            Number of planes added before.
        prior : PlanePrior or None
            Prior of the current plane.
        """
        self._count, self._prior = count, prior
        self._wide = tail(self._halved)

    def fold(self, rows: slice) -> None:
        """Add some rows of the current plane to the mean.

        Parameters
        ----------
        rows : slice
            Rows of the level, starting at an even one.
        """
        energy = windowed(self._power, self._halved, self._wide, rows)
        outside = None if self.recorded is None else self.recorded[rows] < LEAST_COVERAGE
        if self._prior is None:
            scored = score(energy, selectivity(self.level))
        else:
            scored = self._prior.logarithm_of_weight(energy, self.level, rows)
        if self.brightness.gain != 1:  # equally sharp planes are weighted by their inverse variance
            scored -= np.float32(np.log(self._variance))
        if self.opaque is not None:
            scored += np.log(alpha_weight(self.smooth[ALPHA][rows], self.opaque))
        if self.scored is not None:
            self.scored[rows] = scored
        if outside is not None:
            energy[outside], scored[outside] = UNRECORDED, NO_SCORE
        self._keep_energy(energy, outside, rows)
        share = self._share(scored, rows)
        for c, mean in enumerate(self._means):
            _move(mean[rows], self._band(c, rows), share)

    def build(self, below: list[Plane], team: ThreadTeam) -> list[Plane]:
        """Add the shrunk mean to the fused level above, and free its memory.

        Parameters
        ----------
        below : list of numpy.ndarray
            (y, x) float32 channels of the fused level above.
        team : ThreadTeam
            Threads that share the work.

        Returns
        -------
        list of numpy.ndarray
            (y, x) float32 channels of the fused level.
        """

        def build(rows: slice) -> None:
            around = _around(rows, SHRINK_SIZE // 2, self.shape)
            inner = slice(rows.start - around.start, rows.stop - around.start)
            left = self._squared_shares(rows)
            counts.append(float(np.reciprocal(left).sum()))
            for c, mean in enumerate(self._means):
                fused = expanded_window(below[c], self.shape, rows)
                if c == 0:
                    bright = fused * np.float32(1 / GREY) if self._colour else fused
                    left *= self._noise.in_band(bright, self.level)
                kept = _kept(mean[around], inner, left * np.float32(ratios[c]))
                kept *= mean[rows]
                np.add(fused, kept, out=self.smooth[c][rows])

        counts: list[float] = []
        ratios = (*(self._noise.opponent_at(self.level) if self._colour else (1.0,)), 0.0)
        team.map(build, self.parts)
        self.averaged = sum(counts)
        self._means = []
        del self._weight, self._squares, self._power, self._halved, self._wide
        return self.smooth

    def _squared_shares(self, rows: slice) -> Plane:
        """Return the sums of squared shares of some rows, which may be overwritten."""
        found: Plane = self._squares[rows]
        return found

    def _band(self, channel: int, rows: slice) -> Plane:
        coarse = expanded_window(self.above[channel], self.shape, rows)
        band: Plane = np.subtract(self.smooth[channel][rows], coarse, out=coarse)
        return band

    def _keep_energy(self, energy: Plane, outside: NDArray[np.bool_] | None, rows: slice) -> None:
        if self.level > 0:
            self.energy[rows] = energy
            return
        if self.full_energy is not None:
            self.full_energy[rows] = energy
        half = self.energy[rows_above(rows)]
        half[:] = reduce(energy)
        if outside is not None:
            half[reduce(outside.astype(np.float32)) > 0] = UNRECORDED

    @property
    def _own_noise(self) -> Noise | None:
        """Noise of the current plane; None where it is that of all planes."""
        if self.brightness == Brightness():
            return None
        return self._noise.evened(self.brightness.gain, self.brightness.offset)

    @property
    def _variance(self) -> float:
        """Variance of the current plane's noise relative to that of the others."""
        return self._noise.variance_by(self.brightness.gain)

    def _share(self, scored: Plane, rows: slice) -> Plane:
        """Return the weight of the current plane relative to all so far, and add it to the sum."""
        weight, squares = self._weight[rows], self._squares[rows]
        if self._count == 0:
            weight[:], squares[:] = scored, self._variance
            return np.ones_like(scored)
        odds: Plane = weight - scored
        np.clip(odds, -LARGEST_EXPONENT, LARGEST_EXPONENT, out=odds)
        np.exp(odds, out=odds)
        odds += np.float32(1)
        total: Plane = cv2.log(odds)  # twice as fast as NumPy's
        total += scored
        np.maximum(weight, total, out=weight)
        share: Plane = np.reciprocal(odds, out=odds)
        kept = 1 - share
        squares *= np.square(kept, out=kept)
        np.square(share, out=kept)
        if self.brightness.gain != 1:
            kept *= np.float32(self._variance)
        squares += kept
        return share


class Residual:
    """The residual above the last level, without detail of its own.

    Its light is taken from the plane that is in focus in the level below.

    Parameters
    ----------
    shape : tuple of int
        (y, x) of the residual.
    channels : int
        Number of channels.

    Attributes
    ----------
    smooth : list of numpy.ndarray
        (y, x) float32 channels of the current plane.
    mean : list of numpy.ndarray
        (y, x) float32 mean of each channel.
    """

    def __init__(self, shape: tuple[int, int], channels: int) -> None:
        self.smooth = _empty(shape, channels)
        self.mean: list[Plane] = []
        self._weight = np.empty(shape, np.float32)

    def fold(self, scored: Plane, recorded: Mask | None, count: int) -> None:
        """Add the current plane to the mean.

        Parameters
        ----------
        scored : numpy.ndarray
            (y, x) float32 score of the level below.
        recorded : numpy.ndarray or None
            (y, x) uint8, 255 where the plane recorded; None if it recorded everything.
        count : int
            Number of planes added before.
        """
        scored = cv2.pyrDown(scored)
        if recorded is not None:
            scored[recorded < LEAST_COVERAGE] = NO_SCORE
        if count == 0:
            self._weight, self.mean = scored, [smooth.copy() for smooth in self.smooth]
            return
        odds = np.exp(np.clip(self._weight - scored, -LARGEST_EXPONENT, LARGEST_EXPONENT))
        share = 1 / (1 + odds)
        self._weight = np.maximum(self._weight, scored + np.log1p(odds))
        for mean, smooth in zip(self.mean, self.smooth, strict=True):
            mean += share * (smooth - mean)


def _empty(shape: tuple[int, int], channels: int) -> list[Plane]:
    return [np.empty(shape, np.float32) for _ in range(channels)]


def _move(mean: Plane, band: Plane, share: Plane) -> None:
    """Move a running mean towards a band by its share; equal values stay equal bit by bit."""
    band -= mean
    band *= share
    mean += band


def _kept(around: Plane, inner: slice, noise: Plane) -> Plane:
    """Return the part of a band that noise of this variance does not explain (Wiener)."""
    size = (SHRINK_SIZE, SHRINK_SIZE)
    power: Plane = cv2.GaussianBlur(np.square(around), size, SHRINK_WINDOW)[inner]
    kept = power - noise
    np.clip(kept, np.float32(0), np.float32(np.inf), out=kept)
    kept /= np.clip(power, np.finfo(np.float32).tiny, np.float32(np.inf))
    return kept


def _around(rows: slice, reach: int, shape: tuple[int, int]) -> slice:
    return slice(max(0, rows.start - reach), min(shape[0], rows.stop + reach))
