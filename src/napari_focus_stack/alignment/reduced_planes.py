"""Reduced planes for the alignment: small, band-passed, with their contrast and luminance."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.alignment.brightness import IlluminationSample
from napari_focus_stack.alignment.features import Features
from napari_focus_stack.alignment.gauss_newton import pyramid
from napari_focus_stack.alignment.similarity import Region, correlation
from napari_focus_stack.imgproc.pyramids import Plane, grey
from napari_focus_stack.imgproc.shrinking import reduced_to, shrunk
from napari_focus_stack.imgproc.smoothing import without_gaps
from napari_focus_stack.imgproc.transforms import Matrix, rescale, warp

if TYPE_CHECKING:
    from numpy.typing import NDArray

WORKING_PIXELS = 450_000
"""Most pixels of a reduced plane.

The corners of `speed-12mp` are 0.06 px off, and reading and aligning together take as long as
reading on one thread; with 600 000 pixels 0.05 px and 1.5 times as long.
"""
MOST_FACTOR = 0.7
"""Largest scale of a reduced plane: the finest detail is noise, and blur removes it first."""
TEXTURE = (0.85, 2.5)
"""Gaussian sigmas, in pixels of the reduced plane, of the band that is texture. With one adapted to
the reduced planes (1.5) shifts of fine texture in optical sections err by half as much again."""
FAINTEST = 1e-5
"""Part of the brightness below which contrast is the rounding of float32."""
ROUNDED = 1e-6
"""Part of the brightness up to which values differ by the rounding of a resampled plane alone."""
LEAST_SPIKE_SHARE = 0.1
"""Share of the variance of a plane that one pixel must hold to be a spike."""
SPREAD = 16
"""Most that shrinking divides a spike's share by: over 2 by 2 pixels."""
MOST_BESIDE_SPIKE = 0.1
"""Part of a spike's height up to which the pixels beside it rise; beside the narrowest point that a
lens projects (Gaussian sigma 0.6) it is 0.25."""
ENERGY_SIDE = 64
"""Longer side of the map of detail, fine enough to be resampled to another plane."""
FOCUS_SIDE = 16
"""Longer side of the map of detail that decides which planes are neighbours in focus."""


