"""Climb of the field through the planes over time, from focus curves of two time points.

Curves of the same region at two times have independent noise, so a shift between them is found
without bias where depth maps, drawn towards their means, show half of it: 0.12 planes a frame are
found as 0.12, to within 0.01 to 0.05 (cell, 400 photons).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.fusion.regional_energy import RegionalEnergy, fits
from napari_focus_stack.imgproc.dtypes import computable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix
    from napari_focus_stack.io.sources import PlaneSource

FEWEST_PLANES = 5
LARGEST_PART = 3
"""Part of the stack, as a divisor, by which the field may climb."""
MOST_ERROR = 0.08
"""Standard error, in planes, above which a climb is unknown. Regions overlap, so that it is nearer
to twice as much."""


def regional_detail(source: PlaneSource, transforms: Matrix) -> list[RegionalEnergy] | None:
    """Measure the detail of the regions of all planes of a time point.

    Parameters
    ----------
    source : PlaneSource
        The planes.
    transforms : numpy.ndarray
        (n, 3, 3), transforms of the planes.

    Returns
    -------
    list of RegionalEnergy or None
        None if planes are too few or too small, or if some were left out.
    """
    whole = np.isfinite(transforms).all() and fits(source.plane_shape)
    if len(source) < FEWEST_PLANES or not whole:
        return None
    return [RegionalEnergy.of(computable(source[k])) for k in range(len(source))]


def focus_curves(detail: Sequence[RegionalEnergy], transforms: Matrix, drift: Matrix) -> Plane:
    """Return the focus curves of all regions in the frame of another time point.

    Parameters
    ----------
    detail : sequence of RegionalEnergy
        Detail of each plane.
    transforms : numpy.ndarray
        (n, 3, 3), transforms of the planes.
    drift : numpy.ndarray
        (3, 3), pixel of that frame to reference pixel of the planes.

    Returns
    -------
    numpy.ndarray
        (n, level, y, x) float32; NaN where nothing was recorded.
    """
    return np.stack(
        [one.roots_seen(matrix @ drift) for one, matrix in zip(detail, transforms, strict=True)]
    )


def climb_between(curves: Plane, others: Plane) -> float | None:
    """Return by how many planes the field has climbed from one time point to another.

    Parameters
    ----------
    curves, others : numpy.ndarray
        (n, level, y, x) float32 focus curves of both, in the same frame.

    Returns
    -------
    float or None
        Planes from the focus of the first to that of the second; None where it is unknown.
    """
    known = np.isfinite(curves).all((0, 1)) & np.isfinite(others).all((0, 1))
    first, second = curves[..., known], others[..., known]
    if len(first) != len(second) or not known.any():
        return None
    most = len(first) // LARGEST_PART
    lag = max(range(-most, most + 1), key=lambda lag: _likeness(*_overlap(first, second, lag)))
    shift, error = _shift(*_overlap(first, second, lag))
    return lag + shift if error <= MOST_ERROR else None


def _overlap(first: Plane, second: Plane, lag: int) -> tuple[Plane, Plane]:
    """Return the planes that show the same at a climb of whole planes, less their means."""
    n = len(first) - abs(lag)
    first, second = first[max(-lag, 0) :][:n], second[max(lag, 0) :][:n]
    return first - first.mean(0), second - second.mean(0)


def _likeness(first: Plane, second: Plane) -> float:
    """Return the correlation of curves, its levels alike."""
    both = (first * second).sum((0, 2))
    alone = np.square(first).sum((0, 2)) * np.square(second).sum((0, 2))
    return float((both / np.sqrt(np.maximum(alone, 1e-30))).sum())


def _shift(first: Plane, second: Plane) -> tuple[float, float]:
    """Return the rest of the shift, within a plane, and its standard error.

    Least squares in which each slope is multiplied with that of the other time: their noise is
    independent, and so does not lessen the shift.
    """
    change = second - first
    slopes = [(curves[2:] - curves[:-2]) / 2 for curves in (first, second)]
    rises = -((slopes[0] + slopes[1]) / 2 * change[1:-1]).sum(0)
    steepness = (slopes[0] * slopes[1]).sum(0)
    noise: NDArray[np.float32] = np.maximum(np.square(change).mean((0, 2)), 1e-30)[:, None]
    rises, steepness = rises / noise, steepness / noise
    total = float(steepness.sum())
    if total <= 0:
        return 0.0, np.inf
    shift = float(rises.sum()) / total
    return shift, float(np.sqrt(np.square(rises - shift * steepness).sum())) / total
