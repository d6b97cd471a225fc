"""Peaks of focus curves: the plane of most energy at each pixel, between planes, and its error.

Three values are enough for a parabola through log energy, which is the peak of a Gaussian focus
curve (Nayar and Nakagawa, "Shape from focus", PAMI 1994), so no stack is held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.fusion.focus_measure import score
from napari_focus_stack.imgproc.pyramids import expanded_window, reduced_shape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane

SURE_LEAD = 1.0
"""Lead over what noise alone would give, in the score's noise, that makes a peak credible."""
FLATTEST = 0.1
"""Least bend of the focus curve, in log energy over units of depth squared, that has a peak."""
BROADEST = 0.05
"""Bend down to which a broad peak is told from no peak at all."""
CLEAR_LEAD = 8.0
"""Lead over the other planes, in the score's noise, of a peak whose width can be measured."""
SHARP = 1.75
"""Width of a peak, in planes, up to which a plane is the unit of depth."""
FEWEST_WIDTHS = 24
"""Peaks whose widths have a median."""


@dataclass(frozen=True)
class PeakError:
    """How far a peak errs without any noise.

    Attributes
    ----------
    depth : float
        Units of depth, whatever the shape of the peak: what blurs in from beside.
    energy : float
        Relative error of an energy. The broader a peak is, the farther that moves it: the bright
        rims of refracting edges have peaks that hardly rise, planes away from the focus.
    """

    depth: float
    energy: float


