"""Fine texture of planes, which stays where the specimen is while focus wanders over the field.

The zone that is in focus takes light (optical sections) or contrast with it; intensities follow it
as if the field were magnified or shifted. Divided by its own contrast, fine detail does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.alignment.gauss_newton import SMALLEST_STEP
from napari_focus_stack.alignment.motion_evidence import HUBER
from napari_focus_stack.imgproc.transforms import rescale, warp_masked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_focus_stack.alignment.reduced_planes import ReducedPlane
    from napari_focus_stack.alignment.similarity import Region
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix


COARSE = 1.5
"""Gaussian sigma, in pixels of the reduced plane, below which detail is texture."""
CONTRAST_SIGMA = 3.0
"""Gaussian sigma over which contrast is measured to be divided out."""
QUIET_QUANTILE = 0.1
"""Quantile of the contrast of a plane that may be noise; in the plane where it is least it is."""
STRONG, MOST_TEXTURE_NOISE = 0.99, 0.1
"""Quantile that is strong detail, and the part of it that noise has at most."""
LEAST_CONTRAST = 0.02
"""Least part of the largest contrast that counts, where there is no noise."""
LEAST_TEXTURE = 2.5
"""Contrast, in that of the noise, from which on there is texture."""
REGION, SMALLEST_REGION, ACROSS = 24, 8, 3
"""Side in pixels of a region, at most and at least, and how many a plane has across: texture is
alike over 3 or 4, so that large ones hold 40 samples or more."""
MOST_SHIFT_STEPS = 8
FEWEST_TEXTURED = 200


@dataclass(frozen=True)
class Texture:
    """Texture of one plane, reduced if it is large.

    Attributes
    ----------
    detail : numpy.ndarray
        (y, x) float32, of about the same contrast everywhere.
    shown : numpy.ndarray
        (y, x) float32: 1 where there is texture, else 0.
    field : tuple of int
        Size of the plane itself.
    """

    detail: Plane
    shown: Plane
    field: tuple[int, int]

    @classmethod
    def of(
        cls, view: ReducedPlane, noise: float, region: Region | None = None, *, fine: bool = False
    ) -> Texture:
        """Take the texture of a plane; of a region alone, if any.

        Parameters
        ----------
        view : ReducedPlane
            Of the plane.
        noise : float
            Contrast that noise alone has, in grey levels; see `texture_noise`.
        region : numpy.ndarray, optional
            (Y, X) bool, of the plane's own size.
        fine : bool
            Whether to take the finest texture, as in optical sections, where a lit zone may be
            hardly wider; a lens that is not focused on it takes that away first.
        """
        detail, contrast = _detail(view, fine)
        floor = np.float32(max(noise / _unit(view), LEAST_CONTRAST * float(contrast.max()), 1e-6))
        shown = contrast > np.float32(LEAST_TEXTURE) * floor
        if region is not None:
            size = shown.shape[::-1]
            shown &= cv2.resize(region.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
        return cls(detail / (contrast + 2 * floor), shown.astype(np.float32), view.shape)

    def own_size(self, matrix: Matrix) -> Matrix:
        """A transform between full planes, for this size."""
        return rescale(matrix, *self._factors())

    def full_size(self, matrix: Matrix) -> Matrix:
        """A transform at this size, for the planes themselves."""
        down, right = self._factors()
        return rescale(matrix, 1 / down, 1 / right)

    def _factors(self) -> tuple[float, float]:
        (h, w), (y, x) = self.field, self.detail.shape
        return y / h, x / w


def texture_noise(views: Iterable[ReducedPlane], *, fine: bool = False) -> float:
    """Contrast of fine detail that noise alone has, in grey levels, in the plane of least detail.

    Never more than a part of the strongest detail: some planes are textured all over.
    """
    quiet, strong = [], []
    for view in views:
        contrast = _detail(view, fine)[1][::4, ::4]
        quiet.append(float(np.quantile(contrast, QUIET_QUANTILE)) * _unit(view))
        strong.append(float(np.quantile(contrast, STRONG)) * _unit(view))
    return min(*quiet, MOST_TEXTURE_NOISE * max(strong))


def _detail(view: ReducedPlane, fine: bool) -> tuple[Plane, Plane]:
    """Detail of a plane, and its contrast."""
    if fine:
        detail = view.texture.astype(np.float32)
    else:
        band = view.levels[0]
        detail = cv2.subtract(band, cv2.GaussianBlur(band, (0, 0), COARSE))
    return detail, np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), CONTRAST_SIGMA))


def _unit(view: ReducedPlane) -> float:
    return max(view.contrast, 1e-30)


def texture_shift(fixed: Texture, moving: Texture, start: Matrix) -> Matrix:
    """Shift of texture between two planes, by Gauss-Newton steps from a transform close to it.

    Parameters
    ----------
    fixed, moving : Texture
        Of two planes close in focus.
    start : numpy.ndarray
        (3, 3) between the full planes, from `fixed` to `moving`: a shift.

    Returns
    -------
    numpy.ndarray
        (3, 3); `start` where planes have too little texture in common.
    """
    shift = fixed.own_size(start).copy()
    for _ in range(MOST_SHIFT_STEPS):
        seen = over(moving, shift)
        both = fixed.shown * seen.shown > 0
        if np.count_nonzero(both) < FEWEST_TEXTURED:
            return start
        apart = cv2.subtract(fixed.detail, seen.detail)
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


def over(texture: Texture, matrix: Matrix) -> Texture:
    """Texture as the pixels of another plane, of the same size, see it."""
    if np.array_equal(matrix, np.eye(3)):
        return texture
    detail, shown = (
        warp_masked(plane, matrix, plane.shape) for plane in (texture.detail, texture.shown)
    )
    return Texture(detail, (shown > np.float32(0.99)).astype(np.float32), texture.field)


def region_side(shape: tuple[int, ...]) -> int:
    """Side of the regions of planes of this shape."""
    return min(REGION, max(SMALLEST_REGION, min(shape) // ACROSS))


def region_means(plane: Plane) -> Plane:
    """Mean of a plane in each whole region."""
    side = region_side(plane.shape)
    rows, cols = (max(1, length // side) for length in plane.shape)
    whole = plane[: rows * side, : cols * side]
    means: Plane = cv2.resize(whole, (cols, rows), interpolation=cv2.INTER_AREA)
    return means
