"""Planes folded one after the other into one sharp image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from napari_focus_stack.bands import Plane, expand, laplacian_pyramid, level_count, mean_square
from napari_focus_stack.focus import energies, score
from napari_focus_stack.registration import luminance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.noise import Noise
    from napari_focus_stack.planes import Mask

SELECTIVITY = 0.7
"""How fast a plane's weight falls with its distance from the best score: exp(-0.7 noise units)."""
SHRINK_WINDOW = 1.0
"""Gaussian sigma over which the fused band's power is measured before it is shrunk."""
LEAST_COVERAGE = 0.75
"""Part of a coarse pixel that must have been recorded for it to count."""


class Fusion(Protocol):
    """Takes planes one by one; `image` is what they add up to."""

    def add(self, plane: Plane, valid: Mask | None) -> Plane:
        """Fold in a plane, (Y, X[, C]) float32, recorded where `valid`; return its energy."""


class PyramidFusion:
    """Laplacian pyramid whose coefficients come from the planes that noise cannot tell apart.

    At every level a plane's weight falls exponentially with its distance from the best plane,
    counted in the noise of the energy itself: on clean stacks the best plane alone remains
    (selection by local energy: Burt and Kolczynski, "Enhanced image capture through fusion", ICCV
    1993), and where planes differ by noise only they are averaged. What remains is shrunk by
    Wiener's rule as far as the noise left explains it, and held to the range that planes recorded
    at each pixel.

    A plane must go on smoothly where it has not recorded: bands there see across the border.

    The weights are those of all planes together although planes are seen one at a time: what was
    gathered is scaled down whenever a better plane arrives.
    """

    def __init__(self, shape: tuple[int, ...], noise: Noise) -> None:
        self._levels = level_count(shape)
        self._noise = noise
        self._accumulators = [_Band(level) for level in range(self._levels)]
        self._base: Plane | None = None
        self._base_count: Plane | float = 0.0
        self._gaussian: list[Plane] = []
        self._lowest: Plane | None = None
        self._highest: Plane | None = None
        self.energies: list[Plane] = []

    def add(self, plane: Plane, valid: Mask | None) -> Plane:
        """Fold in a plane; see `Fusion`."""
        bands, gaussian = laplacian_pyramid(plane, self._levels)
        self.energies = energies(bands, gaussian, self._noise)
        for level, mask in enumerate(_mask_levels(valid, gaussian[:-1])):
            if mask is not None:
                self.energies[level][~mask] = 0
            self._accumulators[level].add(bands[level], self.energies[level], mask)
        self._add_base(bands[-1], valid)
        self._add_range(plane, valid)
        return self.energies[0]

    def _add_base(self, base: Plane, valid: Mask | None) -> None:
        weight: Plane | float = 1.0
        if valid is not None:
            small = cv2.resize(valid, base.shape[1::-1], interpolation=cv2.INTER_AREA)
            weight = _like(small.astype(np.float32) / 255, base)
        self._base_count = self._base_count + weight
        if self._base is None:
            self._base = base
            return
        share = np.divide(weight, np.maximum(self._base_count, 1e-6)).astype(np.float32)
        self._base = self._base + share * (base - self._base)

    def _add_range(self, plane: Plane, valid: Mask | None) -> None:
        if self._lowest is None or self._highest is None:
            self._lowest, self._highest = plane.copy(), plane.copy()
            if valid is not None:
                self._lowest[valid == 0], self._highest[valid == 0] = np.inf, -np.inf
        elif valid is None:
            np.minimum(self._lowest, plane, out=self._lowest)
            np.maximum(self._highest, plane, out=self._highest)
        else:
            inside = _like(valid > 0, plane)
            np.minimum(self._lowest, plane, out=self._lowest, where=inside)
            np.maximum(self._highest, plane, out=self._highest, where=inside)

    def image(self) -> Plane:
        """The fused image, (Y, X[, C]) float32; NaN where no plane recorded anything."""
        assert self._base is not None
        assert self._lowest is not None
        assert self._highest is not None
        fused = self._base
        for accumulator in reversed(self._accumulators):
            band = accumulator.shrunk(self._noise, fused)
            fused = expand(fused, band.shape)
            fused += band
        held: Plane = np.clip(fused, self._lowest, self._highest)
        held[self._lowest > self._highest] = np.nan
        return held


