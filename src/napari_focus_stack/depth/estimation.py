"""Depth from focus at each pixel, interpolated between planes, and its confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack._utils.threads import row_bands
from napari_focus_stack.depth.confidence import confidence_of
from napari_focus_stack.depth.peak_fitting import FocusPeak, PeakError
from napari_focus_stack.fusion.focus_measure import UNRECORDED
from napari_focus_stack.imgproc.pyramids import reduce
from napari_focus_stack.imgproc.smoothing import EdgeAwareMean, fill_from_trusted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.threads import ThreadTeam
    from napari_focus_stack.depth.peak_widths import PeakSample
    from napari_focus_stack.fusion.focus_prior import PlanePrior, WindowPrior
    from napari_focus_stack.imgproc.pyramids import Plane

LEVEL_ERRORS = (PeakError(0.1, 0.1), PeakError(0.35, 0.2), PeakError(1.5, 0.4))
"""Errors of each level's depth without noise, from light that blurs in (truth scenes): on
`strands-still` depth errs by 1.01 instead of 1.12 planes because broad peaks count less."""
WIDENED_SIGMA = 0.7
"""Gaussian sigma by which the window over the energy is widened: a surface is smoother than its
image. Without it `brick-dome-noisy` errs by 0.17 planes instead of 0.14."""
REACHED = 2
"""Radius of that Gaussian, in pixels."""
LEVEL_STEPS = (2, 2, 4)
"""Pixels of a plane to one pixel of each level's maps."""
WIDENED_SAMPLES = (16.1, 17.0, 15.5)
"""Independent samples in a widened energy, as `focus_measure.WINDOW_SAMPLES`."""
NEIGHBOUR_PRECISION = 0.2
"""Inverse variance, in units of depth, of a pixel around the mean depth of its neighbourhood."""
SURFACE_SMOOTHNESS = 32.0
"""Smoothness of the surface, in squared pixels of its maps; see `EdgeAwareMean`."""
SURFACE_EDGE = 0.02
"""Step in the image, as a part of its range, that may be an edge of the surface."""
EVERY = 4
"""Step between the pixels of a map whose peak widths are measured."""
FEWEST_SAMPLED = 200


class DepthEstimator:
    """Estimator of depth from the peak of each pixel's focus curve, level by level.

    All maps have half the size of the planes, or less: a surface is smoother than its image, and
    depth errs by only 0.005 planes more (`motorcycle-noisy`) in a quarter of the time.

    Parameters
    ----------
    team : ThreadTeam
        Threads that share the work.
    """

    def __init__(self, team: ThreadTeam) -> None:
        self._team = team
        self._peaks: list[FocusPeak] = []
        self._sampled: list[PeakSample] = []
        self._count = 0

    def add(self, energies: list[Plane], prior: PlanePrior | None = None) -> None:
        """Add the energies of the next plane.

        Parameters
        ----------
        energies : list of numpy.ndarray
            (y, x) float32 for each level, as in `PyramidFusion.energies`.
        prior : PlanePrior, optional
            Prior weights of the plane; for all planes or for none.
        """
        if not self._peaks:
            self._peaks = [
                FocusPeak(energy.shape, samples, error, weighed=prior is not None)
                for energy, samples, error in zip(
                    energies, WIDENED_SAMPLES, LEVEL_ERRORS, strict=False
                )
            ]
        # the finest energies are provided at half their size: that of the next level
        alike = [[0, 1], [2]] if len(energies) > 2 else [[*range(len(energies))]]
        todo = [(of, rows) for of in alike for rows in row_bands(energies[of[0]].shape)]

        def add(part: tuple[list[int], slice]) -> None:
            levels, rows = part
            allowed = None if prior is None else prior.counting_for_depth(max(levels[-1], 1), rows)
            for level in levels:
                energy = _energy_in_rows(energies[level], rows, level)
                self._peaks[level].add(energy, rows, self._count, allowed)

        self._team.map(add, todo)
        self._count += 1

    def estimate(
        self, image: Plane, edge: float, prior: WindowPrior | None = None
    ) -> tuple[Plane, Plane]:
        """Estimate depth and confidence from all planes added.

        Levels and the prior's surface are averaged by their inverse variance, and neighbours across
        smooth parts of the fused luminance. The residual is averaged once more, so that slopes and
        domes are not flattened (twicing: Tukey, 1977). All averages are in the prior's units of
        depth.

        Parameters
        ----------
        image : numpy.ndarray
            (Y, X) float32 fused luminance.
        edge : float
            Step in `image` that may be an edge of the surface; see `edge_contrast`.
        prior : WindowPrior, optional
            Prior whose planes were given to `add`.

        Returns
        -------
        depth : numpy.ndarray
            (Y, X) float32, in numbers of the planes in the order in which they were added.
        confidence : numpy.ndarray
            (Y, X) float32, 0 to 1.

        References
        ----------
        .. [1] J. W. Tukey, "Exploratory data analysis", Addison-Wesley, 1977.
        """
        check, unit = self._team.check, 1.0 if prior is None else prior.unit
        guide = reduce(image)
        shape = guide.shape
        trust, total = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        while self._peaks:
            check()
            peak = self._peaks.pop(0)  # only a sample of it is kept, for `widths`
            known, certainty = self._read(peak, unit)
            self._sampled.append(peak.sample(EVERY))
            del peak
            trust += _resized(certainty, shape)
            total += _resized(np.multiply(certainty, known), shape)
        assumed = np.full(shape, NEIGHBOUR_PRECISION, np.float32)
        if prior is not None:
            surface, precision = prior.half_size()
            trust += precision
            total += surface * precision
            assumed += precision
        np.maximum(trust, np.float32(1e-9), out=trust)
        check()
        raw = fill_from_trusted(total / trust, trust, NEIGHBOUR_PRECISION)
        check()
        smooth = EdgeAwareMean(guide, SURFACE_SMOOTHNESS, edge, check, self._team)
        # the square root keeps a wrong pixel of high precision from outweighing its surroundings
        weight = np.sqrt(trust + np.float32(NEIGHBOUR_PRECISION))
        total, support = smooth(raw * weight, weight)
        depth = total / support
        known = np.square(support)
        known -= assumed  # precision of the surroundings is no evidence of the pixel itself
        left = (raw - depth) * weight
        more, disagreement = smooth(left, np.abs(left))
        depth += more / support
        depth *= np.float32(unit)
        np.clip(depth, 0, self._count - 1, out=depth)
        confidence = confidence_of(known, disagreement / support)
        shape = image.shape
        return _full_size(depth, shape, self._team), _full_size(confidence, shape, self._team)

    def _read(self, peak: FocusPeak, unit: float) -> tuple[Plane, Plane]:
        """Return the depth of a whole level and its inverse variance."""
        depth, trust = np.empty_like(peak.best), np.empty_like(peak.best)

        def read(rows: slice) -> None:
            depth[rows], trust[rows] = peak.read(rows, self._count, unit)

        self._team.map(read, row_bands(depth.shape))
        return depth, trust

    def widths(self, trusted: NDArray[np.bool_]) -> list[Plane]:
        """Measure the peak width of focus curves at trusted pixels.

        The peak width is the standard deviation (sigma) of a Gaussian through the peak and its
        neighbours.

        Parameters
        ----------
        trusted : numpy.ndarray
            (Y, X) bool, True where peaks may be measured.

        Returns
        -------
        list of numpy.ndarray
            (m,) float32 peak widths in planes, for each level.
        """
        peaks = zip(self._sampled, LEVEL_STEPS, strict=False)
        return [
            peak.widths(self._count, trusted[:: step * EVERY, :: step * EVERY])
            for peak, step in peaks
        ]


