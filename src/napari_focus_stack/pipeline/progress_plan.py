"""Count of the planes that a run has processed and will process, for its progress."""

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
        """Count a plane and return the progress before it.

        Parameters
        ----------
        step : {"align", "measure", "fuse", "restore", "project"}
            Current step.
        k : int
            Number of the plane.

        Returns
        -------
        Progress
            Planes done before this one, and planned in total.
        """
        self._done += 1
        self._total = max(self._total, self._done)  # planes may be aligned more than once
        return Progress(step, k, self._planes, self._done - 1, self._total)

    def expect(self, planes: int) -> None:
        """Add planes to the plan.

        Parameters
        ----------
        planes : int
            Number of planes.
        """
        self._total += planes

    def plan_fusion(self, rounds: int) -> None:
        """Plan the rounds of the fusion over all planes, in place of those planned before.

        Parameters
        ----------
        rounds : int
            Number of rounds.
        """
        self._total += (rounds - self._rounds) * self._fused
        self._rounds = rounds

    def continue_with(self, planes: int, measured: int) -> None:
        """Plan the steps after the alignment.

        Parameters
        ----------
        planes : int
            Number of planes that are fused.
        measured : int
            Number of planes on which noise is measured.
        """
        self._fused = planes
        self._total = self._done + self._rounds * planes + measured
