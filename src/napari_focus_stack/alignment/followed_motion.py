"""Part of a small motion that the texture of planes follows, region by region.

A motion of a tenth of a pixel changes the texture by a few per cent, so it cannot remove more of a
mismatch than that, whatever noise and defocus add to it. Its effect is therefore measured against
the change that the motion itself makes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.alignment.motion_support import (
    LEAST_VOTES,
    SURE_DEVIATIONS,
    TEXTURED_SHARE,
)
from napari_focus_stack.alignment.texture import REGION, over, region_means, region_side

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_focus_stack.alignment.texture import Texture
    from napari_focus_stack.imgproc.transforms import Matrix

HALF = 0.5
"""Part of the motion beyond which texture is nearer to the motion than to its absence."""
MOST_FOLLOWED = 1.5
"""Part of the motion beyond which texture moves otherwise than the motion: true zooms have 0.7 to
1.2, the growing zone in focus of a dome that is only shifted up to 2.4."""


@dataclass(frozen=True)
class FollowedMotion:
    """Projection of what moved in each region on what the motion would move, both squared sums.

    Attributes
    ----------
    seen : numpy.ndarray
        (regions,) float64: mismatch by the opposite motion less that by the motion.
    predicted : numpy.ndarray
        (regions,) float64: the same if the texture follows the motion, 0 if it stands still.
    size : float
        Side of the regions relative to the usual side: regions of small planes hold fewer samples.
    """

    seen: NDArray[np.float64]
    predicted: NDArray[np.float64]
    size: float = 1.0

    @classmethod
    def of(cls, fixed: Texture, moving: Texture, before: Matrix, after: Matrix) -> FollowedMotion:
        """Compare two planes by a motion and by its opposite.

        Both resample alike, so that the smoothness of interpolation favours neither.

        Parameters
        ----------
        fixed, moving : Texture
            Texture of both planes.
        before, after : numpy.ndarray
            (3, 3) transforms between the full planes, from `fixed` to `moving`, without and with
            the motion.

        Returns
        -------
        FollowedMotion
            What is seen and predicted in the regions where both planes show texture.
        """
        side = region_side(fixed.detail.shape)
        step = fixed.step if side == REGION else 1
        opposite = before @ np.linalg.inv(after) @ before
        still = over(fixed, np.eye(3), step)
        away, along = (over(moving, fixed.own_size(one), step) for one in (opposite, after))
        both = (still.shown & away.shown & along.shown) * np.float32(1 / 255)
        covered = region_means(both, side // step) > TEXTURED_SHARE
        change = (along.detail - away.detail) * both
        middle = (along.detail + away.detail) * np.float32(0.5)
        power = region_means(np.square(still.detail) * both, side // step)[covered] + 1e-12
        seen = 2 * region_means((still.detail - middle) * change, side // step)[covered] / power
        predicted = region_means(np.square(change), side // step)[covered] / power
        return cls(seen.astype(np.float64), predicted.astype(np.float64), side / REGION)

    @classmethod
    def together(cls, some: Iterable[FollowedMotion]) -> FollowedMotion:
        """Concatenate the regions of several pairs.

        Parameters
        ----------
        some : iterable of FollowedMotion
            Regions of each pair.

        Returns
        -------
        FollowedMotion
            All regions.
        """
        known = list(some)
        none = [np.zeros(0)]
        seen = np.concatenate([one.seen for one in known] or none)
        predicted = np.concatenate([one.predicted for one in known] or none)
        return cls(seen, predicted, min((one.size for one in known), default=1.0))

    @property
    def part(self) -> float:
        """Part of the motion that the texture follows: 1 if it is true, 0 if nothing moved."""
        total = float(self.predicted.sum())
        return float(self.seen.sum()) / total if total > 0 else 0.0

    @property
    def votes(self) -> float:
        """Part of the regions that follow more than half of the motion."""
        if not len(self.seen):
            return 0.0
        return float(np.mean(self.seen > HALF * self.predicted))

    @property
    def certainty(self) -> float:
        """Standard deviations by which the votes exceed chance; see `Mismatches.certainty`."""
        return (2 * self.votes - 1) * math.sqrt(len(self.seen) / 2) * self.size

    @property
    def is_followed(self) -> bool:
        """Whether the texture follows the motion in most regions, beyond chance."""
        return self.is_suggested and self.votes > LEAST_VOTES and self.certainty > SURE_DEVIATIONS

    @property
    def is_suggested(self) -> bool:
        """Whether the texture follows the motion as a whole, and in more regions than not."""
        return HALF < self.part < MOST_FOLLOWED and self.votes > HALF