class _Band:
    """Running weighted mean of one pyramid level over the planes."""

    def __init__(self, level: int) -> None:
        self._level = level
        self._mean: Plane | None = None
        self._best: Plane
        self._weight: Plane
        self._squares: Plane

    def add(self, band: Plane, energy: Plane, mask: NDArray[np.bool_] | None) -> None:
        scored = score(energy, self._level)
        if mask is not None:
            scored[~mask] = -np.inf
        if self._mean is None:
            self._mean, self._best = band, scored
            self._weight = np.isfinite(scored).astype(np.float32)
            self._squares = self._weight.copy()
            return
        with np.errstate(invalid="ignore"):
            lead = scored - self._best
        lead[np.isnan(lead)] = -np.inf
        fading = np.exp(np.float32(-SELECTIVITY) * np.abs(lead))
        ahead = lead > 0
        old = np.where(ahead, fading, np.float32(1))
        new = np.where(ahead, np.float32(1), fading)
        self._weight *= old
        self._weight += new
        self._squares *= old * old
        self._squares += new * new
        new /= np.maximum(self._weight, np.float32(1e-12))
        # the running-mean form returns equal planes unchanged, to the bit
        self._mean += _like(new, band) * (band - self._mean)
        np.maximum(self._best, scored, out=self._best)

    def shrunk(self, noise: Noise, smoother: Plane) -> Plane:
        """The mean, less what its remaining noise explains (Wiener)."""
        assert self._mean is not None
        mean = self._mean
        remaining = self._squares / np.maximum(self._weight, np.float32(1e-12)) ** 2
        remaining *= noise.in_band(luminance(expand(smoother, mean.shape)), self._level)
        power = cv2.GaussianBlur(mean_square(mean), (0, 0), SHRINK_WINDOW)
        keep = 1 - remaining / np.maximum(power, np.float32(1e-20))
        np.maximum(keep, 0, out=keep)
        shrunk: Plane = mean * _like(keep, mean)
        return shrunk


class LaplacianFusion:
    """The original command's algorithm: Gaussian blur, Laplacian, largest absolute value wins.

    As in focus-stack 0.0.1, with its faults mended: the first of equal planes wins instead of the
    last, what a warp invented never does, and values keep their type.
    """

    def __init__(self, gaussian: int, laplacian: int) -> None:
        self._gaussian = gaussian
        self._laplacian = laplacian
        self._best: Plane | None = None
        self._image: Plane
        self._count = 0
        self.index: NDArray[np.uint16]

    def add(self, plane: Plane, valid: Mask | None) -> Plane:
        """Fold in a plane; see `Fusion`."""
        blurred = cv2.GaussianBlur(luminance(plane), (self._gaussian, self._gaussian), 0)
        energy = np.abs(cv2.Laplacian(blurred, cv2.CV_32F, ksize=self._laplacian))
        if valid is not None:
            energy[valid == 0] = -1
        if self._best is None:
            self._best, self._image = energy.copy(), plane.copy()
            self.index = np.zeros(energy.shape, np.uint16)
        else:
            better = energy > self._best
            self._best[better] = energy[better]
            self._image[better] = plane[better]
            self.index[better] = self._count
        self._count += 1
        recorded: Plane = np.maximum(energy, 0)
        return recorded

    def image(self) -> Plane:
        """The fused image, (Y, X[, C]) float32: every value is one that a plane recorded."""
        return self._image


class NearestPlaneFusion:
    """Each pixel from the plane nearest to its depth, of those that recorded it.

    Parameters
    ----------
    depth : numpy.ndarray
        (Y, X) float32, counted in the planes that are added.
    """

    def __init__(self, depth: Plane) -> None:
        self._depth = depth
        self._distance = np.full(depth.shape, np.inf, np.float32)
        self._image: NDArray[Any] | None = None
        self._count = 0

    def add(self, plane: Plane, valid: Mask | None) -> Plane:
        """Fold in a plane; see `Fusion`."""
        distance: Plane = np.abs(self._depth - np.float32(self._count))
        closer = distance < self._distance
        if valid is not None:
            closer &= valid > 0
        if self._image is None:
            self._image = plane.copy()
        self._image[closer] = plane[closer]
        self._distance[closer] = distance[closer]
        self._count += 1
        return distance

    def image(self) -> Plane:
        """The fused image, (Y, X[, C]) float32: every value is one that a plane recorded."""
        assert self._image is not None
        return self._image


def _mask_levels(valid: Mask | None, levels: list[Plane]) -> list[NDArray[np.bool_] | None]:
    if valid is None:
        return [None] * len(levels)
    masks: list[NDArray[np.bool_] | None] = [valid > 0]
    coverage = valid.astype(np.float32) / 255
    for _ in levels[1:]:
        coverage = cv2.pyrDown(coverage)
        masks.append(coverage > LEAST_COVERAGE)
    return masks


def _like(flat: NDArray[Any], plane: Plane) -> NDArray[Any]:
    """A (Y, X) array that broadcasts over the channels of a plane."""
    return flat if plane.ndim == 2 else flat[..., None]
