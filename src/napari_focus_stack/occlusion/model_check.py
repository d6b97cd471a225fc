"""Check that the restored background explains the planes better than anything simpler."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from napari_focus_stack._compiled.library import library
from napari_focus_stack.imgproc.defocus import to_encoded, to_linear
from napari_focus_stack.imgproc.morphology import dilate
from napari_focus_stack.imgproc.pyramids import luminance, spread_over
from napari_focus_stack.imgproc.selection import pick_plane
from napari_focus_stack.occlusion.boundaries import sides_of
from napari_focus_stack.occlusion.compiled_errors import Rendering
from napari_focus_stack.occlusion.foreground_blur import ForegroundBlur
from napari_focus_stack.occlusion.lens import DISCS, OutOfFocus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.occlusion.boundaries import OcclusionBoundary
    from napari_focus_stack.occlusion.patch import Patch

PixelClass = Literal["alone", "behind", "beside"]
"""Rendering of an image without foreground blur, attenuated by it, or only with its light added."""

RESTORED_COVER = 0.02
"""Alpha of the foreground from which on a pixel of the background counts as restored."""
OPEN = 0.25
"""Least transmitted share of the background's light at which planes are compared."""
UNEXPLAINED = 0.04
"""Error, as a part of the image's range, from which on a plane is not explained at all."""
CHECK_WINDOW = 4.0
"""Gaussian sigma, in pixels, of the window in which a background must explain the planes better."""
LEAST_COUNT = 1e-3
"""Least share of the window that was compared."""
LEAST_MISFIT = 1e-3
"""Error, as a part of the image's range, that counts as none."""
FEWEST_CHECKED, LEAST_KNOWN = 300, 0.15
"""Pixels of a patch, and share of its hidden pixels, with a visible background that an assessment
takes: a third and more where something is hidden, a twentieth where a plain background has no depth
(`sphere`)."""
CLEARLY = 0.7
"""Part of the error that may remain where occlusion shows which end of the stack is the front."""
BETTER = 0.8
"""Part of the squared error that a restored background may leave."""
SHARPEST = 0.5
"""Least Gaussian sigma, in pixels; with less nothing is blurred."""


