"""Which plane is in focus at each pixel, between planes, and how far to believe it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.bands import expanded_part, halved, reduced_shape
from napari_focus_stack.crew import parts
from napari_focus_stack.focus import UNRECORDED, score
from napari_focus_stack.smoothing import EdgeAwareMean, fill_from_trusted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.bands import Plane
    from napari_focus_stack.crew import Crew

LEVEL_ERROR = (0.1, 0.35, 1.5)
"""Planes by which a level errs without any noise, from what blurs into it (truth scenes)."""
WINDOW = 0.7
"""Gaussian sigma by which the window over the energy is widened: a surface is smoother than its
picture. Without it `brick-dome-noisy` errs by 0.17 planes instead of 0.14."""
REACHED = 2
"""Pixels to either side that this takes in."""
STEPS = (2, 2, 4)
"""Pixels of a plane to one of each level's maps."""
WINDOW_SAMPLES = (16.1, 17.0, 15.5)
"""Independent samples behind an energy then, as `focus.WINDOW_SAMPLES`."""
SURE_LEAD = 1.0
"""Lead over what noise alone would give, in the score's noise, that makes a peak credible."""
PRIOR = 0.2
"""Inverse variance, in planes, of a pixel around the mean depth of its neighbourhood."""
REACH = 32.0
"""Smoothness of the surface, in pixels of its maps squared; see `EdgeAwareMean`."""
EDGE = 0.02
"""Step in the picture, as a part of its range, that may be an edge of the surface."""
FLATTEST = 0.1
"""Least bend of the focus curve, in log energy over planes squared, that has a peak."""
CLEAR_LEAD = 8.0
"""Lead over the other planes, in the score's noise, of a peak whose width can be measured."""
FEWEST_WIDTHS = 200
LEAST_ERROR = 0.05
HALF_TRUSTED = 0.22
"""Expected error, in planes, at which confidence is one half."""


class DepthEstimator:
    """Keeps, per level, the best energy of each pixel with the planes before and after it.

    Three values are enough for a parabola through log energy, which is the peak of a Gaussian
    focus curve (Nayar and Nakagawa, "Shape from focus", PAMI 1994), so no stack is held. All maps
    have half the size of the planes, or less: a surface is smoother than its picture, and depth
    errs by 0.005 planes more (`motorcycle-noisy`) in a quarter of the time.

    Parameters
    ----------
    crew : Crew
        Who works.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._peaks: list[_Peak] = []
        self._count = 0

    def add(self, energies: list[Plane]) -> None:
        """Take in the next plane's energies, as `PyramidFusion.energies` has them."""
        if not self._peaks:
            self._peaks = [_Peak(level, energy.shape) for level, energy in enumerate(energies)]
        todo = [(i, rows) for i, energy in enumerate(energies) for rows in parts(energy.shape)]

        def add(part: tuple[int, slice]) -> None:
            level, rows = part
            self._peaks[level].add(_widened(energies[level], rows, level), rows, self._count)

        self._crew.do(add, todo)
        self._count += 1

    def estimate(self, image: Plane, edge: float) -> tuple[Plane, Plane]:
        """Depth and confidence, (Y, X) float32 each, the depth counted in the planes added.

        Levels are averaged by what their noise lets them know, neighbours across smooth parts of
        the fused luminance, (Y, X) float32, which changes by less than `edge` there, and once more
        what that leaves, so that slopes and domes are not flattened (twicing: Tukey, 1977).
        """
        check = self._crew.check
        guide = halved(image)
        shape = guide.shape
        trust, total = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for peak in self._peaks:
            check()
            reading = peak.read(self._count, self._crew)
            trust += _resized(reading.trust, shape)
            total += _resized(np.multiply(reading.trust, reading.depth), shape)
        np.maximum(trust, np.float32(1e-9), out=trust)
        check()
        raw = fill_from_trusted(total / trust, trust, PRIOR)
        check()
        smooth = EdgeAwareMean(guide, REACH, edge, check)
        # by its square root a pixel that errs with certainty does not outweigh its surroundings
        weight = np.sqrt(trust + np.float32(PRIOR))
        total, support = smooth(raw * weight, weight)
        depth = total / support
        known = np.square(support)
        known -= np.float32(PRIOR)
        left = (raw - depth) * weight
        more, disagreement = smooth(left, np.abs(left))
        depth += more / support
        np.clip(depth, 0, self._count - 1, out=depth)
        confidence = _confidence(known, disagreement / support)
        shape = image.shape
        return _doubled(depth, shape, self._crew), _doubled(confidence, shape, self._crew)

    def widths(self, trusted: NDArray[np.bool_]) -> list[Plane]:
        """Widths of focus curves where `trusted`, (Y, X): (m,) in planes for each level.

        The standard deviation of a Gaussian through the peak and its neighbours.
        """
        peaks = zip(self._peaks, STEPS, strict=False)
        return [peak.widths(trusted[::step, ::step], self._count) for peak, step in peaks]


def peak_width(parts: list[list[Plane]]) -> float | None:
    """Median of the widths of all parts, in planes; None if the peaks are not seen.

    Taken from the finest level that stands out from the noise.
    """
    for level in zip(*parts, strict=True):
        widths = np.concatenate(level)
        if widths.size >= FEWEST_WIDTHS:
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
    return EDGE * span + deviation


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


@dataclass(frozen=True)
class _Reading:
    """A level's depth and its inverse variance in planes, (y, x) each."""

    depth: Plane
    trust: Plane


