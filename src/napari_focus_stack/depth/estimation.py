"""Which plane is in focus at each pixel, between planes, and how far to believe it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack._utils.threads import row_bands

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
from typing import TYPE_CHECKING

from napari_focus_stack.depth.peak_fitting import FocusPeak, PeakError
from napari_focus_stack.fusion.focus_measure import UNRECORDED
from napari_focus_stack.imgproc.pyramids import reduce
from napari_focus_stack.imgproc.smoothing import EdgeAwareMean, fill_from_trusted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.threads import ThreadTeam
    from napari_focus_stack.fusion.focus_prior import PlanePrior, WindowPrior
    from napari_focus_stack.imgproc.pyramids import Plane

LEVEL_ERRORS = (PeakError(0.1, 0.1), PeakError(0.35, 0.2), PeakError(1.5, 0.4))
"""By which levels err without any noise, from what blurs into them (truth scenes): on
`strands-still` depth errs by 1.01 instead of 1.12 planes since broad peaks are doubted."""
WIDENED_SIGMA = 0.7
"""Gaussian sigma by which the window over the energy is widened: a surface is smoother than its
picture. Without it `brick-dome-noisy` errs by 0.17 planes instead of 0.14."""
REACHED = 2
"""Pixels to either side that this takes in."""
LEVEL_STEPS = (2, 2, 4)
"""Pixels of a plane to one of each level's maps."""
WIDENED_SAMPLES = (16.1, 17.0, 15.5)
"""Independent samples behind an energy then, as `focus.WINDOW_SAMPLES`."""
NEIGHBOUR_PRECISION = 0.2
"""Inverse variance, in units of depth, of a pixel around the mean depth of its neighbourhood."""
SURFACE_SMOOTHNESS = 32.0
"""Smoothness of the surface, in pixels of its maps squared; see `EdgeAwareMean`."""
SURFACE_EDGE = 0.02
"""Step in the picture, as a part of its range, that may be an edge of the surface."""
FEWEST_SAMPLED = 200
LEAST_ERROR = 0.05
HALF_TRUSTED = 0.22
"""Expected error at which confidence is one half: planes, or units of depth if more."""
CONFIDENCE_WINDOW = 9
"""Side, in pixels, over which neighbours' confidence counts, twice. Without them 4 % of what is
trusted at the edges of unstained cells and 4 % beside bars is of another depth, and the mean error
there is 0.27 and 0.31 where 0.22 is expected. Once over 11 or 19 pixels leaves 0.24 and 0.23 at the
cells, twice over 9 leaves 0.21."""


class DepthEstimator:
    """Keeps the peak of each pixel's focus curve, level by level.

    All maps have half the size of the planes, or less: a surface is smoother than its picture, and
    depth errs by 0.005 planes more (`motorcycle-noisy`) in a quarter of the time.

    Parameters
    ----------
    team : ThreadTeam
        Who works.
    """

    def __init__(self, team: ThreadTeam) -> None:
        self._team = team
        self._peaks: list[FocusPeak] = []
        self._count = 0

    def add(self, energies: list[Plane], prior: PlanePrior | None = None) -> None:
        """Take in the next plane's energies, as `PyramidFusion.energies` has them.

        Parameters
        ----------
        energies : list of numpy.ndarray
            Level by level.
        prior : PlanePrior, optional
            Where the plane may be the sharpest. Given for all planes or for none.
        """
        if not self._peaks:
            self._peaks = [
                FocusPeak(energy.shape, samples, error, weighed=prior is not None)
                for energy, samples, error in zip(
                    energies, WIDENED_SAMPLES, LEVEL_ERRORS, strict=False
                )
            ]
        todo = [(i, rows) for i, energy in enumerate(energies) for rows in row_bands(energy.shape)]

        def add(part: tuple[int, slice]) -> None:
            level, rows = part
            energy = _widened(energies[level], rows, level)
            # the finest energies are handed out at half their size
            allowed = None if prior is None else prior.counting_for_depth(max(level, 1), rows)
            self._peaks[level].add(energy, rows, self._count, allowed)

        self._team.map(add, todo)
        self._count += 1

    def estimate(
        self, image: Plane, edge: float, prior: WindowPrior | None = None
    ) -> tuple[Plane, Plane]:
        """Depth and confidence, (Y, X) float32 each, the depth counted in the planes added.

        Levels, and the prior's surface beside them, are averaged by the inverse of their variance,
        neighbours across smooth parts of the fused luminance, (Y, X) float32, which changes by less
        than `edge` there, and once more what that leaves, so that slopes and domes are not
        flattened (twicing: Tukey, 1977). That is done in the prior's units of depth.
        """
        check, unit = self._team.check, 1.0 if prior is None else prior.unit
        guide = reduce(image)
        shape = guide.shape
        trust, total = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for peak in self._peaks:
            check()
            known, certainty = self._read(peak, unit)
            trust += _resized(certainty, shape)
            total += _resized(np.multiply(certainty, known), shape)
        given = np.full(shape, NEIGHBOUR_PRECISION, np.float32)
        if prior is not None:
            surface, beside = prior.half_size()
            trust += beside
            total += surface * beside
            given += beside
        np.maximum(trust, np.float32(1e-9), out=trust)
        check()
        raw = fill_from_trusted(total / trust, trust, NEIGHBOUR_PRECISION)
        check()
        smooth = EdgeAwareMean(guide, SURFACE_SMOOTHNESS, edge, check)
        # by its square root a pixel that errs with certainty does not outweigh its surroundings
        weight = np.sqrt(trust + np.float32(NEIGHBOUR_PRECISION))
        total, support = smooth(raw * weight, weight)
        depth = total / support
        known = np.square(support)
        known -= given  # what a region around says is no knowledge of the pixel
        left = (raw - depth) * weight
        more, disagreement = smooth(left, np.abs(left))
        depth += more / support
        depth *= np.float32(unit)
        np.clip(depth, 0, self._count - 1, out=depth)
        confidence = _confidence(known, disagreement / support)
        shape = image.shape
        return _doubled(depth, shape, self._team), _doubled(confidence, shape, self._team)

    def _read(self, peak: FocusPeak, unit: float) -> tuple[Plane, Plane]:
        """Depth and its inverse variance of a whole level."""
        depth, trust = np.empty_like(peak.best), np.empty_like(peak.best)

        def read(rows: slice) -> None:
            depth[rows], trust[rows] = peak.read(rows, self._count, unit)

        self._team.map(read, row_bands(depth.shape))
        return depth, trust

    def widths(self, trusted: NDArray[np.bool_]) -> list[Plane]:
        """Widths of focus curves where `trusted`, (Y, X): (m,) in planes for each level.

        The standard deviation of a Gaussian through the peak and its neighbours.
        """
        peaks = zip(self._peaks, LEVEL_STEPS, strict=False)
        return [peak.widths(self._count, trusted[::step, ::step]) for peak, step in peaks]


