"""Whether planes are explained by a ground behind what is near, and by nothing simpler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.imgproc.defocus import to_encoded
from napari_focus_stack.imgproc.morphology import dilate
from napari_focus_stack.imgproc.pyramids import luminance
from napari_focus_stack.imgproc.selection import pick_plane
from napari_focus_stack.occlusion.boundaries import sides_of
from napari_focus_stack.occlusion.lens import DISCS, OutOfFocus

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.occlusion.patch import Patch
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from napari_focus_stack.imgproc.defocus import to_linear
from napari_focus_stack.imgproc.pyramids import spread_over
from napari_focus_stack.occlusion.unblurring import ForegroundBlur

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.occlusion.boundaries import OcclusionBoundary
    from napari_focus_stack.occlusion.patch import Patch

PixelClass = Literal["alone", "behind", "beside"]

RESTORED_COVER = 0.02
"""Cover from which on the ground is taken as unmixed."""
OPEN = 0.25
"""Share of the ground's light that must have come through a plane for it to be looked at."""
UNEXPLAINED = 0.04
"""Error, as a part of the picture's range, from which on a plane is not explained at all."""
CHECK_WINDOW = 4.0
"""Gaussian sigma, in pixels, over which a ground must explain the planes better than before."""
LEAST_COUNT = 1e-3
LEAST_MISFIT = 1e-3
"""Error, as a part of the picture's range, that is none."""
FEWEST_CHECKED, LEAST_KNOWN = 300, 0.15
"""Pixels of a view, and part of what is hidden, that must be seen for it to tell anything: a third
and more where something is hidden, a twentieth where a plain background has no depth (`sphere`)."""
CLEARLY = 0.7
"""Part of the error that may remain where something is hidden, and tells which end is near."""
BETTER = 0.8
"""Part of the squared error that may remain."""
SHARPEST = 0.5
"""Gaussian sigma, in pixels, under which nothing is blurred."""


@dataclass(frozen=True)
class ModelErrors:
    """How planes are explained where something is hidden: squared errors beyond their noise.

    Attributes
    ----------
    before : list of numpy.ndarray
        (Y, X) float32, sums over a window: by the image as it was, in several ways.
    after : numpy.ndarray
        By the ground that was found.
    count : numpy.ndarray
        Share of the window that was looked at.
    known : float
        Part of what is hidden of which anything is seen.
    nothing : float
        Error that is none.
    opaque, clear : float
        Where that was judged: errors if what is near hides the ground, and if it is seen through.
    """

    before: list[Plane]
    after: Plane
    count: Plane
    known: float
    nothing: float
    opaque: float = 0.0
    clear: float = 0.0

    @property
    def lead(self) -> float:
        """Error that a ground removes where it is better, less what it adds where it is worse."""
        least = np.float32(CLEARLY) * self.least
        removed = np.maximum(least - self.after, 0).sum()
        return float(removed - np.maximum(self.after - self.least, 0).sum())

    @cached_property
    def least(self) -> Plane:
        """Error of the simplest explanation that is as good as any, pixel by pixel."""
        return np.asarray(np.minimum.reduce(self.before))

    @property
    def tells(self) -> bool:
        """Whether enough was looked at."""
        return self.known > LEAST_KNOWN and float(self.count.sum()) > FEWEST_CHECKED

    def better(self) -> Plane:
        """Where the ground explains the planes better than anything: (Y, X) float32, 0 to 1."""
        lead = np.float32(BETTER) * self.least - self.after
        lead /= np.float32(1 - BETTER) * self.least + np.float32(self.nothing)
        better: Plane = np.clip(lead + np.float32(0.5), 0, 1)
        better[self.least <= self.nothing] = 0
        better[self.count <= LEAST_COUNT] = 0
        return better


