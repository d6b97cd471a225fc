"""Quality of a recording, from its planes and its results; `advice` turns it into advice."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.memory import drop_pages
from napari_focus_stack._utils.threads import row_bands
from napari_focus_stack.depth.confidence import TRUSTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.alignment.result import Alignment
    from napari_focus_stack.diagnostics.plane_statistics import PlaneStatistics
    from napari_focus_stack.imgproc.noise import Noise
    from napari_focus_stack.imgproc.pyramids import Plane

GUESS = 0.1
"""Confidence below which depth is inferred from the surroundings."""
WELL_SURE = 0.6
"""Confidence that the best places of a noisy field do not reach: 0.05 % of the pixels of a film of
400 photons, and 0.7 % or more where a specimen is small, its background noisy and textured."""
AT_END = 0.25
"""Distance, in planes, from an end of the range within which a peak may as well lie beyond it."""
ODD, MOST_ODD_EXPOSURES = 1.5, 0.25
"""Ratio of brightness to that of the median plane, or its inverse, from which on an exposure is
odd, and the largest share of planes with an odd exposure."""


@dataclass
class Health:
    """Quality of a recording in plain numbers, ready for JSON.

    Attributes
    ----------
    noise_constant, noise_slope : float
        Variance of a pixel at value 0, and its increase per unit of the value.
    trusted : float
        Share of pixels with a confidence of 0.5 or more, 0 to 1.
    guessed : float
        Share of pixels whose depth is a guess (confidence below 0.1).
    well_sure : float
        Share of pixels with a confidence of 0.6 or more.
    at_first, at_last : float
        Share of the trusted pixels that are sharpest in the first or the last plane in use.
    peak_width : float or None
        Standard deviation of the focus curve, in planes, median over the trusted pixels.
    detail : list of float
        Root mean square of the finest detail of each plane, in grey levels; empty for planes too
        small to measure it.
    saturated : list of float
        Share of each plane's pixels at the largest value of the sensor.
    empty : list of int
        Planes that show nothing.
    duplicates : list of list of int
        Runs of neighbouring planes that are equal in every pixel.
    brightness_drift : float
        Ratio of the brightest to the darkest plane, minus 1, where illumination changed; else 0.
        Odd exposures do not count.
    odd_exposures : list of list
        Planes exposed differently from all others, each with its brightness over theirs.
    drift : float
        Distance, in pixels, by which the centre of the field moved over the stack.
    drift_share : float
        That distance over the shorter side of a plane.
    magnification : float
        Ratio of the largest to the smallest size of the field over the stack, minus 1.
    """

    noise_constant: float
    noise_slope: float
    trusted: float
    guessed: float
    well_sure: float
    at_first: float
    at_last: float
    peak_width: float | None
    detail: list[float] = field(default_factory=list)
    saturated: list[float] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)
    duplicates: list[list[int]] = field(default_factory=list)
    brightness_drift: float = 0.0
    odd_exposures: list[list[float]] = field(default_factory=list)
    drift: float = 0.0
    drift_share: float = 0.0
    magnification: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return a plain dictionary, ready for JSON.

        Returns
        -------
        dict
            Values by the names of the attributes.
        """
        return dataclasses.asdict(self)


def examine(
    statistics: PlaneStatistics,
    noise: Noise,
    alignment: Alignment,
    gains: list[float | None],
    depth: Plane,
    confidence: Plane,
    peak_width: float | None,
    detail: list[float],
    field: tuple[int, ...],
) -> Health:
    """Examine the planes of a run and its results.

    Parameters
    ----------
    statistics : PlaneStatistics
        Statistics of every plane that took part.
    noise : Noise
        Noise of one channel.
    alignment : Alignment
        Transforms of the planes, and which of them took part.
    gains : list of float or None
        Ratio of the brightness of the reference to that of each plane.
    depth, confidence : numpy.ndarray
        (Y, X) float32: depth in numbers of the whole stack's planes, and its confidence.
    peak_width : float or None
        Median width of the focus curve (standard deviation), in planes.
    detail : list of float
        Root mean square of the finest detail of each plane.
    field : tuple of int
        Rows and columns of a plane; the maps may be cropped.

    Returns
    -------
    Health
        Numbers on which the advice is based.
    """
    planes, drifts = alignment.fitting, alignment.brightness_drifts
    transforms = alignment.transforms
    trusted = guessed = well_sure = first = last = 0
    for rows in row_bands(depth.shape):  # maps of a large stack are memory-mapped files
        sure = depth[rows][confidence[rows] >= TRUSTED]
        trusted += sure.size
        guessed += int((confidence[rows] < GUESS).sum())
        well_sure += int((confidence[rows] >= WELL_SURE).sum())
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
        well_sure=well_sure / confidence.size,
        at_first=first / max(trusted, 1),
        at_last=last / max(trusted, 1),
        peak_width=peak_width,
        detail=detail,
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
    """Return the planes with an odd exposure, and their brightness over that of the others."""
    known = {k: gain for k, gain in enumerate(gains) if gain is not None}
    usual = float(np.median(list(known.values()))) if known else 1.0
    odd = {k: usual / gain for k, gain in known.items() if abs(np.log(gain / usual)) > np.log(ODD)}
    return odd if len(odd) <= MOST_ODD_EXPOSURES * len(known) else {}


def _moved(transforms: NDArray[np.float64], shape: tuple[int, ...]) -> float:
    """Return the length of the diagonal of the box in which the centre of the field moves."""
    y, x = shape[0] / 2, shape[1] / 2
    places = transforms @ np.array([x, y, 1.0])
    places = places[:, :2] / places[:, 2:]
    return float(np.hypot(*np.ptp(places, axis=0)))


def _magnified(transforms: NDArray[np.float64]) -> float:
    """Return the ratio of the largest to the smallest size of the field, minus 1."""
    sizes = np.sqrt(np.abs(np.linalg.det(transforms[:, :2, :2])))
    return float(sizes.max() / sizes.min()) - 1