class FocusPeak:
    """Keeps the best energy of each pixel with the energies of the planes before and after it.

    Parameters
    ----------
    shape : tuple of int
        Of the energies, (y, x).
    samples : float
        Independent samples behind an energy.
    error : PeakError
        What the peak errs by besides noise.
    weighed : bool
        Whether some planes' energies count less than others while the best is chosen.
    """

    def __init__(
        self, shape: tuple[int, ...], samples: float, error: PeakError, weighed: bool = False
    ) -> None:
        self._samples, self._error = samples, error
        self._best, self._before, self._after, self._last = (
            np.zeros(shape, np.float32) for _ in range(4)
        )
        self._chosen = np.zeros(shape, np.float32) if weighed else self._best
        self._scores = np.zeros(reduced_shape(shape), np.float32)
        self._index = np.zeros(shape, np.uint16)

    def add(self, energy: Plane, rows: slice, k: int, allowed: Plane | None = None) -> None:
        """Take in some rows of the energy of plane `k`; threads may take in others at a time.

        Parameters
        ----------
        energy : numpy.ndarray
            (rows, x) float32, negative where the plane recorded nothing.
        rows : slice
            Which rows; they start at an even one.
        k : int
            Number of the plane, ascending.
        allowed : numpy.ndarray, optional
            (rows, x) float32, 0 to 1: what the energy counts while the best is chosen. Given if
            energies are `weighed`.
        """
        best, before, after, last, index = (
            kept[rows] for kept in (self._best, self._before, self._after, self._last, self._index)
        )
        if k == 0:
            best[:] = energy
            self._chosen[rows] = energy if allowed is None else energy * allowed
        else:
            follows = np.equal(index, k - 1)
            cv2.copyTo(energy, follows.view(np.uint8), after)
            wanted = energy if allowed is None else np.where(energy < 0, energy, energy * allowed)
            chosen = self._chosen[rows]
            better = np.greater(wanted, chosen).view(np.uint8)
            cv2.copyTo(last, better, before)
            np.maximum(chosen, wanted, out=chosen)
            if allowed is not None:
                cv2.copyTo(energy, better, best)
            np.maximum(index, np.multiply(better, np.uint16(k)), out=index)
        last[:] = energy
        some = energy[::2, ::2]
        scored = score(some, self._samples)
        scored[some < 0] = 0
        scores = self._scores[rows.start // 2 : (rows.stop + 1) // 2]
        scores += scored

    def read(self, rows: slice, count: int, unit: float = 1.0) -> tuple[Plane, Plane]:
        """Depth of some rows, and its inverse variance, once all planes are in.

        Parameters
        ----------
        rows : slice
            Which rows.
        count : int
            Of planes.
        unit : float
            Unit of depth, in planes: see `depth_unit`.

        Returns
        -------
        depth, trust : numpy.ndarray
            (rows, x) float32, in units of depth.
        """
        samples, floor, finer = self._samples, self._floor(), 1 / unit**2
        index = self._index[rows]
        first, last = index == 0, index == count - 1
        energies = [kept[rows] for kept in (self._before, self._best, self._after)]
        energies[2][last] = 0  # what followed an earlier peak
        above = [np.maximum(e - 1, floor) for e in energies]
        before, best, after = (np.log(a) for a in above)
        bend = np.minimum(before - 2 * best + after, np.float32(-FLATTEST * finer))
        inside = ~(first | last)
        offset = np.clip(np.float32(0.5) * (before - after) / bend, -0.5, 0.5) * inside
        noise = _relative(energies[0], above[0], samples) + _relative(
            energies[2], above[2], samples
        )
        spread = noise / (4 * bend * bend)
        # at an end of the stack the other side is taken for the missing one
        np.copyto(before, after, where=first)
        np.copyto(after, before, where=last)
        bend = np.minimum(before - 2 * best + after, np.float32(-BROADEST * finer))
        rising = np.maximum(before, after) > best  # beyond the planes allowed: no peak
        bend[rising] = -BROADEST * finer
        # an error that grows over a unit of depth grows less from one plane to the next
        spread += np.float32(2 * self._error.energy**2 * finer) / (4 * bend * bend)
        spread = np.minimum(spread, np.float32(count**2 / 12)) * np.float32(finer)
        error = np.float32(self._error.depth**2) + spread
        scores = expanded_window(self._scores, self._best.shape, rows)
        lead = score(energies[1], samples) - scores / np.float32(count)
        by_chance = np.sqrt(2 * np.log(max(count, 2)))  # the best of `count` draws of noise
        beyond = np.maximum(lead - np.float32(by_chance), 0) / np.float32(SURE_LEAD)
        credible = 1 - np.exp(np.float32(-0.5) * np.square(beyond))
        # a plane that did not record this place may have been the sharper one
        credible[((energies[0] < 0) & ~first) | ((energies[2] < 0) & ~last)] = 0
        return (index + offset) / np.float32(unit), credible / error

    @property
    def best(self) -> Plane:
        """Energy of the best plane."""
        return self._best

    def beside(self, count: int) -> Plane:
        """The larger of the energies of the planes before and after it, of `count` planes."""
        return np.maximum(self._before, np.where(self._index < count - 1, self._after, 0))

    def widths(self, count: int, where: NDArray[np.bool_] | None = None, every: int = 4) -> Plane:
        """Widths (m,) of clear peaks within the stack, in planes: standard deviations of Gaussians.

        Parameters
        ----------
        count : int
            Of planes.
        where : numpy.ndarray, optional
            Bool, as large as the energies: peaks that count.
        every : int
            Even: so many rows and columns lie between those that are looked at.
        """
        some = np.s_[::every, ::every]
        inside = (self._index[some] > 0) & (self._index[some] < count - 1)
        if where is not None:
            inside &= where[some]
        before, best, after = (a[some][inside] for a in (self._before, self._best, self._after))
        scores = self._scores[:: every // 2, :: every // 2]
        rest = (scores[inside] - score(best, self._samples)) / np.float32(count - 1)
        lead = score(best, self._samples) - rest
        known = (lead > CLEAR_LEAD) & (before >= 0) & (after >= 0)
        floor = self._floor()
        before, best, after = (
            np.log(np.maximum(a[known] - 1, floor)) for a in (before, best, after)
        )
        bend: Plane = np.minimum(before - 2 * best + after, np.float32(-1e-3))
        return np.sqrt(-1 / bend)

    def _floor(self) -> np.float32:
        """Least energy above the noise that its logarithm may be taken of."""
        return np.float32(0.5 / np.sqrt(self._samples))


def depth_unit(widths: Iterable[Plane]) -> float:
    """Planes to a unit of depth: those over which fine detail stays sharp, at least one.

    What is asked of a surface in units does not change with the z step of a stack.

    Parameters
    ----------
    widths : iterable of numpy.ndarray
        Of the peaks of levels, the finest first; each level is twice as wide as the one before.
    """
    for level, width in enumerate(widths):
        if width.size >= FEWEST_WIDTHS:
            return max(1.0, float(np.median(width) / (SHARP * 2.0**level)))
    return 1.0


def _relative(energy: Plane, above: Plane, samples: float) -> Plane:
    """Relative variance of an energy's part above the noise."""
    variance = np.maximum(4 * energy - 2, np.float32(2)) / np.float32(samples)
    return variance / (above * above)
