"""What lies behind, freed of the blur of what lies before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.imgproc.defocus import defocused
from napari_focus_stack.imgproc.morphology import dilate
from napari_focus_stack.imgproc.pyramids import spread_over
from napari_focus_stack.imgproc.selection import pick_plane
from napari_focus_stack.imgproc.smoothing import without_gaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.occlusion.boundaries import OcclusionBoundary
    from napari_focus_stack.occlusion.lens import Lens

LAYER = 1.6
"""Pixels of blur that lie in one layer of what is near, at least: half as much costs twice the time
for 0.1 dB."""
SMALLEST_LAYER = 4.0
OCCLUDING = 0.25
"""Share of a pixel from which on it hides what is behind."""
LEAST_COVER = 0.004
"""Cover of one grey level in 255 that is not worth undoing."""
LEAST_WEIGHT = 1e-3
BEYOND = 0.02
"""Part of the range by which what was unmixed may lie beyond it: farther, the outline or the blur
is wrong, and dark dashes came of it."""


@dataclass(frozen=True)
class ForegroundBlur:
    """Light that what is near spreads over a plane, and the share of the ground it keeps away.

    Attributes
    ----------
    light : numpy.ndarray
        (Y, X[, C]) float32.
    cover : numpy.ndarray
        (Y, X) float32, 0 to 1.
    """

    light: Plane
    cover: Plane

    def removed_from(
        self,
        plane: Plane,
        where: NDArray[np.bool_],
        ends: tuple[float, float],
        least_left: float,
    ) -> Plane:
        """Return the background under the blur: `(plane - light) / (1 - cover)`.

        Where less than a share of `least_left` came through, or what is left is no light that
        planes show, it is smoothly filled from around: what is divided by little is mostly noise.
        """
        left = 1 - self.cover
        covered = where & (self.cover > LEAST_COVER)
        came = spread_over(np.maximum(left[covered], LEAST_WEIGHT), plane)
        shown = (plane[covered] - self.light[covered]) / came
        beyond = np.float32(BEYOND * (ends[1] - ends[0]))
        wrong = (shown < ends[0] - beyond) | (shown > ends[1] + beyond)
        lost = where & (left <= least_left)
        lost[covered] |= wrong if wrong.ndim == 1 else wrong.any(-1)
        background = plane.copy()
        background[covered] = np.clip(shown, *ends)
        if lost.any():
            background[lost] = np.nan
            background, _ = without_gaps(background)
        return background


class ForegroundLayers:
    """What is near, in layers, as it hides what lies behind it.

    Layered image formation with a thin lens (Hasinoff and Kutulakos, "A layer-based restoration
    framework for variable-aperture photography", ICCV 2007; Favaro and Soatto, "Seeing beyond
    occlusions (and other marvels of a finite lens aperture)", CVPR 2003): plane k sees a layer at
    depth l through a disc of radius ``|place(l) - place(k)|`` (`Lens`). From front to back each
    layer adds its light where the union of the layers up to it, blurred, covers more than was
    covered already.

    Parameters
    ----------
    boundary : OcclusionBoundary
        Where it ends.
    planes : sequence of numpy.ndarray
        (Y, X[, C]) float32 each, as light, from far to near.
    depth : numpy.ndarray
        (Y, X) float32.
    around : numpy.ndarray
        (Y, X) bool: the jumps.
    lens : Lens
        How they see what they are not focused on.
    jump : float
        Planes by which one thing must be before another.

    Attributes
    ----------
    hidden : numpy.ndarray
        (Y, X) bool: what the blur of something nearer reaches.
    last : numpy.ndarray
        (Y, X) int: last plane that shows what is behind, where something hides it or is hidden.
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
        near = np.where(boundary.band, boundary.nearest, depth)
        reach = int(np.ceil(lens.places[-1] - lens.places[0])) + 2
        share = np.where(boundary.band, boundary.share, np.float32(1))
        share[~dilate(around, reach)] = 0
        self._layers = self._layered(share, near, pick_plane(planes, near))
        self.last = np.full(depth.shape, self._count - 1)
        own = np.where(boundary.band, boundary.farthest, depth)
        self._hide(boundary, near, own)

    def _layered(
        self, share: Plane, near: Plane, picture: Plane
    ) -> list[tuple[float, Plane, Plane]]:
        """Depth, share and light of each layer, the nearest first."""
        thickness = max(1, round(LAYER / self._lens.blur))
        index = np.rint(near).astype(np.intp) // thickness
        layers = []
        for i in range(int(index.max()), 0, -1):
            mask = share * (index == i)
            total = float(mask.sum())
            if total < SMALLEST_LAYER:
                continue
            depth = float((mask * near).sum()) / total
            layers.append((depth, mask, picture * spread_over(mask, picture)))
        return layers

    def _hide(self, boundary: OcclusionBoundary, near: Plane, own: Plane) -> None:
        """Find what is hidden, and by how near a thing."""
        before = np.full(near.shape, np.inf, np.float32)
        index = np.rint(near).astype(np.intp)
        solid = boundary.band & (boundary.share > OCCLUDING)
        for k in range(self._count - 1, 0, -1):
            here = solid & (index == k)
            if np.count_nonzero(here) < SMALLEST_LAYER:
                continue
            reached = dilate(
                here, max(1, int(np.ceil(self._lens.places[k] - self._lens.places[0])) + 1)
            )
            before[reached & (k > own + self._jump)] = k
        self.hidden = np.isfinite(before)
        edge = boundary.near & ~self.hidden
        before[edge] = near[edge]
        self._keep_planes_behind(before, self.hidden | edge)

    def _keep_planes_behind(self, before: Plane, where: NDArray[np.bool_]) -> None:
        behind = np.floor(before[where] - self._jump).astype(np.intp)
        self.last[where] = np.clip(behind, 0, self._count - 1)

    def doubt(self, where: NDArray[np.bool_], depth: Plane) -> None:
        """Look for what is behind where depth may be that of something near, too."""
        self._keep_planes_behind(depth, where)

    def blur_of(self, k: int) -> ForegroundBlur:
        """Return the foreground blur over objects that plane `k` shows in focus."""
        cover, union = np.zeros(self._shape[:2], np.float32), np.zeros(self._shape[:2], np.float32)
        light = np.zeros(self._shape, np.float32)
        for depth, mask, shown in self._layers:
            if depth < k + self._jump:
                break
            radius = float(self._lens.place(depth) - self._lens.places[k])
            here = _around(mask, 2 * int(np.ceil(radius)) + 2)
            np.maximum(union[here], mask[here], out=union[here])
            weight = defocused(mask[here], radius)
            gain = np.clip(defocused(union[here], radius) - cover[here], 0, 1)
            gain[weight <= LEAST_WEIGHT] = 0
            np.maximum(weight, np.float32(LEAST_WEIGHT), out=weight)
            light[here] += defocused(shown[here], radius) * spread_over(gain / weight, shown)
            cover[here] += gain
        return ForegroundBlur(light, cover)


def _around(mask: Plane, margin: int) -> Window:
    """Rows and columns within so many pixels of what is not 0."""
    rows, cols = (
        slice(max(0, int(found[0]) - margin), min(side, int(found[-1]) + margin + 1))
        for found, side in (
            (np.flatnonzero(mask.any(axis)), mask.shape[1 - axis]) for axis in (1, 0)
        )
    )
    return rows, cols
