"""`focusstack measure`: profiles, steps, texture, volumes and spheres of a result; its exports."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.wording import format_percentage
from napari_focus_stack.cli.measure_files import (
    check_call,
    document_of,
    outputs_of,
    write_files,
)
from napari_focus_stack.cli.result_input import add_result_arguments, opened
from napari_focus_stack.cli.shared_options import Once, Parser, as_number, as_path
from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.analysis.height_profiles import Profile
    from napari_focus_stack.analysis.opening import OpenedHeights
    from napari_focus_stack.cli.findings import Finding
    from napari_focus_stack.cli.measuring import Box

_BOX = ("Y0", "Y1", "X0", "X1")
_FACES = 500_000


def measure_parser() -> argparse.ArgumentParser:
    """Create the parser of `focusstack measure`.

    Returns
    -------
    argparse.ArgumentParser
        Parser of the arguments after "measure".
    """
    parser = Parser(
        prog="focusstack measure",
        description="Measure the heights of a result. Every figure is printed with its unit, its "
        "standard uncertainty where that is known, and the share of the heights that were sure "
        "enough to count. Without an option below, the heights are summarised.",
        epilog="Rows and columns are counted from 0; a region is its first row, end row, first "
        "column and end column, as in '0 100 50 150'.",
        allow_abbrev=False,
    )
    add_result_arguments(parser)
    _add_measurements(parser.add_argument_group("measurements (each may be given several times)"))
    _add_conditions(parser.add_argument_group("conditions"))
    _add_files(parser.add_argument_group("files"))
    return parser


def _add_measurements(group: argparse._ArgumentGroup) -> None:
    options: dict[str, tuple[str | int, Any, str]] = {
        "--profile": ("+", ("Y X", "Y X"), "Heights along the line through two or more points."),
        "--step": (
            8,
            (*_BOX, *_BOX),
            "Height of the second region above the first (ISO 5436-1).",
        ),
        "--texture": (
            "*",
            ("Y0 Y1 X0 X1",),
            "Areal texture of the field or of a region (ISO 25178-2): Sa, Sq, Sz, Ssk, Sku, Sdr.",
        ),
        "--volume": (
            "+",
            ("LEVEL", "Y0 Y1 X0 X1"),
            "Volumes above and below a level in µm; a region may follow: LEVEL Y0 Y1 X0 X1.",
        ),
        "--sphere": ("*", ("Y0 Y1 X0 X1",), "Radius of the sphere through the field or a region."),
    }
    for option, (count, metavar, explanation) in options.items():
        group.add_argument(
            option,
            action="append",
            type=as_number,
            nargs=count,
            metavar=metavar,
            default=[],
            help=explanation,
        )


def _add_conditions(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--level",
        nargs="+",
        metavar=("FORM", "N"),
        help="Level the field before all measurements but spheres: 'offset', 'plane', "
        "'polynomial DEGREE', or 'points Y X Y X Y X' (a plane through three points).",
    )
    group.add_argument(
        "--s-filter",
        type=as_number,
        metavar="UM",
        help="Texture: wavelength in µm below which structure is smoothed away.",
    )
    group.add_argument(
        "--l-filter",
        type=as_number,
        metavar="UM",
        help="Texture: wavelength in µm above which structure (waviness) is removed.",
    )
    group.add_argument(
        "--no-tilt",
        action="store_true",
        help="Steps: take the field for level; by default both regions may be tilted alike.",
    )
    group.add_argument(
        "--width",
        type=int,
        default=1,
        metavar="N",
        help="Profiles: pixels across the line that are averaged [1].",
    )


def _add_files(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--json",
        action=Once,
        metavar="FILE",
        help="Write all figures as JSON; '-' prints them instead.",
    )
    group.add_argument(
        "--csv", action=Once, type=as_path, metavar="FILE", help="Write the profiles as a table."
    )
    group.add_argument(
        "--svg", action=Once, type=as_path, metavar="FILE", help="Write the profiles as a plot."
    )
    group.add_argument(
        "--mesh",
        action=Once,
        type=as_path,
        metavar="FILE",
        help="Write the surface with its image as a mesh, .glb, .ply, .obj or .stl.",
    )
    group.add_argument(
        "--faces",
        type=int,
        default=_FACES,
        metavar="N",
        help=f"Triangles of the mesh at most [{_FACES}].",
    )
    group.add_argument(
        "--height",
        action=Once,
        type=as_path,
        metavar="FILE",
        help="Write the (levelled) heights with their scale, .tif, .gsf or .x3p.",
    )
    group.add_argument(
        "--sure-only",
        action="store_true",
        help="Leave out heights that do not count, from --mesh and --height; by default both are "
        "closed surfaces.",
    )


def measure_command(argv: list[str]) -> None:
    """Run `focusstack measure`.

    Parameters
    ----------
    argv : list of str
        Arguments after "measure".

    Raises
    ------
    SettingsError
        The call is wrong.
    InputError
        The result cannot be read, or its heights do not determine what is to be measured.
    OutputError
        A file cannot be written.
    """
    call = measure_parser().parse_args(argv)
    outputs = outputs_of(call)
    check_call(call, outputs)
    found = opened(call)
    surface, form = _levelled(call, found.height_map)
    profiles = _profiles(call, surface)
    findings = _findings(call, found.height_map, (surface, form), profiles)
    document = document_of(call, found, form, findings)
    write_files(call, outputs, found, surface, [profile for _, profile in profiles], document)
    if call.json == "-":
        print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))
        return
    print(_heading(call, found, form))
    for finding in findings:
        print(f"\n{finding}")
    for path in outputs.values():
        print(f"Wrote {path}")
    for note in _unsure(call, surface):
        print(f"Note: {note}")


def _unsure(call: argparse.Namespace, surface: HeightMap) -> list[str]:
    """Return a note on heights that were written although they are not sure."""
    unsure = 1 - surface.share_in(None)
    if call.sure_only or unsure == 0 or not (call.mesh or call.height):
        return []
    return [
        f"{format_percentage(unsure).capitalize()} of the heights that were written are not sure; "
        "--sure-only leaves gaps in their place."
    ]


def _levelled(call: argparse.Namespace, source: HeightMap) -> tuple[HeightMap, str | None]:
    """Return the surface that is measured, and the form that was subtracted."""
    if call.level is None:
        return source, None
    from napari_focus_stack.analysis.levelling import level

    form, *rest = call.level
    numbers = [_number(text) for text in rest]
    if form == "points":
        found = level(source, "points", points=_pairs(numbers, "--level points", least=3))
    elif form == "polynomial" and len(numbers) < 2 and all(map(float.is_integer, numbers)):
        found = level(source, "polynomial", degree=int(*numbers) if numbers else 2)
    elif form in ("offset", "plane") and not numbers:
        found = level(source, form)
    else:
        raise SettingsError(
            f"--level {' '.join(call.level)} is unknown; choose 'offset', 'plane', 'polynomial "
            "DEGREE' or 'points Y X Y X Y X'."
        )
    return found.surface, found.method


def _number(text: str) -> float:
    from argparse import ArgumentTypeError

    try:
        return as_number(text)
    except ArgumentTypeError as wrong:
        raise SettingsError(f"--level: {wrong}; see focusstack measure --help.") from wrong


def _pairs(numbers: Sequence[float], option: str, least: int) -> list[tuple[float, float]]:
    """Return points (y, x) of a list of numbers."""
    if len(numbers) % 2 or len(numbers) < 2 * least:
        raise SettingsError(
            f"{option} needs {least} points or more, each as its row and its column: Y X Y X."
        )
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _box(numbers: Sequence[float], option: str) -> Box | None:
    """Return a region of a list of numbers; None for an empty one."""
    if not numbers:
        return None
    if len(numbers) != 4 or any(number != int(number) for number in numbers):
        raise SettingsError(
            f"{option} needs a region as four whole numbers: {' '.join(_BOX)}; see focusstack "
            "measure --help."
        )
    y0, y1, x0, x1 = (int(number) for number in numbers)
    return y0, y1, x0, x1


def _profiles(
    call: argparse.Namespace, surface: HeightMap
) -> list[tuple[list[tuple[float, float]], Profile]]:
    """Return the lines of a call and the profiles along them."""
    from napari_focus_stack.analysis.height_profiles import profile

    lines = [_pairs(numbers, "--profile", least=2) for numbers in call.profile]
    return [(line, profile(surface, line, width=call.width)) for line in lines]


def _findings(
    call: argparse.Namespace,
    source: HeightMap,
    levelled: tuple[HeightMap, str | None],
    profiles: list[tuple[list[tuple[float, float]], Profile]],
) -> list[Finding]:
    """Measure all that a call wants."""
    from napari_focus_stack.cli import measuring

    surface, form = levelled
    filters = (call.s_filter, call.l_filter)
    return [
        measuring.summary(surface),
        *(
            measuring.profile_finding(number, line, found)
            for number, (line, found) in enumerate(profiles, 1)
        ),
        *(
            measuring.step_finding(
                surface, _required(numbers[:4]), _required(numbers[4:]), tilt=not call.no_tilt
            )
            for numbers in call.step
        ),
        *(
            measuring.texture_finding(surface, _box(numbers, "--texture"), filters, form)
            for numbers in call.texture
        ),
        *(
            measuring.volume_finding(surface, height, _box(numbers, "--volume LEVEL"))
            for height, *numbers in call.volume
        ),
        *(measuring.sphere_finding(source, _box(numbers, "--sphere")) for numbers in call.sphere),
    ]


def _required(numbers: Sequence[float]) -> Box:
    box = _box(numbers, "--step")
    assert box is not None, "the parser takes eight numbers"
    return box


def _heading(call: argparse.Namespace, found: OpenedHeights, form: str | None) -> str:
    """Return the lines before the tables."""
    from napari_focus_stack.cli.findings import symbol

    source = found.height_map
    rows, columns = source.shape
    y, x = source.pixel_size
    known = [f"{rows} rows, {columns} columns"]
    if source.pixel_unit != "pixel":
        size = f"{y:.4g}" if y == x else f"{y:.4g} x {x:.4g}"
        known.append(f"pixel size {size} {symbol(source.pixel_unit)}")
    if not math.isnan(source.z_step):
        known.append(f"z step {source.z_step:.4g} {symbol(source.unit)}")
    lines = [
        f"{found.name}: {', '.join(known)}",
        f"Heights count from a confidence of {source.least_confidence:g} on."
        if source.confidence is not None
        else "Every height counts.",
    ]
    if form is not None:
        lines.append(f"Levelled: {form} was subtracted.")
    return "\n".join([*lines, *(f"Note: {note}" for note in found.notes)])
