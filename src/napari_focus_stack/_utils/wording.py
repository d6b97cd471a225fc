"""Numbers and lists in sentences for the user."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


SMALLEST_PERCENTAGE = 0.001


def format_percentage(share: float) -> str:
    """Return a part of the picture as a percentage that is never 0."""
    return (
        f"{share:.1%}" if share >= SMALLEST_PERCENTAGE else f"Less than {SMALLEST_PERCENTAGE:.1%}"
    )


def format_runs(numbers: Sequence[int]) -> str:
    """Numbers in rising order, three or more that follow each other as "first to last"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    told: list[str] = []
    for run in runs:
        told += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else [str(number) for number in run]
    return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)


def format_bytes(size: float) -> str:
    """Bytes as they are typed after `--memory`, rounded up."""
    if size >= 1e9:
        return f"{math.ceil(size / 1e8) / 10:g} GB"
    return f"{max(1, math.ceil(size / 1e6))} MB"
