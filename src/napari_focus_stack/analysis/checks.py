"""What is given beside a result, checked, and what of the result it is about."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError, SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.transforms import Matrix
    from napari_focus_stack.result import StackResult


def planes_used(result: StackResult) -> NDArray[np.intp]:
    """Numbers of the planes that took part."""
    transforms: Matrix = result.transforms
    return np.flatnonzero(np.isfinite(transforms).all((1, 2)))


def check_same_stack(
    shape: tuple[int, ...], result: StackResult, what: str = "This stack is"
) -> None:
    """Raise `InputError` unless data have the shape that the result was made of."""
    wanted = tuple(result.report.shape[:3])
    if shape != wanted:
        raise InputError(
            f"{what} of shape {shape}, but the result was made of {wanted} (planes, rows, "
            "columns); apply it to data of the same field only."
        )


def whole_number(name: str, value: Any, least: int) -> int:
    """Return a parameter as an integer of at least so much, or raise `SettingsError`."""
    try:
        number = operator.index(value)
    except TypeError as problem:
        raise SettingsError(f"{name} {value!r} must be a whole number of planes.") from problem
    if number < least:
        raise SettingsError(f"{name} {number} must be {least} or more.")
    return number


def checked_offset(offset: Any, result: StackResult) -> int:
    """Return an offset in planes that some plane of the stack is at, or raise `SettingsError`."""
    planes = len(result.transforms)
    number = whole_number("offset", offset, 1 - planes)
    if number >= planes:
        raise SettingsError(f"offset {number} leads out of a stack of {planes} planes; give less.")
    return number


def check_neighbours(result: StackResult, needed: bool) -> None:
    """Raise `SettingsError` where planes above and below are needed and not in order."""
    if needed and not result.report.in_order:
        raise SettingsError(
            "The planes of this stack are not in the order of their focus, so that there is no "
            "plane above or below; set offset and half_slab to 0."
        )


def plane_of(plane: int | None, result: StackResult) -> int:
    """Return the number of a plane that took part, or raise `SettingsError`."""
    if plane is None:
        raise SettingsError("What has no z lies on one plane; say on which with plane.")
    k = whole_number("plane", plane, 0)
    if k >= len(result.transforms):
        raise SettingsError(
            f"plane {k} is not in a stack of {len(result.transforms)}; they count from 0."
        )
    if not np.isfinite(result.transforms[k]).all():
        raise SettingsError(f"plane {k} was left out of the result; choose another.")
    return k
