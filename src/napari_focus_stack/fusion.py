"""Planes folded one after the other into one sharp image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from napari_focus_stack.bands import Plane, expand, laplacian_pyramid, level_count, luminance
from napari_focus_stack.focus import UNRECORDED, energies, score, window_samples
from napari_focus_stack.noise import OPPONENT, opponent

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_focus_stack.noise import Noise
    from napari_focus_stack.planes import Mask

SELECTIVITY = 0.85
"""How fast a plane's weight falls with its distance from the best score: exp(-0.85 noise units)."""
SHRINK_WINDOW = 1.5
"""Gaussian sigma over which the fused band's power is measured before it is shrunk."""
LEAST_COVERAGE = 0.75
"""Part of a coarse pixel that must have been recorded for it to count."""


class Fusion(Protocol):
    """Takes planes one by one; `image` is what they add up to."""

    def add(self, plane: Plane, valid: Mask | None) -> Plane:
        """Fold in a plane, (Y, X[, C]) float32, recorded where `valid`; return its energy."""

    def image(self) -> Plane:
        """Give the fused image, (Y, X[, C]) float32."""


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

    def __init__(
        self, shape: tuple[int, ...], noise: Noise, check: Callable[[], None] = lambda: None
    ) -> None:
        self._levels = level_count(shape)
        self._noise = noise
        self._check = check
        self._means = [_RunningMean() for _ in range(self._levels + 1)]
        self._lowest: Plane
        self._highest: Plane
        self._empty = True
        self.energies: list[Plane] = []

    def add(self, plane: Plane, valid: Mask | None) -> Plane:
        """Fold in a plane; see `Fusion`. `energies` then holds its energy at every level."""
        bands, gaussian = laplacian_pyramid(plane, self._levels)
        self._check()
        self.energies = energies(bands, gaussian, self._noise)
        for level, recorded in enumerate(_recorded(valid, gaussian[:-1])):
            self._check()
            if recorded is not None:
                self.energies[level][~recorded] = UNRECORDED
            scored = score(self.energies[level], window_samples(level))
            self._means[level].add(bands[level], scored)
        # the residual has no detail of its own; its light belongs to the plane in focus above it
        self._means[-1].add(bands[-1], cv2.pyrDown(scored))
        self._add_range(plane, valid)
        return self.energies[0]

    def _add_range(self, plane: Plane, valid: Mask | None) -> None:
        lowest = highest = plane
        if valid is not None:
            outside = _like(valid, plane) == 0
            lowest, highest = plane.copy(), plane.copy()
            lowest[outside], highest[outside] = np.inf, -np.inf
        if self._empty:
            self._lowest, self._highest, self._empty = lowest.copy(), highest.copy(), False
        else:
            np.minimum(self._lowest, lowest, out=self._lowest)
            np.maximum(self._highest, highest, out=self._highest)

    def image(self) -> Plane:
        """The fused image, (Y, X[, C]) float32; NaN where no plane recorded anything."""
        fused = self._means[-1].mean
        for level in range(self._levels - 1, -1, -1):
            self._check()
            mean = self._means[level]
            fused = expand(fused, mean.mean.shape)
            variance = self._noise.in_band(luminance(fused), level)
            left = mean.noise_left() * variance
            if fused.ndim == 2:
                fused += _shrunk(mean.mean, left)
            else:
                fused += _shrunk_colour(mean.mean, left, self._noise.opponent_at(level))
        held: Plane = np.clip(fused, self._lowest, self._highest)
        held[self._lowest > self._highest] = np.nan
        return held


class _RunningMean:
    """Mean of one pyramid level over the planes, each weighted by how near it comes to the best."""

    def __init__(self) -> None:
        self.mean: Plane
        self._best: Plane | None = None
        self._weight: Plane
        self._squares: Plane

    def add(self, band: Plane, scored: Plane) -> None:
        """Take in a plane's band, (y, x[, C]), with its score, (y, x)."""
        if self._best is None:
            self.mean, self._best = band.copy(), scored.copy()
            self._weight, self._squares = np.ones_like(scored), np.ones_like(scored)
            return
        lead: Plane = np.subtract(scored, self._best)
        np.maximum(self._best, scored, out=self._best)
        ahead = lead > 0
        np.abs(lead, out=lead)
        lead *= np.float32(-SELECTIVITY)
        fading = np.exp(lead, out=lead)
        old = np.where(ahead, fading, np.float32(1))
        new = np.where(ahead, np.float32(1), fading)
        self._weight *= old
        self._weight += new
        self._squares *= np.square(old, out=old)
        self._squares += np.square(new)
        new /= self._weight
        # the running-mean form returns equal planes unchanged, to the bit
        step = band - self.mean
        step *= _like(new, band)
        self.mean += step

    def noise_left(self) -> Plane:
        """Part of a single plane's noise variance that the mean still has, (y, x)."""
        left: Plane = np.divide(self._squares, np.square(self._weight))
        return left


