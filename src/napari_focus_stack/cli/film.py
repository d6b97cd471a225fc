"""`focusstack film`: rocking and turning films, and stereo pairs."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from napari_focus_stack.cli.result_input import add_result_arguments, opened
from napari_focus_stack.cli.shared_options import Parser, as_number, as_path
from napari_focus_stack.errors import OutputError, SettingsError

if TYPE_CHECKING:
    from napari_focus_stack.analysis.opening import OpenedHeights

_FILM_ALONE = ("motion", "seconds", "fps")


def film_parser() -> argparse.ArgumentParser:
    """Create the parser of `focusstack film`.

    Returns
    -------
    argparse.ArgumentParser
        Parser of the arguments after "film".
    """
    parser = Parser(
        prog="focusstack film",
        description="Show the relief of a result in a film that rocks or turns, or as a stereo "
        "pair. Heights that are not sure are replaced by smooth ones between those that are; "
        "--least-confidence 0 shows all as they are. No screen is needed. Films are H.264 if "
        "ffmpeg is installed; otherwise MPEG-4 Part 2, which browsers do not play.",
        allow_abbrev=False,
    )
    add_result_arguments(parser)
    output = parser.add_mutually_exclusive_group(required=True)
    output.add_argument("-o", "--output", type=as_path, metavar="FILE", help="Film, .mp4.")
    output.add_argument(
        "--stereo",
        type=as_path,
        metavar="FILE",
        help="Stereo pair instead of a film, .png: both views side by side, for parallel eyes.",
    )
    parser.add_argument(
        "--anaglyph", action="store_true", help="Stereo pair in one picture, for red-cyan glasses."
    )
    parser.add_argument(
        "--motion",
        choices=("rock", "turn"),
        help="Swing to both sides, or turn about the height axis [rock].",
    )
    numbers = {
        "angle": "Largest angle of the swing [20], or angle between the views of a stereo pair "
        "[6], in degrees.",
        "tilt": "Angle from which the relief is seen, in degrees: 0 from above, 89 from the side "
        "[0; turn: 50].",
        "seconds": "Duration of one swing to both sides, or of one turn [6].",
        "fps": "Frames a second [30].",
        "exaggeration": "Factor on heights [1]; below 0 where heights increase away from the "
        "camera.",
        "shading": "Share of light from the upper left in the brightness, 0 to 1 [0.3].",
    }
    for name, explanation in numbers.items():
        parser.add_argument(f"--{name}", type=as_number, metavar="N", help=explanation)
    parser.add_argument(
        "--size",
        type=_as_size,
        dest="frame",
        metavar="WxH",
        help="Width and height of a frame, or of each view, in pixels [1280x960].",
    )
    return parser


def film_command(argv: list[str]) -> None:
    """Run `focusstack film`.

    Parameters
    ----------
    argv : list of str
        Arguments after "film".

    Raises
    ------
    SettingsError
        The call is wrong.
    InputError
        The result cannot be read.
    OutputError
        The film or picture cannot be written.
    """
    call = film_parser().parse_args(argv)
    names = ("angle", "tilt", "exaggeration", "shading", "frame", *_FILM_ALONE)
    given = {name: getattr(call, name) for name in names if getattr(call, name) is not None}
    if call.stereo:
        _write_stereo(call, given)
    else:
        _write_film(call, given)


def _write_film(call: argparse.Namespace, given: dict[str, Any]) -> None:
    """Write the film of a call."""
    from napari_focus_stack.cli.progress import follow
    from napari_focus_stack.figures.film import FilmSettings, check_film_name, film_steps

    if call.anaglyph:
        raise SettingsError("--anaglyph goes with --stereo, not with a film; leave it out.")
    check_film_name(call.output)
    settings = FilmSettings(**given)
    result = opened(call)
    film = follow(film_steps(result.height_map, result.image, call.output, settings))
    _print_notes(result)
    print(f"Wrote {film.path} ({film.frames} frames, {film.codec})")


def _write_stereo(call: argparse.Namespace, given: dict[str, Any]) -> None:
    """Write the stereo pair of a call."""
    from napari_focus_stack.figures.stereo import anaglyph, side_by_side, stereo_pair
    from napari_focus_stack.io.output_checks import check_not_overwritten
    from napari_focus_stack.io.writing import write_image

    alone = [f"--{name}" for name in _FILM_ALONE if name in given]
    if alone:
        raise SettingsError(f"{alone[0]} goes with a film, not with --stereo; leave it out.")
    if call.stereo.suffix.lower() != ".png":
        raise OutputError(f"'{call.stereo}' is no name of a stereo pair; let it end in .png.")
    for file in filter(None, (call.result, call.image)):
        check_not_overwritten({"stereo": call.stereo}, file)
    result = opened(call)
    left, right = stereo_pair(result.height_map, result.image, **given)
    write_image(call.stereo, (anaglyph if call.anaglyph else side_by_side)(left, right))
    _print_notes(result)
    print(f"Wrote {call.stereo}")


def _print_notes(result: OpenedHeights) -> None:
    """Print the assumptions of an opened result, and of its proportions."""
    from napari_focus_stack.figures.grid import filling_note, scale_note

    source = result.height_map
    for note in filter(None, (*result.notes, scale_note(source), filling_note(source))):
        print(f"Note: {note}")


def _as_size(text: str) -> tuple[int, int]:
    """Convert the argument of `--size` to width and height."""
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"'{text}' is no size such as 1280x960")
    return int(found[1]), int(found[2])
