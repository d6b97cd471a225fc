"""One surface for all bands: where each region is in focus, and what planes may add to it.

Bands of a pyramid that choose their plane each for itself disagree: in optical sections coarse
bands take the edge of the lit zone for detail, and a rim of refracted light, which grows with the
distance from focus, outshines what is in focus at every scale. So regions are looked at first, in
all planes and levels together (see `regional`): their surface says what energies count, per plane,
and where they count for nothing beside it. Depths are in units that do not change with the z step
(`peaks.depth_unit`), and so are all figures here. Where no fine detail speaks, nearby or of several
surfaces, every band goes on speaking for itself.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.bands import Plane, grown_part, shapes_of
from napari_focus_stack.focus import score, selectivity
from napari_focus_stack.peaks import FocusPeak, PeakError, depth_unit
from napari_focus_stack.regional import FINE_LEVEL
from napari_focus_stack.smoothing import fill_from_trusted
from napari_focus_stack.transforms import corner_of, size_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_focus_stack.regional import RegionalEnergy
    from napari_focus_stack.transforms import Window

FINE_SAMPLES = 12.0
COARSE_SAMPLES = (60.0, 26.0, 12.0)
"""Independent samples behind the energies of a region, level by level."""
ERRORS = (PeakError(0.05, 0.2), PeakError(0.05, 0.4), PeakError(0.05, 0.8))
"""By which regions' peaks err without noise. The coarser a level is, the less its energy can be
trusted: with 0.2 on all, the surface of `rims.py faint` errs by 1.3 planes instead of 0.7."""
SMOOTHNESS = 1.0
"""Inverse variance of a region around the mean of its neighbourhood."""
SLOPE = 0.25
"""How much a surface may go on to rise or fall from one region to the next."""
STEEP = 0.1
"""Part of the range of depth around a region that its own depth is uncertain by."""
BESIDE = 7
"""Fine regions a side around one of another depth in which that depth counts too."""
APART = 1.5
"""Depth from which on a fine region is of another depth than the surface."""
SURE = 6.0
"""Inverse variance from which on such a region counts."""
JUMP = 5.0
"""Range of the surface around a region that is a jump and no slope."""
AROUND = 9
FAINT = 0.1
"""Of the strongest energies of the surface among so many fine regions a side: fainter ones of
another depth are a rim."""
RIM = 0.3
"""What energies count at a depth that may be a rim's."""
FOUND_WITHIN = 4
"""Regions within which the surface itself lies at a depth that is no rim's then."""
FOUND_APART = 1.25
TOLERANCE = 0.5
"""Depth from the surface, besides half of its error, up to which energies count in full."""
TOLERANCE_OF_DEPTH = 1.5
"""The same where the depth is looked for, which then refines the surface."""
NOTHING = 1e-3
"""What energies count at least."""
OWN_VOICE = 4.0
"""Lead, in the score's noise squared, of the surface's plane over the next at which a fine level's
own energies count half; under noise the surface knows better (2 dB on `gravel-hills-noisy`)."""
SPREAD = 0.7
"""Depth around the surface that fine levels are averaged over where noise hides their own."""
SEVERAL = (2.0, 4.0)
"""Ranges of depth from which on coarse levels begin to be, and are on their own."""
UNKNOWN = (1.5, 3.0)
"""Error of the surface of which the same holds."""
LEAST_SHARE = 3e-4
"""Of a plane that the surface does not lie in, in coarse levels."""
DEPTH_WEIGHT = 0.3
DEPTH_ERROR = 0.25
"""How far the surface counts beside a pixel's own depth, and its least variance there."""


