"""Which end of a stack is near: what parts of the field say for either."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_focus_stack.occlusion.model_check import Check

LEAST_LEAD, OTHER_END = 0.03, 0.35
"""Part of the error that a ground must remove beyond what it adds, and that the other end may, over
the one that is near: 0.08 to 0.47 against 0 or less for all scenes of the bench but one
(`coins-step-noisy`: 0.47 against 0.09)."""
OPAQUE = 1.08
"""Error if what is near is seen through, over that if it is not: 1.09 to 1.3 where it is not (the
scenes of the bench); of strips of which a fifth or all of the ground's light comes through those
with less would lose up to 1.2 dB, so they are left as they are."""
MOST = 0.5
"""Part of the samples in which a ground must remove more error than it adds, those included that
tell nothing: a plain background has any depth, so that a few speak for the wrong end (`sphere`)."""


@dataclass(frozen=True)
class Vote:
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
    def of(cls, checks: list[Check], samples: int) -> Vote:
        """Of those of so many samples that tell anything."""
        if sum(check.lead > 0 for check in checks) <= MOST * samples:
            return cls(0.0, 0.0)
        total = sum(float(check.least.sum()) for check in checks)
        opaque = sum(check.opaque for check in checks)
        lead = sum(check.lead for check in checks) / total
        return cls(lead, sum(check.clear for check in checks) / max(opaque, 1e-12))

    def beats(self, other: Vote, least: float = LEAST_LEAD) -> bool:
        """Whether this end is near beyond doubt."""
        return self.lead > least and other.lead < OTHER_END * self.lead and self.opacity > OPAQUE
