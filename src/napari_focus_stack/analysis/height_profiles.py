"""Profiles of a height map along lines and polylines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.analysis.height_map import as_height_map
from napari_focus_stack.errors import InputError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.result import StackResult

    Floats = NDArray[np.float64]

MOST_WIDTH = 1000
"""Largest width of the band that a profile averages, in pixels."""
MOST_PLACES = 20_000_000
"""Largest number of samples times the width, which takes 3 GB."""
ROUNDING = 1e-6
"""Error, in pixels and of weights, that rounding may add to a place."""


@dataclass(frozen=True, eq=False)
class Profile:
    """Heights along a line.

    Attributes
    ----------
    points : numpy.ndarray
        (n, 2) float64: y, x of each sample, in pixels.
    distance : numpy.ndarray
        (n,) float64: distance along the line from its start, in `distance_unit`.
    height : numpy.ndarray
        (n,) float64 in `unit`; NaN outside the field and where there is no height.
    confidence : numpy.ndarray or None
        (n,) float64, 0 to 1; None where it is unknown.
    uncertainty : numpy.ndarray or None
        (n,) float64: standard uncertainty of each height in `unit`, without that of the z scale;
        None where confidence is unknown.
    counted : numpy.ndarray
        (n,) bool: the heights that are sure enough to count.
    unit : str
        Unit of heights.
    distance_unit : str
        Unit of distances.
    """

    points: Floats
    distance: Floats
    height: Floats
    confidence: Floats | None
    uncertainty: Floats | None
    counted: NDArray[np.bool_]
    unit: str
    distance_unit: str

    @property
    def share(self) -> float:
        """Share of the samples that count, 0 to 1."""
        return float(self.counted.mean())

    @property
    def length(self) -> float:
        """Length of the line, in `distance_unit`."""
        return float(self.distance[-1])


def profile(
    source: HeightMap | StackResult,
    points: Sequence[Sequence[float]] | Floats,
    *,
    width: int = 1,
    samples: int | None = None,
) -> Profile:
    """Return the heights along a line or polyline.

    Parameters
    ----------
    source : HeightMap or StackResult
        Heights.
    points : sequence of (float, float)
        y, x of the vertices in pixels, two or more; the centre of pixel (0, 0) is at (0, 0).
    width : int, optional
        Pixels across the line over which heights are averaged, those that count alone where any
        does.
    samples : int, optional
        Number of samples; by default a sample for each pixel of the line's length.

    Returns
    -------
    Profile
        Samples at equal distances, interpolated linearly between the four pixels around.

    Raises
    ------
    InputError
        The points make no line.
    SettingsError
        A number is out of bounds.
    """
    field = as_height_map(source)
    vertices = _checked(points)
    if not 1 <= width <= MOST_WIDTH:
        raise SettingsError(f"width {width} must be 1 to {MOST_WIDTH} pixels.")
    if samples is not None and samples < 2:
        raise SettingsError(f"samples {samples} must be 2 or more.")
    places, across = _samples(vertices, samples, MOST_PLACES // width)
    offsets = np.arange(width) - (width - 1) / 2
    band = places[None] + offsets[:, None, None] * across[None]
    height, counted = _band_mean(field, band)
    error = field.uncertainty
    steps = np.diff(places, axis=0) * np.asarray(field.pixel_size)
    return Profile(
        points=places,
        distance=np.concatenate([[0.0], np.cumsum(np.hypot(*steps.T))]),
        height=height,
        confidence=None if field.confidence is None else _interpolated(field.confidence, places),
        uncertainty=None if error is None else _interpolated(error, places),
        counted=counted,
        unit=field.unit,
        distance_unit=field.pixel_unit,
    )


def _checked(points: Sequence[Sequence[float]] | Floats) -> Floats:
    """Return the vertices of a line, without repeated ones."""
    vertices = np.asarray(points, np.float64)
    if vertices.ndim != 2 or vertices.shape[1] != 2 or not np.isfinite(vertices).all():
        raise InputError("A profile needs points of two finite numbers each, y and x.")
    moves = np.hypot(*np.diff(vertices, axis=0).T) > 0
    if not moves.any():
        raise InputError("A profile needs two different points; draw a longer line.")
    kept: Floats = vertices[np.concatenate([[True], moves])]
    return kept


def _samples(vertices: Floats, samples: int | None, most: int) -> tuple[Floats, Floats]:
    """Return places at equal distances along a polyline, and the unit vectors across it there."""
    legs = np.diff(vertices, axis=0)
    lengths = np.hypot(*legs.T)
    ends = np.concatenate([[0.0], np.cumsum(lengths)])
    if max(samples or 0, ends[-1]) >= most:
        raise SettingsError(
            f"A profile {ends[-1]:.3g} pixels long has more than {most:,} samples; check its "
            "points, or choose a smaller width or number of samples."
        )
    number = samples or math.ceil(ends[-1]) + 1
    at = np.linspace(0, ends[-1], number)
    leg = np.clip(np.searchsorted(ends, at, side="right") - 1, 0, len(legs) - 1)
    along = legs / lengths[:, None]
    places = vertices[leg] + along[leg] * (at - ends[leg])[:, None]
    return places, np.stack([along[:, 1], -along[:, 0]], axis=1)[leg]


def _band_mean(field: HeightMap, band: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the mean height across a band at each sample, and where heights count.

    Parameters
    ----------
    field : HeightMap
        Heights.
    band : numpy.ndarray
        (width, n, 2): y, x of the places across each sample.
    """
    heights = _interpolated(field.heights, band)
    counted = np.asarray(_interpolated(field.counted, band) > 1 - ROUNDING)
    sure = np.asarray(counted.any(axis=0))
    taken = np.where(sure, counted, True) & np.isfinite(heights)
    number = taken.sum(axis=0)
    total = np.where(taken, heights, 0).sum(axis=0)
    return np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0), sure


def _interpolated(values: NDArray[np.generic], places: Floats) -> Floats:
    """Interpolate a map linearly; NaN outside it."""
    last = np.array(values.shape) - 1
    held = np.clip(places, 0, last)
    inside = (np.abs(held - places) < ROUNDING).all(axis=-1)
    y, x = held[..., 0], held[..., 1]
    top, left = (np.where(inside, np.floor(a), 0).astype(np.intp) for a in (y, x))
    down, right = y - top, x - left
    total = np.zeros(y.shape)
    for row, part_down in ((0, 1 - down), (1, down)):
        for column, part_right in ((0, 1 - right), (1, right)):
            # a neighbour without weight may lie outside the map or have no height
            share = np.where(inside, part_down * part_right, 0)
            here = share > 0
            value = values[top[here] + row, left[here] + column]
            total[here] += share[here] * value.astype(np.float64)
    total[~inside] = np.nan
    return total
