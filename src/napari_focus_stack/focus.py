"""How sharp each plane is, level by level, in units of the sensor's own noise.

The energy of a plane at a pixel is its squared band over a window, divided by what noise alone
would leave there: 1 means "nothing but noise", whatever the camera.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.bands import Plane, expand, mean_square

if TYPE_CHECKING:
    from napari_focus_stack.noise import Noise

WINDOW_CORE = 0.58
WINDOW_TAIL = (0.3, 0.3, 0.2)
"""The window over the squared band: a Gaussian core, and a heavy tail of ever wider ones.

The core keeps depth edges; the tail lets the true plane's edge outvote, in the flat field beside
it, the blurred edge of every other plane, which is what draws halos. On the still truth scenes the
core alone loses 11 dB (brick-dome), a Gaussian of 2.5 alone 1 dB (motorcycle).
"""
WINDOW_SAMPLES = (9.7, 8.7, 8.2, 8.2)
"""Independent samples that the window averages, from the spread of the energy in white noise."""
ENERGY_FLOOR = 0.5
UNRECORDED = -1.0
"""Energy where a plane has recorded nothing."""
NO_SCORE = -1e6


def window_samples(level: int) -> float:
    """Count the independent samples behind one energy of a level."""
    return WINDOW_SAMPLES[min(level, len(WINDOW_SAMPLES) - 1)]


def energies(bands: list[Plane], gaussian: list[Plane], noise: Noise) -> list[Plane]:
    """Energy of every band, (y, x) float32 each: 1 where noise explains all of it.

    Colour counts with all three channels; alpha does not.
    """
    return [
        window(mean_square(_in_noise_units(band, noise.in_band(smooth, level))))
        for level, (band, smooth) in enumerate(zip(bands[:-1], gaussian, strict=False))
    ]


def _in_noise_units(band: Plane, variance: Plane | float) -> Plane:
    return np.divide(band, np.sqrt(variance)).astype(np.float32, copy=False)


def window(power: Plane) -> Plane:
    """Weighted mean of a squared band over the heavy-tailed window."""
    levels = [power]
    for _ in WINDOW_TAIL:
        if min(levels[-1].shape) < 2:
            break
        levels.append(cv2.pyrDown(levels[-1]))
    tail = np.zeros_like(levels[-1])
    for share, level, below in zip(
        WINDOW_TAIL[len(levels) - 2 :: -1], levels[:0:-1], levels[-2::-1], strict=False
    ):
        tail += np.float32(share) * level
        tail = expand(tail, below.shape)
    core: Plane = cv2.GaussianBlur(power, (0, 0), WINDOW_CORE)
    core += tail
    core /= np.float32(1 + sum(WINDOW_TAIL[: len(levels) - 1]))
    return core


def score(energy: Plane, samples: float) -> Plane:
    """Put energies on a scale where their own noise is 1 everywhere.

    An energy of mean E over N samples has variance (4 E - 2) / N; the scale that evens this out is
    sqrt(N (E - 1/2)), so planes can be told apart where their scores differ by more than 1.
    """
    scored: Plane = energy - np.float32(0.5)
    np.maximum(scored, np.float32(ENERGY_FLOOR), out=scored)
    scored *= np.float32(samples)
    np.sqrt(scored, out=scored)
    scored[energy < 0] = NO_SCORE
    return scored
