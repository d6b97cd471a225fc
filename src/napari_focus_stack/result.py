"""Progress, result and report of a run."""

from __future__ import annotations

import dataclasses
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_focus_stack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Step = Literal["align", "measure", "fuse", "restore", "project"]
_DOING: dict[Step, str] = {
    "align": "Aligning",
    "measure": "Measuring noise in",
    "fuse": "Fusing",
    "restore": "Restoring the background in",
    "project": "Projecting",
}


@dataclass(frozen=True)
class Progress:
    """Progress of a run, before one plane.

    Attributes
    ----------
    step : {"align", "measure", "fuse", "restore", "project"}
        Current step.
    plane : int
        Number of the plane, counted from 0.
    planes : int
        Number of planes in the stack.
    done : int
        Planes done, over all steps.
    total : int
        Planes planned, over all steps: there are more once a foreground is found to hide a
        background.
    """

    step: Step
    plane: int
    planes: int
    done: int
    total: int

    def __str__(self) -> str:
        """Return a sentence for a progress bar."""
        last = self.planes - 1
        return f"{_DOING[self.step]} plane {self.plane} of 0 to {last}"


@dataclass(frozen=True)
class LeftOut:
    """Plane that was left out of a run.

    Attributes
    ----------
    plane : int
        Number of the plane.
    name : str
        Name of the plane.
    reason : str
        Why it was left out, as the end of a sentence.
    """

    plane: int
    name: str
    reason: str


