"""Whether motion is borne out by what focus does not change: texture, region by region.

The zone that is in focus wanders over the field while nothing moves, and takes light (optical
sections) or contrast with it; intensities follow it as if the field were magnified or shifted.
Divided by its own contrast, fine texture stays where the specimen is. So two planes are compared
where both show texture, each region has one voice, and a motion must improve most of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from napari_focus_stack.brightness import densest
from napari_focus_stack.registration import HUBER, SMALLEST_STEP
from napari_focus_stack.transforms import rescale, warp_masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.registration import Plane, Region
    from napari_focus_stack.transforms import Matrix
    from napari_focus_stack.views import View

Item = TypeVar("Item")

COARSE = 1.5
"""Gaussian sigma, in pixels of the reduced plane, below which detail is texture."""
AROUND = 3.0
"""Gaussian sigma over which contrast is measured to be divided out."""
QUIET = 0.1
"""Quantile of the contrast of a plane that may be noise; in the plane where it is least it is."""
STRONG, MOST_NOISE = 0.99, 0.1
"""Quantile that is strong detail, and the part of it that noise has at most."""
LEAST_CONTRAST = 0.02
"""Least part of the largest contrast that counts, where there is no noise."""
CLEAR = 2.5
"""Contrast, in that of the noise, from which on there is texture."""
REGION, LEAST_REGION, ACROSS = 24, 8, 3
"""Side in pixels of a region, at most and at least, and how many a plane has across: texture is
alike over 3 or 4, so that large ones hold 40 samples or more."""
COVERED = 0.3
"""Part of a region that must show texture in both planes to have a voice."""
SOME_COVERED = 0.05
"""The same for the question whether planes show the same at all."""
MOST_LEFT = 0.95
"""Mismatch of texture, as a part of what it was, that motion between neighbours may leave.

Motion leaves 0.03 to 0.95, what changes with focus alone 0.96 and more (120 rendered sections).
"""
LEAST_VOTES = 0.6
"""Part of the regions that must be better off."""
CLEARLY_LEFT, CLEAR_VOTES, FEWEST_CLEAR = 0.6, 0.85, 6
"""Mismatch and votes that a few regions are enough for, and how many."""
SLOW = 0.4
"""Corner distance in pixels that nine of ten neighbours move by at most where motion may be too
slow to show between them; it must show between planes farther apart then."""
MOST_LEFT_APART = 0.92
LEAST_VOTES_APART = 0.7
"""Mismatch and votes that are asked for between those."""
MOST_LEFT_AFAR = 0.97
"""Mismatch from the reference plane where neighbours agree but are not sure by themselves. Halos
of unstained cells, which grow like a magnification, make it better (0.37) but neighbours worse
(votes of at most 0.44); a true magnification of 0.6 % in 14 planes of 128 x 160 pixels 0.86 to
0.95, and neighbours better (0.65 to 0.76)."""
SURE = 4.0
"""Standard deviations by which their number must be beyond that of a toss, if of two regions that
lie in planes beside each other only one speaks for itself."""
WORSE = 1.0
"""Mismatch from the reference plane, as a part of what it was, beyond which motion is refused."""
FEWEST_AFAR = 8
"""Regions from which on planes that are not neighbours say anything."""
ALIKE = 0.8
"""Mismatch below which planes show the same; 1 is no likeness, 2 the same inverted."""
FEWEST_ALIKE = 4
"""Regions from which on that can be said."""
BLACK, DIM, LIT = 0.01, 0.1, 0.2
"""Quantile of the light that is none, of a place's light over the planes where it is dim and (from
the other end) bright, and part of the brightest from which on a place is lit at all."""
GONE, MOSTLY = 0.4, 0.75
"""Light that is left where it is gone, and part of the lit places where it goes: 0.99 in confocal
stacks, 0.2 of a widefield nucleus, 0 to 0.25 where nothing but focus and field move."""
LIGHT_SIDE = 16
"""Places along the longer side: large ones, which the specimen's motion does not darken."""
DARKEST, FEWEST_LIT = 0.02, 12
"""Part of the brightest light from which on places say anything of the lamp, and how many must."""
ALL_ALIKE = 0.05
"""Width of the ratios that lie closest together up to which a lamp made them so."""
MOST_STEPS = 8
FEWEST_PIXELS = 200


