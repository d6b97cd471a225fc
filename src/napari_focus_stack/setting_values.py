"""Values of settings, checked against the bounds of their fields."""

from __future__ import annotations

import math
import numbers
import operator
import re
from collections.abc import Iterable
from reprlib import repr as shown
from typing import TYPE_CHECKING, Any

from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    import dataclasses


def checked(field: dataclasses.Field[Any], value: Any) -> Any:
    """Return the plain value of a field for JSON.

    Parameters
    ----------
    field : dataclasses.Field
        Field of `Settings`, with its bounds in the metadata.
    value : object
        Value from the user.

    Returns
    -------
    object
        Value of a plain type.

    Raises
    ------
    SettingsError
        The value is out of bounds.
    """
    bounds, name = field.metadata, field.name
    if "choices" in bounds:
        return _choice(name, value, bounds["choices"])
    if "size" in bounds:
        return None if value is None else _size(name, value)
    if "odd" in bounds:
        return _odd(name, value, bounds["minimum"], bounds["maximum"])
    if "switch" in bounds:
        return _switch(name, value)
    if "box" in bounds:
        return None if value is None else _box(name, value)
    if "above" in bounds:
        left_out = value is None and field.default is None
        return None if left_out else _number_above(name, value, bounds["above"])
    if "least" in bounds:
        return _number_within(name, value, bounds["least"], bounds["below"])
    if "maximum" in bounds:
        return None if value is None else _count(name, value, bounds["minimum"], bounds["maximum"])
    return _reference(value)


def _count(name: str, value: Any, least: int, most: int) -> int:
    """Check a whole number between two bounds."""
    count = _whole(value)
    if count is None or not least <= count <= most:
        raise SettingsError(f"{name} {shown(value)} must be a whole number from {least} to {most}.")
    return count


def _size(name: str, value: Any) -> int:
    """Convert a number of bytes, or text such as '1.5 GB', to bytes."""
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
        raise SettingsError(f"{name} {shown(value)} must be a size, as in 1.5GB or 800MB.")
    return int(size)


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """Check a choice."""
    if not isinstance(value, str) or value not in choices:
        raise SettingsError(f"{name} {shown(value)} is unknown; choose from {', '.join(choices)}.")
    return str(value)


def _switch(name: str, value: Any) -> bool:
    """Check a truth value."""
    if type(value).__name__ not in ("bool", "bool_"):  # NumPy's are named so
        raise SettingsError(f"{name} {shown(value)} must be true or false.")
    return bool(value)


def _box(name: str, value: Any) -> tuple[int, int, int, int]:
    """Check a box: first row, end row, first column, end column."""
    values = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else []
    box = [whole for whole in map(_whole, values) if whole is not None]
    if len(values) != 4 or len(box) != 4 or not (0 <= box[0] < box[1] and 0 <= box[2] < box[3]):
        given = " ".join(shown(value).split())  # an array's repr has several lines
        raise SettingsError(
            f"{name} {given} must be four whole numbers from 0 on, each end beyond its start: "
            "first row, end row, first column, end column."
        )
    return box[0], box[1], box[2], box[3]


def _odd(name: str, value: Any, least: int, most: int) -> int:
    """Check an odd number between two bounds."""
    size = _whole(value)
    if size is None or size % 2 == 0 or not least <= size <= most:
        raise SettingsError(f"{name} {shown(value)} must be an odd number, from {least} to {most}.")
    return size


def _number_within(name: str, value: Any, least: float, below: float) -> float:
    """Check a number from one bound on and below another."""
    number = _number(value)
    if not least <= number < below:
        raise SettingsError(
            f"{name} {shown(value)} must be a number from {least:g} on and below {below:g}."
        )
    return number


def _number_above(name: str, value: Any, bound: float) -> float:
    """Check a finite number above a bound."""
    number = _number(value)
    if not bound < number < math.inf:
        raise SettingsError(f"{name} {shown(value)} must be a number above {bound:g}.")
    return number


def _number(value: Any) -> float:
    """Convert a real number; NaN for all that is none."""
    number = math.nan
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    return number


def _reference(value: Any) -> str | int:
    """Check the number or the name of the reference plane."""
    if isinstance(value, str) and value in ("middle", "first"):
        return str(value)
    plane = _whole(value)
    if plane is None or plane < 0:
        raise SettingsError(
            f"reference {shown(value)} must be 'middle', 'first' or a plane's number, from 0 on."
        )
    return plane


def _whole(value: Any) -> int | None:
    """Convert an integer, NumPy's included, to int; return None for truth values and others."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None
