"""Some of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

Sampled = TypeVar("Sampled")


def evenly_taken(some: Sequence[Sampled], count: int) -> list[Sampled]:
    """At most `count` of some items, evenly taken."""
    if len(some) <= count:
        return list(some)
    places = np.linspace(0, len(some) - 1, count).round().astype(int)
    return [some[i] for i in places]
