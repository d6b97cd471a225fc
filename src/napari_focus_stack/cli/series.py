"""The command on a series: options, progress, results and summary."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from napari_focus_stack.cli.exit_codes import DONE, FAILED_IN_PART
from napari_focus_stack.cli.progress import follow
from napari_focus_stack.cli.shared_options import flag, options_named
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.io.places import is_remote
from napari_focus_stack.series.series_settings import SLAB_METHODS, SeriesSettings
from napari_focus_stack.series.shared_notes import shared_notes

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from napari_focus_stack.io.listing import StackPath
    from napari_focus_stack.io.recipe import Recipe
    from napari_focus_stack.series.model import Series
    from napari_focus_stack.series.result import SeriesResult

_OF_ONE_STACK = ("depth_index", "depth", "height", "confidence", "report", "debug")
"""Options of one stack: a series writes its maps and reports beside the images."""
_MOST_LISTED = 10


def add_opening(group: argparse._ArgumentGroup) -> None:
    """Add the options that name the axes of a series and select a part of it.

    Parameters
    ----------
    group : argparse._ArgumentGroup
        Group of the parser.
    """
    group.add_argument(
        "--axes",
        metavar="LETTERS",
        help="Axes of a file that does not name them, slowest first: P (position), T, C, Z, Y, X, "
        "as in TCZYX, or T3C2ZYX where pages are one list.",
    )
    group.add_argument(
        "--pattern",
        metavar="TEXT",
        help='Names of the files in a folder, as in "{name}_t{t}_z{z}_c{c}.tif".',
    )
    group.add_argument(
        *("--position",), nargs="+", metavar="NAME", help="Only these positions, wells or scenes."
    )
    group.add_argument(
        "--time", metavar="A:B", help="Only time points A to B - 1, counted from 0; or one."
    )
    group.add_argument("--channel", nargs="+", metavar="NAME", help="Only these channels.")


def add_series_settings(group: argparse._ArgumentGroup) -> None:
    """Add an option for each field of `SeriesSettings`; it is None if a call does not use it.

    Parameters
    ----------
    group : argparse._ArgumentGroup
        Group of the parser.
    """
    import argparse

    values = {
        "lead_channel": "auto|NAME|N|each",
        "follow": "alignment|surface[:OFFSET]",
        "slab_method": "|".join(SLAB_METHODS),
    }
    for field in dataclasses.fields(SeriesSettings):
        explanation = field.metadata["help"]
        if isinstance(field.default, bool):
            group.add_argument(
                flag(field.name),
                action=argparse.BooleanOptionalAction,
                default=None,
                help=explanation,
            )
        else:
            group.add_argument(
                flag(field.name),
                type=int if isinstance(field.default, int) else str,
                metavar=values.get(field.name, "N"),
                help=f"{explanation} [{field.default}]",
            )


def open_part(call: argparse.Namespace, inputs: StackPath) -> Series:
    """Open the series of a call and return the part that it selects.

    Parameters
    ----------
    call : argparse.Namespace
        Arguments with those of `add_opening`.
    inputs : path or sequence of paths
        File, folder or files.

    Returns
    -------
    Series
        The part.

    Raises
    ------
    InputError, SettingsError
        As for `open_series` and `select`.
    """
    from napari_focus_stack.series.opening import open_series
    from napari_focus_stack.series.selection import select

    series = open_series(
        inputs,
        pattern=call.pattern,
        axes=call.axes,
        skip_unreadable=getattr(call, "skip_unreadable", False),
    )
    if call.position is call.time is call.channel is None:
        return series
    return select(series, call.position, call.time, call.channel)


def is_series(call: argparse.Namespace, series: Series) -> bool:
    """Return whether a call is about a series rather than one stack.

    Parameters
    ----------
    call : argparse.Namespace
        Arguments of the command.
    series : Series
        Result of `open_part`.

    Returns
    -------
    bool
        True with several stacks, or an output that only holds a series.
    """
    return len(series) > 1 or call.output.suffix.lower() == ".zarr"


def refuse_series_settings(call: argparse.Namespace) -> None:
    """Refuse options of a series in a call on one stack.

    Parameters
    ----------
    call : argparse.Namespace
        Arguments of the command.

    Raises
    ------
    SettingsError
        One of them was given.
    """
    for field in dataclasses.fields(SeriesSettings):
        if getattr(call, field.name) is not None:
            raise SettingsError(
                f"{flag(field.name)} is for a series of several stacks, and this is one; leave it "
                "out."
            )


def series_command(call: argparse.Namespace, series: Series, wanted: Recipe) -> int:
    """Focus a series and write its results.

    Parameters
    ----------
    call : argparse.Namespace
        Arguments of the command.
    series : Series
        The series, or the part that the call selects.
    wanted : Recipe
        Parameters of every stack.

    Returns
    -------
    int
        Exit code: 3 if some stacks failed.

    Raises
    ------
    SettingsError
        Options contradict each other or do not fit the series.
    InputError
        No stack could be fused.
    OutputError
        A result cannot be written.
    """
    from napari_focus_stack.cli.prior_reports import prior_reports
    from napari_focus_stack.io.map_names import split_name
    from napari_focus_stack.series.files import OnDisk
    from napari_focus_stack.series.steps import focus_series_steps

    _refuse_options_of_one_stack(call, series, wanted)
    out = call.output
    if os.path.isdir(out) and not out.name.lower().endswith(".zarr"):
        out = out / f"{_stem(series.path)}.ome.tif"
    split_name(out)
    with options_named():
        result = follow(
            focus_series_steps(
                series,
                wanted.settings,
                series_settings(call),
                OnDisk(out, series),
                transforms=prior_reports(call.transforms_from, series),
            )
        )
    _summarise(series, result)
    return FAILED_IN_PART if result.failed else DONE


def _refuse_options_of_one_stack(call: argparse.Namespace, series: Series, wanted: Recipe) -> None:
    """Refuse options, corrections and transforms that belong to one stack."""
    many = f"'{series.path.name}' has {len(series)}"
    for name in _OF_ONE_STACK:
        if getattr(call, name):
            raise SettingsError(
                f"{flag(name)} is for one stack, and {many}; its depth, height, confidence and "
                "reports are written beside the images."
            )
    if call.skip_unreadable:
        raise SettingsError(
            f"--skip-unreadable is for one stack, and {many}; a series marks the stacks that "
            "cannot be read, and goes on."
        )
    if wanted.correction is not None or wanted.transforms is not None:
        raise SettingsError(
            f"'{call.recipe}' is of one stack, with a correction or transforms of its own, and "
            f"{many}; select one (--position, --time, --channel), or give the settings as options."
        )


def _stem(path: Path) -> str:
    """Return the name of a series for its results."""
    name = path.absolute().name or "series"
    if not is_remote(path) and path.is_dir() and not name.lower().endswith(".zarr"):
        return name
    return name[: -len(path.suffix)].removesuffix(".ome") or name


def series_settings(call: argparse.Namespace) -> SeriesSettings:
    """Return the settings of the series of a call.

    Parameters
    ----------
    call : argparse.Namespace
        Arguments with those of `add_series_settings`.

    Returns
    -------
    SeriesSettings
        Defaults where the call has none.

    Raises
    ------
    SettingsError
        One is wrong.
    """
    return SeriesSettings(
        **{
            field.name: value
            for field in dataclasses.fields(SeriesSettings)
            if (value := getattr(call, field.name)) is not None
        }
    )


def _summarise(series: Series, result: SeriesResult) -> None:
    """Print what was done, the failures, notes and files."""
    lead = "each channel by itself" if result.lead is None else f"lead channel '{result.lead}'"
    several = any(len(position.channels) > 1 for position in series.positions)
    count = f"{len(result.reports)} of {len(series)} stacks"
    print(f"Fused {count} of '{series.path.name}'{f' ({lead})' if several else ''}.")
    for index, reason in list(result.failed.items())[:_MOST_LISTED]:
        name = series.describe(index)
        print(f"Failed: {reason if name in reason else f'{name}. {reason}'}")
    if len(result.failed) > _MOST_LISTED:
        print(f"Failed: {len(result.failed) - _MOST_LISTED} more.")
    for note in (*result.notes, *shared_notes(series, result.reports)):
        print(f"Note: {note}")
    for path in result.files:
        print(f"Wrote {path}")
