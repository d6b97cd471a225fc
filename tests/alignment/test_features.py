"""Features as another way in: they find what is far off, and say when there are too few."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from motion import SHAPE, TRUE, about_centre, error, pair

from napari_focus_stack.alignment.features import Features, similarity
from napari_focus_stack.alignment.gauss_newton import pyramid, register_pair


def between(fixed: np.ndarray, moving: np.ndarray):
    return similarity(Features.of(fixed), Features.of(moving))


@pytest.mark.parametrize("name", ["gravel", "brick", "coins"])
@pytest.mark.parametrize("motion", ["shift", "similarity"])
def test_features_find_a_similarity(name: str, motion: str) -> None:
    fixed, moving = pair(name, TRUE[motion])
    found = between(fixed, 0.7 * moving + 12)
    assert found is not None
    assert error(found, TRUE[motion]) < 0.5
    (a, b), (c, d) = found[:2, :2]
    assert (a, b) == (d, -c)
    np.testing.assert_array_equal(found[2], [0, 0, 1])


def test_features_find_what_no_search_along_gradients_can() -> None:
    t = np.deg2rad(15)
    turn = 1.1 * np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    far = about_centre(np.block([[turn, np.array([[20], [-14]])], [np.zeros((1, 2)), 1]]))
    fixed, moving = pair("gravel", far)
    along_gradients, _ = register_pair(pyramid(fixed), pyramid(moving), "similarity")
    assert error(along_gradients, far) > 10
    found = between(fixed, moving)
    assert found is not None
    assert error(found, far) < 0.5


@pytest.mark.parametrize("fill", ["flat", "smooth", "foreign"])
def test_too_few_features_find_nothing(fill: str) -> None:
    fixed = pair("gravel", np.eye(3))[0]
    noise = np.random.default_rng(5).normal(size=SHAPE)
    other = {
        "flat": np.zeros(SHAPE),
        "smooth": cv2.GaussianBlur(noise, (0, 0), 9),
        "foreign": pair("coins", np.eye(3))[0],
    }[fill].astype(np.float32)
    assert between(fixed, other) is None
    assert between(other, fixed) is None
