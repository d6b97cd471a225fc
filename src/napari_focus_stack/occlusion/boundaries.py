"""Where something near ends in front of something far: jumps of the depth, and their line.

A depth map knows an edge of the surface to some ten pixels, for it is read from neighbourhoods. On
which side of the edge a pixel lies shows in its finest detail: what is near has its own in the
planes that focus near, and the ground has its own in those that focus far.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.imgproc.morphology import dilate, disk
from napari_focus_stack.imgproc.pyramids import luminance
from napari_focus_stack.imgproc.selection import pick_plane
from napari_focus_stack.imgproc.smoothing import EdgeAwareMean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane

LEAST_JUMP = 1.5
"""Planes that surfaces lie apart at least where one can hide the other; nearer ones are one."""
JUMP_RADIUS = 3
"""Pixels within which depth must change by that much."""
SMALLEST_DISCONTINUITY = 12
"""Of a jump; smaller ones are noise."""
BAND_RADIUS = 10
"""Pixels from a jump that may lie on either side of the edge."""
DETAIL_SIGMA_BOUNDARY = 0.7
"""Gaussian sigma over the detail: half as much changes nothing, half as much again costs 0.6 dB
(`strands-still`)."""
PRESMOOTH = 0.7
"""Gaussian sigma before, where there is noise of a 255th of the picture's range or more."""
NOISY = 1 / 255
LARGEST_RATIO = 2.0
"""Of the logarithm of two energies, at which they are as different as need be."""
BOUNDARY_SMOOTHNESS = 20.0
"""Smoothness of the outline, in pixels squared; it stops at edges of the picture. Without that
(`EdgeAwareMean`) the outline is found 2 dB (`strands-still`) to 6 dB (`coins-step-still`) worse."""
BOUNDARY_EDGE = 8 / 255
"""Step in the picture, as a part of its range, that an outline stops at."""
STEEPNESS = 2.0
"""From the smoothed logarithm to the share of the pixel that is near."""
READ = 0.5
"""Weight of the depth that was read, from -1 for far to 1 for near, beside the evidence, for depth:
plain parts of what is near stay near (`coins-step-noisy` 0.35 to 0.30 planes). For the share it
would gain 0.3 dB where there is noise or motion, and lose as much where there is none."""
PEAK_WINDOW = 2.5
"""Gaussian sigma over the detail of what is near, for its depth."""
SEARCHED = 2.0
"""Planes beyond the depth that was read in which that of what is near is looked for: without a
limit, one part of a picture with little detail in four spoke for the wrong end."""
PEAK_FLOOR = 0.1
"""Of the energy where nothing is in focus, that is added before its logarithm is taken."""
LEAST_BEND = 0.05
"""Of the logarithm at a peak."""
SECOND = np.array([[-1, 2, -1]], np.float32)


@dataclass(frozen=True)
class OcclusionBoundary:
    """What lies in front near jumps of the depth; all maps (Y, X).

    Attributes
    ----------
    band : numpy.ndarray
        bool: near a jump, so on one side of an edge or on the other.
    nearest, farthest : numpy.ndarray
        float32: depths of the two sides there.
    share : numpy.ndarray
        float32, 0 to 1: how much of the pixel belongs to what is near; 0 outside the band.
    evidence : numpy.ndarray
        float32: the logarithm it was made of, above 0 for near.
    near : numpy.ndarray
        bool: what belongs to what is near, the depth that was read there considered, too.
    """

    band: NDArray[np.bool_]
    nearest: Plane
    farthest: Plane
    share: Plane
    evidence: Plane
    near: NDArray[np.bool_]


