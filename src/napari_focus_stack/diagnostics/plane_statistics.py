"""Statistics of the planes of a stack.

Planes are measured once, during alignment; only a few numbers of each are kept.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._utils.threads import row_bands

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane

LEAST_PLATEAU = 1e-3
"""Share of a plane's pixels at its maximum from which on the sensor may be saturated there."""
JUST_BELOW = 0.01
"""Part of a plane's range below its maximum. A tail of the histogram that is not cut off has more
pixels there than at the maximum."""
EMPTY = 0.03
"""Part of the median plane's contrast, as in alignment, below which a plane shows nothing."""
MANY = 1024
"""Side of a plane, in pixels, from which on contrast and saturation are measured on some of its
rows."""


@dataclass(frozen=True)
class _PlaneStats:
    """Record of one plane.

    Attributes
    ----------
    top : float
        Largest value.
    at_top : float
        Share of pixels with a channel at that value.
    plateau : bool
        Whether the sensor is saturated there.
    contrast : float
        Range between the 1st and the 99th percentile of brightness.
    level : float
        Median brightness.
    checksum : tuple of int
        Numbers that equal planes share.
    blank : bool
        Whether all finite pixels have one value.
    """

    top: float
    at_top: float
    plateau: bool
    contrast: float
    level: float
    checksum: tuple[int, int]
    blank: bool = False