@dataclass(frozen=True)
class ModelErrors:
    """Squared errors of the planes, beyond their noise, as explained in several ways.

    Attributes
    ----------
    before : list of numpy.ndarray
        (Y, X) float32 each, averaged in a window: errors of simpler explanations, by the image
        without restoration.
    after : numpy.ndarray
        (Y, X) float32: the error of the restored background.
    count : numpy.ndarray
        (Y, X) float32: share of the window that was compared.
    known : float
        Share of the hidden pixels whose background is visible.
    nothing : float
        Error that counts as none.
    opaque, clear : float
        Errors with an opaque and with a transparent foreground; 0 where these were not compared.
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
        """Error that the background removes where it is better, less what it adds elsewhere."""
        least = np.float32(CLEARLY) * self.least
        removed = np.maximum(least - self.after, 0).sum()
        return float(removed - np.maximum(self.after - self.least, 0).sum())

    @cached_property
    def least(self) -> Plane:
        """Least error of the simpler explanations, pixel by pixel."""
        return np.asarray(np.minimum.reduce(self.before))

    @property
    def informative(self) -> bool:
        """Whether enough pixels were compared."""
        return self.known > LEAST_KNOWN and float(self.count.sum()) > FEWEST_CHECKED

    def better(self) -> Plane:
        """Return where the background explains the planes better than anything simpler.

        Returns
        -------
        numpy.ndarray
            (Y, X) float32, 0 to 1.
        """
        lead = np.float32(BETTER) * self.least - self.after
        lead /= np.float32(1 - BETTER) * self.least + np.float32(self.nothing)
        better: Plane = np.clip(lead + np.float32(0.5), 0, 1)
        better[self.least <= self.nothing] = 0
        better[self.count <= LEAST_COUNT] = 0
        return better


class ModelCheck:
    """Explanation of the planes of a patch by a background under foreground blur.

    Parameters
    ----------
    patch : Patch
        Part of the field.
    image, depth : numpy.ndarray
        (Y, X[, C]) and (Y, X) float32: restored background, and its depth in planes.
    blurs : mapping of int to ForegroundBlur
        Foreground blur over it by plane.
    edge : OcclusionBoundary
        Occlusion boundary of the foreground.
    where : numpy.ndarray
        (Y, X) bool: pixels to compare.
    """

    def __init__(
        self,
        patch: Patch,
        image: Plane,
        depth: Plane,
        blurs: Mapping[int, ForegroundBlur],
        edge: OcclusionBoundary,
        where: NDArray[np.bool_],
    ) -> None:
        self._patch, self._light = patch, patch.light
        self._image, self._depth, self._blurs = image, depth, blurs
        self._edge, self._where, self._pixels = edge, where, np.flatnonzero(where)

    def check(self, known: float, *, judged: bool) -> ModelErrors:
        """Render the planes from the restored background and from the image without restoration.

        Restoration explains the plane in focus by construction; the background counts only if
        nothing simpler explains the planes as well. That is the image without restoration under
        the same foreground blur, or alone at the depth of the background, of the foreground or at
        its own depth.

        Parameters
        ----------
        known : float
            Share of the hidden pixels whose background is visible.
        judged : bool
            Whether to compare an opaque with a transparent foreground, too.

        Returns
        -------
        ModelErrors
            Errors of all explanations.
        """
        gamma, step = self._light.lens.gamma, self._light.lens.blur
        was, now = (
            OutOfFocus(to_linear(image, gamma), step) for image in (self._patch.image, self._image)
        )
        behind = self._depth
        before = [
            self._error(was, behind, self._blurs, "behind"),
            *(
                self._error(was, depth, self._blurs, "alone")
                for depth in (behind, self._edge.nearest, self._patch.depth)
            ),
        ]
        after = self._error(now, behind, self._blurs, "behind")
        count = cv2.GaussianBlur(self._where.astype(np.float32), (0, 0), CHECK_WINDOW)
        check = ModelErrors(before, after, count, known, (LEAST_MISFIT * self._light.span) ** 2)
        if judged and check.lead > 0:
            opaque, clear = self._judged()
            return replace(check, opaque=opaque, clear=clear)
        return check

    def _judged(self) -> tuple[float, float]:
        """Return the errors with an opaque and with a transparent foreground.

        The light of a transparent foreground is added to that of the background, and its image
        shows the background too, out of focus. In both cases the background of a pixel is taken
        from one plane, because fusing it twice would take longer.
        """
        lights, lens = self._patch.lights, self._light.lens
        where, edge = self._where, self._edge
        background = to_linear(self._image, lens.gamma)
        apart = np.median(lens.place(edge.nearest[where]) - lens.place(self._depth[where]))
        below = cv2.GaussianBlur(background, (0, 0), max(float(apart) / 2, SHARPEST))
        added = {
            k: ForegroundBlur(blur.light - spread_over(blur.cover, below) * below, blur.cover)
            for k, blur in self._blurs.items()
        }
        planes = sorted(added)
        index = np.interp(self._depth, planes, np.arange(len(planes))).astype(np.float32)
        errors = []
        ways: tuple[tuple[Mapping[int, ForegroundBlur], PixelClass], ...] = (
            (self._blurs, "behind"),
            (added, "beside"),
        )
        for blurs, how in ways:
            left = [lights[k] - blurs[k].light for k in planes]
            if how == "behind":
                for one, k in zip(left, planes, strict=True):
                    one /= spread_over(np.maximum(1 - blurs[k].cover, OPEN), one)
            background[where] = pick_plane(left, index)[where]
            if lens.gamma != 1:
                np.maximum(background, 0, out=background)
            error = self._error(OutOfFocus(background, lens.blur), self._depth, blurs, how)
            errors.append(float(error.sum()))
        return errors[0], errors[1]

    def _error(
        self,
        background: OutOfFocus,
        depth: Plane,
        blurs: Mapping[int, ForegroundBlur],
        how: PixelClass,
    ) -> Plane:
        """Return the squared error of the planes as explained by an image, in a window.

        The image is rendered alone, behind foreground blur that blocks a share of its light, or
        beside foreground blur whose light is only added. The result is (Y, X) float32.
        """
        light, lens = self._light, self._light.lens
        total = np.zeros(depth.shape, np.float32)
        noise, worst = light.deviation**2, (UNEXPLAINED * light.span + 2 * light.deviation) ** 2
        place = lens.place(depth.ravel()[self._pixels])
        for k, blur in blurs.items():
            cover = blur.cover.ravel()[self._pixels]
            compared = np.flatnonzero((cover > RESTORED_COVER) & (cover < 1 - OPEN))
            if not compared.size:
                continue
            pixels = self._pixels[compared]
            radii = place[compared] - lens.places[k]
            added = None if how == "alone" else blur.light
            blocking = blur.cover if how == "behind" else None
            if library() is None:
                errors = self._squared(background.seen(radii, pixels), k, pixels, added, blocking)
                total.ravel()[pixels] += np.minimum(errors - np.float32(noise), worst)
                continue
            discs = background.discs(radii)
            levels = [background.level(j) for j in range(int(discs.max()) + 2)]
            rendering = Rendering(pixels, discs, levels, added, blocking, lens.gamma)
            rendering.add_errors(self._patch.planes[k], noise, worst, total)
        windowed: Plane = cv2.GaussianBlur(total, (0, 0), CHECK_WINDOW)
        return np.maximum(windowed, 0, out=windowed)

    def _squared(
        self,
        rendered: Plane,
        k: int,
        pixels: NDArray[np.intp],
        light: Plane | None,
        cover: Plane | None,
    ) -> Plane:
        """Return the squared errors of some pixels of a plane as `Rendering` computes them."""
        if cover is not None:
            rendered = rendered * spread_over(1 - _taken(cover, pixels), self._image)
        if light is not None:
            rendered = rendered + _taken(light, pixels)
        shown = to_encoded(rendered, self._light.lens.gamma)
        errors: Plane = np.square(_taken(self._patch.planes[k], pixels) - shown)
        return errors if errors.ndim == 1 else errors.mean(-1)


def _taken(plane: Plane, pixels: NDArray[np.intp]) -> Plane:
    """Return some pixels, (m[, C]), by their places in the flattened plane."""
    return plane.reshape(-1, *plane.shape[2:]).take(pixels, axis=0)


COMPARED_SIGMA = 4.0
"""Gaussian sigma, in pixels, of the window in which planes are compared."""
SAME = 0.2
"""Part of the squared difference between two planes up to which blur explains it. It does so at 1
to 15 % of the discontinuities of an image with occlusion (`strands`, `coins-step`), and at 91 to
100 % of those in the bar code of `pcb`, which is flat."""


ONE_WAY = 0.3
"""Largest unexplained difference, as a part of that in the other direction: a plane in focus
explains one out of focus, but is not explained by it."""


LUMINANCE_NOISE = 0.375
"""Variance of the noise of a colour image's brightness, over that of one channel."""


