"""One end of a stack is near only if most of what was looked at says so, and clearly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_focus_stack.occlusion.model_check import ModelErrors
from napari_focus_stack.occlusion.samples import (
    CLEARLY_TRANSPARENT,
    LEAST_OPACITY,
    OrientationScore,
    Votes,
)

ONE = np.ones((4, 4), np.float32)


def sample(after: float, opacity: float = 1.3) -> ModelErrors:
    """Planes with an error of 1 a pixel, of which a ground leaves so much."""
    return ModelErrors([ONE, 2 * ONE], after * ONE, ONE, 1.0, 1e-6, opaque=10.0, clear=opacity * 10)


def test_a_lead_is_what_is_removed_less_what_is_added() -> None:
    vote = OrientationScore.of([sample(0.2), sample(0.2), sample(1.1)], 3)
    assert vote.lead == pytest.approx((2 * 0.5 - 0.1) / 3, rel=1e-5)
    assert vote.opacity == pytest.approx(1.3)


@pytest.mark.parametrize("samples", [2, 3, 4])
def test_samples_that_tell_nothing_count_against(samples: int) -> None:
    vote = OrientationScore.of([sample(0.2), sample(0.2)], samples)
    assert (vote.lead > 0) is (samples < 4)


def test_the_other_end_and_what_is_seen_through_are_doubts() -> None:
    near, far = OrientationScore.of([sample(0.2)], 1), OrientationScore.of([sample(0.4)], 1)
    assert near.beats(OrientationScore.of([], 1))
    assert not near.beats(far)
    assert not far.beats(near)
    assert not OrientationScore.of([sample(0.2, LEAST_OPACITY - 0.01)], 1).beats(
        OrientationScore.of([], 1)
    )
    assert not OrientationScore.of([sample(0.69)], 1).beats(OrientationScore.of([], 1))


@pytest.mark.parametrize(
    ("after", "opacity", "hopeless"),
    [
        (0.2, 1.3, False),
        (0.2, CLEARLY_TRANSPARENT + 0.02, False),  # larger samples may still tell
        (0.2, CLEARLY_TRANSPARENT - 0.02, True),
        (0.69, 1.3, True),
        (1.1, 1.3, True),
    ],
)
def test_no_more_samples_are_worth_checking_without_a_lead(
    after: float, opacity: float, hopeless: bool
) -> None:
    ends: list[Any] = ["first", "last"]
    votes = Votes.of(ends, [[sample(1.1)] * 2, [sample(after, opacity)] * 2], 2)
    assert votes.hopeless(0.045) is hopeless
    if not hopeless:
        assert votes.end == "last"
