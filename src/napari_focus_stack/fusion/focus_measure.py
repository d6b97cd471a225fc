"""How sharp each plane is, level by level, in units of the sensor's own noise.

The energy of a plane at a pixel is its squared band over a window, divided by what noise alone
would leave there: 1 means "nothing but noise", whatever the camera.
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
"""The window over the squared band: a Gaussian core, and a heavy tail of ever wider ones.

The core keeps depth edges; the tail lets the true plane's edge outvote, in the flat field beside
it, the blurred edge of every other plane, which is what draws halos. On the still truth scenes the
core alone loses 11 dB (brick-dome), a Gaussian of 2.5 alone 1 dB (motorcycle); a last share of 0.2
gains 1.4 dB (brick-dome) and costs 0.05 dB and 0.03 planes (motorcycle), none loses 4.6 dB.
"""
TOTAL = np.float32(1 + sum(WINDOW_TAIL))
CORE_SIZE = 5
CORE_REACH = CORE_SIZE // 2
WINDOW_SAMPLES = (9.2, 8.3, 7.8, 7.6)
"""Independent samples that the window averages, from the spread of the energy in white noise."""
ENERGY_FLOOR = 0.5
SELECTIVITY = 0.85
"""How fast a plane's weight falls with its distance from the best score: exp(-0.85 noise units)."""
UNRECORDED = -1.0
"""Energy where a plane has recorded nothing."""
NO_SCORE = -1e6


def window_samples(level: int) -> float:
    """Count the independent samples behind one energy of a level."""
    return WINDOW_SAMPLES[min(level, len(WINDOW_SAMPLES) - 1)]


def selectivity(level: int) -> float:
    """Samples by which `score` makes a level's energies logarithms of weights."""
    return SELECTIVITY**2 * window_samples(level)


def energy_parts(level: int, colour: bool) -> int:
    """How many of a plane's channels tell its energy at a level.

    All, but brightness alone at the finest level, where differences are mostly noise: on
    `histology-noisy` 1.2 dB better than all of them, on `motorcycle-still` 0.01 dB worse.
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
    """Squared band over the noise in it: 1 in the mean where noise explains all of it.

    Parameters
    ----------
    bands : sequence of numpy.ndarray
        (y, x) float32: grey; or as many channels of a colour plane as `energy_parts` tells.
    smooth : numpy.ndarray
        Grey or brightness of the plane around each pixel: what the band was taken from.
    noise : Noise
        Of one channel.
    level : int
        Of the pyramid.
    colour : bool
        Whether the plane is one of colour.
    out : numpy.ndarray
        (y, x) float32: where the result goes.
    own : Noise, optional
        Of this plane, if it was exposed otherwise: what it has more is no detail, and is taken off.
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
    """The widest parts of the window, at a quarter of the size, over a squared band at half."""
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
    """Energy of some rows: the weighted mean of the squared band over the heavy-tailed window.

    Parameters
    ----------
    power : numpy.ndarray
        (y, x) float32.
    halved : numpy.ndarray
        The same, reduced once.
    wide : numpy.ndarray
        `tail` of them.
    rows : slice
        Which rows; they start at an even one.
    """
    top, end = max(0, rows.start - CORE_REACH), min(len(power), rows.stop + CORE_REACH)
    core = cv2.GaussianBlur(power[top:end], (CORE_SIZE, CORE_SIZE), WINDOW_CORE)
    energy: Plane = core[rows.start - top : rows.stop - top]
    above = slice(max(0, rows.start // 2 - 2), min(len(halved), rows.stop // 2 + 3))
    around = expanded_window(wide, halved.shape, above)
    cv2.scaleAdd(halved[above], WINDOW_TAIL[0], around, dst=around)
    height = min(2 * above.stop, len(power)) - 2 * above.start
    near = cv2.pyrUp(around, dstsize=(power.shape[1], height))
    energy += near[rows.start - 2 * above.start : rows.stop - 2 * above.start]
    energy *= np.float32(1 / TOTAL)
    return energy


def score(energy: Plane, samples: float) -> Plane:
    """Put energies on a scale where their own noise is 1 everywhere.

    An energy of mean E over N samples has variance (4 E - 2) / N; the scale that evens this out is
    sqrt(N (E - 1/2)), so planes can be told apart where their scores differ by more than 1.
    """
    scored: Plane = energy * np.float32(samples)
    scored -= np.float32(0.5 * samples)
    np.clip(scored, np.float32(ENERGY_FLOOR * samples), np.float32(np.inf), out=scored)
    return np.sqrt(scored, out=scored)
