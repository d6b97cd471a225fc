"""One run of the engine in napari's worker: started, cancelled, reported by value.

It follows from measurements of napari 0.9: a RuntimeError raised inside a worker is swallowed, so
errors are returned as values; `worker.quit`, which napari calls when it ends, skips the generator's
`finally`, so Cancel sets an event.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from napari.qt.threading import GeneratorWorker
from qtpy.compat import isalive
from qtpy.QtCore import QTimer

from napari_focus_stack.errors import LESS_MEMORY, Cancelled, FocusStackError, in_words
from napari_focus_stack.result import Progress

Engine = Generator[Progress, None, Any]
Steps = Callable[[threading.Event], Engine]
"""Callable that starts the engine; the event stops it."""
Task = tuple[Steps, Callable[[Any], str]]
"""Steps of a job, and what shows its result in the main thread and returns a sentence on it."""

MEMORY_SET_BY = "Preferences > Focus Stack, from napari 0.9 on"
"""Where the user sets the memory of a run."""
POLLED = 1
"""Milliseconds between two looks at whether a worker that has ended is deleted."""

_log = logging.getLogger(__name__)


def at_once(work: Callable[[], Any]) -> Steps:
    """Return the steps of work that is too short for progress and Cancel.

    Parameters
    ----------
    work : callable
        Takes nothing; its result is that of the job.

    Returns
    -------
    callable
        As `Job` takes it.
    """

    def steps(_: threading.Event) -> Engine:
        yield from ()
        return work()

    return steps


@dataclass(frozen=True)
class Outcome:
    """Outcome of a run: exactly one of the three is set.

    Attributes
    ----------
    result : StackResult, numpy.ndarray or other, or None
        What the engine returned, which is not None.
    error : str or None
        One sentence for the user. The exception itself would keep the planes alive.
    cancelled : bool
        The user, or the closing window, stopped it.
    """

    result: Any = None
    error: str | None = None
    cancelled: bool = False


def outcome_of_error(problem: Exception, subject: str = "Focus Stack") -> Outcome:
    """Return the outcome of a run that an exception ended, and log errors that are bugs.

    Parameters
    ----------
    problem : Exception
        What was raised; nothing of it is kept but its message.
    subject : str
        Begins the sentence on a bug.

    Returns
    -------
    Outcome
        A cancelled one, or one with an error.
    """
    if isinstance(problem, Cancelled):
        return Outcome(cancelled=True)
    for_user = in_words(problem)
    if for_user is not None:
        if for_user.remedy == LESS_MEMORY:
            for_user = FocusStackError(for_user.message, f"{LESS_MEMORY} ({MEMORY_SET_BY})")
        return Outcome(error=str(for_user))
    _log.error("%s failed inside", subject, exc_info=problem)
    message = str(problem).strip()
    what = message.splitlines()[0] if message else "no message"
    return Outcome(
        error=f"{subject} failed inside: {type(problem).__name__}: {what} "
        "(the details are in the terminal)."
    )


class _Cancel(threading.Event):
    """Event that is set by Cancel, or when napari ends and makes its worker quit."""

    worker: Any = None

    def is_set(self) -> bool:
        return super().is_set() or bool(self.worker is not None and self.worker.abort_requested)


class Job:
    """A run in the background; its callbacks come in the main thread.

    Parameters
    ----------
    steps : callable
        Takes the cancel event, returns the engine's generator. It is dropped once called.
    on_progress : callable
        Receives each `Progress`.
    on_done : callable
        Receives the `Outcome`, once.
    """

    def __init__(
        self,
        steps: Steps,
        on_progress: Callable[[Progress], None],
        on_done: Callable[[Outcome], None],
    ) -> None:
        self._steps: Steps | None = steps
        self._on_progress: Callable[[Progress], None] | None = on_progress
        self._on_done: Callable[[Outcome], None] | None = on_done
        self._engine: Engine | None = None
        self._cancel = _Cancel()

    def start(self) -> Any:
        """Start the worker and return it.

        Returns
        -------
        napari.qt.threading.GeneratorWorker
            The worker that was started.
        """
        # `create_worker` would note it as a task of whichever window is in front, and the closing
        # of that window would end it, though it works for another
        worker = GeneratorWorker(self._run)
        worker.yielded.connect(self._progress)
        worker.returned.connect(self._done)
        worker.finished.connect(self._finished)
        self._cancel.worker = worker
        _under_way.add(self)
        # PySide6 crashes where the garbage collection of another thread finds widgets that were
        # closed; the young ones are collected here, in 1 ms
        gc.collect(1)
        worker.start()
        return worker

    def cancel(self) -> None:
        """Stop the engine the next time that it checks the event."""
        self._cancel.set()

    def abandon(self, *_: object) -> None:
        """Stop without a callback: the widget is gone."""
        self._on_progress = self._on_done = None
        self._cancel.set()

    def _run(self) -> Generator[Progress, None, Outcome]:
        steps, self._steps = self._steps, None
        assert steps is not None, "a job runs once"
        self._engine = steps(self._cancel)
        try:
            return Outcome(result=(yield from self._engine))
        except Exception as problem:  # noqa: BLE001 - every error reaches the user
            return outcome_of_error(problem)

    def _progress(self, progress: Progress) -> None:
        if self._on_progress is not None:
            self._on_progress(progress)

    def _done(self, outcome: Outcome) -> None:
        on_done, self._on_progress, self._on_done = self._on_done, None, None
        if outcome.result is not None and self._cancel.is_set():
            outcome = Outcome(cancelled=True)  # pressed after the engine's last check
        if on_done is not None:
            on_done(outcome)

    def _finished(self) -> None:
        # a worker that napari asked to quit leaves the engine where it was, and returns nothing
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        self._done(Outcome(cancelled=True))
        QTimer.singleShot(0, self._release)  # the worker is still at its signal

    def _release(self) -> None:
        """Release the worker here, in the main thread.

        Until its own thread has deleted it in C++, that one holds it as well, and would be the last
        (7 to 21 of 80 runs, on either binding).
        """
        if isalive(self._cancel.worker):  # type: ignore[no-untyped-call]
            QTimer.singleShot(POLLED, self._release)
            return
        self._cancel.worker = None
        _under_way.discard(self)


_under_way: set[Job] = set()
"""Jobs whose workers have not sent all signals: PySide6 keeps neither a worker nor its receivers,
and crashes where the garbage collection of another thread finds a worker."""
