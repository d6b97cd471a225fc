"""A batch and where it is done, as the command, napari and Python call for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    from napari_focus_stack.batch.tasks import BatchOrder

QUIET = 10.0
"""Seconds for which the files of a stack must not have changed."""
LONGEST_QUIET = 4e6
"""Most seconds, some six weeks, that files may be waited for; Windows waits no longer at a time."""


@dataclass(frozen=True, kw_only=True)
class BatchCall:
    """A batch and where it is done.

    Attributes
    ----------
    order : BatchOrder
        The batch.
    scheduler : str
        "local", the address of a scheduler, or the file in which it lies.
    workers : int or None
        Worker processes at most; None for as many as fit.
    redo : bool
        Whether stacks that are done are done again.
    quiet : float
        Seconds for which the files of a stack must not have changed.
    watch : float or None
        Minutes without a new stack after which the batch ends; None for one look.
    """

    order: BatchOrder
    scheduler: str = "local"
    workers: int | None = None
    redo: bool = False
    quiet: float = QUIET
    watch: float | None = None

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises
        ------
        SettingsError
            One of them is out of bounds.
        """
        if self.workers is not None and self.workers < 1:
            raise SettingsError(f"workers {self.workers} must be 1 or more.")
        check_waits(self.quiet, self.watch)


def check_waits(
    quiet: float, watch: float | None, names: tuple[str, str] = ("quiet", "watch")
) -> None:
    """Check how long a batch waits.

    Parameters
    ----------
    quiet : float
        Seconds for which the files of a stack must not have changed.
    watch : float or None
        Minutes without a new stack after which the batch ends.
    names : tuple of str
        Names of these two in a message.

    Raises
    ------
    SettingsError
        One of them is out of bounds.
    """
    if not 0 <= quiet <= LONGEST_QUIET:
        most = f"{LONGEST_QUIET:.0f}"
        raise SettingsError(f"{names[0]} {quiet:g} must be from 0 to {most} seconds.")
    if watch is not None and not 0 <= watch < math.inf:
        raise SettingsError(f"{names[1]} {watch:g} must be a number of minutes from 0 on.")
