"""`focusstack figure`: image, height map and profiles of a result in one picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_focus_stack.cli.result_input import add_result_arguments, opened
from napari_focus_stack.cli.shared_options import Parser, as_number, as_path
from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    import argparse

    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.analysis.height_profiles import Profile

_ROUND = math.inf
"""`--contours` without a number: a round distance of the levels."""


def figure_parser() -> argparse.ArgumentParser:
    """Create the parser of `focusstack figure`.

    Returns
    -------
    argparse.ArgumentParser
        Parser of the arguments after "figure".
    """
    parser = Parser(
        prog="focusstack figure",
        description="Draw a figure of a result: its image with a scale bar, its heights with a "
        "colour bar, and profiles. Needs matplotlib (pip install 'napari-focus-stack[heights]').",
        allow_abbrev=False,
    )
    add_result_arguments(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=as_path,
        required=True,
        metavar="FILE",
        help="Figure to write, .png or .svg.",
    )
    parser.add_argument(
        "--profile",
        type=as_number,
        nargs="+",
        action="append",
        default=[],
        metavar="Y X",
        help="Line of a profile: Y0 X0 Y1 X1 ..., in pixels from the centre of the upper left one; "
        "may be repeated.",
    )
    parser.add_argument(
        "--contours",
        type=as_number,
        nargs="?",
        const=_ROUND,
        metavar="N",
        help="Draw contour lines every N units of height; without N, a round number.",
    )
    parser.add_argument(
        "--all-heights",
        action="store_true",
        help="Draw heights that are not sure, too; by default they are hatched, as gaps are.",
    )
    parser.add_argument(
        "--dpi", type=int, default=300, metavar="N", help="Pixels an inch, 50 to 1200 [300]."
    )
    return parser


def figure_command(argv: list[str]) -> None:
    """Run `focusstack figure`.

    Parameters
    ----------
    argv : list of str
        Arguments after "figure".

    Raises
    ------
    SettingsError
        The call is wrong.
    InputError
        The result cannot be read, or no height is sure.
    OutputError
        The figure cannot be written, or matplotlib is missing.
    """
    call = figure_parser().parse_args(argv)
    if call.contours is not None and call.contours <= 0:
        raise SettingsError(f"--contours {call.contours:g} must be above 0.")
    from napari_focus_stack.figures.figure import FigureSettings, check_figure_name, write_figure
    from napari_focus_stack.io.output_checks import check_not_overwritten

    check_figure_name(call.output)
    settings = FigureSettings(
        contours=call.contours is not None,
        interval=None if call.contours == _ROUND else call.contours,
        only_sure=not call.all_heights,
        dpi=call.dpi,
    )
    for file in filter(None, (call.result, call.image)):
        check_not_overwritten({"figure": call.output}, file)
    result = opened(call)
    profiles = _profiles(result.height_map, call.profile)
    write_figure(result.height_map, result.image, call.output, profiles, settings)
    for note in result.notes:
        print(f"Note: {note}")
    print(f"Wrote {call.output}")


def _profiles(source: HeightMap, lines: list[list[float]]) -> list[Profile]:
    """Return the profiles along lines of a call."""
    from napari_focus_stack.analysis.height_profiles import profile

    for line in lines:
        if len(line) < 4 or len(line) % 2:
            raise SettingsError(
                f"--profile needs pairs of Y and X, two or more, not {len(line)} numbers."
            )
    return [profile(source, list(zip(line[::2], line[1::2], strict=True))) for line in lines]
