"""One surface for all bands: where each region is in focus, and what planes may add to it.

Bands of a pyramid that choose their plane each for itself disagree: in optical sections coarse
bands take the edge of the lit zone for detail, and a rim of refracted light, which grows with the
distance from focus, outshines what is in focus at every scale. So regions are looked at first, in
all planes and levels together (`regional`, `regionalfocus`): their surface says what energies
count, per plane, and where they count for nothing beside it. Depths are in units that do not change
with the z step (`peaks.depth_unit`), and so are all figures here. Where no fine detail speaks,
nearby or of several surfaces, every band goes on speaking for itself.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack._utils.windows import corner_of, size_of
from napari_focus_stack.fusion.focus_measure import score, selectivity
from napari_focus_stack.imgproc.pyramids import Plane, grown_window, shapes_of

if TYPE_CHECKING:
    from napari_focus_stack._utils.windows import Window

TOLERANCE = 0.5
"""Depth from the surface, besides half of its error, up to which energies count in full."""
TOLERANCE_OF_DEPTH = 1.5
"""The same where the depth is looked for, which then refines the surface."""
LEAST_ENERGY = 1e-3
"""What energies count at least."""
SPREAD = 0.7
"""Depth around the surface that fine levels are averaged over where noise hides their own."""
ABSENT_SHARE = 3e-4
"""Of a plane that the surface does not lie in, in coarse levels."""
DEPTH_WEIGHT = 0.3
DEPTH_ERROR = 0.25
"""How far the surface counts beside a pixel's own depth, and its least variance there."""


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
            return grown_window(self._coarser[0], self._shapes[level:], rows)
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
            given = np.log(self._coarse.rows(level, rows) + np.float32(ABSENT_SHARE))
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
        return np.maximum(counting, np.float32(LEAST_ENERGY), out=counting)

    def _maps(self, regions: Plane) -> LevelMaps:
        return LevelMaps(regions, self._prior.shapes)
