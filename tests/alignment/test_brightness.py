"""A lamp that drifts, stray light, and focus that only moves light about."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from long_runs import only_long
from motion import MOVING
from scenes import QUIET, scene

from napari_focus_stack.alignment.brightness import LEAST_DRIFT, Brightness
from napari_focus_stack.alignment.reduced_planes import ReducedPlane
from napari_focus_stack.simulation.rendering import SensorNoise


def stack(name: str = "gravel", kind: str = "slant", **options) -> np.ndarray:
    return scene(name, kind, **({"noise": QUIET, "dtype": "float32"} | options)).planes


def compared(fixed: np.ndarray, moving: np.ndarray, transform: np.ndarray | None = None):
    transform = np.eye(3) if transform is None else transform
    return Brightness.of(ReducedPlane.of(fixed).light, ReducedPlane.of(moving).light, transform)


@given(st.floats(0.5, 2), st.floats(-0.05, 0.3))
@settings(max_examples=40, deadline=None)
def test_the_same_plane_comes_back_exactly(gain: float, offset: float) -> None:
    plane = stack()[4]
    found = compared(plane, plane * np.float32(gain) + np.float32(offset))
    again = found.gain * (gain * plane + offset) + found.offset
    np.testing.assert_allclose(again, plane, atol=0.006)  # an offset of 0.3 % is none
    assert found.drifts or (abs(gain - 1) < 0.005 and abs(offset) < 0.005)


@pytest.mark.parametrize("k", [3, 5, 7])
@pytest.mark.parametrize("gain", [0.7, 0.95, 1.05, 1.6])
def test_a_lamp_that_drifts_is_a_gain(gain: float, k: int) -> None:
    planes = stack()
    found = compared(planes[4], planes[k] * np.float32(gain))
    assert found.gain == pytest.approx(1 / gain, rel=0.003)
    assert found.offset == 0
    assert found.drifts


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.1), (0.8, 0.05), (1.2, -0.05), (0.9, 0.2)])
def test_stray_light_is_an_offset(gain: float, offset: float, k: int) -> None:
    planes = stack()
    found = compared(planes[4], planes[k] * np.float32(gain) + np.float32(offset))
    assert found.gain == pytest.approx(1 / gain, rel=0.03)
    assert found.offset == pytest.approx(-offset / gain, abs=0.015)
    assert found.drifts
    # what counts is what becomes of the plane: within 0.5 % of white over the whole range
    tones = np.percentile(planes[k], [5, 50, 95])
    made = found.gain * (gain * tones + offset) + found.offset
    np.testing.assert_allclose(made, tones, atol=0.005)


@pytest.mark.parametrize("name", ["gravel", "coins", *only_long("brick", "camera")])
@pytest.mark.parametrize("kind", ["slant", "dome", "step"])
@pytest.mark.parametrize("noise", [QUIET, SensorNoise(0.02, 1 / 2000)], ids=["quiet", "noisy"])
def test_a_change_of_focus_is_no_drift(name: str, kind: str, noise: SensorNoise) -> None:
    seen = [ReducedPlane.of(plane).light for plane in stack(name, kind, noise=noise)]
    for other in seen:
        found = Brightness.of(seen[4], other, np.eye(3))
        assert not found.drifts
        assert found.offset == 0
        assert found.gain == pytest.approx(1, abs=0.01)


def test_planes_are_compared_where_they_lie() -> None:
    moved = scene("coins", "slant", dtype="float32", **(MOVING | {"shift": 4.0, "zoom": 0.01}))
    transform = moved.transforms[7]
    fixed, moving = moved.planes[4], moved.planes[7] * np.float32(0.9)
    over, beside = compared(fixed, moving, transform), compared(fixed, moving)
    assert over.gain == pytest.approx(1 / 0.9, rel=0.005)
    assert over.spread < 0.5 * beside.spread  # bright coins lie on dark ground there


def test_an_offset_needs_a_range_of_tones() -> None:
    """From grey tones that hardly differ nobody can tell an offset from a gain."""
    flat = 0.5 + 0.05 * stack()[4]
    found = compared(flat, flat + np.float32(0.1))
    assert found.offset == 0
    assert found.gain == pytest.approx(np.median(flat) / np.median(flat + 0.1), rel=0.01)


@pytest.mark.parametrize("fixed", [0.0, 0.3])
@pytest.mark.parametrize("moving", [0.0, np.nan])
def test_darkness_has_no_brightness(fixed: float, moving: float) -> None:
    one, other = (np.full((64, 80), value, np.float32) for value in (fixed, moving))
    assert compared(one, other) == Brightness()
    assert compared(other, one) == Brightness()


def test_little_is_no_drift() -> None:
    assert not Brightness().drifts
    assert not Brightness(1 + 0.9 * LEAST_DRIFT).drifts
    assert Brightness(1 + 1.1 * LEAST_DRIFT).drifts
    assert Brightness(1 - 1.1 * LEAST_DRIFT).drifts
    assert not Brightness(1.02, 0.0, 0.02).drifts
    assert Brightness(1.0, -0.02, 0.02).drifts
