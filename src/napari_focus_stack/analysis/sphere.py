"""Spheres fitted to caps: radius of curvature of balls, lenses and dimples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_focus_stack._utils.threads import row_bands
from napari_focus_stack.analysis.height_map import as_height_map
from napari_focus_stack.analysis.polynomials import fit_polynomial, residuals
from napari_focus_stack.analysis.slopes import mean_curvature
from napari_focus_stack.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.analysis.polynomials import Polynomial
    from napari_focus_stack.result import StackResult

MOST_STEPS = 40
"""Steps of Gauss-Newton; caps up to a hemisphere take 3 to 8."""
LEAST_STEP = 1e-9
"""Relative change of the curvature that ends them."""
LARGEST_UNCERTAINTY = 1 / 3
"""Relative uncertainty of a radius above which the cap is too flat: the curvature of a plane with
noise is three times its uncertainty in one of 400 cases."""
MOST_CONDITION = 1e13
"""Condition of the normal equations above which float64 does not solve them."""
PARTS = 6
"""Parts along each side of a region whose errors are taken as independent of each other."""
LEAST_EXPLAINED = 0.95
"""Part of the form beyond a plane, as a parabola describes it, that a sphere has to explain. On a
field of 3 to 4 it explains 81 % of a cylinder, 95 % of an ellipsoid whose axis along the shorter
side is 1.5 times the others, and 99 % if it is 1.2 times."""


@dataclass(frozen=True)
class SphereFit:
    """A sphere through the heights of a cap.

    Attributes
    ----------
    radius : float
        Radius, in `unit`.
    radius_uncertainty : float
        Its standard uncertainty, from what is left of the heights and from the z scale, in `unit`.
    centre : tuple of float
        Centre (y, x, z) in `unit`; y and x count from the centre of the first pixel.
    is_convex : bool
        Whether the cap is a hill (True) or a hollow.
    residual : float
        Root mean square distance of the heights from the sphere, in `unit`.
    share : float
        Share of the region whose heights counted, 0 to 1.
    unit : str
        Unit of heights and pixels.
    """

    radius: float
    radius_uncertainty: float
    centre: tuple[float, float, float]
    is_convex: bool
    residual: float
    share: float
    unit: str


class _Cap(NamedTuple):
    """A sphere by its height, slopes and curvature over the middle of a region.

    All of them are finite and independent on flat caps, other than centre and radius. Lengths are
    in halves of the region's longer side.
    """

    height: float
    rise_y: float
    rise_x: float
    bend: float
    """1 / radius, positive on hills and negative in hollows."""

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit normal, (y, x, z)."""
        upwards = np.array([-self.rise_y, -self.rise_x, 1.0])
        return np.asarray(upwards / np.linalg.norm(upwards))


class _Frame(NamedTuple):
    """Coordinates of a region: its middle in pixels, a height there, and the unit of length."""

    y: float
    x: float
    z: float
    length: float
    sides: tuple[float, float]
    """Halves of the region's sides along y and x, in that unit."""