@dataclass(frozen=True)
class Texture:
    """Texture of one plane, reduced if it is large.

    Attributes
    ----------
    detail : numpy.ndarray
        (y, x) float32, of about the same contrast everywhere.
    shown : numpy.ndarray
        (y, x) float32: 1 where there is texture, else 0.
    field : tuple of int
        Size of the plane itself.
    """

    detail: Plane
    shown: Plane
    field: tuple[int, int]

    @classmethod
    def of(
        cls, view: View, noise: float, region: Region | None = None, *, fine: bool = False
    ) -> Texture:
        """Take the texture of a plane; of a region alone, if any.

        Parameters
        ----------
        view : View
            Of the plane.
        noise : float
            Contrast that noise alone has, in grey levels; see `texture_noise`.
        region : numpy.ndarray, optional
            (Y, X) bool, of the plane's own size.
        fine : bool
            Whether to take the finest texture, as in optical sections, where a lit zone may be
            hardly wider; a lens that is not focused on it takes that away first.
        """
        detail, contrast = _detail(view, fine)
        floor = np.float32(max(noise / _unit(view), LEAST_CONTRAST * float(contrast.max()), 1e-6))
        shown = contrast > np.float32(CLEAR) * floor
        if region is not None:
            size = shown.shape[::-1]
            shown &= cv2.resize(region.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
        return cls(detail / (contrast + 2 * floor), shown.astype(np.float32), view.shape)

    def own_size(self, matrix: Matrix) -> Matrix:
        """A transform between full planes, for this size."""
        return rescale(matrix, *self._factors())

    def full_size(self, matrix: Matrix) -> Matrix:
        """A transform at this size, for the planes themselves."""
        down, right = self._factors()
        return rescale(matrix, 1 / down, 1 / right)

    def _factors(self) -> tuple[float, float]:
        (h, w), (y, x) = self.field, self.detail.shape
        return y / h, x / w


def texture_noise(views: Iterable[View], *, fine: bool = False) -> float:
    """Contrast of fine detail that noise alone has, in grey levels, in the plane of least detail.

    Never more than a part of the strongest detail: some planes are textured all over.
    """
    quiet, strong = [], []
    for view in views:
        contrast = _detail(view, fine)[1][::4, ::4]
        quiet.append(float(np.quantile(contrast, QUIET)) * _unit(view))
        strong.append(float(np.quantile(contrast, STRONG)) * _unit(view))
    return min(*quiet, MOST_NOISE * max(strong))


def _detail(view: View, fine: bool) -> tuple[Plane, Plane]:
    """Detail of a plane, and its contrast."""
    if fine:
        detail = view.texture.astype(np.float32)
    else:
        band = view.levels[0]
        detail = cv2.subtract(band, cv2.GaussianBlur(band, (0, 0), COARSE))
    return detail, np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), AROUND))


def _unit(view: View) -> float:
    return max(view.contrast, 1e-30)


