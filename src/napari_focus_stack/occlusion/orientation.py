"""A tile seen from one end of the stack: parts of it as views, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_focus_stack.occlusion.model_check import ModelErrors
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.windows import counted_from
from napari_focus_stack.imgproc.dtypes import as_dtype
from napari_focus_stack.imgproc.pyramids import spread_over
from napari_focus_stack.occlusion.patch import ImagingModel, Patch
from napari_focus_stack.occlusion.patch_grid import DepthGrid, PatchWindow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.occlusion.background import Background
    from napari_focus_stack.occlusion.maps import FusedMaps

LEAST_CHANGE = 1 / 255
"""Weight under which a pixel is left as it is."""


@dataclass
class Shown:
    """A window in some planes, by their places in the order of focus."""

    planes: dict[int, Plane]
    recorded: NDArray[np.bool_]
    """(Y, X): where all of them have recorded."""


class StackOrientation:
    """A tile seen from one end of the stack, which is taken as near.

    Parameters
    ----------
    maps : FusedMaps
        Of the tile.
    apart : numpy.ndarray
        (Y, X) bool: where its depth jumps.
    light : ImagingModel
        How its planes were recorded.
    last_is_near : bool
        From which end.

    Attributes
    ----------
    depth : numpy.ndarray
        (Y, X) float32, counted from the far end.
    cells : DepthGrid
        Of this depth.
    """

    def __init__(
        self, maps: FusedMaps, apart: NDArray[np.bool_], light: ImagingModel, last_is_near: bool
    ) -> None:
        self.maps, self.apart, self.light, self.last_is_near = maps, apart, light, last_is_near
        last = np.float32(len(light.lens.places) - 1)
        self.depth: Plane = maps.depth.copy() if last_is_near else last - maps.depth
        self.cells = DepthGrid(self.depth, maps.confidence, apart)

    def patch(self, part: PatchWindow, shown: Shown) -> Patch:
        """Return a part in some of its planes, by their places in the order of focus."""
        outer, lens, planes = part.outer, self.light.lens, shown.planes
        if not self.last_is_near:
            lens = lens.turned
        places = sorted(planes, reverse=not self.last_is_near)
        first = places[0] if self.last_is_near else len(lens.places) - 1 - places[0]
        image = without_alpha(self.maps.image[outer]).astype(np.float32)
        np.copyto(image, planes[places[0]], where=~np.isfinite(image))
        return Patch(
            [planes[i] for i in places],
            image,
            self.depth[outer] - np.float32(first),
            self.maps.confidence[outer].copy(),
            self.cells.lowest(outer) - np.float32(first),
            self.apart[outer],
            shown.recorded & self.maps.recorded[outer],
            replace(self.light, lens=lens.of(first, len(places))),
        )

    def change(self, part: PatchWindow, patch: Patch, background: Background) -> Change:
        """Return the change of the inner part of the maps."""
        maps, inner = self.maps, part.inner
        here = counted_from(part.outer, inner)
        weight = background.weight[here]
        changed = (weight > LEAST_CHANGE) & patch.recorded[here]
        was = without_alpha(maps.image[inner])[changed]
        before, behind = patch.image[here][changed], background.image[here][changed]
        mixed = before + spread_over(weight[changed], patch.image) * (behind - before)
        image = as_dtype(mixed, was.dtype)
        differs = image != was
        cover = np.zeros_like(weight)
        cover[changed] = background.cover[here][changed]
        cover[changed] *= differs if differs.ndim == 1 else differs.any(-1)
        nearer = background.depth[here] - patch.depth[here]
        depth = maps.depth[inner] + (nearer if self.last_is_near else -nearer)
        np.clip(depth, 0, len(self.light.lens.places) - 1, out=depth)
        confidence = np.where(patch.recorded[here], background.confidence[here], np.float32(0))
        return Change(part, changed, image, depth, confidence, cover)


@dataclass(frozen=True)
class Change:
    """What was found of the inner part of a part.

    Attributes
    ----------
    part : PatchWindow
        Where it is.
    changed : numpy.ndarray
        (y, x) bool: where the image is another.
    image : numpy.ndarray
        (m[, C]): those pixels.
    depth, confidence, cover : numpy.ndarray
        (y, x) float32, as those of the part.
    """

    part: PatchWindow
    changed: NDArray[np.bool_]
    image: NDArray[Any]
    depth: Plane
    confidence: Plane
    cover: Plane

    def put(self, maps: FusedMaps, cover: Plane) -> None:
        """Put it into the maps, and the share of light that was removed into a map of that."""
        inner = self.part.inner
        without_alpha(maps.image[inner])[self.changed] = self.image
        maps.depth[inner], maps.confidence[inner] = self.depth, self.confidence
        cover[inner] = self.cover


def without_alpha(image: NDArray[Any]) -> NDArray[Any]:
    """Return an image without its alpha; the same memory."""
    return image if image.ndim == 2 else image[..., :3]


LEAST_LEAD, OTHER_END = 0.03, 0.35
"""Part of the error that a ground must remove beyond what it adds, and that the other end may, over
the one that is near: 0.08 to 0.47 against 0 or less for all scenes of the bench but one
(`coins-step-noisy`: 0.47 against 0.09)."""


LEAST_OPACITY = 1.08
"""Error if what is near is seen through, over that if it is not: 1.09 to 1.3 where it is not (the
scenes of the bench); of strips of which a fifth or all of the ground's light comes through those
with less would lose up to 1.2 dB, so they are left as they are."""


LEAST_IN_FAVOUR = 0.5
"""Part of the samples in which a ground must remove more error than it adds, those included that
tell nothing: a plain background has any depth, so that a few speak for the wrong end (`sphere`)."""


@dataclass(frozen=True)
class OrientationScore:
    """What samples say for one end of the stack as the near one.

    Attributes
    ----------
    lead : float
        Part of the error of the planes that unmixing removes; 0 if it does so in fewer than most
        samples, for then something else happens to look like it.
    opacity : float
        Error if what is near is seen through, or glows, so that its light adds to that of the
        ground, over the error if it hides the ground.
    """

    lead: float
    opacity: float

    @classmethod
    def of(cls, checks: list[ModelErrors], samples: int) -> OrientationScore:
        """Of those of so many samples that tell anything."""
        if sum(check.lead > 0 for check in checks) <= LEAST_IN_FAVOUR * samples:
            return cls(0.0, 0.0)
        total = sum(float(check.least.sum()) for check in checks)
        opaque = sum(check.opaque for check in checks)
        lead = sum(check.lead for check in checks) / total
        return cls(lead, sum(check.clear for check in checks) / max(opaque, 1e-12))

    def beats(self, other: OrientationScore, least: float = LEAST_LEAD) -> bool:
        """Whether this end is near beyond doubt."""
        return (
            self.lead > least
            and other.lead < OTHER_END * self.lead
            and self.opacity > LEAST_OPACITY
        )
