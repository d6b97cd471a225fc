"""Heights in files of maps that lie beside each other, as the command and batches write them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.height_files import read_heights
from napari_focus_stack.io.height_scale import PLANES
from napari_focus_stack.io.map_images import MapImages, open_map
from napari_focus_stack.io.map_names import TIFF_SUFFIXES, ZARR_SUFFIXES, map_name
from napari_focus_stack.io.map_reports import report_of_stack, reports_beside
from napari_focus_stack.io.ome_zarr_store import own_attributes
from napari_focus_stack.io.output_formats import TIFF
from napari_focus_stack.io.placed_plate import field_place
from napari_focus_stack.io.plane_files import reason
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.stored_heights import (
    HeightField,
    Kind,
    StoredHeights,
    calibration_of,
    ends_of,
)
from napari_focus_stack.io.writing import describe_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_DEPTHS = ("depth", "depth_index")
_ROLES = ("height", *_DEPTHS, "confidence")
_UNNAMED = "in the unit of the z step"
_LEAST_DEPTH = 0.5
"""Depth in planes from which the quotient of height and depth counts as the z step."""


@dataclass(frozen=True)
class MapSet:
    """Files of one position.

    Attributes
    ----------
    home : pathlib.Path
        Folder of the files.
    stem, label : str
        Name of the series, and of the position in the names of the files.
    files : mapping of str to pathlib.Path
        By role: "image", "height", "depth", "depth_index", "confidence", or "unknown" for a file
        that does not say what its values are.
    """

    home: Path
    stem: str
    label: str
    files: Mapping[str, Path]


def heights_of_maps(path: Path) -> list[StoredHeights]:
    """Return all heights in the files of a result.

    Parameters
    ----------
    path : pathlib.Path
        An image with its maps beside it, one of the maps, a store or plate of OME-Zarr, the name
        that was given for a series of several positions, or any TIFF of heights.

    Returns
    -------
    list of StoredHeights
        One for each position, time point and channel.

    Raises
    ------
    InputError
        There is no such file, or it holds no heights.
    """
    return [stored for files in _sets(path) for stored in _fields(files)]


def _split(path: Path) -> tuple[str, str]:
    """Return stem and suffix."""
    lower = path.name.lower()
    for suffix in (*TIFF_SUFFIXES, *ZARR_SUFFIXES):
        if lower.endswith(suffix) and len(lower) > len(suffix):
            return path.name[: -len(suffix)], path.name[-len(suffix) :]
    raise InputError(
        f"'{path}' is no result that has heights; give a .focusstack, .tif, .ome.zarr, .gsf or "
        ".x3p."
    )


def _sets(path: Path) -> list[MapSet]:
    """Return the files of each position."""
    stem, suffix = _split(path)
    if not path.exists():
        return _positions(path, stem, suffix)
    own = _role(path)
    if own == "plate":
        return _plate(path)
    ending = f"_{own}"
    base = stem.removesuffix(ending) if own in _ROLES and stem.endswith(ending) else stem
    files = _beside(path.parent, base, suffix)
    is_map = own != "image"
    if is_map and (path not in files.values() or len(files) == 1):  # a name of the user's own
        files, base = {own: path}, stem
    return [MapSet(path.parent, base, "", files)]


def _positions(path: Path, stem: str, suffix: str) -> list[MapSet]:
    """Return the files of every position of a series, whose names have that of the position."""
    labels = sorted(
        {
            file.name[len(stem) + 1 : -len(f"_{role}{suffix}")]
            for role in ("height", "depth")
            for file in path.parent.glob(f"{_literal(stem)}_?*_{role}{suffix}")
        }
    )
    if not labels:
        raise InputError(f"There is no '{path}'; give the file of a result.")
    return [
        MapSet(path.parent, stem, label, _beside(path.parent, f"{stem}_{label}", suffix))
        for label in labels
    ]


def _literal(name: str) -> str:
    """Return a name as a pattern of itself."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _beside(folder: Path, base: str, suffix: str) -> dict[str, Path]:
    """Return the files of one result by role: those that say of themselves what they are."""
    places = {role: folder / map_name(base, "", role, suffix) for role in ("image", *_ROLES)}
    return {role: place for role, place in places.items() if _is_role(place, role)}


def _is_role(place: Path, role: str) -> bool:
    if not place.exists():
        return False
    return _role(place) == role


def _role(place: Path) -> str:
    """Return the role of a file by its own description; "plate", or "unknown" for others' files."""
    if place.is_dir() and (own_attributes(place) or {}).get("about") == "plate":
        return "plate"
    found = open_map(place)
    if not found.about and found.is_own:
        return "image"
    return next((role for role in _ROLES if found.about.startswith(_beginning(role))), "unknown")


def _beginning(role: str) -> str:
    return describe_values(role, None).removesuffix(_UNNAMED)


def _plate(path: Path) -> list[MapSet]:
    """Return the stores of every field of a plate."""
    stem, suffix = _split(path)
    role = next((role for role in _ROLES if stem.endswith(f"_{role}")), "image")
    base = stem if role == "image" else stem.removesuffix(f"_{role}")
    plates = {
        other: path.with_name(map_name(base, "", other, suffix)) for other in ("image", *_ROLES)
    }
    fields = (own_attributes(path) or {}).get("fields", {})
    return [
        MapSet(path.parent, base, f"{well} field {number}", _of_field(plates, well, number))
        for well, count in fields.items()
        for number in range(count)
    ]


def _of_field(plates: Mapping[str, Path], well: str, number: int) -> dict[str, Path]:
    places = {role: field_place(plate, well, number) for role, plate in plates.items()}
    return {role: place for role, place in places.items() if _is_role(place, role)}


