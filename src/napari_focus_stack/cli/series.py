"""The command on a series: options, progress, results and summary."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from napari_focus_stack.cli.exit_codes import DONE, FAILED_IN_PART
from napari_focus_stack.cli.progress import follow
from napari_focus_stack.cli.shared_options import flag
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.series.series_settings import SLAB_METHODS, SeriesSettings

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from napari_focus_stack.io.listing import StackPath
    from napari_focus_stack.series.model import Series
    from napari_focus_stack.series.result import SeriesResult
    from napari_focus_stack.settings import Settings

_OF_ONE_STACK = ("depth_index", "depth", "height", "confidence", "report", "debug")
"""Options of one stack: a series writes its maps and reports beside the images."""
_MOST_LISTED = 10
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


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


def series_command(call: argparse.Namespace, series: Series, settings: Settings) -> int:
    """Focus a series and write its results.

    Parameters
    ----------
    call : argparse.Namespace
        Arguments of the command.
    series : Series
        The series, or the part that the call selects.
    settings : Settings
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
    from napari_focus_stack.series.files import OnDisk, split_name
    from napari_focus_stack.series.steps import focus_series_steps

    for name in _OF_ONE_STACK:
        if getattr(call, name):
            raise SettingsError(
                f"{flag(name)} is for one stack, and '{series.path.name}' has {len(series)}; its "
                "depth, height, confidence and reports are written beside the images."
            )
    out = call.output
    if out.is_dir() and not out.name.lower().endswith(".zarr"):
        out = out / f"{series.path.name.partition('.')[0]}.ome.tif"
    split_name(out)
    result = follow(
        focus_series_steps(
            series,
            settings,
            _series_settings(call),
            OnDisk(out, series),
            transforms=_prior(call.transforms_from, series),
        )
    )
    _summarise(series, result)
    return FAILED_IN_PART if result.failed else DONE


def _series_settings(call: argparse.Namespace) -> SeriesSettings:
    """Return the settings of a call, with options named in errors."""
    given = {
        field.name: value
        for field in dataclasses.fields(SeriesSettings)
        if (value := getattr(call, field.name)) is not None
    }
    try:
        return SeriesSettings(**given)
    except SettingsError as wrong:
        text = str(wrong)
        for field in dataclasses.fields(SeriesSettings):
            text = text.replace(f"{field.name} ", f"{flag(field.name)} ")
        raise SettingsError(text) from wrong


def _prior(path: Path | None, series: Series) -> dict[tuple[int, int], Any]:
    """Return the reports whose transforms are used, by position and time point."""
    if path is None:
        return {}
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    by_place: dict[tuple[int, int], Path] = {}
    for file in files:
        place = _place_of(file)
        by_place.setdefault((place.get("position", 0), place.get("time", 0)), file)
    found = {}
    for index in series:
        original = series.original(index)
        key = original.position, original.time
        if key not in by_place:
            raise SettingsError(
                f"--transforms-from '{path}' has no report of {series.describe(index)}; give the "
                "folder of reports of a run on the same series."
            )
        found[index.position, index.time] = by_place[key]
    return found


def _place_of(file: Path) -> dict[str, Any]:
    """Return the place of the stack of a report."""
    try:
        report = json.loads(file.read_bytes())
    except (OSError, ValueError) as problem:
        raise InputError(f"'{file}' is no report ({problem}); give that of a run.") from problem
    place = report.get("place", {}) if isinstance(report, dict) else {}
    return place if isinstance(place, dict) else {}


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
    for note in (*result.notes, *_shared_notes(result)):
        print(f"Note: {note}")
    for path in result.files:
        print(f"Wrote {path}")


def _shared_notes(result: SeriesResult) -> list[str]:
    """Return the notes of reports, each kind once, with the number of stacks that have it.

    Notes that differ in their numbers alone are of one kind.
    """
    kinds: dict[str, list[str]] = {}
    for report in result.reports.values():
        for note in report.notes:
            kinds.setdefault(_NUMBER.sub("#", note), []).append(note)
    ordered = sorted(kinds.values(), key=len, reverse=True)[:_MOST_LISTED]
    return [_with_count(notes, len(result.reports)) for notes in ordered]


def _with_count(notes: list[str], stacks: int) -> str:
    """Return the first of some notes, with the number of stacks that have such a note."""
    if len(notes) == stacks and len(set(notes)) == 1:
        return notes[0]
    such = "" if len(set(notes)) == 1 else ", with their own figures in the reports"
    return f"{notes[0]} ({len(notes)} of {stacks} stacks{such})"
