"""A tile seen from one end of the stack: parts of it as views, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.imgproc.dtypes import as_dtype
from napari_focus_stack.imgproc.pyramids import spread_over
from napari_focus_stack.imgproc.transforms import counted_from
from napari_focus_stack.occlusion.patch import Light, View
from napari_focus_stack.occlusion.patch_grid import CellMaps, Part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.occlusion.background import Ground

CHANGED = 1 / 255
"""Weight under which a pixel is left as it is."""


@dataclass(frozen=True)
class Maps:
    """What was fused of a tile, to be changed in place.

    Attributes
    ----------
    image : numpy.ndarray
        (Y, X[, C]) in the dtype of the planes.
    depth, confidence : numpy.ndarray
        (Y, X) float32, the depth counted in the planes that took part.
    cover : numpy.ndarray
        (Y, X) float32: share of the light that was taken from a pixel; 0 where it was not changed.
    recorded : numpy.ndarray
        (Y, X) bool: where some plane recorded anything; nothing else is changed.
    origin : tuple of int
        Row and column of the reference plane at which they start.
    """

    image: NDArray[Any]
    depth: Plane
    confidence: Plane
    cover: Plane
    recorded: NDArray[np.bool_]
    origin: tuple[int, int]


@dataclass
class Shown:
    """A window in some planes, by their places in the order of focus."""

    planes: dict[int, Plane]
    recorded: NDArray[np.bool_]
    """(Y, X): where all of them have recorded."""


class Facing:
    """A tile seen from one end of the stack, which is taken as near.

    Parameters
    ----------
    maps : Maps
        Of the tile.
    apart : numpy.ndarray
        (Y, X) bool: where its depth jumps.
    light : Light
        How its planes were recorded.
    last_is_near : bool
        From which end.

    Attributes
    ----------
    depth : numpy.ndarray
        (Y, X) float32, counted from the far end.
    cells : CellMaps
        Of this depth.
    """

    def __init__(
        self, maps: Maps, apart: NDArray[np.bool_], light: Light, last_is_near: bool
    ) -> None:
        self.maps, self.apart, self.light, self.last_is_near = maps, apart, light, last_is_near
        last = np.float32(len(light.lens.places) - 1)
        self.depth: Plane = maps.depth.copy() if last_is_near else last - maps.depth
        self.cells = CellMaps(self.depth, maps.confidence, apart)

    def view(self, part: Part, shown: Shown) -> View:
        """A part in some of its planes, by their places in the order of focus."""
        outer, lens, planes = part.outer, self.light.lens, shown.planes
        if not self.last_is_near:
            lens = lens.turned
        places = sorted(planes, reverse=not self.last_is_near)
        first = places[0] if self.last_is_near else len(lens.places) - 1 - places[0]
        image = light_of(self.maps.image[outer]).astype(np.float32)
        np.copyto(image, planes[places[0]], where=~np.isfinite(image))
        return View(
            [planes[i] for i in places],
            image,
            self.depth[outer] - np.float32(first),
            self.maps.confidence[outer].copy(),
            self.cells.lowest(outer) - np.float32(first),
            self.apart[outer],
            shown.recorded & self.maps.recorded[outer],
            replace(self.light, lens=lens.of(first, len(places))),
        )

    def change(self, part: Part, view: View, ground: Ground) -> Change:
        """What becomes of the inner part of the maps."""
        maps, inner = self.maps, part.inner
        here = counted_from(part.outer, inner)
        weight = ground.weight[here]
        changed = (weight > CHANGED) & view.recorded[here]
        was = light_of(maps.image[inner])[changed]
        before, behind = view.image[here][changed], ground.image[here][changed]
        mixed = before + spread_over(weight[changed], view.image) * (behind - before)
        image = as_dtype(mixed, was.dtype)
        differs = image != was
        cover = np.zeros_like(weight)
        cover[changed] = ground.cover[here][changed]
        cover[changed] *= differs if differs.ndim == 1 else differs.any(-1)
        nearer = ground.depth[here] - view.depth[here]
        depth = maps.depth[inner] + (nearer if self.last_is_near else -nearer)
        np.clip(depth, 0, len(self.light.lens.places) - 1, out=depth)
        confidence = np.where(view.recorded[here], ground.confidence[here], np.float32(0))
        return Change(part, changed, image, depth, confidence, cover)


@dataclass(frozen=True)
class Change:
    """What was found of the inner part of a part.

    Attributes
    ----------
    part : Part
        Where it is.
    changed : numpy.ndarray
        (y, x) bool: where the image is another.
    image : numpy.ndarray
        (m[, C]): those pixels.
    depth, confidence, cover : numpy.ndarray
        (y, x) float32, as those of `Maps`.
    """

    part: Part
    changed: NDArray[np.bool_]
    image: NDArray[Any]
    depth: Plane
    confidence: Plane
    cover: Plane

    def put(self, maps: Maps) -> None:
        """Put it into the maps."""
        inner = self.part.inner
        light_of(maps.image[inner])[self.changed] = self.image
        maps.depth[inner], maps.confidence[inner] = self.depth, self.confidence
        maps.cover[inner] = self.cover


def light_of(image: NDArray[Any]) -> NDArray[Any]:
    """An image without its alpha; the same memory."""
    return image if image.ndim == 2 else image[..., :3]
