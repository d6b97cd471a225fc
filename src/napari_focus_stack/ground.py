"""The ground beside and behind what is near, in a part of the field: its picture and its depth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.bands import luminance
from napari_focus_stack.blurring import defocused, to_light, to_values
from napari_focus_stack.brightness import Brightness
from napari_focus_stack.depth import DepthEstimator, edge_contrast
from napari_focus_stack.outlining import (
    EDGE,
    LEAST_JUMP,
    NOISY,
    Outline,
    ellipse,
    evidence,
    fine_energy,
    floor_of,
    outline,
    picked,
    widened,
)
from napari_focus_stack.planes import SeenPlane
from napari_focus_stack.pyramidfusion import PyramidFusion
from napari_focus_stack.smoothing import EdgeAwareMean
from napari_focus_stack.unmixing import LEAST_LEFT, Occluders, Veil, spread_over

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.bands import Plane
    from napari_focus_stack.blurring import Lens
    from napari_focus_stack.crew import Crew
    from napari_focus_stack.noise import Noise

LEAST_BLUR = 2.7
"""Pixels by which something must be out of focus where it hides what is in focus."""
FARTHEST = 96.0
"""Pixels over which blur is undone at most."""
WIDE = 128
"""Pixels from a jump over which depth may have gone on where nothing is to be seen."""
BESIDE = 16
"""Pixels from a ground that was believed in which depth is its own, or that of what is near."""
VEILED = 0.02
"""Cover from which on the ground is taken as unmixed."""
CHECKED = 8
"""Planes at which a ground is checked."""
FARTHEST_CHECKED = 8
"""Planes out of focus up to which it is."""
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
PEAK_WINDOW = 2.5
"""Gaussian sigma over the detail of what is near, for its depth."""
SIDE_WINDOW = 1.0
"""Gaussian sigma over the detail that tells sides, where it is little."""
SURE_RADIUS = 2
"""Pixels around one that must all lie on a side: detail reaches beyond its own edge."""
UNSEEN, SEEN = 0.1, 0.2
"""Mean confidence of the ground up to which nothing of it is seen, and from which on it is: what
is plain may as well be the inside of a pattern."""
WEIGHT_OF_FAR = 3.0
FAR_ENOUGH = 0.8
"""What speaks for the ground, over what speaks against, from which on it is the ground."""
SIDE_REACH = 300.0
"""Smoothness of the sides, in pixels squared."""
SIDE_EDGE = 0.5 / 255
"""Step in the picture, as a part of its range, that a side stops at."""


@dataclass(frozen=True)
class Light:
    """How planes were recorded.

    Attributes
    ----------
    lens : Lens
        How planes see what they are not focused on.
    noise : Noise
        Of one channel.
    span, level : float
        Range of brightness, and the usual one.
    jump : float
        Planes by which one thing must be before another to hide it visibly.
    reach : float
        Pixels over which the nearest things blur.
    """

    lens: Lens
    noise: Noise
    span: float
    level: float
    jump: float
    reach: float

    @classmethod
    def of(cls, lens: Lens, noise: Noise, span: float, level: float) -> Light:
        """Of all planes."""
        reach = min(float(lens.places[-1]), FARTHEST)
        return cls(lens, noise, span, level, max(LEAST_JUMP, LEAST_BLUR / lens.blur), reach)

    @property
    def deviation(self) -> float:
        """Standard deviation of the usual pixel's noise."""
        return self.noise.deviation(self.level)

    @property
    def edge(self) -> float:
        """Step of brightness that is an edge of the picture."""
        return EDGE * self.span + 2 * self.deviation

    @property
    def noisy(self) -> bool:
        """Whether detail must be smoothed to be seen."""
        return self.deviation >= NOISY * self.span


@dataclass(frozen=True)
class View:
    """A part of the field in all its planes, and what is known of it.

    Attributes
    ----------
    planes : list of numpy.ndarray
        (Y, X[, C]) float32 each, the nearest last.
    image : numpy.ndarray
        (Y, X[, C]) float32: what they were fused into.
    depth, confidence : numpy.ndarray
        (Y, X) float32, the depth counted in these planes.
    lowest : numpy.ndarray
        (Y, X) float32: the farthest depth within `WIDE` pixels.
    jumps : numpy.ndarray
        (Y, X) bool: jumps of the depth that count.
    recorded : numpy.ndarray
        (Y, X) bool: where all of these planes have recorded; nothing else is believed.
    light : Light
        How these planes were recorded.
    """

    planes: list[Plane]
    image: Plane
    depth: Plane
    confidence: Plane
    lowest: Plane
    jumps: NDArray[np.bool_]
    recorded: NDArray[np.bool_]
    light: Light

    @cached_property
    def lights(self) -> list[Plane]:
        """The planes as light, which adds up where values do not."""
        return [to_light(plane, self.light.lens.gamma) for plane in self.planes]

    @cached_property
    def bright(self) -> list[Plane]:
        """Brightness of the planes, (Y, X) float32 each."""
        return [luminance(plane) for plane in self.planes]

    @property
    def above(self) -> NDArray[np.bool_]:
        """What may be near: far before something else."""
        return np.asarray(self.depth - self.lowest > self.light.jump)


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