def depth_discontinuities(depth: Plane, jump: float) -> NDArray[np.bool_]:
    """Where depth, (Y, X) float32, changes by more than so many planes within three pixels."""
    kernel = disk(JUMP_RADIUS)
    apart: NDArray[np.bool_] = cv2.dilate(depth, kernel) - cv2.erode(depth, kernel) > jump
    if not apart.any():
        return apart
    _, labels, stats, _ = cv2.connectedComponentsWithStats(apart.view(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= SMALLEST_DISCONTINUITY
    large[0] = False
    return np.asarray(large[labels])


def fine_energy(plane: Plane, noisy: bool) -> Plane:
    """Squared modified Laplacian (Nayar and Nakagawa, PAMI 1994) over a pixel or two."""
    bright = luminance(plane)
    if noisy:
        bright = cv2.GaussianBlur(bright, (0, 0), PRESMOOTH)
    bent = np.abs(cv2.filter2D(bright, -1, SECOND))
    bent += np.abs(cv2.filter2D(bright, -1, SECOND.T))
    energy: Plane = cv2.GaussianBlur(np.square(bent), (0, 0), DETAIL_SIGMA_BOUNDARY)
    return energy


def floor_of(energies: Sequence[Plane]) -> np.float32:
    """Energy where nothing is in focus: under it differences mean nothing."""
    least = energies[0].copy()
    for energy in energies[1:]:
        np.minimum(least, energy, out=least)
    return np.float32(max(float(np.median(least)), 1e-12))


def evidence(energies: Sequence[Plane], depth: Plane, floor: np.float32, jump: float) -> Plane:
    """Logarithm of the energy that a depth has over that of anything a jump behind it."""
    own, behind = np.full_like(depth, floor), np.full_like(depth, floor)
    for k, energy in enumerate(energies):
        above = energy + floor
        np.maximum(own, above, out=own, where=np.abs(depth - np.float32(k)) <= jump / 2)
        np.maximum(behind, above, out=behind, where=depth - np.float32(jump) >= k)
    ratio: Plane = np.log(own / behind)
    return np.clip(ratio, -LARGEST_RATIO, LARGEST_RATIO, out=ratio)


def find_boundary(
    energies: Sequence[Plane],
    depth: Plane,
    around: NDArray[np.bool_],
    picture: Sequence[Plane],
    jump: float,
    edge: float,
) -> OcclusionBoundary:
    """Outline of what is near.

    Parameters
    ----------
    energies : sequence of numpy.ndarray
        `fine_energy` of every plane, from far to near.
    depth : numpy.ndarray
        (Y, X) float32, in planes.
    around : numpy.ndarray
        (Y, X) bool: jumps that count.
    picture : sequence of numpy.ndarray
        Brightness of the planes, (Y, X) float32 each.
    jump : float
        Planes by which one thing must be before another.
    edge : float
        Step of brightness that the outline stops at.
    """
    nearest, farthest = sides_of(depth)
    read = (2 * depth - nearest - farthest) / np.maximum(nearest - farthest, np.float32(jump))
    band = (nearest - farthest > jump) & dilate(around, BAND_RADIUS)
    own = detail_peak(energies, band.astype(np.float32), (farthest + jump, nearest + SEARCHED))
    np.copyto(nearest, np.maximum(own.depth, farthest + jump), where=band & own.clear)
    guide = pick_plane(picture, nearest)
    smooth = EdgeAwareMean(guide, BOUNDARY_SMOOTHNESS, edge)
    found, read = smooth(evidence(energies, nearest, floor_of(energies), jump), read)
    share = np.clip(np.float32(STEEPNESS) * found + np.float32(0.5), 0, 1)
    share[~band] = 0
    near = band & (found + np.float32(READ) * read > 0)
    return OcclusionBoundary(band, nearest, farthest, share, found, near)


def sides_of(depth: Plane) -> tuple[Plane, Plane]:
    """Nearest and farthest depth within `BAND_RADIUS` pixels, (Y, X) float32 each."""
    kernel = disk(BAND_RADIUS)
    return cv2.dilate(depth, kernel), cv2.erode(depth, kernel)


@dataclass(frozen=True)
class DetailPeak:
    """Where detail is most, (Y, X) each.

    Attributes
    ----------
    depth : numpy.ndarray
        float32; below 0 where no plane lies between the depths.
    clear : numpy.ndarray
        bool: whether the planes before and after it, if there are any, show less.
    """

    depth: Plane
    clear: NDArray[np.bool_]


def detail_peak(
    energies: Sequence[Plane], weight: Plane, within: tuple[Plane, Plane]
) -> DetailPeak:
    """Depth of what has detail somewhere between two depths: a parabola through its logarithm.

    Parameters
    ----------
    energies : sequence of numpy.ndarray
        `fine_energy` of every plane.
    weight : numpy.ndarray
        (Y, X) float32: how much of each pixel's detail counts.
    within : tuple of numpy.ndarray
        The depths, (Y, X) float32 each.
    """
    shape, least = weight.shape, floor_of(energies) * np.float32(PEAK_FLOOR)
    best, before, after, last = (np.full(shape, -np.inf, np.float32) for _ in range(4))
    index = np.full(shape, -1, np.float32)
    for k, energy in enumerate(energies):
        own = np.log(cv2.GaussianBlur(energy * weight, (0, 0), PEAK_WINDOW) + least)
        np.copyto(after, own, where=index == k - 1)
        better = (own > best) & (within[0] <= k) & (k <= within[1])
        np.copyto(before, last, where=better)
        np.copyto(best, own, where=better)
        np.copyto(after, -np.inf, where=better)
        index[better] = k
        last = own
    clear = (index >= 0) & (best > before) & (best > after)
    inside = clear & np.isfinite(before) & np.isfinite(after)
    offset = np.zeros(shape, np.float32)
    bend = np.minimum(before[inside] - 2 * best[inside] + after[inside], np.float32(-LEAST_BEND))
    offset[inside] = np.float32(0.5) * (before[inside] - after[inside]) / bend
    return DetailPeak(index + np.clip(offset, -0.5, 0.5), clear)