@dataclass(frozen=True)
class Mismatches:
    """Squared difference of texture in each region, over its power, before and after motion.

    Attributes
    ----------
    before, after : numpy.ndarray
        (regions,) float64.
    size : float
        Side of the regions by that of usual ones: those of small planes hold fewer samples.
    """

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    size: float = 1.0

    @classmethod
    def of(
        cls,
        fixed: Texture,
        moving: Texture,
        before: Matrix,
        after: Matrix,
        least: float = COVERED,
    ) -> Mismatches:
        """Compare two planes where both show texture, by two transforms between full planes.

        Regions count of which both show texture in at least a part of `least`.
        """
        moved = [_over(moving, fixed.own_size(matrix)) for matrix in (before, after)]
        both = fixed.shown * moved[0].shown * moved[1].shown
        covered = _region_means(both) > least
        found = []
        for texture in moved:
            apart = _region_means(np.square(fixed.detail - texture.detail) * both)
            power = _region_means((np.square(fixed.detail) + np.square(texture.detail)) * both)
            found.append((apart[covered] / np.maximum(power[covered], 1e-12)).astype(np.float64))
        return cls(found[0], found[1], _region_side(both.shape) / REGION)

    @classmethod
    def together(cls, some: Iterable[Mismatches]) -> Mismatches:
        """Those of several pairs."""
        known = list(some)
        before = [one.before for one in known] or [np.zeros(0)]
        after = [one.after for one in known] or [np.zeros(0)]
        size = min((one.size for one in known), default=1.0)
        return cls(np.concatenate(before), np.concatenate(after), size)

    @property
    def regions(self) -> int:
        """How many regions show texture in both planes of a pair."""
        return len(self.before)

    @property
    def left(self) -> float:
        """Mismatch after the motion as a part of what it was before."""
        total = float(self.before.sum())
        return float(self.after.sum()) / total if total > 0 else 1.0

    @property
    def votes(self) -> float:
        """Part of the regions that are better off with the motion."""
        return float(np.mean(self.after < self.before)) if self.regions else 0.0

    @property
    def of_another_place(self) -> bool:
        """Whether planes show texture, and neither the same nor its negative."""
        if self.regions < FEWEST_ALIKE:
            return False
        alike = min(float(self.before.mean()), float(self.after.mean()))
        return ALIKE < alike < 2 - ALIKE

    @property
    def certainty(self) -> float:
        """Standard deviations by which the votes are beyond chance (sign test)."""
        return (2 * self.votes - 1) * math.sqrt(self.regions / 2) * self.size


@dataclass(frozen=True)
class Support:
    """What texture says of a motion.

    Attributes
    ----------
    neighbours : Mismatches
        Of planes beside each other.
    reference : Mismatches
        Of planes and the reference plane.
    apart : Mismatches or None
        Of planes some way apart, if neighbours hardly move.
    of_sections : bool
        Whether light comes and goes with focus. Then it must show from the reference, too, where
        both planes show anything: what is to be seen changes from section to section.
    """

    neighbours: Mismatches
    reference: Mismatches
    apart: Mismatches | None = None
    of_sections: bool = False

    @property
    def bears_out(self) -> bool:
        """Whether the motion is real, as far as texture shows it."""
        near, afar = self.neighbours, self.reference
        most = MOST_LEFT if self.of_sections else WORSE
        if near.left > CLEARLY_LEFT:
            most = min(most, MOST_LEFT_AFAR)
        if afar.regions >= FEWEST_AFAR and afar.left > most:
            return False
        if near.left < MOST_LEFT and near.votes > LEAST_VOTES and near.certainty > SURE:
            return True
        if (
            near.left < CLEARLY_LEFT
            and near.votes > CLEAR_VOTES
            and near.regions * near.size >= FEWEST_CLEAR
        ):
            return True
        return near.left <= WORSE and (self._shows_apart or self._adds_up)

    @property
    def _shows_apart(self) -> bool:
        """Whether a slow motion shows between planes some way apart."""
        slow = self.apart
        return bool(
            slow is not None
            and slow.left < MOST_LEFT_APART
            and slow.votes > LEAST_VOTES_APART
            and slow.certainty > SURE
        )

    @property
    def _adds_up(self) -> bool:
        """Whether neighbours and the reference are sure together (Stouffer et al., 1949)."""
        near, afar = self.neighbours, self.reference
        return bool(
            near.votes > LEAST_VOTES
            and afar.left < MOST_LEFT_AFAR
            and afar.votes > LEAST_VOTES_APART
            and (near.certainty + afar.certainty) / math.sqrt(2) > SURE
        )

    def as_dict(self) -> dict[str, float]:
        """Plain figures for the report."""
        found: dict[str, float] = {}
        for name, known in (("neighbours", self.neighbours), ("reference", self.reference)):
            found[f"regions_{name}"] = known.regions
            found[f"better_{name}"] = known.votes
            found[f"mismatch_left_{name}"] = known.left
        return found