def _fields(files: MapSet) -> Iterator[StoredHeights]:
    """Yield every field of a position."""
    role = next((r for r in ("height", *_DEPTHS, "unknown") if r in files.files), None)
    if role is None:
        return
    main = open_map(files.files[role])
    for time in range(main.times):
        for channel in range(main.channels):
            named = main.channel_names[channel : channel + 1]
            yield StoredHeights(
                name=files.stem,
                read=partial(_read, files, main, role, time, channel),
                position=files.label,
                time=time if main.times > 1 else None,
                channel=channel if main.channels > 1 else None,
                channel_name=named[0] if named and main.channels > 1 else "",
                files=tuple(files.files.values()),
            )


def _read(files: MapSet, main: MapImages, role: str, time: int, channel: int) -> HeightField:
    """Read one field with the maps beside it."""
    if role == "unknown" and main.path.suffix.lower() in TIFF:
        return height_file(main.path)
    maps = {
        other: open_map(place)
        for other, place in files.files.items()
        if other in ("confidence", "image", "depth") and other != role
    }
    for other in maps.values():
        if other.size != main.size:
            raise InputError(
                f"'{other.path}' has {_in_pixels(other)} and '{main.path}' {_in_pixels(main)}; "
                "give files of one run."
            )
    others = {name: other.read(time, channel) for name, other in maps.items()}
    found = HeightField(
        values=main.read(time, channel),
        kind=_kind(role),
        confidence=others.get("confidence"),
        image=others.get("image"),
        spacing=replace(main.spacing, unit=_unit(main)),
    )
    return _stepped(_reported(found, files, main, time, channel), others.get("depth"))


def _in_pixels(images: MapImages) -> str:
    height, width = images.size
    return f"{width} x {height} pixels"


def height_file(path: Path) -> HeightField:
    """Read a height map of another program, or one that was exported.

    Parameters
    ----------
    path : pathlib.Path
        `.tif`, `.gsf` or `.x3p`.

    Returns
    -------
    HeightField
        Of unknown kind, with the values as they are stored, if the file names no unit of values.

    Raises
    ------
    InputError
        The file cannot be read, or is no height map.
    """
    heights, scale = read_heights(path)
    spacing = Spacing(y=scale.y, x=scale.x, unit=scale.pixel_unit or scale.unit)
    if scale.unit is None:
        is_tiff = path.suffix.lower() in TIFF
        values = open_map(path).read(0, 0) if is_tiff else heights
        return HeightField(values=values, kind="unknown", spacing=spacing)
    kind: Kind = "depth" if scale.unit == PLANES else "height"
    return HeightField(values=heights, kind=kind, spacing=spacing)


def _kind(role: str) -> Kind:
    return "height" if role == "height" else "depth" if role in _DEPTHS else "unknown"


def _unit(main: MapImages) -> str | None:
    """Return the unit of heights, which their description names, or else that of pixels."""
    beginning = _beginning("height")
    if main.about.startswith(beginning) and not main.about.endswith(_UNNAMED):
        return main.about.removeprefix(beginning).removeprefix("in ")
    return main.spacing.unit


def _reported(
    found: HeightField, files: MapSet, main: MapImages, time: int, channel: int
) -> HeightField:
    """Add the calibration in the report of the stack."""
    try:
        return _calibrated(found, files, main, time, channel)
    except (AttributeError, TypeError, ValueError, LookupError) as problem:
        raise InputError(
            f"A report beside '{main.path.name}' is damaged ({reason(problem)})",
            "copy it again, or remove it",
        ) from problem


def _calibrated(
    found: HeightField, files: MapSet, main: MapImages, time: int, channel: int
) -> HeightField:
    """Return heights with the calibration of the report that fits them."""
    reports = reports_beside(files.home, main.path, files.stem, files.label)
    fitting = [report for report in reports if _extent(report) == found.values.shape[:2]]
    if not fitting:
        return found
    own = report_of_stack(fitting, time, channel, (main.times, main.channels))
    # of a series with failed stacks the numbers are not certain: the least favourable unit counts
    unit = max(float(report.get("depth_unit", 1.0)) for report in ([own] if own else fitting))
    report = own or fitting[0]
    known = _spacing_of(report["spacing"])
    pixels = known if found.spacing.y is None else found.spacing
    return replace(
        found,
        spacing=Spacing(y=pixels.y, x=pixels.x, z=known.z, unit=known.unit or pixels.unit),
        z_calibration=calibration_of(report),
        depth_unit=unit,
        ends=ends_of(report),
    )


def _spacing_of(described: Mapping[str, Any]) -> Spacing:
    """Return the distances in a report; TypeError or ValueError if they are none."""
    y, x, z = (_distance(described.get(axis)) for axis in "yxz")
    unit = described.get("unit")
    if not isinstance(unit, str | None):
        raise TypeError("its unit is no text")
    return Spacing(y, x, z, unit)


def _distance(value: Any) -> float | None:
    distance = None if value is None else float(value)
    if distance is not None and not 0 < distance < math.inf:
        raise ValueError(f"it has a distance of {distance:g}")
    return distance


def _extent(report: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Return the rows and columns of the results of a report."""
    crop, shape = report.get("crop"), report.get("shape") or ()
    if crop:
        return crop[1] - crop[0], crop[3] - crop[2]
    return tuple(shape[1:3]) if len(shape) > 2 else None


def _stepped(found: HeightField, depth: NDArray[Any] | None) -> HeightField:
    """Add the z step by which heights and depths of one run differ."""
    if found.kind != "height" or depth is None or found.spacing.z is not None:
        return found
    deep = np.isfinite(found.values) & (depth > _LEAST_DEPTH)
    if not deep.any():
        return found
    step = float(np.median(found.values[deep] / depth[deep]))
    return replace(found, spacing=replace(found.spacing, z=step))
