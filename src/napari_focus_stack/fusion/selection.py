"""Planes folded one after the other into one sharp image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from napari_focus_stack.imgproc.pyramids import luminance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.dtypes import Mask
    from napari_focus_stack.imgproc.pyramids import Plane


class Fusion(Protocol):
    """Takes planes one by one; `image` is what they add up to."""

    def add(self, plane: Plane, valid: Mask | None) -> Plane:
        """Fold in a plane, (Y, X[, C]) float32, recorded where `valid`; return its energy."""

    def image(self) -> Plane:
        """Give the fused image, (Y, X[, C]) float32."""


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
