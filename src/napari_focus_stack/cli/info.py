"""`focusstack info`: axes, sizes and names of a file or folder, without reading pixels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.wording import format_unit
from napari_focus_stack.cli.series import add_opening, open_part
from napari_focus_stack.cli.shared_options import Parser, as_input
from napari_focus_stack.errors import InputError, NoImagesError

if TYPE_CHECKING:
    import argparse

    from napari_focus_stack.io.sources import Spacing
    from napari_focus_stack.series.model import Position, Series

_MOST_LISTED = 12


def info_parser() -> argparse.ArgumentParser:
    """Create the parser of `focusstack info`.

    Returns
    -------
    argparse.ArgumentParser
        Parser of the arguments after "info".
    """
    parser = Parser(
        prog="focusstack info",
        description="Show what a file or folder holds: axes, sizes, distances, channels, times.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "path", type=as_input, metavar="PATH", help="File or folder, or URL of an OME-Zarr."
    )
    parser.add_argument("--json", action="store_true", help="Print JSON.")
    add_opening(parser.add_argument_group("series"))
    return parser


def info_command(argv: list[str]) -> None:
    """Run `focusstack info`.

    Parameters
    ----------
    argv : list of str
        Arguments after "info".

    Raises
    ------
    SettingsError
        The call is wrong.
    InputError
        The path cannot be read, or its axes are not named.
    """
    call = info_parser().parse_args(argv)
    try:
        series = open_part(call, call.path)
    except NoImagesError as nothing:  # an error here, not an empty job that is done
        raise InputError(str(nothing)) from nothing
    if call.json:
        print(json.dumps(as_dict(series), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print("\n".join(as_lines(series)))


def as_dict(series: Series) -> dict[str, Any]:
    """Return axes, sizes and names of a series as plain JSON.

    Parameters
    ----------
    series : Series
        The series.

    Returns
    -------
    dict
        Path, kind, positions and notes; unknown distances and times are None.
    """
    return {
        "path": str(series.path),
        "kind": series.kind,
        "stacks": len(series),
        "positions": [_position(position) for position in series.positions],
        "notes": list(series.notes),
    }


def _position(position: Position) -> dict[str, Any]:
    spacing = position.spacing
    return {
        "name": position.name,
        "well": position.well,
        "axes": axes_in_words(position),
        "times": position.times,
        "channels": [{"name": one.name, "colour": one.colour} for one in position.channels],
        "planes": position.planes,
        "plane_shape": list(position.plane_shape),
        "dtype": position.dtype.name,
        "spacing": {"z": spacing.z, "y": spacing.y, "x": spacing.x, "unit": spacing.unit},
        "seconds": list(position.seconds) or None,
        "stage": None if position.stage is None else list(position.stage),
    }


def axes_in_words(position: Position) -> str:
    """Return the axes of a position with their lengths, slowest first.

    Parameters
    ----------
    position : Position
        The position.

    Returns
    -------
    str
        Such as "T2 C3 Z10 Y512 X512".
    """
    y, x = position.plane_shape[:2]
    lengths = {"T": position.times, "C": len(position.channels), "Z": position.planes}
    shown = [f"{axis}{length}" for axis, length in lengths.items() if length > 1]
    return " ".join([*shown, f"Y{y}", f"X{x}"])


def as_lines(series: Series) -> list[str]:
    """Return axes, sizes and names of a series as text.

    Parameters
    ----------
    series : Series
        The series.

    Returns
    -------
    list of str
        Lines; of many alike positions, the first ones.
    """
    count = f"{len(series)} stacks" if len(series) > 1 else "one stack"
    lines = [f"'{series.path}': {series.kind}, {count}"]
    for number, position in enumerate(series.positions[:_MOST_LISTED]):
        if len(series.positions) > 1:
            lines.append(f"  position {number} '{position.name}'")
        lines += [f"    {line}" for line in _position_lines(position)]
    if len(series.positions) > _MOST_LISTED:
        lines.append(f"  and {len(series.positions) - _MOST_LISTED} more positions (--json)")
    return [*lines, *(f"Note: {note}" for note in series.notes)]


def _position_lines(position: Position) -> list[str]:
    """Return the lines of one position."""
    from napari_focus_stack.io.sources import describe

    lines = [f"axes {axes_in_words(position)}, {describe(position.plane_shape, position.dtype)}"]
    lines.append(_distances(position.spacing, has_z=position.planes > 1))
    if len(position.channels) > 1 or position.channels[0].name:
        names = (
            f"{c} {one.name!r}{f' {one.colour}' if one.colour else ''}"
            for c, one in enumerate(position.channels)
        )
        lines.append(f"channels {', '.join(names)}")
    if position.seconds:
        lines.append(f"times {position.seconds[0]:g} to {position.seconds[-1]:g} s")
    if position.stage is not None:
        lines.append(f"stage y {position.stage[0]:g}, x {position.stage[1]:g} µm")
    if position.planes == 1:
        lines.append("no z axis: nothing to stack")
    return lines


def _distances(spacing: Spacing, *, has_z: bool) -> str:
    """Return pixel size and z step as text."""
    unit = format_unit(spacing.unit)

    def shown(size: float | None) -> str:
        return "unknown" if size is None else f"{size:g} {unit}".rstrip()

    pixel = shown(spacing.x)
    if spacing.x is not None and spacing.y != spacing.x:
        pixel = f"{shown(spacing.y)} x {shown(spacing.x)}"
    return f"pixel size {pixel}" + (f", z step {shown(spacing.z)}" if has_z else "")
