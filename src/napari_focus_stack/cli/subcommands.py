"""`focusstack demo` and `focusstack bench`: their options and their output."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_focus_stack.cli.shared_options import Parser, as_path, flag
from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from napari_focus_stack.simulation.optics import Optics

_OPTICS = {
    "na": "Numerical aperture of the objective.",
    "wavelength": "Wavelength of the light, in µm (green: 0.53).",
    "pixel_size": "Pixel size in the specimen, in µm.",
    "z_step": "Distance between planes, in µm.",
}
"""Required options of a microscope, and their help."""


def demo_parser() -> argparse.ArgumentParser:
    """Create the parser of `focusstack demo`.

    Returns
    -------
    argparse.ArgumentParser
        Parser of the arguments after "demo".
    """
    from napari_focus_stack.cli.demo_scenes import SCENES
    from napari_focus_stack.simulation.samples import SAMPLES

    parser = Parser(
        prog="focusstack demo",
        description="Stack a built-in sample whose truth is known, and compare the result with it.",
        allow_abbrev=False,
    )
    parser.add_argument("sample", nargs="?", choices=SAMPLES, help="Name of the sample.")
    parser.add_argument(
        "-o", "--output", type=as_path, metavar="FOLDER", help="Folder for the files."
    )
    parser.add_argument(
        "--napari",
        action="store_true",
        help="Open the sample in napari with the widget docked instead.",
    )
    parser.add_argument(
        "--scene",
        choices=SCENES,
        help="Write the planes of a scene of the tutorials and its truth instead, into the folder "
        "of --output or one of the scene's name; nothing is stacked.",
    )
    return parser


def demo_command(argv: list[str]) -> None:
    """Run `focusstack demo`.

    Parameters
    ----------
    argv : list of str
        Arguments after "demo".

    Raises
    ------
    SettingsError
        The call is wrong.
    OutputError
        A file cannot be written.
    """
    call = demo_parser().parse_args(argv)
    if call.scene is not None:
        if call.napari or call.sample is not None:
            raise SettingsError("'--scene' stands alone; leave out '--napari' and the sample.")
        from napari_focus_stack.cli.demo_scenes import write_scene

        print(write_scene(call.scene, call.output or Path(call.scene)))
        return
    if call.napari:
        from napari_focus_stack._napari.demo import open_demo

        open_demo(call.sample)
        return
    from napari_focus_stack.cli.demo import run_demo

    print(run_demo(call.output, call.sample))


def bench_parser() -> argparse.ArgumentParser:
    """Create the parser of `focusstack bench`.

    Returns
    -------
    argparse.ArgumentParser
        Parser of the arguments after "bench".
    """
    parser = Parser(
        prog="focusstack bench",
        description="Render stacks of known truth, stack them with every method, and score the "
        "results. With your own optics and camera: how accurate your results can be.",
        allow_abbrev=False,
    )
    for name in ("scene", "variant", "method"):
        parser.add_argument(
            flag(name), nargs="+", metavar="NAME", help=f"Only these {name}s; all by default."
        )
    parser.add_argument(
        "--json",
        type=as_path,
        metavar="FILE",
        help="Write the scores as JSON; '-' prints them instead of the table.",
    )
    optics = parser.add_argument_group("your optics (the first four go together)")
    for name, explanation in _OPTICS.items():
        optics.add_argument(flag(name), type=float, metavar="N", help=explanation)
    optics.add_argument(
        *("--refractive-index",),
        type=float,
        metavar="N",
        help="Refractive index of the medium before the objective [1.0]; oil: 1.518.",
    )
    optics.add_argument(
        "--planes", type=int, metavar="N", help="Number of planes, which the relief spans."
    )
    sensor = parser.add_argument_group("your camera (noise in the variants noisy and moving)")
    sensor.add_argument(
        "--photons",
        type=float,
        metavar="N",
        help="Number of electrons at white, which determines the shot noise.",
    )
    sensor.add_argument(
        "--read-noise",
        type=float,
        metavar="N",
        help="Standard deviation of the read noise, in electrons.",
    )
    sensor.add_argument("--bits", type=int, default=8, metavar="N", help="Bits, 8 to 16 [8].")
    return parser


def bench_command(argv: list[str]) -> None:
    """Run `focusstack bench`.

    Parameters
    ----------
    argv : list of str
        Arguments after "bench".

    Raises
    ------
    SettingsError
        The call is wrong.
    OutputError
        The JSON file cannot be written.
    """
    call = bench_parser().parse_args(argv)
    import json

    from napari_focus_stack.io.output_checks import check_report
    from napari_focus_stack.io.writing import write_report
    from napari_focus_stack.simulation import benchmark as bench

    names = {f"{name}s": getattr(call, name) for name in ("scene", "variant", "method")}
    wanted = bench.Bench(
        **{name: tuple(dict.fromkeys(chosen)) for name, chosen in names.items() if chosen},
        optics=_optics(call),
        planes=call.planes,
        camera=bench.camera(call.read_noise, call.photons, call.bits),
    )
    only_json = call.json == Path("-")
    if call.json and not only_json:
        check_report(call.json)
    if not only_json:
        print(*([wanted.optics.summary(), ""] if wanted.optics else []), bench.HEADER, sep="\n")
    rows = []
    with _watched() as show:
        for row in wanted.rows(show):
            rows.append(row)
            if not only_json:
                show("")
                print(row, flush=True)
    if only_json:
        print(json.dumps(wanted.as_dict(rows), indent=2, allow_nan=False))
    elif call.json:
        write_report(call.json, wanted.as_dict(rows))
        print(f"Wrote {call.json}")


def _optics(call: argparse.Namespace) -> Optics | None:
    """Return the microscope of a call, None without its options; an incomplete one is an error."""
    from napari_focus_stack.simulation.optics import Optics

    values = {name: getattr(call, name) for name in _OPTICS}
    missing = [flag(name) for name, value in values.items() if value is None]
    if missing and (len(missing) < len(values) or call.refractive_index is not None):
        raise SettingsError(f"Optics need {', '.join(missing)} as well.")
    if missing:
        return None
    index = 1.0 if call.refractive_index is None else call.refractive_index
    return Optics(**values, refractive_index=index)


@contextlib.contextmanager
def _watched() -> Iterator[Callable[[str], None]]:
    """Yield a function that shows the current work on a terminal, and clear the line at the end."""
    on_terminal = sys.stderr.isatty()

    def show(doing: str) -> None:
        """Print the current work in one line."""
        if on_terminal:
            print(f"\r{doing:<60}\r", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        show("")
