"""`focusstack measure`: profiles, steps, texture, volumes and spheres of a result; its exports."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_focus_stack._version import __version__
from napari_focus_stack.cli.result_input import add_result_arguments, opened
from napari_focus_stack.cli.shared_options import Parser, as_number, as_path
from napari_focus_stack.errors import OutputError, SettingsError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.analysis.opening import OpenedHeights
    from napari_focus_stack.analysis.profile import Profile
    from napari_focus_stack.cli.findings import Finding
    from napari_focus_stack.cli.measuring import Box

_BOX = ("Y0", "Y1", "X0", "X1")
_ENDS = {
    "json": (".json",),
    "csv": (".csv",),
    "svg": (".svg",),
    "mesh": (".glb", ".ply", ".obj", ".stl"),
    "height": (".tif", ".tiff", ".gsf", ".x3p"),
}
"""Ends of the names of the files that each option writes."""
_FACES = 500_000
_KINDS = ("profiles", "steps", "textures", "volumes", "spheres")


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
        "--width",
        type=int,
        default=1,
        metavar="N",
        help="Profiles: pixels across the line that are averaged [1].",
    )


def _add_files(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--json", metavar="FILE", help="Write all figures as JSON; '-' prints them instead."
    )
    group.add_argument("--csv", type=as_path, metavar="FILE", help="Write the profiles as a table.")
    group.add_argument("--svg", type=as_path, metavar="FILE", help="Write the profiles as a plot.")
    group.add_argument(
        "--mesh",
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
        type=as_path,
        metavar="FILE",
        help="Write the (levelled) heights with their scale, .tif, .gsf or .x3p.",
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
    outputs = _outputs(call)
    _check(call, outputs)
    found = opened(call)
    surface, form = _levelled(call, found.height_map)
    profiles = _profiles(call, surface)
    findings = _findings(call, found.height_map, surface, profiles)
    document = _document(call, found, form, findings)
    _write(call, outputs, found, surface, [profile for _, profile in profiles], document)
    if call.json == "-":
        print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))
        return
    print(_heading(call, found, form))
    for finding in findings:
        print(f"\n{finding}")
    for path in outputs.values():
        print(f"Wrote {path}")


def _outputs(call: argparse.Namespace) -> dict[str, Path]:
    """Return the files to write by their options."""
    named = {name: getattr(call, name) for name in _ENDS}
    return {name: Path(path) for name, path in named.items() if path not in (None, "-")}


def _check(call: argparse.Namespace, outputs: dict[str, Path]) -> None:
    """Refuse a call, before the work, whose options have no effect or cannot be written."""
    from napari_focus_stack.io.output_checks import check_files, check_not_overwritten

    for name in ("csv", "svg"):
        if name in outputs and not call.profile:
            raise SettingsError(f"--{name} is for profiles; give --profile, or --json for figures.")
    for name in ("s_filter", "l_filter"):
        if getattr(call, name) is not None and not call.texture:
            raise SettingsError(f"--{name.replace('_', '-')} is for the texture; give --texture.")
    for name, path in outputs.items():
        if path.suffix.lower() not in _ENDS[name]:
            raise OutputError(
                f"--{name} '{path}' has no known ending; end it in {' or '.join(_ENDS[name])}."
            )
    check_files(list(outputs.values()))
    for file in (call.result, call.confidence, call.image):
        if file is not None:
            check_not_overwritten(outputs, file)


def _levelled(call: argparse.Namespace, source: HeightMap) -> tuple[HeightMap, str | None]:
    """Return the surface that is measured, and the form that was subtracted."""
    if call.level is None:
        return source, None
    from napari_focus_stack.analysis.levelling import level

    form, *rest = call.level
    numbers = [_number(text) for text in rest]
    if form == "points":
        found = level(source, "points", points=_pairs(numbers, "--level points", least=3))
    elif form == "polynomial" and len(numbers) < 2:
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
    from napari_focus_stack.analysis.profile import profile

    lines = [_pairs(numbers, "--profile", least=2) for numbers in call.profile]
    return [(line, profile(surface, line, width=call.width)) for line in lines]


def _findings(
    call: argparse.Namespace,
    source: HeightMap,
    surface: HeightMap,
    profiles: list[tuple[list[tuple[float, float]], Profile]],
) -> list[Finding]:
    """Measure all that a call wants."""
    from napari_focus_stack.cli import measuring

    levelling = "plane" if call.level is None else "offset"
    filters = (call.s_filter, call.l_filter)
    return [
        measuring.summary(surface),
        *(
            measuring.profile_finding(number, line, found)
            for number, (line, found) in enumerate(profiles, 1)
        ),
        *(
            measuring.step_finding(surface, _required(numbers[:4]), _required(numbers[4:]))
            for numbers in call.step
        ),
        *(
            measuring.texture_finding(surface, _box(numbers, "--texture"), filters, levelling)
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


def _document(
    call: argparse.Namespace, found: OpenedHeights, form: str | None, findings: list[Finding]
) -> dict[str, Any]:
    """Return all figures as plain JSON, whose keys are the same in every call."""
    from napari_focus_stack.cli.findings import plain

    document: dict[str, Any] = {
        "version": __version__,
        "result": str(call.result),
        "name": found.name,
        "notes": list(found.notes),
        "level": form,
        "field": plain(findings[0].content),
        **{kind: [] for kind in _KINDS},
    }
    for finding in findings[1:]:
        document[finding.kind].append(plain(finding.content))
    return document


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


def _write(
    call: argparse.Namespace,
    outputs: dict[str, Path],
    found: OpenedHeights,
    surface: HeightMap,
    profiles: list[Profile],
    document: dict[str, Any],
) -> None:
    """Write the files of a call; those first that may be refused."""
    if "mesh" in outputs:
        from napari_focus_stack.analysis.surface import surface_mesh

        mesh = surface_mesh(surface, found.image, most_faces=call.faces)
    if "svg" in outputs:
        from napari_focus_stack.figures.figure import write_profiles

        write_profiles(outputs["svg"], profiles)
    if "height" in outputs:
        from napari_focus_stack.io.height_files import write_heights

        write_heights(outputs["height"], surface)
    if "mesh" in outputs:
        mesh.save(outputs["mesh"])
    if "csv" in outputs:
        from napari_focus_stack.analysis.profile_tables import profile_headings, profile_rows
        from napari_focus_stack.io.tables import write_table

        rows = profile_rows(list(enumerate(profiles, 1)))
        write_table(outputs["csv"], profile_headings(profiles[0]), rows)
    if "json" in outputs:
        from napari_focus_stack.io.writing import write_report

        write_report(outputs["json"], document)
