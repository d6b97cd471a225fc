"""JSON documents of zarr hierarchies, many at once: a server takes as long for 100 as for one."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from napari_focus_stack.io.json_documents import read_document
from napari_focus_stack.io.places import (
    file_system,
    is_remote,
    key_of,
    read_bytes_of,
    read_errors,
    write_bytes_to,
    write_errors,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DOCUMENT = "zarr.json"
"""Document of a group or array of format 3."""
OLDER = (".zattrs", ".zgroup", ".zarray")
"""Documents of format 2."""
_LARGEST = 2**30
"""Bytes of the largest document on disk that is read: `consolidate_metadata` of zarr repeats those
of all groups and arrays, 87 kB for a well of 9 fields with 5 levels, 127 MiB for 1536 wells."""
_AT_ONCE = 64
"""Requests on their way at the same time."""

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")
ReadBytes = Callable[[Path], bytes]
"""Reads a document; raises FileNotFoundError if there is none."""


def documents_of(folders: Iterable[Path], names: Sequence[str] = (DOCUMENT, *OLDER)) -> ReadBytes:
    """Return a reader of the documents of folders; those of URLs are fetched now, all at once.

    Parameters
    ----------
    folders : iterable of pathlib.Path
        Folders of one store, which need not exist.
    names : sequence of str
        Documents of its format, where that is known.

    Returns
    -------
    callable
        Takes the path of a document in one of the folders and returns its content. Documents of
        URLs that the server denies count as missing: S3 denies those that are missing, where its
        user must not list a bucket.

    Raises
    ------
    InputError
        The server is not reached.
    """
    remaining = iter(folders)
    first = next(remaining, None)
    if first is None or not is_remote(first):
        return read_zarr_document  # the rest is left as it is: thousands of folders take a while
    places = list(dict.fromkeys((first, *remaining)))
    found = _fetched([place / DOCUMENT for place in places if DOCUMENT in names])
    older = [place for place in places if place / DOCUMENT not in found]
    found |= _fetched([place / name for place in older for name in names if name != DOCUMENT])

    def read(file: Path) -> bytes:
        if file not in found:
            raise FileNotFoundError(file)
        return found[file]

    return read


def read_zarr_document(path: Path) -> bytes:
    """Return the bytes of a document of zarr.

    Parameters
    ----------
    path : pathlib.Path
        The file, or its URL.

    Returns
    -------
    bytes
        Its content.

    Raises
    ------
    InputError
        It is a pipe, a device or a socket.
    OSError
        It cannot be read.
    TooLargeError
        It has more than 1 GiB.
    """
    return read_document(path, _LARGEST)


def _fetched(files: Sequence[Path]) -> dict[Path, bytes]:
    """Return the content of those files of a server that are there."""
    contents = side_by_side(_content, files)
    return {
        file: content for file, content in zip(files, contents, strict=True) if content is not None
    }


def _content(file: Path) -> bytes | None:
    """Return the content of a file of a server, None if it is missing or denied."""
    with read_errors(file.parent):
        try:
            return read_bytes_of(file)
        except (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError):
            return None


def group_document(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a group of format 3.

    Parameters
    ----------
    attributes : mapping of str to object
        Plain JSON.

    Returns
    -------
    dict
        Content of "zarr.json".
    """
    return {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes)}


def write_documents(documents: Mapping[Path, Mapping[str, Any]]) -> None:
    """Write the documents of groups and arrays of format 3; those of URLs all at once.

    Parameters
    ----------
    documents : mapping of pathlib.Path to mapping
        Content of "zarr.json" by the folder of the group or array, each of which is made on disk.

    Raises
    ------
    OutputError
        One cannot be written.
    """
    contents = {
        folder / DOCUMENT: json.dumps(content, indent=2).encode()
        for folder, content in documents.items()
    }
    if all(is_remote(file) for file in contents):
        side_by_side(lambda file: write_bytes_to(file, contents[file]), list(contents))
        return
    for file, content in contents.items():
        with write_errors(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        write_bytes_to(file, content)


def zarr_store(place: Path, *, read_only: bool) -> Any:
    """Return what zarr opens: the folder itself, or the store of a URL.

    Parameters
    ----------
    place : pathlib.Path
        Path or URL of a group or array.
    read_only : bool
        Whether nothing is to be written.

    Returns
    -------
    pathlib.Path or zarr.storage.FsspecStore
        First argument of `zarr.open_array` and its like.
    """
    if not is_remote(place):
        return place
    from zarr.storage import FsspecStore

    return FsspecStore(_for_zarr(file_system(place)), path=key_of(place), read_only=read_only)


@lru_cache(maxsize=8)
def _for_zarr(system: Any) -> Any:
    """Return a file system for zarr's own event loop; fsspec keeps one a thread, with a session."""
    if system.async_impl:
        options = {**system.storage_options, "asynchronous": True}
        return type(system)(*system.storage_args, **options)
    from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper

    return AsyncFileSystemWrapper(system, asynchronous=True)


def side_by_side(work: Callable[[_Item], _Found], items: Sequence[_Item]) -> list[_Found]:
    """Return the results of a function for files of a server, called by several threads.

    Parameters
    ----------
    work : callable
        Sends a request and waits for its answer.
    items : sequence
        Its arguments.

    Returns
    -------
    list
        Results in the order of the arguments.
    """
    from concurrent.futures import ThreadPoolExecutor

    if not items:
        return []
    with ThreadPoolExecutor(min(_AT_ONCE, len(items))) as pool:
        return list(pool.map(work, items))
