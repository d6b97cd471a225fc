"""Findings of `focusstack measure`: figures as JSON, and as a table for a reader."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_focus_stack._utils.wording import format_percentage, format_unit

_DIGITS = 4
"""Digits of figures whose uncertainty is unknown."""
_LARGEST_PLAIN, _SMALLEST_PLAIN = 6, -4
"""Powers of ten between which figures are written without an exponent."""
_INDENT = "  "


@dataclass(frozen=True)
class Row:
    """One figure of a table.

    Attributes
    ----------
    name : str
        Name of the figure.
    value : float or None
        The figure; None where it could not be measured.
    unit : str
        Its unit; empty for a ratio.
    uncertainty : float or None
        Standard uncertainty in the same unit, where it is known.
    """

    name: str
    value: float | None
    unit: str = ""
    uncertainty: float | None = None

    def __str__(self) -> str:
        """Return the figure with unit and uncertainty."""
        if self.value is None or math.isnan(self.value):
            return "could not be measured"
        unit = symbol(self.unit)
        if self.uncertainty is None or not 0 < self.uncertainty < math.inf:
            return f"{rounded(self.value)} {unit}".rstrip()
        place = math.floor(math.log10(self.uncertainty)) - 1
        if not _SMALLEST_PLAIN <= place < _LARGEST_PLAIN:
            return f"({self.value:.{_DIGITS}g} ± {self.uncertainty:.2g}) {unit}".rstrip()
        both = (self.value, self.uncertainty)
        value, error = (f"{round(number, -place):.{max(-place, 0)}f}" for number in both)
        return f"({value} ± {error}) {unit}".rstrip()


@dataclass(frozen=True)
class Finding:
    """One measurement.

    Attributes
    ----------
    kind : str
        Key of its list in the JSON, such as "profiles".
    title : str
        What was measured and where, as the heading of its table.
    share : float
        Share of the heights there that counted.
    rows : sequence of Row
        Figures.
    content : mapping of str to object
        All of it for the JSON.
    notes : sequence of str
        Sentences for the user.
    """

    kind: str
    title: str
    share: float
    rows: Sequence[Row]
    content: Mapping[str, Any]
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        """Return a table."""
        width = max(len(row.name) for row in self.rows)
        return "\n".join(
            [
                f"{self.title}; {format_percentage(self.share)} of its heights counted",
                *(f"{_INDENT}{row.name:<{width}}  {row}" for row in self.rows),
                *(f"{_INDENT}Note: {note}" for note in self.notes),
            ]
        )


def symbol(unit: str) -> str:
    """Return the symbol of a unit, also of squares, cubes and products.

    Parameters
    ----------
    unit : str
        Such as "micrometer^3" or "plane".

    Returns
    -------
    str
        Such as "µm³".
    """
    names = {"degree": "°", "percent": "%"}
    powers = str.maketrans({"2": "²", "3": "³"})
    parts = [part.partition("^") for part in unit.split()]
    return " ".join(
        names.get(name, format_unit(name)) + power.translate(powers) for name, _, power in parts
    )


def rounded(value: float) -> str:
    """Return a figure with four digits.

    Parameters
    ----------
    value : float
        The figure.

    Returns
    -------
    str
        Without an exponent where that is short.
    """
    return f"{value:#.{_DIGITS}g}".rstrip(".")


def plain(value: Any) -> Any:
    """Return values as JSON holds them.

    Parameters
    ----------
    value : object
        Numbers, arrays, sequences and mappings.

    Returns
    -------
    object
        None for numbers that are not finite.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
