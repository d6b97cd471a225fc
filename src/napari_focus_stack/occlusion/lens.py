"""How a lens blurs what is out of focus: by a disc that grows with the distance in planes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.imgproc.defocus import defocused, to_encoded, to_linear
from napari_focus_stack.imgproc.pyramids import spread_over

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane

SHIFTS = (-4, -3, -2, 2, 3, 4)
"""Planes from a sharp one at which its blur is measured: a lens is not sharp enough for one, and
four are little enough to fit."""
RADII = np.geomspace(0.5, 24.0, 18)
"""Pixels; between them a parabola goes through the best and its neighbours."""
DISCS = 8
"""Discs by which a scene is blurred that is out of focus by different amounts."""
MOST_UNEXPLAINED = 0.5
"""Part of the difference between two planes that blur may leave: 0.05 to 0.4 in photographs."""
GAMMAS = (1.0, 2.2)
"""Of what counts photons, and of photographs: planes of 8-bit JPEG leave 10 to 40 % less difference
with the second, rendered ones 15 to 65 % less with the first."""
FEWEST_READINGS = 3
LEAST_PLACE_STEP = 0.1
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


@dataclass(frozen=True)
class Lens:
    """How planes see what they are not focused on.

    Attributes
    ----------
    places : numpy.ndarray
        (n,) float64, 0 for the first, rising: plane k sees what plane l shows sharply through a
        disc of a radius of ``abs(places[k] - places[l])`` pixels.
    gamma : float
        Light is as the values of a plane to this power.
    """

    places: NDArray[np.float64]
    gamma: float = 1.0

    @property
    def blur(self) -> float:
        """Pixels by which the radius grows with each plane, on average."""
        return float(self.places[-1] - self.places[0]) / (len(self.places) - 1)

    @property
    def turned(self) -> Lens:
        """Of the planes from the last to the first."""
        return replace(self, places=self.places[-1] - self.places[::-1])

    def of(self, first: int, count: int) -> Lens:
        """Of some of the planes."""
        return replace(self, places=self.places[first : first + count])

    def place(self, depth: Plane | float) -> Plane:
        """Place of a depth, in planes."""
        places = np.interp(np.asarray(depth), np.arange(len(self.places)), self.places)
        return np.asarray(places, np.float32)


class OutOfFocus:
    """Light as planes show it that are out of focus.

    Parameters
    ----------
    light : numpy.ndarray
        (Y, X[, C]) float32.
    step : float
        Pixels by which the radius of each disc is larger than that of the one before.
    """

    def __init__(self, light: Plane, step: float) -> None:
        self._step = step
        self._levels = [light, *(defocused(light, step * j) for j in range(1, DISCS + 2))]

    def seen(self, radius: Plane, where: NDArray[np.bool_]) -> Plane:
        """Pixels of a mask, (m[, C]), each through a disc of its own radius, (Y, X) in pixels.

        A negative one counts as its opposite, and one beyond the discs as the largest of them.
        """
        place = np.abs(radius[where]).astype(np.float32) / np.float32(self._step)
        np.minimum(place, np.float32(DISCS), out=place)
        below = place.astype(np.intp)
        rows, cols = np.nonzero(where)
        lower, upper = (np.empty_like(self._levels[0][where]) for _ in range(2))
        for level in np.unique(below):
            here = below == level
            lower[here] = self._levels[level][rows[here], cols[here]]
            upper[here] = self._levels[level + 1][rows[here], cols[here]]
        part = spread_over(place - below.astype(np.float32), self._levels[0])
        mixed: Plane = lower * (1 - part) + upper * part
        return mixed


def measured_lens(patches: Sequence[SharpPatch], numbers: NDArray[np.intp]) -> Lens | None:
    """Find where planes lie along the focus, in pixels of blur, and how values stand for light.

    Where the surface is flat, a plane out of focus is the sharp one seen through a disc; its
    radius is the one that leaves the least squared difference. Places fit all radii, and steps
    that none tells are as the others; those of the bench's scenes are found to 2 %. Light is
    what adds up under the disc, so the gamma that leaves the least is the planes' own.

    Parameters
    ----------
    patches : sequence of SharpPatch
        Parts of the field.
    numbers : numpy.ndarray
        (n,) int, rising: those of the planes in the whole stack. Where one is missing the step is
        taken to be as much longer.

    Returns
    -------
    Lens or None
        None if too few patches show it.
    """
    readings = min((_readings(patches, gamma) for gamma in GAMMAS), key=lambda r: r.difference)
    clear = [reading for reading in readings.radii if reading is not None]
    if len(clear) < FEWEST_READINGS:
        return None
    gaps = np.abs(np.diff(numbers)).astype(np.float64)
    spans = [abs(int(numbers[plane + shift] - numbers[plane])) for plane, shift, _ in clear]
    usual = float(np.median([r / span for (*_, r), span in zip(clear, spans, strict=True)]))
    rows = np.zeros((len(clear) + len(gaps), len(gaps)))  # of steps
    right = np.concatenate([np.zeros(len(clear)), EVEN * usual * gaps])
    for row, (plane, shift, radius) in enumerate(clear):
        first, last = sorted((plane, plane + shift))
        weight = abs(shift) ** -0.5
        rows[row, first:last], right[row] = weight, weight * radius
    rows[len(clear) :] = EVEN * np.eye(len(gaps))
    steps = np.linalg.lstsq(rows, right, rcond=None)[0]
    places = np.concatenate([[0.0], np.cumsum(np.maximum(steps, LEAST_PLACE_STEP * usual))])
    return Lens(places, readings.gamma)


@dataclass(frozen=True)
class _Readings:
    """Plane, shift and radius of each pair of planes, and what all of them leave."""

    gamma: float
    radii: list[tuple[int, int, float] | None]
    difference: float


def _readings(patches: Sequence[SharpPatch], gamma: float) -> _Readings:
    radii, left = [], 0.0
    for patch in patches:
        sharp = to_linear(patch.planes[patch.plane], gamma)
        blurred = [to_encoded(defocused(sharp, float(radius)), gamma) for radius in RADII]
        for shift in SHIFTS:
            other = patch.planes.get(patch.plane + shift)
            if other is None:
                continue
            unblurred = _difference(patch.planes[patch.plane], other, patch.where)
            differences = np.array([_difference(b, other, patch.where) for b in blurred])
            radius = _radius(differences, unblurred)
            radii.append(None if radius is None else (patch.plane, shift, radius))
            left += float(differences.min())
    return _Readings(gamma, radii, left)


def _difference(a: Plane, b: Plane, where: NDArray[np.bool_]) -> float:
    return float(np.square(a[where] - b[where]).mean())


def _radius(differences: NDArray[np.float64], unblurred: float) -> float | None:
    """Between those of the discs, where the difference is least; None if blur is not what it is."""
    best = int(differences.argmin())
    if best in (0, len(RADII) - 1) or differences[best] > MOST_UNEXPLAINED * unblurred:
        return None
    before, least, after = differences[best - 1 : best + 2]
    offset = 0.5 * (before - after) / (before - 2 * least + after)
    return float(RADII[best] * (RADII[1] / RADII[0]) ** offset)