class ModelCheck:
    """A view as a ground behind veils explains it.

    Parameters
    ----------
    patch : Patch
        The planes.
    image, depth : numpy.ndarray
        (Y, X[, C]) and (Y, X) float32: the ground.
    veils : mapping of int to ForegroundBlur
        What lies before it, by planes.
    edge : OcclusionBoundary
        Where that ends.
    where : numpy.ndarray
        (Y, X) bool: what is looked at.
    """

    def __init__(
        self,
        patch: Patch,
        image: Plane,
        depth: Plane,
        veils: Mapping[int, ForegroundBlur],
        edge: OcclusionBoundary,
        where: NDArray[np.bool_],
    ) -> None:
        self._view, self._light = patch, patch.light
        self._image, self._depth, self._veils = image, depth, veils
        self._edge, self._where = edge, where

    def check(self, known: float, *, judged: bool) -> ModelErrors:
        """Render the planes from what was found, and from the image as it was.

        The ground was divided so that its own plane is explained; so it counts only if nothing
        simpler explains the planes as well: the image as it was, behind the same veil, at the
        depth of the ground, of what is near, or at its own.

        Parameters
        ----------
        known : float
            Part of what is hidden of which anything is seen.
        judged : bool
            Whether to see, too, if what is near may be seen through.
        """
        gamma, blur = self._light.lens.gamma, self._light.lens.blur
        was, now = (
            OutOfFocus(to_linear(image, gamma), blur) for image in (self._view.image, self._image)
        )
        behind = self._depth
        before = [
            self._error(was, behind, self._veils, "behind"),
            *(
                self._error(was, depth, self._veils, "alone")
                for depth in (behind, self._edge.nearest, self._view.depth)
            ),
        ]
        after = self._error(now, behind, self._veils, "behind")
        count = cv2.GaussianBlur(self._where.astype(np.float32), (0, 0), CHECK_WINDOW)
        check = ModelErrors(before, after, count, known, (LEAST_MISFIT * self._light.span) ** 2)
        if judged and check.lead > 0:
            opaque, clear = self._judged()
            return replace(check, opaque=opaque, clear=clear)
        return check

    def _judged(self) -> tuple[float, float]:
        """Errors if what is near hides the ground, and if it is seen through.

        Then its light adds to the ground's, and its picture shows the ground too, out of focus.
        Each ground is taken from one plane a pixel: to fuse both would take longer.
        """
        lights, lens = self._view.lights, self._light.lens
        where, edge = self._where, self._edge
        background = to_linear(self._image, lens.gamma)
        apart = np.median(lens.place(edge.nearest[where]) - lens.place(self._depth[where]))
        below = cv2.GaussianBlur(background, (0, 0), max(float(apart) / 2, SHARPEST))
        added = {
            k: ForegroundBlur(veil.light - spread_over(veil.cover, below) * below, veil.cover)
            for k, veil in self._veils.items()
        }
        planes = sorted(added)
        index = np.interp(self._depth, planes, np.arange(len(planes))).astype(np.float32)
        errors = []
        ways: tuple[tuple[Mapping[int, ForegroundBlur], PixelClass], ...] = (
            (self._veils, "behind"),
            (added, "beside"),
        )
        for veils, how in ways:
            left = [lights[k] - veils[k].light for k in planes]
            if how == "behind":
                for one, k in zip(left, planes, strict=True):
                    one /= spread_over(np.maximum(1 - veils[k].cover, OPEN), one)
            background[where] = pick_plane(left, index)[where]
            if lens.gamma != 1:
                np.maximum(background, 0, out=background)
            error = self._error(OutOfFocus(background, lens.blur), self._depth, veils, how)
            errors.append(float(error.sum()))
        return errors[0], errors[1]

    def _error(
        self,
        background: OutOfFocus,
        depth: Plane,
        veils: Mapping[int, ForegroundBlur],
        how: PixelClass,
    ) -> Plane:
        """Squared error of the planes as an image explains them, over a window: (Y, X) float32.

        Alone, behind the veils, which keep its light away, or beside their light.
        """
        light, lens = self._light, self._light.lens
        total = np.zeros(depth.shape, np.float32)
        worst = np.float32((UNEXPLAINED * light.span + 2 * light.deviation) ** 2)
        place = lens.place(depth)
        for k, veil in veils.items():
            seen = self._where & (veil.cover > RESTORED_COVER) & (veil.cover < 1 - OPEN)
            if not seen.any():
                continue
            rendered = background.seen(place - lens.places[k], seen)
            if how == "behind":
                rendered *= spread_over(1 - veil.cover[seen], veil.light)
            if how != "alone":
                rendered += veil.light[seen]
            error = np.square(self._view.planes[k][seen] - to_encoded(rendered, lens.gamma))
            error = error if error.ndim == 1 else error.mean(-1)
            error -= np.float32(light.deviation**2)
            total[seen] += np.minimum(error, worst)
        windowed: Plane = cv2.GaussianBlur(total, (0, 0), CHECK_WINDOW)
        return np.maximum(windowed, 0, out=windowed)


COMPARED_SIGMA = 4.0
"""Gaussian sigma, in pixels, over which planes are compared."""


SAME = 0.2
"""Part of the squared difference between two planes up to which blur explains it: where something
lies before something else, at 1 to 15 % of the jumps of a picture (`strands`, `coins-step`); in the
bar code of `pcb`, which is flat, at 91 to 100 %."""


ONE_WAY = 0.3
"""Part of what is left the other way round: a plane in focus explains one that is not, and is not
explained by it."""


LUMINANCE_NOISE = 0.375
"""Variance of the brightness of a colour, over that of a channel."""


def unexplained_by_one_surface(patch: Patch) -> NDArray[np.bool_]:
    """Jumps of the depth that no single surface explains, (Y, X) bool.

    If all that is around a jump lies at one of its two depths, then the plane that is in focus
    there, seen through a disc, is what the plane in focus at the other depth shows (re-blurring:
    Ens and Lawrence, "An investigation of methods for determining depth from focus", PAMI 1993).
    If something lies before something else neither plane is in focus everywhere, and neither
    explains the other.

    Parameters
    ----------
    patch : Patch
        A part of the field.
    """
    if not patch.discontinuities.any():
        return patch.discontinuities
    light, lens = patch.light, patch.light.lens
    depths = [np.rint(depth) for depth in sides_of(patch.depth)]
    near, far = (luminance(pick_plane(patch.lights, depth)) for depth in depths)
    radius = lens.place(depths[0]) - lens.place(depths[1])
    step = max(lens.blur, float(radius.max()) / DISCS)
    where = dilate(patch.discontinuities, int(2 * COMPARED_SIGMA))
    noise = light.deviation**2 * (1 if patch.image.ndim == 2 else LUMINANCE_NOISE)

    def difference(one: Plane, other: Plane, expected: float) -> Plane:
        squared = np.zeros(where.shape, np.float32)
        squared[where] = np.square(to_encoded(one, lens.gamma) - to_encoded(other, lens.gamma))
        squared[where] -= np.float32(expected)
        windowed: Plane = cv2.GaussianBlur(squared, (0, 0), COMPARED_SIGMA)
        return np.maximum(windowed, 0, out=windowed)

    plain = difference(near[where], far[where], 2 * noise)
    by_near = difference(OutOfFocus(near, step).seen(radius, where), far[where], noise)
    by_far = difference(OutOfFocus(far, step).seen(radius, where), near[where], noise)
    least, most = np.minimum(by_near, by_far), np.maximum(by_near, by_far)
    single = (least <= SAME * plain) & (least <= ONE_WAY * most)
    return patch.discontinuities & ~single
