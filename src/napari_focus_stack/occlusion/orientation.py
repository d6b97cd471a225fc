"""Orientation of the stack: its patches from either end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._utils.windows import counted_from
from napari_focus_stack.imgproc.dtypes import as_dtype
from napari_focus_stack.imgproc.pyramids import reduce, spread_over
from napari_focus_stack.occlusion.patch import ImagingModel, Patch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.occlusion.background import Background
    from napari_focus_stack.occlusion.maps import FusedMaps
    from napari_focus_stack.occlusion.patch_grid import DepthGrid, PatchWindow

LEAST_CHANGE = 1 / 255
"""Weight below which a pixel is left as it is."""


@dataclass
class Shown:
    """Pixels of a window in some planes.

    Attributes
    ----------
    planes : dict of int to numpy.ndarray
        (Y, X[, C]) float32, by the plane's place in the order of focus.
    recorded : numpy.ndarray
        (Y, X) bool, True where all of these planes recorded a value.
    """

    planes: dict[int, Plane]
    recorded: NDArray[np.bool_]


class StackOrientation:
    """Tile of a stack of which one end is assumed to be the front end.

    Parameters
    ----------
    maps : FusedMaps
        Image and maps of the tile.
    cells : DepthGrid
        Grid of the tile's depth, counted from the first plane, and of its discontinuities.
    light : ImagingModel
        Model of how the planes were recorded.
    last_is_near : bool
        Whether the last plane is assumed to be the front end.

    Attributes
    ----------
    maps, light, last_is_near
        The parameters.
    cells : DepthGrid
        Grid of the depth counted from the back end.
    """

    def __init__(
        self, maps: FusedMaps, cells: DepthGrid, light: ImagingModel, last_is_near: bool
    ) -> None:
        self.maps, self.light, self.last_is_near = maps, light, last_is_near
        self._last = len(light.lens.places) - 1
        self.cells = cells if last_is_near else cells.turned(self._last)

    def depth(self, window: Window) -> Plane:
        """Return the depth counted from the back end.

        Parameters
        ----------
        window : tuple of slice
            Rows and columns of the tile.

        Returns
        -------
        numpy.ndarray
            (y, x) float32, in planes.
        """
        depth = self.maps.depth[window]
        return depth.copy() if self.last_is_near else np.float32(self._last) - depth

    def patch(self, part: PatchWindow, shown: Shown) -> Patch:
        """Return a patch of the tile, with its planes from back to front.

        Parameters
        ----------
        part : PatchWindow
            Position of the patch in the tile.
        shown : Shown
            Pixels of its outer window in the planes.

        Returns
        -------
        Patch
            The patch, with depth counted in these planes.
        """
        image = without_alpha(self.maps.image[part.outer]).astype(np.float32)
        return self._patch(part, shown, image, self.light, 1)

    def grey_patch(self, part: PatchWindow, shown: Shown, step: int) -> Patch:
        """Return a patch of the tile without colour, and at half its size if desired.

        Parameters
        ----------
        part : PatchWindow
            Position of the patch in the tile.
        shown : Shown
            Grey pixels of its outer window in the planes.
        step : int
            1 or 2: pixels of the window for each of these, along rows and columns.

        Returns
        -------
        Patch
            The patch, with depth counted in these planes.
        """
        image = without_alpha(self.maps.image[part.outer]).astype(np.float32)
        light = self.light
        if image.ndim == 3:
            light = light.averaged(image.shape[2])
            image = cv2.transform(image, np.full((1, image.shape[2]), 1 / image.shape[2]))
        if step == 2:
            light, image = light.averaged(4).halved, reduce(image)
        return self._patch(part, shown, image, light, step)

    def _patch(
        self, part: PatchWindow, shown: Shown, image: Plane, light: ImagingModel, step: int
    ) -> Patch:
        """Return a patch of which planes, image and model are given, with every `step`-th pixel."""
        outer, lens, planes = part.outer, light.lens, shown.planes
        if not self.last_is_near:
            lens = lens.turned
        places = sorted(planes, reverse=not self.last_is_near)
        first = places[0] if self.last_is_near else self._last - places[0]
        np.copyto(image, planes[places[0]], where=~np.isfinite(image))
        kept = slice(None, None, step), slice(None, None, step)
        return Patch(
            [planes[i] for i in places],
            image,
            self.depth(outer)[kept] - np.float32(first),
            self.maps.confidence[outer][kept].copy(),
            self.cells.lowest(outer)[kept] - np.float32(first),
            self.cells.discontinuities[outer][kept],
            shown.recorded & self.maps.recorded[outer][kept],
            replace(light, lens=lens.of(first, len(places))),
        )

    def change(self, part: PatchWindow, patch: Patch, background: Background) -> Change:
        """Return the change that a restored background makes in the tile.

        Parameters
        ----------
        part : PatchWindow
            Position of the patch in the tile.
        patch : Patch
            The patch.
        background : Background
            Its restored background.

        Returns
        -------
        Change
            Pixels and maps of the inner window.
        """
        maps, inner = self.maps, part.inner
        here = counted_from(part.outer, inner)
        weight = background.weight[here]
        changed = (weight > LEAST_CHANGE) & patch.recorded[here]
        current = without_alpha(maps.image[inner])[changed]
        before, behind = patch.image[here][changed], background.image[here][changed]
        mixed = before + spread_over(weight[changed], patch.image) * (behind - before)
        image = as_dtype(mixed, current.dtype)
        differs = image != current
        cover = np.zeros_like(weight)
        cover[changed] = background.cover[here][changed]
        cover[changed] *= differs if differs.ndim == 1 else differs.any(-1)
        forward = background.depth[here] - patch.depth[here]
        depth = maps.depth[inner] + (forward if self.last_is_near else -forward)
        np.clip(depth, 0, self._last, out=depth)
        confidence = np.where(patch.recorded[here], background.confidence[here], np.float32(0))
        return Change(part, changed, image, depth, confidence, cover)


@dataclass(frozen=True)
class Change:
    """Change of the inner window of a patch.

    Attributes
    ----------
    part : PatchWindow
        Position of the patch in the tile.
    changed : numpy.ndarray
        (y, x) bool, True where the image changes.
    image : numpy.ndarray
        (m[, C]) new values of these pixels, in the dtype of the image.
    depth, confidence : numpy.ndarray
        (y, x) float32: new depth, counted in the planes that take part, and its confidence.
    cover : numpy.ndarray
        (y, x) float32: share of the light that was removed; 0 where the image is unchanged.
    """

    part: PatchWindow
    changed: NDArray[np.bool_]
    image: NDArray[Any]
    depth: Plane
    confidence: Plane
    cover: Plane

    def put(self, maps: FusedMaps, cover: Plane) -> None:
        """Apply the change to the maps of the tile.

        Parameters
        ----------
        maps : FusedMaps
            Image and maps of the tile; changed in place.
        cover : numpy.ndarray
            (Y, X) float32: share of the light that was removed in the tile; changed in place.
        """
        inner = self.part.inner
        without_alpha(maps.image[inner])[self.changed] = self.image
        maps.depth[inner], maps.confidence[inner] = self.depth, self.confidence
        cover[inner] = self.cover


def without_alpha(image: NDArray[Any]) -> NDArray[Any]:
    """Return a view of an image without its alpha channel.

    Parameters
    ----------
    image : numpy.ndarray
        (Y, X[, C]) of any type.

    Returns
    -------
    numpy.ndarray
        (Y, X) or (Y, X, 3); shares the memory of `image`.
    """
    return image if image.ndim == 2 else image[..., :3]
