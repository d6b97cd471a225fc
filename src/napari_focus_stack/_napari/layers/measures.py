"""Measurements as tables: a row for each quantity, a column for each region."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.wording import format_unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_focus_stack.analysis.level_volumes import Volumes
    from napari_focus_stack.analysis.sphere import SphereFit

WHOLE = "whole field"

TEXTURE = {
    "Sa": "Arithmetic mean height (ISO 25178-2)",
    "Sq": "Root mean square height (ISO 25178-2)",
    "Sz": "Maximum height: highest peak to deepest pit (ISO 25178-2)",
    "Sp": "Maximum peak height (ISO 25178-2)",
    "Sv": "Maximum pit height (ISO 25178-2)",
    "Ssk": "Skewness: above 0 for peaks on a plain, below 0 for pits (ISO 25178-2)",
    "Sku": "Kurtosis: 3 for heights of a normal distribution (ISO 25178-2)",
    "Sdq": "Root mean square gradient (ISO 25178-2)",
    "Sdr": "Developed interfacial area ratio: additional area by slopes (ISO 25178-2)",
}
"""Parameters of texture, and what they are."""
_UNITS = {"Ssk": "", "Sku": "", "Sdq": "", "Sdr": "%"}
COUNTED = "Share of the pixels whose heights are sure enough to count"


@dataclass(frozen=True)
class Quantity:
    """A row of a table.

    Attributes
    ----------
    name, unit, meaning : str
        What is measured; its unit, empty for numbers; a sentence on it.
    values : tuple of float or None
        One for each region; None where it is unknown.
    """

    name: str
    unit: str
    meaning: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Measures:
    """A table of quantities.

    Attributes
    ----------
    regions : tuple of str
        Names of the regions.
    rows : tuple of Quantity
        The quantities.
    notes : tuple of str
        Sentences on what was measured.
    """

    regions: tuple[str, ...]
    rows: tuple[Quantity, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def headings(self) -> list[str]:
        """Headings of the columns."""
        return ["quantity", "unit", *self.regions]

    @property
    def cells(self) -> list[list[str | float]]:
        """Rows as they are written to a file, the notes last."""
        measured: list[list[str | float]] = [
            [one.name, one.unit, *("" if v is None else v for v in one.values)] for one in self.rows
        ]
        notes: list[list[str | float]] = [[note] for note in self.notes]
        return [*measured, *notes]


def texture_measures(found: Mapping[str, Mapping[str, Any]]) -> Measures:
    """Return the table of the texture of regions.

    Parameters
    ----------
    found : mapping of str to mapping
        What `texture` returned, by the names of the regions.

    Returns
    -------
    Measures
        Parameters, noise and the share that counted.
    """
    each = list(found.values())
    unit = format_unit(each[0]["unit"])
    rows = [
        Quantity(name, _UNITS.get(name, unit), meaning, tuple(one[name] for one in each))
        for name, meaning in TEXTURE.items()
    ]
    rows.append(
        Quantity(
            "noise",
            unit,
            "Standard uncertainty of single heights, root mean square: a surface of that Sq cannot "
            "be told from a smooth one",
            tuple(one["noise"] for one in each),
        )
    )
    rows.append(_share([one["share"] for one in each]))
    return Measures(tuple(found), tuple(rows), _notes(found, "surface", "notes"))


def _notes(found: Mapping[str, Mapping[str, Any]], *keys: str) -> tuple[str, ...]:
    """Return sentences on regions, each with the name of its region where there are several."""
    notes = []
    for name, one in found.items():
        for key in keys:
            sentences = [one[key]] if isinstance(one[key], str) else one[key]
            notes += [f"{name}: {words}" if len(found) > 1 else words for words in sentences]
    return tuple(notes)


def volume_measures(found: Mapping[str, tuple[float, str, Volumes]]) -> Measures:
    """Return the table of the volumes of regions.

    Parameters
    ----------
    found : mapping of str to (float, str, Volumes)
        Level, its unit, and volumes above and below it, by the names of the regions.

    Returns
    -------
    Measures
        Volumes with their uncertainties, areas, and the share that counted.
    """
    each = list(found.values())
    volume, area = (_power(unit) for unit in (each[0][2].unit, each[0][2].area_unit))
    where = "from the level up to the surface", "from the level down to the surface"
    error = "Largest standard uncertainty of it: errors of all pixels in one direction"
    rows = [
        Quantity("level", format_unit(each[0][1]), "Height of the level", _all(found, 0)),
        Quantity("volume above", volume, f"Volume {where[0]}", _each(found, "above")),
        Quantity("\N{PLUS-MINUS SIGN}", volume, error, _each(found, "uncertainty_above")),
        Quantity("volume below", volume, f"Volume {where[1]}", _each(found, "below")),
        Quantity("\N{PLUS-MINUS SIGN}", volume, error, _each(found, "uncertainty_below")),
        Quantity("area above", area, "Area seen from above", _each(found, "area_above")),
        Quantity("area below", area, "Area seen from above", _each(found, "area_below")),
        Quantity(
            "area left out",
            area,
            "Area without sure heights, whose volume is missing",
            _each(found, "area_unmeasured"),
        ),
        _share([one.share for _, _, one in each]),
    ]
    noted = {name: {"notes": one.notes} for name, (_, _, one) in found.items()}
    return Measures(tuple(found), tuple(rows), _notes(noted, "notes"))


def _all(found: Mapping[str, tuple[Any, ...]], place: int) -> tuple[Any, ...]:
    return tuple(one[place] for one in found.values())


def _each(found: Mapping[str, tuple[Any, ...]], name: str) -> tuple[Any, ...]:
    return tuple(getattr(one[-1], name) for one in found.values())


def _share(shares: Sequence[float]) -> Quantity:
    return Quantity("counted", "%", COUNTED, tuple(100 * share for share in shares))


def _power(unit: str) -> str:
    """Return a unit of areas or volumes with raised numbers."""
    parts = (part.partition("^") for part in unit.split(" "))
    raised = {"2": "\N{SUPERSCRIPT TWO}", "3": "\N{SUPERSCRIPT THREE}"}
    return " ".join(format_unit(base) + raised.get(power, power) for base, _, power in parts)


def sphere_measures(found: Mapping[str, SphereFit]) -> Measures:
    """Return the table of spheres fitted to regions.

    Parameters
    ----------
    found : mapping of str to SphereFit
        Spheres by the names of the regions.

    Returns
    -------
    Measures
        Radii with their uncertainties, residuals, and the share that counted.
    """
    each = {name: (one,) for name, one in found.items()}
    unit = format_unit(next(iter(found.values())).unit)
    rows = [
        Quantity("radius", unit, "Radius of the sphere that fits best", _each(each, "radius")),
        Quantity(
            "\N{PLUS-MINUS SIGN}",
            unit,
            "Standard uncertainty of the radius",
            _each(each, "radius_uncertainty"),
        ),
        Quantity(
            "residual",
            unit,
            "Root mean square distance of the heights from the sphere",
            _each(each, "residual"),
        ),
        _share([one.share for one in found.values()]),
    ]
    shapes = [f"{name}: a {'hill' if one.is_convex else 'hollow'}." for name, one in found.items()]
    return Measures(tuple(found), tuple(rows), tuple(shapes))
