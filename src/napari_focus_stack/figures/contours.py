"""Contour lines of a height map at round levels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._utils.wording import format_unit
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.figures.grid import reduced_heights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.analysis.height_map import HeightMap

WANTED = 10
"""Number of levels by default."""
MOST_LEVELS = 200
"""Largest number of levels: more lines than that fill the picture."""
LONGEST_SIDE = 1500
"""Side of the map in pixels over which it is reduced before lines are traced: tracing takes 0.02 s
a level and megapixel, and the noise of single pixels makes thousands of short lines."""
_ROUND = (1, 2, 5, 10)


@dataclass(frozen=True, eq=False)
class Contour:
    """Line of one height.

    Attributes
    ----------
    level : float
        Its height, in the unit of the map.
    points : numpy.ndarray
        (n, 2) float64: y, x in pixels, the centre of pixel (0, 0) at 0. The first point is the
        last one again if the line is closed.
    """

    level: float
    points: NDArray[np.float64]


def nice_interval(span: float, wanted: int = WANTED) -> float:
    """Return the round interval that divides a range into about as many parts as wanted.

    Parameters
    ----------
    span : float
        Length of the range, above 0.
    wanted : int
        Number of parts, 1 or more.

    Returns
    -------
    float
        1, 2 or 5 times a power of ten; the one whose number of parts is next to `wanted` by ratio.

    Raises
    ------
    SettingsError
        A number is out of bounds.
    """
    if not 0 < span < math.inf:
        raise SettingsError(f"span {span} must be a number over 0.")
    if wanted < 1:
        raise SettingsError(f"wanted {wanted} must be 1 or more.")
    exact = span / wanted
    decade = 10.0 ** math.floor(math.log10(exact))
    factor = min(_ROUND, key=lambda one: abs(math.log(one * decade / exact)))
    # 3 * 0.1 is 0.30000000000000004; a quotient of whole numbers is rounded once
    return factor * decade if decade >= 1 else factor / round(1 / decade)


def levels_between(low: float, high: float, interval: float) -> NDArray[np.float64]:
    """Return the multiples of an interval inside a range.

    Parameters
    ----------
    low, high : float
        Ends of the range, which are left out.
    interval : float
        Distance of the levels.

    Returns
    -------
    numpy.ndarray
        (k,) float64, rising.
    """
    # 0.1 is no binary number: multiples are rounded to the digits of the interval
    digits = max(0, 2 - math.floor(math.log10(interval)))
    first, last = math.floor(low / interval), math.ceil(high / interval)
    levels = np.round(np.arange(first, last + 1) * interval, digits)
    return levels[(levels > low) & (levels < high)]


def contour_interval(source: HeightMap, wanted: int = WANTED) -> float | None:
    """Return the round interval of a map's contour lines.

    Parameters
    ----------
    source : HeightMap
        Heights of any confidence.
    wanted : int
        Number of levels, about.

    Returns
    -------
    float or None
        None where all heights are equal, or where there are none.
    """
    heights = _reduced(source)[0]
    finite = heights[np.isfinite(heights)]
    span = float(np.ptp(finite)) if finite.size else 0.0
    return nice_interval(span, wanted) if span else None


def contours(
    source: HeightMap, interval: float | None = None, wanted: int = WANTED
) -> list[Contour]:
    """Return contour lines at round levels.

    Lines are those of marching squares, interpolated between pixels. They end where there is no
    height. Of maps with a side over 1500 pixels, heights are averaged over areas before.

    Parameters
    ----------
    source : HeightMap
        Heights of any confidence.
    interval : float, optional
        Distance of the levels in the unit of the map, which are its multiples; by default a round
        number.
    wanted : int
        Number of levels for the default interval, about.

    Returns
    -------
    list of Contour
        Lines of two points or more, by rising level.

    Raises
    ------
    InputError
        There is no height.
    SettingsError
        The interval is not above 0, or gives more than 200 levels.
    """
    from skimage.measure import find_contours

    if interval is not None and not 0 < interval < math.inf:
        raise SettingsError(f"interval {interval} must be a number over 0.")
    small, factors = _reduced(source)
    finite = np.isfinite(small)
    if not finite.any():
        raise InputError("The height map has no heights to draw contour lines of; choose another.")
    low, high = float(small[finite].min()), float(small[finite].max())
    if low == high or min(small.shape) < 2:
        return []
    step = interval or nice_interval(high - low, wanted)
    if (high - low) / step > MOST_LEVELS:
        raise SettingsError(
            f"interval {interval} gives more than {MOST_LEVELS} contour lines over heights from "
            f"{low:g} to {high:g} {format_unit(source.unit)}; choose a larger one."
        )
    return [
        Contour(float(level), (points + 0.5) * factors - 0.5)
        for level in levels_between(low, high, step)
        for points in find_contours(small, level)
        if len(points) > 1
    ]


def _reduced(source: HeightMap) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return heights of limited size, NaN where there is none, and pixels per pixel of theirs."""
    rows, cols = source.shape
    factor = min(1.0, LONGEST_SIDE / max(rows, cols))
    size = max(1, round(cols * factor)), max(1, round(rows * factor))
    heights, known = reduced_heights(source.heights, size)
    heights[~known] = np.nan
    return heights, np.array([rows / size[1], cols / size[0]])
