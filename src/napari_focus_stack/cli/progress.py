"""Progress of a run in one line of the terminal."""

from __future__ import annotations

import contextlib
import shutil
import sys
from typing import TYPE_CHECKING, Protocol, TypeVar

from napari_focus_stack.cli.terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Generator

Result = TypeVar("Result")
_WIDTH = 100


class Countable(Protocol):
    """Progress with a number of steps; its text describes the current one."""

    @property
    def done(self) -> int:
        """Steps done."""

    @property
    def total(self) -> int:
        """All steps."""


Step = TypeVar("Step", bound=Countable)


def follow(steps: Generator[Step, None, Result]) -> Result:
    """Run steps to their end, with progress on a terminal.

    Parameters
    ----------
    steps : generator
        Yields progress and returns a result.

    Returns
    -------
    object
        Result of the steps.
    """
    from napari_focus_stack._utils.steps import drain

    on_terminal = sys.stderr.isatty()

    def show(step: Step) -> None:
        """Print the progress in one line."""
        share = 100 * step.done // step.total
        _rewrite(f"{share:3d} %  {step!s}")

    try:
        return drain(steps, show if on_terminal else None)
    finally:
        if on_terminal:
            _rewrite("")
            _put("\r")


def _rewrite(line: str) -> None:
    """Write over the last line of the terminal."""
    width = min(_WIDTH, shutil.get_terminal_size().columns - 1)
    _put(f"\r{one_line(line)[:width]:<{width}}")


def _put(text: str) -> None:
    """Write to the terminal, unless it was closed."""
    with contextlib.suppress(OSError):
        print(text, end="", file=sys.stderr, flush=True)
