"""Detail of a plane in each region of the field, before anything is fused.

It is measured while planes are read for the alignment, on a grid so coarse that the energies of all
planes fit into memory, and resampled to the reference plane once transforms are known.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._utils.threads import row_bands
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.fusion.focus_measure import UNRECORDED
from napari_focus_stack.imgproc.alpha import recorded_by_alpha
from napari_focus_stack.imgproc.band_power import BINOMIAL, Sampling, band_power
from napari_focus_stack.imgproc.colour import GREY, mixtures
from napari_focus_stack.imgproc.dtypes import all_finite
from napari_focus_stack.imgproc.pyramids import expand, reduced_shape, reduced_window
from napari_focus_stack.imgproc.smoothing import without_gaps
from napari_focus_stack.imgproc.transforms import both_recorded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.dtypes import Mask
    from napari_focus_stack.imgproc.noise import Noise
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix

REGION_LEVELS = 3
"""Number of pyramid levels whose energies determine where a region is in focus."""
FINE_LEVEL = 2
"""Level of the pyramid that has as many pixels as the finest energies have regions."""
FINE_SAMPLING = Sampling((0.2, 0.2, 0.2), 2**FINE_LEVEL)
"""The finest energies are averaged over 5 by 5 pixels: wider windows lose the background between
spokes (0.2 dB on `motorcycle-noisy`)."""
MOST_REGIONS = 1_000_000
"""Most regions of a plane; larger planes have larger regions."""
SMALLEST_FIELD = 32
"""Shorter side of the smallest planes that are divided into regions."""
LEAST_RECORDED = 0.75
"""Part of a region that must have been recorded for it to count."""


def coarseness(shape: tuple[int, ...]) -> int:
    """Return how often regions are doubled in size for planes of a shape.

    Parameters
    ----------
    shape : tuple of int
        (Y, X[, C]) of the planes.

    Returns
    -------
    int
        Number of doublings.
    """
    regions, steps = shape[0] * shape[1] / 4**FINE_LEVEL, 0
    while regions > MOST_REGIONS:
        regions, steps = regions / 4, steps + 1
    return steps


def fits(shape: tuple[int, ...]) -> bool:
    """Return whether planes of a shape have enough regions to compare them.

    Parameters
    ----------
    shape : tuple of int
        (Y, X[, C]) of the planes.

    Returns
    -------
    bool
        Whether they do.
    """
    return min(shape[:2]) >= SMALLEST_FIELD


@dataclass(frozen=True)
class RegionalEnergy:
    """Detail of one plane by regions, in its own frame.

    Attributes
    ----------
    fine : numpy.ndarray
        (y, x) float16 root mean square of the finest band around every fourth pixel.
    coarse : tuple of numpy.ndarray
        (y, x) float16 root mean square of each level around every eighth pixel.
    light : numpy.ndarray
        (y, x) float32 brightness around every eighth pixel.
    unit : float
        Factor from the stored roots to pixel values.
    steps : int
        How often regions were doubled in size: 4 and 8 pixels become 8 and 16, and so on.
    evened_by : Brightness
        Gain and offset by which the plane was brought to the reference plane's brightness.
    """

    fine: NDArray[np.float16]
    coarse: tuple[NDArray[np.float16], ...]
    light: Plane
    unit: float
    steps: int
    evened_by: Brightness = field(default_factory=Brightness)

    @classmethod
    def of(cls, plane: NDArray[Any], recorded: Mask | None = None) -> RegionalEnergy:
        """Measure the detail of a plane; gaps count as not recorded.

        Parameters
        ----------
        plane : numpy.ndarray
            (Y, X[, C]) uint8, uint16 or float32.
        recorded : numpy.ndarray, optional
            (Y, X) uint8, 255 where the plane was recorded.

        Returns
        -------
        RegionalEnergy
            Detail in the plane's own frame.
        """
        steps = coarseness(plane.shape)
        recorded = both_recorded(recorded_by_alpha(plane), recorded)
        if not all_finite(plane):
            plane, finite = without_gaps(plane)
            recorded = both_recorded(finite.astype(np.uint8) * 255, recorded)
        smooth, weights = plane, mixtures(plane)[0]
        powers = []
        for level in range(REGION_LEVELS):
            sampling = FINE_SAMPLING if level == 0 else BINOMIAL
            power, smooth = band_power(smooth, weights, sampling)
            weights = (1.0,)
            if level == 0:
                fine = _reduced(power, steps)
                powers.append(cv2.pyrDown(fine))
            else:
                powers.append(_reduced(power, FINE_LEVEL - level + steps))
        unit = max(float(np.sqrt(max(power.max() for power in (fine, *powers)))), 1e-30)
        light = _reduced(smooth, steps) * np.float32(1 if plane.ndim == 2 else 1 / GREY)
        if recorded is not None:
            known = _reduced(_recorded_share(recorded), FINE_LEVEL + steps - 1)
            fine[known < LEAST_RECORDED] = np.nan
            light[cv2.pyrDown(known) < LEAST_RECORDED] = np.nan
        roots = [np.sqrt(np.maximum(power, 0)) / np.float32(unit) for power in (fine, *powers)]
        halves = [root.astype(np.float16) for root in roots]
        return cls(halves[0], tuple(halves[1:]), light, unit, steps)

    @property
    def nbytes(self) -> int:
        """Memory of all arrays, in bytes."""
        return self.fine.nbytes + sum(c.nbytes for c in self.coarse) + self.light.nbytes

    def evened(self, brightness: Brightness) -> RegionalEnergy:
        """Bring the plane to the reference plane's brightness.

        Parameters
        ----------
        brightness : Brightness
            Gain and offset to the reference.

        Returns
        -------
        RegionalEnergy
            Detail and brightness after the correction.
        """
        if brightness == Brightness():
            return self
        gain, offset = np.float32(brightness.gain), np.float32(brightness.offset)
        light, unit = self.light * gain + offset, self.unit * brightness.gain
        return replace(self, light=light, unit=unit, evened_by=brightness)

    def light_seen(self, matrix: Matrix) -> Plane:
        """Resample the brightness to the reference frame.

        Parameters
        ----------
        matrix : numpy.ndarray
            (3, 3), reference pixel (x, y, 1) to pixel of the plane.

        Returns
        -------
        numpy.ndarray
            (y, x) float32, of the shape of `light`; NaN where nothing was recorded.
        """
        return _moved(self.light, matrix, 2 ** (FINE_LEVEL + 1 + self.steps))

    def roots_seen(self, matrix: Matrix) -> Plane:
        """Resample the detail of the coarse regions to the reference frame.

        Roots have the same noise everywhere, whatever the detail.

        Parameters
        ----------
        matrix : numpy.ndarray
            (3, 3), reference pixel (x, y, 1) to pixel of the plane.

        Returns
        -------
        numpy.ndarray
            (level, y, x) float32 in pixel values; NaN where nothing was recorded.
        """
        side = 2 ** (FINE_LEVEL + 1 + self.steps)
        moved = [_moved(root.astype(np.float32), matrix, side) for root in self.coarse]
        return np.stack(moved) * np.float32(self.unit)

    def seen(self, matrix: Matrix, noise: Noise, brightest: Plane) -> tuple[Plane, list[Plane]]:
        """Resample the energies to the reference frame.

        Energies are in units of the noise where a region is brightest. In units of each plane's own
        noise the dark fringe of a lit zone would outshine the zone itself, because shot noise
        decreases with the light: regions of `ground-metal-still` would err by 0.7 planes instead of
        0.14.

        Parameters
        ----------
        matrix : numpy.ndarray
            (3, 3), reference pixel (x, y, 1) to pixel of the plane.
        noise : Noise
            Noise of one channel.
        brightest : numpy.ndarray
            (y, x) float32 maximum of `light_seen` over all planes.

        Returns
        -------
        fine : numpy.ndarray
            (y, x) float32 energy of the finest level; negative where the plane recorded nothing.
        coarse : list of numpy.ndarray
            (y, x) float32 energies of all levels, at half the size.
        """
        side = 2 ** (FINE_LEVEL + self.steps)
        light = self.light_seen(matrix)
        moved = _moved(self.fine.astype(np.float32), matrix, side)
        grown, largest = (expand(some, moved.shape) for some in (light, brightest))
        fine, coarse = self._energy(moved, grown, largest, noise, 0), []
        for level, root in enumerate(self.coarse):
            moved = _moved(root.astype(np.float32), matrix, 2 * side)
            coarse.append(self._energy(moved, light, brightest, noise, level))
        return fine, coarse

    def _energy(
        self, root: Plane, light: Plane, brightest: Plane, noise: Noise, level: int
    ) -> Plane:
        with np.errstate(invalid="ignore"):
            power = np.square(root * np.float32(self.unit))
            power /= np.float32(noise.opponent_at(level)[0])
            power -= noise.evened(self.evened_by.gain, self.evened_by.offset).in_band(light, level)
            energy: Plane = 1 + power / noise.in_band(brightest, level)
        unknown = ~np.isfinite(energy)
        np.maximum(energy, 0, out=energy)
        energy[unknown] = UNRECORDED
        return energy


def _reduced(plane: Plane, times: int) -> Plane:
    for _ in range(times):
        plane = cv2.pyrDown(plane)
    return plane


def _recorded_share(recorded: Mask) -> Plane:
    """Return the part of every second pixel's surroundings that was recorded, from 0 to 1."""
    share = np.empty(reduced_shape(recorded.shape), np.float32)
    for rows in row_bands(share.shape):
        share[rows] = reduced_window(recorded, rows)
    share /= np.float32(255)
    return share


def _moved(regions: Plane, matrix: Matrix, side: int) -> Plane:
    """Resample regions of `side` pixels to the reference; NaN where nothing was recorded."""
    if np.array_equal(matrix, np.eye(3)):
        return regions
    size = np.diag([side, side, 1.0])
    moved: Plane = cv2.warpPerspective(
        regions,
        np.linalg.inv(size) @ matrix @ size,
        regions.shape[::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=np.nan,
    )
    return moved
