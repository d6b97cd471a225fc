"""Every parameter once: its name, default, bounds and the sentence that explains it.

The command builds its options from these fields, the widget its controls and tooltips, and
`focus_stack` takes them as keywords.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from napari_focus_stack.errors import SettingsError

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
            object.__setattr__(self, field.name, _checked(field, getattr(self, field.name)))

    @classmethod
    def from_options(cls, **options: Any) -> Settings:
        """Settings from the options that were given, the rest at their defaults.

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
        """Settings with the options that were given, the rest as here; see `from_options`."""
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
        """Index of the reference plane in a stack of `n` planes.

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
        """`align_region`, which must lie in a field of `field` (Y, X) pixels.

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
        """Plain dictionary, ready for JSON."""
        return dataclasses.asdict(self)


def _checked(field: dataclasses.Field[Any], value: Any) -> Any:
    """Plain value of a field, ready for JSON."""
    bounds, name = field.metadata, field.name
    if "choices" in bounds:
        return _choice(name, value, bounds["choices"])
    if "size" in bounds:
        return None if value is None else _size(name, value)
    if "odd" in bounds:
        return _odd(name, value, bounds["minimum"], bounds.get("maximum"))
    if "switch" in bounds:
        return _switch(name, value)
    if "box" in bounds:
        return None if value is None else _box(name, value)
    if "above" in bounds:
        return None if value is None else _number_above(name, value, bounds["above"])
    if "maximum" in bounds:
        return None if value is None else _count(name, value, bounds["minimum"], bounds["maximum"])
    return _reference(value)


def _count(name: str, value: Any, least: int, most: int) -> int:
    count = _whole(value)
    if count is None or not least <= count <= most:
        raise SettingsError(f"{name} {value!r} must be a whole number from {least} to {most}.")
    return count


def _size(name: str, value: Any) -> int:
    """Bytes, from a number of them or from words such as '1.5 GB'."""
    size = (
        value if isinstance(value, int | float) and not isinstance(value, bool) else _whole(value)
    )
    if isinstance(value, str):
        words = re.fullmatch(r"\s*(\d+(?:[.,]\d+)?)\s*([kMGT]?)(i?)B?\s*", value, re.IGNORECASE)
        if words is not None:
            number, prefix, binary = words.groups()
            power = "KMGT".find(prefix.upper()) + 1 if prefix else 0
            size = float(number.replace(",", ".")) * (1024 if binary else 1000) ** power
    if size is None or not 1 <= size < 2**63:
        raise SettingsError(f"{name} {value!r} must be a size, as in 1.5GB or 800MB.")
    return int(size)


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise SettingsError(f"{name} {value!r} is unknown; choose from {', '.join(choices)}.")
    return str(value)


def _switch(name: str, value: Any) -> bool:
    if type(value).__name__ not in ("bool", "bool_"):  # NumPy's are named so
        raise SettingsError(f"{name} {value!r} must be true or false.")
    return bool(value)


def _box(name: str, value: Any) -> tuple[int, int, int, int]:
    given = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else []
    box = [whole for whole in map(_whole, given) if whole is not None]
    if len(given) != 4 or len(box) != 4 or not (0 <= box[0] < box[1] and 0 <= box[2] < box[3]):
        shown = " ".join(repr(value).split())  # an array's repr has several lines
        raise SettingsError(
            f"{name} {shown} must be four whole numbers from 0 on, each end beyond its start: "
            "first row, end row, first column, end column."
        )
    return box[0], box[1], box[2], box[3]


def _odd(name: str, value: Any, least: int, most: int | None) -> int:
    size = _whole(value)
    if size is None or size < least or size % 2 == 0 or (most is not None and size > most):
        bound = f"{least} or more" if most is None else f"from {least} to {most}"
        raise SettingsError(f"{name} {value!r} must be an odd number, {bound}.")
    return size


def _number_above(name: str, value: Any, bound: float) -> float:
    number = math.nan
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not bound < number < math.inf:
        raise SettingsError(f"{name} {value!r} must be a number above {bound:g}.")
    return number


def _reference(value: Any) -> str | int:
    if isinstance(value, str) and value in ("middle", "first"):
        return str(value)
    plane = _whole(value)
    if plane is None or plane < 0:
        raise SettingsError(
            f"reference {value!r} must be 'middle', 'first' or a plane's number, counted from 0."
        )
    return plane


def _whole(value: Any) -> int | None:
    """Whole number that a value is, NumPy's included; a truth value is none."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None
