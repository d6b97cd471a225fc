"""Levelling: the mean, a plane or a polynomial subtracted from a height map."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from napari_focus_stack.analysis.height_map import HeightMap, as_height_map
from napari_focus_stack.analysis.polynomials import Polynomial, fit_polynomial, residuals
from napari_focus_stack.errors import InputError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.result import StackResult

    Point = tuple[float, float]

LevellingMethod = Literal["offset", "plane", "polynomial", "points"]
METHODS: tuple[str, ...] = get_args(LevellingMethod)
DEGREES = (2, 8)
"""Least and greatest total degree of a polynomial."""
POINT_REACH = 3
"""Pixels on each side of a point whose sure heights are averaged: a square of 7 x 7 pixels."""
LEAST_TRIANGLE = 0.01
"""Height of the triangle of three points relative to its longest side, at least: below, an error
of one point would tilt the plane by a hundred times as much."""


@dataclass(frozen=True, eq=False)
class Levelled:
    """A levelled surface, and what was subtracted.

    Attributes
    ----------
    surface : HeightMap
        The levelled heights, also those that are not sure.
    form : HeightMap
        What was subtracted, at every pixel.
    tilt : float or None
        Angle between the image plane and the plane that fits the form best, in degrees; None where
        heights and pixels have no common unit.
    share : float
        Share of the region whose heights counted, 0 to 1.
    method : str
        What was subtracted, as a noun.
    """

    surface: HeightMap
    form: HeightMap
    tilt: float | None
    share: float
    method: str


def level(
    source: HeightMap | StackResult,
    method: LevellingMethod = "plane",
    *,
    degree: int = 2,
    points: Sequence[Point] | None = None,
    region: NDArray[Any] | None = None,
) -> Levelled:
    """Subtract the mean, a plane or a polynomial from the heights.

    Parameters
    ----------
    source : HeightMap or StackResult
        Surface.
    method : str, optional
        "offset" subtracts the mean; "plane" the least-squares plane, with distances along z;
        "polynomial" the least-squares polynomial of a total degree; "points" the plane through
        three points.
    degree : int, optional
        Total degree of a polynomial, 2 to 8.
    points : sequence of tuple of float, optional
        Three positions (y, x) in pixels, for "points". The height of each is the mean of the sure
        heights in the square of 7 x 7 pixels around it.
    region : numpy.ndarray, optional
        (Y, X) bool: the part of the field that is to become level; the whole field by default.

    Returns
    -------
    Levelled
        The whole field, levelled by the sure heights of the region.

    Raises
    ------
    InputError
        No height counts, or those that count do not determine the form.
    SettingsError
        The method, the degree or the points are none.
    """
    height_map = as_height_map(source)
    inside = height_map.counted_in(region)
    _check(method, degree, points)
    if method == "points":
        assert points is not None
        fit = plane = _through(height_map, inside, points)
    else:
        fit = fit_polynomial(height_map.heights, inside, _degree(method, degree))
        plane = fit if method != "polynomial" else fit_polynomial(height_map.heights, inside, 1)
    return Levelled(
        surface=_without(height_map, fit),
        form=dataclasses.replace(height_map, heights=fit.over(height_map.shape), confidence=None),
        tilt=_tilt(height_map, plane),
        share=height_map.share_in(region),
        method=_described(method, degree),
    )


def _degree(method: LevellingMethod, degree: int) -> int:
    """Return the total degree of what a method subtracts."""
    return {"offset": 0, "plane": 1}.get(method, degree)


def _described(method: LevellingMethod, degree: int) -> str:
    """Return what a method subtracts, as a noun."""
    return {
        "offset": "mean",
        "plane": "least-squares plane",
        "polynomial": f"least-squares polynomial of degree {degree}",
        "points": "plane through three points",
    }[method]


def _without(height_map: HeightMap, fit: Polynomial) -> HeightMap:
    """Return a height map minus a polynomial, subtracted before float32 rounds it."""
    heights = np.empty(height_map.shape, np.float32)
    everywhere = np.isfinite(height_map.heights)
    heights[~everywhere] = np.nan
    for rows, left in residuals(fit, height_map.heights, everywhere):
        np.copyto(heights[rows], left, where=everywhere[rows], casting="same_kind")
    return dataclasses.replace(height_map, heights=heights)


def _tilt(height_map: HeightMap, plane: Polynomial) -> float | None:
    """Return the angle of a plane in degrees."""
    if not height_map.is_isometric:
        return None
    rises = (r / size for r, size in zip(plane.gradient, height_map.pixel_size, strict=True))
    return math.degrees(math.atan(math.hypot(*rises)))


# --- three points


def _through(
    height_map: HeightMap, inside: NDArray[np.bool_], points: Sequence[Point]
) -> Polynomial:
    """Return the plane through the heights around three points."""
    samples = np.array([_sample(height_map, inside, point) for point in points])
    positions = samples[:, :2] - samples[:, :2].mean(0)
    sides = [math.dist(positions[i], positions[i - 1]) for i in range(3)]
    first, second = positions[1] - positions[0], positions[2] - positions[0]
    doubled = abs(first[0] * second[1] - first[1] * second[0])
    if doubled < LEAST_TRIANGLE * max(sides) ** 2 or max(sides) == 0:
        raise SettingsError(
            "points lie on one line, so that no plane is determined; move one of the three."
        )
    middle, rise_y, rise_x = np.linalg.solve(np.c_[np.ones(3), positions], samples[:, 2])
    y, x = samples[:, :2].mean(0)
    return Polynomial(np.array([[middle, rise_x], [rise_y, 0.0]]), (float(y), float(x)), (1.0, 1.0))


def _sample(
    height_map: HeightMap, inside: NDArray[np.bool_], point: Point
) -> tuple[float, float, float]:
    """Return the mean position and the mean height of the sure pixels around a point."""
    rows, columns = (
        slice(max(0, round(place) - POINT_REACH), max(0, round(place) + POINT_REACH + 1))
        for place in point
    )
    y, x = np.nonzero(inside[rows, columns])
    if not len(y):
        raise InputError(
            f"No height around the point ({point[0]:g}, {point[1]:g}) is sure enough to count; "
            "move it."
        )
    heights = height_map.heights[rows, columns][y, x].astype(np.float64)
    return float(y.mean()) + rows.start, float(x.mean()) + columns.start, float(heights.mean())


def _check(method: str, degree: int, points: Sequence[Point] | None) -> None:
    """Check the arguments of `level`."""
    if method not in METHODS:
        raise SettingsError(f"method {method!r} must be one of {', '.join(METHODS)}.")
    if method == "polynomial" and not DEGREES[0] <= degree <= DEGREES[1]:
        raise SettingsError(f"degree {degree} must be {DEGREES[0]} to {DEGREES[1]}.")
    given = [] if points is None else list(points)
    if method == "points" and not (
        len(given) == 3 and all(len(p) == 2 and all(map(math.isfinite, p)) for p in given)
    ):
        raise SettingsError("points must be three positions (y, x) in pixels.")
