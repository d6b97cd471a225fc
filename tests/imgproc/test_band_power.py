"""Mean squares of the finest band: the same by the compiled kernel, and without it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focus_stack.imgproc import band_power as module
from napari_focus_stack.imgproc.band_power import BINOMIAL, Sampling, band_power
from napari_focus_stack.imgproc.colour import lightness, mixtures
from napari_focus_stack.imgproc.pyramids import Plane, laplacian_pyramid

BOX = Sampling((0.2, 0.2, 0.2), 4)


@pytest.fixture(params=["compiled", "NumPy"], scope="module")
def by(request: pytest.FixtureRequest) -> str:
    return request.param


def windowed(squares: Plane, sampling: Sampling) -> np.ndarray:
    """Mean squares in a window around every few pixels, summed tap by tap."""
    middle, beside, beyond = sampling.weights
    window = np.array([beyond, beside, middle, beside, beyond])
    padded = np.pad(squares.astype(np.float64), 2, mode="reflect")
    patches = np.lib.stride_tricks.sliding_window_view(padded, (5, 5))
    every = patches[:: sampling.step, :: sampling.step]
    return np.einsum("yxij,i,j->yx", every, window, window)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(3, 90),
    st.integers(3, 600),  # rows are expanded 256 pixels at a time
    st.sampled_from([(), (3,), (4,)]),
    st.sampled_from(["uint8", "uint16", "float32"]),
    st.sampled_from([BINOMIAL, BOX]),
)
def test_squares_are_those_of_the_finest_band(
    by: str, height: int, width: int, colour: tuple[int, ...], dtype: str, sampling: Sampling
) -> None:
    whole = np.random.default_rng(height * width).uniform(0, 255, (height + 3, width + 5, *colour))
    plane = whole.astype(dtype)[1 : height + 1, 2 : width + 2]  # rows lie farther apart
    with pytest.MonkeyPatch.context() as patch:
        if by == "NumPy":
            patch.setattr(module, "readable", lambda _: False)
        power, coarser = band_power(plane, mixtures(plane)[0], sampling)
    (band, residual), _ = laplacian_pyramid(lightness(plane), 1)
    np.testing.assert_allclose(coarser, residual, rtol=1e-5, atol=1e-3)
    expected = windowed(np.square(band), sampling)
    assert power.shape == expected.shape
    np.testing.assert_allclose(power, expected, rtol=1e-4, atol=0.05)
