"""Which steps break the trend of their neighbours, and what was to be expected instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motion import about_centre, error, shifted

from napari_focus_stack.alignment.outliers import breathing_outliers
from napari_focus_stack.alignment.pairwise import PairAlignment

if TYPE_CHECKING:
    from napari_focus_stack.imgproc.transforms import Matrix, Model

N = 10
MODELS: list[Model] = ["similarity", "affine", "homography"]
BREATHING = about_centre([[1.008, -0.001, 0], [0.001, 1.008, 0], [0, 0, 1]])


def chain(
    steps: list[Matrix], reference: int, model: Model = "similarity"
) -> dict[tuple[int, int], PairAlignment]:
    """Pairs away from a reference plane, from the steps to each plane's next one."""
    pairs = {}
    for k, step in enumerate(steps):
        key = (k, k + 1) if k >= reference else (k + 1, k)
        along = step if k >= reference else np.linalg.inv(step)
        pairs[key] = PairAlignment({model: along}, {model: 0.1}, {model: 0.5}, True)
    return pairs


def jittered(seed: int, shift: float = 3.0, scale: float = 0.0005) -> list[Matrix]:
    """Steps that breathe smoothly while the stage jitters."""
    rng = np.random.default_rng(seed)
    return [
        shifted(*rng.normal(0, shift, 2)) @ about_centre(np.diag([s, s, 1])) @ BREATHING
        for s in 1 + rng.normal(0, scale, N - 1)
    ]


@settings(deadline=None)
@given(st.integers(0, 2**16), st.integers(0, N - 1), st.sampled_from(MODELS))
def test_breathing_with_a_stage_that_jitters_is_expected(
    seed: int, reference: int, model: Model
) -> None:
    assert breathing_outliers(chain(jittered(seed), reference, model), model) == {}


@pytest.mark.parametrize("reference", [0, 4, N - 1])
@pytest.mark.parametrize("broken", range(N - 1))
@pytest.mark.parametrize(
    "wrong",
    [
        np.eye(3),  # what a search that found nothing leaves
        about_centre([[1.03, 0, 0], [0, 1.03, 0], [0, 0, 1]]),
        about_centre([[1.008, -0.02, 0], [0.02, 1.008, 0], [0, 0, 1]]),
    ],
    ids=["still", "magnified", "turned"],
)
def test_a_step_that_breaks_the_trend_is_named(wrong: Matrix, broken: int, reference: int) -> None:
    steps = [BREATHING] * (N - 1)
    steps[broken] = wrong
    pairs = chain(steps, reference)
    key = (broken, broken + 1) if broken >= reference else (broken + 1, broken)
    found = breathing_outliers(pairs, "similarity")
    assert list(found) == [key]
    right = chain([BREATHING] * (N - 1), reference)[key].transforms["similarity"]
    assert error(found[key], right) < 1e-6


def test_what_is_expected_is_the_middle_of_the_neighbours() -> None:
    steps = jittered(7, shift=1.0)
    steps[4] = np.eye(3)
    expected = breathing_outliers(chain(steps, 0), "similarity")[4, 5]
    assert error(expected, BREATHING) < 2.5  # of jitter by 1 px; the wrong step is farther off
    assert np.linalg.det(expected[:2, :2]) == pytest.approx(1.008**2, rel=0.001)


def test_a_step_that_only_shifts_otherwise_is_expected() -> None:
    steps = [BREATHING] * (N - 1)
    steps[5] = shifted(25, -40) @ BREATHING
    assert breathing_outliers(chain(steps, 3), "similarity") == {}


@pytest.mark.parametrize("model", ["none", "shift"])
def test_what_cannot_breathe_has_no_trend(model: Model) -> None:
    steps = [np.eye(3)] * (N - 1)
    steps[4] = shifted(9, 9)
    assert breathing_outliers(chain(steps, 0, model), model) == {}


def test_three_steps_make_no_trend() -> None:
    assert breathing_outliers(chain([BREATHING, np.eye(3), BREATHING], 0), "similarity") == {}
    assert breathing_outliers({}, "similarity") == {}