@dataclass(frozen=True)
class Ground:
    """What was found behind.

    Attributes
    ----------
    image : numpy.ndarray
        (Y, X[, C]) float32: the ground's picture.
    weight : numpy.ndarray
        (Y, X) float32, 0 to 1: how much of each pixel is to be taken from it.
    depth : numpy.ndarray
        (Y, X) float32: of what is in front at each pixel.
    confidence : numpy.ndarray
        (Y, X) float32: how far to believe it.
    cover : numpy.ndarray
        (Y, X) float32: share of the light that did not come from the ground, in its own plane.
    check : Check
        How well it explains the planes.
    """

    image: Plane
    weight: Plane
    depth: Plane
    confidence: Plane
    cover: Plane
    check: Check


def ground_behind(view: View, crew: Crew, *, judged: bool = False) -> Ground | None:
    """Unmix the planes of a view, fuse them again, and see whether that explains them.

    Parameters
    ----------
    view : View
        A part of the field.
    crew : Crew
        Who works.
    judged : bool
        Whether to see, too, if the planes are explained as well by what is seen through.

    Returns
    -------
    Ground or None
        None if nothing hides anything.
    """
    light = view.light
    energies = [fine_energy(bright, light.noisy) for bright in view.bright]
    edge = outline(energies, view.depth, view.jumps, view.bright, light.jump, light.edge)
    occluders = Occluders(edge, view.lights, view.depth, view.jumps, light.lens, light.jump)
    if not occluders.hidden.any():
        return None
    touched = occluders.hidden | edge.near
    doubted = widened(view.jumps, WIDE) & view.above & ~touched
    occluders.doubt(doubted, view.depth)
    unmixing = _Unmixing(view, occluders, touched, crew)
    found = unmixing.fused(int(occluders.last[touched].max()))
    seen = cv2.GaussianBlur(found.confidence, (0, 0), CHECK_WINDOW)
    beyond = occluders.hidden & (edge.share < np.float32(0.3)) & view.recorded
    check = unmixing.check(found, edge, beyond, seen > UNSEEN, judged=judged)
    better = check.better() * np.clip((seen - UNSEEN) / np.float32(SEEN - UNSEEN), 0, 1)
    weight = np.clip(found.cover / np.float32(VEILED), 0, 1) * (1 - edge.share)
    weight *= occluders.hidden & view.recorded
    weight *= better
    believed = occluders.hidden & view.recorded & (better > np.float32(0.5))
    beside = widened(believed, BESIDE)
    depth, confidence = view.depth.copy(), view.confidence.copy()
    near = edge.near & beside
    depth[near] = _depth_of_near(energies, edge)[near]
    behind = occluders.hidden & ~edge.near & beside
    confidence[behind] = found.confidence[behind]
    behind |= doubted & widened(believed, WIDE) & _is_far(view, energies, edge)
    depth[behind] = np.minimum(found.depth, view.depth)[behind]
    return Ground(found.image, weight, depth, confidence, found.cover, check)


@dataclass(frozen=True)
class _Found:
    image: Plane
    depth: Plane
    confidence: Plane
    cover: Plane
    veils: dict[int, Veil]


