"""Finding of every series below a folder: each once, and why the other images are none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from natsort import natsorted

from napari_focus_stack.batch.folder_contents import (
    Content,
    contents,
    groups_within,
    opened_file,
    opened_store,
)
from napari_focus_stack.batch.folder_entries import is_passed_over, list_entries
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.listing import is_folder
from napari_focus_stack.io.places import followed, is_remote, read_errors
from napari_focus_stack.series.axes import parse_axes
from napari_focus_stack.series.patterns import compile_pattern
from napari_focus_stack.series.readers.zarr_nodes import DOCUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_focus_stack.series.model import Series


@dataclass(frozen=True)
class FoundSeries:
    """A series below the root of a batch.

    `open_series(root / source, pattern=series.pattern, axes=series.axes)` opens it again.

    Attributes
    ----------
    source : str
        File or folder, relative to the root, with slashes; "." for the root itself.
    series : Series
        Its stacks.
    is_file : bool
        Whether it is a file.
    """

    source: str
    series: Series
    is_file: bool


@dataclass(frozen=True)
class LeftOut:
    """A file or folder of images that are no stack.

    Attributes
    ----------
    source : str
        File or folder, relative to the root, with slashes; "." for the root itself.
    why : str
        The reason and what to do, in one sentence.
    is_failure : bool
        Whether it should be a stack: a file that cannot be read, or a folder with one.
    """

    source: str
    why: str
    is_failure: bool = False


def find_series_below(
    root: Path, *, pattern: str | None = None, axes: str | None = None, skip: Path | None = None
) -> Iterator[FoundSeries | LeftOut]:
    """Find every series in a folder and its sub-folders, as `open_series` opens them.

    An OME-Zarr store, and a folder whose files are one series or the planes of one stack, is one
    series with the files of sub-folders that belong to it. Each file of several planes is a series
    of its own. Other sub-folders are searched. Hidden files and folders, thumbnails, and results
    that were written here are no stacks. A link to a folder is followed once, unless it leads to a
    folder that is searched anyway, or to one that holds the root. No pixel is read.

    Parameters
    ----------
    root : pathlib.Path
        A folder, or one file. Of a place on object storage only OME-Zarr stores are found.
    pattern : str, optional
        Pattern of file names, as for `open_series`; tried in every folder that holds images.
    axes : str, optional
        Axes of TIFF files of several planes, as for `open_series`.
    skip : pathlib.Path, optional
        Folder that is not searched: that of the results.

    Returns
    -------
    iterator of FoundSeries or LeftOut
        In natural order, what lies in a folder before what lies in its sub-folders.

    Raises
    ------
    InputError
        The root does not exist or cannot be read.
    SettingsError
        The pattern or the axes are wrong.
    """
    if pattern is not None:
        compile_pattern(pattern)
    if axes is not None:
        parse_axes(axes)
    if is_remote(root):
        return _stores_below(root)
    if not is_folder(root):
        return iter([_found(opened_file(root, pattern, axes), ".")])
    return _below(root, pattern, axes, skip)


def _below(
    root: Path, pattern: str | None, axes: str | None, skip: Path | None
) -> Iterator[FoundSeries | LeftOut]:
    """Yield what a folder on disk and its sub-folders hold."""
    on_disk = [] if skip is None or is_remote(skip) else [skip]
    seen = {_identity(folder) for folder in on_disk if folder.is_dir()}
    taken: set[Path] = set()
    waiting = [(root, ".")]
    while waiting:
        folder, source = waiting.pop()
        if (folder != root and _leads_back(folder, root)) or _identity(folder) in seen:
            continue
        seen.add(_identity(folder))
        try:
            entries = list_entries(folder)
        except InputError as problem:
            yield LeftOut(source, str(problem))
            continue
        inner = entries.folders
        if entries.is_zarr:
            inner = groups_within(folder, inner)
            yield from _of_store(folder, source, inner)
        elif folder not in taken:
            for content in contents(folder, entries, pattern, axes):
                taken |= _folders_of(content, folder)
                yield _found(content, _source_of(content.path, folder, source))
        waiting += [(sub, _joined(source, sub.name)) for sub in reversed(inner)]


def _of_store(store: Path, source: str, inner: Sequence[Path]) -> Iterator[FoundSeries | LeftOut]:
    """Yield a store of zarr, unless it is a mere group of others or was written here."""
    found = None if inner else opened_store(store)
    if found is not None:
        yield _found(found, source)


def _identity(folder: Path) -> tuple[int, int]:
    """Return what is the same for every path to a folder."""
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _leads_back(folder: Path, root: Path) -> bool:
    """Check whether a folder is a link to one that is searched anyway, or that holds the root."""
    if not folder.is_symlink():
        return False
    target, whole = followed(folder), followed(root)
    return target.is_relative_to(whole) or whole.is_relative_to(target)


def _folders_of(content: Content, folder: Path) -> set[Path]:
    """Return the sub-folders with files of a series, and those on the way to them."""
    holders = {file.parent for file in content.files} - {folder}
    return {
        place
        for holder in holders
        for place in (holder, *holder.parents)
        if folder in place.parents
    }


def _found(content: Content, source: str) -> FoundSeries | LeftOut:
    """Return a content by its place below the root."""
    if content.series is None:
        return LeftOut(source, content.why, content.is_failure)
    return FoundSeries(source, content.series, content.path.is_file())


def _source_of(path: Path, folder: Path, source: str) -> str:
    """Return the place of a folder, or of a file in it, below the root."""
    return source if path == folder else _joined(source, path.name)


def _joined(source: str, name: str) -> str:
    return name if source == "." else f"{source}/{name}"


def _stores_below(root: Path) -> Iterator[FoundSeries | LeftOut]:
    """Yield the OME-Zarr stores below a place on object storage; stores are not entered."""
    waiting = [(root, ".")]
    while waiting:
        place, source = waiting.pop()
        try:
            with read_errors(place):
                names, folders = _listed(place)
        except InputError as problem:
            if place == root:
                raise
            yield LeftOut(source, str(problem), is_failure=True)
            continue
        if not names.isdisjoint(DOCUMENTS):
            folders = groups_within(place, folders)
            yield from _of_store(place, source, folders)
        waiting += [(folder, _joined(source, folder.name)) for folder in reversed(folders)]


def _listed(place: Path) -> tuple[set[str], list[Path]]:
    """Return the names in a place on object storage, and its folders, by one request."""
    remote: Any = place
    names: set[str] = set()
    folders: list[str] = []
    for entry in remote.fs.ls(remote.path, detail=True):
        name = entry["name"].rstrip("/").rpartition("/")[2]
        names.add(name)
        # the marker of a folder that is listed has its own name
        is_itself = entry["name"].strip("/") == remote.path.strip("/")
        if entry["type"] == "directory" and not is_itself and not is_passed_over(name):
            folders.append(name)
    return names, [place / name for name in natsorted(folders)]
