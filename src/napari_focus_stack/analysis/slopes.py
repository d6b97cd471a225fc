"""Maps of slope and curvature, from planes and parabolas fitted around each pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._utils.threads import ThreadTeam, block_grid, opencv_on_one_thread
from napari_focus_stack._utils.windows import counted_from, widened
from napari_focus_stack.analysis.areas import MOST_SMOOTHING, SMOOTHING
from napari_focus_stack.analysis.height_map import as_height_map
from napari_focus_stack.analysis.local_fits import REACH, fitted, powers
from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.analysis.local_fits import Values
    from napari_focus_stack.result import StackResult

    Map = NDArray[np.float32]
    Derivatives = list[Values]

CURVATURE_SMOOTHING = 5.0
"""Standard deviation of the window for curvature, in pixels. White noise of s on the heights, in
pixels, leaves 0.22 s / smoothing^3 of mean curvature per pixel, and a ball is measured
2 (smoothing / radius)^2 too curved at its top: 0.5 % at a radius of 100 pixels."""
LEAST_CURVATURE_SMOOTHING = 1.0
"""Below, a window holds too few pixels along the border for a parabola."""
LEAST_PIVOT = 0.02
"""What must be left of the weight of a coefficient after those before it; 0.04 to 0.07 are left for
a parabola at the corner of a field, and nothing on a single pixel or a line."""


@dataclass(frozen=True, eq=False)
class SlopeMap:
    """Slopes of a surface.

    Attributes
    ----------
    slope : numpy.ndarray
        (Y, X) float32: angle between the surface and the image plane, 0 to 90 degrees; NaN where
        the height does not count or too few around it.
    direction : numpy.ndarray
        (Y, X) float32: direction in the image in which heights rise most, -180 to 180 degrees,
        from right (0) to down (90); NaN as `slope`.
    share : float
        Share of the pixels that have a slope, 0 to 1.
    """

    slope: Map
    direction: Map
    share: float


@dataclass(frozen=True, eq=False)
class CurvatureMap:
    """Mean curvatures of a surface.

    Attributes
    ----------
    mean : numpy.ndarray
        (Y, X) float32 in `unit`: mean of the two principal curvatures, positive on hills and
        negative in hollows, 1 / radius on a ball; NaN where the height does not count or too few
        around it.
    unit : str
        Unit, for example "1/micrometer".
    share : float
        Share of the pixels that have a curvature, 0 to 1.
    """

    mean: Map
    unit: str
    share: float


def slope_map(source: HeightMap | StackResult, smoothing: float = SMOOTHING) -> SlopeMap:
    """Measure the slope at each pixel.

    Parameters
    ----------
    source : HeightMap or StackResult
        Surface.
    smoothing : float, optional
        Standard deviation of the Gaussian window in which a plane is fitted, in pixels, 0.5 to 50.
        A larger one removes more noise, and flattens curved surfaces within it.

    Returns
    -------
    SlopeMap
        Slopes and directions.

    Raises
    ------
    InputError
        No height counts, or heights and pixels have no common unit.
    SettingsError
        The smoothing is out of bounds.

    Notes
    -----
    Planes are fitted to the heights that count alone [1]_, so that a tilted plane is exact up to
    the border and at gaps.

    References
    ----------
    .. [1] H. Knutsson and C.-F. Westin, "Normalized and differential convolution", CVPR 1993,
       https://doi.org/10.1109/CVPR.1993.341081
    """
    height_map = as_height_map(source)
    height_map.require_isometric("A slope map")
    _check(smoothing, 0.5)

    def angles(found: Derivatives) -> Derivatives:
        rise_y, rise_x = found
        return [
            np.degrees(np.arctan(np.hypot(rise_y, rise_x))),
            np.degrees(np.arctan2(rise_y, rise_x)),
        ]

    slope, direction = _mapped(height_map, smoothing, 1, angles)
    return SlopeMap(slope, direction, float(np.isfinite(slope).mean()))


def curvature_map(
    source: HeightMap | StackResult, smoothing: float = CURVATURE_SMOOTHING
) -> CurvatureMap:
    """Measure the mean curvature at each pixel.

    Parameters
    ----------
    source : HeightMap or StackResult
        Surface.
    smoothing : float, optional
        Standard deviation of the Gaussian window in which a parabola is fitted, in pixels, 1 to 50.

    Returns
    -------
    CurvatureMap
        Mean curvatures.

    Raises
    ------
    InputError
        No height counts, or heights and pixels have no common unit.
    SettingsError
        The smoothing is out of bounds.

    Notes
    -----
    Of the fitted ``z(y, x)``, ``-((1 + zx**2) zyy - 2 zx zy zxy + (1 + zy**2) zxx) / (2 (1 + zx**2
    + zy**2)**1.5)``. Its sign is that of the peak curvature Spc of ISO 25178-2.
    """
    height_map = as_height_map(source)
    height_map.require_isometric("A curvature map")
    _check(smoothing, LEAST_CURVATURE_SMOOTHING)
    (mean,) = _mapped(height_map, smoothing, 2, lambda found: [mean_curvature(*found)])
    return CurvatureMap(mean, f"1/{height_map.unit}", float(np.isfinite(mean).mean()))


def mean_curvature(
    rise_y: Values, rise_x: Values, half_yy: Values, xy: Values, half_xx: Values
) -> Values:
    """Return the mean curvature of a parabola where its coefficients are taken.

    Parameters
    ----------
    rise_y, rise_x : numpy.ndarray
        First derivatives.
    half_yy, xy, half_xx : numpy.ndarray
        Coefficients of the second order: half of the second derivatives, and the mixed one.

    Returns
    -------
    numpy.ndarray
        Mean of the principal curvatures, positive on hills.
    """
    bend = (1 + rise_x**2) * half_yy - rise_x * rise_y * xy + (1 + rise_y**2) * half_xx
    curvature: Values = -bend / (1 + rise_x**2 + rise_y**2) ** 1.5
    return curvature


def _mapped(
    height_map: HeightMap,
    smoothing: float,
    order: int,
    compute: Callable[[Derivatives], Derivatives],
) -> list[Map]:
    """Compute maps from the coefficients of local fits, without the constant, block by block.

    Coefficients are those of distances in the unit of the pixel size.
    """
    inside = height_map.counted_in(None)
    maps = [np.full(height_map.shape, np.nan, np.float32) for _ in range(3 - order)]
    scales = _scales(height_map.pixel_size, smoothing, order)
    reach = math.ceil(REACH * smoothing)

    def fill(part: tuple[slice, slice]) -> None:
        around = widened(part, reach, height_map.shape)
        inner, here = counted_from(around, part), inside[around]
        if not here[inner].any():
            return
        heights = height_map.heights[around].astype(np.float64)
        level = float(heights[here].mean())  # moments are more precise if heights are close to 0
        centred = np.where(here, heights, level) - level
        coefficients, pivots = fitted(centred, here, (smoothing, smoothing), order)
        found = [c[inner] / scale for c, scale in zip(coefficients[1:], scales, strict=True)]
        known = here[inner] & (np.min([p[inner] for p in pivots], axis=0) >= LEAST_PIVOT)
        for target, values in zip(maps, compute(found), strict=True):
            np.copyto(target[part], values, where=known, casting="same_kind")

    with opencv_on_one_thread(), ThreadTeam() as team:
        team.map(fill, block_grid(height_map.shape))
    return maps


def _scales(pixel_size: tuple[float, float], smoothing: float, order: int) -> list[float]:
    """Return the size of each monomial but the constant, for distances of one deviation."""
    dy, dx = (size * smoothing for size in pixel_size)
    return [dy**p * dx**q for p, q in powers(order)[1:]]


def _check(smoothing: float, least: float) -> None:
    """Check the standard deviation of a window."""
    if not least <= smoothing <= MOST_SMOOTHING:
        raise SettingsError(
            f"smoothing {smoothing} must be {least:g} to {MOST_SMOOTHING:g} pixels."
        )
