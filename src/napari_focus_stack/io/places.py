"""Places of files: paths on disk, or URLs where the extra `[cloud]` is installed.

A URL is a `upath.UPath`, which has the methods of `pathlib.Path` that are used on places, and is
annotated as `Path`. Credentials and the address of a server come from the environment: for S3
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, AWS_PROFILE, or FSSPEC_S3_ANON=true for
public buckets. They are never part of a place, so that it may stand in reports and cross processes.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from napari_focus_stack.errors import InputError, OutputError
from napari_focus_stack.io.replacing import os_errors, put_in_place, remove, temporary_name
from napari_focus_stack.io.server_errors import remote_errors
from napari_focus_stack.io.special_files import refuse_special

if TYPE_CHECKING:
    from collections.abc import Iterator

EXTRA = 'install it, for S3 and HTTP with pip install "napari-focus-stack[cloud]"'


def as_place(text: str | os.PathLike[str]) -> Path:
    """Return the place that a text names: a path, or a URL such as "s3://bucket/plate.ome.zarr".

    Parameters
    ----------
    text : str or path
        Path or URL; a place is returned as it is.

    Returns
    -------
    pathlib.Path
        A `upath.UPath` for a URL, but a path for "file://".

    Raises
    ------
    InputError
        A library that URLs need is not installed, or the URL is of an unknown kind.
    """
    if is_remote(text):
        return cast("Path", text)
    name = os.fspath(text)
    scheme, separator, rest = name.partition("://")
    if not separator:
        return Path(name)
    if scheme == "file":
        from urllib.request import url2pathname

        return Path(url2pathname(rest))
    return _url(f"{scheme}://{rest.rstrip('/')}", scheme)


def _url(text: str, scheme: str) -> Path:
    """Return a URL whose library is there."""
    try:
        from upath import UPath

        # other processes write beside this one, and a listing that is kept has none of their files
        place = UPath(text, use_listings_cache=False)
        _ = place.fs
    except ImportError as problem:
        raise InputError(f"'{text}' is a URL, and its library is missing ({problem})", EXTRA) from (
            problem
        )
    except ValueError as problem:
        raise InputError(
            f"'{text}' starts with '{scheme}://', which is no known kind of URL; give a path, or "
            "an address such as s3://bucket/folder."
        ) from problem
    return cast("Path", place)


def is_remote(place: object) -> bool:
    """Return whether a place is a URL.

    Parameters
    ----------
    place : object
        Result of `as_place`, or any path.

    Returns
    -------
    bool
        False for paths and texts.
    """
    return not isinstance(place, str | os.PathLike) and hasattr(place, "storage_options")


def file_system(place: Path) -> Any:
    """Return the file system of a URL.

    Parameters
    ----------
    place : pathlib.Path
        A URL.

    Returns
    -------
    fsspec.AbstractFileSystem
        File system that may be used by several threads.
    """
    return cast("Any", place).fs


def key_of(place: Path) -> str:
    """Return the name of a URL in its file system.

    Parameters
    ----------
    place : pathlib.Path
        A URL.

    Returns
    -------
    str
        Such as "bucket/plate.ome.zarr".
    """
    return str(cast("Any", place).path)


def absolute(place: Path) -> Path:
    """Return the absolute path of a place; a URL is absolute.

    Parameters
    ----------
    place : pathlib.Path
        Path or URL.

    Returns
    -------
    pathlib.Path
        Links are not followed.
    """
    return place if is_remote(place) else Path(os.path.abspath(place))


def followed(place: Path) -> Path:
    """Return the path on disk to which links lead; those of a loop stay as they are.

    Parameters
    ----------
    place : pathlib.Path
        Path on disk, which may not exist.

    Returns
    -------
    pathlib.Path
        Absolute path.
    """
    return Path(os.path.realpath(place))  # `Path.resolve` raises at a loop


def absolute_name(name: str, folder: Path) -> str:
    """Return the name of a file as an absolute path, or as it is if it is a URL.

    Parameters
    ----------
    name : str
        Absolute or relative path, or a URL.
    folder : pathlib.Path
        Absolute folder of relative paths.

    Returns
    -------
    str
        Absolute path or URL.
    """
    return name if "://" in name else str(folder / name)


def is_missing(name: str) -> bool:
    """Return whether a file or folder is not on disk; of URLs their readers find out.

    Parameters
    ----------
    name : str
        Path or URL.

    Returns
    -------
    bool
        False for every URL.
    """
    return "://" not in name and not os.path.exists(name)


def read_bytes_of(place: Path) -> bytes:
    """Return the content of a file; of a URL in one request.

    Parameters
    ----------
    place : pathlib.Path
        Path or URL.

    Returns
    -------
    bytes
        The whole file.

    Raises
    ------
    InputError
        It is a pipe, a device or a socket.
    OSError
        It cannot be read. Servers raise exceptions of their own too, which `read_errors` turns into
        an InputError.
    """
    if not is_remote(place):
        refuse_special(place)
        return place.read_bytes()
    content: bytes = file_system(place).cat_file(key_of(place))
    return content


def write_bytes_to(place: Path, content: bytes) -> None:
    """Write a file that is never seen in part.

    Parameters
    ----------
    place : pathlib.Path
        Path, whose folder exists, or URL. A file that is there is replaced.
    content : bytes
        The whole file.

    Raises
    ------
    OutputError
        It cannot be written; what was there before remains.
    """
    if is_remote(place):
        with write_errors(place):
            file_system(place).pipe_file(key_of(place), content)
        return
    temporary = temporary_name(place)
    try:
        with os_errors(place):
            temporary.write_bytes(content)
        put_in_place([(temporary, place)])
    finally:
        remove([temporary])


@contextlib.contextmanager
def write_errors(place: Path) -> Iterator[None]:
    """Turn failures of a disk or server into an OutputError.

    Parameters
    ----------
    place : pathlib.Path
        Path or URL for the message.

    Yields
    ------
    None
        Nothing; the function is a context manager.

    Raises
    ------
    OutputError
        The block could not write.
    """
    with remote_errors(place, OutputError, "written") if is_remote(place) else os_errors(place):
        yield


@contextlib.contextmanager
def read_errors(place: Path) -> Iterator[None]:
    """Turn failures of a server into an InputError; those of a disk are left to the caller.

    Parameters
    ----------
    place : pathlib.Path
        Path or URL for the message.

    Yields
    ------
    None
        Nothing; the function is a context manager.

    Raises
    ------
    InputError
        The block could not read.
    """
    if is_remote(place):
        with remote_errors(place, InputError, "read"):
            yield
    else:
        yield


def make_folder(place: Path) -> None:
    """Create a folder and those above it; object storage has none and needs none.

    Parameters
    ----------
    place : pathlib.Path
        Folder or URL.

    Raises
    ------
    OutputError
        It cannot be created.
    """
    if not is_remote(place):
        with os_errors(place):
            place.mkdir(parents=True, exist_ok=True)
