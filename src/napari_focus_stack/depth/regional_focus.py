"""Surface of the regions of all planes: the depth where each is in focus, and further depths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.depth.peak_fitting import FocusPeak, PeakError
from napari_focus_stack.depth.peak_widths import depth_unit
from napari_focus_stack.fusion.focus_measure import score, selectivity
from napari_focus_stack.fusion.focus_prior import DepthRange, FocusPrior, Surface
from napari_focus_stack.fusion.regional_energy import FINE_LEVEL
from napari_focus_stack.imgproc.pyramids import expand
from napari_focus_stack.imgproc.smoothing import fill_from_trusted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_focus_stack.fusion.regional_energy import RegionalEnergy
    from napari_focus_stack.imgproc.pyramids import Plane

FINE_SAMPLES = 12.0
COARSE_SAMPLES = (60.0, 26.0, 12.0)
"""Independent samples in the energies of a region, level by level."""
REGION_ERRORS = (PeakError(0.05, 0.2), PeakError(0.05, 0.4), PeakError(0.05, 0.8))
"""Errors of the regions' peaks without noise. The coarser a level is, the less reliable its energy
is: with 0.2 on all, the surface of `rims.py faint` errs by 1.3 planes instead of 0.7."""
SMOOTHNESS = 1.0
"""Inverse variance of a region around the mean of its neighbourhood."""
INDEPENDENT = 4.0
"""Growth of the evidence with the area of a faint neighbourhood: errors of regions are independent.
Without it, a surface of little evidence is drawn towards the mean of the whole field."""
SLOPE = 0.25
"""Slope by which a surface may continue to rise or fall from one region to the next."""
STEEP = 0.1
"""Uncertainty of a region's depth, as a part of the range of depth around it."""
BESIDE = 7
"""Side, in fine regions, of the neighbourhood in which a region of another depth counts too."""
OTHER_DEPTH = 1.5
"""Distance from the surface beyond which a fine region has another depth."""
SURE_PRECISION = 6.0
"""Least inverse variance at which such a region counts."""
JUMP = 5.0
"""Range of the surface around a region that is a depth discontinuity and not a slope."""
AROUND = 9
FAINT = 0.1
"""Side, in fine regions, of the neighbourhood in which the strongest energy of the surface is
sought, and part of it below which energies at another depth are a rim."""
RIM = 0.3
"""Weight of energies at a depth that may be a rim's."""
FOUND_WITHIN = 4
"""Coarse regions within which the surface itself reaches a depth for that not to be a rim's."""
FOUND_APART = 1.25
"""Distance from the surface, in units of depth, at which it counts as reached."""
OWN_VOICE = 4.0
"""Squared lead, in the score's noise, of the best plane over the next at which a fine band's own
energies have half of the weight; under noise the surface is more reliable: 2 dB, gravel-hills."""
SEVERAL = (2.0, 4.0)
"""Ranges of depth at which coarse levels begin to rely on their own energies, and do so fully."""
UNKNOWN = (1.5, 3.0)
"""Errors of the surface with the same effect."""
SHOWS_ITSELF = 4.0
"""Inverse variance above which a region's own detail shows its depth."""


