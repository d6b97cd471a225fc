"""Focus prior: one surface for all bands, and the weight of every plane's energies around it.

Bands of a pyramid that each select their own plane disagree: in optical sections coarse bands
mistake the edge of the lit zone for detail, and a rim of refracted light, which grows with the
distance from focus, outshines the detail in focus at every scale. The depth of regions is therefore
estimated first, from all planes and levels together (`fusion.regional_energy`,
`depth.regional_focus`): their surface determines how much energies count in each plane. Depths are
in units that do not change with the z step (`depth.peak_fitting.depth_unit`), and so are all
figures here. Where no fine detail exists nearby, or detail of several surfaces, every band selects
its own plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._utils.windows import corner_of, size_of
from napari_focus_stack.fusion.focus_measure import score, selectivity
from napari_focus_stack.fusion.level_maps import LevelMaps
from napari_focus_stack.imgproc.pyramids import Plane, shapes_of

if TYPE_CHECKING:
    from napari_focus_stack._utils.windows import Window

TOLERANCE = 0.5
"""Distance from the surface, in addition to half of its error, up to which energies count fully."""
TOLERANCE_OF_DEPTH = 1.5
"""The same distance for the depth estimate, which then refines the surface."""
LEAST_ENERGY = 1e-3
"""Least factor by which energies are weighted."""
SPREAD = 0.7
"""Depth around the surface over which fine levels are averaged where noise hides their own peak."""
ABSENT_SHARE = 3e-4
"""Weight, in coarse levels, of a plane that does not contain the surface."""
DEPTH_WEIGHT = 0.3
DEPTH_ERROR = 0.25
"""Weight of the surface relative to a pixel's own depth, and its least variance there."""


@dataclass(frozen=True)
class Surface:
    """Depth of each fine region.

    Attributes
    ----------
    depth, error : numpy.ndarray
        (y, x) float32 depth and its standard error, in units of depth, as all others.
    rise : numpy.ndarray
        (y, x) float32 range of the depth around the region.
    sure_depth : numpy.ndarray
        (y, x) float32 depth where the region's own detail shows it; else infinite.
    low, high : numpy.ndarray
        (y, x) float32 depths on both sides of a depth discontinuity beside the region; infinite
        where there is none.
    """

    depth: Plane
    error: Plane
    rise: Plane
    sure_depth: Plane
    low: Plane
    high: Plane


@dataclass(frozen=True)
class DepthRange:
    """Depths that a region may have in addition to that of the surface.

    Attributes
    ----------
    low, high : numpy.ndarray
        (y, x) float32, in units of depth; those of the surface where there are no others.
    share : numpy.ndarray
        (y, x) float32 factor by which energies are weighted there.
    """

    low: Plane
    high: Plane
    share: Plane


@dataclass(frozen=True)
class FocusPrior:
    """Prior for the depth of every region, from which planes are weighted.

    Attributes
    ----------
    unit : float
        Planes to a unit of depth.
    surface : Surface
        Depth at which each region is in focus.
    others : DepthRange
        Further depths at which it may be in focus.
    several : numpy.ndarray
        (y, x) float32, 0 to 1: how clearly a region has several depths that are not rims.
    own : tuple of numpy.ndarray
        (y, x) float32, 0 to 1, for each of the finest levels: weight of the level's own energies.
    alone : numpy.ndarray
        (y, x) float32, 0 to 1: weight of the own energies of coarse levels.
    level : int
        Level of the pyramid with as many pixels as there are regions.
    """

    unit: float
    surface: Surface
    others: DepthRange
    several: Plane
    own: tuple[Plane, ...]
    alone: Plane
    level: int

    def within(self, window: Window) -> WindowPrior:
        """Restrict the prior to a part of the field.

        Parameters
        ----------
        window : tuple of slice
            Rows and columns of the reference plane; its corner is a multiple of a region's side.

        Returns
        -------
        WindowPrior
            Prior of the part.
        """
        return WindowPrior(self, window)


