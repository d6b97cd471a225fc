"""Generators that yield progress and return a result, run to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

Progress = TypeVar("Progress")
Result = TypeVar("Result")


def drain(
    steps: Generator[Progress, None, Result],
    progress: Callable[[Progress], object] | None = None,
) -> Result:
    """Run steps to their end and return their result.

    Parameters
    ----------
    steps : generator
        Yields progress, returns the result.
    progress : callable, optional
        Called with everything that is yielded.

    Returns
    -------
    object
        The value that the generator returned.
    """
    while True:
        try:
            step = next(steps)
        except StopIteration as done:
            result: Result = done.value
            return result
        if progress is not None:
            progress(step)