@dataclass
class Report:
    """Report of a run: what was done, and findings for the user.

    Attributes
    ----------
    version : str
        Version of napari-focus-stack.
    settings : dict
        All parameters of the run.
    planes : list of str
        Names of the planes, in the order of their numbers.
    shape : list of int
        Shape of the stack as it was read, planes first.
    dtype : str
        Data type of the stack as it was read.
    reference : int
        Number of the reference plane.
    align : str
        Motion model that was used, also if `auto` selected it.
    transforms : numpy.ndarray
        (n, 3, 3) float64, as in `StackResult`; NaN for a plane left out.
    residuals : list of float or None
        For each plane, 1 minus the correlation with its neighbour after alignment, both
        band-passed.
    motion : dict
        Support of the motion by texture, between `neighbours` and with the `reference` plane:
        number of `regions` with texture in both planes, part of them that fit `better` with the
        motion, and part of their `mismatch` that is `left`. Empty if motion was not estimated or
        not found.
    gains : list of float or None
        For each plane, factor that brings it to the reference plane's brightness, as applied or,
        if none was applied, as found.
    offsets : list of float or None
        For each plane, grey levels to add after the gain.
    gain_spreads : list of float or None
        For each plane, spread of the gain over the places that agree most, or its difference
        between paths to the reference plane. A gain that differs from 1 by less than 0.003 plus
        twice the spread is no drift.
    gains_applied : bool
        Whether the fusion used gains and offsets.
    in_order : bool
        Whether planes that follow each other are neighbours in focus.
    left_out : list of LeftOut
        Planes that were left out.
    marks : list of list of int
        Rows and columns of hot and dead pixels of the sensor, which were filled in every plane.
    dust : list of list of int
        Rectangles of the sensor under dust, which count as not recorded in any plane: first row,
        end row, first column, end column.
    specks : list of list of int
        Plane, row and column of single pixels that stand out in that plane alone, as cosmic rays
        do; they were filled in from around.
    intensities : dict
        What was done to values: `selected` (each pixel is a plane's own), `interpolated` (planes
        were moved), `evened_out` (largest change of brightness, as a share), `averaged_planes`
        (mean number of planes in a pixel), `clipped` (share of pixels limited to the range that
        planes recorded there), `replaced` (number of hot, dead or hit pixels filled in).
    crop : list of int or None
        Part of the reference plane that cropped results show: first row, end row, first column,
        end column.
    spacing : dict
        Pixel size, z step and unit, where known. The z step includes the factor of
        `z_calibration`.
    z_calibration : dict
        `factor` by which distances between planes exceed those of the focus drive, its relative
        standard `uncertainty`, and `drive_step`, the z step before the factor. Empty where the
        distances are taken as they are.
    depth_unit : float
        Planes over which fine detail stays sharp, at least 1: the unit in which confidence stands
        for an error.
    health : dict
        Quality of the recording: noise, sampling, saturation; see `Health`.
    occlusion : dict
        Whether a background was restored behind a foreground (`found`). If not, the reason
        (`why`). If so, the front end of the stack (`near_end`), the share of the edges of objects
        in front that are sharpest there (`share_at_end`), the pixels by which the radius of
        the blur increases with each plane (`blur_per_plane`), the power of pixel values to which
        light is proportional (`gamma`), the part of the image that was changed (`share`), the part
        of its light that was removed (`mean_cover`), and boxes of changed pixels in the reference
        plane (`regions`): first row, end row, first column, end column. Depth may have changed up
        to 128 pixels beyond.
    advice : dict of str to list of str
        For each aspect of the recording, recommendations for the next one; none if it is good.
    notes : list of str
        All of these sentences, and others for the user on assumptions, conversions and doubts.
    inputs : list of str
        Absolute paths of the files of the planes, each once; empty for arrays.
    place : dict
        Place of the stack in a series: path (`series`), numbers and names of `position`, `time` and
        `channel`, and the `pattern` and `axes` that were given. Empty for a stack of its own.
    series : dict
        What was done beyond the stack: `settings`, `lead` (name of the lead channel), `pooled`
        (time points whose planes were averaged for the depth) and `drift` (x, y in pixels that was
        removed). Empty for a stack of its own.
    """

    version: str
    settings: dict[str, Any]
    planes: list[str]
    shape: list[int]
    dtype: str
    reference: int
    align: str
    transforms: NDArray[np.float64]
    residuals: list[float | None]
    gains: list[float | None]
    offsets: list[float | None]
    gains_applied: bool
    in_order: bool
    motion: dict[str, float] = field(default_factory=dict)
    gain_spreads: list[float | None] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    marks: list[list[int]] = field(default_factory=list)
    dust: list[list[int]] = field(default_factory=list)
    specks: list[list[int]] = field(default_factory=list)
    intensities: dict[str, Any] = field(default_factory=dict)
    crop: list[int] | None = None
    spacing: dict[str, Any] = field(default_factory=dict)
    z_calibration: dict[str, Any] = field(default_factory=dict)
    depth_unit: float = 1.0
    health: dict[str, Any] = field(default_factory=dict)
    occlusion: dict[str, Any] = field(default_factory=dict)
    advice: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    place: dict[str, Any] = field(default_factory=dict)
    series: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return a plain dictionary for JSON.

        Returns
        -------
        dict
            All fields by name; the transform of a plane that was left out is None.
        """
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        plain["left_out"] = [dataclasses.asdict(plane) for plane in self.left_out]
        plain["transforms"] = [
            matrix.tolist() if np.isfinite(matrix).all() else None for matrix in self.transforms
        ]
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Report:
        """Return the report of a plain dictionary: the inverse of `as_dict`.

        Parameters
        ----------
        plain : mapping
            Fields by name, from `as_dict` or from JSON. Other keys are ignored. Fields with a
            default may be missing, and `residuals`, which are then None for every plane.

        Returns
        -------
        Report
            The report, which shares no data with `plain`.

        Raises
        ------
        InputError
            Another field is missing, or a field is damaged.
        """
        known = {
            f.name: deepcopy(plain[f.name]) for f in dataclasses.fields(cls) if f.name in plain
        }
        missing = [name for name in _NEEDED if name not in known]
        if missing:
            raise InputError(f"The report lacks {', '.join(missing)}; stack again.")
        lost = np.full((3, 3), np.nan)
        try:
            matrices = [lost if matrix is None else matrix for matrix in known["transforms"]]
            known["transforms"] = np.array(matrices, np.float64).reshape(-1, 3, 3)
            known["left_out"] = [LeftOut(**plane) for plane in known.get("left_out", ())]
        except (TypeError, ValueError, OverflowError) as problem:
            why = "no transforms, or no list of planes that were left out"
            raise InputError(f"The report is damaged ({why}); stack again.") from problem
        known.setdefault("residuals", [None] * len(matrices))
        return cls(**known)


_NEEDED = [
    f.name
    for f in dataclasses.fields(Report)
    if f.default is f.default_factory is dataclasses.MISSING and f.name != "residuals"
]
"""Fields that a dictionary must have to be a report."""


@dataclass(frozen=True)
class StackResult:
    """One sharp image, the depth of each pixel, and the report of the run.

    Attributes
    ----------
    image : numpy.ndarray
        (Y, X[, C]) in the dtype of the input.
    depth_index : numpy.ndarray
        (Y, X) uint16: number of the plane in focus at each pixel, 0 to n - 1.
    depth : numpy.ndarray
        (Y, X) float32: the same with sub-plane precision, in planes.
    height : numpy.ndarray or None
        (Y, X) float32: depth times z step, in the unit of the source; None without a z step.
    confidence : numpy.ndarray
        (Y, X) float32, 0 (depth is a guess) to 1.
    transforms : numpy.ndarray
        (n, 3, 3) float64: from a pixel (x, y, 1) of the reference plane to the pixel of plane k
        that shows the same point; NaN for a plane left out. Pixel (0, 0) of cropped results is the
        reference plane's pixel at the start of `report.crop`.
    report : Report
        Steps and findings of the run.
    """

    image: NDArray[Any]
    depth_index: NDArray[np.uint16]
    depth: NDArray[np.float32]
    height: NDArray[np.float32] | None
    confidence: NDArray[np.float32]
    transforms: NDArray[np.float64]
    report: Report

    @property
    def origin(self) -> tuple[int, int]:
        """Row and column of the reference plane at which the results start."""
        return crop_corner(self.report.crop)

    def __repr__(self) -> str:
        """Return one line with sizes, planes and motion model, without pixels."""
        image, report = self.image, self.report
        size = " x ".join(str(side) for side in image.shape)
        used = len(report.planes) - len(report.left_out)
        height = "None" if self.height is None else (report.spacing.get("unit") or "calibrated")
        return (
            f"StackResult(image={size} {image.dtype}, planes={used} of {len(report.planes)}, "
            f"align='{report.align}', height={height}, notes={len(report.notes)})"
        )


def crop_corner(crop: Sequence[int] | None) -> tuple[int, int]:
    """Return the row and the column of the reference plane at which cropped results start.

    Parameters
    ----------
    crop : sequence of int or None
        `Report.crop`: first row, end row, first column, end column; None where results are not
        cropped.

    Returns
    -------
    tuple of int
        First row and first column.
    """
    return (crop[0], crop[2]) if crop else (0, 0)
