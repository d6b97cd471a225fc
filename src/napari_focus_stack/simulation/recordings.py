"""Recordings of the tutorials: rendered stacks of known truth that look like the real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.simulation.rendering import SensorNoise, render_stack
from napari_focus_stack.simulation.samples import two_hills
from napari_focus_stack.simulation.scenes import GroundTruthStack

if TYPE_CHECKING:
    from collections.abc import Iterator


METAL_SPACING = Spacing(y=1.0, x=1.0, z=2.0, unit="micrometer")
"""Distances of `ground_metal`."""
METAL_SQ = 1.5
"""Root mean square height of `ground_metal`, in planes."""
FILM_SPACING = Spacing(y=0.5, x=0.5, z=2.0, unit="micrometer")
"""Distances of `night_film`."""
FILM_STEP = (2, 1)
"""Pixels, up and to the left, by which the tissue of `night_film` moves between time points."""


def ground_metal() -> GroundTruthStack:
    """Render ground metal under a microscope: grooves along x, 20 planes.

    Returns
    -------
    GroundTruthStack
        (20, 320, 416) uint8; depth has a root mean square height of `METAL_SQ` planes about its
        tilted plane.
    """
    import cv2

    rng, size, planes = np.random.default_rng(7), (320, 416), 20
    broad = cv2.GaussianBlur(rng.standard_normal(size), (0, 0), sigmaX=120, sigmaY=12)
    grooves = (broad - broad.mean()) / broad.std() * METAL_SQ
    y, x = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j]
    depth = (grooves + 1.2 * x + 0.6 * y + (planes - 1) / 2).astype(np.float32)
    scratches = cv2.GaussianBlur(rng.standard_normal(size), (0, 0), sigmaX=9, sigmaY=0.8)
    grain = cv2.GaussianBlur(rng.standard_normal(size), (0, 0), 0.9)
    lit = np.gradient(grooves, axis=0)
    image = 0.5 + 0.11 * scratches / scratches.std() + 0.05 * grain / grain.std() + 0.6 * lit
    image = np.clip(image, 0.03, 0.97).astype(np.float32)
    noise = SensorNoise(read=0.002, shot=1 / 15_000)
    stack = render_stack(image, depth, planes, 1.0, noise=noise, layers_per_plane=30)
    return GroundTruthStack(stack, np.rint(image * 255).astype(np.uint8), depth, None)


def night_film(times: int = 8) -> Iterator[GroundTruthStack]:
    """Render tissue that thickens and drifts overnight, in light of 400 photons a pixel.

    Parameters
    ----------
    times : int
        Number of time points.

    Yields
    ------
    GroundTruthStack
        (10, 208, 272) uint16 of a 12-bit camera, one time point after the other.
    """
    from skimage import data

    planes, (height, width) = 10, (208, 272)
    picture = data.immunohistochemistry()[..., 1].astype(np.float32) / 255
    whole = two_hills(*picture.shape)
    for time in range(times):
        top, left = 120 + FILM_STEP[0] * time, 100 + FILM_STEP[1] * time
        window = np.s_[top : top + height, left : left + width]
        low, high = float(whole.min()), float(whole.max())
        relief = (whole[window] - low) / (high - low)
        depth = (1.5 + (5 + 0.15 * time) * relief).astype(np.float32)
        noise = SensorNoise(read=3 / 400, shot=1 / 400)
        stack = render_stack(
            picture[window],
            depth,
            planes,
            0.9,
            noise=noise,
            dtype=np.uint16,
            white=4095,
            seed=time,
        )
        truth = np.rint(picture[window] * 4095).astype(np.uint16)
        yield GroundTruthStack(stack, truth, depth, None)