class _Unmixing:
    """One view on its way through unmixing, fusion and check."""

    def __init__(
        self,
        view: View,
        occluders: Occluders,
        touched: NDArray[np.bool_],
        crew: Crew,
    ) -> None:
        self._view, self._light, self._occluders = view, view.light, occluders
        self._touched, self._crew = touched, crew

    def fused(self, last: int) -> _Found:
        """Fuse the planes, those up to `last` unmixed, each where it shows what is behind."""
        planes, lights, gamma = self._view.planes, self._view.lights, self._light.lens.gamma
        ends = min(float(p.min()) for p in lights), max(float(p.max()) for p in lights)
        fusion = PyramidFusion(planes[0].shape, np.dtype(np.float32), self._light.noise, self._crew)
        estimator = DepthEstimator(self._crew)
        covers, veils = [], {}
        kept = set(np.linspace(0, last, min(CHECKED, last + 1)).astype(int).tolist())
        for k, plane in enumerate(planes):
            self._crew.check()
            ground = plane
            if k <= last:
                veil = self._occluders.veil(k)
                shown = self._touched & (self._occluders.last >= k)
                ground = to_values(veil.lifted(lights[k], shown, ends), gamma)
                covers.append(veil.cover)
                if k in kept:
                    veils[k] = veil
            known = None if k <= int(self._occluders.last.min()) else self._shown(k)
            seen = SeenPlane(ground, np.eye(3), Brightness(), known)
            fusion.add(seen)
            estimator.add(fusion.energies)
        fusion.build()
        light = self._light
        depth, confidence = estimator.estimate(
            fusion.brightness, edge_contrast(light.span, light.deviation)
        )
        covers += [np.zeros_like(depth)]
        cover = picked(covers, np.minimum(depth, np.float32(len(covers) - 1)))
        return _Found(fusion.image(np.dtype(np.float32)), depth, confidence, cover, veils)

    def _shown(self, k: int) -> NDArray[np.uint8]:
        shown: NDArray[np.uint8] = (self._occluders.last >= k).astype(np.uint8) * 255
        return shown

    def check(
        self,
        found: _Found,
        edge: Outline,
        beyond: NDArray[np.bool_],
        seen: NDArray[np.bool_],
        *,
        judged: bool,
    ) -> Check:
        """Render the planes from what was found, and from the image as it was.

        The ground was divided so that its own plane is explained; so it counts only if nothing
        simpler explains the planes as well: the image as it was, behind the same veil, at the
        depth of the ground, of what is near, or at its own.
        """
        where = beyond & seen
        was, now = (
            self._blurred(to_light(image, self._light.lens.gamma))
            for image in (self._view.image, found.image)
        )
        behind, veils = found.depth, found.veils
        before = [
            self._error(was, behind, veils, where, "behind"),
            *(
                self._error(was, depth, veils, where, "alone")
                for depth in (behind, edge.nearest, self._view.depth)
            ),
        ]
        after = self._error(now, behind, veils, where, "behind")
        count = cv2.GaussianBlur(where.astype(np.float32), (0, 0), CHECK_WINDOW)
        known = int(np.count_nonzero(where)) / max(int(np.count_nonzero(beyond)), 1)
        check = Check(before, after, count, known, (NOTHING * self._light.span) ** 2)
        if judged and check.lead > 0:
            opaque, clear = self._judged(found, edge, where)
            return replace(check, opaque=opaque, clear=clear)
        return check

    def _judged(
        self, found: _Found, edge: Outline, where: NDArray[np.bool_]
    ) -> tuple[float, float]:
        """Errors if what is near hides the ground, and if it is seen through.

        Then its light adds to the ground's, and its picture shows the ground too, out of focus.
        Each ground is taken from one plane a pixel: to fuse both would take longer.
        """
        lights, lens = self._view.lights, self._light.lens
        ground = to_light(found.image, lens.gamma)
        apart = np.median(lens.place(edge.nearest[where]) - lens.place(found.depth[where]))
        below = cv2.GaussianBlur(ground, (0, 0), max(float(apart) / 2, SHARPEST))
        added = {
            k: Veil(veil.light - spread_over(veil.cover, below) * below, veil.cover)
            for k, veil in found.veils.items()
        }
        planes = sorted(added)
        index = np.interp(found.depth, planes, np.arange(len(planes))).astype(np.float32)
        errors = []
        for veils, how in ((found.veils, "behind"), (added, "beside")):
            left = [lights[k] - veils[k].light for k in planes]
            if how == "behind":
                for one, k in zip(left, planes, strict=True):
                    one /= spread_over(np.maximum(1 - veils[k].cover, LEAST_LEFT), one)
            ground[where] = picked(left, index)[where]
            if lens.gamma != 1:
                np.maximum(ground, 0, out=ground)
            error = self._error(self._blurred(ground), found.depth, veils, where, how)
            errors.append(float(error.sum()))
        return errors[0], errors[1]

    def _blurred(self, light: Plane) -> list[Plane]:
        """Light as it is seen so many planes out of focus."""
        blur = self._light.lens.blur
        return [light, *(defocused(light, blur * j) for j in range(1, FARTHEST_CHECKED + 2))]

    def _error(
        self,
        blurred: list[Plane],
        depth: Plane,
        veils: dict[int, Veil],
        where: NDArray[np.bool_],
        how: str,
    ) -> Plane:
        """Squared error of the planes as an image explains them, over a window: (Y, X) float32.

        Alone, behind the veils, which keep its light away, or beside their light.
        """
        light, lens = self._light, self._light.lens
        total = np.zeros(depth.shape, np.float32)
        worst = np.float32((UNEXPLAINED * light.span + 2 * light.deviation) ** 2)
        place = lens.place(depth)
        for k, veil in veils.items():
            seen = where & (veil.cover > VEILED) & (veil.cover < 1 - LEAST_LEFT)
            if not seen.any():
                continue
            apart = np.minimum(np.abs(place - lens.places[k]) / lens.blur, FARTHEST_CHECKED)
            rendered = _between(blurred, apart, seen)
            if how == "behind":
                rendered *= spread_over(1 - veil.cover[seen], blurred[0])
            if how != "alone":
                rendered += veil.light[seen]
            error = np.square(self._view.planes[k][seen] - to_values(rendered, lens.gamma))
            error = error if error.ndim == 1 else error.mean(-1)
            error -= np.float32(light.deviation**2)
            total[seen] += np.minimum(error, worst)
        windowed: Plane = cv2.GaussianBlur(total, (0, 0), CHECK_WINDOW)
        return np.maximum(windowed, 0, out=windowed)


