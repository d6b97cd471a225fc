"""What the default suite leaves to `.ci/long`: further seeds, scenes, sizes and types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet


def only_long(*values: Any) -> list[ParameterSet]:
    """Return values of a parameter that repeat what others show, for `pytest -m long`."""
    return [pytest.param(value, marks=pytest.mark.long) for value in values]


def examples(most: int) -> int:
    """Return `most` in the profile `long` of Hypothesis, and as many as its other profiles allow.

    The number scales with the profile's own, which is 100 in `long` (see `conftest.py`).
    """
    return max(4, most * settings().max_examples // 100)
