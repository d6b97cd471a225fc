"""Series in a folder of files of one plane each, by the patterns of their names.

Only names are read to open it, and the headers of one stack.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_focus_stack._utils.wording import format_count, format_names
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.companions import companions, describe_companions
from napari_focus_stack.io.listing import SUFFIXES
from napari_focus_stack.io.output_formats import SAVED
from napari_focus_stack.io.reading import read_planes, scan_planes
from napari_focus_stack.io.sources import describe
from napari_focus_stack.io.spacing_metadata import completed
from napari_focus_stack.series.model import Channel, Position, Series, StackIndex
from napari_focus_stack.series.patterns import SUB_FOLDERS, compile_pattern, named_pattern
from napari_focus_stack.series.readers.folder_grid import make_grid
from napari_focus_stack.series.readers.folder_metadata import read_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_focus_stack.io.file_source import ScannedFiles
    from napari_focus_stack.io.sources import PlaneSource, Spacing
    from napari_focus_stack.series.patterns import FileFields, FilePattern
    from napari_focus_stack.series.readers.folder_grid import FolderGrid
    from napari_focus_stack.series.readers.folder_metadata import FolderMetadata

_NAMED_DEPTH = 2
_TRIES = 3
"""Stacks that are tried for shape and spacing, if files of the first are damaged."""


def open_folder(path: Path, pattern: str | None = None) -> Series | None:
    """Open a folder of files of one plane each as a series.

    Parameters
    ----------
    path : pathlib.Path
        The folder; its sub-folders are searched where the pattern has folders.
    pattern : str, optional
        Pattern as for `compile_pattern`. Without one, those of microscopes are tried.

    Returns
    -------
    Series or None
        None, without a pattern, if the names are those of no microscope, or of one stack:
        `read_stack` opens such a folder, or refuses names that carry axes.

    Raises
    ------
    SettingsError
        The pattern cannot be used, can be read in too many ways, or fits fewer than half of the
        files.
    InputError
        Two files have one place, or no file can be read.
    """
    chosen = compile_pattern(pattern) if pattern is not None else None
    depth = chosen.folders if chosen else _NAMED_DEPTH
    within = list(_walk(path, depth, any_folder=chosen is not None))
    chosen = chosen or named_pattern(within)
    if chosen is None:
        return None
    files = {name: Path(path, name) for name in within}
    made = companions(list(files.values()))
    names = [name for name in within if files[name] not in made]
    found = {name: fields for name in names if (fields := chosen.fields(name)) and fields.z}
    if pattern is not None:
        _check_fit(path, pattern, names, found)
    grid = make_grid([(files[name], fields) for name, fields in found.items()], pattern)
    flat = _recorded_in_one_plane(grid)
    if flat:
        found = {name: fields for name, fields in found.items() if fields.c not in flat}
        grid = make_grid([(files[name], fields) for name, fields in found.items()], pattern)
    if pattern is None and len(grid.files) == 1 and not any("/" in name for name in found):
        return None
    what = f"the names of {chosen.kind}" if pattern is None else f"the {chosen.kind}"
    odd = [name for name in names if name not in found and not _is_of(chosen, name, flat)]
    notes = [*_odd_names(odd, what), *_flat_channels(flat)]
    notes += [*describe_companions(made), *_holes(grid)]
    return _series(path, chosen, grid, notes, tuple(files.values()), pattern)


def _walk(folder: Path, depth: int, *, any_folder: bool) -> Iterator[str]:
    """Yield the paths of image files within a folder, with slashes."""
    try:
        entries = list(os.scandir(folder))
    except OSError as problem:
        raise InputError(
            f"'{folder}' cannot be read ({problem.strerror}); check the path and its permissions."
        ) from problem
    for entry in entries:
        name = entry.name.lower()
        if name.startswith("."):
            continue
        if os.path.splitext(name)[1] in SUFFIXES and not name.endswith(SAVED):
            if not _is_folder(entry):
                yield entry.name
        elif depth and _is_folder(entry) and (any_folder or SUB_FOLDERS.fullmatch(entry.name)):
            inner = _walk(Path(entry.path), depth - 1, any_folder=any_folder)
            yield from (f"{entry.name}/{path}" for path in inner)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder; False for a link that cannot be followed."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _check_fit(
    path: Path, pattern: str, names: Sequence[str], found: dict[str, FileFields]
) -> None:
    """Raise an error if a pattern fits fewer than half of the files."""
    if not names:
        raise InputError(
            f"'{path}' holds no image in the folders of the pattern '{pattern}'; check the path."
        )
    if 2 * len(found) < len(names):
        from natsort import natsorted

        odd = [f"'{name}'" for name in natsorted(set(names) - set(found))[:2]]
        fits = f"fits {len(found)} of {len(names)} files" if found else "fits no file"
        raise SettingsError(
            f"pattern '{pattern}' {fits} of '{path}', and not {' and '.join(odd)}; "
            "write one that does."
        )


def _odd_names(names: Sequence[str], what: str) -> list[str]:
    """Return a note on files whose names do not fit a pattern."""
    if not names:
        return []
    from natsort import natsorted

    count = format_count(len(names), "file was", "files were")
    listed = format_names(natsorted(names))
    return [f"{count} left out, named or placed otherwise than {what}: {listed}."]


def _recorded_in_one_plane(grid: FolderGrid) -> list[str]:
    """Return the channels that have one plane everywhere, beside others that have more."""
    most = [0] * len(grid.channels)
    for index, stack in grid.files.items():
        most[index.channel] = max(most[index.channel], len(stack))
    if max(most) < 2:
        return []
    return [name for name, planes in zip(grid.channels, most, strict=True) if planes < 2]


def _is_of(pattern: FilePattern, name: str, channels: Sequence[str]) -> bool:
    """Check whether a file is of one of some channels."""
    fields = pattern.fields(name) if channels else None
    return fields is not None and fields.c in channels


def _flat_channels(channels: Sequence[str]) -> list[str]:
    """Return the note on channels that were recorded in one plane."""
    return [
        f"Channel '{name}' was recorded in one plane, so it is left out: there is nothing to stack."
        for name in channels
    ]


def _holes(grid: FolderGrid) -> list[str]:
    """Return notes on channels that lack planes everywhere, and on other stacks that do."""
    stacks = len(grid.places) * len(grid.times)
    whole = Counter(index.channel for index in grid.files if grid.is_whole(index))
    notes = [
        f"Channel '{name}' lacks planes everywhere ({grid.gap(StackIndex(channel=channel))}), so "
        "it is not stacked."
        for channel, name in enumerate(grid.channels)
        if not whole[channel]
    ]
    lacking = len(whole) * stacks - whole.total()
    if lacking:
        # most of a grid may be empty: only whole stacks lie before the first that is not
        gaps = (i for i in grid.indices() if whole[i.channel] and not grid.is_whole(i))
        first = next(gaps)
        words = f"{grid.words(first)} ({grid.gap(first)})"
        stacks_are = format_count(
            lacking, "stack lacks planes and is", "stacks lack planes and are"
        )
        notes.append(f"{stacks_are} not stacked; the first is {words}.")
    return notes


def _series(
    path: Path,
    chosen: FilePattern,
    grid: FolderGrid,
    notes: Sequence[str],
    files: Sequence[Path],
    pattern: str | None,
) -> Series:
    """Return the series of a grid, with shape, type and distances of its first stack."""
    metadata = read_metadata(grid)
    first = _first_stack(grid)
    spacing = completed(first.spacing, metadata.spacing)

    def read(index: StackIndex) -> PlaneSource:
        where = series.describe(index)
        gap = grid.gap(index)
        if gap:
            raise InputError(
                f"Planes are missing in {where}: {gap}", "add their files, or leave that stack out"
            )
        opened = read_planes(grid.planes(index), where)
        if (opened.plane_shape, opened.dtype) != (first.plane_shape, first.dtype):
            odd, usual = (describe(s.plane_shape, s.dtype) for s in (opened, first))
            raise InputError(
                f"The planes of {where} are {odd}, those of the first stack {usual}",
                "open them as a series of their own",
            )
        opened.spacing = completed(opened.spacing, spacing)
        return opened

    series = Series(
        path,
        f"folder of {chosen.kind}" if pattern is None else f"folder by the {chosen.kind}",
        _positions(grid, first, spacing, metadata),
        read,
        notes=notes,
        files=files,
        pattern=pattern,
        stack_files=grid.planes,
    )
    return series


def _first_stack(grid: FolderGrid) -> ScannedFiles:
    """Read the headers of the first stack that has all of its planes, or of another one.

    Damaged files among them are refused when their stack is opened.
    """
    whole = sorted(index for index in grid.files if grid.is_whole(index))
    stacks = sorted(whole or grid.files, key=lambda index: len(grid.files[index]) < 2)[:_TRIES]
    for index in stacks[:-1]:
        with contextlib.suppress(InputError):
            return scan_planes(grid.planes(index), grid.words(index))
    return scan_planes(grid.planes(stacks[-1]), grid.words(stacks[-1]))


def _positions(
    grid: FolderGrid, first: ScannedFiles, spacing: Spacing, metadata: FolderMetadata
) -> list[Position]:
    """Return the positions of a grid."""
    channels = tuple(
        metadata.channels.get(label, Channel(label if not label.isdigit() else ""))
        for label in grid.channels
    )
    return [
        Position(
            name,
            len(grid.times),
            channels,
            len(grid.depths[k]),
            first.plane_shape,
            first.dtype,
            spacing if len(grid.depths[k]) > 1 else replace(spacing, z=None),
            metadata.seconds.get(k, ()),
            metadata.stage.get(k),
            place.well or None,
        )
        for k, (name, place) in enumerate(zip(grid.names(), grid.places, strict=True))
    ]
