"""What a worker of dask.distributed does for a batch, in its own process."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING

from distributed import WorkerPlugin, get_worker

from napari_focus_stack._utils.memory import share_malloc_arena
from napari_focus_stack._version import __version__
from napari_focus_stack.batch.engine import step_words
from napari_focus_stack.batch.folder import check_claim
from napari_focus_stack.batch.stacking import find_lead, stack_task
from napari_focus_stack.batch.tasks import close_series

if TYPE_CHECKING:
    from distributed import Worker

    from napari_focus_stack.batch.records import BatchRecord
    from napari_focus_stack.batch.tasks import BatchOrder, LeadTask, StackTask
    from napari_focus_stack.series.result import SeriesProgress

OFTEN = 0.5
"""Seconds between two messages on what a worker does."""
_cancelled: dict[str, threading.Event] = {}


class PreparedWorker(WorkerPlugin):
    """Preparation of a worker, also of one that replaces another.

    Parameters
    ----------
    local : bool
        Whether the worker is a child of this run, and ends with it: an interrupt from the keyboard
        reaches it too, and is left to the run.
    """

    name = "napari-focus-stack"

    def __init__(self, local: bool) -> None:
        self._local = local

    def setup(self, worker: Worker) -> None:
        """Share one heap among all threads, and leave interrupts to the run."""
        share_malloc_arena()
        if self._local and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def stack_on_worker(
    order: BatchOrder, task: StackTask, lead: str | int | None
) -> list[BatchRecord]:
    """Stack a task, and send what is done from time to time.

    Parameters
    ----------
    order, task, lead
        As for `stack_task`.

    Returns
    -------
    list of BatchRecord
        As `stack_task`.
    """
    worker, last = get_worker(), 0.0
    event = _cancelled.setdefault(order.run, threading.Event())

    def send(step: SeriesProgress) -> None:
        """Send a step, unless one was sent shortly before."""
        nonlocal last
        if time.monotonic() - last > OFTEN:
            last = time.monotonic()
            # a file's name may be any bytes, and messages are text
            words = step_words(task, step).encode(errors="backslashreplace").decode()
            worker.log_event(order.run, {"worker": worker.address, "step": words})

    return stack_task(order, task, lead, send, event)


def lead_on_worker(order: BatchOrder, task: LeadTask) -> str | int:
    """Find the lead channel of a series.

    Parameters
    ----------
    order, task
        As for `find_lead`.

    Returns
    -------
    str or int
        As `find_lead`.
    """
    return find_lead(order, task, _cancelled.setdefault(order.run, threading.Event()))


def end_run(run: str) -> None:
    """End the tasks of a run on this worker at their next plane, and close its series.

    Parameters
    ----------
    run : str
        Name of the run.
    """
    event = _cancelled.pop(run, None)
    if event is not None:
        event.set()
    close_series()


def version_of_worker() -> str:
    """Return the version of napari-focus-stack.

    Returns
    -------
    str
        Such as "0.1.0".
    """
    return __version__


def seen_by_worker(order: BatchOrder) -> str:
    """Return what this worker cannot do with the folders of a batch.

    Parameters
    ----------
    order : BatchOrder
        The batch, which has claimed its folder of results.

    Returns
    -------
    str
        Such as "see '/data'"; empty if all is well.
    """
    try:
        if not order.source(".").exists():
            return f"see '{order.root}'"
        check_claim(order)
    except Exception as problem:  # noqa: BLE001 - of any library of a file system
        return f"use '{order.root}' and '{order.out}' ({problem})"
    return ""