def peak_width(parts: list[list[Plane]]) -> float | None:
    """Return the median peak width (sigma), from the finest level that exceeds the noise.

    Parameters
    ----------
    parts : list of list of numpy.ndarray
        `DepthEstimator.widths` of each part of the field.

    Returns
    -------
    float or None
        Peak width in planes; None where too few peaks are clear.
    """
    for level in zip(*parts, strict=True):
        widths = np.concatenate(level)
        if widths.size >= FEWEST_SAMPLED:
            return float(np.median(widths))
    return None


def edge_contrast(span: float, deviation: float) -> float:
    """Return the step in the image that may be an edge of the surface.

    Parameters
    ----------
    span : float
        Range of brightness of the planes.
    deviation : float
        Standard deviation of the noise.

    Returns
    -------
    float
        Step in brightness.
    """
    return SURFACE_EDGE * span + deviation


def wider_mean(energy: Plane) -> Plane:
    """Average an energy over the wider window of the depth estimate.

    Parameters
    ----------
    energy : numpy.ndarray
        (y, x) float32 energy of a level above the finest.

    Returns
    -------
    numpy.ndarray
        (y, x) float32.
    """
    size = (2 * REACHED + 1, 2 * REACHED + 1)
    mean: Plane = cv2.GaussianBlur(energy, size, WIDENED_SIGMA)
    return mean


def _energy_in_rows(energy: Plane, rows: slice, level: int) -> Plane:
    """Average some rows of an energy over the wider window; halving has widened the finest."""
    own = energy[rows]
    if level == 0:
        return own
    top, end = max(0, rows.start - REACHED), min(len(energy), rows.stop + REACHED)
    wide = wider_mean(energy[top:end])[rows.start - top : rows.stop - top]
    if own.min() < 0:
        np.maximum(wide, 0, out=wide)
        wide[own < 0] = UNRECORDED
    return wide


def _resized(a: Plane, shape: tuple[int, ...]) -> Plane:
    if a.shape == shape:
        return a
    resized: Plane = cv2.resize(a, shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return resized


def _full_size(half: Plane, shape: tuple[int, ...], team: ThreadTeam) -> Plane:
    """Resize a map from half the size to the size of the planes."""
    whole = np.empty(shape, np.float32)

    def double(rows: slice) -> None:
        top, end = max(0, rows.start // 2 - 1), min(len(half), rows.stop // 2 + 2)
        size = 2 * half.shape[1], 2 * (end - top)
        part = cv2.resize(half[top:end], size, interpolation=cv2.INTER_LINEAR)
        whole[rows] = part[rows.start - 2 * top : rows.stop - 2 * top, : shape[1]]

    team.map(double, row_bands(shape))
    return whole


def nearest_plane(depth: Plane, planes: NDArray[np.intp]) -> tuple[Plane, NDArray[np.uint16]]:
    """Convert depth from places among the planes used to numbers of the whole stack.

    Parameters
    ----------
    depth : numpy.ndarray
        (Y, X) float32, 0 to len(planes) - 1.
    planes : numpy.ndarray
        (n,) numbers of the planes that took part, in the order of focus. If that is not the order
        of the numbers, depth cannot be interpolated between planes, and equals the index.

    Returns
    -------
    depth : numpy.ndarray
        (Y, X) float32, in numbers of the whole stack.
    index : numpy.ndarray
        (Y, X) uint16 number of the nearest plane.
    """
    index = planes[np.rint(depth).astype(np.intp)].astype(np.uint16)
    if np.any(np.diff(planes) < 0):
        return index.astype(np.float32), index
    if len(planes) == planes[-1] - planes[0] + 1:
        return depth + np.float32(planes[0]), index
    numbers = np.interp(depth, np.arange(len(planes)), planes).astype(np.float32)
    return numbers, index