class RegionalFocus:
    """Estimator of the surface of regions, to which planes are added one by one.

    Parameters
    ----------
    like : RegionalEnergy
        Regional energy of any plane, for its shapes.
    """

    def __init__(self, like: RegionalEnergy) -> None:
        self._fine = FocusPeak(like.fine.shape, FINE_SAMPLES, REGION_ERRORS[0])
        self._coarse = [
            FocusPeak(root.shape, samples, error)
            for root, samples, error in zip(like.coarse, COARSE_SAMPLES, REGION_ERRORS, strict=True)
        ]
        self._steps = like.steps
        self._count = 0

    def add(self, fine: Plane, coarse: Iterable[Plane]) -> None:
        """Add the energies of the next plane, as returned by `RegionalEnergy.seen`.

        Parameters
        ----------
        fine : numpy.ndarray
            (y, x) float32 energy of the finest level.
        coarse : iterable of numpy.ndarray
            (y, x) float32 energies of all levels, at half the size.
        """
        self._fine.add(fine, slice(0, len(fine)), self._count)
        for peak, energy in zip(self._coarse, coarse, strict=True):
            peak.add(energy, slice(0, len(energy)), self._count)
        self._count += 1

    def prior(self, *, faint: bool = False) -> FocusPrior:
        """Return the prior for the fusion, once all planes are added.

        Parameters
        ----------
        faint : bool
            Whether the evidence of wide neighbourhoods adds up; see `stack_steps`.

        Returns
        -------
        FocusPrior
            The surface, further depths, and the weights of the levels' own energies.
        """
        shape = self._fine.best.shape
        unit = depth_unit(peak.sample(2).widths(self._count) for peak in self._coarse)
        surface = self._surface(unit, INDEPENDENT if faint else 1.0)
        range_ = self._other_depths(surface, unit)
        leads = [self._lead(level, shape) for level in range(2)]
        several = _ramp(range_.high - range_.low, SEVERAL) * _ramp(range_.share, (RIM, 1.0))
        alone = np.maximum(several, _ramp(surface.error, UNKNOWN))
        own = tuple(np.maximum(lead / (lead + np.float32(OWN_VOICE)), alone) for lead in leads)
        return FocusPrior(unit, surface, range_, several, own, alone, FINE_LEVEL + self._steps)

    def _surface(self, unit: float, growth: float) -> Surface:
        rows = slice(0, len(self._coarse[0].best))
        readings = [peak.read(rows, self._count, unit) for peak in self._coarse]
        trust = np.sum([trust for _, trust in readings], axis=0)
        total = np.sum([depth * trust for depth, trust in readings], axis=0)
        known = total / np.maximum(trust, np.float32(1e-9))
        depth = fill_from_trusted(known, trust, SMOOTHNESS, growth)
        variance = 1 / np.maximum(trust, np.float32(1e-6))
        for reach in (1, 2, 4, 8, 16):
            nearby = np.maximum(cv2.GaussianBlur(trust, (0, 0), reach), np.float32(1e-6))
            np.minimum(variance, 1 / nearby + np.float32((SLOPE * reach) ** 2), out=variance)
        low, high = _range_around(depth, 3)
        variance += np.square(np.float32(STEEP) * (high - low))
        shape = self._fine.best.shape
        jumps = high - low > JUMP
        return Surface(
            expand(depth, shape),
            np.sqrt(np.maximum(expand(variance, shape), 0)),
            expand(high - low, shape),
            _repeated(np.where(trust > SHOWS_ITSELF, depth, np.float32(np.inf)), shape),
            _repeated(np.where(jumps, low, np.float32(np.inf)), shape),
            _repeated(np.where(jumps, high, np.float32(-np.inf)), shape),
        )

    def _other_depths(self, surface: Surface, unit: float) -> DepthRange:
        """Find depths of fine regions apart from the surface: through gaps, beside edges."""
        depth, trust = self._fine.read(slice(0, len(self._fine.best)), self._count, unit)
        sure = trust >= SURE_PRECISION
        other = sure & (np.abs(depth - surface.depth) > OTHER_DEPTH)
        energy = np.maximum(self._fine.best - 1, np.float32(1e-3))
        strongest = cv2.dilate(np.where(sure & ~other, energy, np.float32(1e-3)), _square(AROUND))
        share = np.clip(energy / (strongest * np.float32(FAINT)), np.float32(RIM), 1)
        share[_lies_around(surface.sure_depth, depth, 2 * FOUND_WITHIN)] = 1
        beside = _square(BESIDE)
        high = cv2.dilate(np.where(other, depth, np.float32(-np.inf)), beside)
        low = cv2.erode(np.where(other, depth, np.float32(np.inf)), beside)
        share = cv2.dilate(np.where(other, share, np.float32(0)), beside)
        share[np.isfinite(surface.low)] = 1
        return DepthRange(
            np.minimum(np.minimum(low, surface.low), surface.depth),
            np.maximum(np.maximum(high, surface.high), surface.depth),
            share,
        )

    def _lead(self, level: int, shape: tuple[int, ...]) -> Plane:
        """Return the squared lead of the best plane over adjacent ones in the score of a level."""
        peak, samples = self._coarse[level], selectivity(level)
        lead = score(peak.best, samples) - score(peak.beside(self._count), samples)
        return np.square(np.maximum(expand(lead, shape), 0))


def _ramp(value: Plane, ends: tuple[float, float]) -> Plane:
    low, high = ends
    ramp: Plane = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    return ramp


def _square(side: int) -> NDArray[np.uint8]:
    return np.ones((side, side), np.uint8)


def _range_around(depth: Plane, side: int) -> tuple[Plane, Plane]:
    return cv2.erode(depth, _square(side)), cv2.dilate(depth, _square(side))


def _repeated(coarse: Plane, shape: tuple[int, ...]) -> Plane:
    return coarse.repeat(2, axis=0).repeat(2, axis=1)[: shape[0], : shape[1]]


def _lies_around(sure: Plane, depth: Plane, reach: int) -> NDArray[np.bool_]:
    """Return whether the surface has a region's depth within `reach` fine regions.

    The surface is known for coarse regions of two fine ones a side, so every other place suffices.
    """
    padded = cv2.copyMakeBorder(
        sure, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=float("inf")
    )
    found = np.zeros(depth.shape, np.bool_)
    for top in range(0, 2 * reach + 1, 2):
        for left in range(0, 2 * reach + 1, 2):
            there = padded[top : top + depth.shape[0], left : left + depth.shape[1]]
            found |= np.abs(there - depth) < FOUND_APART
    return found