def texture_shift(fixed: Texture, moving: Texture, start: Matrix) -> Matrix:
    """Shift of texture between two planes, by Gauss-Newton steps from a transform close to it.

    Parameters
    ----------
    fixed, moving : Texture
        Of two planes close in focus.
    start : numpy.ndarray
        (3, 3) between the full planes, from `fixed` to `moving`: a shift.

    Returns
    -------
    numpy.ndarray
        (3, 3); `start` where planes have too little texture in common.
    """
    shift = fixed.own_size(start).copy()
    for _ in range(MOST_STEPS):
        seen = _over(moving, shift)
        both = fixed.shown * seen.shown > 0
        if np.count_nonzero(both) < FEWEST_PIXELS:
            return start
        apart = cv2.subtract(fixed.detail, seen.detail)
        size = np.abs(apart)
        limit = HUBER * 1.4826 * float(np.median(size[both])) + 1e-6
        weight = both / np.maximum(size / np.float32(limit), 1)
        middle = cv2.scaleAdd(apart, -0.5, fixed.detail)
        x, y = (
            cv2.Scharr(middle, cv2.CV_32F, *axis, scale=1 / 32)[both] for axis in ((1, 0), (0, 1))
        )
        w, d = weight[both], apart[both]
        normal = np.array([[(w * x * x).sum(), (w * x * y).sum()], [0, (w * y * y).sum()]])
        normal[1, 0] = normal[0, 1]
        normal += np.eye(2) * (1e-6 * normal.trace() + 1e-12)
        step = np.linalg.solve(normal, [(w * x * d).sum(), (w * y * d).sum()])
        shift[:2, 2] += step
        if np.abs(step).max() < SMALLEST_STEP / 4:
            break
    return fixed.full_size(shift)


def spread_over(some: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of some items, evenly taken."""
    if len(some) <= count:
        return list(some)
    places = np.linspace(0, len(some) - 1, count).round().astype(int)
    return [some[i] for i in places]


def _over(texture: Texture, matrix: Matrix) -> Texture:
    """Texture as the pixels of another plane, of the same size, see it."""
    if np.array_equal(matrix, np.eye(3)):
        return texture
    detail, shown = (
        warp_masked(plane, matrix, plane.shape) for plane in (texture.detail, texture.shown)
    )
    return Texture(detail, (shown > np.float32(0.99)).astype(np.float32), texture.field)


def comes_and_goes(lights: Iterable[Plane]) -> bool:
    """Whether light comes and goes with focus, as in optical sections.

    Most places are dark in some planes then; out of focus, a lens only spreads their light. A lamp
    that fades darkens all of them alike, which does not count.

    Parameters
    ----------
    lights : iterable of numpy.ndarray
        (y, x) float32 luminance of each plane, small.
    """
    small = []
    for light in lights:
        factor = min(1.0, LIGHT_SIDE / max(light.shape))
        size = tuple(max(1, round(side * factor)) for side in light.shape[::-1])
        small.append(cv2.resize(light, size, interpolation=cv2.INTER_AREA))
    if not small:
        return False
    light = np.stack(small)
    brightest = light[light.mean((1, 2)).argmax()]
    light *= np.array([_lamp(one, brightest) for one in light], np.float32)[:, None, None]
    light -= np.quantile(light, BLACK)
    dim, bright = np.quantile(light, (DIM, 1 - DIM), axis=0)
    lit = bright >= LIT * bright.max()
    return bool(np.mean(dim[lit] < GONE * bright[lit]) > MOSTLY)


def _lamp(light: Plane, brightest: Plane) -> float:
    """What places agree that a plane has to be multiplied by; 1 if they do not."""
    least = DARKEST * float(brightest.max())
    known = (light > least) & (brightest > least)
    if np.count_nonzero(known) < FEWEST_LIT:
        return 1.0
    middle, width = densest(np.log(brightest[known] / light[known]))
    return float(np.exp(middle)) if width < ALL_ALIKE else 1.0


def _region_side(shape: tuple[int, ...]) -> int:
    return min(REGION, max(LEAST_REGION, min(shape) // ACROSS))


def _region_means(plane: Plane) -> Plane:
    side = _region_side(plane.shape)
    rows, cols = (max(1, length // side) for length in plane.shape)
    whole = plane[: rows * side, : cols * side]
    means: Plane = cv2.resize(whole, (cols, rows), interpolation=cv2.INTER_AREA)
    return means
