"""Evidence of samples of the field for the front end of the stack."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack.occlusion.model_check import ModelErrors
    from napari_focus_stack.occlusion.orientation import Shown, StackOrientation
    from napari_focus_stack.occlusion.patch import Patch
    from napari_focus_stack.occlusion.patch_grid import PatchWindow

LEAST_LEAD, OTHER_END = 0.03, 0.35
"""Part of the error that a restored background must remove beyond what it adds, and the most that
the other end may remove, over what the front end removes: 0.08 to 0.47 against 0 or less for all
scenes of the bench but one (`coins-step-noisy`: 0.47 against 0.09)."""
LEAST_OPACITY = 1.08
"""Least error with a transparent foreground, over that with an opaque one: 1.09 to 1.3 where it is
opaque (scenes of the bench). Of strips that transmit a fifth to all of the background's light,
those with less would lose up to 1.2 dB, so they are left as they are."""
LEAST_IN_FAVOUR = 0.5
"""Part of the samples in which a background must remove more error than it adds, uninformative
samples included: a plain background fits any depth, so a few samples favour the wrong end
(`sphere`)."""
CLEARLY_TRANSPARENT = 0.95
"""Error with a transparent foreground, over that with an opaque one, up to which no further sample
is checked: 1.07 or more where the foreground is opaque, at half the size (scenes of the bench)."""


@dataclass(frozen=True)
class SampledPatch:
    """Patch from which the front end of the stack is found.

    Attributes
    ----------
    part : PatchWindow
        Position of the patch.
    shown : Shown
        Its grey pixels in the planes.
    step : int
        1 or 2: pixels of the field for each of these, along rows and columns.
    unexplained : numpy.ndarray or None
        (y, x) bool: discontinuities that no single surface explains, if known. Restoration itself
        keeps all discontinuities, because a boundary with gaps is worse (0.7 dB on
        `coins-step-still`) than one too many, which the check refuses.
    """

    part: PatchWindow
    shown: Shown
    step: int
    unexplained: NDArray[np.bool_] | None = None

    def patch(self, end: StackOrientation) -> Patch:
        """Return the patch from the back end to the front end.

        Parameters
        ----------
        end : StackOrientation
            Tile of which one end is assumed to be the front end.

        Returns
        -------
        Patch
            The patch, with unexplained discontinuities alone if these are known.
        """
        patch = end.grey_patch(self.part, self.shown, self.step)
        if self.unexplained is None:
            return patch
        return replace(patch, discontinuities=self.unexplained)


@dataclass(frozen=True)
class OrientationScore:
    """Evidence of the samples that one end of the stack is the front end.

    Attributes
    ----------
    lead : float
        Part of the error of the planes that restoring the background removes; 0 if it does not do
        so in most samples, because then something else resembles occlusion by chance.
    opacity : float
        Error with a transparent or glowing foreground, whose light adds to that of the background,
        over the error with an opaque one, which hides it.
    """

    lead: float
    opacity: float

    @classmethod
    def of(cls, checks: list[ModelErrors], samples: int) -> OrientationScore:
        """Combine the informative checks out of `samples` samples.

        Parameters
        ----------
        checks : list of ModelErrors
            Informative checks.
        samples : int
            Number of samples, uninformative ones included.

        Returns
        -------
        OrientationScore
            Score of the end that the checks assume to be the front end.
        """
        if sum(check.lead > 0 for check in checks) <= LEAST_IN_FAVOUR * samples:
            return cls(0.0, 0.0)
        total = sum(float(check.least.sum()) for check in checks)
        opaque = sum(check.opaque for check in checks)
        lead = sum(check.lead for check in checks) / total
        return cls(lead, sum(check.clear for check in checks) / max(opaque, 1e-12))

    def beats(self, other: OrientationScore, least: float = LEAST_LEAD) -> bool:
        """Return whether this end is clearly the front end.

        Parameters
        ----------
        other : OrientationScore
            Score of the other end.
        least : float
            Lead that this end needs.

        Returns
        -------
        bool
            Whether it is.
        """
        return (
            self.lead > least
            and other.lead < OTHER_END * self.lead
            and self.opacity > LEAST_OPACITY
        )


@dataclass(frozen=True)
class Votes:
    """Evidence of some samples for either end of the stack.

    Attributes
    ----------
    checks : list of list of ModelErrors
        Informative checks of either end.
    end : StackOrientation
        The end with the greater lead.
    front, back : OrientationScore
        Scores of this end and of the other one.
    """

    checks: list[list[ModelErrors]]
    end: StackOrientation
    front: OrientationScore
    back: OrientationScore

    @classmethod
    def of(
        cls, ends: Sequence[StackOrientation], checks: list[list[ModelErrors]], samples: int
    ) -> Votes:
        """Compare the checks of both ends.

        Parameters
        ----------
        ends : sequence of StackOrientation
            The tile from either end.
        checks : list of list of ModelErrors
            Informative checks of each.
        samples : int
            Number of samples, uninformative ones included.

        Returns
        -------
        Votes
            With the end of the greater lead in front.
        """
        scores = [OrientationScore.of(known, samples) for known in checks]
        best, other = sorted(range(2), key=lambda i: -scores[i].lead)
        return cls(checks, ends[best], scores[best], scores[other])

    def hopeless(self, least: float) -> bool:
        """Return whether neither end has a lead without a clearly transparent foreground.

        Parameters
        ----------
        least : float
            Lead up to which there is none.

        Returns
        -------
        bool
            Whether further samples are not worth checking.
        """
        return self.front.lead <= least or self.front.opacity < CLEARLY_TRANSPARENT