@dataclass(frozen=True)
class ReducedPlane:
    """A plane reduced for the alignment, with a band-passed pyramid.

    Attributes
    ----------
    levels : tuple of numpy.ndarray
        (y, x) float32 luminance, band-passed, in units of the contrast, finest first, each half
        the size of the one before.
    fine : numpy.ndarray
        (y, x) luminance of the type of the plane, not reduced where the plane is small.
    light : IlluminationSample
        Luminance, at most 128 pixels a side.
    energy : numpy.ndarray
        (y, x) float32 energy of the finest detail, at most 64 pixels a side.
    contrast : float
        Standard deviation of the luminance after noise was smoothed; 0 if all pixels have one
        value, -1 if none is finite.
    unit : float
        The contrast, or where there is hardly any, the least value that divides the luminance.
    shape : tuple of int
        (Y, X) of the full plane.
    """

    levels: tuple[Plane, ...]
    fine: NDArray[Any]
    light: IlluminationSample
    energy: Plane
    contrast: float
    unit: float
    shape: tuple[int, int]

    @classmethod
    def of(cls, plane: NDArray[Any], reduction: int = 1) -> ReducedPlane:
        """Reduce a plane.

        Parameters
        ----------
        plane : numpy.ndarray
            (Y, X[, C]) uint8, uint16 or float32.
        reduction : int
            Factor by which the plane is smaller than those of the stack already.

        Returns
        -------
        ReducedPlane
            The plane with at most 450 000 pixels; gaps are filled.
        """
        h, w = (side * reduction for side in plane.shape[:2])
        known = plane.dtype.kind != "f" or bool(np.isfinite(plane).any())
        if plane.dtype.kind == "f" and not np.isfinite(plane).all():
            plane, _ = without_gaps(plane)  # or the gaps' edges would count as still detail
        whole = grey(plane)
        reduced = shrunk(whole, _fitting(h, w, MOST_FACTOR))
        if _largest_share(reduced) > LEAST_SPIKE_SHARE / SPREAD:
            whole = _without_spikes(whole)
            reduced = shrunk(whole, _fitting(h, w, MOST_FACTOR))
        small = reduced.astype(np.float32)
        contrast = float(cv2.GaussianBlur(small, (0, 0), 2.0).std()) if known else -1.0
        if known and np.ptp(small) <= ROUNDED * float(np.abs(small).max()):
            contrast = 0.0
        unit = max(contrast, FAINTEST * float(np.abs(small).max()), 1e-30)
        levels = pyramid(small / unit)
        large = _fitting(h, w) == _fitting(h, w, MOST_FACTOR)
        fine = reduced if large else shrunk(whole, _fitting(h, w))
        bent = cv2.Laplacian(levels[0], cv2.CV_32F, ksize=3)
        energy = reduced_to(cv2.multiply(bent, bent, dst=bent), ENERGY_SIDE)
        light = IlluminationSample.of(small, plane.dtype == np.uint8 or plane.ndim == 3, (h, w))
        return cls(levels, fine, light, energy, contrast, unit, (h, w))

    @property
    def nbytes(self) -> int:
        """Memory of all arrays, in bytes."""
        levels = sum(level.nbytes for level in self.levels)
        return levels + self.fine.nbytes + self.light.nbytes + self.energy.nbytes

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the keypoints, which another thread may be computing."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def features(self) -> Features:
        """Keypoints, detected on first access."""
        return Features.of(self.levels[0])

    @property
    def texture(self) -> Plane:
        """Fine detail of the luminance, (y, x) float32 in units of the contrast.

        It is computed on every access, because few stacks need it.
        """
        light = self.fine.astype(np.float32) / np.float32(self.unit)
        fine, coarse = (cv2.GaussianBlur(light, (0, 0), sigma) for sigma in TEXTURE)
        band: Plane = cv2.subtract(fine, coarse, dst=fine)
        return band

    def correlation(
        self, other: ReducedPlane, full_size: Matrix, region: Region | None = None
    ) -> float:
        """Correlate with another plane that a transform maps onto this one.

        Parameters
        ----------
        other : ReducedPlane
            The other plane.
        full_size : numpy.ndarray
            (3, 3) transform between the full planes, from this plane to the other.
        region : numpy.ndarray, optional
            (y, x) bool at the finest level, True where planes may be compared.

        Returns
        -------
        float
            Correlation at the finest level; -1 where the planes hardly overlap.
        """
        matrix = self.working_size(full_size)
        return correlation(self.levels[0], other.levels[0], matrix, region)

    def detail(self, full_size: Matrix | None = None) -> Plane:
        """Return the logarithm of the local energy, in at most 16 blocks a side.

        Parameters
        ----------
        full_size : numpy.ndarray, optional
            (3, 3) transform from the full reference plane to this plane, to resample the energy.

        Returns
        -------
        numpy.ndarray
            (y, x) float32.
        """
        energy = self.energy
        if full_size is not None:
            (h, w), (y, x) = self.shape, energy.shape
            energy, _ = warp(energy, rescale(full_size, y / h, x / w), cv2.INTER_LINEAR)
        logarithm: Plane = np.log(reduced_to(energy, FOCUS_SIDE) + np.float32(1e-12))
        return logarithm

    def full_size(self, matrix: Matrix) -> Matrix:
        """Rescale a transform from the finest level to the full planes.

        Parameters
        ----------
        matrix : numpy.ndarray
            (3, 3) transform at the working size.

        Returns
        -------
        numpy.ndarray
            (3, 3) transform between full planes.
        """
        (h, w), (y, x) = self.shape, self.levels[0].shape
        return rescale(matrix, h / y, w / x)

    def working_size(self, matrix: Matrix) -> Matrix:
        """Rescale a transform from the full planes to the finest level.

        Parameters
        ----------
        matrix : numpy.ndarray
            (3, 3) transform between full planes.

        Returns
        -------
        numpy.ndarray
            (3, 3) transform at the working size.
        """
        (h, w), (y, x) = self.shape, self.levels[0].shape
        return rescale(matrix, y / h, x / w)


def _largest_share(light: NDArray[Any]) -> float:
    """Return the largest share of the variance that one pixel holds."""
    mean, deviation = (float(value.item()) for value in cv2.meanStdDev(light))
    lowest, highest, _, _ = cv2.minMaxLoc(light)
    peak = max(mean - lowest, highest - mean)
    return 0.0 if deviation == 0 else (peak / deviation) ** 2 / light.size


def _without_spikes(light: NDArray[Any]) -> NDArray[Any]:
    """Replace single pixels that outweigh a plane, such as those of a faulty sensor, by the median.

    Beside the contrast of a reference plane with one value of a thousand times the others, all
    other planes looked blank.
    """
    mean, deviation = (float(value.item()) for value in cv2.meanStdDev(light))
    least = deviation * np.sqrt(LEAST_SPIKE_SHARE * light.size)
    rest = light.copy()
    for y, x in np.argwhere(cv2.absdiff(light, mean) > least):
        around = light[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].astype(np.float64)
        beside = np.sort(np.abs(around - mean), axis=None)[:-1]
        if beside[-1] <= MOST_BESIDE_SPIKE * abs(float(light[y, x]) - mean):
            rest[y, x] = np.median(around)
    return rest


def _fitting(h: int, w: int, most: float = 1.0) -> tuple[int, int]:
    """Return the width and height at which planes are compared, scaled by at most `most`."""
    factor = min(most, np.sqrt(WORKING_PIXELS / (h * w)))
    return max(1, round(w * factor)), max(1, round(h * factor))
