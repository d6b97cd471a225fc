"""Values of float planes, in a unit and within a range in which float32 computes with them.

Energies are squares in float32, and their evidence the squares of those; float32 ends at 3e38 and
has nothing below 1e-45. Values of 1e20 or of 1e-23 would overflow or vanish, and constants against
division by zero would count beside them.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.io.sources import PlaneSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.result import Report, StackResult

ORDINARY = (2.0**-10, 2.0**30)
"""Bright values with which a stack is fused as it is."""
MOST_OF_BRIGHT = 2.0**30
"""Multiple of a bright value from which on a value counts as infinite: no sensor has that range."""
BRIGHT = 1e-4
"""Share of the pixels of a plane that may be brighter than its bright value, three at least: hot
pixels are, and beads or stars over a background of almost nothing are not."""
FEWEST_OF_OBJECT = 4
"""Pixels that touch in an object at least: a bead over a background of almost nothing, such as
deconvolution leaves, covers less of a plane than `BRIGHT`."""
SOME = 2**18
"""Pixels of a plane, about, from which its bright value is taken."""


class OrdinaryPlanes(PlaneSource):
    """Float planes of a source, divided by a power of two, with values out of range made infinite.

    Parameters
    ----------
    source : PlaneSource
        The planes, float; an alpha channel stays as it is.
    bright : float
        Bright value of the planes.

    Attributes
    ----------
    unit : float
        The power of two: 1 if the bright value is an ordinary number.
    """

    def __init__(self, source: PlaneSource, bright: float) -> None:
        self.describe_as(source)
        self.kept_bytes = source.kept_bytes
        within = ORDINARY[0] <= bright <= ORDINARY[1]
        # no smaller unit, because its inverse must be a number too
        self.unit = 1.0 if within else 2.0 ** max(math.frexp(bright)[1], -1000)
        self._source, self._limit = source, MOST_OF_BRIGHT * bright / self.unit
        self._within_range: set[int] = set()

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Return plane `k` in the unit.

        Parameters
        ----------
        k : int
            Number of the plane.

        Returns
        -------
        numpy.ndarray
            (Y, X[, C]) in the dtype of the source; as the source returned it if the unit is 1 and
            all values are within range.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
        plane = self._in_unit(self._source[k])
        if k in self._within_range:
            return plane
        ordinary = self._limited(plane)
        if ordinary is plane:
            self._within_range.add(k)  # it is read two to four times
        return ordinary

    def reduction(self, pixels: int) -> int:
        """Return that of the source."""
        return self._source.reduction(pixels)

    def reduced(self, k: int, factor: int) -> NDArray[Any]:
        """Return plane `k` in the unit, at a reduced size."""
        return self._limited(self._in_unit(self._source.reduced(k, factor)))

    def _in_unit(self, plane: NDArray[Any]) -> NDArray[Any]:
        return scaled(plane.astype(self.dtype.newbyteorder("="), copy=False), 1 / self.unit)

    def _limited(self, plane: NDArray[Any]) -> NDArray[Any]:
        """Return a plane with values out of range made infinite; `plane` itself without such."""
        if cv2.checkRange(plane, True, -self._limit, self._limit)[0]:  # as fast as `isfinite`
            return plane
        infinite = np.copysign(plane.dtype.type(np.inf), plane)
        return np.where(np.abs(plane) > self._limit, infinite, plane)


def ordinary_planes(source: PlaneSource, first: int) -> tuple[PlaneSource, float]:
    """Return the planes of a source in a unit and a range in which float32 computes with them.

    Parameters
    ----------
    source : PlaneSource
        The planes; one of them is read if they are floats of 32 or 64 bits, and all if that one
        shows less than ordinary values.
    first : int
        Number of the plane that is read first.

    Returns
    -------
    planes : PlaneSource
        `source` itself for integers, and where all values are 0 or none is finite.
    unit : float
        A power of two, so that division by it rounds nothing; 1 for ordinary values.

    Raises
    ------
    InputError
        A plane cannot be read; the message names it.
    """
    if source.dtype.kind == "f" and source.dtype.itemsize in (4, 8):
        bright = 0.0
        for k in sorted(range(len(source)), key=lambda k: k != first):
            bright = max(bright, _bright(source[k]))
            if bright >= ORDINARY[0]:
                break
        if bright > 0:
            planes = OrdinaryPlanes(source, bright)
            return planes, planes.unit
    return source, 1.0


def _bright(plane: NDArray[Any]) -> float:
    """Return the absolute value that few pixels of a plane exceed, or 0.

    It is the brightest object's, however small, unless that is no ordinary number.
    """
    step = max(1, math.isqrt(plane.shape[0] * plane.shape[1] // SOME))
    some = _light(plane[::step, ::step])
    bright = _exceeded_by(some, max(3, int(BRIGHT * some.size)))
    whole = _light(plane)
    if whole.size and float(whole.max()) > MOST_OF_BRIGHT * bright:  # may be beyond float32
        brightest = _brightest_object(plane, MOST_OF_BRIGHT * bright)
        if brightest <= ORDINARY[1]:
            return max(bright, brightest)
    return bright


def _brightest_object(plane: NDArray[Any], least: float) -> float:
    """Return the absolute value that few pixels of touching ones above `least` exceed, or 0.

    Wild pixels that stand alone, such as dead ones of a flat field leave, are no object.
    """
    light = np.abs(plane if plane.ndim == 2 else plane[..., :3])
    light = np.where(np.isfinite(light), light, 0)
    flat = light if light.ndim == 2 else light.max(-1)
    _, parts, found, _ = cv2.connectedComponentsWithStats((flat > least).astype(np.uint8))
    is_object = found[:, cv2.CC_STAT_AREA] >= FEWEST_OF_OBJECT
    is_object[0] = False  # the background
    return _exceeded_by(flat[is_object[parts]], FEWEST_OF_OBJECT)


def _light(plane: NDArray[Any]) -> NDArray[Any]:
    """Return the absolute values of a plane that are finite, without alpha."""
    light = np.abs(plane if plane.ndim == 2 else plane[..., :3])
    finite: NDArray[Any] = light[np.isfinite(light)]
    return finite


def _exceeded_by(light: NDArray[Any], few: int) -> float:
    """Return the value that few pixels reach, 0 if there are fewer."""
    return float(np.partition(light, -few)[-few]) if light.size >= few else 0.0


def scaled(plane: NDArray[Any], factor: float) -> NDArray[Any]:
    """Multiply a plane by a number, except for its alpha.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]), float unless the factor is 1.
    factor : float
        The number; beyond the range of the type, values become infinite or 0.

    Returns
    -------
    numpy.ndarray
        (Y, X[, C]) of the same type; `plane` itself if the factor is 1.
    """
    if factor == 1:
        return plane
    if plane.ndim == 3 and plane.shape[2] == 4:
        colour = scaled(plane[..., :3], factor)
        return np.concatenate([colour, plane[..., 3:]], -1)
    with np.errstate(over="ignore", under="ignore"):
        # the factor may lie beyond float32 although the products do not
        product = plane.astype(np.float64) * factor
        return product.astype(plane.dtype)


def result_as_recorded(result: StackResult, unit: float) -> StackResult:
    """Return the result of planes divided by the unit in the values of the recorded ones.

    Parameters
    ----------
    result : StackResult
        Result of the planes of `ordinary_planes`.
    unit : float
        The unit.

    Returns
    -------
    StackResult
        Its image, and the report's offsets and noise, in recorded values.
    """
    if unit == 1:
        return result
    report = _report_as_recorded(result.report, unit)
    return replace(result, image=scaled(result.image, unit), report=report)


def _report_as_recorded(report: Report, unit: float) -> Report:
    """Return a report with its values in recorded units."""
    noise = {"noise_constant": unit, "noise_slope": 1.0}
    health = {
        # the constant is a square, which may lie beyond the range of numbers
        key: value * noise[key] * unit if key in noise and value is not None else value
        for key, value in report.health.items()
    }
    offsets = [None if offset is None else offset * unit for offset in report.offsets]
    return replace(report, health=health, offsets=offsets)
