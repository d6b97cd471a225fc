"""Short tasks in the background: one at a time, and of those that wait only the newest.

napari keeps each of its workers for the life of its window; a worker for every move of the mouse
would be thousands of them, so one thread of our own runs all tasks.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, Signal  # type: ignore[attr-defined]

from napari_focus_stack._napari.workers.job import Outcome, outcome_of_error

if TYPE_CHECKING:
    from collections.abc import Callable


class _Arrivals(QObject):
    """What brings outcomes of threads to the main one, and keeps those that wait for them.

    A thread holds a number instead of its owner. Otherwise it would be the last to hold one whose
    dock was closed meanwhile, and delete it while the main thread delivers to it: Qt crashes.
    """

    taken = Signal(int, object)

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[int, LatestOnlyWorker] = {}
        self._numbers = itertools.count()
        # emitted in the thread, received in the main one
        self.taken.connect(self._arrive, Qt.ConnectionType.QueuedConnection)

    def number(self, owner: LatestOnlyWorker) -> int:
        """Return a number, under which an outcome will come for its owner."""
        number = next(self._numbers)
        self._waiting[number] = owner
        return number

    def _arrive(self, number: int, outcome: Outcome) -> None:
        self._waiting.pop(number).arrive(outcome)


@cache
def _arrivals() -> _Arrivals:
    """Return what is made in the main thread, by the first task, and lasts."""
    return _Arrivals()


class LatestOnlyWorker:
    """One background thread, whose outcomes arrive in the main thread.

    Parameters
    ----------
    on_done : callable
        Receives the `Outcome` of every task that was run and not forgotten.
    thread_name : str
        Name of the thread.
    subject : str
        Name of what the tasks do, with an article; begins the sentence on a bug.
    """

    def __init__(self, on_done: Callable[[Outcome], None], thread_name: str, subject: str) -> None:
        self._on_done, self._thread_name, self._subject = on_done, thread_name, subject
        self._pool: ThreadPoolExecutor | None = None
        self._busy = self._forgotten = False
        self._next: Callable[[], object] | None = None

    @property
    def idle(self) -> bool:
        """Whether no task runs."""
        return not self._busy

    def take(self, task: Callable[[], object]) -> None:
        """Run a task as soon as the present one is over, unless another is taken until then.

        Parameters
        ----------
        task : callable
            Takes nothing; its result is that of the `Outcome`.
        """
        self._next = task
        if not self._busy:
            self._start()

    def forget(self) -> None:
        """Drop the task that waits, and the outcome of the one that runs."""
        self._next = None
        self._forgotten = self._busy

    def stop(self, *_: object) -> None:
        """End the thread once its task is over; `take` begins another one."""
        self.forget()
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None

    def _start(self) -> None:
        task, self._next = self._next, None
        if task is None:
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix=self._thread_name)
        self._busy, self._forgotten = True, False
        self._pool.submit(_work, task, self._subject, _arrivals(), _arrivals().number(self))

    def arrive(self, outcome: Outcome) -> None:
        """Hand on the outcome of the task that ran, unless it was forgotten, and start the next.

        Parameters
        ----------
        outcome : Outcome
            What the thread made of the task.
        """
        self._busy = False
        if not self._forgotten:
            self._on_done(outcome)
        self._start()


def _work(task: Callable[[], object], subject: str, arrivals: _Arrivals, number: int) -> None:
    """Run a task; emit errors as sentences, since exceptions would keep the planes alive."""
    try:
        outcome = Outcome(result=task())
    except Exception as problem:  # noqa: BLE001 - every error reaches the user
        outcome = outcome_of_error(problem, subject)
    arrivals.taken.emit(number, outcome)
