"""Errors of planes as rendered from an image, added up by a compiled kernel (`errors.c`)."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._compiled.library import address, kernels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane


class _Rendered(ctypes.Structure):
    """Rendering of a plane, as `Rendered` in `errors.c`."""

    _fields_ = (
        ("pixels", ctypes.c_void_p),
        ("count", ctypes.c_int64),
        ("channels", ctypes.c_int64),
        ("discs", ctypes.c_void_p),
        ("levels", ctypes.c_void_p),
        ("light", ctypes.c_void_p),
        ("cover", ctypes.c_void_p),
        ("gamma", ctypes.c_float),
        ("noise", ctypes.c_float),
        ("worst", ctypes.c_float),
    )


@dataclass(frozen=True)
class Rendering:
    """Some pixels of a plane as rendered from an image.

    Attributes
    ----------
    pixels : numpy.ndarray
        (m,) int: the pixels, by their places in the flattened plane.
    discs : numpy.ndarray
        (m,) float32: number of the disc that blurs each of them, with a fraction.
    levels : sequence of numpy.ndarray
        (Y * X[, C]) float32 each: the image as it is, then blurred by each disc.
    light : numpy.ndarray or None
        (Y, X[, C]) float32: light of the foreground that is added.
    cover : numpy.ndarray or None
        (Y, X) float32: share of the light that the foreground blocks.
    gamma : float
        Power of a plane's values to which light is proportional.
    """

    pixels: NDArray[np.intp]
    discs: Plane
    levels: Sequence[Plane]
    light: Plane | None
    cover: Plane | None
    gamma: float

    def add_errors(self, plane: Plane, noise: float, worst: float, total: Plane) -> None:
        """Add the squared errors of the plane, averaged over its channels, in place.

        Parameters
        ----------
        plane : numpy.ndarray
            (Y, X[, C]) float32.
        noise, worst : float
            Noise to subtract from each squared error, and the largest one that counts.
        total : numpy.ndarray
            (Y, X) float32; changed in place.
        """
        plane = np.ascontiguousarray(plane)
        pointers = (ctypes.c_void_p * len(self.levels))(*(address(one) for one in self.levels))
        rendered = _Rendered(
            address(self.pixels),
            *(len(self.pixels), plane.size // total.size),
            *(address(self.discs), ctypes.addressof(pointers)),
            *(address(self.light), address(self.cover)),
            *(self.gamma, noise, worst),
        )
        kernels().add_errors(
            ctypes.byref(rendered),
            *(ctypes.c_void_p(address(array)) for array in (plane, total)),
        )
