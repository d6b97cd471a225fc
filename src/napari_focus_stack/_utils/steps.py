"""Generators that yield progress and return a result."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

Progress = TypeVar("Progress")
Item = TypeVar("Item")
Result = TypeVar("Result")


def drain(
    steps: Generator[Progress, None, Result],
    progress: Callable[[Progress], object] | None = None,
) -> Result:
    """Run a generator to its end and return its result.

    Parameters
    ----------
    steps : generator
        Yields progress and returns the result.
    progress : callable, optional
        Called with each item that is yielded.

    Returns
    -------
    object
        Result of the generator.
    """
    # an error of `progress` keeps the frame, and with it the generator and its threads, alive
    with closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as done:
                result: Result = done.value
                return result
            if progress is not None:
                progress(step)


def expanded(
    steps: Generator[Progress, None, Result], items: Callable[[Progress], Iterable[Item]]
) -> Generator[Item, None, Result]:
    """Yield other items in the place of those of a generator, and return its result.

    Parameters
    ----------
    steps : generator
        Yields progress and returns the result; it is closed with this one.
    items : callable
        Called with each item that `steps` yields; returns those to yield instead.

    Yields
    ------
    object
        Items.

    Returns
    -------
    object
        Result of `steps`.
    """
    with closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as done:
                result: Result = done.value
                return result
            yield from items(step)
