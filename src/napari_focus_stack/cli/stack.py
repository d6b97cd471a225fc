"""The command without a subcommand: a stack is read, fused and written to files."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from napari_focus_stack._utils.wording import format_unit
from napari_focus_stack._version import __version__
from napari_focus_stack.cli.exit_codes import DONE
from napari_focus_stack.cli.progress import follow
from napari_focus_stack.cli.recipe_options import given_inputs, placed_series, wanted_recipe
from napari_focus_stack.cli.series import (
    add_opening,
    add_series_settings,
    is_series,
    open_part,
    refuse_series_settings,
    series_command,
)
from napari_focus_stack.cli.shared_options import (
    SHORT,
    Parser,
    add_settings,
    as_input,
    as_path,
    as_switch,
    flag,
    flags,
    options_named,
)
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.places import followed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from napari_focus_stack.io.recipe import Recipe
    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.result import StackResult

MAPS = {
    "depth_index": "Number of the plane in focus at each pixel, from 0 (TIFF or PNG, 16-bit).",
    "depth": "Depth with sub-plane precision, in planes (TIFF, float).",
    "height": "Depth times z step, in the unit of the pixel size (TIFF, float).",
    "confidence": "Confidence of the depth, 0 to 1 (TIFF, float).",
}
"""Fields of `StackResult` that have an option of their own, and its help."""


def stack_parser() -> argparse.ArgumentParser:
    """Create the parser of `focusstack -i DIR -o OUT`; parameters come from `Settings`.

    Returns
    -------
    argparse.ArgumentParser
        Parser of a call without a subcommand.
    """
    parser = Parser(
        prog="focusstack",
        description="Fuse planes focused at different distances into one sharp image and a depth "
        "map.",
        epilog="'focusstack info PATH' shows the axes of a file or folder; 'focusstack batch' "
        "stacks all below a folder; 'focusstack measure', 'figure' and 'film' measure and show the "
        "heights of a result; 'focusstack demo' stacks a built-in sample; 'focusstack bench' "
        "measures how accurate every method is. '--help' after each explains its options.",
        allow_abbrev=False,
    )
    _add_image_files(parser)
    _add_parameters(parser.add_argument_group("parameters"))
    _add_more_files(parser.add_argument_group("more files"))
    series = parser.add_argument_group("series of channels, time points and positions")
    add_opening(series)
    add_series_settings(series)
    parser.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="Leave out files that cannot be read or differ from the rest, and name them.",
    )
    parser.add_argument("--version", action="version", version=f"focusstack {__version__}")
    return parser


def _add_image_files(parser: argparse.ArgumentParser) -> None:
    """Add the options for the planes and the sharp image."""
    parser.add_argument(
        *("-i", "--input"),
        type=as_input,
        nargs="+",
        metavar="PATH",
        help="Folder of planes, one multi-page file, or the planes' files, which are taken in "
        "natural order (img2 before img10); or a series: a file or folder of several channels, "
        "time points or positions, of OME-Zarr also its URL; with --recipe, its files by default.",
    )
    parser.add_argument(
        *("-o", "--output"),
        type=as_path,
        required=True,
        metavar="FILE",
        help="The sharp image, .png, .tif or .jpg; or image, maps and recipe in one file, "
        ".focusstack, which napari and 'focusstack measure' open; of a series, .ome.tif, "
        ".ome.zarr or a folder.",
    )


def _add_parameters(group: argparse._ArgumentGroup) -> None:
    """Add the options for the parameters of a run, and the files that may provide them."""
    add_settings(group)
    group.add_argument(
        "--transforms-from",
        type=as_path,
        metavar="FILE",
        help="Report (JSON) of a run on another stack of the same field, such as another channel, "
        "whose transforms are used instead of estimating any.",
    )
    group.add_argument(
        "--recipe",
        type=as_path,
        metavar="FILE",
        help="Repeat the run of a recipe or a report (JSON), or of results saved in napari "
        "(.focusstack); options of this call have priority.",
    )


def _add_more_files(group: argparse._ArgumentGroup) -> None:
    """Add the options for maps, report and debug files."""
    for name, explanation in MAPS.items():
        group.add_argument(flag(name), type=as_path, metavar="FILE", help=explanation)
    group.add_argument(
        "--report",
        type=as_path,
        metavar="FILE",
        help="Settings, transforms and findings of the run (JSON).",
    )
    group.add_argument(
        *("-d", "--debug"),
        type=as_switch,
        nargs="?",
        const=True,
        default=False,
        metavar="BOOL",
        help="Write the aligned planes and their energy into a folder beside the output.",
    )


def stack_command(call: argparse.Namespace) -> int:
    """Stack the planes of a call and write its outputs.

    Parameters
    ----------
    call : argparse.Namespace
        Arguments parsed by `stack_parser`.

    Returns
    -------
    int
        Exit code.

    Raises
    ------
    SettingsError
        Options contradict each other or are out of bounds.
    InputError
        Planes or recipe cannot be read.
    OutputError
        An output cannot be written.
    """
    from napari_focus_stack._utils.memory import share_malloc_arena
    from napari_focus_stack.pipeline.memory_advice import advise_on_memory

    share_malloc_arena()
    wanted = wanted_recipe(call)
    repeats = bool(wanted.place) and len(wanted.inputs) == 1
    series = placed_series(call, wanted) if repeats else open_part(call, given_inputs(wanted))
    if is_series(call, series):
        return series_command(call, series, wanted)
    refuse_series_settings(call)
    if call.skip_unreadable and not series.is_one_stack:
        raise SettingsError(
            "--skip-unreadable is for a folder or file of one stack, not for one of a series."
        )
    source = series.stack()
    source.notes = tuple(dict.fromkeys((*source.notes, *series.notes)))
    with options_named():
        wanted.settings.reference_plane(len(source))
        wanted.settings.region_in(source.plane_shape)
    outputs = _outputs(call)
    _check(call, wanted, source, outputs)
    advice = advise_on_memory(source, wanted.settings, set_by="--memory")
    if advice is not None:
        print(f"Note: {advice}", flush=True)
    result, written = _run(call, wanted, source, outputs)
    _summarise(call, wanted, result, written)
    return DONE


def _outputs(call: argparse.Namespace) -> dict[str, Path]:
    """Return the path of each field of `StackResult` to write."""
    named = {"image": call.output, **{name: getattr(call, name) for name in (*MAPS, "report")}}
    return {name: path for name, path in named.items() if path is not None}


def _check(
    call: argparse.Namespace, wanted: Recipe, source: PlaneSource, outputs: dict[str, Path]
) -> None:
    """Refuse, before the work, results that could not be written after it."""
    from napari_focus_stack.cli.debug import check_folder, folder_beside
    from napari_focus_stack.io.output_checks import check_not_overwritten, check_outputs

    if call.height and wanted.settings.z_step is None and source.spacing.z is None:
        raise SettingsError(
            "--height needs the distance between planes, which the files do not say: give --z-step."
        )
    _check_correction(call, wanted, source)
    check_outputs(outputs, source)
    for read in (call.transforms_from, call.recipe):
        if read is not None:
            check_not_overwritten(outputs, read)
    if call.debug:
        check_folder(folder_beside(call.output))


def _check_correction(call: argparse.Namespace, wanted: Recipe, source: PlaneSource) -> None:
    """Refuse a correction of planes of another size; with `crop` the size is not known before."""
    if wanted.correction is None or wanted.settings.crop:
        return
    (y, x), (rows, columns) = wanted.correction.shape, source.plane_shape[:2]
    if (y, x) != (rows, columns):
        raise InputError(
            f"'{call.recipe}' has a correction of {x} x {y} pixels, the planes have "
            f"{columns} x {rows}; give those that it was made on."
        )


def _run(
    call: argparse.Namespace, wanted: Recipe, source: PlaneSource, outputs: dict[str, Path]
) -> tuple[StackResult, list[Path]]:
    """Stack and write; the debug folder appears last, when nothing can fail any more."""
    from napari_focus_stack.cli.debug import debug_folder, folder_beside
    from napari_focus_stack.io.result_outputs import write_outputs
    from napari_focus_stack.pipeline.stack import stack_steps

    folder = folder_beside(call.output)
    transforms = wanted.transforms if call.transforms_from is None else call.transforms_from
    with debug_folder(folder) if call.debug else contextlib.nullcontext() as on_plane:
        steps = stack_steps(source, wanted.settings, transforms=transforms, on_plane=on_plane)
        result = _corrected(source, follow(steps), wanted)
        write_outputs(outputs, result, wanted.correction)
    return result, [*outputs.values(), *([folder] if call.debug else [])]


def _corrected(source: PlaneSource, result: StackResult, wanted: Recipe) -> StackResult:
    """Apply the correction of a recipe to a result."""
    if wanted.correction is None:
        return result
    from napari_focus_stack.correction.retouch import apply_correction

    return apply_correction(source, result, wanted.correction)


def _summarise(
    call: argparse.Namespace, wanted: Recipe, result: StackResult, written: list[Path]
) -> None:
    """Print the result of a run: planes, settings, notes and files."""
    report, inputs = result.report, wanted.inputs
    origin = f"{len(inputs)} files" if len(inputs) > 1 else f"'{inputs[0]}'"
    how = f"alignment: {report.align}, reference: '{report.planes[report.reference]}'"
    if report.spacing["z"] is not None:
        unit = format_unit(report.spacing["unit"])
        how += f", z step: {report.spacing['z']:g} {unit}".rstrip()
    if report.crop is not None:
        y0, y1, x0, x1 = report.crop
        how += f", cropped to {x1 - x0} x {y1 - y0} pixels"
    print(f"Stacked {len(report.planes)} planes of {origin} ({how}).")
    for note in (*report.notes, *_notes_on_call(call, wanted, written)):
        print(f"Note: {note}")
    for path in written:
        print(f"Wrote {path}")


def _notes_on_call(call: argparse.Namespace, wanted: Recipe, written: list[Path]) -> list[str]:
    """Return notes on options without effect, and on outputs among the planes."""
    from napari_focus_stack.io.listing import SUFFIXES

    method, folders = wanted.settings.method, _folders(wanted.inputs)
    notes = []
    if wanted.correction is not None:
        notes.append(f"The depth was corrected as '{call.recipe}' says.")
    if wanted.place:
        notes += wanted.not_repeated
    idle = ["/".join(flags(name)) for name in SHORT if getattr(call, name) is not None]
    if idle and method != "laplacian":
        notes.append(f"{' and '.join(idle)} had no effect because the method is {method}.")
    beside = [p for p in written if p.suffix.lower() in SUFFIXES and followed(p).parent in folders]
    if beside:
        names = ", ".join(f"'{p.name}'" for p in beside)
        notes.append(
            f"What lies beside the planes is a plane to the next run: move {names}, or write to "
            "another folder."
        )
    return notes


def _folders(inputs: Sequence[str]) -> set[Path]:
    """Return the folders whose files are the planes: the one given, or those of several files."""
    paths = [Path(path) for path in inputs]
    return {followed(path.parent if len(paths) > 1 else path) for path in paths}
