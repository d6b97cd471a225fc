"""Planes of arrays: one computed at a time, and what is no stack refused."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pytest

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.sources import ArraySource, Spacing, check_sides, describe

RNG = np.random.default_rng(3)


def stack(*shape, dtype=np.uint16):
    return RNG.integers(0, 200, shape).astype(dtype)


@pytest.mark.parametrize("colour", [(), (3,), (4,)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_an_array_gives_its_planes(colour, dtype):
    planes = stack(4, 10, 12, *colour, dtype=dtype)
    for given in (planes, list(planes), tuple(planes), da.from_array(planes)):
        source = ArraySource(given)
        assert (len(source), source.plane_shape) == (4, (10, 12, *colour))
        assert source.dtype == dtype
        for k in range(4):
            np.testing.assert_array_equal(source[k], planes[k])
        assert source.names == ("plane 0", "plane 1", "plane 2", "plane 3")
        assert (source.spacing, source.notes, source.files) == (Spacing(), (), ())


def test_names_and_spacing_are_kept():
    spacing = Spacing(y=0.1, x=0.2, z=0.5, unit="micrometer")
    source = ArraySource(stack(2, 10, 12), names=["near", "far"], spacing=spacing)
    assert source.names == ("near", "far")
    assert source.spacing == spacing


def test_a_lazy_plane_is_computed_when_it_is_asked_for_and_alone():
    planes, computed = stack(5, 10, 12), []

    def compute(k):
        computed.append(k)
        return planes[k]

    lazy = da.stack(
        [da.from_delayed(dask.delayed(compute)(k), (10, 12), planes.dtype) for k in range(5)]
    )
    source = ArraySource(lazy)
    assert computed == []
    np.testing.assert_array_equal(source[3], planes[3])
    assert computed == [3]


@pytest.mark.parametrize("error", [OSError("disk gone"), ValueError("bad chunk")])
def test_a_plane_that_cannot_be_computed_is_named(error):
    def fail():
        raise error

    bad = da.from_delayed(dask.delayed(fail)(), (10, 12), np.uint16)
    source = ArraySource(da.stack([da.from_array(stack(10, 12)), bad]))
    with pytest.raises(InputError, match="'plane 1' cannot be read: "):
        source[1]


@pytest.mark.parametrize("k", [-1, 2])
def test_planes_out_of_range(k):
    with pytest.raises(IndexError):
        ArraySource(stack(2, 10, 12))[k]


@pytest.mark.parametrize(
    ("planes", "says"),
    [
        (stack(1, 10, 12), "at least two planes; this one has 1"),
        ([], "this one has 0"),
        (stack(4, 2, 10, 12), "axes beyond Y, X and colour"),
        (stack(4, 10, 12, 2), "axes beyond Y, X and colour"),
        (stack(10, 12), "axes beyond"),
        (stack(10, 12, 3), "12 x 3 pixels may be the rows of one picture with 3 channels"),
        ([stack(10, 12), stack(10, 14)], "'plane 1' is 14 x 10 uint16 grey, but 'plane 0' is 12 x"),
        ([stack(10, 12), stack(10, 12, dtype=np.uint8)], "'plane 1' is 12 x 10 uint8 grey"),
        ([stack(10, 12), stack(10, 12, 3)], "'plane 1' is 12 x 10 uint16 RGB"),
        ([stack(10, 12), stack(5, 12)], "'plane 1' is 12 x 5 uint16 grey, but 'plane 0' is 12 x"),
        ([stack(0, 12), stack(0, 12)], "'plane 0' have no pixels"),
        ([stack(10, 12), stack(10, 12, 2)], r"shape \(10, 12, 2\) in 'plane 1'"),
        ([stack(10, 12), stack(10, 12) * 1j], "complex128 in 'plane 1'"),
    ],
)
def test_what_is_no_stack_is_refused(planes, says):
    with pytest.raises(InputError, match=says):
        ArraySource(planes)


def test_words_for_a_kind():
    assert describe((20, 30), np.dtype(np.uint8)) == "30 x 20 uint8 grey"
    assert describe((20, 30, 3), np.dtype(np.float32)) == "30 x 20 float32 RGB"
    assert describe((20, 30, 4), np.dtype(np.uint16)) == "30 x 20 uint16 RGBA"


def test_planes_of_a_series_have_8_pixels_a_side():
    check_sides((8, 8))
    with pytest.raises(InputError, match="too small for a series"):
        check_sides((7, 100))
