"""Fine texture of planes, which stays with the specimen while the focus moves over the field.

The zone in focus carries light (optical sections) or contrast with it; intensities follow it as if
the field were magnified or shifted. Fine detail divided by its own contrast does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.alignment.gauss_newton import SMALLEST_STEP
from napari_focus_stack.alignment.motion_evidence import HUBER
from napari_focus_stack.alignment.similarity import STRIDE
from napari_focus_stack.imgproc.transforms import rescale, warp_masked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_focus_stack.alignment.reduced_planes import ReducedPlane
    from napari_focus_stack.alignment.similarity import Region
    from napari_focus_stack.imgproc.dtypes import Mask
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix


COARSE = 1.5
"""Gaussian sigma, in pixels of the reduced plane, below which detail is texture."""
CONTRAST_SIGMA = 3.0
"""Gaussian sigma over which contrast is measured for the normalisation."""
QUIET_QUANTILE = 0.1
"""Quantile of a plane's contrast that may be noise; in the plane where it is smallest, it is."""
STRONG, MOST_TEXTURE_NOISE = 0.99, 0.1
"""Quantile of the contrast that is strong detail, and largest part of it attributed to noise."""
LEAST_CONTRAST = 0.02
"""Least part of the largest contrast that counts where there is no noise."""
LEAST_TEXTURE = 2.5
"""Contrast, as a multiple of that of the noise, above which there is texture."""
REGION, SMALLEST_REGION, ACROSS = 24, 8, 3
"""Largest and smallest side of a region in pixels, and least number of regions across a plane:
texture is correlated over 3 or 4 pixels, so that large regions hold 40 samples or more."""
SURELY = 0.99
"""Least part of the pixels around a place that must show texture for the place to show it."""
MOST_SHIFT_STEPS = 8
FEWEST_TEXTURED = 200


@dataclass(frozen=True)
class Texture:
    """Texture of one plane, reduced if the plane is large.

    Attributes
    ----------
    detail : numpy.ndarray
        (y, x) float32, of about the same contrast everywhere.
    shown : numpy.ndarray
        (y, x) uint8: 255 where there is texture, else 0.
    field : tuple of int
        (Y, X) of the full plane.
    step : int
        Step between the pixels that suffice to compare two planes. Noise of the finest texture
        differs from pixel to pixel, so that all of them count.
    """

    detail: Plane
    shown: Mask
    field: tuple[int, int]
    step: int = 1

    @classmethod
    def of(
        cls, plane: ReducedPlane, noise: float, region: Region | None = None, *, fine: bool = False
    ) -> Texture:
        """Extract the texture of a plane, or of a region of it.

        Parameters
        ----------
        plane : ReducedPlane
            The reduced plane.
        noise : float
            Contrast of noise alone, in grey levels; see `texture_noise`.
        region : numpy.ndarray, optional
            (Y, X) bool at the size of the full plane, True where texture is wanted.
        fine : bool
            Whether to use the finest texture, as in optical sections, where a lit zone may be
            hardly wider; defocus removes the finest texture first.

        Returns
        -------
        Texture
            Texture at the reduced size.
        """
        detail, contrast = _detail(plane, fine)
        floor = np.float32(max(noise / _unit(plane), LEAST_CONTRAST * float(contrast.max()), 1e-6))
        shown = cv2.compare(contrast, LEAST_TEXTURE * float(floor), cv2.CMP_GT)
        if region is not None:
            size = shown.shape[::-1]
            inside = cv2.resize(region.astype(np.uint8), size, interpolation=cv2.INTER_AREA)
            shown[inside == 0] = 0
        contrast += 2 * floor
        np.divide(detail, contrast, out=detail)
        return cls(detail, shown, plane.shape, 1 if fine else STRIDE)

    def own_size(self, matrix: Matrix) -> Matrix:
        """Rescale a transform from the full planes to the size of the texture.

        Parameters
        ----------
        matrix : numpy.ndarray
            (3, 3) transform between full planes.

        Returns
        -------
        numpy.ndarray
            (3, 3) transform between textures.
        """
        return rescale(matrix, *self._factors())

    def full_size(self, matrix: Matrix) -> Matrix:
        """Rescale a transform from the size of the texture to the full planes.

        Parameters
        ----------
        matrix : numpy.ndarray
            (3, 3) transform between textures.

        Returns
        -------
        numpy.ndarray
            (3, 3) transform between full planes.
        """
        down, right = self._factors()
        return rescale(matrix, 1 / down, 1 / right)

    def _factors(self) -> tuple[float, float]:
        (h, w), (y, x) = self.field, self.detail.shape
        return y / h, x / w


