"""Checks of data and options that are applied to a result."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError, SettingsError

if TYPE_CHECKING:
    from napari_focus_stack.result import StackResult


def check_same_stack(
    shape: tuple[int, ...], result: StackResult, what: str = "This stack is"
) -> None:
    """Check that data have the shape of the stack of a result.

    Parameters
    ----------
    shape : tuple of int
        Planes, rows and columns of the data.
    result : StackResult
        Result of the stack.
    what : str, optional
        Start of the message: the data, and a verb.

    Raises
    ------
    InputError
        The shapes differ.
    """
    wanted = tuple(result.report.shape[:3])
    if shape != wanted:
        raise InputError(
            f"{what} of shape {shape}, but the result was made of {wanted} (planes, rows, "
            "columns); apply it to data of the same field only."
        )


def whole_number(name: str, value: Any, least: int) -> int:
    """Return a parameter as an integer.

    Parameters
    ----------
    name : str
        Its name, for the message.
    value : int
        Its value.
    least : int
        Least value that is allowed.

    Returns
    -------
    int
        The value.

    Raises
    ------
    SettingsError
        It is no integer, or too small.
    """
    try:
        number = operator.index(value)
    except TypeError as problem:
        raise SettingsError(f"{name} {value!r} must be a whole number of planes.") from problem
    if number < least:
        raise SettingsError(f"{name} {number} must be {least} or more.")
    return number


def checked_offset(offset: Any, result: StackResult) -> int:
    """Return an offset in planes that lies within the stack.

    Parameters
    ----------
    offset : int
        Offset from the plane in focus.
    result : StackResult
        Result of the stack.

    Returns
    -------
    int
        The offset.

    Raises
    ------
    SettingsError
        It is no integer, or no plane of the stack is that far from another.
    """
    planes = len(result.transforms)
    number = whole_number("offset", offset, 1 - planes)
    if number >= planes:
        raise SettingsError(f"offset {number} leads out of a stack of {planes} planes; give less.")
    return number


def check_neighbours(result: StackResult, needed: bool) -> None:
    """Check that planes are in the order of their focus where neighbours are needed.

    Parameters
    ----------
    result : StackResult
        Result of the stack.
    needed : bool
        Whether planes above or below the one in focus are needed.

    Raises
    ------
    SettingsError
        They are needed, but planes are in no order.
    """
    if needed and not result.report.in_order:
        raise SettingsError(
            "The planes of this stack are not in the order of their focus, so that there is no "
            "plane above or below; take no planes deeper or around (offset and half_slab 0)."
        )


def plane_of(plane: int | None, result: StackResult) -> int:
    """Return the number of a plane that took part.

    Parameters
    ----------
    plane : int or None
        Number, from 0.
    result : StackResult
        Result of the stack.

    Returns
    -------
    int
        The number.

    Raises
    ------
    SettingsError
        It is missing, not in the stack, or its plane was left out.
    """
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
