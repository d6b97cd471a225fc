"""Images and labels as the colours in which napari shows them.

Without the viewer and Qt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from napari.layers import Image, Labels

from napari_focus_stack._napari.layers.appearance import display_limits
from napari_focus_stack._napari.layers.planes import finest
from napari_focus_stack.imgproc.dtypes import computable

if TYPE_CHECKING:
    from napari.utils import Colormap
    from numpy.typing import NDArray

    Colours = NDArray[np.uint8]

TEXTURE_SIDE = 8192
"""Longest side of a picture that is laid on a surface: graphics cards take that everywhere."""
LEVELS = 1024
"""Steps of a colormap for values that are no 8 or 16 bits: a quarter of a grey level each."""


@dataclass(frozen=True)
class Picture:
    """An image or labels with display settings, so that no layer is read off the main thread.

    Attributes
    ----------
    pixels : numpy.ndarray
        (Y, X[, C]).
    limits : tuple of float or None
        Values that are shown black and white; None for labels.
    colormap : napari.utils.Colormap or None
        Colours of a grey image, or of labels; None for a coloured image.
    gamma : float
        Exponent of the light of a grey image.
    """

    pixels: NDArray[Any]
    limits: tuple[float, float] | None
    colormap: Colormap | None
    gamma: float = 1.0

    @classmethod
    def of(cls, layer: Image | Labels) -> Picture:
        """Return the picture of a layer, with its colormap and contrast.

        Parameters
        ----------
        layer : napari.layers.Image or Labels
            2-D.

        Returns
        -------
        Picture
            Its pixels are those of the layer, not a copy.
        """
        pixels = np.asarray(finest(layer))
        if isinstance(layer, Labels):
            return cls(_outlined(pixels) if layer.contour else pixels, None, layer.colormap)
        if layer.rgb:
            return cls(pixels, display_limits(pixels, rgb=True), None)
        low, high = (float(limit) for limit in layer.contrast_limits)
        return cls(pixels, (low, high), layer.colormap, float(layer.gamma))

    def colours(self) -> Colours:
        """Return the displayed colours.

        Returns
        -------
        numpy.ndarray
            (Y, X, 4) uint8, RGBA.
        """
        if self.limits is None:
            return self._of_labels()
        if self.colormap is None:
            return self._opaque()
        kind, size = self.pixels.dtype.kind, self.pixels.dtype.itemsize
        if kind in "bu" and size <= 2:  # one colour for each possible value
            values = np.arange(256**size)
            codes: NDArray[Any] = self.pixels.astype(f"u{size}", copy=False)
        else:
            values, codes = np.append(np.linspace(*self.limits, LEVELS), np.nan), self._codes()
        light = np.clip(self._light(values), 0, 1) ** self.gamma
        coloured: Colours = _bytes(self.colormap.map(light))[codes]
        return coloured

    def texture(self) -> Colours:
        """Return the displayed colours, as a texture.

        Returns
        -------
        numpy.ndarray
            (Y, X, 3) uint8, no side longer than `TEXTURE_SIDE`.
        """
        return fitted(self.colours()[..., :3])

    def _of_labels(self) -> Colours:
        """Return the colours of labels, by rows because napari maps them to 16 bytes a pixel."""
        coloured = np.empty((*self.pixels.shape, 4), np.uint8)
        for labels, row in zip(self.pixels, coloured, strict=True):
            row[:] = _bytes(self.colormap.map(labels))  # type: ignore[union-attr]
        return coloured

    def _light(self, values: NDArray[Any]) -> NDArray[Any]:
        low, high = self.limits  # type: ignore[misc]
        return (values - low) / (high - low)

    def _codes(self) -> NDArray[np.uint16]:
        """Return steps of the colormap, and `LEVELS` for NaN."""
        light = self._light(computable(self.pixels).astype(np.float32))
        steps = np.rint(np.clip(light, 0, 1) * (LEVELS - 1))
        codes: NDArray[np.uint16] = np.nan_to_num(steps, nan=LEVELS).astype(np.uint16)
        return codes

    def _opaque(self) -> Colours:
        """Return the colours of a coloured image; of alpha, the whole range of its type counts."""
        low, high = self.limits  # type: ignore[misc]
        colours = np.full((*self.pixels.shape[:2], 4), 255, np.uint8)
        light = np.nan_to_num(self.pixels[..., :3].astype(np.float32))
        colours[..., :3] = np.rint(np.clip((light - low) * (255 / (high - low)), 0, 255))
        if self.pixels.shape[2] == 4:
            kind = self.pixels.dtype.kind
            whole = 1 if kind in "bf" else np.iinfo(self.pixels.dtype).max
            colours[..., 3] = np.rint(self.pixels[..., 3] * (255 / whole))
        return colours


def _outlined(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels where they border on others, and 0 elsewhere."""
    from skimage.segmentation import find_boundaries

    return np.where(find_boundaries(labels, mode="inner"), labels, 0)


def _bytes(colours: Any) -> Colours:
    """Return colours of 0 to 1 as 8 bits."""
    rounded: Colours = np.rint(np.asarray(colours) * 255).astype(np.uint8)
    return rounded


def fitted(pixels: Colours) -> Colours:
    """Return a texture that graphics cards take.

    Parameters
    ----------
    pixels : numpy.ndarray
        (Y, X, 3) uint8.

    Returns
    -------
    numpy.ndarray
        (Y, X, 3) uint8, averaged over areas if a side was longer than `TEXTURE_SIDE`.
    """
    shrink = max(pixels.shape[:2]) / TEXTURE_SIDE
    if shrink <= 1:
        return np.ascontiguousarray(pixels)
    height, width = (max(1, int(side / shrink)) for side in pixels.shape[:2])
    smaller: Colours = cv2.resize(
        np.ascontiguousarray(pixels), (width, height), interpolation=cv2.INTER_AREA
    )
    return smaller
