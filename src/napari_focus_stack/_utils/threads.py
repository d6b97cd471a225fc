"""Thread teams that share the parts of a plane.

OpenCV and NumPy release the interpreter lock while they work, so threads suffice. Parts that fit
into a core's cache are processed two to three times as fast as whole planes.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self, TypeVar

import cv2

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence


Task = TypeVar("Task")
Whole = TypeVar("Whole")

MOST_BY_DEFAULT = 8
"""Default number of threads at most: more of them wait for memory, not for processors."""
PART_PIXELS = 256 * 1024
"""Pixels of a part, a megabyte of float32: most data of a step then fit into a core's caches."""
FEWEST_ROWS = 16
BLOCK_SHAPE = (128, 1024)
"""Rows and columns of a block: `resample` over rows of 4000 pixels takes twice as long."""


def available_threads() -> int:
    """Return the default number of threads of a run.

    Returns
    -------
    int
        Number of processors that this process may use, `MOST_BY_DEFAULT` at most.
    """
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        processors = os.cpu_count() or 1
    return min(processors, MOST_BY_DEFAULT)


def row_bands(shape: tuple[int, ...]) -> list[slice]:
    """Split an area into bands of rows that begin at even rows.

    Parameters
    ----------
    shape : tuple of int
        Shape of the area, rows first.

    Returns
    -------
    list of slice
        Rows of each band.
    """
    height, width = shape[:2]
    rows = max(FEWEST_ROWS, PART_PIXELS // width // 2 * 2)
    return [slice(top, min(top + rows, height)) for top in range(0, height, rows)]


def block_grid(
    shape: tuple[int, ...], block: tuple[int, int] = BLOCK_SHAPE
) -> list[tuple[slice, slice]]:
    """Split an area into blocks, for resampling, which needs a margin on all sides.

    Parameters
    ----------
    shape : tuple of int
        Shape of the area, rows first.
    block : tuple of int
        Rows and columns of a block.

    Returns
    -------
    list of tuple of slice
        Rows and columns of each block.
    """
    height, width = shape[:2]
    return [
        (slice(top, min(top + block[0], height)), slice(left, min(left + block[1], width)))
        for top in range(0, height, block[0])
        for left in range(0, width, block[1])
    ]


class ThreadTeam:
    """Threads that work on parts of planes.

    Parameters
    ----------
    threads : int, optional
        Number of threads, including the caller's; by default, that of `available_threads`.
    check : callable, optional
        Called before each part; any exception that it raises ends the work and is raised by `map`.
    """

    def __init__(
        self, threads: int | None = None, check: Callable[[], None] = lambda: None
    ) -> None:
        self.threads = threads or available_threads()
        self.check = check
        self._pool = ThreadPoolExecutor(max(1, self.threads - 1), "focusstack")

    def __enter__(self) -> Self:
        """Return the team, which is ready."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the threads."""
        self._pool.shutdown(cancel_futures=True)

    def map(self, work: Callable[[Task], None], todo: Iterable[Task]) -> None:
        """Process every part, in the caller's thread and the others.

        Parameters
        ----------
        work : callable
            Called with each part; the first exception of the team is raised again.
        todo : iterable
            Parts.
        """
        parts = list(todo)
        left = iter(parts)  # advanced by one thread at a time, because list iterators are atomic
        helping = min(self.threads, len(parts)) - 1
        helpers = [self._pool.submit(self._work, work, left) for _ in range(helping)]
        try:
            self._work(work, left)
        finally:
            # a helper that has not started, behind submitted work, would find no part left
            errors = [helper.exception() for helper in helpers if not helper.cancel()]
        for error in errors:
            if error is not None:
                raise error

    def submit(self, work: Callable[[], Whole]) -> Future[Whole]:
        """Call a function while the caller continues; leaving the team waits for it.

        Parameters
        ----------
        work : callable
            Called without arguments, at once if the team has one thread.

        Returns
        -------
        concurrent.futures.Future
            Result of `work`.
        """
        if self.threads > 1:
            return self._pool.submit(work)
        done: Future[Whole] = Future()
        done.set_result(work())
        return done

    def _work(self, work: Callable[[Task], None], left: Iterator[Task]) -> None:
        """Process parts until none is left."""
        try:
            for part in left:
                self.check()
                work(part)
        finally:
            for _ in left:  # after an error, no part is left for the other threads
                pass


def prefetch(
    read: Callable[[int], Whole], order: Sequence[int], threads: int = 1
) -> Generator[tuple[int, Whole], None, None]:
    """Read items in order, some of them ahead while the caller processes one.

    The generator must be exhausted or closed, because its threads read ahead.

    Parameters
    ----------
    read : callable
        Returns the item of a number.
    order : sequence of int
        Numbers in the order of reading.
    threads : int
        Number of reading threads, and of items read ahead; with 0, each item is read when it is
        requested.

    Yields
    ------
    k : int
        Number of the item.
    item : object
        Result of `read`.
    """
    if threads == 0:
        for k in order:
            yield k, read(k)
        return
    with ThreadPoolExecutor(threads, "focusstack-reader") as reader:
        pending = deque(reader.submit(read, k) for k in order[:threads])
        try:
            for i, k in enumerate(order):
                item = [pending.popleft().result()]
                pending.extend(reader.submit(read, k) for k in order[i + threads : i + threads + 1])
                yield k, item.pop()  # the caller alone keeps it
        finally:
            for waiting in pending:
                waiting.cancel()


_lock = threading.Lock()
_alone = 0
_before = 1


@contextmanager
def opencv_on_one_thread() -> Iterator[None]:
    """Keep OpenCV from starting threads of its own within those of a team.

    OpenCV's number of threads is restored when the last of several concurrent users ends.

    Yields
    ------
    None
        Nothing; the function is a context manager.
    """
    global _alone, _before
    with _lock:
        if _alone == 0:
            _before = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _alone += 1
    try:
        yield
    finally:
        with _lock:
            _alone -= 1
            if _alone == 0:
                cv2.setNumThreads(_before)
