"""Progress, result and report of a run."""

from __future__ import annotations

import dataclasses
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_focus_stack._utils.wording import format_runs
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
        The step at hand.
    plane, planes : int
        Number of the plane, counted from 0, and of planes in the stack.
    done, total : int
        Planes done and in all, over every step, as far as they are known: there are more once a
        foreground is found to hide a background.
    """

    step: Step
    plane: int
    planes: int
    done: int
    total: int

    def __str__(self) -> str:
        """Return a sentence for a progress bar."""
        return f"{_DOING[self.step]} plane {self.plane} of {self.planes}"


@dataclass(frozen=True)
class LeftOut:
    """A plane that took no part, and why."""

    plane: int
    name: str
    reason: str


@dataclass
class Report:
    """Report of a run: what was done, and findings for the user.

    Attributes
    ----------
    version : str
        Of napari-focus-stack.
    settings : dict
        Every parameter of the run.
    planes : list of str
        Names of the planes, in the order of their numbers.
    shape, dtype : list of int, str
        Of the stack as it was read.
    reference : int
        Number of the reference plane.
    align : str
        The transform model that was used, which `auto` chose.
    transforms : numpy.ndarray
        (n, 3, 3) float64, as in `StackResult`; NaN for a plane left out.
    residuals : list of float or None
        One a plane: 1 minus the correlation with its neighbour after alignment, both band-passed.
    motion : dict
        What texture says of the motion, `neighbours` compared and planes with the `reference`: how
        many `regions` show texture in both, which part of them lies `better` with the motion, and
        the part of their `mismatch` that is `left`. Empty where motion was not looked for, or
        not found.
    gains : list of float or None
        One a plane: factor that brings it to the reference plane's brightness, as it was applied
        or, if none was, as it was found.
    offsets : list of float or None
        One a plane: what is to be added after the gain, in grey levels.
    gain_spreads : list of float or None
        One a plane: how far the places that agree most, or the ways to the reference, differ in the
        gain. A gain that differs from 1 by less than twice that and 0.003 is no drift.
    gains_applied : bool
        Whether the fusion used gains and offsets.
    in_order : bool
        Whether planes that follow each other are neighbours in focus.
    left_out : list of LeftOut
        Planes that took no part.
    marks : list of list of int
        Rows and columns of hot and dead pixels of the sensor, which were filled in in every plane.
    dust : list of list of int
        Rectangles of the sensor under dust, which count as not recorded in any plane: first row,
        end row, first column, end column.
    specks : list of list of int
        Plane, row and column of single pixels that stand out in that plane alone, as cosmic rays
        do; they were filled in from around.
    crop : list of int or None
        What of the reference plane the results show, if they were cut: first row, end row, first
        column, end column.
    spacing : dict
        Pixel size, z step and unit, as far as known.
    health : dict
        What the planes tell of their recording: noise, sampling, saturation; see `Health`.
    occlusion : dict
        Whether what is near hid something that was unmixed (`found`); if not, `why`; if so, which
        end of the stack is near (`near_end`), by how many pixels the radius of its blur grows with
        a plane (`blur_per_plane`), to which power of the values light goes (`gamma`), the `share`
        of the picture that was changed, the part of its light that was taken away (`mean_cover`),
        and `regions` of the image in pixels of the reference plane: first row, end row, first
        column, end column. Depth may have changed up to 128 pixels beyond.
    advice : dict of str to list of str
        Every subject of the recording that was judged, with what to do at the microscope; no
        sentence where all is well.
    notes : list of str
        All of these sentences, and others for the user: what was assumed, converted or doubtful.
    inputs : list of str
        Absolute paths of the files that the planes came from, each once; empty for arrays.
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
    crop: list[int] | None = None
    spacing: dict[str, Any] = field(default_factory=dict)
    health: dict[str, Any] = field(default_factory=dict)
    occlusion: dict[str, Any] = field(default_factory=dict)
    advice: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return a plain dictionary for JSON.

        Returns
        -------
        dict
            Every field by its name; a plane left out has None as its transform.
        """
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        plain["left_out"] = [dataclasses.asdict(plane) for plane in self.left_out]
        plain["transforms"] = [
            matrix.tolist() if np.isfinite(matrix).all() else None for matrix in self.transforms
        ]
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Report:
        """Return the report that a plain dictionary holds: the inverse of `as_dict`.

        Parameters
        ----------
        plain : mapping
            Fields by their names, as `as_dict` returns them or JSON holds them. Other keys are
            ignored. Fields that have a default may be missing, and `residuals`, which are then
            None for every plane.

        Returns
        -------
        Report
            It shares nothing with `plain`.

        Raises
        ------
        InputError
            Another field is missing.
        """
        known = {
            f.name: deepcopy(plain[f.name]) for f in dataclasses.fields(cls) if f.name in plain
        }
        missing = [name for name in _NEEDED if name not in known]
        if missing:
            raise InputError(f"The report lacks {', '.join(missing)}; stack again.")
        lost = np.full((3, 3), np.nan)
        matrices = [lost if matrix is None else matrix for matrix in known["transforms"]]
        known["transforms"] = np.array(matrices, np.float64)
        known["left_out"] = [LeftOut(**plane) for plane in known.get("left_out", ())]
        known.setdefault("residuals", [None] * len(matrices))
        return cls(**known)


_NEEDED = [
    f.name
    for f in dataclasses.fields(Report)
    if f.default is f.default_factory is dataclasses.MISSING and f.name != "residuals"
]
"""Fields without which there is no report."""


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
        (Y, X) float32: depth times z step, in the source's unit; None without a z step.
    confidence : numpy.ndarray
        (Y, X) float32, 0 (depth is a guess) to 1.
    transforms : numpy.ndarray
        (n, 3, 3) float64: takes a pixel (x, y, 1) of the reference plane to the pixel of plane k
        that shows the same point; NaN for a plane left out. Pixel (0, 0) of results that were cut
        is the reference plane's pixel at the start of `report.crop`.
    report : Report
        What was done and what looked wrong.
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
        """Row and column of the reference plane at which the results begin."""
        crop = self.report.crop
        return (0, 0) if crop is None else (crop[0], crop[2])

    def __repr__(self) -> str:
        """Return one line: sizes, planes and transform model, none of the pixels."""
        image, report = self.image, self.report
        size = " x ".join(str(side) for side in image.shape)
        used = len(report.planes) - len(report.left_out)
        height = "None" if self.height is None else (report.spacing.get("unit") or "calibrated")
        return (
            f"StackResult(image={size} {image.dtype}, planes={used} of {len(report.planes)}, "
            f"align='{report.align}', height={height}, notes={len(report.notes)})"
        )


def describe_left_out(left_out: Sequence[LeftOut]) -> list[str]:
    """Return one sentence for each reason: blank ends are many planes.

    Parameters
    ----------
    left_out : sequence of LeftOut
        Planes that took no part.

    Returns
    -------
    list of str
        Sentences for the user.
    """
    alike: dict[str, list[LeftOut]] = {}
    for one in left_out:
        alike.setdefault(one.reason, []).append(one)
    return [
        f"Plane {same[0].plane} ('{same[0].name}') was left out: {reason}."
        if len(same) == 1
        else f"Planes {format_runs([one.plane for one in same])} were left out, each because "
        f"{reason}."
        for reason, same in alike.items()
    ]
