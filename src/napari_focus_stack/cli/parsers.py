"""Every parser of the command, of which the pages of its options are made and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack.cli.batch import batch_parser
from napari_focus_stack.cli.figure import figure_parser
from napari_focus_stack.cli.film import film_parser
from napari_focus_stack.cli.info import info_parser
from napari_focus_stack.cli.measure import measure_parser
from napari_focus_stack.cli.stack import stack_parser
from napari_focus_stack.cli.subcommands import bench_parser, demo_parser

if TYPE_CHECKING:
    import argparse


def every_parser() -> dict[str, argparse.ArgumentParser]:
    """Create the parsers of the command and of its subcommands.

    Returns
    -------
    dict of str to argparse.ArgumentParser
        By the name of the subcommand; "" is the call without one.
    """
    return {
        "": stack_parser(),
        "info": info_parser(),
        "batch": batch_parser(),
        "measure": measure_parser(),
        "figure": figure_parser(),
        "film": film_parser(),
        "demo": demo_parser(),
        "bench": bench_parser(),
    }
