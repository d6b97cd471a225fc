"""Whether planes are explained by a ground behind what is near, and by nothing simpler."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from napari_focus_stack.imgproc.pyramids import spread_over
from napari_focus_stack.occlusion.boundaries import picked
from napari_focus_stack.occlusion.lens import OutOfFocus, to_light, to_values
from napari_focus_stack.occlusion.unblurring import Veil

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.occlusion.boundaries import Outline
    from napari_focus_stack.occlusion.patch import View

How = Literal["alone", "behind", "beside"]

VEILED = 0.02
"""Cover from which on the ground is taken as unmixed."""
OPEN = 0.25
"""Share of the ground's light that must have come through a plane for it to be looked at."""
UNEXPLAINED = 0.04
"""Error, as a part of the picture's range, from which on a plane is not explained at all."""
CHECK_WINDOW = 4.0
"""Gaussian sigma, in pixels, over which a ground must explain the planes better than before."""
LEAST_COUNT = 1e-3
NOTHING = 1e-3
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
class Check:
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


class Explanation:
    """A view as a ground behind veils explains it.

    Parameters
    ----------
    view : View
        The planes.
    image, depth : numpy.ndarray
        (Y, X[, C]) and (Y, X) float32: the ground.
    veils : mapping of int to Veil
        What lies before it, by planes.
    edge : Outline
        Where that ends.
    where : numpy.ndarray
        (Y, X) bool: what is looked at.
    """

    def __init__(
        self,
        view: View,
        image: Plane,
        depth: Plane,
        veils: Mapping[int, Veil],
        edge: Outline,
        where: NDArray[np.bool_],
    ) -> None:
        self._view, self._light = view, view.light
        self._image, self._depth, self._veils = image, depth, veils
        self._edge, self._where = edge, where

    def check(self, known: float, *, judged: bool) -> Check:
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
            OutOfFocus(to_light(image, gamma), blur) for image in (self._view.image, self._image)
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
        check = Check(before, after, count, known, (NOTHING * self._light.span) ** 2)
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
        ground = to_light(self._image, lens.gamma)
        apart = np.median(lens.place(edge.nearest[where]) - lens.place(self._depth[where]))
        below = cv2.GaussianBlur(ground, (0, 0), max(float(apart) / 2, SHARPEST))
        added = {
            k: Veil(veil.light - spread_over(veil.cover, below) * below, veil.cover)
            for k, veil in self._veils.items()
        }
        planes = sorted(added)
        index = np.interp(self._depth, planes, np.arange(len(planes))).astype(np.float32)
        errors = []
        ways: tuple[tuple[Mapping[int, Veil], How], ...] = (
            (self._veils, "behind"),
            (added, "beside"),
        )
        for veils, how in ways:
            left = [lights[k] - veils[k].light for k in planes]
            if how == "behind":
                for one, k in zip(left, planes, strict=True):
                    one /= spread_over(np.maximum(1 - veils[k].cover, OPEN), one)
            ground[where] = picked(left, index)[where]
            if lens.gamma != 1:
                np.maximum(ground, 0, out=ground)
            error = self._error(OutOfFocus(ground, lens.blur), self._depth, veils, how)
            errors.append(float(error.sum()))
        return errors[0], errors[1]

    def _error(
        self,
        ground: OutOfFocus,
        depth: Plane,
        veils: Mapping[int, Veil],
        how: How,
    ) -> Plane:
        """Squared error of the planes as an image explains them, over a window: (Y, X) float32.

        Alone, behind the veils, which keep its light away, or beside their light.
        """
        light, lens = self._light, self._light.lens
        total = np.zeros(depth.shape, np.float32)
        worst = np.float32((UNEXPLAINED * light.span + 2 * light.deviation) ** 2)
        place = lens.place(depth)
        for k, veil in veils.items():
            seen = self._where & (veil.cover > VEILED) & (veil.cover < 1 - OPEN)
            if not seen.any():
                continue
            rendered = ground.seen(place - lens.places[k], seen)
            if how == "behind":
                rendered *= spread_over(1 - veil.cover[seen], veil.light)
            if how != "alone":
                rendered += veil.light[seen]
            error = np.square(self._view.planes[k][seen] - to_values(rendered, lens.gamma))
            error = error if error.ndim == 1 else error.mean(-1)
            error -= np.float32(light.deviation**2)
            total[seen] += np.minimum(error, worst)
        windowed: Plane = cv2.GaussianBlur(total, (0, 0), CHECK_WINDOW)
        return np.maximum(windowed, 0, out=windowed)