def fit_sphere(source: HeightMap | StackResult, region: NDArray[Any] | None = None) -> SphereFit:
    """Fit a sphere to the heights of a region.

    Parameters
    ----------
    source : HeightMap or StackResult
        Surface.
    region : numpy.ndarray, optional
        (Y, X) bool: the cap; the whole field by default.

    Returns
    -------
    SphereFit
        Sphere with the least sum of squared distances from the sure heights.

    Raises
    ------
    InputError
        No height counts, heights and pixels have no common unit, or the heights that count do not
        determine a radius: they are flat, a saddle, or on a line.

    Notes
    -----
    Orthogonal distances are minimised by Gauss-Newton [1]_, from the least-squares parabola. The
    uncertainty is that of 6 x 6 parts of the region whose errors are independent of each other,
    however they are shared within a part (cluster-robust covariance [2]_).

    References
    ----------
    .. [1] S. J. Ahn, W. Rauh and H.-J. Warnecke, "Least-squares orthogonal distances fitting of
       circle, sphere, ellipse, hyperbola, and parabola", Pattern Recognition 34, 2001,
       https://doi.org/10.1016/S0031-3203(00)00152-7
    .. [2] A. C. Cameron and D. L. Miller, "A practitioner's guide to cluster-robust inference",
       Journal of Human Resources 50, 2015, https://doi.org/10.3368/jhr.50.2.317
    """
    height_map = as_height_map(source)
    height_map.require_isometric("The radius of a sphere")
    inside = height_map.counted_in(region)
    parabola = fit_polynomial(height_map.heights, inside, 2)
    frame, start = _touching(height_map, parabola)
    cap, normal_matrix = _converged(height_map, inside, frame, start)
    scores, variance = _scores(height_map, inside, frame, cap)
    residual = math.sqrt(variance) * frame.length
    _check_form(height_map, inside, parabola, residual**2)
    relative = math.hypot(
        _bend_uncertainty(normal_matrix, scores) / cap.bend, height_map.scale_uncertainty
    )
    if not relative <= LARGEST_UNCERTAINTY:
        raise _no_cap()
    radius = float(frame.length / abs(cap.bend))
    away = cap.normal * frame.length / cap.bend
    dy, dx = height_map.pixel_size
    foot = (frame.y * dy, frame.x * dx, frame.z + cap.height * frame.length)
    y, x, z = (float(place - step) for place, step in zip(foot, away, strict=True))
    return SphereFit(
        radius=radius,
        radius_uncertainty=float(relative * radius),
        centre=(y, x, z),
        is_convex=cap.bend > 0,
        residual=residual,
        share=height_map.share_in(region),
        unit=height_map.unit,
    )


def _no_cap() -> InputError:
    return InputError(
        "The heights there do not determine the radius of a sphere, because they are too flat or "
        "no cap; choose a larger part of the cap, and nothing else."
    )


def _touching(height_map: HeightMap, parabola: Polynomial) -> tuple[_Frame, _Cap]:
    """Return the frame of a region, and the sphere that touches its parabola in the middle."""
    sizes, values = height_map.pixel_size, parabola.coefficients
    half_y, half_x = (half * size for half, size in zip(parabola.half, sizes, strict=True))
    length = max(half_y, half_x)
    rise_y, rise_x = (r / size for r, size in zip(parabola.gradient, sizes, strict=True))
    # the second Legendre polynomial is (3 u^2 - 1) / 2
    bend = mean_curvature(
        np.array(rise_y),
        np.array(rise_x),
        1.5 * values[2, 0] / half_y**2,
        values[1, 1] / (half_y * half_x),
        1.5 * values[0, 2] / half_x**2,
    )
    height = -float(values[2, 0] + values[0, 2]) / 2
    frame = _Frame(
        *parabola.origin, float(values[0, 0]), length, (half_y / length, half_x / length)
    )
    return frame, _Cap(height / length, rise_y, rise_x, float(bend) * length)


def _check_form(
    height_map: HeightMap, inside: NDArray[np.bool_], parabola: Polynomial, left: float
) -> None:
    """Check that a sphere, which leaves a mean square of `left`, explains the form of a region."""
    plane = fit_polynomial(height_map.heights, inside, 1)
    flat, bent = (_mean_square(fit, height_map.heights, inside) for fit in (plane, parabola))
    explained = (flat - left) / (flat - bent) if flat > bent else 0.0
    if explained < LEAST_EXPLAINED:
        raise _no_cap()


