"""Depth discontinuities, and the occlusion boundaries along them.

A depth map locates an edge of the surface only to within some ten pixels, because depth is measured
in neighbourhoods. The finest detail of a pixel shows on which side of the edge it lies: the
foreground has its detail in the planes that are focused on it, and the background in others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.imgproc.morphology import dilate, disk, without_small_regions
from napari_focus_stack.imgproc.pyramids import luminance
from napari_focus_stack.imgproc.selection import pick_plane
from napari_focus_stack.imgproc.smoothing import EdgeAwareMean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane

LEAST_JUMP = 1.5
"""Least distance, in planes, between two surfaces of which one can hide the other; two that are
closer count as one."""
JUMP_RADIUS = 3
"""Radius, in pixels, within which depth changes that much at a discontinuity."""
SMALLEST_DISCONTINUITY = 12
"""Least number of pixels of a depth discontinuity; smaller ones are noise."""
BAND_RADIUS = 10
"""Distance from a discontinuity, in pixels, within which a pixel may lie on either side of the
occlusion boundary."""
BOUNDARY_DETAIL_SIGMA = 0.7
"""Gaussian sigma, in pixels, of the window over the detail: half as much changes nothing, half as
much again costs 0.6 dB (`strands-still`)."""
PRESMOOTH = 0.7
"""Gaussian sigma, in pixels, of the smoothing before detail is measured in noisy planes."""
NOISY = 1 / 255
"""Noise of such planes at least, as a part of the image's range."""
LARGEST_RATIO = 2.0
"""Limit of the log ratio of two energies; larger ratios are no stronger evidence."""
BOUNDARY_SMOOTHNESS = 20.0
"""Smoothness of the occlusion boundary, in pixels squared; smoothing stops at edges of the image.
Without that (`EdgeAwareMean`) the boundary is found 2 dB (`strands-still`) to 6 dB
(`coins-step-still`) worse."""
BOUNDARY_EDGE = 8 / 255
"""Step of brightness, as a part of the image's range, at which that smoothing stops."""
STEEPNESS = 2.0
"""Slope from the smoothed log ratio to the share of the pixel that the foreground covers."""
READ = 0.5
"""Weight of the estimated depth, from -1 for the background to 1 for the foreground, beside the
evidence, where the sides are separated for the depth map: plain parts of the foreground remain
foreground (`coins-step-noisy` 0.35 to 0.30 planes). In the share it would gain 0.3 dB where there
is noise or motion, and lose as much where there is none."""
PEAK_WINDOW = 2.5
"""Gaussian sigma, in pixels, of the window over the foreground's detail in which its depth is
measured."""
SEARCHED = 2.0
"""Planes beyond the estimated depth in which the depth of the foreground is searched for: without a
limit, one in four parts of an image with little detail favoured the wrong end of the stack."""
PEAK_FLOOR = 0.1
"""Part of the energy where nothing is in focus that is added to an energy before its logarithm is
taken."""
LEAST_BEND = 0.05
"""Least curvature of the logarithm at a peak."""
SECOND = np.array([[-1, 2, -1]], np.float32)
"""Kernel of the second difference, with its sign reversed."""


@dataclass(frozen=True)
class OcclusionBoundary:
    """Foreground and background beside depth discontinuities; all maps are (Y, X).

    Attributes
    ----------
    band : numpy.ndarray
        bool: pixels near a discontinuity, on one side of an occlusion boundary or the other.
    nearest, farthest : numpy.ndarray
        float32: depth, in planes, of the foreground and of the background there.
    share : numpy.ndarray
        float32, 0 to 1: share of the pixel that the foreground covers; 0 outside the band.
    evidence : numpy.ndarray
        float32: smoothed log ratio from which the share follows, above 0 for the foreground.
    near : numpy.ndarray
        bool: pixels of the foreground, by the evidence and the estimated depth together.
    """

    band: NDArray[np.bool_]
    nearest: Plane
    farthest: Plane
    share: Plane
    evidence: Plane
    near: NDArray[np.bool_]


def depth_discontinuities(depth: Plane, jump: float) -> NDArray[np.bool_]:
    """Find where depth changes by much within three pixels.

    Parameters
    ----------
    depth : numpy.ndarray
        (Y, X) float32, in planes.
    jump : float
        Planes by which it must change at least.

    Returns
    -------
    numpy.ndarray
        (Y, X) bool, without regions of fewer than `SMALLEST_DISCONTINUITY` pixels.
    """
    kernel = disk(JUMP_RADIUS)
    apart: NDArray[np.bool_] = cv2.dilate(depth, kernel) - cv2.erode(depth, kernel) > jump
    return without_small_regions(apart, SMALLEST_DISCONTINUITY) if apart.any() else apart


def fine_energy(plane: Plane, noisy: bool) -> Plane:
    """Return the squared modified Laplacian [1]_, averaged over a pixel or two.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) float32.
    noisy : bool
        Whether noise must be smoothed first.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32.

    References
    ----------
    .. [1] S. K. Nayar and Y. Nakagawa, "Shape from focus", IEEE PAMI 16, 1994,
       https://doi.org/10.1109/34.308479
    """
    bright = luminance(plane)
    if noisy:
        bright = cv2.GaussianBlur(bright, (0, 0), PRESMOOTH)
    bent = np.abs(cv2.filter2D(bright, -1, SECOND))
    bent += np.abs(cv2.filter2D(bright, -1, SECOND.T))
    energy: Plane = cv2.GaussianBlur(np.square(bent), (0, 0), BOUNDARY_DETAIL_SIGMA)
    return energy