def within_neighbours(confidence: Plane) -> Plane:
    """Confidence, (Y, X) float32, that no pixel has more of than those around it on the whole.

    Smoothing carries depth beyond the edges of what it is of. For what is handed out; occlusion is
    looked for where depth is sure to be of one thing or another, and loses 0.3 dB on
    `strands-still` by less of it.
    """
    least = confidence
    for _ in range(2):
        around = cv2.blur(least, (CONFIDENCE_WINDOW, CONFIDENCE_WINDOW))
        least = np.minimum(least, around, out=around)
    return least


def peak_width(parts: list[list[Plane]]) -> float | None:
    """Median of the widths of all parts, in planes; None if the peaks are not seen.

    Taken from the finest level that stands out from the noise.
    """
    for level in zip(*parts, strict=True):
        widths = np.concatenate(level)
        if widths.size >= FEWEST_SAMPLED:
            return float(np.median(widths))
    return None


def edge_contrast(span: float, deviation: float) -> float:
    """Step in the picture that may be an edge of the surface.

    Parameters
    ----------
    span : float
        Range of brightness of the planes.
    deviation : float
        Of the noise.
    """
    return SURFACE_EDGE * span + deviation


def _confidence(trust: Plane, disagreement: Plane) -> Plane:
    """1 / (1 + (error / 0.22)^2), from what neighbourhoods know and how far they disagree.

    Noise alone makes a pixel disagree by `1 / sqrt(trust)`, and averages out; what disagrees beyond
    that is an edge of the surface, or several surfaces, and does not.
    """
    by_noise = 1 / np.sqrt(np.maximum(trust, np.float32(1e-9)))
    beyond = np.maximum(disagreement - by_noise, 0)
    error = LEAST_ERROR**2 + np.square(by_noise / 2) + np.square(2 * beyond)
    error += np.square(np.float32(0.15) * disagreement)
    confidence: Plane = 1 / (1 + error / np.float32(HALF_TRUSTED**2))
    return confidence


def _widened(energy: Plane, rows: slice, level: int) -> Plane:
    """Some rows of an energy over a wider window; the finest was widened when it was halved."""
    own = energy[rows]
    if level == 0:
        return own
    top, end = max(0, rows.start - REACHED), min(len(energy), rows.stop + REACHED)
    size = (2 * REACHED + 1, 2 * REACHED + 1)
    blurred = cv2.GaussianBlur(energy[top:end], size, WIDENED_SIGMA)
    wide: Plane = blurred[rows.start - top : rows.stop - top]
    if own.min() < 0:
        np.maximum(wide, 0, out=wide)
        wide[own < 0] = UNRECORDED
    return wide


def _resized(a: Plane, shape: tuple[int, ...]) -> Plane:
    if a.shape == shape:
        return a
    resized: Plane = cv2.resize(a, shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return resized


def _doubled(half: Plane, shape: tuple[int, ...], team: ThreadTeam) -> Plane:
    """A map of half the size at the size of the planes."""
    whole = np.empty(shape, np.float32)

    def double(rows: slice) -> None:
        top, end = max(0, rows.start // 2 - 1), min(len(half), rows.stop // 2 + 2)
        size = 2 * half.shape[1], 2 * (end - top)
        part = cv2.resize(half[top:end], size, interpolation=cv2.INTER_LINEAR)
        whole[rows] = part[rows.start - 2 * top : rows.stop - 2 * top, : shape[1]]

    team.map(double, row_bands(shape))
    return whole


def nearest_plane(depth: Plane, planes: NDArray[np.intp]) -> tuple[Plane, NDArray[np.uint16]]:
    """Depth and index in the numbers of the whole stack, from depth counted in the planes used.

    Parameters
    ----------
    depth : numpy.ndarray
        (Y, X) float32, 0 to len(planes) - 1.
    planes : numpy.ndarray
        Numbers of the planes that took part, in the order of their focus. If that is not the
        order of the numbers, nothing lies between two planes, and the depth is the index.
    """
    index = planes[np.rint(depth).astype(np.intp)].astype(np.uint16)
    if np.any(np.diff(planes) < 0):
        return index.astype(np.float32), index
    if len(planes) == planes[-1] - planes[0] + 1:
        return depth + np.float32(planes[0]), index
    numbers = np.interp(depth, np.arange(len(planes)), planes).astype(np.float32)
    return numbers, index


TRUSTED = 0.5
"""Confidence from which on a depth counts."""
