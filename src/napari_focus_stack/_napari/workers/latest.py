"""Looks at single pixels in the background: one at a time, and only the newest that was asked for.

napari keeps each of its workers for the life of its window; a look for every move of the mouse
would be thousands of them, so one thread of our own takes all.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, Signal  # type: ignore[attr-defined]

from napari_focus_stack._napari.workers.job import Outcome
from napari_focus_stack.errors import FocusStackError

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


class LatestOnlyWorker(QObject):
    """Takes looks and hands on what they came to, in the main thread.

    Parameters
    ----------
    on_done : callable
        Receives the `Outcome` of every look that was taken.
    """

    _taken = Signal(object)

    def __init__(self, on_done: Callable[[Outcome], None]) -> None:
        super().__init__()
        self._on_done = on_done
        self._pool: ThreadPoolExecutor | None = None
        self._busy = self._forgotten = False
        self._next: Callable[[], object] | None = None
        # emitted in the thread, received in the main one
        self._taken.connect(self._arrive, Qt.ConnectionType.QueuedConnection)

    @property
    def idle(self) -> bool:
        """Whether nothing is looked at."""
        return not self._busy

    def take(self, look: Callable[[], object]) -> None:
        """Look as soon as the present look is over, unless another is asked for until then."""
        self._next = look
        if not self._busy:
            self._start()

    def forget(self) -> None:
        """Drop the look that waits; what the present one comes to is told nobody."""
        self._next = None
        self._forgotten = self._busy

    def stop(self, *_: object) -> None:
        """End the thread once its look is over; `take` begins another one."""
        self.forget()
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None

    def _start(self) -> None:
        look, self._next = self._next, None
        if look is None:
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="focus-probe")
        self._busy, self._forgotten = True, False
        self._pool.submit(self._work, look)

    def _work(self, look: Callable[[], object]) -> None:
        self._taken.emit(_outcome(look))

    def _arrive(self, outcome: Outcome) -> None:
        self._busy = False
        if not self._forgotten:
            self._on_done(outcome)
        self._start()


def _outcome(look: Callable[[], object]) -> Outcome:
    """What a look came to; errors as sentences, since they would keep the planes alive."""
    try:
        return Outcome(result=look())
    except FocusStackError as problem:
        return Outcome(error=str(problem))
    except Exception as problem:  # noqa: BLE001 - the one boundary: the user must hear of it
        _log.exception("The focus probe failed inside")
        return Outcome(
            error=f"The focus probe failed inside: {type(problem).__name__} "
            "(the details are in the terminal)."
        )
