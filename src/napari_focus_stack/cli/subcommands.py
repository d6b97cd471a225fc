"""`focusstack demo` and `focusstack bench`: their options, and what they print."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_focus_stack.cli.arguments import Parser, as_path, flag
from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from napari_focus_stack.simulation.optics import Optics

_OPTICS = {
    "na": "Numerical aperture of the objective.",
    "wavelength": "Of the light, in micrometres (green: 0.53).",
    "pixel_size": "In the specimen, in micrometres.",
    "z_step": "Distance between planes, in micrometres.",
}


def demo_command(argv: list[str]) -> None:
    """Run `focusstack demo`."""
    from napari_focus_stack.simulation.samples import SAMPLES

    parser = Parser(
        prog="focusstack demo",
        description="Stack a built-in sample whose truth is known, and say how near the result is.",
        allow_abbrev=False,
    )
    parser.add_argument("sample", nargs="?", choices=SAMPLES, help="Which one.")
    parser.add_argument("-o", "--output", type=as_path, metavar="FOLDER", help="Where to write.")
    parser.add_argument(
        "--napari", action="store_true", help="Open it in napari with the widget docked instead."
    )
    call = parser.parse_args(argv)
    if call.napari:
        from napari_focus_stack._napari.docks.launch import open_demo

        open_demo(call.sample)
        return
    from napari_focus_stack.cli.demo import run_demo

    print(run_demo(call.output, call.sample))


def bench_parser() -> argparse.ArgumentParser:
    """Parser of `focusstack bench`."""
    parser = Parser(
        prog="focusstack bench",
        description="Render stacks of known truth, stack them with every method, and score the "
        "results. With your own optics and camera: how true your recordings can become.",
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
        help="Scores as JSON; '-' prints them, and no table.",
    )
    optics = parser.add_argument_group("your optics (the first four go together)")
    for name, explanation in _OPTICS.items():
        optics.add_argument(flag(name), type=float, metavar="N", help=explanation)
    optics.add_argument(
        *("--refractive-index",),
        type=float,
        metavar="N",
        help="Of the medium before the objective [1.0]; oil: 1.518.",
    )
    optics.add_argument("--planes", type=int, metavar="N", help="How many; the relief spans them.")
    sensor = parser.add_argument_group("your camera (noise in the variants noisy and moving)")
    sensor.add_argument(
        "--photons", type=float, metavar="N", help="Electrons at white: the shot noise."
    )
    sensor.add_argument(
        "--read-noise", type=float, metavar="N", help="Standard deviation, in electrons."
    )
    sensor.add_argument("--bits", type=int, default=8, metavar="N", help="8 to 16 [8].")
    return parser


def bench_command(argv: list[str]) -> None:
    """Run `focusstack bench`."""
    call = bench_parser().parse_args(argv)
    from napari_focus_stack.io.writing import check_report, write_report
    from napari_focus_stack.simulation import benchmark as bench

    names = {f"{name}s": getattr(call, name) for name in ("scene", "variant", "method")}
    wanted = bench.Bench(
        **{name: tuple(dict.fromkeys(chosen)) for name, chosen in names.items() if chosen},
        optics=_optics(call),
        planes=call.planes,
        camera=bench.camera(call.read_noise, call.photons, call.bits),
    )
    alone = call.json == Path("-")
    if call.json and not alone:
        check_report(call.json)
    if not alone:
        print(*([wanted.optics.summary(), ""] if wanted.optics else []), bench.HEADER, sep="\n")
    rows = []
    with _watched() as tell:
        for row in wanted.rows(tell):
            rows.append(row)
            if not alone:
                tell("")
                print(row, flush=True)
    if alone:
        print(json.dumps(wanted.as_dict(rows), indent=2, allow_nan=False))
    elif call.json:
        write_report(call.json, wanted.as_dict(rows))
        print(f"Wrote {call.json}")


def _optics(call: argparse.Namespace) -> Optics | None:
    """Return the user's microscope, if there is one; half a one is an error."""
    from napari_focus_stack.simulation.optics import Optics

    given = {name: getattr(call, name) for name in _OPTICS}
    missing = [flag(name) for name, value in given.items() if value is None]
    if missing and (len(missing) < len(given) or call.refractive_index is not None):
        raise SettingsError(f"Optics need {', '.join(missing)} as well.")
    if missing:
        return None
    index = 1.0 if call.refractive_index is None else call.refractive_index
    return Optics(**given, refractive_index=index)


@contextlib.contextmanager
def _watched() -> Iterator[Callable[[str], None]]:
    """Return a function that shows the work at hand on a terminal, and clears it."""
    watched = sys.stderr.isatty()

    def tell(doing: str) -> None:
        if watched:
            print(f"\r{doing:<60}\r", end="", file=sys.stderr, flush=True)

    try:
        yield tell
    finally:
        tell("")
