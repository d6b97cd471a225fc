"""What a stack's planes tell about its recording; `advice` says what to do about it.

Planes are looked at once, while they are aligned; of each one only a few numbers are kept.
"""

from __future__ import annotations

import dataclasses
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._utils.memory import drop_pages
from napari_focus_stack._utils.threads import row_bands
from napari_focus_stack.depth.estimation import TRUSTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.alignment.result import Alignment
    from napari_focus_stack.imgproc.noise import Noise
    from napari_focus_stack.imgproc.pyramids import Plane

GUESS = 0.1
"""Confidence below which depth is what the surroundings suggest."""
AT_END = 0.25
"""Planes from the end of the range within which a peak may as well lie beyond it."""
LEAST_PLATEAU = 1e-3
"""Share of a plane's pixels at its own maximum from which on the sensor's end may be there."""
JUST_BELOW = 0.01
"""Part of a plane's range: a tail that ends by itself has more pixels there than at its maximum."""
ODD, MOST_ODD_EXPOSURES = 1.5, 0.25
"""Times as bright (or dark) as the usual plane from which on an exposure is odd, and the part of
the planes that can be."""
EMPTY = 0.03
"""Part of the median plane's contrast, as in alignment, under which a plane shows nothing."""


@dataclass
class Health:
    """What was seen of the recording; plain numbers, ready for JSON.

    Attributes
    ----------
    noise_constant, noise_slope : float
        Variance of a pixel at 0, and how much it grows with its value, in the planes' units.
    trusted : float
        Share of pixels with a confidence of 0.5 or more, 0 to 1.
    guessed : float
        Share of pixels whose depth is a guess (confidence under 0.1).
    at_first, at_last : float
        Share of the trusted pixels that are sharpest in the first or the last plane in use.
    peak_width : float or None
        Standard deviation of the focus curve, in planes, median over the trusted pixels.
    saturated : list of float
        One a plane: share of its pixels at the largest value that the sensor gives.
    empty : list of int
        Planes that show nothing.
    duplicates : list of list of int
        Runs of neighbouring planes that are equal in every pixel.
    brightness_drift : float
        Brightest by darkest plane, minus 1, where the light changed; else 0. Odd exposures do not
        count.
    odd_exposures : list of list
        Planes exposed otherwise than all others, each with how many times as bright it is.
    drift : float
        Pixels that the middle of the field moved over the stack.
    drift_share : float
        The same by the shorter side of a plane.
    magnification : float
        Largest by smallest size of the field over the stack, minus 1.
    """

    noise_constant: float
    noise_slope: float
    trusted: float
    guessed: float
    at_first: float
    at_last: float
    peak_width: float | None
    saturated: list[float] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)
    duplicates: list[list[int]] = field(default_factory=list)
    brightness_drift: float = 0.0
    odd_exposures: list[list[float]] = field(default_factory=list)
    drift: float = 0.0
    drift_share: float = 0.0
    magnification: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain dictionary, ready for JSON."""
        return dataclasses.asdict(self)


MANY = 1024
"""Side of a plane from which on some of its rows tell its contrast and what is saturated."""


@dataclass(frozen=True)
class _PlaneStats:
    """What is kept of one plane: its largest value, the share of pixels there, its brightness."""

    top: float
    at_top: float
    plateau: bool
    contrast: float
    level: float
    checksum: tuple[int, int]


class PlaneStatistics:
    """Takes down what each plane looks like, the first time it is read.

    Parameters
    ----------
    dtype : numpy.dtype
        Of the source: its largest value is where an integer sensor ends, if it uses all of it.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._limit = float(np.iinfo(dtype).max) if dtype.kind in "ui" else np.inf
        self._light = dtype.kind != "b"
        self._planes: dict[int, _PlaneStats] = {}

    def record(self, k: int, plane: NDArray[Any]) -> NDArray[Any]:
        """Take down plane `k`, (Y, X[, C]), and hand it on."""
        if k not in self._planes:
            self._planes[k] = _look(plane, self._limit)
        return plane

    def saturated(self, planes: int) -> list[float]:
        """Share of saturated pixels of each plane, 0 for one that was never looked at.

        The sensor ends at one value for all of them.
        """
        looks = list(self._planes.values())
        ends = [look.top for look in looks if look.plateau] if self._light else []
        end = max(ends, default=np.inf)
        brightest = max((look.top for look in looks), default=0.0)
        if end < brightest:  # others go beyond: it is the specimen that is so even
            end = np.inf
        ended = {k: look.at_top for k, look in self._planes.items() if look.top == end}
        return [ended.get(k, 0.0) for k in range(planes)]

    def span(self) -> float:
        """Range of brightness that the planes have, all but their extremes."""
        return max((look.contrast for look in self._planes.values()), default=0.0)

    def level(self) -> float:
        """Brightness of the usual pixel."""
        levels = [look.level for look in self._planes.values()]
        return float(np.median(levels)) if levels else 0.0

    def empty(self) -> list[int]:
        """Planes of next to no contrast."""
        contrasts = {k: look.contrast for k, look in sorted(self._planes.items())}
        least = EMPTY * float(np.median(list(contrasts.values()))) if contrasts else 0.0
        if least == 0:
            return []
        return [k for k, contrast in contrasts.items() if contrast < least]

    def duplicates(self) -> list[list[int]]:
        """Return runs of neighbouring planes that are the same to the last bit."""
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