def _mean_square(fit: Polynomial, heights: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Return the mean square of what a fit leaves of the heights that count."""
    total = sum(float(np.vdot(left, left)) for _, left in residuals(fit, heights, inside))
    return total / np.count_nonzero(inside)


def _converged(
    height_map: HeightMap, inside: NDArray[np.bool_], frame: _Frame, start: _Cap
) -> tuple[_Cap, NDArray[np.float64]]:
    """Return the sphere of least squares, and the normal matrix of its four numbers."""
    cap = start
    for _ in range(MOST_STEPS):
        matrix, right = np.zeros((4, 4)), np.zeros(4)
        for rows in row_bands(inside.shape):
            distance, jacobian = _linearised(_places(height_map, inside, frame, rows), cap)
            matrix += jacobian @ jacobian.T
            right += jacobian @ distance
        if not np.isfinite(matrix).all() or np.linalg.cond(matrix) > MOST_CONDITION:
            break
        step = np.linalg.solve(matrix, right)
        cap = _Cap(*(np.array(cap) - step).tolist())
        if abs(step[3]) <= LEAST_STEP * abs(cap.bend):
            return cap, matrix
    raise _no_cap()


def _places(
    height_map: HeightMap, inside: NDArray[np.bool_], frame: _Frame, rows: slice
) -> NDArray[np.float64]:
    """Return the places (3, n) of the pixels of some rows that count, in the frame."""
    y, x = np.nonzero(inside[rows])
    dy, dx = height_map.pixel_size
    heights = height_map.heights[rows][y, x]
    places = np.stack([(y + rows.start - frame.y) * dy, (x - frame.x) * dx, heights - frame.z])
    return np.asarray(places / frame.length, np.float64)


def _linearised(
    places: NDArray[np.float64], cap: _Cap
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the signed distances (n) of places from a sphere, and their derivatives (4, n).

    With q the place from the foot of the normal n, and the curvature k, the distance is
    ``(|n + k q| - 1) / k``, here in a form that has no cancellation if k is small.
    """
    y, x, z = places[0], places[1], places[2] - cap.height
    normal, k = cap.normal, cap.bend
    along = normal[0] * y + normal[1] * x + normal[2] * z
    square = y * y + x * x + z * z
    stretch = np.sqrt(np.maximum(1 + k * (2 * along + k * square), 1e-12))
    distance = (2 * along + k * square) / (1 + stretch)
    steep = normal[2]  # 1 / sqrt(1 + rise_y^2 + rise_x^2)
    jacobian = np.stack(
        [
            -(steep + k * z) / stretch,
            -(y * steep + cap.rise_y * steep**2 * along) / stretch,
            -(x * steep + cap.rise_x * steep**2 * along) / stretch,
            (square - distance * (along + k * square) / stretch) / (1 + stretch),
        ]
    )
    return distance, jacobian


def _scores(
    height_map: HeightMap, inside: NDArray[np.bool_], frame: _Frame, cap: _Cap
) -> tuple[NDArray[np.float64], float]:
    """Return what each part of a region adds to the equations (parts, 4), and the mean square.

    The sum over all parts is 0 where the sphere fits best.
    """
    parts, squares = np.zeros((PARTS**2, 4)), 0.0
    for rows in row_bands(inside.shape):
        places = _places(height_map, inside, frame, rows)
        distance, jacobian = _linearised(places, cap)
        squares += float(distance @ distance)
        row, column = (_part(axis, side) for axis, side in zip(places, frame.sides, strict=False))
        number = row * PARTS + column
        for j in range(4):
            parts[:, j] += np.bincount(number, jacobian[j] * distance, PARTS**2)
    return parts, squares / np.count_nonzero(inside)


def _part(places: NDArray[np.float64], side: float) -> NDArray[np.intp]:
    """Return the number of the part in which each place lies, along one side of a region."""
    number = (places / side + 1) / 2 * PARTS
    return np.clip(number.astype(np.intp), 0, PARTS - 1)


def _bend_uncertainty(normal_matrix: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    """Return the standard uncertainty of the curvature from the spread of the parts' scores."""
    used = scores[scores.any(1)]
    if len(used) <= normal_matrix.shape[0]:
        return math.inf
    shifts = np.linalg.solve(normal_matrix, used.T)[3]
    return math.sqrt(float(shifts @ shifts) * len(used) / (len(used) - normal_matrix.shape[0]))
