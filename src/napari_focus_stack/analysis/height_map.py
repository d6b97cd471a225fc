"""Height maps as measurements take them: calibrated heights, and which of them are sure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.wording import format_unit
from napari_focus_stack.analysis.height_uncertainty import standard_uncertainty
from napari_focus_stack.depth.confidence import TRUSTED
from napari_focus_stack.errors import InputError, SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.result import StackResult

PIXEL, PLANE = "pixel", "plane"
"""Units of distances whose pixel size is unknown, and of heights whose z step is unknown."""


@dataclass(frozen=True, eq=False, kw_only=True)
class HeightMap:
    """Heights of a surface, with their calibration and their confidence.

    Only sure heights count in measurements: those that are finite and whose confidence is at least
    `least_confidence`.

    Attributes
    ----------
    heights : numpy.ndarray
        (Y, X) float32 in `unit`, rising towards the planes of higher numbers; NaN where there is
        none.
    confidence : numpy.ndarray or None
        (Y, X) float32, 0 to 1; None where it is unknown and every height counts.
    pixel_size : tuple of float
        Size of a pixel along y and x, in `pixel_unit`.
    unit : str
        Unit of heights, for example "micrometer"; "plane" where the z step is unknown.
    pixel_unit : str
        Unit of distances along the surface; "pixel" where the pixel size is unknown.
    z_step : float
        Distance between neighbouring planes, in `unit`; NaN where it is unknown.
    depth_unit : float
        Planes over which fine detail stays sharp, at least 1, to which confidence refers.
    scale_uncertainty : float
        Relative standard uncertainty of the z scale, from its calibration.
    least_confidence : float
        Least confidence of a height that counts, 0 to 1.

    Raises
    ------
    InputError
        Heights or confidence are no maps of one shape.
    SettingsError
        A number is out of bounds.
    """

    heights: NDArray[np.float32]
    confidence: NDArray[np.float32] | None = None
    pixel_size: tuple[float, float] = (1.0, 1.0)
    unit: str = PLANE
    pixel_unit: str = PIXEL
    z_step: float = math.nan
    depth_unit: float = 1.0
    scale_uncertainty: float = 0.0
    least_confidence: float = TRUSTED

    def __post_init__(self) -> None:
        """Check shapes and numbers."""
        heights, confidence = self.heights, self.confidence
        if heights.ndim != 2 or heights.dtype.kind not in "uif":
            raise InputError(
                f"A height map of shape {heights.shape} and type {heights.dtype} cannot be "
                "measured; give numbers with the axes y, x."
            )
        if confidence is not None and confidence.shape != heights.shape:
            raise InputError(
                f"A confidence map of shape {confidence.shape} does not fit a height map of shape "
                f"{heights.shape}; give the two of one result."
            )
        self._check_confidence()
        if len(self.pixel_size) != 2 or not all(0 < size < math.inf for size in self.pixel_size):
            raise SettingsError(f"pixel_size {self.pixel_size} must be two numbers above 0.")
        if not 0 <= self.least_confidence <= 1:
            raise SettingsError(f"least_confidence {self.least_confidence} must be 0 to 1.")
        if not (math.isnan(self.z_step) or 0 < self.z_step < math.inf):
            raise SettingsError(f"z_step {self.z_step} must be a number above 0, or NaN.")
        if not 1 <= self.depth_unit < math.inf:
            raise SettingsError(f"depth_unit {self.depth_unit} must be 1 plane or more.")
        if not 0 <= self.scale_uncertainty < math.inf:
            raise SettingsError(f"scale_uncertainty {self.scale_uncertainty} must be 0 or more.")

    def _check_confidence(self) -> None:
        """Refuse a confidence in other numbers, of which all would count."""
        if self.confidence is None or not self.confidence.size:
            return
        ends = np.nanmin(self.confidence, initial=0), np.nanmax(self.confidence, initial=0)
        if ends[0] < 0 or ends[1] > 1:
            raise InputError(
                f"A confidence of {ends[0]:g} to {ends[1]:g} cannot be compared with the least "
                "confidence; give numbers of 0 to 1."
            )

    @classmethod
    def of_result(cls, result: StackResult, least_confidence: float = TRUSTED) -> HeightMap:
        """Return the height map of a result.

        Parameters
        ----------
        result : StackResult
            Its heights are measured, or its depth in planes if the z step is unknown.
        least_confidence : float
            Least confidence of a height that counts, 0 to 1.

        Returns
        -------
        HeightMap
            Heights with the calibration of the report.
        """
        known, calibration = result.report.spacing, result.report.z_calibration
        y, x, z = (known.get(axis) for axis in "yxz")
        calibrated = result.height is not None
        unit = str(known.get("unit") or "micrometer")
        return cls(
            heights=result.depth if result.height is None else result.height,
            confidence=result.confidence,
            pixel_size=(1.0, 1.0) if y is None or x is None else (float(y), float(x)),
            unit=unit if calibrated else PLANE,
            pixel_unit=PIXEL if y is None or x is None else unit,
            z_step=float(z) if calibrated and z is not None else math.nan,
            depth_unit=result.report.depth_unit,
            scale_uncertainty=float(calibration.get("uncertainty", 0.0)),
            least_confidence=least_confidence,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.heights.shape
        return rows, columns

    @property
    def plane_height(self) -> float:
        """Distance between neighbouring planes in `unit`: 1 where heights are in planes."""
        return 1.0 if math.isnan(self.z_step) else self.z_step

    @property
    def has_plane_height(self) -> bool:
        """Whether the height of a plane is known, by which uncertainties are scaled."""
        return self.unit == PLANE or not math.isnan(self.z_step)

    @property
    def is_isometric(self) -> bool:
        """Whether heights and distances along the surface have one unit."""
        return self.unit == self.pixel_unit

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """(Y, X) bool: the heights that count."""
        finite = np.isfinite(self.heights)
        return finite if self.confidence is None else finite & self._sure

    @property
    def _sure(self) -> NDArray[np.bool_]:
        assert self.confidence is not None
        return np.asarray(self.confidence >= self.least_confidence)

    @cached_property
    def uncertainty(self) -> NDArray[np.float32] | None:
        """(Y, X) float32: standard uncertainty of each height in `unit`, without that of the scale.

        None where confidence is unknown, or the z step of heights that are lengths.
        """
        if self.confidence is None or not self.has_plane_height:
            return None
        unit = self.depth_unit * self.plane_height
        return standard_uncertainty(self.heights, self.confidence, unit)

    def counted_in(self, region: NDArray[Any] | None) -> NDArray[np.bool_]:
        """Return which heights of a region count.

        Parameters
        ----------
        region : numpy.ndarray or None
            (Y, X) bool; None for the whole field.

        Returns
        -------
        numpy.ndarray
            (Y, X) bool.

        Raises
        ------
        InputError
            The region has another shape, or none of its heights counts.
        """
        if region is None:
            inside = self.counted
        elif region.shape != self.shape:
            raise InputError(
                f"A region of shape {region.shape} does not fit a height map of shape "
                f"{self.shape}; draw it on this result."
            )
        else:
            inside = self.counted & region.astype(bool, copy=False)
        if not inside.any():
            raise InputError(
                "No height there is sure enough to count; choose another region or a lower least "
                f"confidence than {self.least_confidence:g}."
            )
        return inside

    def share_in(self, region: NDArray[Any] | None) -> float:
        """Return the share of a region whose heights count.

        Parameters
        ----------
        region : numpy.ndarray or None
            (Y, X) bool; None for the whole field.

        Returns
        -------
        float
            0 to 1.
        """
        whole = self.heights.size if region is None else np.count_nonzero(region)
        return float(np.count_nonzero(self.counted_in(region)) / max(whole, 1))

    def require_isometric(self, what: str) -> None:
        """Refuse a measurement that needs heights and distances in one unit.

        Parameters
        ----------
        what : str
            Name of the measurement, as the subject of a sentence.

        Raises
        ------
        InputError
            The z step or the pixel size is unknown, or their units differ.
        """
        if not self.is_isometric:
            unknown = {"the pixel size": self.pixel_unit == PIXEL, "the z step": self.unit == PLANE}
            missing = " and ".join([name for name, lacks in unknown.items() if lacks] or unknown)
            raise InputError(
                f"{what} needs heights and pixels in one unit, and they are in "
                f"{format_unit(self.unit)} and {format_unit(self.pixel_unit)}; give {missing}."
            )


def as_height_map(source: HeightMap | StackResult) -> HeightMap:
    """Return the height map of anything that has one.

    Parameters
    ----------
    source : HeightMap or StackResult
        A height map is returned as it is.

    Returns
    -------
    HeightMap
        Heights with their calibration.

    Raises
    ------
    InputError
        The source is something else, such as an array without a calibration.
    """
    if isinstance(source, HeightMap):
        return source
    if not (hasattr(source, "report") and hasattr(source, "depth")):
        raise InputError(
            f"A {type(source).__name__} has no calibrated heights; give a result, a HeightMap, or "
            "the height_map of opened heights."
        )
    return HeightMap.of_result(source)
