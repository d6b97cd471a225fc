"""Isolated pixels: found alike by the compiled kernel and by OpenCV."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focus_stack.sensor import isolation
from napari_focus_stack.sensor.isolation import Isolated


def by_hand(light: np.ndarray, step: float) -> np.ndarray:
    """Flat indices of pixels that exceed all neighbours by a step, or that all exceed."""
    padded = np.pad(light.astype(np.float64), 1, constant_values=np.nan)
    patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).reshape(*light.shape, 9)
    around = np.delete(patches, 4, axis=2)
    above, below = light - np.nanmax(around, axis=2), np.nanmin(around, axis=2) - light
    return np.flatnonzero(np.maximum(above, below) > step)


@pytest.mark.parametrize("compiled", [True, False])
@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 40),
    st.integers(2, 600),  # rows are searched 256 pixels at a time
    st.sampled_from(["uint8", "uint16", "float32"]),
    st.integers(0, 10),
)
def test_isolated_pixels_are_those_beyond_all_neighbours(
    compiled: bool, height: int, width: int, dtype: str, count: int
) -> None:
    rng = np.random.default_rng(height * width + count)
    whole = rng.integers(100, 104, (height + 2, width + 3)).astype(dtype)
    light = whole[1 : height + 1, 2 : width + 2]  # rows lie farther apart
    spots = rng.integers(0, (height, width), (count, 2))
    light[tuple(spots.T)] = rng.choice([20, 240], count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(isolation, "_step", lambda _: 30.0)
        patch.setattr(isolation, "MOST_ISOLATED", 1.0)
        if not compiled:
            patch.setattr(isolation, "readable", lambda _: False)
        found = Isolated.of(light)
    assert found is not None
    np.testing.assert_array_equal(np.sort(found.clearly), by_hand(light, 30.0))
    np.testing.assert_array_equal(np.sort(found.somewhat), by_hand(light, 15.0))


@pytest.mark.parametrize("compiled", [True, False])
def test_texture_has_no_isolated_pixels(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_step", lambda _: 30.0)
    if not compiled:
        monkeypatch.setattr(isolation, "readable", lambda _: False)
    noisy = np.full((64, 64), 100, np.uint8)
    noisy[::4, ::4] = 200
    assert Isolated.of(noisy) is None