class _Peak:
    def __init__(self, level: int, shape: tuple[int, ...]) -> None:
        self._level = level
        self._samples = WINDOW_SAMPLES[level]
        self._best, self._before, self._after, self._last = (
            np.zeros(shape, np.float32) for _ in range(4)
        )
        self._scores = np.zeros(reduced_shape(shape), np.float32)
        self._index = np.zeros(shape, np.uint16)

    def add(self, energy: Plane, rows: slice, k: int) -> None:
        """Take in some rows of the energy of plane `k`."""
        best, before, after, last, index = (
            kept[rows] for kept in (self._best, self._before, self._after, self._last, self._index)
        )
        scores = self._scores[rows.start // 2 : (rows.stop + 1) // 2]
        if k == 0:
            best[:] = energy
        else:
            follows = np.equal(index, k - 1)
            cv2.copyTo(energy, follows.view(np.uint8), after)
            better = np.greater(energy, best).view(np.uint8)
            cv2.copyTo(last, better, before)
            np.maximum(best, energy, out=best)
            np.maximum(index, np.multiply(better, np.uint16(k)), out=index)
        last[:] = energy
        some = energy[::2, ::2]
        scored = score(some, self._samples)
        scored[some < 0] = 0
        scores += scored

    def read(self, count: int, crew: Crew) -> _Reading:
        """Depth and trust of the whole level."""
        depth, trust = np.empty_like(self._best), np.empty_like(self._best)

        def read(rows: slice) -> None:
            depth[rows], trust[rows] = self._read(rows, count)

        crew.do(read, parts(depth.shape))
        return _Reading(depth, trust)

    def _read(self, rows: slice, count: int) -> tuple[Plane, Plane]:
        samples, floor = self._samples, self._floor()
        energies = [kept[rows] for kept in (self._before, self._best, self._after)]
        index = self._index[rows]
        energies[2][index == count - 1] = 0  # what followed an earlier peak
        scores = expanded_part(self._scores, self._best.shape, rows)
        above = [np.maximum(e - 1, floor) for e in energies]
        before, best, after = (np.log(a) for a in above)
        bend = np.minimum(before - 2 * best + after, np.float32(-FLATTEST))
        inside = (index > 0) & (index < count - 1)
        offset = np.clip(np.float32(0.5) * (before - after) / bend, -0.5, 0.5) * inside
        spread = (
            _relative(energies[0], above[0], samples) + _relative(energies[2], above[2], samples)
        ) / (4 * bend * bend)
        lead = score(energies[1], samples) - scores / np.float32(count)
        by_chance = np.sqrt(2 * np.log(max(count, 2)))  # the best of `count` draws of noise
        beyond = np.maximum(lead - np.float32(by_chance), 0) / np.float32(SURE_LEAD)
        credible = 1 - np.exp(np.float32(-0.5) * np.square(beyond))
        error = np.float32(LEVEL_ERROR[self._level] ** 2) + np.minimum(
            spread, np.float32(count**2 / 12)
        )
        # a plane that did not record this place may have been the sharper one
        open_ended = ((energies[0] < 0) & (index > 0)) | ((energies[2] < 0) & (index < count - 1))
        credible[open_ended] = 0
        return index + offset, credible / error

    def _floor(self) -> np.float32:
        """Least energy above the noise that its logarithm may be taken of."""
        return np.float32(0.5 / np.sqrt(self._samples))

    def widths(self, where: NDArray[np.bool_], count: int) -> Plane:
        """Widths (m,) of the credible peaks within the stack, a sixteenth of the pixels asked."""
        some = np.s_[::4, ::4]
        inside = (self._index[some] > 0) & (self._index[some] < count - 1) & where[some]
        before, best, after = (a[some][inside] for a in (self._before, self._best, self._after))
        scores = self._scores[::2, ::2]
        rest = (scores[inside] - score(best, self._samples)) / np.float32(count - 1)
        lead = score(best, self._samples) - rest
        known = (lead > CLEAR_LEAD) & (before >= 0) & (after >= 0)
        floor = self._floor()
        before, best, after = (
            np.log(np.maximum(a[known] - 1, floor)) for a in (before, best, after)
        )
        bend: Plane = np.minimum(before - 2 * best + after, np.float32(-1e-3))
        return np.sqrt(-1 / bend)


def _widened(energy: Plane, rows: slice, level: int) -> Plane:
    """Some rows of an energy over a wider window; the finest was widened when it was halved."""
    own = energy[rows]
    if level == 0:
        return own
    top, end = max(0, rows.start - REACHED), min(len(energy), rows.stop + REACHED)
    size = (2 * REACHED + 1, 2 * REACHED + 1)
    blurred = cv2.GaussianBlur(energy[top:end], size, WINDOW)
    wide: Plane = blurred[rows.start - top : rows.stop - top]
    if own.min() < 0:
        np.maximum(wide, 0, out=wide)
        wide[own < 0] = UNRECORDED
    return wide


def _relative(energy: Plane, above: Plane, samples: float) -> Plane:
    """Relative variance of an energy's part above the noise."""
    variance = np.maximum(4 * energy - 2, np.float32(2)) / np.float32(samples)
    return variance / (above * above)


def _resized(a: Plane, shape: tuple[int, ...]) -> Plane:
    if a.shape == shape:
        return a
    resized: Plane = cv2.resize(a, shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return resized


def _doubled(half: Plane, shape: tuple[int, ...], crew: Crew) -> Plane:
    """A map of half the size at the size of the planes."""
    whole = np.empty(shape, np.float32)

    def double(rows: slice) -> None:
        top, end = max(0, rows.start // 2 - 1), min(len(half), rows.stop // 2 + 2)
        size = 2 * half.shape[1], 2 * (end - top)
        part = cv2.resize(half[top:end], size, interpolation=cv2.INTER_LINEAR)
        whole[rows] = part[rows.start - 2 * top : rows.stop - 2 * top, : shape[1]]

    crew.do(double, parts(shape))
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