def _between(levels: list[Plane], place: Plane, where: NDArray[np.bool_]) -> Plane:
    """Values of a mask's pixels, (m[, C]), between two levels."""
    below = place[where].astype(np.intp)
    part = place[where] - below.astype(np.float32)
    rows, cols = np.nonzero(where)
    lower, upper = np.empty_like(levels[0][where]), np.empty_like(levels[0][where])
    for level in np.unique(below):
        here = below == level
        lower[here] = levels[level][rows[here], cols[here]]
        upper[here] = levels[level + 1][rows[here], cols[here]]
    part = spread_over(part, levels[0])
    mixed: Plane = lower * (1 - part) + upper * part
    return mixed


def _depth_of_near(energies: Sequence[Plane], edge: Outline) -> Plane:
    """Depth of what is near, from its own detail alone: a parabola through the peak."""
    count = len(energies)
    floor = floor_of(energies) * np.float32(0.1)
    best, before, after, last = (np.full(edge.share.shape, -np.inf, np.float32) for _ in range(4))
    index = np.zeros(edge.share.shape, np.float32)
    for k, energy in enumerate(energies):
        own = np.log(cv2.GaussianBlur(energy * edge.share, (0, 0), PEAK_WINDOW) + floor)
        np.copyto(after, own, where=index == k - 1)
        better = (own > best) & (np.abs(edge.nearest - np.float32(k)) <= 2)
        np.copyto(before, last, where=better)
        np.copyto(best, own, where=better)
        index[better] = k
        last = own
    inside = (index > 0) & (index < count - 1) & np.isfinite(best)
    bend = np.minimum(
        before - 2 * best + after, np.float32(-0.05), where=inside, out=-np.ones_like(best)
    )
    offset = np.where(inside, np.float32(0.5) * (before - after) / bend, 0)
    found: Plane = np.where(np.isfinite(best), index + np.clip(offset, -0.5, 0.5), edge.nearest)
    return found.astype(np.float32)


def _is_far(view: View, energies: Sequence[Plane], edge: Outline) -> NDArray[np.bool_]:
    """Whether a pixel whose depth nothing shows belongs to the ground rather than to what is near.

    Depth goes on from where it is seen to where it is not, across an outline too. So what speaks
    for either side, and is seen, goes on anew, to the next edge of the picture.
    """
    light = view.light
    smoother = [cv2.GaussianBlur(energy, (0, 0), SIDE_WINDOW) for energy in energies]
    floor = floor_of(smoother)
    clear = [np.maximum(energy - floor, 0) for energy in smoother]
    own = cv2.GaussianBlur(evidence(clear, view.depth, floor, light.jump), (0, 0), 1.5)
    side = np.where(edge.band, edge.evidence, own)
    kernel = ellipse(SURE_RADIUS)
    disputed = view.above | edge.band
    near = np.where(disputed, np.maximum(cv2.erode(side, kernel), 0), 0)
    near[~widened(view.jumps, WIDE)] = 0
    seen = np.float32(WEIGHT_OF_FAR) * (view.confidence > np.float32(UNSEEN))
    far = np.where(disputed, np.maximum(-cv2.dilate(side, kernel), 0), seen)
    smooth = EdgeAwareMean(
        luminance(view.image), SIDE_REACH, SIDE_EDGE * light.span + light.deviation
    )
    nearness, farness = smooth(near.astype(np.float32), far.astype(np.float32))
    return np.asarray(farness > np.float32(FAR_ENOUGH) * nearness)
