"""Planes on their way into the fusion: gaps closed and masked, moved, brightened; and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import picture

from napari_focus_stack.brightness import Brightness
from napari_focus_stack.planes import as_dtype, computable, seen_from_reference

STILL = np.eye(3)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_computable_plane_is_not_copied(dtype: str) -> None:
    plane = np.zeros((9, 9), dtype)
    assert computable(plane) is plane


@pytest.mark.parametrize("dtype", ["bool", "int16", "int32", "uint32", "float16", "float64"])
def test_any_other_is_computed_as_float32(dtype: str) -> None:
    plane = np.array([[0, 1]], dtype)
    np.testing.assert_array_equal(computable(plane), np.float32([[0, 1]]))
    assert computable(plane).dtype == np.float32


@pytest.mark.parametrize("dtype", [">u2", ">f4"])
def test_opencv_gets_the_machines_order_of_bytes(dtype: str) -> None:
    found = computable(np.array([[0, 258]], dtype))
    assert found.dtype.isnative
    assert found.tolist() == [[0, 258]]


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.sampled_from(["uint8", "uint16", "int16", "int8"]))
def test_values_are_rounded_and_held_to_the_types_range(value: float, dtype: str) -> None:
    found = as_dtype(np.full((2, 2), value, np.float32), np.dtype(dtype))
    limits = np.iinfo(dtype)
    assert found.dtype == dtype
    expected = min(max(round(float(np.float32(value))), limits.min), limits.max)
    assert (found == expected).all()


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint64", "float16", "float64"])
def test_what_no_plane_recorded_is_zero_where_there_is_no_nan(dtype: str) -> None:
    found = as_dtype(np.float32([[np.nan, 1, np.nan]]), np.dtype(dtype))
    nothing = np.nan if found.dtype.kind == "f" else 0
    np.testing.assert_array_equal(found, np.array([[nothing, 1, nothing]], dtype))


def test_bool_is_decided_at_one_half() -> None:
    found = as_dtype(np.float32([[0, 0.4, 0.6, 1]]), np.dtype(bool))
    assert found.tolist() == [[False, False, True, True]]


def test_a_plane_without_gaps_is_seen_as_it_is() -> None:
    plane = picture("gravel", 40, 50)
    seen, valid = seen_from_reference(plane, STILL, Brightness())
    np.testing.assert_array_equal(seen, plane)
    assert valid is None
    brighter, _ = seen_from_reference(plane, STILL, Brightness(1.25))
    np.testing.assert_allclose(brighter, plane * 1.25, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("colour", [(), (3,)])
def test_gaps_are_masked_and_filled_from_around(bad: float, colour: tuple[int, ...]) -> None:
    plane = np.full((40, 50, *colour), 7, np.float32)
    plane[10:20, 30:45] = bad
    before = plane.copy()
    seen, valid = seen_from_reference(plane, STILL, Brightness())
    np.testing.assert_array_equal(plane, before)
    np.testing.assert_allclose(seen, 7, rtol=1e-4)
    recorded = np.full((40, 50), 255, np.uint8)
    recorded[10:20, 30:45] = 0
    np.testing.assert_array_equal(valid, recorded)


def test_gaps_move_with_the_plane() -> None:
    plane = np.full((40, 50), 7, np.float32)
    plane[10, 30] = np.nan
    shift = np.array([[1, 0, 4], [0, 1, 0], [0, 0, 1]], np.float64)
    seen, valid = seen_from_reference(plane, shift, Brightness())
    np.testing.assert_allclose(seen, 7, rtol=1e-4)
    recorded = np.full((40, 50), 255, np.uint8)
    recorded[10, 26] = 0
    recorded[:, 46:] = 0
    np.testing.assert_array_equal(valid, recorded)


def test_a_plane_of_gaps_is_recorded_nowhere() -> None:
    seen, valid = seen_from_reference(np.full((40, 50), np.nan, np.float32), STILL, Brightness())
    assert np.isfinite(seen).all()
    assert not valid.any()