def _shrunk(band: Plane, variance: Plane) -> Plane:
    """A band less what noise of this variance explains of it (Wiener)."""
    power: Plane = cv2.GaussianBlur(np.square(band), (0, 0), SHRINK_WINDOW)
    keep: Plane = np.maximum(power - variance, 0)
    keep /= np.maximum(power, np.finfo(np.float32).tiny)
    keep *= band
    return keep


def _shrunk_colour(band: Plane, variance: Plane, ratios: tuple[float, ...]) -> Plane:
    """A colour band, (y, x, C), shrunk in brightness and colour differences each for itself.

    Specimens vary less in colour than in brightness, noise as much: 1.3 dB on `histology-noisy`.
    """
    parts = opponent(band)
    for c, ratio in enumerate(ratios):
        parts[..., c] = _shrunk(parts[..., c], variance * np.float32(ratio))
    shrunk = band.copy()
    shrunk[..., :3] = cv2.transform(parts, OPPONENT.T)
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
        """The fused image, (Y, X[, C]) float32: recorded values, NaN where there are none."""
        assert self._best is not None
        self._image[self._best < 0] = np.nan
        return self._image


class _NearestFusion:
    """Each pixel, whole, from the plane that comes nearest to something and recorded it."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._nearest = np.full(shape[:2], np.inf, np.float32)
        self._image: Plane | None = None
        self._count = 0

    def _distance(self, plane: Plane) -> Plane:
        raise NotImplementedError

    def add(self, plane: Plane, valid: Mask | None) -> Plane:
        """Fold in a plane; see `Fusion`."""
        distance = self._distance(plane)
        closer = distance < self._nearest
        if valid is not None:
            closer &= valid > 0
        if self._image is None:
            self._image = plane.copy()
        self._image[closer] = plane[closer]
        self._nearest[closer] = distance[closer]
        self._count += 1
        return distance

    def image(self) -> Plane:
        """The fused image, (Y, X[, C]) float32: recorded values, NaN where there are none."""
        assert self._image is not None
        self._image[np.isinf(self._nearest)] = np.nan
        return self._image


class NearestPlaneFusion(_NearestFusion):
    """Each pixel from the plane nearest to its depth, of those that recorded it.

    Parameters
    ----------
    depth : numpy.ndarray
        (Y, X) float32, counted in the planes that are added.
    """

    def __init__(self, depth: Plane) -> None:
        super().__init__(depth.shape)
        self._depth = depth

    def _distance(self, plane: Plane) -> Plane:
        distance: Plane = np.abs(self._depth - np.float32(self._count))
        return distance


class NearestValueFusion(_NearestFusion):
    """Each pixel as that plane recorded it which comes nearest to a fused image there.

    The reassignment of Forster et al., "Complex wavelets for extended depth-of-field: a new method
    for the fusion of multichannel microscopy images", Microsc. Res. Tech. 2004.

    Parameters
    ----------
    image : numpy.ndarray
        (Y, X[, C]) float32; all its light counts, alpha does not.
    """

    def __init__(self, image: Plane) -> None:
        super().__init__(image.shape)
        self._target = image

    def _distance(self, plane: Plane) -> Plane:
        apart: Plane = np.abs(plane - self._target)
        return apart if apart.ndim == 2 else np.asarray(apart[..., :3].sum(-1))


def _recorded(valid: Mask | None, levels: list[Plane]) -> list[NDArray[np.bool_] | None]:
    """Where each level of a plane shows what was recorded; None for everywhere."""
    if valid is None:
        return [None] * len(levels)
    masks: list[NDArray[np.bool_] | None] = [valid > 0]
    coverage: Plane = valid.astype(np.float32) / np.float32(255)
    for _ in levels[1:]:
        coverage = cv2.pyrDown(coverage)
        masks.append(coverage > LEAST_COVERAGE)
    return masks


def _like(flat: NDArray[Any], plane: Plane) -> NDArray[Any]:
    """A (Y, X) array repeated for the channels of a plane."""
    return flat if plane.ndim == 2 else cv2.merge([flat] * plane.shape[2])
