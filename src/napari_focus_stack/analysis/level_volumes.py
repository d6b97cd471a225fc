"""Volumes of a surface above and below a level."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.wording import format_percentage
from napari_focus_stack.analysis.height_map import as_height_map
from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.result import StackResult

LEAST_SHARE = 0.9
"""Share of a region from which on what is missing of its volume is of no account."""


@dataclass(frozen=True)
class Volumes:
    """Volumes between a surface and a level.

    Attributes
    ----------
    above, below : float
        Volume of the surface over the level, and of the space under it down to the surface, both
        positive, in `unit`.
    uncertainty_above, uncertainty_below : float or None
        Largest standard uncertainty of each, in `unit`; None where that of heights is unknown.
    area_above, area_below : float
        Area seen from above of the heights over the level, and of the others, in `area_unit`.
    area_unmeasured : float
        Area of the region whose heights do not count, in `area_unit`; its volume is missing.
    share : float
        Share of the region whose heights counted, 0 to 1.
    unit, area_unit : str
        Units, for example "micrometer^3" and "micrometer^2".
    """

    above: float
    below: float
    uncertainty_above: float | None
    uncertainty_below: float | None
    area_above: float
    area_below: float
    area_unmeasured: float
    share: float
    unit: str
    area_unit: str

    @property
    def notes(self) -> list[str]:
        """A sentence where the volume of a part of the region is missing, or none."""
        if self.share >= LEAST_SHARE:
            return []
        return [
            f"Volumes and areas are those of {format_percentage(self.share)} of the region, whose "
            "heights are sure; the rest is missing, also in \N{PLUS-MINUS SIGN}. A lower least "
            "confidence lets more of it count."
        ]


def volumes(
    source: HeightMap | StackResult, level: float, region: NDArray[Any] | None = None
) -> Volumes:
    """Measure the volumes above and below a level.

    Parameters
    ----------
    source : HeightMap or StackResult
        Surface.
    level : float
        Height of the level, in the unit of heights.
    region : numpy.ndarray, optional
        (Y, X) bool; the whole field by default.

    Returns
    -------
    Volumes
        Volumes and areas of the heights that count.

    Raises
    ------
    InputError
        No height counts, or the region does not fit.
    SettingsError
        The level is no number.

    Notes
    -----
    Each pixel is a column of its own height. The uncertainties are those of errors that have the
    same sign in all pixels, because depth is smooth and its errors are shared by neighbours over
    distances that are unknown; independent errors would leave less. That of the z scale is added in
    quadrature.
    """
    if not math.isfinite(level):
        raise SettingsError(f"level {level} must be a number.")
    height_map = as_height_map(source)
    inside = height_map.counted_in(region)
    over = height_map.heights[inside].astype(np.float64) - level
    errors = None if height_map.uncertainty is None else height_map.uncertainty[inside]
    pixel = math.prod(height_map.pixel_size)
    is_above = over > 0
    above, below = (pixel * float(np.abs(over[side]).sum()) for side in (is_above, ~is_above))
    uncertain_above, uncertain_below = (
        _uncertainty(errors, side, pixel, volume * height_map.scale_uncertainty)
        for side, volume in ((is_above, above), (~is_above, below))
    )
    counted, raised = over.size, int(np.count_nonzero(is_above))
    whole = height_map.heights.size if region is None else int(np.count_nonzero(region))
    unit, area_unit = height_map.unit, f"{height_map.pixel_unit}^2"
    return Volumes(
        above=above,
        below=below,
        uncertainty_above=uncertain_above,
        uncertainty_below=uncertain_below,
        area_above=pixel * raised,
        area_below=pixel * (counted - raised),
        area_unmeasured=pixel * (whole - counted),
        share=height_map.share_in(region),
        unit=f"{unit}^3" if height_map.is_isometric else f"{unit} {area_unit}",
        area_unit=area_unit,
    )


def _uncertainty(
    errors: NDArray[np.float32] | None, side: NDArray[np.bool_], pixel: float, of_scale: float
) -> float | None:
    """Return the standard uncertainty of the volume of some pixels; None if it is unknown."""
    if errors is None:
        return None
    shared = pixel * float(errors[side].sum(dtype=np.float64))
    return math.hypot(shared, of_scale) if math.isfinite(shared) else None