def unexplained_by_one_surface(patch: Patch) -> NDArray[np.bool_]:
    """Find the depth discontinuities that no single surface explains.

    If everything around a discontinuity lies at one of its two depths, then the plane in focus
    there, blurred by a disc, equals the plane in focus at the other depth (re-blurring [1]_). If
    one surface lies in front of another, neither plane is in focus everywhere, and neither explains
    the other.

    Parameters
    ----------
    patch : Patch
        Part of the field.

    Returns
    -------
    numpy.ndarray
        (Y, X) bool: those of its discontinuities.

    References
    ----------
    .. [1] J. Ens and P. Lawrence, "An investigation of methods for determining depth from focus",
       IEEE PAMI 15, 1993, https://doi.org/10.1109/34.192482
    """
    if not patch.discontinuities.any():
        return patch.discontinuities
    light, lens = patch.light, patch.light.lens
    depths = [np.rint(depth) for depth in sides_of(patch.depth)]
    shown = (to_linear(pick_plane(patch.planes, depth), lens.gamma) for depth in depths)
    front, back = (luminance(light) for light in shown)
    radius = lens.place(depths[0]) - lens.place(depths[1])
    step = max(lens.blur, float(radius.max()) / DISCS)
    where = dilate(patch.discontinuities, int(2 * COMPARED_SIGMA))
    noise = light.deviation**2 * (1 if patch.image.ndim == 2 else LUMINANCE_NOISE)

    def difference(one: Plane, other: Plane, expected: float) -> Plane:
        """Return the squared difference beyond an expected one, in a window."""
        squared = np.zeros(where.shape, np.float32)
        squared[where] = np.square(to_encoded(one, lens.gamma) - to_encoded(other, lens.gamma))
        squared[where] -= np.float32(expected)
        windowed: Plane = cv2.GaussianBlur(squared, (0, 0), COMPARED_SIGMA)
        return np.maximum(windowed, 0, out=windowed)

    plain = difference(front[where], back[where], 2 * noise)
    pixels, radii = np.flatnonzero(where), radius[where]
    by_front = difference(OutOfFocus(front, step).seen(radii, pixels), back[where], noise)
    by_back = difference(OutOfFocus(back, step).seen(radii, pixels), front[where], noise)
    least, most = np.minimum(by_front, by_back), np.maximum(by_front, by_back)
    single = (least <= SAME * plain) & (least <= ONE_WAY * most)
    return patch.discontinuities & ~single
