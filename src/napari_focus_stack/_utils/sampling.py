"""Even samples of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

Sampled = TypeVar("Sampled")


def evenly_taken(some: Sequence[Sampled], count: int) -> list[Sampled]:
    """Take items evenly from a sequence.

    Parameters
    ----------
    some : sequence
        Items in order.
    count : int
        Largest number of items taken.

    Returns
    -------
    list
        All items if there are at most `count`.
    """
    if len(some) <= count:
        return list(some)
    positions = np.linspace(0, len(some) - 1, count).round().astype(int)
    return [some[i] for i in positions]
