"""Every parameter once: its name, default, bounds and the sentence that explains it.

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
"""Pixels a side under which a part of the field shows too little to judge motion by."""


def _parameter(default: Any, explanation: str, **bounds: Any) -> Any:
    return dataclasses.field(default=default, metadata={"help": explanation, **bounds})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Parameters of one run, checked when made.

    Attributes
    ----------
    method : {"pyramid", "depth", "laplacian"}
        Fusion of many frequency bands; the plane in focus; or the first release's method.
    align : {"auto", "none", "shift", "similarity", "affine", "homography"}
        Model of the motion.
    reference : int, "middle" or "first"
        Plane that the others are aligned to, counted from 0.
    gaussian, laplacian : int
        Sizes of the filters of method "laplacian", odd, in pixels.
    brightness : {"auto", "match", "keep"}
        Whether planes are brought to the brightness of the reference.
    align_region : tuple of int or None
        First row, end row, first column, end column that alignment is confined to.
    crop : bool
        Whether results are cut to the part that all planes recorded.
    values : {"fused", "recorded"}
        Whether pixels may lie between recorded values.
    occlusion : {"auto", "off"}
        Whether foreground blur is removed from the background.
    z_step : float or None
        Distance of neighbouring planes, in the unit of the pixel size.
    memory : int or None
        Bytes that the process may take; text such as "1.5GB" is converted.
    threads : int or None
        Threads that work at a time.

    Raises
    ------
    SettingsError
        A value outside the bounds that the field's metadata gives.
    """

    method: FusionMethod = _parameter(
        "pyramid",
        "How planes become one image: 'pyramid' (Laplacian pyramid, chosen by local energy), "
        "'depth' (each pixel from the plane that is in focus there) "
        "or 'laplacian' (the original: blur, Laplacian, largest absolute value wins).",
        choices=METHODS,
    )
    align: MotionModel = _parameter(
        "auto",
        "Motion that is undone between planes: 'auto' chooses the least that explains it; "
        "'similarity' shifts, turns and magnifies, 'affine' also shears, 'homography' also tilts.",
        choices=ALIGNS,
    )
    reference: int | Literal["middle", "first"] = _parameter(
        "middle",
        "Plane the others are aligned to and whose brightness the result has: "
        "'middle', 'first' or a number counted from 0.",
    )
    gaussian: int = _parameter(
        5,
        "Size of the Gaussian blur before the Laplacian, odd, in pixels (method 'laplacian').",
        minimum=1,
        odd=True,
    )
    laplacian: int = _parameter(
        5,
        "Size of the Laplacian kernel, odd, at most 31 (method 'laplacian').",
        minimum=1,
        maximum=31,
        odd=True,
    )
    brightness: BrightnessMode = _parameter(
        "auto",
        "Whether every plane is brought to the reference plane's brightness: 'auto' does so for "
        "photographs (8-bit or colour), not for measured intensities (grey 16-bit or float).",
        choices=BRIGHTNESS,
    )
    align_region: tuple[int, int, int, int] | None = _parameter(
        None,
        "Part of the field that motion is judged by, where a clip or a bubble moves otherwise: "
        "first row, end row, first column, end column, in pixels of the reference plane.",
        box=True,
    )
    crop: bool = _parameter(
        False,
        "Cut the results to what all planes recorded; a plane that would take too much of the "
        "field away does not count.",
        switch=True,
    )
    values: ValuesMode = _parameter(
        "fused",
        "What a pixel of the result may be: 'fused' lets it lie between what planes recorded, "
        "'recorded' takes the nearest value that some plane recorded there (method 'pyramid'; the "
        "other methods do so anyway).",
        choices=VALUES,
    )
    occlusion: OcclusionMode = _parameter(
        "auto",
        "What is near blurs over what lies behind it: 'auto' undoes that where the planes are "
        "explained better by it, 'off' leaves it (method 'pyramid' with fused values).",
        choices=OCCLUSION,
    )
    z_step: float | None = _parameter(
        None,
        "Distance between neighbouring planes, in the unit of the pixel size (micrometres where "
        "the files name none); taken from the files where they say it.",
        above=0.0,
    )

    memory: int | None = _parameter(
        None,
        "Memory that the whole process may take, as in 1.5GB: a stack that needs more is fused "
        "tile by tile and its results lie in temporary files; by default most of what is free.",
        size=True,
    )
    threads: int | None = _parameter(
        None,
        "Threads that work at a time, 1 to 64; by default one for each processor, 8 at most.",
        minimum=1,
        maximum=MOST_THREADS,
    )

    def __post_init__(self) -> None:
        """Check every field against its metadata; NumPy's scalars become plain ones."""
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, checked(field, getattr(self, field.name)))

    @classmethod
    def from_options(cls, **options: Any) -> Settings:
        """Return settings from options, the rest at their defaults.

        `gaussian` or `laplacian` without `method` chooses the method they belong to.

        Parameters
        ----------
        **options
            Fields of `Settings`. None stands for "not given".

        Raises
        ------
        SettingsError
            An option that does not exist, or a value outside its bounds.
        """
        return cls().updated(**options)

    def updated(self, **options: Any) -> Settings:
        """Return these settings with some options changed; see `from_options`.

        Parameters
        ----------
        **options
            Fields by name; None leaves a field as it is.

        Returns
        -------
        Settings
            Checked anew.

        Raises
        ------
        SettingsError
            An option that does not exist or is out of bounds.
        """
        names = {field.name for field in dataclasses.fields(self)}
        for name in options:
            if name not in names:
                raise SettingsError(
                    f"There is no parameter '{name}'; choose from {', '.join(sorted(names))}."
                )
        given = {name: value for name, value in options.items() if value is not None}
        if given.keys() & {"gaussian", "laplacian"}:
            given.setdefault("method", "laplacian")
        return dataclasses.replace(self, **given)

    def reference_plane(self, n: int) -> int:
        """Return the number of the reference plane.

        Parameters
        ----------
        n : int
            Planes in the stack.

        Returns
        -------
        int
            From 0 to n - 1.

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
            It reaches beyond the field, or a side is under 32 pixels.
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
        """Whether pixels are picked from the planes once the result is known."""
        return self.method == "depth" or (self.method == "pyramid" and self.values == "recorded")

    @property
    def removes_occlusion(self) -> bool:
        """Whether the blur of what is near is taken from what lies behind it."""
        return self.method == "pyramid" and not self.picks and self.occlusion == "auto"

    def as_dict(self) -> dict[str, Any]:
        """Return a plain dictionary for JSON.

        Returns
        -------
        dict
            Every field by its name.
        """
        return dataclasses.asdict(self)
