"""Peaks of focus curves: the depth of most energy at each pixel, between planes, and its error.

Three values suffice for a parabola through log energy, which is the peak of a Gaussian focus curve
(Nayar and Nakagawa, "Shape from focus", PAMI 1994), so the stack is not held in memory.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack._compiled.library import address, library
from napari_focus_stack.depth.peak_widths import PeakSample, least_energy
from napari_focus_stack.fusion.focus_measure import ENERGY_FLOOR, score
from napari_focus_stack.imgproc.pyramids import expanded_window, reduced_shape

if TYPE_CHECKING:
    from napari_focus_stack.imgproc.pyramids import Plane

SURE_LEAD = 1.0
"""Lead over that expected from noise alone, in the score's noise, that makes a peak credible."""
FLATTEST = 0.1
"""Least curvature of a peak, in log energy over squared units of depth, for the interpolation."""
BROADEST = 0.05
"""Curvature down to which a broad peak is distinguished from no peak at all."""


@dataclass(frozen=True)
class PeakError:
    """Error of a peak without any noise.

    Attributes
    ----------
    depth : float
        Error in units of depth for any shape of the peak, from light that blurs in.
    energy : float
        Relative error of an energy. The broader a peak is, the farther this moves it: the bright
        rims of refracting edges have peaks that hardly rise, planes away from the focus.
    """

    depth: float
    energy: float


class _Peaks(ctypes.Structure):
    _fields_ = (
        *(
            (name, ctypes.c_void_p)
            for name in ("best", "before", "after", "last", "chosen", "index", "scores")
        ),
        ("samples", ctypes.c_float),
        ("floor", ctypes.c_float),
    )


class FocusPeak:
    """The best energy of each pixel, with the energies of the planes before and after it.

    Parameters
    ----------
    shape : tuple of int
        (y, x) of the energies.
    samples : float
        Number of independent samples in an energy.
    error : PeakError
        Error of the peak in addition to noise.
    weighed : bool
        Whether energies are weighted, plane by plane, in the choice of the best.

    References
    ----------
    .. [1] S. K. Nayar and Y. Nakagawa, "Shape from focus", IEEE PAMI 16, 1994,
       https://doi.org/10.1109/34.308479
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
        """Add some rows of the energy of a plane; threads may add other rows at the same time.

        Parameters
        ----------
        energy : numpy.ndarray
            (rows, x) float32, negative where the plane recorded nothing.
        rows : slice
            Rows of the energy, starting at an even one.
        k : int
            Number of the plane, ascending.
        allowed : numpy.ndarray, optional
            (rows, x) float32, 0 to 1: weight of the energy in the choice of the best. Required if
            energies are `weighed`.
        """
        kernels = library()
        if kernels is not None:
            self._add_compiled(kernels, energy, rows, k, allowed)
            return
        best, before, after, last, index = (
            kept[rows] for kept in (self._best, self._before, self._after, self._last, self._index)
        )
        if k == 0:
            best[:] = energy
            self._chosen[rows] = energy if allowed is None else energy * allowed
        else:
            follows = np.equal(index, k - 1)
            cv2.copyTo(energy, follows.view(np.uint8), after)
            weighed = energy if allowed is None else np.where(energy < 0, energy, energy * allowed)
            chosen = self._chosen[rows]
            better = np.greater(weighed, chosen).view(np.uint8)
            cv2.copyTo(last, better, before)
            np.maximum(chosen, weighed, out=chosen)
            if allowed is not None:
                cv2.copyTo(energy, better, best)
            np.maximum(index, np.multiply(better, np.uint16(k)), out=index)
        last[:] = energy
        some = energy[::2, ::2]
        scored = score(some, self._samples)
        scored[some < 0] = 0
        scores = self._scores[rows.start // 2 : (rows.stop + 1) // 2]
        scores += scored

    def _add_compiled(
        self, kernels: ctypes.CDLL, energy: Plane, rows: slice, k: int, allowed: Plane | None
    ) -> None:
        """Add some rows by a compiled kernel (`peaks.c`)."""
        if allowed is None and self._chosen is not self._best:
            raise TypeError("weighed energies need their weights")
        energy = np.ascontiguousarray(energy)
        weights = None if allowed is None else np.ascontiguousarray(allowed)
        kept = (self._best, self._before, self._after, self._last)
        state = _Peaks(
            *(address(a) for a in kept),
            None if self._chosen is self._best else address(self._chosen),
            address(self._index),
            address(self._scores),
            self._samples,
            ENERGY_FLOOR,
        )
        kernels.add_to_peaks(
            ctypes.byref(state),
            *(ctypes.c_int64(n) for n in (rows.start, rows.stop, energy.shape[1])),
            ctypes.c_void_p(address(energy)),
            ctypes.c_void_p(address(weights)),
            ctypes.c_int32(k),
        )

    def read(self, rows: slice, count: int, unit: float = 1.0) -> tuple[Plane, Plane]:
        """Return the depth of some rows and its inverse variance, once all planes are added.

        Parameters
        ----------
        rows : slice
            Rows of the energy, starting at an even one.
        count : int
            Number of planes.
        unit : float
            Unit of depth, in planes; see `depth_unit`.

        Returns
        -------
        depth : numpy.ndarray
            (rows, x) float32, in units of depth.
        trust : numpy.ndarray
            (rows, x) float32 inverse variance, in units of depth.
        """
        samples, floor, finer = self._samples, least_energy(self._samples), 1 / unit**2
        index = self._index[rows]
        first, last = index == 0, index == count - 1
        energies = [kept[rows] for kept in (self._before, self._best, self._after)]
        energies[2][last] = 0  # left from an earlier peak
        above = [np.maximum(e - 1, floor) for e in energies]
        before, best, after = (np.log(a) for a in above)
        bend = np.minimum(before - 2 * best + after, np.float32(-FLATTEST * finer))
        inside = ~(first | last)
        offset = np.clip(np.float32(0.5) * (before - after) / bend, -0.5, 0.5) * inside
        noise = _relative(energies[0], above[0], samples) + _relative(
            energies[2], above[2], samples
        )
        spread = noise / (4 * bend * bend)
        # at an end of the stack the other side replaces the missing one
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
        """Energy of the best plane, (y, x) float32."""
        return self._best

    def beside(self, count: int) -> Plane:
        """Return the larger energy of the planes before and after the best one.

        Parameters
        ----------
        count : int
            Number of planes.

        Returns
        -------
        numpy.ndarray
            (y, x) float32.
        """
        return np.maximum(self._before, np.where(self._index < count - 1, self._after, 0))

    def sample(self, every: int) -> PeakSample:
        """Return the peaks at some pixels, for their widths.

        Parameters
        ----------
        every : int
            Step between the rows and columns that are sampled; even.

        Returns
        -------
        PeakSample
            Copies of the values there.
        """
        kept = (self._before, self._best, self._after)
        before, best, after = (a[::every, ::every].copy() for a in kept)
        index = self._index[::every, ::every].copy()
        scores = self._scores[:: every // 2, :: every // 2].copy()
        return PeakSample(before, best, after, index, scores, self._samples)


def _relative(energy: Plane, above: Plane, samples: float) -> Plane:
    """Return the relative variance of the part of an energy above the noise."""
    variance = np.maximum(4 * energy - 2, np.float32(2)) / np.float32(samples)
    return variance / (above * above)