def _look(plane: NDArray[Any], limit: float) -> _PlaneStats:
    light = plane if plane.ndim == 2 else plane[..., :3]  # alpha is no light
    checksum = _checksum(np.ascontiguousarray(plane))
    some = light[::8, ::8] if min(light.shape[:2]) > MANY else light[::4, ::4]
    known = some[np.isfinite(some)]
    if not known.size:
        return _PlaneStats(-np.inf, 0.0, False, 0.0, 0.0, checksum)
    grey = some if some.ndim == 2 else some.mean(-1)
    low, middle, high = (float(v) for v in np.nanpercentile(grey, (1, 50, 99)))
    top = float(light.max() if light.dtype.kind in "ui" else light[np.isfinite(light)].max())
    at_top, plateau = _plateau(light, top, float(known.min()), limit)
    return _PlaneStats(top, at_top, plateau, high - low, middle, checksum)


def _checksum(plane: NDArray[Any]) -> tuple[int, int]:
    """Return two numbers that planes share only if equal: of some rows exactly, of all their sum.

    A tenth of the time that a checksum of all of it takes.
    """
    words = plane.reshape(-1).view(np.uint8)
    end = words.size // 8 * 8
    some = zlib.crc32(words[end:].data, zlib.crc32(np.ascontiguousarray(plane[::16]).data))
    return some, int(words[:end].view(np.uint64).sum(dtype=np.uint64))


def _plateau(light: NDArray[Any], top: float, bottom: float, limit: float) -> tuple[float, bool]:
    """Share of pixels with a channel at the plane's maximum, and whether the sensor ended there."""
    if top == bottom and top < limit:
        return 0.0, False
    if top < limit <= np.iinfo(np.uint8).max:  # 8-bit files use their type
        return 0.0, False
    at_top = 1 - _share_below(light, top)
    if top >= limit:
        return at_top, True
    if at_top < LEAST_PLATEAU:
        return at_top, False
    near = int((light >= top - JUST_BELOW * (top - bottom)).sum())
    return at_top, 2 * int((light == top).sum()) > near


def _share_below(light: NDArray[Any], top: float) -> float:
    """Share of pixels that lie under a value in every channel."""
    if light.dtype.kind == "f":
        under = light < top
        return float((under if under.ndim == 2 else under.all(-1)).mean())
    some = light[::4] if min(light.shape[:2]) > MANY else light
    below = cv2.inRange(some, (0.0,) * 4, (top - 1,) * 4)
    return float(cv2.countNonZero(below) / below.size)


def examine(
    statistics: PlaneStatistics,
    noise: Noise,
    alignment: Alignment,
    gains: list[float | None],
    depth: Plane,
    confidence: Plane,
    peak_width: float | None,
    field: tuple[int, ...],
) -> Health:
    """Examine the planes of a run and its results.

    Parameters
    ----------
    statistics : PlaneStatistics
        Of every plane that took part.
    noise : Noise
        Noise of one channel.
    alignment : Alignment
        Transforms of the planes, and which of them took part.
    gains : list of float or None
        Brightness of the reference by that of each plane.
    depth, confidence : numpy.ndarray
        (Y, X) float32, the depth in the numbers of the whole stack.
    peak_width : float or None
        Median width of the focus curve (standard deviation), in planes.
    field : tuple of int
        Rows and columns of a plane; the maps may be cut.

    Returns
    -------
    Health
        Shares, widths and planes that the advice goes by.
    """
    planes, drifts = alignment.fitting, alignment.brightness_drifts
    transforms = alignment.transforms
    trusted = guessed = first = last = 0
    for rows in row_bands(depth.shape):  # maps of a large stack lie in files
        sure = depth[rows][confidence[rows] >= TRUSTED]
        trusted += sure.size
        guessed += int((confidence[rows] < GUESS).sum())
        first += int((sure < planes[0] + AT_END).sum())
        last += int((sure > planes[-1] - AT_END).sum())
        drop_pages(depth)
        drop_pages(confidence)
    odd = _odd(gains) if drifts else {}
    usual = [gain for k, gain in enumerate(gains) if gain is not None and k not in odd]
    drift = _moved(transforms[planes], field)
    return Health(
        noise_constant=float(noise.constant),
        noise_slope=float(noise.slope),
        trusted=trusted / confidence.size,
        guessed=guessed / confidence.size,
        at_first=first / max(trusted, 1),
        at_last=last / max(trusted, 1),
        peak_width=peak_width,
        saturated=statistics.saturated(len(gains)),
        empty=statistics.empty(),
        duplicates=statistics.duplicates(),
        brightness_drift=max(usual) / min(usual) - 1 if drifts and usual else 0.0,
        odd_exposures=[[k, times] for k, times in odd.items()],
        drift=drift,
        drift_share=drift / min(field),
        magnification=_magnified(transforms[planes]),
    )


def _odd(gains: list[float | None]) -> dict[int, float]:
    """Planes exposed otherwise than the rest, and how many times as bright as the rest they are."""
    known = {k: gain for k, gain in enumerate(gains) if gain is not None}
    usual = float(np.median(list(known.values()))) if known else 1.0
    odd = {k: usual / gain for k, gain in known.items() if abs(np.log(gain / usual)) > np.log(ODD)}
    return odd if len(odd) <= MOST_ODD_EXPOSURES * len(known) else {}


def _moved(transforms: NDArray[np.float64], shape: tuple[int, ...]) -> float:
    """Largest distance, along x and y, between the places of the middle of the field."""
    y, x = shape[0] / 2, shape[1] / 2
    places = transforms @ np.array([x, y, 1.0])
    places = places[:, :2] / places[:, 2:]
    return float(np.hypot(*np.ptp(places, axis=0)))


def _magnified(transforms: NDArray[np.float64]) -> float:
    """Largest by smallest size of the field, minus 1."""
    sizes = np.sqrt(np.abs(np.linalg.det(transforms[:, :2, :2])))
    return float(sizes.max() / sizes.min()) - 1
