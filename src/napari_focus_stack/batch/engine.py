"""Engines of a batch: the calling process, or workers of dask.distributed, here or elsewhere.

All of them call `stack_task`; results are the same bits whoever works.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from napari_focus_stack.batch.stacking import find_lead, stack_task
from napari_focus_stack.batch.tasks import close_series
from napari_focus_stack.errors import Cancelled

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from napari_focus_stack.batch.records import BatchRecord
    from napari_focus_stack.batch.tasks import BatchOrder, LeadTask, StackTask
    from napari_focus_stack.series.result import SeriesProgress

MOST_TRIES = 3
"""Workers that a stack may cost before it counts as failed."""


@dataclass(frozen=True)
class WorkerStep:
    """What a worker does at present.

    Attributes
    ----------
    worker : str
        Name of the worker.
    step : str
        Stack and step; empty if it waits.
    """

    worker: str
    step: str


@dataclass(frozen=True)
class TaskDone:
    """A task that has ended.

    Attributes
    ----------
    task : StackTask
        The task.
    records : list of BatchRecord
        One for each of its stacks.
    """

    task: StackTask
    records: list[BatchRecord]


def step_words(task: StackTask, step: SeriesProgress) -> str:
    """Return what a worker does in words.

    Parameters
    ----------
    task : StackTask
        Its task.
    step : SeriesProgress
        Stack, and step within it.

    Returns
    -------
    str
        Such as "'leaf.tif', time 3: Fusing plane 4".
    """
    stack = step.stack if step.stack.startswith("'") else f"'{task.source}', {step.stack}"
    return stack if step.step is None else f"{stack}: {step.step}"


class Engine(Protocol):
    """Place where tasks are done."""

    def run(
        self,
        order: BatchOrder,
        tasks: Iterable[StackTask],
        leads: Mapping[str, LeadTask],
        on_step: Callable[[WorkerStep], object],
        cancel: threading.Event,
    ) -> Generator[TaskDone, None, None]:
        """Do tasks, and search lead channels before them; yield each task as it ends, in any order.

        Parameters
        ----------
        order : BatchOrder
            The batch.
        tasks : iterable of StackTask
            Its tasks; they are taken from it as there is room for them.
        leads : mapping of str to LeadTask
            Search of the lead channel by source, for tasks that need it.
        on_step : callable
            Called with what a worker does.
        cancel : threading.Event
            Once set, `Cancelled` is raised.
        """


def _show(on_step: Callable[[WorkerStep], object], task: StackTask, step: SeriesProgress) -> None:
    """Show what the calling process does."""
    on_step(WorkerStep("this process", step_words(task, step)))


class CallingProcess:
    """Engine of few or short stacks: one after the other in the calling process."""

    def run(
        self,
        order: BatchOrder,
        tasks: Iterable[StackTask],
        leads: Mapping[str, LeadTask],
        on_step: Callable[[WorkerStep], object],
        cancel: threading.Event,
    ) -> Generator[TaskDone, None, None]:
        """Do tasks one after the other; see `Engine.run`."""
        try:
            for task, records in self._each(order, tasks, leads, on_step, cancel):
                yield TaskDone(task, records)
        finally:
            on_step(WorkerStep("this process", ""))
            close_series()

    @staticmethod
    def _each(
        order: BatchOrder,
        tasks: Iterable[StackTask],
        leads: Mapping[str, LeadTask],
        on_step: Callable[[WorkerStep], object],
        cancel: threading.Event,
    ) -> Iterator[tuple[StackTask, list[BatchRecord]]]:
        """Yield each task with the records of its stacks."""
        found: dict[str, str | int] = {}
        for task in tasks:
            if cancel.is_set():
                raise Cancelled
            if task.needs_lead and task.source not in found:
                on_step(WorkerStep("this process", f"'{task.source}': choosing the lead channel"))
                found[task.source] = find_lead(order, leads[task.source], cancel)
            show = partial(_show, on_step, task)
            yield task, stack_task(order, task, found.get(task.source), show, cancel)
