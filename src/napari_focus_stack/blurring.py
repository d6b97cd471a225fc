"""How a lens blurs what is out of focus: by a disc that grows with the distance in planes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.bands import halved
from napari_focus_stack.rendering import disc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.bands import Plane

SHARP_RADIUS = 0.3
"""Pixels under which a disc changes nothing."""
COARSE_RADIUS = 5.0
"""Pixels from which on blurring at half the size shows the same, for a quarter of the time."""
RADIUS_STEP = 0.05
"""Pixels to which a disc is known, so that few are made."""
SHIFTS = (-4, -3, -2, 2, 3, 4)
"""Planes from a sharp one at which its blur is measured: a lens is not sharp enough for one, and
four are little enough to fit."""
RADII = np.geomspace(0.5, 24.0, 18)
"""Pixels; between them a parabola goes through the best and its neighbours."""
EXPLAINED = 0.5
"""Part of the difference between two planes that blur may leave: 0.05 to 0.4 in photographs."""
FEWEST_READINGS = 3
LEAST_STEP = 0.1
"""Of the usual step: places rise."""
EVEN = 1.0
"""Pull of steps towards the usual one, over that of a reading."""


@dataclass(frozen=True)
class SharpPatch:
    """A flat part of the field that one plane shows in focus.

    Attributes
    ----------
    plane : int
        Which one.
    planes : mapping of int to numpy.ndarray
        It and planes around it by their numbers, (Y, X) float32 each.
    where : numpy.ndarray
        (Y, X) bool: what counts.
    """

    plane: int
    planes: Mapping[int, Plane]
    where: NDArray[np.bool_]


def defocused(image: Plane, radius: float) -> Plane:
    """An image, (Y, X[, C]) float32, seen through a disc of so many pixels."""
    if radius < SHARP_RADIUS:
        return image
    if radius > COARSE_RADIUS:
        small = defocused(np.asarray(halved(image)), radius / 2)
        size = 2 * small.shape[1], 2 * small.shape[0]
        large = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(large[: image.shape[0], : image.shape[1]])
    blurred: Plane = cv2.filter2D(
        image,
        -1,
        disc(round(radius / RADIUS_STEP) * RADIUS_STEP),
        borderType=cv2.BORDER_REFLECT_101,
    )
    return blurred


def places_in_blur(patches: Sequence[SharpPatch], count: int) -> NDArray[np.float64] | None:
    """Find where planes lie along the focus, in pixels of blur.

    Plane k sees what plane l shows sharply through a disc of radius ``abs(places[k] - places[l])``.

    Where the surface is flat, a plane out of focus is the sharp one seen through a disc; its
    radius is the one that leaves the least squared difference. Places fit all radii, and steps
    that none tells are as the others; those of the bench's scenes are found to 2 %.

    Parameters
    ----------
    patches : sequence of SharpPatch
        Parts of the field.
    count : int
        How many planes there are.

    Returns
    -------
    numpy.ndarray or None
        (count,) float64, 0 for the first, rising; None if too few patches show it.
    """
    readings = [
        (patch.plane, shift, radius)
        for patch in patches
        for shift in SHIFTS
        if patch.plane + shift in patch.planes
        if (radius := _radius(patch, shift)) is not None
    ]
    if len(readings) < FEWEST_READINGS:
        return None
    usual = float(np.median([radius / abs(shift) for _, shift, radius in readings]))
    rows = np.zeros((len(readings) + count - 1, count - 1))  # of steps
    right = np.full(len(rows), EVEN * usual)
    for row, (plane, shift, radius) in enumerate(readings):
        first, last = sorted((plane, plane + shift))
        weight = abs(shift) ** -0.5
        rows[row, first:last], right[row] = weight, weight * radius
    rows[len(readings) :] = EVEN * np.eye(count - 1)
    steps = np.linalg.lstsq(rows, right, rcond=None)[0]
    return np.concatenate([[0.0], np.cumsum(np.maximum(steps, LEAST_STEP * usual))])


def _radius(patch: SharpPatch, shift: int) -> float | None:
    """Of the disc that turns a patch into one some planes away; None if none does."""
    sharp, other = patch.planes[patch.plane], patch.planes[patch.plane + shift]

    def difference(radius: float) -> float:
        return float(np.square((other - defocused(sharp, radius))[patch.where]).mean())

    differences = np.array([difference(float(radius)) for radius in RADII])
    best = int(differences.argmin())
    if best in (0, len(RADII) - 1) or differences[best] > EXPLAINED * difference(0.0):
        return None
    before, least, after = differences[best - 1 : best + 2]
    offset = 0.5 * (before - after) / (before - 2 * least + after)
    return float(RADII[best] * (RADII[1] / RADII[0]) ** offset)
