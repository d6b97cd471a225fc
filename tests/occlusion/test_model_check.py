"""What blur alone explains is told from what lies before something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from parts import BAR, FAR, NEAR, SIDE, patch
from scenes import picture

from napari_focus_stack.occlusion.model_check import unexplained_by_one_surface

if TYPE_CHECKING:
    from napari_focus_stack.occlusion.patch import Patch


def colours(image: np.ndarray) -> np.ndarray:
    return np.dstack([image, 0.8 * image, 1 - image])


def share_of_jumps(shown: Patch) -> float:
    assert shown.discontinuities.any()
    return np.count_nonzero(unexplained_by_one_surface(shown)) / np.count_nonzero(
        shown.discontinuities
    )


WAYS: list[tuple[bool, dict[str, Any]]] = [
    (False, {}),
    (True, {"noise": 3.0}),
    (True, {"gamma": 2.2}),
    (False, {"finer": 6}),
]


@pytest.mark.parametrize(("colour", "how"), WAYS)
@pytest.mark.parametrize(("flat", "wrong"), [(NEAR, FAR), (FAR, NEAR), (NEAR, 3.0)])
def test_a_plain_bar_of_a_flat_pattern_lies_before_nothing(
    flat: float, wrong: float, colour: bool, how: dict[str, Any]
) -> None:
    image = np.where(BAR, 0.1, 0.5 + 0.4 * picture("gravel", SIDE, SIDE)).astype(np.float32)
    depth, believed = np.full_like(image, flat), np.where(BAR, wrong, flat)
    shown = patch(colours(image) if colour else image, depth, believed, **how)
    assert share_of_jumps(shown) < 0.05


@pytest.mark.parametrize(("colour", "how"), WAYS)
@pytest.mark.parametrize(("bar", "rest"), [(NEAR, FAR), (FAR, NEAR)])
def test_things_before_each_other_are(
    bar: float, rest: float, colour: bool, how: dict[str, Any]
) -> None:
    image = np.where(BAR, picture("gravel", SIDE, SIDE), picture("brick", SIDE, SIDE))
    depth = np.where(BAR, bar, rest)
    shown = patch(colours(image) if colour else image, depth, depth, **how)
    assert share_of_jumps(shown) > 0.4
