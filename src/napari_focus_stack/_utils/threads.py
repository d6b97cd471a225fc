"""A few threads that share the parts of a plane.

OpenCV and NumPy let go of the interpreter while they work, so that threads are enough; and parts
that fit into a core's cache are worked through two to three times as fast as whole planes.
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
"""Beyond these a run waits for memory, not for processors."""
PART_PIXELS = 256 * 1024
"""A megabyte of float32: a core has most of what a step reads and writes in its caches."""
FEWEST_ROWS = 16
BLOCK_SHAPE = (128, 1024)
"""Rows and columns: `resample` over rows of 4000 pixels takes twice as long."""


def available_threads() -> int:
    """How many threads a run takes unless it is told."""
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        processors = os.cpu_count() or 1
    return min(processors, MOST_BY_DEFAULT)


def row_bands(shape: tuple[int, ...]) -> list[slice]:
    """Rows of an area, (Y, X), cut into parts that start at even rows."""
    height, width = shape[:2]
    rows = max(FEWEST_ROWS, PART_PIXELS // width // 2 * 2)
    return [slice(top, min(top + rows, height)) for top in range(0, height, rows)]


def block_grid(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """Cut an area, (Y, X), into tiles: resampling needs a border all round."""
    height, width = shape[:2]
    return [
        (
            slice(top, min(top + BLOCK_SHAPE[0], height)),
            slice(left, min(left + BLOCK_SHAPE[1], width)),
        )
        for top in range(0, height, BLOCK_SHAPE[0])
        for left in range(0, width, BLOCK_SHAPE[1])
    ]


class ThreadTeam:
    """Threads that work on parts of planes.

    Parameters
    ----------
    threads : int, optional
        How many, the caller's included; as many as there are processors by default.
    check : callable, optional
        Called before each part; what it raises ends the work and leaves `map`.
    """

    def __init__(
        self, threads: int | None = None, check: Callable[[], None] = lambda: None
    ) -> None:
        self.threads = threads or available_threads()
        self.check = check
        self._pool = ThreadPoolExecutor(max(1, self.threads - 1), "focusstack")

    def __enter__(self) -> Self:
        """Ready at once."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let the threads go."""
        self._pool.shutdown(cancel_futures=True)

    def map(self, work: Callable[[Task], None], todo: Iterable[Task]) -> None:
        """Do some work on every part, the caller's thread among the others."""
        parts = list(todo)
        left = iter(parts)  # advanced by one thread at a time, for lists' iterators are atomic
        helping = min(self.threads, len(parts)) - 1
        helpers = [self._pool.submit(self._work, work, left) for _ in range(helping)]
        try:
            self._work(work, left)
        finally:
            # one that waits for what goes on meanwhile would find nothing left to do
            errors = [helper.exception() for helper in helpers if not helper.cancel()]
        for error in errors:
            if error is not None:
                raise error

    def submit(self, work: Callable[[], Whole]) -> Future[Whole]:
        """Do something beside what the caller goes on with; leaving the crew waits for it."""
        if self.threads > 1:
            return self._pool.submit(work)
        done: Future[Whole] = Future()
        done.set_result(work())
        return done

    def _work(self, work: Callable[[Task], None], left: Iterator[Task]) -> None:
        try:
            for part in left:
                self.check()
                work(part)
        finally:
            for _ in left:  # after an error nothing is left for the others
                pass


def prefetch(
    read: Callable[[int], Whole], order: Sequence[int], threads: int = 1
) -> Generator[tuple[int, Whole], None, None]:
    """Read one after the other, as many as there are threads while one is worked on.

    Close it, or go to its end: threads read. Without any, each is read when it is asked for.
    """
    if threads == 0:
        for k in order:
            yield k, read(k)
        return
    with ThreadPoolExecutor(threads, "focusstack-reader") as reader:
        coming = deque(reader.submit(read, k) for k in order[:threads])
        try:
            for i, k in enumerate(order):
                found = coming.popleft().result()
                coming.extend(reader.submit(read, k) for k in order[i + threads : i + threads + 1])
                yield k, found
                del found
        finally:
            for waiting in coming:
                waiting.cancel()


_lock = threading.Lock()
_alone = 0
_before = 1


@contextmanager
def opencv_on_one_thread() -> Iterator[None]:
    """Keep OpenCV from starting threads of its own below ours; as before when the last one ends."""
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
