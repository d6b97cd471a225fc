"""Fields for lengths: conversion of a spacing to text, and of typed text to lengths."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from magicgui.widgets import LineEdit

from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    from napari_focus_stack.io.sources import Spacing


def length_field(label: str, tooltip: str) -> LineEdit:
    """Create an empty field, which shows "unknown".

    Parameters
    ----------
    label, tooltip : str
        Label and tooltip of the field.

    Returns
    -------
    LineEdit
        Field for one length or two.
    """
    edit = LineEdit(label=label, tooltip=tooltip)
    edit.native.setPlaceholderText("unknown")
    return edit


def pixel_size_text(spacing: Spacing) -> str:
    """Return the text of a pixel size in a field, with six digits.

    Parameters
    ----------
    spacing : Spacing
        Spacing of a layer.

    Returns
    -------
    str
        One number, or y and x; empty if unknown.
    """
    if spacing.y is None or spacing.x is None:
        return ""
    y, x = f"{spacing.y:.6g}", f"{spacing.x:.6g}"
    return y if y == x else f"{y}, {x}"


def read_lengths(label: str, text: str, most: int) -> tuple[float | None, float | None]:
    """Read one length or two from text; a comma within a number is a decimal comma.

    Parameters
    ----------
    label : str
        Label of the field, for messages.
    text : str
        Typed text.
    most : int
        Largest number of lengths, 1 or 2.

    Returns
    -------
    tuple of float or None
        First and last length, which are equal if there is one; None if the text is empty.

    Raises
    ------
    SettingsError
        The text is no length.
    """
    if not text:
        return None, None
    parts = re.split(r"\s*[,;]?\s+|;", text)
    if re.fullmatch(r"\d*\.\d+,\d*\.\d+", text):
        parts = text.split(",")
    try:
        numbers = [float(part.replace(",", ".")) for part in parts]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= most or not all(0 < n < math.inf for n in numbers):
        raise SettingsError(f"{label} '{text}' is no length; give a number above 0, as in 0.65.")
    return numbers[0], numbers[-1]


def read_number(label: str, text: str) -> float | None:
    """Read a number from text, of any sign; a comma is a decimal comma.

    Parameters
    ----------
    label : str
        Label of the field, for messages.
    text : str
        Typed text.

    Returns
    -------
    float or None
        None if the text is empty.

    Raises
    ------
    SettingsError
        The text is no number.
    """
    if not text:
        return None
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SettingsError(f"{label} '{text}' is no number; give one, as in 12.5.")
    return number
