"""Reading of a stack from a folder, several files or one multi-page file.

Files are taken in natural order; headers are read first, pixels on demand.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.agreement import agree
from napari_focus_stack.io.camera_formats import is_heic, is_raw, open_heic, open_raw
from napari_focus_stack.io.companions import describe_companions
from napari_focus_stack.io.file_order import (
    in_plain_order,
    may_differ,
    named_positions,
    natural_order,
)
from napari_focus_stack.io.file_source import FileSource, ScannedFiles
from napari_focus_stack.io.folder_notes import note_on_kinds, note_on_order, refuse_several
from napari_focus_stack.io.foreign_formats import foreign_format
from napari_focus_stack.io.listing import StackPath, list_files
from napari_focus_stack.io.name_axes import find_axes, refusal
from napari_focus_stack.io.plane_files import REMEDY, FilePlane, ImageFile, Skipped, Unreadable
from napari_focus_stack.io.raster import open_raster
from napari_focus_stack.io.recorded_order import at_one_position, by_position, contradicts_order
from napari_focus_stack.io.sources import ArraySource, PlaneSource, Spacing
from napari_focus_stack.io.special_files import special_kind
from napari_focus_stack.io.surplus_axes import refuse_surplus_axes
from napari_focus_stack.io.tiff import MAGIC, open_tiff

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_HEAD = 16
AS_GIVEN = "the list that was given, which is not that of their names"


def read_stack(path: StackPath, *, skip_unreadable: bool = False) -> PlaneSource:
    """Open a folder, several files, or one multi-page file as a stack that is read plane by plane.

    Parameters
    ----------
    path : path or sequence of paths
        A folder: its image files in natural order (img2 before img10), without hidden files,
        sub-folders and saved results (`.focusstack`). Several files: in the order given.
        One file: a TIFF of several planes (OME, ImageJ, BigTIFF or plain).
    skip_unreadable : bool
        Leave out files that are damaged or differ in size or type from the majority, and name them
        in the source's `notes`. To find them, every plane is decoded once.

    Returns
    -------
    PlaneSource
        The stack, whose headers are checked and whose pixels are still on disk.

    Raises
    ------
    NoImagesError
        The folder holds no file with the suffix of an image.
    InputError
        The path does not exist; there are fewer than two planes; a file is damaged or differs from
        the rest in size or type; or a file, or the names in a folder, have axes beyond z, y, x and
        colour.
    """
    scanned = scan(path)
    if skip_unreadable:
        scanned = _decodable(scanned)
    elif scanned.skipped:
        raise _refusal(scanned.skipped)
    if len(scanned.planes) < 2:
        raise InputError(too_few(scanned))
    return FileSource(scanned)


def scan(path: StackPath) -> ScannedFiles:
    """Read the headers of a stack's files, without decoding pixels, and skip files that do not fit.

    Parameters
    ----------
    path : path or sequence of paths
        As for `read_stack`.

    Returns
    -------
    ScannedFiles
        One plane or more, and skipped entries.

    Raises
    ------
    NoImagesError
        The folder holds no file with the suffix of an image.
    InputError
        The path does not exist, no file can be read, a single file has axes beyond z, y, x and
        colour, or a folder has them by its file names.
    """
    listing = list_files(path)
    files, notes = listing.files, describe_companions(listing.left_out)
    opened = [*files, *listing.left_out]
    if len(files) == 1:
        try:
            found = _open(files[0])
        except Unreadable as problem:
            raise InputError(
                f"'{files[0].name}' cannot be read: {problem}", problem.remedy or "choose another"
            ) from None
        refuse_surplus_axes(files[0].name, found)
        return agree(listing.where, opened, found.planes, notes)
    axes = find_axes([file.name for file in files]) if listing.is_sorted else None
    if axes is not None:
        raise refusal(listing.where, axes)
    if listing.is_sorted:
        notes += note_on_kinds(files)
    entries = _entries(files)
    if listing.is_sorted:
        refuse_several(listing.where, entries)
    if listing.is_sorted and contradicts_order(entries):
        entries = by_position(entries)
        notes.append(note_on_order(entries, "the z positions in the files"))
    elif (may_differ(files) or not listing.is_sorted) and not in_plain_order(files):
        by_name = listing.is_sorted or (may_differ(files) and natural_order(files) == files)
        rule = "the numbers in their names, with sign and decimals" if by_name else AS_GIVEN
        notes.append(note_on_order(entries, rule))
    return agree(listing.where, opened, entries, notes)


def scan_planes(files: Sequence[Path], where: str) -> ScannedFiles:
    """Read the headers of files that are the planes of a stack, whatever their names are.

    Parameters
    ----------
    files : sequence of pathlib.Path
        One plane each, in the order of z; positions along z in the files have priority.
    where : str
        The stack, for messages.

    Returns
    -------
    ScannedFiles
        One plane or more, and skipped entries.

    Raises
    ------
    InputError
        No file can be read.
    """
    entries, notes = _entries(files), []
    if len({file.parent for file in files}) > 1:
        entries = [
            replace(entry, name=f"{file.parent.name}/{file.name}")
            for file, entry in zip(files, entries, strict=True)
        ]
    if contradicts_order(entries):
        entries = by_position(entries)
        notes = [note_on_order(entries, "the z positions in the files")]
    elif at_one_position(entries):
        notes = ["All planes have the same z position in their files, so they may be copies."]
    return agree(where, files, entries, notes)


def read_planes(files: Sequence[Path], where: str) -> FileSource:
    """Open files that are the planes of a stack, whatever their names are.

    Parameters
    ----------
    files, where
        As for `scan_planes`.

    Returns
    -------
    FileSource
        The stack, whose pixels are still on disk.

    Raises
    ------
    InputError
        A file is damaged, or differs from the rest in size or type.
    """
    scanned = scan_planes(files, where)
    if scanned.skipped:
        raise _refusal(scanned.skipped)
    return FileSource(scanned)


def _entries(files: Sequence[Path]) -> list[FilePlane | Skipped]:
    """Read the headers of files that should hold one plane each."""
    positions = named_positions(files)
    named = [positions.get(file) for file in files] if positions else [None] * len(files)
    return [_one_plane(file, position) for file, position in zip(files, named, strict=True)]


def too_few(scanned: ScannedFiles) -> str:
    """Return the sentence that refuses a stack of one plane.

    Parameters
    ----------
    scanned : ScannedFiles
        Result of `scan` with one plane.

    Returns
    -------
    str
        Message of an InputError.
    """
    left_out = "".join(f"; {skipped}" for skipped in scanned.skipped[:1])
    notes = "".join(f" {note}" for note in scanned.listing_notes)
    return (
        f"'{scanned.where}' gives one plane alone, '{scanned.planes[0].name}'{left_out}; "
        "a stack needs at least two: give the folder that holds them all, or a file of several "
        f"planes.{notes}"
    )


def _open(path: Path) -> ImageFile:
    """Read the headers of one file; each plane gets the spacing and position of the file."""
    found = _open_any(path)
    if found.spacing == Spacing() and found.position is None and found.recorded_at is None:
        return found
    planes = tuple(
        replace(
            plane,
            spacing=found.spacing,
            position=found.position,
            recorded_at=found.recorded_at,
        )
        if isinstance(plane, FilePlane)
        else plane
        for plane in found.planes
    )
    return replace(found, planes=planes)


def _open_any(path: Path) -> ImageFile:
    """Read the headers of one file; its kind follows from its content, not its suffix."""
    kind = special_kind(path)
    if kind is not None:
        raise Unreadable(f"it is {kind} and no file")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as problem:
        raise Unreadable(f"it cannot be opened ({problem.strerror})") from problem
    if not head:
        raise Unreadable("it is empty")
    found = open_raster(path, head)
    if found is not None:
        return found
    if is_raw(path):
        return open_raw(path)
    if head.startswith(MAGIC):
        return open_tiff(path)
    if is_heic(head):
        return open_heic(path)
    raise _unknown(path, head)


def _unknown(path: Path, head: bytes) -> Unreadable:
    """Return the reason against a file that no reader of ours takes."""
    foreign = foreign_format(path, head)
    if foreign is not None:
        return Unreadable(f"it is {foreign.name}, which is not read here", foreign.remedy)
    return Unreadable("it is no image of a known format, whatever its name says")


def _one_plane(file: Path, named_position: float | None) -> FilePlane | Skipped:
    """Return the plane of a file that should hold one."""
    try:
        plane = _only_plane(_open(file))
    except Unreadable as problem:
        return Skipped(file.name, str(problem), problem.remedy)
    return plane if named_position is None else replace(plane, named_position=named_position)


def _only_plane(found: ImageFile) -> FilePlane:
    """Return the only plane of a file; raise Unreadable if it is damaged or there are several."""
    broken = [plane for plane in found.planes if isinstance(plane, Skipped)]
    if broken and len(found.planes) <= 1 + len(broken):
        raise Unreadable(broken[0].reason)
    if len(found.planes) != 1:
        raise Unreadable("it holds a stack itself; give it alone, or save its planes as files")
    plane = found.planes[0]
    assert isinstance(plane, FilePlane)
    return plane


def _decodable(scanned: ScannedFiles) -> ScannedFiles:
    """Skip planes whose pixels cannot be decoded."""
    tried = [_tried(entry) for entry in scanned.entries]
    return agree(scanned.where, scanned.files, tried, scanned.listing_notes)


def _tried(entry: FilePlane | Skipped) -> FilePlane | Skipped:
    """Decode a plane; return Skipped if that fails."""
    if isinstance(entry, FilePlane):
        try:
            entry.decode()
        except Unreadable as problem:
            return Skipped(entry.name, str(problem), problem.remedy)
    return entry


def _refusal(skipped: tuple[Skipped, ...]) -> InputError:
    """Return the error of a stack with skipped entries."""
    others = f" (and {len(skipped) - 1} more)" if len(skipped) > 1 else ""
    return InputError(f"{skipped[0]}{others}", skipped[0].remedy or REMEDY)


def as_source(source: Any) -> PlaneSource:
    """Return a `PlaneSource` of any input of `focus_stack`.

    Parameters
    ----------
    source : PlaneSource, path, sequence of paths or array-like
        Stack, its files, or its planes.

    Returns
    -------
    PlaneSource
        `source` itself if it is one.

    Raises
    ------
    InputError
        As for `read_stack` and `ArraySource`.
    """
    if isinstance(source, PlaneSource):
        return source
    paths = source[0] if isinstance(source, list | tuple) and source else source
    if isinstance(paths, str | os.PathLike):
        return read_stack(source)
    return ArraySource(source)
