"""Focus measure: sharpness of each plane, level by level, in units of the sensor's noise.

The energy of a plane at a pixel is its squared band averaged over a window, divided by the value
expected from noise alone: 1 means "nothing but noise" for any camera.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.imgproc.colour import GREY
from napari_focus_stack.imgproc.pyramids import Plane, expand, expanded_window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_focus_stack.imgproc.noise import Noise

WINDOW_CORE = 0.58
WINDOW_TAIL = (0.3, 0.3, 0.15)
"""Window over the squared band: a Gaussian core, and a heavy tail of ever wider ones.

The core preserves depth edges; with the tail, the edge in the plane in focus outweighs the blurred
edge of every other plane in the flat field beside it, which would cause halos. On the still truth
scenes the core alone loses 11 dB (brick-dome), a Gaussian of 2.5 alone 1 dB (motorcycle); a last
share of 0.2 gains 1.4 dB (brick-dome) and costs 0.05 dB and 0.03 planes (motorcycle), omitting it
loses 4.6 dB.
"""
TOTAL = np.float32(1 + sum(WINDOW_TAIL))
CORE_SIZE = 5
CORE_REACH = CORE_SIZE // 2
WINDOW_SAMPLES = (9.2, 8.3, 7.8, 7.6)
"""Independent samples that the window averages, from the spread of the energy in white noise."""
ENERGY_FLOOR = 0.5
SELECTIVITY = 0.85
"""Decay of a plane's weight with its distance from the best score: exp(-0.85) per noise unit."""
UNRECORDED = -1.0
"""Energy where a plane recorded nothing."""
NO_SCORE = -1e6


def window_samples(level: int) -> float:
    """Return the number of independent samples in one energy of a level.

    Parameters
    ----------
    level : int
        Level of the pyramid, 0 for the finest.

    Returns
    -------
    float
        Number of samples.
    """
    return WINDOW_SAMPLES[min(level, len(WINDOW_SAMPLES) - 1)]


def selectivity(level: int) -> float:
    """Return the samples for which `score` of a level's energies is the logarithm of a weight.

    Parameters
    ----------
    level : int
        Level of the pyramid, 0 for the finest.

    Returns
    -------
    float
        Number of samples for `score`.
    """
    return SELECTIVITY**2 * window_samples(level)


def energy_parts(level: int, colour: bool) -> int:
    """Return how many of a plane's channels contribute to its energy at a level.

    All contribute, except at the finest level, where colour differences are mostly noise and only
    brightness counts: on `histology-noisy` 1.2 dB better than all channels, on `motorcycle-still`
    0.01 dB worse.

    Parameters
    ----------
    level : int
        Level of the pyramid, 0 for the finest.
    colour : bool
        Whether the plane is in colour.

    Returns
    -------
    int
        Number of channels.
    """
    return 3 if colour and level > 0 else 1


def power(
    bands: Sequence[Plane],
    smooth: Plane,
    noise: Noise,
    level: int,
    colour: bool,
    out: Plane,
    own: Noise | None = None,
) -> None:
    """Compute the squared band relative to its noise: 1 in the mean where it is only noise.

    Parameters
    ----------
    bands : sequence of numpy.ndarray
        (y, x) float32: grey, or the channels of a colour plane that `energy_parts` counts.
    smooth : numpy.ndarray
        (y, x) float32 grey or brightness around each pixel, from which the band was separated.
    noise : Noise
        Noise of one channel.
    level : int
        Level of the pyramid, 0 for the finest.
    colour : bool
        Whether the plane is in colour.
    out : numpy.ndarray
        (y, x) float32 array for the result.
    own : Noise, optional
        Noise of this plane if its exposure differs: its excess is no detail, and is subtracted.
    """
    np.square(bands[0], out=out)
    for band in bands[1:]:
        cv2.accumulateSquare(band, out)
    more = sum(noise.opponent_at(level)[: len(bands)]) if colour else 1.0
    grey = smooth * np.float32(1 / GREY) if colour and noise.slope else smooth
    expected = noise.in_band(grey, level)
    if noise.slope == 0:
        out *= np.float32(1 / (more * float(expected)))
    else:
        out /= expected
        if colour:
            out *= np.float32(1 / more)
    if own is not None:
        out += np.float32(1) - own.in_band(grey, level) / expected
        np.maximum(out, 0, out=out)


def tail(halved: Plane) -> Plane:
    """Average a squared band over the widest parts of the window.

    Parameters
    ----------
    halved : numpy.ndarray
        (y, x) float32 squared band at half the size of the level.

    Returns
    -------
    numpy.ndarray
        (y, x) float32 weighted sum at a quarter of the size.
    """
    levels = [cv2.pyrDown(halved)]
    for _ in WINDOW_TAIL[2:]:
        if min(levels[-1].shape) < 2:
            break
        levels.append(cv2.pyrDown(levels[-1]))
    shares = WINDOW_TAIL[len(levels) : 0 : -1]
    wide: Plane = levels[-1] * np.float32(shares[0])
    for share, level in zip(shares[1:], levels[-2::-1], strict=True):
        wide = expand(wide, level.shape)
        cv2.scaleAdd(level, share, wide, dst=wide)
    return wide


def windowed(power: Plane, halved: Plane, wide: Plane, rows: slice) -> Plane:
    """Average the squared band of some rows over the heavy-tailed window.

    Parameters
    ----------
    power : numpy.ndarray
        (y, x) float32 squared band; see `power`.
    halved : numpy.ndarray
        (y, x) float32, `power` at half the size.
    wide : numpy.ndarray
        (y, x) float32, `tail` of `halved`.
    rows : slice
        Rows of the level, starting at an even one.

    Returns
    -------
    numpy.ndarray
        (rows, x) float32 energy.
    """
    top, end = max(0, rows.start - CORE_REACH), min(len(power), rows.stop + CORE_REACH)
    core = cv2.GaussianBlur(power[top:end], (CORE_SIZE, CORE_SIZE), WINDOW_CORE)
    energy: Plane = core[rows.start - top : rows.stop - top]
    above = slice(max(0, rows.start // 2 - 2), min(len(halved), rows.stop // 2 + 3))
    around = expanded_window(wide, halved.shape, above)
    cv2.scaleAdd(halved[above], WINDOW_TAIL[0], around, dst=around)
    height = min(2 * above.stop, len(power)) - 2 * above.start
    grown = cv2.pyrUp(around, dstsize=(power.shape[1], height))
    energy += grown[rows.start - 2 * above.start : rows.stop - 2 * above.start]
    energy *= np.float32(1 / TOTAL)
    return energy


def score(energy: Plane, samples: float) -> Plane:
    """Transform energies to a scale on which their own noise is 1 everywhere.

    An energy of mean E over N samples has variance (4 E - 2) / N; the scale that stabilises it is
    sqrt(N (E - 1/2)), so planes are distinguishable where their scores differ by more than 1.

    Parameters
    ----------
    energy : numpy.ndarray
        (y, x) float32 energy.
    samples : float
        Number of independent samples in an energy.

    Returns
    -------
    numpy.ndarray
        (y, x) float32 score.
    """
    scored: Plane = energy * np.float32(samples)
    scored -= np.float32(0.5 * samples)
    np.clip(scored, np.float32(ENERGY_FLOOR * samples), np.float32(np.inf), out=scored)
    return np.sqrt(scored, out=scored)
