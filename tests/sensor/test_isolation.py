"""Isolated pixels: those that differ from all their neighbours, by a kernel or by OpenCV alike."""

from __future__ import annotations

import numpy as np
import pytest

from napari_focus_stack._compiled.library import library
from napari_focus_stack.sensor import isolation
from napari_focus_stack.sensor.isolation import Isolated

compiled = pytest.mark.skipif(library() is None, reason="the kernels are not compiled")


def dotted(shape: tuple[int, int], dtype: type, dots: int) -> np.ndarray:
    random = np.random.default_rng(0)
    plane = random.integers(90, 110, shape).astype(dtype)
    places = random.choice(plane.size, dots, replace=False)
    plane.ravel()[places] = random.integers(0, 255, dots)
    return plane


@compiled
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(2, 2), (3, 1000), (1000, 3), (513, 1025)])
def test_the_kernel_finds_the_same(
    shape: tuple[int, int], dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = dotted(shape, dtype, max(1, shape[0] * shape[1] // 200))
    found = Isolated.of(plane)
    monkeypatch.setattr(isolation, "library", lambda: None)
    plain = Isolated.of(plane)
    assert (found is None) == (plain is None)
    if found is not None and plain is not None:
        np.testing.assert_array_equal(found.somewhat, np.sort(plain.somewhat))
        np.testing.assert_array_equal(found.clearly, np.sort(plain.clearly))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("place", [(0, 0), (0, 7), (5, 511), (299, 400), (127, 512), (128, 513)])
@pytest.mark.parametrize("value", [0, 250])
def test_one_pixel_is_found_wherever_it_lies(
    dtype: type, place: tuple[int, int], value: int
) -> None:
    plane = np.full((300, 900), 100, dtype)
    plane[10:20, 10:800] = 200
    plane[place] = value
    found = Isolated.of(plane)
    assert found is not None
    assert found.clearly.tolist() == [place[0] * 900 + place[1]]


def test_too_many_are_texture() -> None:
    plane = np.full((64, 64), 100, np.uint8)
    plane[1::4, 1::4] = 200
    assert Isolated.of(plane) is None
