"""Measurements of `focusstack measure`, each as a finding."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.analysis.areal_texture import texture
from napari_focus_stack.analysis.level_volumes import volumes
from napari_focus_stack.analysis.sphere import fit_sphere
from napari_focus_stack.analysis.step_heights import step_height
from napari_focus_stack.cli.findings import Finding, Row
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.figures.profile_panel import profile_letter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.analysis.areal_texture import Form
    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.analysis.height_profiles import Profile

Box = tuple[int, int, int, int]
"""First row, end row, first column, end column."""
_PARTS = {"lowest": 0, "5 %": 5, "median": 50, "95 %": 95, "highest": 100}
"""Percentiles of the heights in the summary."""
_TEXTURE = {
    "Sa": "arithmetic mean height",
    "Sq": "root mean square height",
    "Sz": "maximum height",
    "Sp": "maximum peak height",
    "Sv": "maximum pit depth",
    "Ssk": "skewness",
    "Sku": "kurtosis",
    "Sdq": "root mean square gradient",
    "Sdr": "developed interfacial area ratio",
}
"""Parameters of ISO 25178-2 in the order of the table."""
_TEXTURE_UNITS = {"Ssk": "", "Sku": "", "Sdq": "", "Sdr": "percent"}
"""Units of parameters that are no heights."""


def region_of(source: HeightMap, box: Box) -> NDArray[np.bool_]:
    """Return a box as a region of a height map.

    Parameters
    ----------
    source : HeightMap
        The height map.
    box : tuple of int
        First row, end row, first column, end column.

    Returns
    -------
    numpy.ndarray
        (Y, X) bool.

    Raises
    ------
    SettingsError
        The box does not lie in the field.
    """
    y0, y1, x0, x1 = box
    rows, columns = source.shape
    if not (0 <= y0 < y1 <= rows and 0 <= x0 < x1 <= columns):
        raise SettingsError(
            f"The region {y0} {y1} {x0} {x1} does not lie in the field of {rows} rows and "
            f"{columns} columns; give first row, end row, first column, end column."
        )
    region = np.zeros(source.shape, bool)
    region[y0:y1, x0:x1] = True
    return region


def _part(source: HeightMap, box: Box | None) -> NDArray[np.bool_] | None:
    """Return a box as a region; None for the whole field."""
    return None if box is None else region_of(source, box)


def _where(box: Box | None) -> str:
    """Return the place of a region in words."""
    if box is None:
        return "the whole field"
    y0, y1, x0, x1 = box
    return f"rows {y0} to {y1 - 1}, columns {x0} to {x1 - 1}"


def summary(source: HeightMap) -> Finding:
    """Summarise the heights of the field.

    Parameters
    ----------
    source : HeightMap
        The height map.

    Returns
    -------
    Finding
        Percentiles of the heights that count, and the median of their uncertainty.
    """
    inside = source.counted_in(None)
    heights = source.heights[inside]
    values = np.percentile(heights, list(_PARTS.values()))
    rows = [Row(name, float(v), source.unit) for name, v in zip(_PARTS, values, strict=True)]
    error = source.uncertainty
    median = None if error is None else float(np.median(error[inside]))
    if median is not None:
        rows.append(Row("standard uncertainty of one height (median)", median, source.unit))
    content = {
        "rows": source.shape[0],
        "columns": source.shape[1],
        "pixel_size": source.pixel_size,
        "pixel_unit": source.pixel_unit,
        "z_step": source.z_step,
        "unit": source.unit,
        "least_confidence": source.least_confidence,
        "scale_uncertainty": source.scale_uncertainty,
        "share": source.share_in(None),
        "percentiles": {str(_PARTS[row.name]): row.value for row in rows if row.name in _PARTS},
        "median_uncertainty": median,
    }
    return Finding("field", "Heights of the whole field", source.share_in(None), rows, content)


def profile_finding(number: int, points: Sequence[Sequence[float]], found: Profile) -> Finding:
    """Describe a profile.

    Parameters
    ----------
    number : int
        Its number from 1.
    points : sequence of (float, float)
        Vertices (y, x) of its line.
    found : Profile
        The profile.

    Returns
    -------
    Finding
        Its length, lowest, mean and highest sure height, and all samples for the JSON.
    """
    sure = found.height[found.counted & np.isfinite(found.height)]
    low, mean, high = (
        (float(sure.min()), float(sure.mean()), float(sure.max())) if len(sure) else (None,) * 3
    )
    rows = [
        Row("length", found.length, found.distance_unit),
        Row("lowest height", low, found.unit),
        Row("mean height", mean, found.unit),
        Row("highest height", high, found.unit),
    ]
    content = {
        "points": points,
        "length": found.length,
        "distance_unit": found.distance_unit,
        "unit": found.unit,
        "share": found.share,
        "lowest": low,
        "mean": mean,
        "highest": high,
        "samples": {
            "y": found.points[:, 0],
            "x": found.points[:, 1],
            "distance": found.distance,
            "height": found.height,
            "uncertainty": found.uncertainty,
            "confidence": found.confidence,
            "counted": found.counted,
        },
    }
    line = " to ".join(f"({y:g}, {x:g})" for y, x in points)
    title = f"Profile {number} ({profile_letter(number - 1)} in plots) from {line}"
    return Finding("profiles", title, found.share, rows, content)


def step_finding(source: HeightMap, a: Box, b: Box, *, tilt: bool) -> Finding:
    """Measure the step between two regions.

    Parameters
    ----------
    source : HeightMap
        The height map.
    a, b : tuple of int
        The regions.
    tilt : bool
        Whether both may be tilted alike.

    Returns
    -------
    Finding
        Height of the second above the first.
    """
    found = step_height(source, region_of(source, a), region_of(source, b), tilt=tilt)
    rows = [Row("step height", found.value, found.unit, found.uncertainty)]
    content = {"a": a, "b": b, "tilt": tilt, **dataclasses.asdict(found)}
    title = f"Step from {_where(a)} up to {_where(b)}"
    return Finding("steps", title, found.share, rows, content)


def texture_finding(
    source: HeightMap,
    box: Box | None,
    filters: tuple[float | None, float | None],
    form: str | None,
) -> Finding:
    """Measure the areal texture of a region.

    Parameters
    ----------
    source : HeightMap
        The height map.
    box : tuple of int or None
        The region; None for the whole field.
    filters : tuple of float or None
        Cut-offs of the S-filter and the L-filter.
    form : str or None
        What was subtracted from the whole field before, of which the mean alone is subtracted
        then; None if nothing was, and a plane is.

    Returns
    -------
    Finding
        Parameters of ISO 25178-2.
    """
    levelling: Form = "plane" if form is None else "offset"
    found = texture(source, _part(source, box), *filters, levelling=levelling)
    rows = [
        Row(f"{name}  {words}", found[name], _TEXTURE_UNITS.get(name, found["unit"]))
        for name, words in _TEXTURE.items()
    ]
    if found["noise"] is not None:
        rows.append(Row("    uncertainty of one height (rms)", found["noise"], found["unit"]))
    before = [] if form is None else [f"The {form} of the whole field was subtracted before."]
    notes = [found["surface"], *before, *found["notes"]]
    content = {"region": box, **found}
    title = f"Areal texture (ISO 25178-2) of {_where(box)}"
    return Finding("textures", title, found["share"], rows, content, notes)


def volume_finding(source: HeightMap, height: float, box: Box | None) -> Finding:
    """Measure the volumes above and below a level.

    Parameters
    ----------
    source : HeightMap
        The height map.
    height : float
        The level, in the unit of heights.
    box : tuple of int or None
        The region; None for the whole field.

    Returns
    -------
    Finding
        Volumes and areas.
    """
    found = volumes(source, height, _part(source, box))
    rows = [
        Row("volume above", found.above, found.unit, found.uncertainty_above),
        Row("volume below", found.below, found.unit, found.uncertainty_below),
        Row("area above", found.area_above, found.area_unit),
        Row("area below", found.area_below, found.area_unit),
        Row("area without a sure height", found.area_unmeasured, found.area_unit),
    ]
    placed = {"region": box, "level": height}
    content = {**placed, **dataclasses.asdict(found), "notes": found.notes}
    unit = Row("", height, source.unit)
    title = f"Volumes above and below the level {unit} of {_where(box)}"
    return Finding("volumes", title, found.share, rows, content, found.notes)


def sphere_finding(source: HeightMap, box: Box | None) -> Finding:
    """Fit a sphere to a region.

    Parameters
    ----------
    source : HeightMap
        The height map, which is not levelled.
    box : tuple of int or None
        The region; None for the whole field.

    Returns
    -------
    Finding
        Radius, centre and residual.
    """
    found = fit_sphere(source, _part(source, box))
    axes = zip("yxz", found.centre, strict=True)
    rows = [
        Row("radius", found.radius, found.unit, found.radius_uncertainty),
        *(Row(f"centre {axis}", value, found.unit) for axis, value in axes),
        Row("root mean square residual", found.residual, found.unit),
    ]
    shape = "hill" if found.is_convex else "hollow"
    content = {"region": box, **dataclasses.asdict(found)}
    title = f"Sphere through {_where(box)}, a {shape}"
    return Finding("spheres", title, found.share, rows, content)