class RegionalFocus:
    """Finds the surface, plane by plane.

    Parameters
    ----------
    like : RegionalEnergy
        Of any plane.
    """

    def __init__(self, like: RegionalEnergy) -> None:
        self._fine = FocusPeak(like.fine.shape, FINE_SAMPLES, ERRORS[0])
        self._coarse = [
            FocusPeak(root.shape, samples, error)
            for root, samples, error in zip(like.coarse, COARSE_SAMPLES, ERRORS, strict=True)
        ]
        self._steps = like.steps
        self._count = 0

    def add(self, fine: Plane, coarse: Iterable[Plane]) -> None:
        """Take in the next plane's energies, as `RegionalEnergy.seen` gives them."""
        self._fine.add(fine, slice(0, len(fine)), self._count)
        for peak, energy in zip(self._coarse, coarse, strict=True):
            peak.add(energy, slice(0, len(energy)), self._count)
        self._count += 1

    def prior(self) -> FocusPrior:
        """What the surface says of every plane, once all are in."""
        shape = self._fine.best.shape
        unit = depth_unit(peak.widths(self._count, every=2) for peak in self._coarse)
        surface = self._surface(unit)
        range_ = self._other_depths(surface, unit)
        leads = [self._lead(level, shape) for level in range(2)]
        several = _ramp(range_.high - range_.low, SEVERAL) * _ramp(range_.share, (RIM, 1.0))
        alone = np.maximum(several, _ramp(surface.error, UNKNOWN))
        own = tuple(np.maximum(lead / (lead + np.float32(OWN_VOICE)), alone) for lead in leads)
        return FocusPrior(unit, surface, range_, several, own, alone, FINE_LEVEL + self._steps)

    def _surface(self, unit: float) -> Surface:
        rows = slice(0, len(self._coarse[0].best))
        readings = [peak.read(rows, self._count, unit) for peak in self._coarse]
        trust = np.sum([trust for _, trust in readings], axis=0)
        total = np.sum([depth * trust for depth, trust in readings], axis=0)
        known = total / np.maximum(trust, np.float32(1e-9))
        depth = fill_from_trusted(known, trust, SMOOTHNESS)
        variance = 1 / np.maximum(trust, np.float32(1e-6))
        for reach in (1, 2, 4, 8, 16):
            nearby = np.maximum(cv2.GaussianBlur(trust, (0, 0), reach), np.float32(1e-6))
            np.minimum(variance, 1 / nearby + np.float32((SLOPE * reach) ** 2), out=variance)
        low, high = _range_around(depth, 3)
        variance += np.square(np.float32(STEEP) * (high - low))
        shape = self._fine.best.shape
        jumps = high - low > JUMP
        return Surface(
            _doubled(depth, shape),
            np.sqrt(np.maximum(_doubled(variance, shape), 0)),
            _doubled(high - low, shape),
            _repeated(np.where(trust > 1 / DEPTH_ERROR, depth, np.float32(np.inf)), shape),
            _repeated(np.where(jumps, low, np.float32(np.inf)), shape),
            _repeated(np.where(jumps, high, np.float32(-np.inf)), shape),
        )

    def _other_depths(self, surface: Surface, unit: float) -> DepthRange:
        """Depths that fine regions have apart from the surface: through gaps, beside edges."""
        depth, trust = self._fine.read(slice(0, len(self._fine.best)), self._count, unit)
        sure = trust >= SURE
        other = sure & (np.abs(depth - surface.depth) > APART)
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
        """Lead, squared, of the best plane over those beside it in the score of a level."""
        peak, samples = self._coarse[level], selectivity(level)
        lead = score(peak.best, samples) - score(peak.beside(self._count), samples)
        return np.square(np.maximum(_doubled(lead, shape), 0))


@dataclass(frozen=True)
class Surface:
    """Depth of each fine region, all (y, x) float32.

    Attributes
    ----------
    depth, error : numpy.ndarray
        In units of depth, as the others.
    rise : numpy.ndarray
        Range of the depth around the region.
    sure_depth : numpy.ndarray
        The depth where the region shows it itself; else infinite.
    low, high : numpy.ndarray
        Depths between which the surface jumps beside the region; infinite where it does not.
    """

    depth: Plane
    error: Plane
    rise: Plane
    sure_depth: Plane
    low: Plane
    high: Plane


@dataclass(frozen=True)
class DepthRange:
    """Depths that a region may have besides the surface's, all (y, x) float32.

    Attributes
    ----------
    low, high : numpy.ndarray
        In units of depth; the surface's own where there are none.
    share : numpy.ndarray
        What energies count there.
    """

    low: Plane
    high: Plane
    share: Plane


@dataclass(frozen=True)
class FocusPrior:
    """What the surface says of every plane.

    Attributes
    ----------
    unit : float
        Planes to a unit of depth.
    surface : Surface
        Where each region is in focus.
    others : DepthRange
        Where else it may be.
    several : numpy.ndarray
        (y, x) float32, 0 to 1: how far apart these are, as far as they are no rims.
    own : tuple of numpy.ndarray
        (y, x) float32, 0 to 1: how far the finest levels' own energies count, level by level.
    alone : numpy.ndarray
        (y, x) float32, 0 to 1: how far coarse levels are on their own.
    level : int
        Of the pyramid, that has as many pixels as there are regions.
    """

    unit: float
    surface: Surface
    others: DepthRange
    several: Plane
    own: tuple[Plane, ...]
    alone: Plane
    level: int

    def within(self, window: Window) -> WindowPrior:
        """The same for a part of the field, whose corner is a multiple of a region's side."""
        return WindowPrior(self, window)


