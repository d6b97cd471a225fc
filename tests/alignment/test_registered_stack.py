"""Planes in the frame of the reference: one, whichever part of the project looks at it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scenes import picture

from napari_focus_stack import analysis, focus_stack
from napari_focus_stack._utils.steps import drain
from napari_focus_stack._utils.windows import counted_from
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.alignment.registered_stack import RegisteredStack
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.sources import ArraySource
from napari_focus_stack.pipeline.align_only import AlignedPlanes, align_only_steps
from napari_focus_stack.sensor.marks import Marks
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    from napari_focus_stack.result import StackResult

SIDE, SHIFTS = 128, ((0, 0), (3, -5), (-6, 2))
WINDOW = slice(40, 90), slice(33, 97)


def shifted_planes() -> np.ndarray:
    """One picture from three places, whole pixels apart."""
    whole = np.rint(picture("brick", 160, 160) * 200).astype(np.uint8)
    return np.stack([whole[16 + y :, 16 + x :][:SIDE, :SIDE] for y, x in SHIFTS])


def transforms() -> np.ndarray:
    matrices = np.tile(np.eye(3), (3, 1, 1))
    matrices[:, 1, 2], matrices[:, 0, 2] = -np.array(SHIFTS).T
    return matrices


def result_of(planes: np.ndarray) -> StackResult:
    return focus_stack(planes, transforms=transforms(), brightness="keep", occlusion="off")


@pytest.mark.parametrize("k", [0, 1, 2])
def test_all_who_look_at_a_plane_see_the_same(k: int) -> None:
    planes = shifted_planes()
    source, result = ArraySource(planes), result_of(planes)
    truth, inside = planes[0][WINDOW], planes[k]
    stack = RegisteredStack.of_result(source, result)
    whole, _ = stack.plane(k).colour(WINDOW)
    part, _ = stack.part(k, WINDOW).colour(counted_from(WINDOW, WINDOW))
    given, _ = stack.part(k, WINDOW, inside).colour(counted_from(WINDOW, WINDOW))
    alignment = drain(align_only_steps(source, Settings(align="none"))).alignment
    aligned = AlignedPlanes(source, dataclasses.replace(alignment, transforms=transforms()), ())
    index = np.full((SIDE, SIDE), k, np.uint16)
    elsewhere = dataclasses.replace(result, depth_index=index, depth=index.astype(np.float32))
    projected = analysis.project(planes, elsewhere)[WINDOW]
    for seen in (whole, part, given, aligned[k][WINDOW], projected):
        np.testing.assert_allclose(seen, truth, atol=1)  # resampling evens noise out
        np.testing.assert_allclose(seen, whole, atol=0.51)  # integers are rounded


def test_light_and_marks_of_a_result_are_those_of_its_planes() -> None:
    planes = shifted_planes()
    marked = Marks(pixels=np.array([[60, 60]]))
    bright = [Brightness(), Brightness(2.0, 3.0), Brightness()]
    stack = RegisteredStack(ArraySource(planes), transforms(), bright, marked)
    row, col = 60 - SHIFTS[1][0], 60 - SHIFTS[1][1]
    spoiled = planes.copy()
    spoiled[:, 60, 60] = 255
    dirty = RegisteredStack(ArraySource(spoiled), transforms(), bright, marked)
    here = slice(row - 3, row + 4), slice(col - 3, col + 4)
    clean = stack.plane(1).colour(here)[0]
    np.testing.assert_array_equal(dirty.plane(1).colour(here)[0], clean)
    np.testing.assert_array_equal(dirty.part(1, here).colour(counted_from(here, here))[0], clean)
    away = slice(10, 30), slice(10, 30)
    np.testing.assert_allclose(stack.plane(1).colour(away)[0], 2.0 * planes[0][away] + 3.0, atol=2)


def test_a_result_of_another_stack_is_refused() -> None:
    planes = shifted_planes()
    with pytest.raises(InputError, match="give the planes that it was made of"):
        RegisteredStack.of_result(ArraySource(planes[:2]), result_of(planes))