class WindowPrior:
    """Prior for every plane in a part of the field, at all levels of a pyramid.

    Parameters
    ----------
    prior : FocusPrior
        Prior of the whole field.
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
        """Return the prior of one plane.

        Parameters
        ----------
        k : int
            Place of the plane in the order of focus.

        Returns
        -------
        PlanePrior
            Weights of the plane.
        """
        return PlanePrior(self, k)

    def half_size(self) -> tuple[Plane, Plane]:
        """Return the surface at half the size of the planes.

        Returns
        -------
        depth : numpy.ndarray
            (y, x) float32 in units of depth.
        weight : numpy.ndarray
            (y, x) float32 inverse variance relative to a pixel's own depth.
        """
        weight = np.float32(DEPTH_WEIGHT) * (1 - self._several)
        weight /= np.square(self.error) + np.square(self._rise / 2) + np.float32(DEPTH_ERROR)
        rows = slice(0, self.shapes[1][0])
        depth, weight = (
            LevelMaps(found, self.shapes).rows(1, rows) for found in (self.depth, weight)
        )
        return depth, weight


class PlanePrior:
    """Prior weights of one plane, level by level.

    Parameters
    ----------
    prior : WindowPrior
        Prior of all planes.
    k : int
        Place of the plane in the order of focus.
    """

    def __init__(self, prior: WindowPrior, k: int) -> None:
        self._prior = prior
        depth = np.float32(k / prior.unit)
        apart = np.abs(depth - prior.depth)
        outside = np.maximum(depth - prior.high, prior.low - depth)
        self._energies, self._depths = (
            self._maps(self._weights(apart, outside, tolerance))
            for tolerance in (TOLERANCE, TOLERANCE_OF_DEPTH)
        )
        variance = np.float32(SPREAD**2) + np.square(prior.error)
        self._fine = self._maps(np.float32(-0.5) * np.square(apart) / variance)
        # adjacent planes count whatever the unit: light may be in one plane or two
        self._coarse = self._maps(np.maximum(1 - np.float32(prior.unit) * apart, 0))

    def logarithm_of_weight(self, energy: Plane, level: int, rows: slice) -> Plane:
        """Compute the logarithm of the plane's weight in some rows of a level.

        Parameters
        ----------
        energy : numpy.ndarray
            (rows, x) float32 energy of the plane.
        level : int
            Level of the pyramid, 0 for the finest.
        rows : slice
            Rows of the level.

        Returns
        -------
        numpy.ndarray
            (rows, x) float32.
        """
        own = score(energy * self._energies.rows(level, rows), selectivity(level))
        if level < len(self._prior.own):
            share, prior = self._prior.own[level].rows(level, rows), self._fine.rows(level, rows)
        else:
            share = self._prior.alone.rows(level, rows)
            prior = np.log(self._coarse.rows(level, rows) + np.float32(ABSENT_SHARE))
        own -= prior
        own *= share
        own += prior
        return own

    def maps(self, level: int) -> tuple[tuple[Plane, Plane, Plane], int]:
        """Return what `logarithm_of_weight` computes with, for the whole field.

        Parameters
        ----------
        level : int
            Level of the pyramid, 0 for the finest.

        Returns
        -------
        maps : tuple of numpy.ndarray
            (y, x) float32 each: weights of energies, logarithm of the prior weight, share of the
            plane's own score.
        steps : int
            By how many levels they are coarser, and have to be expanded; 2 at most.
        """
        if level >= len(self._prior.own):
            prior = np.log(self._coarse.at(level) + np.float32(ABSENT_SHARE))
            return (self._energies.at(level), prior, self._prior.alone.at(level)), 0
        steps = max(0, min(2, len(self._prior.shapes) - 1 - level))
        size = level + steps
        share, prior = self._prior.own[level].at(size), self._fine.at(size)
        return (self._energies.at(size), prior, share), steps

    def counting_for_depth(self, level: int, rows: slice) -> Plane:
        """Return the weight of the plane's energies in the depth estimate.

        Parameters
        ----------
        level : int
            Level of the pyramid, 0 for the finest.
        rows : slice
            Rows of the level.

        Returns
        -------
        numpy.ndarray
            (rows, x) float32, 0 to 1.
        """
        return self._depths.rows(level, rows)

    def _weights(self, apart: Plane, outside: Plane, tolerance: float) -> Plane:
        """Return the weights of energies by the plane's distance from the surface."""
        reach = np.float32(tolerance) + self._prior.error / 2
        close, inside = (np.exp(-np.square(np.maximum(a - reach, 0))) for a in (apart, outside))
        weights: Plane = np.maximum(close, self._prior.share * inside)
        return np.maximum(weights, np.float32(LEAST_ENERGY), out=weights)

    def _maps(self, regions: Plane) -> LevelMaps:
        return LevelMaps(regions, self._prior.shapes)
