"""Plan of the planes that a run has before it, and how many it has behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack.result import Progress

if TYPE_CHECKING:
    from napari_focus_stack.result import Step


class ProgressPlan:
    """Count of planes over all steps of a run, so that progress moves evenly and never back.

    Parameters
    ----------
    planes : int
        Number of planes in the stack.
    """

    def __init__(self, planes: int) -> None:
        self._planes = self._fused = planes
        self._rounds = 0
        self._done = self._total = 0

    def begin(self, step: Step, k: int) -> Progress:
        """Count plane `k` in and return the progress before it.

        Parameters
        ----------
        step : {"align", "measure", "fuse", "restore", "project"}
            The step at hand.
        k : int
            Number of the plane.

        Returns
        -------
        Progress
            With the planes done and in all.
        """
        self._done += 1
        self._total = max(self._total, self._done)  # planes may be aligned more than once
        return Progress(step, k, self._planes, self._done - 1, self._total)

    def expect(self, planes: int) -> None:
        """Add so many planes to the step at hand."""
        self._total += planes

    def plan_fusion(self, rounds: int) -> None:
        """Plan so many rounds of fusion over all planes, instead of those planned before."""
        self._total += (rounds - self._rounds) * self._fused
        self._rounds = rounds

    def continue_with(self, planes: int, measured: int) -> None:
        """Plan the steps after the alignment: so many planes are fused, so many measured."""
        self._fused = planes
        self._total = self._done + self._rounds * planes + measured