def texture_noise(planes: Iterable[ReducedPlane], *, fine: bool = False) -> float:
    """Estimate the contrast of noise alone, from the plane of least fine detail.

    The estimate is limited to a part of the strongest detail: some planes are textured all over.

    Parameters
    ----------
    planes : iterable of ReducedPlane
        Reduced planes of one stack.
    fine : bool
        Whether to use the finest texture, as in `Texture.of`.

    Returns
    -------
    float
        Contrast in grey levels.
    """
    quiet, strong = [], []
    for plane in planes:
        contrast = _detail(plane, fine)[1][::4, ::4]
        quiet.append(float(np.quantile(contrast, QUIET_QUANTILE)) * _unit(plane))
        strong.append(float(np.quantile(contrast, STRONG)) * _unit(plane))
    return min(*quiet, MOST_TEXTURE_NOISE * max(strong))


def _detail(plane: ReducedPlane, fine: bool) -> tuple[Plane, Plane]:
    """Return the detail of a plane and its local contrast."""
    if fine:
        detail = plane.texture
    else:
        band = plane.levels[0]
        detail = cv2.subtract(band, cv2.GaussianBlur(band, (0, 0), COARSE))
    power = cv2.GaussianBlur(cv2.multiply(detail, detail), (0, 0), CONTRAST_SIGMA)
    return detail, cv2.sqrt(power, dst=power)


def _unit(plane: ReducedPlane) -> float:
    return max(plane.contrast, 1e-30)


def texture_shift(fixed: Texture, moving: Texture, start: Matrix) -> Matrix:
    """Estimate the shift of texture between two planes by Gauss-Newton steps.

    Parameters
    ----------
    fixed, moving : Texture
        Texture of two planes close in focus.
    start : numpy.ndarray
        (3, 3) shift between the full planes, from `fixed` to `moving`, already close.

    Returns
    -------
    numpy.ndarray
        (3, 3) shift between the full planes; `start` where they share too little texture.
    """
    shift = fixed.own_size(start).copy()
    for _ in range(MOST_SHIFT_STEPS):
        overlaid = over(moving, shift)
        both = (fixed.shown & overlaid.shown) > 0
        if np.count_nonzero(both) < FEWEST_TEXTURED:
            return start
        apart = cv2.subtract(fixed.detail, overlaid.detail)
        size = np.abs(apart)
        limit = HUBER * 1.4826 * float(np.median(size[both])) + 1e-6
        weight = both / np.maximum(size / np.float32(limit), 1)
        middle = cv2.scaleAdd(apart, -0.5, fixed.detail)
        x, y = (
            cv2.Scharr(middle, cv2.CV_32F, *axis, scale=1 / 32)[both] for axis in ((1, 0), (0, 1))
        )
        w, d = weight[both], apart[both]
        normal = np.array([[(w * x * x).sum(), (w * x * y).sum()], [0, (w * y * y).sum()]])
        normal[1, 0] = normal[0, 1]
        normal += np.eye(2) * (1e-6 * normal.trace() + 1e-12)
        step = np.linalg.solve(normal, [(w * x * d).sum(), (w * y * d).sum()])
        shift[:2, 2] += step
        if np.abs(step).max() < SMALLEST_STEP / 4:
            break
    return fixed.full_size(shift)


def over(texture: Texture, matrix: Matrix, step: int = 1) -> Texture:
    """Resample a texture to the pixels of another plane of the same size, or to some of them.

    Parameters
    ----------
    texture : Texture
        Texture to resample.
    matrix : numpy.ndarray
        (3, 3) transform, pixel of the other texture to pixel of this one.
    step : int
        Step between the rows, and the columns, of the other plane that are wanted.

    Returns
    -------
    Texture
        The resampled texture; pixels from beyond its edges show none.
    """
    detail, shown = texture.detail, texture.shown
    some = np.s_[::step, ::step]
    if np.array_equal(matrix, np.eye(3)):
        return Texture(detail[some], shown[some], texture.field)
    matrix, shape = matrix @ np.diag([step, step, 1.0]), detail[some].shape
    surely = cv2.compare(warp_masked(shown, matrix, shape), SURELY * 255, cv2.CMP_GT)
    return Texture(warp_masked(detail, matrix, shape), surely, texture.field)


def region_side(shape: tuple[int, ...]) -> int:
    """Return the side of the regions of planes of this shape.

    Parameters
    ----------
    shape : tuple of int
        (y, x) of a texture.

    Returns
    -------
    int
        Side in pixels.
    """
    return min(REGION, max(SMALLEST_REGION, min(shape) // ACROSS))


def region_means(plane: Plane, side: int) -> Plane:
    """Average a plane over each whole region.

    Parameters
    ----------
    plane : numpy.ndarray
        (y, x) float32.
    side : int
        Side of the regions in pixels.

    Returns
    -------
    numpy.ndarray
        (rows, columns) float32 means.
    """
    rows, cols = (max(1, length // side) for length in plane.shape)
    whole = plane[: rows * side, : cols * side]
    means: Plane = cv2.resize(whole, (cols, rows), interpolation=cv2.INTER_AREA)
    return means
