"""Blur of a lens out of focus: by a disc that grows with the distance in planes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.imgproc.defocus import defocused, to_encoded, to_linear
from napari_focus_stack.imgproc.pyramids import spread_over

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane

SHIFTS = (-4, -3, -2, 2, 3, 4)
"""Steps, in planes, from a sharp plane to those in which its blur is measured: lenses are not sharp
enough for one step, and the blur of four is still small enough to be fitted."""
RADII = np.geomspace(0.5, 24.0, 18)
"""Radii of the discs that are tried, in pixels; a parabola through the best one and its neighbours
interpolates between them."""
DISCS = 8
"""Number of discs with which a scene is blurred that is out of focus by different amounts."""
MOST_UNEXPLAINED = 0.5
"""Part of the difference between two planes that blur may leave unexplained: 0.05 to 0.4 in
photographs."""
GAMMAS = (1.0, 2.2)
"""Gammas of detectors that count photons, and of photographs: planes of 8-bit JPEG leave 10 to 40 %
less difference with the second, rendered ones 15 to 65 % less with the first."""
GAMMA_PATCHES = 4
"""Patches from which the gamma is found; the others are measured with that alone."""
TRIED_FIRST = range(1, len(RADII), 3)
"""Places of the radii that are tried first; then those around the best of them are."""
FEWEST_READINGS = 3
"""Least number of measured radii."""
LEAST_PLACE_STEP = 0.1
"""Least step between the places of two planes, over the median step: places increase."""
EVEN = 1.0
"""Weight that draws a step towards the median one, over the weight of a measured radius."""


@dataclass(frozen=True)
class SharpPatch:
    """A flat part of the field that one plane shows in focus.

    Attributes
    ----------
    plane : int
        Number of that plane.
    planes : mapping of int to numpy.ndarray
        That plane and planes around it by their numbers, (Y, X) float32 each.
    where : numpy.ndarray
        (Y, X) bool: pixels that are flat and in focus.
    """

    plane: int
    planes: Mapping[int, Plane]
    where: NDArray[np.bool_]


@dataclass(frozen=True)
class Lens:
    """Blur of every plane at every depth.

    Attributes
    ----------
    places : numpy.ndarray
        (n,) float64, 0 for the first plane, increasing: places of the planes along the focus, in
        pixels of blur. A surface that is sharp in plane l is blurred in plane k by a disc with a
        radius of ``abs(places[k] - places[l])`` pixels.
    gamma : float
        Power of a plane's values to which light is proportional.
    """

    places: NDArray[np.float64]
    gamma: float = 1.0

    @property
    def blur(self) -> float:
        """Pixels by which the radius increases with each plane, on average."""
        return float(self.places[-1] - self.places[0]) / (len(self.places) - 1)

    @property
    def turned(self) -> Lens:
        """Lens of the planes in reverse order."""
        return replace(self, places=self.places[-1] - self.places[::-1])

    @property
    def halved(self) -> Lens:
        """Lens of the planes at half their size."""
        return replace(self, places=self.places / 2)

    def of(self, first: int, count: int) -> Lens:
        """Return the lens of some consecutive planes.

        Parameters
        ----------
        first : int
            Index of the first of them.
        count : int
            Number of planes.

        Returns
        -------
        Lens
            Their places, which need not start at 0, and the same gamma.
        """
        return replace(self, places=self.places[first : first + count])

    def place(self, depth: Plane | float) -> Plane:
        """Return the place of a depth, interpolated between those of the planes.

        Parameters
        ----------
        depth : numpy.ndarray or float
            Depth in planes, of any shape.

        Returns
        -------
        numpy.ndarray
            Float32 of that shape, in pixels of blur.
        """
        places = np.interp(np.asarray(depth), np.arange(len(self.places)), self.places)
        return np.asarray(places, np.float32)


class OutOfFocus:
    """Image as planes out of focus show it.

    Parameters
    ----------
    light : numpy.ndarray
        (Y, X[, C]) float32: light of the sharp image.
    step : float
        Pixels by which the radius of each disc exceeds that of the one before.
    """

    def __init__(self, light: Plane, step: float) -> None:
        self._step, self._light = step, light
        self._levels: dict[int, Plane] = {}

    def discs(self, radius: Plane) -> Plane:
        """Return the number of the disc that blurs each pixel, with a fraction.

        Parameters
        ----------
        radius : numpy.ndarray
            (m,): radii in pixels. Their signs are ignored, and a radius beyond the largest disc
            counts as that.

        Returns
        -------
        numpy.ndarray
            (m,) float32.
        """
        discs: Plane = np.abs(radius).astype(np.float32) / np.float32(self._step)
        return np.minimum(discs, np.float32(DISCS), out=discs)

    def level(self, j: int) -> Plane:
        """Return the image blurred by a disc.

        Parameters
        ----------
        j : int
            Number of the disc, 0 for none.

        Returns
        -------
        numpy.ndarray
            (Y * X[, C]) float32, light.
        """
        if j not in self._levels:
            blurred = defocused(self._light, self._step * j)
            self._levels[j] = blurred.reshape(-1, *self._light.shape[2:])
        return self._levels[j]

    def seen(self, radius: Plane, pixels: NDArray[np.intp]) -> Plane:
        """Return some pixels, each blurred by a disc of its own radius.

        Parameters
        ----------
        radius : numpy.ndarray
            (m,): radii in pixels. Their signs are ignored, and a radius beyond the largest disc
            counts as that.
        pixels : numpy.ndarray
            (m,) int: places of the pixels in the flattened image.

        Returns
        -------
        numpy.ndarray
            (m[, C]) float32, light.
        """
        place = self.discs(radius)
        below = place.astype(np.intp)
        part = place - below.astype(np.float32)
        mixed = np.empty((len(pixels), *self._light.shape[2:]), np.float32)
        for level in np.flatnonzero(np.bincount(below)).tolist():
            here = np.flatnonzero(below == level)
            taken, share = pixels[here], spread_over(part[here], self._light)
            lower = self.level(level).take(taken, axis=0)
            upper = self.level(level + 1).take(taken, axis=0)
            mixed[here] = lower + share * (upper - lower)
        return mixed


def measured_lens(patches: Sequence[SharpPatch], numbers: NDArray[np.intp]) -> Lens | None:
    """Measure the places of the planes along the focus, in pixels of blur, and the gamma.

    Where the surface is flat, a plane out of focus equals the sharp one blurred by a disc, whose
    radius is the one with the least squared difference. The places are fitted to all radii; a step
    without any radius resembles the others. In the bench's scenes they are found to 2 %. Under a
    disc light adds up, so the gamma with the least difference is that of the planes.

    Parameters
    ----------
    patches : sequence of SharpPatch
        Flat parts of the field.
    numbers : numpy.ndarray
        (n,) int, increasing: numbers of the planes in the whole stack. Where some are missing, the
        step is assumed to be longer in proportion.

    Returns
    -------
    Lens or None
        Places and gamma; None if too few patches show them.
    """
    few, others = patches[:GAMMA_PATCHES], patches[GAMMA_PATCHES:]
    readings = min((_readings(few, gamma) for gamma in GAMMAS), key=lambda r: r.difference)
    radii = [*readings.radii, *_readings(others, readings.gamma).radii]
    clear = [reading for reading in radii if reading is not None]
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
    """Radii of blur measured with one gamma.

    Attributes
    ----------
    gamma : float
        That gamma.
    radii : list of tuple or None
        Plane, shift to the other plane and radius in pixels of each pair; None if blur does not
        explain the difference.
    difference : float
        Sum of the least differences of all pairs.
    """

    gamma: float
    radii: list[tuple[int, int, float] | None]
    difference: float


def _readings(patches: Sequence[SharpPatch], gamma: float) -> _Readings:
    """Measure the radius of blur between the sharp plane of each patch and those around it."""
    radii, left = [], 0.0
    for patch in patches:
        compared = np.flatnonzero(patch.where)
        unblurred = patch.planes[patch.plane].take(compared)
        blurred = cache(partial(_blurred, patch, compared, gamma))
        for shift in SHIFTS:
            plane = patch.planes.get(patch.plane + shift)
            if plane is None:
                continue
            other = plane.take(compared)
            differences = _differences(blurred, other)
            radius = _radius(differences, _difference(unblurred, other))
            radii.append(None if radius is None else (patch.plane, shift, radius))
            left += float(differences.min())
    return _Readings(gamma, radii, left)


def _blurred(patch: SharpPatch, compared: NDArray[np.intp], gamma: float, i: int) -> Plane:
    """Return some pixels of the sharp plane of a patch, blurred by radius `i` of `RADII`."""
    light = to_linear(patch.planes[patch.plane], gamma)
    return to_encoded(defocused(light, float(RADII[i])).take(compared), gamma)


def _differences(blurred: Callable[[int], Plane], other: Plane) -> NDArray[np.float64]:
    """Return the differences to blur by each of `RADII`, infinite where it is not tried."""
    found = np.full(len(RADII), np.inf)
    for i in TRIED_FIRST:
        found[i] = _difference(blurred(i), other)
    best = int(found.argmin())
    for i in range(max(0, best - 2), min(len(RADII), best + 3)):
        if not np.isfinite(found[i]):
            found[i] = _difference(blurred(i), other)
    return found


def _difference(a: Plane, b: Plane) -> float:
    """Return the mean squared difference of the pixels of two planes."""
    difference = a - b
    return float(difference @ difference) / len(difference)


def _radius(differences: NDArray[np.float64], unblurred: float) -> float | None:
    """Interpolate the radius of least difference; return None if blur does not explain it."""
    best = int(differences.argmin())
    if best in (0, len(RADII) - 1) or differences[best] > MOST_UNEXPLAINED * unblurred:
        return None
    before, least, after = differences[best - 1 : best + 2]
    offset = 0.5 * (before - after) / (before - 2 * least + after)
    return float(RADII[best] * (RADII[1] / RADII[0]) ** offset)