def floor_of(energies: Sequence[Plane]) -> np.float32:
    """Return the energy where nothing is in focus, below which differences mean nothing.

    Parameters
    ----------
    energies : sequence of numpy.ndarray
        `fine_energy` of every plane, (Y, X) float32 each.

    Returns
    -------
    numpy.float32
        Median over the pixels of the least energy in any plane.
    """
    least = energies[0].copy()
    for energy in energies[1:]:
        np.minimum(least, energy, out=least)
    return np.float32(max(float(np.median(least)), 1e-12))


def evidence(energies: Sequence[Plane], depth: Plane, floor: np.float32, jump: float) -> Plane:
    """Return the log ratio of the energy at a depth to that behind it.

    Parameters
    ----------
    energies : sequence of numpy.ndarray
        `fine_energy` of every plane, (Y, X) float32 each, from back to front.
    depth : numpy.ndarray
        (Y, X) float32, in planes: depth of the foreground.
    floor : numpy.float32
        Energy where nothing is in focus (`floor_of`).
    jump : float
        Planes by which the background lies behind the foreground at least.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32 between `-LARGEST_RATIO` and `LARGEST_RATIO`, above 0 for the foreground.
    """
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
    """Find the occlusion boundary of the foreground.

    Parameters
    ----------
    energies : sequence of numpy.ndarray
        `fine_energy` of every plane, (Y, X) float32 each, from back to front.
    depth : numpy.ndarray
        (Y, X) float32, in planes.
    around : numpy.ndarray
        (Y, X) bool: depth discontinuities that count.
    picture : sequence of numpy.ndarray
        Brightness of the planes, (Y, X) float32 each.
    jump : float
        Planes by which the background lies behind the foreground at least.
    edge : float
        Step of brightness at which smoothing stops.

    Returns
    -------
    OcclusionBoundary
        Share of the foreground in each pixel, and the depths of both sides.
    """
    nearest, farthest = sides_of(depth)
    side = (2 * depth - nearest - farthest) / np.maximum(nearest - farthest, np.float32(jump))
    band = (nearest - farthest > jump) & dilate(around, BAND_RADIUS)
    own = detail_peak(
        energies, band.astype(np.float32), (farthest + jump, nearest + SEARCHED), band
    )
    np.copyto(nearest, np.maximum(own.depth, farthest + jump), where=band & own.clear)
    guide = pick_plane(picture, nearest)
    smooth = EdgeAwareMean(guide, BOUNDARY_SMOOTHNESS, edge)
    found, side = smooth(evidence(energies, nearest, floor_of(energies), jump), side)
    share = np.clip(np.float32(STEEPNESS) * found + np.float32(0.5), 0, 1)
    share[~band] = 0
    foreground = band & (found + np.float32(READ) * side > 0)
    return OcclusionBoundary(band, nearest, farthest, share, found, foreground)


def sides_of(depth: Plane) -> tuple[Plane, Plane]:
    """Return the depths of foreground and background around each pixel.

    Parameters
    ----------
    depth : numpy.ndarray
        (Y, X) float32, in planes.

    Returns
    -------
    nearest, farthest : numpy.ndarray
        (Y, X) float32: greatest and least depth within `BAND_RADIUS` pixels.
    """
    kernel = disk(BAND_RADIUS)
    return cv2.dilate(depth, kernel), cv2.erode(depth, kernel)


@dataclass(frozen=True)
class DetailPeak:
    """Depth with the most detail; all maps are (Y, X).

    Attributes
    ----------
    depth : numpy.ndarray
        float32, in planes; below 0 where no plane lies between the depths, or none was searched.
    clear : numpy.ndarray
        bool: whether the planes before and after it, if there are any, show less detail.
    """

    depth: Plane
    clear: NDArray[np.bool_]


def detail_peak(
    energies: Sequence[Plane],
    weight: Plane,
    within: tuple[Plane, Plane],
    where: NDArray[np.bool_],
) -> DetailPeak:
    """Find the depth with the most detail between two depths, by a parabola through its logarithm.

    Parameters
    ----------
    energies : sequence of numpy.ndarray
        `fine_energy` of every plane, (Y, X) float32 each.
    weight : numpy.ndarray
        (Y, X) float32: weight of each pixel's detail.
    within : tuple of numpy.ndarray
        Least and greatest depth, (Y, X) float32 each, in planes.
    where : numpy.ndarray
        (Y, X) bool: pixels at which it is searched for.

    Returns
    -------
    DetailPeak
        Depth of the peak at each of these pixels; elsewhere there is none.
    """
    least, pixels = floor_of(energies) * np.float32(PEAK_FLOOR), np.flatnonzero(where)
    shape = pixels.shape
    lowest, highest = within[0].take(pixels), within[1].take(pixels)
    best, before, after, last = (np.full(shape, -np.inf, np.float32) for _ in range(4))
    index = np.full(shape, -1, np.float32)
    for k, energy in enumerate(energies):
        smooth = cv2.GaussianBlur(energy * weight, (0, 0), PEAK_WINDOW)
        own = np.log(smooth.take(pixels) + least)
        np.copyto(after, own, where=index == k - 1)
        better = (own > best) & (lowest <= k) & (k <= highest)
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
    index += np.clip(offset, -0.5, 0.5)
    peak = DetailPeak(np.full(where.shape, -1, np.float32), np.zeros(where.shape, np.bool_))
    peak.depth[where], peak.clear[where] = index, clear
    return peak
