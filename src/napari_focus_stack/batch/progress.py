"""Progress of a batch."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_focus_stack._utils.wording import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_focus_stack.batch.engine import TaskDone, WorkerStep
    from napari_focus_stack.batch.plan import BatchPlan


@dataclass(frozen=True, kw_only=True)
class BatchProgress:
    """Progress of a batch.

    Attributes
    ----------
    done, failed, total : int
        Stacks of this run that were fused, that failed, and all.
    kept : int
        Stacks that an earlier run did.
    pixels, all_pixels : int
        Pixels of the tasks that have ended, and of all.
    start : float
        Clock when the first task began.
    workers : mapping of str to str
        What each worker does.
    """

    done: int = 0
    failed: int = 0
    total: int = 0
    kept: int = 0
    pixels: int = 0
    all_pixels: int = 0
    start: float = field(default_factory=time.monotonic)
    workers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def beginning(cls, plan: BatchPlan) -> BatchProgress:
        """Return the progress before the first task.

        Parameters
        ----------
        plan : BatchPlan
            What is to do.

        Returns
        -------
        BatchProgress
            Nothing is done.
        """
        return cls(
            total=plan.stacks,
            kept=len(plan.kept),
            all_pixels=sum(task.pixels for task in plan.tasks),
        )

    def after(self, done: TaskDone) -> BatchProgress:
        """Return the progress after a task.

        Parameters
        ----------
        done : TaskDone
            The task.

        Returns
        -------
        BatchProgress
            With its stacks.
        """
        fused = sum(record.state == "done" for record in done.records)
        return dataclasses.replace(
            self,
            done=self.done + fused,
            failed=self.failed + len(done.records) - fused,
            pixels=self.pixels + done.task.pixels,
        )

    def working(self, step: WorkerStep) -> BatchProgress:
        """Return the progress while a worker does something.

        Parameters
        ----------
        step : WorkerStep
            Worker, and what it does.

        Returns
        -------
        BatchProgress
            With that step.
        """
        others = {name: text for name, text in self.workers.items() if name != step.worker}
        own = {step.worker: step.step} if step.step else {}
        return dataclasses.replace(self, workers=dict(sorted({**others, **own}.items())))

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end, by the time that was needed so far; None before the first task."""
        if not self.pixels:
            return None
        passed = time.monotonic() - self.start
        return passed * (self.all_pixels - self.pixels) / self.pixels

    @property
    def summary(self) -> str:
        """Numbers and the time that is left, without the workers."""
        failed = f", {self.failed} failed" if self.failed else ""
        left = self.seconds_left
        rest = "" if left is None else f", {format_duration(left)} left"
        return f"{self.done + self.failed} of {self.total} stacks{failed}{rest}"

    def __str__(self) -> str:
        """Return one line."""
        return " | ".join(
            [self.summary, *(f"{name}: {step}" for name, step in self.workers.items())]
        )
