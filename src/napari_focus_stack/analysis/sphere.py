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
WHOLE_ERROR = 0.01
"""Standard uncertainty, in planes, of the rise of a cap that its depth has as a whole: 0.003 to
0.017 on rendered hills and hollows of three radii that this package fused."""
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
        Its standard uncertainty, from what is left of the heights, from what depth errs over the
        whole cap and from the z scale, in `unit`.
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
    uncertainty takes the errors of 6 x 6 parts of the region as independent of each other, however
    they are shared within a part: it follows from the fits without each of them (jackknife [2]_).

    Orthogonal distances keep steep rims, whose heights err most, from deciding. Errors along z of
    a standard deviation s make the radius of a cap of half-width a too small by some
    ``24 (s / a)**2`` of it: 1e-5 for 0.1 and 150.

    References
    ----------
    .. [1] S. J. Ahn, W. Rauh and H.-J. Warnecke, "Least-squares orthogonal distances fitting of
       circle, sphere, ellipse, hyperbola, and parabola", Pattern Recognition 34, 2001,
       https://doi.org/10.1016/S0031-3203(00)00152-7
    .. [2] C. F. J. Wu, "Jackknife, bootstrap and other resampling methods in regression
       analysis", Annals of Statistics 14, 1986, https://doi.org/10.1214/aos/1176350142
    """
    height_map = as_height_map(source)
    height_map.require_isometric("The radius of a sphere")
    inside = height_map.counted_in(region)
    parabola = fit_polynomial(height_map.heights, inside, 2)
    frame, start = _touching(height_map, parabola)
    cap = _converged(height_map, inside, frame, start)
    matrices, rights, variance = _of_parts(height_map, inside, frame, cap)
    residual = math.sqrt(variance) * frame.length
    _check_form(height_map, inside, parabola, residual**2)
    relative = math.hypot(
        _bend_uncertainty(matrices, rights) / cap.bend,
        _depth_uncertainty(height_map, frame, cap),
        height_map.scale_uncertainty,
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
    length = float(max(half_y, half_x))
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
) -> _Cap:
    """Return the sphere of least squares (Gauss-Newton)."""
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
            return cap
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


def _of_parts(
    height_map: HeightMap, inside: NDArray[np.bool_], frame: _Frame, cap: _Cap
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return what each part adds to the normal equations, and the mean squared distance.

    Normal matrices (parts, 4, 4) and right sides (parts, 4), whose sum is 0 where the sphere fits
    best.
    """
    matrices, rights, squares = np.zeros((PARTS**2, 4, 4)), np.zeros((PARTS**2, 4)), 0.0
    for rows in row_bands(inside.shape):
        places = _places(height_map, inside, frame, rows)
        distance, jacobian = _linearised(places, cap)
        squares += float(distance @ distance)
        row, column = (_part(axis, side) for axis, side in zip(places, frame.sides, strict=False))
        number = row * PARTS + column
        for i in range(4):
            rights[:, i] += np.bincount(number, jacobian[i] * distance, PARTS**2)
            for j in range(i + 1):
                matrices[:, i, j] += np.bincount(number, jacobian[i] * jacobian[j], PARTS**2)
    lower = np.tril(matrices, -1)
    return matrices + lower.transpose(0, 2, 1), rights, squares / np.count_nonzero(inside)


def _depth_uncertainty(height_map: HeightMap, frame: _Frame, cap: _Cap) -> float:
    """Return the relative uncertainty of the radius from what depth errs over the whole cap.

    0 where heights are not those of planes, so that nothing is known of it.
    """
    rise = abs(cap.bend) / 2 * frame.length
    return 0.0 if math.isnan(height_map.z_step) else WHOLE_ERROR * height_map.z_step / rise


def _part(places: NDArray[np.float64], side: float) -> NDArray[np.intp]:
    """Return the number of the part in which each place lies, along one side of a region."""
    number = (places / side + 1) / 2 * PARTS
    return np.clip(number.astype(np.intp), 0, PARTS - 1)


def _bend_uncertainty(matrices: NDArray[np.float64], rights: NDArray[np.float64]) -> float:
    """Return the standard uncertainty of the curvature from its shifts without each part."""
    used = matrices[:, 0, 0] > 0
    parts = int(np.count_nonzero(used))
    without = matrices.sum(0) - matrices[used]
    if parts <= rights.shape[1] or np.linalg.cond(without).max() > MOST_CONDITION:
        return math.inf
    shifts = np.linalg.solve(without, rights[used][..., None])[:, 3, 0]
    return math.sqrt(float(shifts @ shifts) * (parts - 1) / parts)
