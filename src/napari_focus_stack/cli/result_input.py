"""The result that `focusstack measure`, `figure` and `film` read, and the options to choose it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack.cli.shared_options import as_number, as_path

if TYPE_CHECKING:
    import argparse

    from napari_focus_stack.analysis.opening import OpenedHeights

TRUSTED = 0.5
"""Default of `--least-confidence`; that of `HeightMap`, whose module loads NumPy."""


def add_result_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the result and the options that choose its parts.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of a subcommand.
    """
    parser.add_argument(
        "result",
        type=as_path,
        metavar="RESULT",
        help="File with heights: saved results (.focusstack), the image or a map of a result "
        "(.tif, .ome.zarr), or a height map of another program.",
    )
    group = parser.add_argument_group("the result")
    group.add_argument(
        "--confidence", type=as_path, metavar="FILE", help="Its confidence, if it is not beside it."
    )
    group.add_argument(
        "--image", type=as_path, metavar="FILE", help="Its sharp image, if it is not beside it."
    )
    group.add_argument(
        "--pixel-size",
        type=as_number,
        metavar="UM",
        help="Pixel size in µm; by default that in the file.",
    )
    group.add_argument(
        "--z-step",
        type=as_number,
        metavar="UM",
        help="Distance between neighbouring planes in µm; by default that in the file. Heights "
        "made with another one are scaled.",
    )
    group.add_argument("--time", type=int, metavar="N", help="Number of the time point, from 0.")
    group.add_argument("--channel", metavar="NAME|N", help="Name or number of the channel, from 0.")
    group.add_argument(
        "--position", metavar="NAME|N", help="Name or number of the position, from 0."
    )
    group.add_argument(
        "--least-confidence",
        type=as_number,
        default=TRUSTED,
        metavar="C",
        help=f"Least confidence of a height that counts, 0 to 1 [{TRUSTED:g}].",
    )


def opened(call: argparse.Namespace) -> OpenedHeights:
    """Open the result of a call.

    Parameters
    ----------
    call : argparse.Namespace
        Arguments of a parser with `add_result_arguments`.

    Returns
    -------
    OpenedHeights
        Its heights.

    Raises
    ------
    InputError
        It cannot be read, has no heights, or holds several of which none is chosen.
    SettingsError
        A number is out of bounds.
    """
    from napari_focus_stack.analysis.opening import open_heights

    return open_heights(
        call.result,
        confidence=call.confidence,
        image=call.image,
        pixel_size=call.pixel_size,
        z_step=call.z_step,
        time=call.time,
        channel=call.channel,
        position=call.position,
        least_confidence=call.least_confidence,
    )
