"""Parameters of a run, each with its name, default, bounds and explanation.

The command builds its options from these fields, the widget its controls and tooltips, and
`focus_stack` takes them as keywords.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, get_args

from napari_focus_stack.errors import SettingsError
from napari_focus_stack.setting_values import checked

FusionMethod = Literal["pyramid", "depth", "laplacian"]
MotionModel = Literal["auto", "none", "shift", "similarity", "affine", "homography"]
BrightnessMode = Literal["auto", "match", "keep"]
ValuesMode = Literal["fused", "recorded"]
OcclusionMode = Literal["auto", "off"]

METHODS: tuple[FusionMethod, ...] = get_args(FusionMethod)
ALIGNS: tuple[MotionModel, ...] = get_args(MotionModel)
BRIGHTNESS: tuple[BrightnessMode, ...] = get_args(BrightnessMode)
VALUES: tuple[ValuesMode, ...] = get_args(ValuesMode)
OCCLUSION: tuple[OcclusionMode, ...] = get_args(OcclusionMode)

MOST_THREADS = 64
LEAST_REGION = 32
"""Least side in pixels of a part of the field from which motion can be estimated."""


def _parameter(default: Any, explanation: str, **bounds: Any) -> Any:
    """Return a field with an explanation and bounds in its metadata."""
    return dataclasses.field(default=default, metadata={"help": explanation, **bounds})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Parameters of one run, which are checked when an instance is created.

    Attributes
    ----------
    method : {"pyramid", "depth", "laplacian"}
        Fusion of many frequency bands; the plane in focus; or the first release's method.
    align : {"auto", "none", "shift", "similarity", "affine", "homography"}
        Motion model.
    reference : int, "middle" or "first"
        Plane to which the others are aligned, counted from 0.
    gaussian, laplacian : int
        Sizes of the filters of method "laplacian", odd, in pixels.
    brightness : {"auto", "match", "keep"}
        Whether planes are brought to the brightness of the reference.
    align_region : tuple of int or None
        First row, end row, first column, end column of the part from which motion is estimated.
    crop : bool
        Whether results are cropped to the part that all planes recorded.
    values : {"fused", "recorded"}
        Whether pixels may lie between recorded values.
    occlusion : {"auto", "off"}
        Whether foreground blur is removed from the background.
    pixel_size : float or None
        Size of a pixel, in the unit of the files.
    z_step : float or None
        Distance of neighbouring planes, in the unit of the pixel size.
    z_factor : float
        Factor on distances along z.
    z_uncertainty : float
        Relative standard uncertainty of the z scale.
    memory : int or None
        Bytes that the run may use; text such as "1.5GB" is converted.
    threads : int or None
        Number of threads.

    Raises
    ------
    SettingsError
        A value is outside the bounds in the metadata of its field.
    """

    method: FusionMethod = _parameter(
        "pyramid",
        "How planes are put together: 'pyramid' (best for most: the sharpest detail of every "
        "size, from whichever plane shows it), 'depth' (each pixel from the one plane that is "
        "sharpest there) or 'laplacian' (that of the first release, for comparison).",
        choices=METHODS,
    )
    align: MotionModel = _parameter(
        "auto",
        "How planes are moved so that they lie over each other: 'auto' finds out what is needed, "
        "and leaves a still stack untouched; 'shift' only shifts, 'similarity' also turns and "
        "resizes, 'affine' also shears, 'homography' also tilts; 'none' leaves all as they lie.",
        choices=ALIGNS,
    )
    reference: int | Literal["middle", "first"] = _parameter(
        "middle",
        "Plane to which the others are aligned and whose brightness the result has: "
        "'middle', 'first' or a number counted from 0.",
    )
    gaussian: int = _parameter(
        5,
        "Size of the blur against noise before detail is measured, odd, in pixels (method "
        "'laplacian').",
        minimum=1,
        maximum=32767,
        odd=True,
    )
    laplacian: int = _parameter(
        5,
        "Size of the filter that measures detail, odd, at most 31 pixels (method 'laplacian').",
        minimum=1,
        maximum=31,
        odd=True,
    )
    brightness: BrightnessMode = _parameter(
        "auto",
        "Whether every plane is brought to the brightness of the reference plane: 'auto' does so "
        "for photographs (8-bit or colour), not for measured intensities (grey 16-bit or float).",
        choices=BRIGHTNESS,
    )
    align_region: tuple[int, int, int, int] | None = _parameter(
        None,
        "Part of the field from which motion is estimated, if a clip or a bubble moves "
        "differently: first row, end row, first column, end column, in pixels of the reference "
        "plane.",
        box=True,
    )
    crop: bool = _parameter(
        False,
        "Cut off the edges that some planes do not show, where they moved; a plane that would "
        "cost too much of the field is disregarded.",
        switch=True,
    )
    values: ValuesMode = _parameter(
        "fused",
        "Whether planes are blended where they meet ('fused'; smoothest), or every pixel has a "
        "value that one of the planes recorded there ('recorded'; for measured intensities). For "
        "method 'pyramid'; the other methods always take recorded values.",
        choices=VALUES,
    )
    occlusion: OcclusionMode = _parameter(
        "auto",
        "Removes the halo that a blurred object in front leaves on what lies behind it ('auto': "
        "only where the planes confirm it; 'off': nowhere). For method 'pyramid' with fused "
        "values.",
        choices=OCCLUSION,
    )
    pixel_size: float | None = _parameter(
        None,
        "Size of a pixel in the specimen, in the unit of the files (µm if they name none); by "
        "default that in the files.",
        above=0.0,
    )
    z_step: float | None = _parameter(
        None,
        "Distance between neighbouring planes, in the unit of the pixel size (µm if the files "
        "name none); by default the distance in the files.",
        above=0.0,
    )
    z_factor: float = _parameter(
        1.0,
        "Factor on distances along z, for example the refractive index of the water or resin that "
        "is focused through, divided by that of the objective's medium.",
        above=0.0,
    )
    z_uncertainty: float = _parameter(
        0.0,
        "Relative standard uncertainty of the z scale, for example 0.01 for 1 %, from its "
        "calibration with a step of known height.",
        least=0.0,
        below=1.0,
    )

    memory: int | None = _parameter(
        None,
        "Memory that the run may use, as in 1.5GB, 160 MB of it for Python and its libraries: a "
        "stack that needs more is fused tile by tile, with its results in temporary files; by "
        "default 8 GB, or half of the machine's memory if that is less.",
        size=True,
    )
    threads: int | None = _parameter(
        None,
        "Number of threads, 1 to 64; by default one for each processor, 8 at most.",
        minimum=1,
        maximum=MOST_THREADS,
    )

    def __post_init__(self) -> None:
        """Check every field against its metadata, and convert NumPy scalars."""
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, checked(field, getattr(self, field.name)))

    @classmethod
    def from_options(cls, **options: Any) -> Settings:
        """Create settings from options, with defaults for the others.

        `gaussian` or `laplacian` without `method` selects method "laplacian".

        Parameters
        ----------
        **options
            Fields of `Settings` by name; None means the default.

        Returns
        -------
        Settings
            Checked settings.

        Raises
        ------
        SettingsError
            An option does not exist or is out of bounds.
        """
        return cls().updated(**options)

    def updated(self, **options: Any) -> Settings:
        """Return these settings with some options changed, by the rules of `from_options`.

        Parameters
        ----------
        **options
            Fields by name; None leaves a field unchanged.

        Returns
        -------
        Settings
            Checked settings.

        Raises
        ------
        SettingsError
            An option does not exist or is out of bounds.
        """
        names = {field.name for field in dataclasses.fields(self)}
        for name in options:
            if name not in names:
                raise SettingsError(
                    f"There is no parameter '{name}'; choose from {', '.join(sorted(names))}."
                )
        changed = {name: value for name, value in options.items() if value is not None}
        if changed.keys() & {"gaussian", "laplacian"}:
            changed.setdefault("method", "laplacian")
        return dataclasses.replace(self, **changed)

    def reference_plane(self, n: int) -> int:
        """Return the number of the reference plane.

        Parameters
        ----------
        n : int
            Number of planes in the stack.

        Returns
        -------
        int
            0 to n - 1.

        Raises
        ------
        SettingsError
            `reference` is not one of the planes.
        """
        if self.reference == "middle":
            return n // 2
        if self.reference == "first":
            return 0
        if not 0 <= self.reference < n:
            raise SettingsError(
                f"reference {self.reference} is not in the stack of {n} planes; "
                f"choose 0 to {n - 1}, 'first' or 'middle'."
            )
        return self.reference

    def region_in(self, field: tuple[int, ...]) -> tuple[int, int, int, int] | None:
        """Return `align_region`, checked against a field.

        Parameters
        ----------
        field : tuple of int
            Rows and columns of a plane.

        Returns
        -------
        tuple of int or None
            First row, end row, first column, end column; None for the whole field.

        Raises
        ------
        SettingsError
            The region reaches beyond the field, or a side has less than 32 pixels.
        """
        if self.align_region is None:
            return None
        y0, y1, x0, x1 = self.align_region
        what = f"align_region {y0} {y1} {x0} {x1}"
        if y1 > field[0] or x1 > field[1]:
            raise SettingsError(
                f"{what} does not lie in the field of {field[0]} rows and {field[1]} columns; "
                "end it there."
            )
        if min(y1 - y0, x1 - x0) < LEAST_REGION:
            raise SettingsError(f"{what} must be {LEAST_REGION} pixels or more a side.")
        return self.align_region

    @property
    def picks(self) -> bool:
        """Whether pixels are taken from the planes after the result is known."""
        return self.method == "depth" or (self.method == "pyramid" and self.values == "recorded")

    @property
    def selects(self) -> bool:
        """Whether each pixel of the image is one plane's own."""
        return self.picks or self.method == "laplacian"

    @property
    def removes_occlusion(self) -> bool:
        """Whether foreground blur is removed from the background."""
        return self.method == "pyramid" and not self.picks and self.occlusion == "auto"

    def as_dict(self) -> dict[str, Any]:
        """Return a plain dictionary for JSON.

        Returns
        -------
        dict
            Every field by its name.
        """
        return dataclasses.asdict(self)

    def of_result(self) -> dict[str, Any]:
        """Return what a result depends on, for its report and its recipe.

        Returns
        -------
        dict
            As `as_dict`, without the number of threads, which changes no bit.
        """
        return {name: value for name, value in self.as_dict().items() if name != "threads"}