class WindowPrior:
    """What the surface says of every plane in a part of the field, at all levels of a pyramid.

    Parameters
    ----------
    prior : FocusPrior
        Of the whole field.
    window : tuple of slice
        Rows and columns of the reference plane.
    """

    def __init__(self, prior: FocusPrior, window: Window) -> None:
        self.shapes = shapes_of(size_of(window), prior.level)
        self.top = prior.level
        (y, x), side = corner_of(window), 2**prior.level
        height, width = self.shapes[-1]
        here = np.s_[y // side : y // side + height, x // side : x // side + width]
        surface, self.unit = prior.surface, prior.unit
        self.depth, self.error = surface.depth[here], surface.error[here]
        self._rise = surface.rise[here]
        others = prior.others
        self.low, self.high, self.share = (
            found[here] for found in (others.low, others.high, others.share)
        )
        self._several = prior.several[here]
        self.own = [LevelMaps(own[here], self.shapes) for own in prior.own]
        self.alone = LevelMaps(prior.alone[here], self.shapes)

    def of(self, k: int) -> PlanePrior:
        """What it says of the plane in place `k` of the order of focus."""
        return PlanePrior(self, k)

    def half_size(self) -> tuple[Plane, Plane]:
        """Depth of the surface at half the size, and its inverse variance beside a pixel's own."""
        weight = np.float32(DEPTH_WEIGHT) * (1 - self._several)
        weight /= np.square(self.error) + np.square(self._rise / 2) + np.float32(DEPTH_ERROR)
        rows = slice(0, self.shapes[1][0])
        depth, weight = (
            LevelMaps(found, self.shapes).rows(1, rows) for found in (self.depth, weight)
        )
        return depth, weight


class LevelMaps:
    """A map of regions at the size of any level, some rows at a time.

    Parameters
    ----------
    regions : numpy.ndarray
        (y, x) float32.
    shapes : list of tuple of int
        Of all levels, from the finest one on up to that of the map.
    """

    def __init__(self, regions: Plane, shapes: list[tuple[int, int]]) -> None:
        self._shapes = shapes
        self._coarser = [regions]
        self._lock = threading.Lock()

    def rows(self, level: int, rows: slice) -> Plane:
        """Some rows of a level."""
        above = level - (len(self._shapes) - 1)
        if above < 0:
            return grown_part(self._coarser[0], self._shapes[level:], rows)
        with self._lock:
            while len(self._coarser) <= above:
                self._coarser.append(cv2.pyrDown(self._coarser[-1]))
        return self._coarser[above][rows]


class PlanePrior:
    """What the surface says of one plane, level by level.

    Parameters
    ----------
    prior : WindowPrior
        Of all planes.
    k : int
        Place of the plane in the order of focus.
    """

    def __init__(self, prior: WindowPrior, k: int) -> None:
        self._prior = prior
        depth = np.float32(k / prior.unit)
        apart = np.abs(depth - prior.depth)
        outside = np.maximum(depth - prior.high, prior.low - depth)
        self._energies, self._depths = (
            self._maps(self._counting(apart, outside, tolerance))
            for tolerance in (TOLERANCE, TOLERANCE_OF_DEPTH)
        )
        variance = np.float32(SPREAD**2) + np.square(prior.error)
        self._fine = self._maps(np.float32(-0.5) * np.square(apart) / variance)
        # the planes beside it, whatever the unit: light may live in a plane or two
        self._coarse = self._maps(np.maximum(1 - np.float32(prior.unit) * apart, 0))

    def logarithm_of_weight(self, energy: Plane, level: int, rows: slice) -> Plane:
        """Logarithm of the plane's weight in some rows of a level, by their energy (rows, x)."""
        own = score(energy * self._energies.rows(level, rows), selectivity(level))
        if level < len(self._prior.own):
            share, given = self._prior.own[level].rows(level, rows), self._fine.rows(level, rows)
        else:
            share = self._prior.alone.rows(level, rows)
            given = np.log(self._coarse.rows(level, rows) + np.float32(LEAST_SHARE))
        own -= given
        own *= share
        own += given
        return own

    def counting_for_depth(self, level: int, rows: slice) -> Plane:
        """What energies of some rows of a level count where the depth is looked for."""
        return self._depths.rows(level, rows)

    def _counting(self, apart: Plane, outside: Plane, tolerance: float) -> Plane:
        """What energies count, by how far the plane lies from the surface."""
        reach = np.float32(tolerance) + self._prior.error / 2
        near, inside = (np.exp(-np.square(np.maximum(a - reach, 0))) for a in (apart, outside))
        counting: Plane = np.maximum(near, self._prior.share * inside)
        return np.maximum(counting, np.float32(NOTHING), out=counting)

    def _maps(self, regions: Plane) -> LevelMaps:
        return LevelMaps(regions, self._prior.shapes)


def _ramp(value: Plane, ends: tuple[float, float]) -> Plane:
    low, high = ends
    ramp: Plane = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    return ramp


def _square(side: int) -> NDArray[np.uint8]:
    return np.ones((side, side), np.uint8)


def _range_around(depth: Plane, side: int) -> tuple[Plane, Plane]:
    return cv2.erode(depth, _square(side)), cv2.dilate(depth, _square(side))


def _doubled(coarse: Plane, shape: tuple[int, ...]) -> Plane:
    fine: Plane = cv2.pyrUp(coarse, dstsize=shape[1::-1])
    return fine


def _repeated(coarse: Plane, shape: tuple[int, ...]) -> Plane:
    return coarse.repeat(2, axis=0).repeat(2, axis=1)[: shape[0], : shape[1]]


def _lies_around(sure: Plane, depth: Plane, reach: int) -> NDArray[np.bool_]:
    """Whether the surface lies at a region's depth within so many regions."""
    padded = cv2.copyMakeBorder(
        sure, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=float("inf")
    )
    found = np.zeros(depth.shape, np.bool_)
    for top in range(0, 2 * reach + 1, 2):
        for left in range(0, 2 * reach + 1, 2):
            there = padded[top : top + depth.shape[0], left : left + depth.shape[1]]
            found |= np.abs(there - depth) < FOUND_APART
    return found
