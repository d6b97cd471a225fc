"""Energies of one plane in a window, equal to those of the fusion of the whole field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.depth.estimation import wider_mean
from napari_focus_stack.fusion.focus_measure import (
    UNRECORDED,
    energy_parts,
    power,
    tail,
    windowed,
)
from napari_focus_stack.fusion.pyramid_level import LEAST_COVERAGE
from napari_focus_stack.imgproc.pyramids import Plane, expand, reduce, reduced_shape

if TYPE_CHECKING:
    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.alignment.registered_plane import RegisteredPlane
    from napari_focus_stack.imgproc.dtypes import Mask
    from napari_focus_stack.imgproc.noise import Noise


def energies(
    seen: RegisteredPlane, window: Window, noise: Noise, levels: int, colour_halved: bool
) -> list[Plane]:
    """Measure the energies of a plane in a window, as `PyramidFusion.energies` of the whole field.

    Parameters
    ----------
    seen : RegisteredPlane
        The plane.
    window : tuple of slice
        Rows and columns of the reference plane, starting at multiples of 32: otherwise energies
        differ from those of overlapping windows.
    noise : Noise
        Noise of one channel.
    levels : int
        Number of levels, from the finest, whose energy is returned at half its size.
    colour_halved : bool
        Whether the plane holds colour differences at half their size only.

    Returns
    -------
    list of numpy.ndarray
        (y, x) float32 energy of each level, averaged over the window of the depth estimate.
    """
    size = window[0].stop - window[0].start, window[1].stop - window[1].start
    colour = seen.plane.ndim == 3
    change = seen.brightness
    own = None if change == Brightness() else noise.evened(change.gain, change.offset)
    smooth, differences = _channels(seen, window, size, colour_halved)
    recorded = seen.recorded_in(window)
    found = []
    for level in range(levels):
        above = [cv2.pyrDown(channel) for channel in smooth] + differences
        count = energy_parts(level, colour)
        around = [expand(c, smooth[0].shape) for c in above[:count]]
        bands = [fine - mean for fine, mean in zip(smooth, around, strict=False)]
        squared = np.empty_like(smooth[0])
        power(bands, around[0], noise, level, colour, squared, own)
        half = cv2.pyrDown(squared)
        energy = windowed(squared, half, tail(half), slice(0, len(squared)))
        found.append(_depth_energy(energy, recorded, level))
        smooth, differences = above, []
        recorded = None if recorded is None else cv2.pyrDown(recorded)
    return found


def _channels(
    seen: RegisteredPlane, window: Window, size: tuple[int, int], colour_halved: bool
) -> tuple[list[Plane], list[Plane]]:
    """Return the channels at full size, and the colour differences available at half of it only."""
    if colour_halved and seen.plane.ndim == 3 and seen.plane.shape[2] == 3:
        bright = np.empty(size, np.float32)
        seen.resample_brightness(window, bright)
        differences = [np.empty(reduced_shape(size), np.float32) for _ in range(2)]
        seen.differences(window, differences)
        return [bright], differences
    count = 1 if seen.plane.ndim == 2 else seen.plane.shape[2]
    channels = [np.empty(size, np.float32) for _ in range(count)]
    seen.channels(window, channels)
    return channels[:3], []


def _depth_energy(energy: Plane, recorded: Mask | None, level: int) -> Plane:
    """Average an energy over the wider window of the depth estimate, and mark unrecorded pixels."""
    outside = None if recorded is None else recorded < LEAST_COVERAGE
    if outside is not None:
        energy[outside] = 0 if level else UNRECORDED
    wide = reduce(energy) if level == 0 else wider_mean(energy)
    if outside is not None:
        wide[reduce(outside.astype(np.float32)) > 0 if level == 0 else outside] = UNRECORDED
    return wide
