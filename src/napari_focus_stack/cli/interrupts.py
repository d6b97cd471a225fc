"""Signals that end the command: Ctrl+C, a request to end, a terminal that is closed.

The first one raises KeyboardInterrupt in the main thread, whose `finally` blocks remove what was
half-written. It waits for imports to end, because compiled modules print a traceback of their own
when they are interrupted, and it is repeated if a destructor has swallowed it. Those that follow
would interrupt the removal, and are ignored.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

from napari_focus_stack.cli.exit_codes import INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

PATIENCE = 5.0
"""Seconds for which further signals are ignored; a run that goes on for longer is interrupted
again."""
LONGEST_EXIT = 0.3
"""Seconds that threads may take to end after an interrupted run has removed its files. One that
reads from a slow disk or server would hold up the exit."""
_AGAIN = 0.01
"""Seconds until a signal that came at a bad moment is repeated."""
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has not got the last
_IMPORT = "<frozen importlib._bootstrap>"
"""File of the frames of an import."""


class Interrupts:
    """What signals do to this process from now on.

    Attributes
    ----------
    came : bool
        Whether a signal has interrupted the process.
    """

    def __init__(self) -> None:
        self.came = False
        self._since = -PATIENCE
        self._terminals = _terminals()
        self._report = sys.unraisablehook
        sys.unraisablehook = self._swallowed
        _install(self.receive)
        if hasattr(signal, "SIGALRM"):
            signal.signal(signal.SIGALRM, self.receive)

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Interrupt the main thread.

        Parameters
        ----------
        number : int
            The signal.
        frame : frame or None
            Where the main thread is.

        Raises
        ------
        KeyboardInterrupt
            The first time, and again after `PATIENCE`.
        """
        _leave(self._terminals, number)
        if time.monotonic() - self._since < PATIENCE:
            return
        if _imports(frame) and _repeat():
            return
        self.came, self._since = True, time.monotonic()
        warnings.simplefilter("ignore")  # of libraries, on what they leave unfinished
        raise KeyboardInterrupt

    def end(self, code: int) -> None:
        """Ignore signals from now on; after an interrupt, wait for no thread.

        Parameters
        ----------
        code : int
            Exit code of the process.
        """
        self._since = math.inf
        # Python restores the defaults before its own end
        _install(signal.SIG_IGN)
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
        if self.came:
            timer = threading.Timer(LONGEST_EXIT, os._exit, (code,))
            timer.daemon = True
            timer.start()

    def _swallowed(self, lost: Any) -> None:
        """Repeat an interrupt that a destructor or callback has swallowed; report other errors."""
        if lost.exc_type is not KeyboardInterrupt:
            self._report(lost)
            return
        self._since = -PATIENCE
        _repeat()


@contextlib.contextmanager
def received_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Let a function receive the signals during a block.

    Parameters
    ----------
    handler : callable
        Called with number and frame, as by `signal.signal`.

    Yields
    ------
    None
        Nothing; the function is a context manager.
    """
    terminals = _terminals()

    def receive(number: int, frame: FrameType | None) -> None:
        """Receive a signal after its terminal was left."""
        _leave(terminals, number)
        handler(number, frame)

    before = _install(receive)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def interrupted() -> int:
    """Print that a run was interrupted, if somebody listens.

    Returns
    -------
    int
        Exit code for that.
    """
    with contextlib.suppress(OSError):
        print("focusstack: interrupted.", file=sys.stderr, flush=True)
    return INTERRUPTED


def _install(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> dict[int, Any]:
    """Let a function receive the signals; return what did before.

    A signal that is ignored stays so: `nohup` and shells that start a program in the background
    want that. So does one that a program in another language receives, in which this one runs.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}  # Python lets the main thread alone choose
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    heeded = [n for n in numbers if signal.getsignal(n) not in (signal.SIG_IGN, None)]
    return {number: signal.signal(number, handler) for number in heeded}


def _terminals() -> list[int]:
    """Return which of the standard handles are terminals."""
    return [number for number in (1, 2) if os.isatty(number)]


def _leave(terminals: list[int], number: int) -> None:
    """Write to nothing instead of terminals that a signal has closed: each line is an error."""
    if number != getattr(signal, "SIGHUP", None):
        return
    for terminal in terminals:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, terminal)
        os.close(nothing)


def _imports(frame: FrameType | None) -> bool:
    """Return whether a frame lies within an import."""
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT:
            return True
        frame = frame.f_back
    return False


def _repeat() -> bool:
    """Have the signal repeated soon; return whether this system can do so."""
    if not hasattr(signal, "setitimer"):
        return False
    signal.setitimer(signal.ITIMER_REAL, _AGAIN)
    return True
