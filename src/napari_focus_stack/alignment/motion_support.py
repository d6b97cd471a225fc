"""Confirmation of a motion by texture, region by region.

Two planes are compared where both show texture, and each region has one vote. A motion must improve
most regions between neighbours, and must not worsen them relative to the reference plane.
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
"""Part of a region that must show texture in both planes for the region to vote."""
SOME_COVERED = 0.05
"""The same part when deciding whether two planes show the same content at all."""
MOST_LEFT = 0.95
"""Mismatch of texture that motion between neighbours may leave, as a part of the mismatch before.

Motion leaves 0.03 to 0.95, changes of focus alone 0.96 and more (120 rendered sections).
"""
LEAST_VOTES = 0.6
"""Part of the regions that must improve."""
CLEARLY_LEFT, CLEAR_VOTES, FEWEST_CLEAR = 0.6, 0.85, 6
"""Mismatch and votes for which a few regions suffice, and the number of these."""
SLOW = 0.4
"""Corner distance in pixels that nine of ten neighbours stay below where motion may be too slow to
be visible between them; it must be visible between planes farther apart then."""
MOST_LEFT_APART = 0.92
LEAST_VOTES_APART = 0.7
"""Mismatch and votes required between those planes."""
MOST_LEFT_AFAR = 0.97
"""Mismatch from the reference plane required where neighbours agree without being conclusive. Halos
of unstained cells, which grow like a magnification, improve it (0.37) but worsen that of neighbours
(votes of at most 0.44); a true magnification of 0.6 % in 14 planes of 128 x 160 pixels gives 0.86
to 0.95, and improves that of neighbours (votes of 0.65 to 0.76)."""
SURE_DEVIATIONS = 4.0
"""Standard deviations by which the votes must exceed chance if, of two regions in adjacent planes,
only one is independent."""
WORSE = 1.0
"""Relative mismatch from the reference plane beyond which motion is refused."""
FEWEST_AFAR = 8
"""Least regions for which planes that are not neighbours are conclusive."""
SAME_CONTENT = 0.8
"""Mismatch below which planes show the same; 1 means unrelated, 2 the same inverted."""
FEWEST_ALIKE = 4
"""Least regions for which that can be decided."""


@dataclass(frozen=True)
class Mismatches:
    """Squared difference of texture in each region, over its power, before and after motion.

    Attributes
    ----------
    before, after : numpy.ndarray
        (regions,) float64.
    size : float
        Side of the regions relative to the usual side: regions of small planes hold fewer samples.
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
        """Compare two planes, where both show texture, by two transforms.

        Parameters
        ----------
        fixed, moving : Texture
            Texture of both planes.
        before, after : numpy.ndarray
            (3, 3) transforms between the full planes, from `fixed` to `moving`.
        least : float
            Part of a region in which both planes must show texture for it to count.

        Returns
        -------
        Mismatches
            Mismatches of the regions that count.
        """
        side = region_side(fixed.detail.shape)
        step = fixed.step if side == REGION else 1
        still = over(fixed, np.eye(3), step)
        moved = [over(moving, fixed.own_size(matrix), step) for matrix in (before, after)]
        both = (still.shown & moved[0].shown & moved[1].shown) * np.float32(1 / 255)
        covered = region_means(both, side // step) > least
        detail, found = still.detail * both, []
        for texture in moved:
            other = texture.detail * both
            apart = region_means(np.square(detail - other), side // step)
            power = region_means(np.square(detail) + np.square(other), side // step)
            found.append((apart[covered] / np.maximum(power[covered], 1e-12)).astype(np.float64))
        return cls(found[0], found[1], side / REGION)

    @classmethod
    def together(cls, some: Iterable[Mismatches]) -> Mismatches:
        """Concatenate the mismatches of several pairs.

        Parameters
        ----------
        some : iterable of Mismatches
            Mismatches of each pair.

        Returns
        -------
        Mismatches
            Mismatches of all regions.
        """
        known = list(some)
        before = [one.before for one in known] or [np.zeros(0)]
        after = [one.after for one in known] or [np.zeros(0)]
        size = min((one.size for one in known), default=1.0)
        return cls(np.concatenate(before), np.concatenate(after), size)

    @property
    def regions(self) -> int:
        """Number of regions that show texture in both planes of a pair."""
        return len(self.before)

    @property
    def left(self) -> float:
        """Mismatch after the motion as a part of that before."""
        total = float(self.before.sum())
        return float(self.after.sum()) / total if total > 0 else 1.0

    @property
    def votes(self) -> float:
        """Part of the regions that the motion improves."""
        return float(np.mean(self.after < self.before)) if self.regions else 0.0

    @property
    def of_another_place(self) -> bool:
        """Whether planes show texture that is neither the same nor its negative."""
        if self.regions < FEWEST_ALIKE:
            return False
        alike = min(float(self.before.mean()), float(self.after.mean()))
        return SAME_CONTENT < alike < 2 - SAME_CONTENT

    @property
    def certainty(self) -> float:
        """Standard deviations by which the votes exceed chance (sign test)."""
        return (2 * self.votes - 1) * math.sqrt(self.regions / 2) * self.size


@dataclass(frozen=True)
class MotionSupport:
    """Support of a motion by texture.

    Attributes
    ----------
    neighbours : Mismatches
        Mismatches between adjacent planes.
    reference : Mismatches
        Mismatches between planes and the reference plane.
    apart : Mismatches or None
        Mismatches between planes some distance apart, if neighbours hardly move.
    of_sections : bool
        Whether planes are optical sections. The motion must then be visible relative to the
        reference as well, where both planes show texture: the content changes from section to
        section.
    """

    neighbours: Mismatches
    reference: Mismatches
    apart: Mismatches | None = None
    of_sections: bool = False

    @property
    def bears_out(self) -> bool:
        """Whether texture confirms the motion."""
        close, reference = self.neighbours, self.reference
        most = MOST_LEFT if self.of_sections else WORSE
        if close.left > CLEARLY_LEFT:
            most = min(most, MOST_LEFT_AFAR)
        if reference.regions >= FEWEST_AFAR and reference.left > most:
            return False
        if (
            close.left < MOST_LEFT
            and close.votes > LEAST_VOTES
            and close.certainty > SURE_DEVIATIONS
        ):
            return True
        if (
            close.left < CLEARLY_LEFT
            and close.votes > CLEAR_VOTES
            and close.regions * close.size >= FEWEST_CLEAR
        ):
            return True
        return close.left <= WORSE and (self._shows_apart or self._adds_up)

    @property
    def _shows_apart(self) -> bool:
        """Whether a slow motion is visible between planes some distance apart."""
        slow = self.apart
        return bool(
            slow is not None
            and slow.left < MOST_LEFT_APART
            and slow.votes > LEAST_VOTES_APART
            and slow.certainty > SURE_DEVIATIONS
        )

    @property
    def _adds_up(self) -> bool:
        """Whether neighbours and the reference are conclusive together (Stouffer et al., 1949)."""
        close, reference = self.neighbours, self.reference
        return bool(
            close.votes > LEAST_VOTES
            and reference.left < MOST_LEFT_AFAR
            and reference.votes > LEAST_VOTES_APART
            and (close.certainty + reference.certainty) / math.sqrt(2) > SURE_DEVIATIONS
        )

    def as_dict(self) -> dict[str, float]:
        """Return the figures for the report.

        Returns
        -------
        dict of str to float
            Regions, votes and relative mismatch of neighbours and of the reference.
        """
        found: dict[str, float] = {}
        for name, known in (("neighbours", self.neighbours), ("reference", self.reference)):
            found[f"regions_{name}"] = known.regions
            found[f"better_{name}"] = known.votes
            found[f"mismatch_left_{name}"] = known.left
        return found
