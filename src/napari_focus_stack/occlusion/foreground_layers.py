"""Layers of the foreground, and the blur that they cast over the background."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack._compiled.library import library
from napari_focus_stack._utils.windows import counted_from, size_of, widened
from napari_focus_stack.imgproc.defocus import defocused
from napari_focus_stack.imgproc.morphology import bounding_window, dilate
from napari_focus_stack.imgproc.pyramids import doubled, reduce, reduced_shape, spread_over
from napari_focus_stack.imgproc.selection import pick_plane
from napari_focus_stack.occlusion import compiled_layers
from napari_focus_stack.occlusion.foreground_blur import LEAST_WEIGHT, ForegroundBlur

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.occlusion.boundaries import OcclusionBoundary
    from napari_focus_stack.occlusion.lens import Lens

LAYER = 1.6
"""Least thickness of a layer of the foreground, in pixels of blur: half as much costs twice the
time for 0.1 dB."""
SMALLEST_LAYER = 4.0
"""Least number of pixels of a layer."""
OCCLUDING = 0.25
"""Share of a pixel that the foreground covers from which on it hides the background."""
SMALLEST_HALVED = 4.0
"""Least radius, in pixels, of blur that is computed at half the size: that costs 0.1 dB
(`motorcycle-still`), and 0.3 dB with 2.5 (`strands-moving`)."""
HALVED_VARIANCE = 1.0
"""Variance along each axis, in pixels squared, that means over two by two pixels (0.25) and linear
enlargement (0.75) add to blur."""


@dataclass(frozen=True)
class _Layer:
    """Layer of the foreground.

    Attributes
    ----------
    depth : float
        Its depth, in planes.
    window : tuple of slice
        Rows and columns with all of its pixels.
    pixels : numpy.ndarray
        (y, x, 1 + C) float32: share of each of these pixels that it covers, and its light there.
    shape : tuple of int
        Rows and columns of the patch.
    widest : float
        Radius of its widest blur, in pixels.
    """

    depth: float
    window: Window
    pixels: Plane
    shape: tuple[int, ...]
    widest: float

    @cached_property
    def halved(self) -> _Layer:
        """The layer at half its size."""
        sides = list(zip(self.window, self.shape, strict=True))
        (top, bottom), (left, right) = (
            (side.start % 2, side.stop % 2 if side.stop < full else 0) for side, full in sides
        )
        even = cv2.copyMakeBorder(
            self.pixels, top, bottom, left, right, cv2.BORDER_CONSTANT, value=0
        )
        rows, cols = (slice(side.start // 2, (side.stop + 1) // 2) for side in self.window)
        shape, widest = reduced_shape(self.shape), halved_radius(self.widest)
        return _Layer(self.depth, (rows, cols), reduce(even), shape, widest)

    @cached_property
    def _wide(self) -> tuple[Window, Plane]:
        """Window and pixels with the margin that the widest blur needs."""
        outer = widened(self.window, _margin(self.widest), self.shape)
        pixels = np.zeros((*size_of(outer), self.pixels.shape[2]), np.float32)
        pixels[counted_from(outer, self.window)] = self.pixels
        return outer, pixels

    def widened(self, radius: float) -> tuple[Window, Plane]:
        """Return window and pixels with the margin that a blur needs, within the patch."""
        outer, pixels = self._wide
        window = widened(self.window, _margin(radius), self.shape)
        return window, pixels[counted_from(outer, window)]


class ForegroundLayers:
    """Layers of the foreground, and the background that they hide.

    Layered image formation with a thin lens [1]_, [2]_: plane k shows a layer at depth l blurred by
    a disc of radius ``|place(l) - place(k)|`` (`Lens`). From front to back, each layer adds its
    light where the blurred union of the layers up to it covers more than the layers before it. This
    is computed at half the size for planes in which all layers are blurred by `SMALLEST_HALVED`
    pixels or more.

    Parameters
    ----------
    boundary : OcclusionBoundary
        Occlusion boundary of the foreground.
    planes : sequence of numpy.ndarray
        (Y, X[, C]) float32 each, as light, from back to front.
    depth : numpy.ndarray
        (Y, X) float32, in planes.
    around : numpy.ndarray
        (Y, X) bool: depth discontinuities that count.
    lens : Lens
        Blur of the planes.
    jump : float
        Planes by which the foreground lies in front of the background at least.

    Attributes
    ----------
    hidden : numpy.ndarray
        (Y, X) bool: pixels of the background that the foreground's blur reaches.
    last : numpy.ndarray
        (Y, X) int: last plane that shows the background, at pixels that are hidden or hide it.

    References
    ----------
    .. [1] S. W. Hasinoff and K. N. Kutulakos, "A layer-based restoration framework for
       variable-aperture photography", ICCV 2007, https://doi.org/10.1109/ICCV.2007.4408898
    .. [2] P. Favaro and S. Soatto, "Seeing beyond occlusions (and other marvels of a finite lens
       aperture)", CVPR 2003.
    """

    def __init__(
        self,
        boundary: OcclusionBoundary,
        planes: Sequence[Plane],
        depth: Plane,
        around: NDArray[np.bool_],
        lens: Lens,
        jump: float,
    ) -> None:
        self._lens, self._jump, self._count = lens, jump, len(planes)
        self._shape = planes[0].shape
        foreground = np.where(boundary.band, boundary.nearest, depth)
        reach = int(np.ceil(lens.places[-1] - lens.places[0])) + 2
        share = np.where(boundary.band, boundary.share, np.float32(1))
        share[~dilate(around, reach)] = 0
        self._layers = self._layered(share, foreground, pick_plane(planes, foreground))
        self.last = np.full(depth.shape, self._count - 1)
        background = np.where(boundary.band, boundary.farthest, depth)
        self._hide(boundary, foreground, background)

    def _layered(self, share: Plane, foreground: Plane, image: Plane) -> list[_Layer]:
        """Return the layers, from front to back."""
        thickness = max(1, round(LAYER / self._lens.blur))
        index = np.rint(foreground).astype(np.intp) // thickness
        pixels = np.flatnonzero((share > 0) & (index > 0))
        places, shares = index.take(pixels), share.take(pixels)
        totals = np.bincount(places, shares)
        depths = np.bincount(places, shares * foreground.take(pixels))
        layers = []
        for i in range(len(totals) - 1, 0, -1):
            if totals[i] < SMALLEST_LAYER:
                continue
            depth = float(depths[i] / totals[i])
            chosen = (index == i) & (share > 0)
            here = bounding_window(chosen)
            covered, light = share[here] * chosen[here], image[here]
            colours = np.dstack([covered, light * spread_over(covered, light)])
            widest = float(self._lens.place(depth) - self._lens.places[0])
            layers.append(_Layer(depth, here, colours, share.shape, widest))
        return layers

    def _hide(self, boundary: OcclusionBoundary, foreground: Plane, background: Plane) -> None:
        """Find the hidden pixels, and the depth of the rearmost object that hides each of them."""
        before = np.full(foreground.shape, np.inf, np.float32)
        index = np.rint(foreground).astype(np.intp)
        solid = boundary.band & (boundary.share > OCCLUDING)
        for k in range(self._count - 1, 0, -1):
            here = solid & (index == k)
            if np.count_nonzero(here) < SMALLEST_LAYER:
                continue
            reach = max(1, int(np.ceil(self._lens.places[k] - self._lens.places[0])) + 1)
            window = widened(bounding_window(here), reach, here.shape)
            reached = dilate(here[window], reach)
            before[window][reached & (k > background[window] + self._jump)] = k
        self.hidden = np.isfinite(before)
        edge = boundary.near & ~self.hidden
        before[edge] = foreground[edge]
        self._keep_planes_behind(before, self.hidden | edge)

    def _keep_planes_behind(self, before: Plane, where: NDArray[np.bool_]) -> None:
        """Limit the planes of some pixels to those far enough behind an object at a depth."""
        behind = np.floor(before[where] - self._jump).astype(np.intp)
        self.last[where] = np.clip(behind, 0, self._count - 1)

    def doubt(self, where: NDArray[np.bool_], depth: Plane) -> None:
        """Search for the background where depth may wrongly be that of the foreground.

        Parameters
        ----------
        where : numpy.ndarray
            (Y, X) bool: such pixels.
        depth : numpy.ndarray
            (Y, X) float32, in planes.
        """
        self._keep_planes_behind(depth, where)

    def blur_of(self, k: int) -> ForegroundBlur:
        """Return the foreground blur over objects that a plane shows in focus.

        Parameters
        ----------
        k : int
            Index of the plane.

        Returns
        -------
        ForegroundBlur
            Blur of all layers in front of it.
        """
        found = [layer for layer in self._layers if layer.depth >= k + self._jump]
        radii = [float(self._lens.place(layer.depth) - self._lens.places[k]) for layer in found]
        if min(radii, default=0) < SMALLEST_HALVED:
            return self._blur(found, radii, self._shape)
        halved = [layer.halved for layer in found]
        shape = (*reduced_shape(self._shape), *self._shape[2:])
        blur = self._blur(halved, [halved_radius(radius) for radius in radii], shape)
        return ForegroundBlur(doubled(blur.light, self._shape), doubled(blur.cover, self._shape))

    def _blur(
        self, layers: Sequence[_Layer], radii: Sequence[float], shape: tuple[int, ...]
    ) -> ForegroundBlur:
        """Return the blur of layers, from front to back, each by a disc of its own radius."""
        cover, union = np.zeros(shape[:2], np.float32), np.zeros(shape[:2], np.float32)
        light = np.zeros(shape, np.float32)
        for layer, radius in zip(layers, radii, strict=True):
            np.maximum(union[layer.window], layer.pixels[..., 0], out=union[layer.window])
            here, pixels = layer.widened(radius)
            blurred, covered = defocused(pixels, radius), defocused(union[here], radius)
            if library() is None:
                _add_layer(blurred, covered, light[here], cover[here])
            else:
                compiled_layers.add_layer(blurred, covered, LEAST_WEIGHT, light[here], cover[here])
        return ForegroundBlur(light, cover)


def _add_layer(layer: Plane, covered: Plane, light: Plane, cover: Plane) -> None:
    """Add a blurred layer behind those before it to light and cover, in place."""
    weight = layer[..., 0]
    gain = np.clip(covered - cover, 0, 1)
    gain[weight <= LEAST_WEIGHT] = 0
    part = gain / np.maximum(weight, np.float32(LEAST_WEIGHT))
    light += layer[..., 1:].reshape(light.shape) * spread_over(part, light)
    cover += gain


def _margin(radius: float) -> int:
    """Return the margin in pixels that a blur needs."""
    return 2 * int(np.ceil(radius)) + 2


def halved_radius(radius: float) -> float:
    """Return the radius of the disc at half the size that blurs as one at the full size does.

    Parameters
    ----------
    radius : float
        Radius at the full size, in pixels of it.

    Returns
    -------
    float
        Radius at half the size, in pixels of that.
    """
    return float(np.sqrt(max(radius**2 - 4 * HALVED_VARIANCE, 0))) / 2
