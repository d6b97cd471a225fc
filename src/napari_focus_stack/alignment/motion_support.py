"""Whether texture bears a motion out, region by region.

Two planes are compared where both show texture, each region has one voice, and a motion must
improve most of them: between neighbours, and not make it worse from the reference plane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.alignment.texture import REGION, over, region_means, region_side

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_focus_stack.alignment.texture import Texture
    from napari_focus_stack.imgproc.transforms import Matrix

TEXTURED_SHARE = 0.3
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
SURE_DEVIATIONS = 4.0
"""Standard deviations by which their number must be beyond that of a toss, if of two regions that
lie in planes beside each other only one speaks for itself."""
WORSE = 1.0
"""Mismatch from the reference plane, as a part of what it was, beyond which motion is refused."""
FEWEST_AFAR = 8
"""Regions from which on planes that are not neighbours say anything."""
SAME_CONTENT = 0.8
"""Mismatch below which planes show the same; 1 is no likeness, 2 the same inverted."""
FEWEST_ALIKE = 4
"""Regions from which on that can be said."""


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
        least: float = TEXTURED_SHARE,
    ) -> Mismatches:
        """Compare two planes where both show texture, by two transforms between full planes.

        Regions count of which both show texture in at least a part of `least`.
        """
        moved = [over(moving, fixed.own_size(matrix)) for matrix in (before, after)]
        both = fixed.shown * moved[0].shown * moved[1].shown
        covered = region_means(both) > least
        found = []
        for texture in moved:
            apart = region_means(np.square(fixed.detail - texture.detail) * both)
            power = region_means((np.square(fixed.detail) + np.square(texture.detail)) * both)
            found.append((apart[covered] / np.maximum(power[covered], 1e-12)).astype(np.float64))
        return cls(found[0], found[1], region_side(both.shape) / REGION)

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
        return SAME_CONTENT < alike < 2 - SAME_CONTENT

    @property
    def certainty(self) -> float:
        """Standard deviations by which the votes are beyond chance (sign test)."""
        return (2 * self.votes - 1) * math.sqrt(self.regions / 2) * self.size


@dataclass(frozen=True)
class MotionSupport:
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
        if near.left < MOST_LEFT and near.votes > LEAST_VOTES and near.certainty > SURE_DEVIATIONS:
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
            and slow.certainty > SURE_DEVIATIONS
        )

    @property
    def _adds_up(self) -> bool:
        """Whether neighbours and the reference are sure together (Stouffer et al., 1949)."""
        near, afar = self.neighbours, self.reference
        return bool(
            near.votes > LEAST_VOTES
            and afar.left < MOST_LEFT_AFAR
            and afar.votes > LEAST_VOTES_APART
            and (near.certainty + afar.certainty) / math.sqrt(2) > SURE_DEVIATIONS
        )

    def as_dict(self) -> dict[str, float]:
        """Plain figures for the report."""
        found: dict[str, float] = {}
        for name, known in (("neighbours", self.neighbours), ("reference", self.reference)):
            found[f"regions_{name}"] = known.regions
            found[f"better_{name}"] = known.votes
            found[f"mismatch_left_{name}"] = known.left
        return found
