"""Widths of the peaks of focus curves, and the unit of depth that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.fusion.focus_measure import score

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane

CLEAR_LEAD = 8.0
"""Lead over the other planes, in the score's noise, of a peak whose width can be measured."""
SHARP = 1.75
"""Peak width (sigma), in planes, up to which one plane is the unit of depth."""
FEWEST_WIDTHS = 24
"""Least number of peaks whose widths have a meaningful median."""


@dataclass(frozen=True)
class PeakSample:
    """Peaks of focus curves at some pixels.

    Attributes
    ----------
    before, best, after : numpy.ndarray
        (y, x) float32 energies of the best plane and those before and after it.
    index : numpy.ndarray
        (y, x) uint16 number of the best plane.
    scores : numpy.ndarray
        (y, x) float32 sum of the scores of all planes.
    samples : float
        Number of independent samples in an energy.
    """

    before: Plane
    best: Plane
    after: Plane
    index: NDArray[np.uint16]
    scores: Plane
    samples: float

    def widths(self, count: int, where: NDArray[np.bool_] | None = None) -> Plane:
        """Measure the peak widths of clear peaks within the stack.

        The peak width is the standard deviation (sigma) of a Gaussian.

        Parameters
        ----------
        count : int
            Number of planes.
        where : numpy.ndarray, optional
            (y, x) bool, True where peaks may be measured.

        Returns
        -------
        numpy.ndarray
            (m,) float32 peak widths in planes.
        """
        inside = (self.index > 0) & (self.index < count - 1)
        if where is not None:
            inside &= where
        before, best, after = (a[inside] for a in (self.before, self.best, self.after))
        rest = (self.scores[inside] - score(best, self.samples)) / np.float32(count - 1)
        lead = score(best, self.samples) - rest
        known = (lead > CLEAR_LEAD) & (before >= 0) & (after >= 0)
        before, best, after = (
            np.log(np.maximum(a[known] - 1, least_energy(self.samples)))
            for a in (before, best, after)
        )
        bend: Plane = np.minimum(before - 2 * best + after, np.float32(-1e-3))
        return np.sqrt(-1 / bend)


def least_energy(samples: float) -> np.float32:
    """Return the least energy above the noise whose logarithm is used.

    Parameters
    ----------
    samples : float
        Number of independent samples in an energy.

    Returns
    -------
    numpy.float32
        Energy.
    """
    return np.float32(0.5 / np.sqrt(samples))


def depth_unit(widths: Iterable[Plane]) -> float:
    """Return the unit of depth: the planes over which fine detail stays sharp, at least one.

    Requirements on a surface in these units do not change with the z step of a stack.

    Parameters
    ----------
    widths : iterable of numpy.ndarray
        (m,) peak widths in planes of each level, the finest first; each level is twice as wide as
        the one before.

    Returns
    -------
    float
        Planes to a unit of depth.
    """
    for level, width in enumerate(widths):
        if width.size >= FEWEST_WIDTHS:
            return max(1.0, float(np.median(width) / (SHARP * 2.0**level)))
    return 1.0
