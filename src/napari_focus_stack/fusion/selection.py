"""Fusion by selection: every pixel of the sharp image is taken from one plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from napari_focus_stack.imgproc.alpha import has_alpha
from napari_focus_stack.imgproc.dtypes import nothing
from napari_focus_stack.imgproc.pyramids import luminance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.dtypes import Mask
    from napari_focus_stack.imgproc.pyramids import Plane


class Fusion(Protocol):
    """Fusion of planes that are added one by one."""

    def add(self, plane: Plane, recorded: Mask | None, values: NDArray[Any] | None = None) -> Plane:
        """Add a plane.

        Parameters
        ----------
        plane : numpy.ndarray
            (Y, X[, C]) float32.
        recorded : numpy.ndarray or None
            (Y, X) uint8, 0 where the plane recorded nothing; None if it recorded everything.
        values : numpy.ndarray, optional
            As `plane`, in a type that every plane shares: pixels to select from, where float32
            does not hold them exactly; by default, `plane`.

        Returns
        -------
        numpy.ndarray
            (Y, X) float32 measure by which planes were compared at each pixel.
        """

    def image(self) -> NDArray[Any]:
        """Return the fused image.

        Returns
        -------
        numpy.ndarray
            (Y, X[, C]) recorded values; where no plane recorded any, NaN, or 0 in integer types.
        """


class LaplacianFusion:
    """The original command's algorithm: Gaussian blur, Laplacian, largest absolute value wins.

    As in focus-stack 0.0.1, with its faults corrected: the first of equal planes wins instead of
    the last, values invented by a warp never do, and values keep their type.

    Parameters
    ----------
    gaussian : int
        Size of the Gaussian kernel, in pixels.
    laplacian : int
        Size of the Laplacian kernel, in pixels.

    Attributes
    ----------
    index : numpy.ndarray
        (Y, X) uint16 number of the plane each pixel was taken from.
    """

    def __init__(self, gaussian: int, laplacian: int) -> None:
        self._gaussian = gaussian
        self._laplacian = laplacian
        self._best: Plane | None = None
        self._image: NDArray[Any]
        self._count = 0
        self.index: NDArray[np.uint16]

    def add(self, plane: Plane, recorded: Mask | None, values: NDArray[Any] | None = None) -> Plane:
        """Add a plane.

        Parameters
        ----------
        plane : numpy.ndarray
            (Y, X[, C]) float32.
        recorded : numpy.ndarray or None
            (Y, X) uint8, 0 where the plane recorded nothing; None if it recorded everything.
        values : numpy.ndarray, optional
            As `plane`, in a type that every plane shares: pixels to select from, where float32
            does not hold them exactly; by default, `plane`.

        Returns
        -------
        numpy.ndarray
            (Y, X) float32 energy; 0 where the plane recorded nothing.
        """
        blurred = cv2.GaussianBlur(luminance(plane), (self._gaussian, self._gaussian), 0)
        energy = np.abs(cv2.Laplacian(blurred, cv2.CV_32F, ksize=self._laplacian))
        if has_alpha(plane):
            energy *= plane[..., 3]
        if recorded is not None:
            energy[recorded == 0] = -1
        values = plane if values is None else values
        if self._best is None:
            self._best, self._image = energy.copy(), values.copy()
            self.index = np.zeros(energy.shape, np.uint16)
        else:
            better = energy > self._best
            self._best[better] = energy[better]
            self._image[better] = values[better]
            self.index[better] = self._count
        self._count += 1
        measure: Plane = np.maximum(energy, 0)
        return measure

    def image(self) -> NDArray[Any]:
        """Return the fused image.

        Returns
        -------
        numpy.ndarray
            (Y, X[, C]) recorded values; where no plane recorded any, NaN, or 0 in integer types.
        """
        assert self._best is not None
        self._image[self._best < 0] = nothing(self._image.dtype)
        return self._image


class _NearestFusion:
    """Each pixel with all channels from the recorded plane of the smallest distance."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._nearest = np.full(shape[:2], np.inf, np.float32)
        self._image: NDArray[Any] | None = None
        self._count = 0

    def _distance(self, plane: Plane) -> Plane:
        raise NotImplementedError

    def add(self, plane: Plane, recorded: Mask | None, values: NDArray[Any] | None = None) -> Plane:
        """Add a plane; see `Fusion.add`."""
        values = plane if values is None else values
        distance = self._distance(plane)
        closer = distance < self._nearest
        if recorded is not None:
            closer &= recorded > 0
        if self._image is None:
            self._image = values.copy()
        self._image[closer] = values[closer]
        self._nearest[closer] = distance[closer]
        self._count += 1
        return distance

    def image(self) -> NDArray[Any]:
        """Return the fused image.

        Returns
        -------
        numpy.ndarray
            (Y, X[, C]) recorded values; where no plane recorded any, NaN, or 0 in integer types.
        """
        assert self._image is not None
        self._image[np.isinf(self._nearest)] = nothing(self._image.dtype)
        return self._image


class NearestPlaneFusion(_NearestFusion):
    """Each pixel from the plane nearest to its depth, of those that recorded it.

    Parameters
    ----------
    depth : numpy.ndarray
        (Y, X) float32, in numbers of the planes in the order in which they are added.
    """

    def __init__(self, depth: Plane) -> None:
        super().__init__(depth.shape)
        self._depth = depth

    def _distance(self, plane: Plane) -> Plane:
        distance: Plane = np.abs(self._depth - np.float32(self._count))
        return distance


class NearestValueFusion(_NearestFusion):
    """Each pixel from the plane whose value is nearest to that of a fused image.

    This is the reassignment of [1]_.

    Parameters
    ----------
    image : numpy.ndarray
        (Y, X[, C]) float32 fused image; all channels but alpha are compared.

    References
    ----------
    .. [1] B. Forster et al., "Complex wavelets for extended depth-of-field: a new method for the
       fusion of multichannel microscopy images", Microsc. Res. Tech. 65, 2004,
       https://doi.org/10.1002/jemt.20092
    """

    def __init__(self, image: Plane) -> None:
        super().__init__(image.shape)
        self._target = image

    def _distance(self, plane: Plane) -> Plane:
        apart: Plane = np.abs(plane - self._target)
        return apart if apart.ndim == 2 else np.asarray(apart[..., :3].sum(-1))