class PlaneStatistics:
    """Statistics of planes, recorded when each is first read.

    Parameters
    ----------
    dtype : numpy.dtype
        Type of the source. The largest value of an integer type is that of the sensor, if the
        sensor uses the whole type.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._limit = float(np.iinfo(dtype).max) if dtype.kind in "ui" else np.inf
        self._light = dtype.kind != "b"
        self._planes: dict[int, _PlaneStats] = {}

    def record(self, k: int, plane: NDArray[Any]) -> NDArray[Any]:
        """Record the statistics of a plane unless they are known already.

        Parameters
        ----------
        k : int
            Number of the plane.
        plane : numpy.ndarray
            (Y, X[, C]).

        Returns
        -------
        numpy.ndarray
            `plane` itself.
        """
        if k not in self._planes:
            self._planes[k] = _measure_plane(plane, self._limit)
        return plane

    def saturated(self, planes: int) -> list[float]:
        """Return the share of saturated pixels of each plane.

        The largest value of the sensor is assumed to be the same for all planes.

        Parameters
        ----------
        planes : int
            Number of planes in the stack.

        Returns
        -------
        list of float
            Shares, 0 to 1; 0 for a plane that was not recorded.
        """
        recorded = list(self._planes.values())
        ends = [stats.top for stats in recorded if stats.plateau] if self._light else []
        end = max(ends, default=np.inf)
        brightest = max((stats.top for stats in recorded), default=0.0)
        if end < brightest:  # other planes exceed it: the specimen, not the sensor, is so uniform
            end = np.inf
        ended = {k: stats.at_top for k, stats in self._planes.items() if stats.top == end}
        return [ended.get(k, 0.0) for k in range(planes)]

    def span(self) -> float:
        """Return the range of brightness without the extremes.

        Returns
        -------
        float
            Largest contrast of any plane.
        """
        return max((stats.contrast for stats in self._planes.values()), default=0.0)

    def level(self) -> float:
        """Return the brightness of a typical pixel.

        Returns
        -------
        float
            Median of the planes' medians.
        """
        levels = [stats.level for stats in self._planes.values()]
        return float(np.median(levels)) if levels else 0.0

    def empty(self) -> list[int]:
        """Find planes of next to no contrast.

        Returns
        -------
        list of int
            Their numbers.
        """
        contrasts = {k: stats.contrast for k, stats in sorted(self._planes.items())}
        least = EMPTY * float(np.median(list(contrasts.values()))) if contrasts else 0.0
        if least == 0:
            return []
        return [k for k, contrast in contrasts.items() if contrast < least]

    def blank(self) -> list[int]:
        """Find planes whose finite pixels all have one value, alpha included.

        Returns
        -------
        list of int
            Their numbers.
        """
        return [k for k, stats in sorted(self._planes.items()) if stats.blank]

    def duplicates(self) -> list[list[int]]:
        """Find runs of neighbouring planes that are equal to the last bit.

        Returns
        -------
        list of list of int
            Numbers of the planes of each run.
        """
        runs: list[list[int]] = []
        bare = self.empty()
        for k in sorted(self._planes):
            before = self._planes.get(k - 1)
            if before is None or before.checksum != self._planes[k].checksum or k in bare:
                continue
            if runs and runs[-1][-1] == k - 1:
                runs[-1].append(k)
            else:
                runs.append([k - 1, k])
        return runs


def _measure_plane(plane: NDArray[Any], limit: float) -> _PlaneStats:
    """Measure a plane of a sensor with a largest value."""
    light = plane if plane.ndim == 2 else plane[..., :3]  # alpha is no light
    checksum = _checksum(np.ascontiguousarray(plane))
    some = light[::8, ::8] if min(light.shape[:2]) > MANY else light[::4, ::4]
    grey, known = _finite(some if some.ndim == 2 else _mean_of_colours(some)), _finite(some)
    if not grey.size:
        return _PlaneStats(-np.inf, 0.0, False, 0.0, 0.0, checksum)
    low, middle, high = (float(v) for v in np.percentile(grey, (1, 50, 99)))
    top = _largest(light)
    at_top, plateau = _plateau(light, top, float(known.min()), limit)
    blank = low == high and _has_one_value(plane)
    return _PlaneStats(top, at_top, plateau, high - low, middle, checksum, blank)


def _has_one_value(plane: NDArray[Any]) -> bool:
    """Return whether all finite pixels of a plane are equal."""
    pixels = plane.reshape(len(plane), plane.shape[1], -1)
    finite = pixels[np.isfinite(pixels).all(-1)]
    return bool((finite == finite[:1]).all())


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    return values if values.dtype.kind in "ui" else values[np.isfinite(values)]


def _mean_of_colours(some: NDArray[Any]) -> Plane:
    """Return the mean of three channels, (y, x) float32, in a quarter of the time of NumPy."""
    mean: Plane = cv2.transform(some.astype(np.float32), np.full((1, 3), 1 / 3, np.float32))
    return mean


def _largest(light: NDArray[Any]) -> float:
    """Return the largest finite value of a plane, some of whose values are finite."""
    # channel by channel beside alpha: NumPy takes six times as long over three of four values
    adjacent = light.ndim == 2 or light.strides[1] == 3 * light.itemsize
    channels = [light] if adjacent else [light[..., c] for c in range(3)]
    bands = [channel[rows] for channel in channels for rows in row_bands(light.shape)]
    return float(max(_largest_finite(band) for band in bands))


def _largest_finite(values: NDArray[Any]) -> float:
    largest = values.max()
    if np.isfinite(largest):
        return float(largest)
    return float(values.max(where=np.isfinite(values), initial=np.finfo(values.dtype).min))


def _checksum(plane: NDArray[Any]) -> tuple[int, int]:
    """Return two numbers that only equal planes share: a checksum of some rows, and a sum of all.

    It takes a tenth of the time of a checksum of the whole plane.
    """
    words = plane.reshape(-1).view(np.uint8)
    end = words.size // 8 * 8
    some = zlib.crc32(words[end:].data, zlib.crc32(np.ascontiguousarray(plane[::16]).data))
    return some, int(words[:end].view(np.uint64).sum(dtype=np.uint64))


def _plateau(light: NDArray[Any], top: float, bottom: float, limit: float) -> tuple[float, bool]:
    """Return the share of pixels with a channel at the maximum, and whether that is saturation."""
    if top == bottom and top < limit:
        return 0.0, False
    if top < limit <= np.iinfo(np.uint8).max:  # 8-bit files use their type
        return 0.0, False
    at_top = _share_at(light, top)
    if top >= limit:
        return at_top, True
    if at_top < LEAST_PLATEAU:
        return at_top, False
    bands = [light[rows] for rows in row_bands(light.shape)]
    near = _count_from(bands, top - JUST_BELOW * (top - bottom))
    return at_top, 2 * _count_from(bands, top) > near


def _share_at(light: NDArray[Any], top: float) -> float:
    """Return the share of pixels that reach a value in any channel."""
    some = light[::4] if min(light.shape[:2]) > MANY else light
    bands = [some[rows] for rows in row_bands(some.shape)]
    if some.ndim == 3:
        bands = [reduce(np.maximum, cv2.split(band)) for band in bands]
    return _count_from(bands, top) / math.prod(some.shape[:2])


def _count_from(bands: list[NDArray[Any]], value: float) -> int:
    """Count the values from one on."""
    if bands[0].dtype.kind in "ui":
        value = math.ceil(value)  # with a fraction, NumPy would turn all values into float64
    return sum(int(np.count_nonzero(band >= value)) for band in bands)
