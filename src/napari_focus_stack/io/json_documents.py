"""JSON of files: as large and as deeply nested as documents are, and whole in any case."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.wording import format_size
from napari_focus_stack.io.places import is_remote, read_bytes_of

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 2**26
"""Bytes of the largest report or recipe that is read; those of 10,000 planes have some MB."""


class TooLargeError(ValueError):
    """A file of more bytes than such documents have; the message is a clause after its name."""


def parse_json(content: str | bytes) -> Any:
    """Return the content of a JSON document.

    Parameters
    ----------
    content : str or bytes
        The whole document; bytes in UTF-8, UTF-16 or UTF-32.

    Returns
    -------
    object
        Plain values.

    Raises
    ------
    ValueError
        It is no JSON, or is nested deeper than can be read.
    """
    try:
        return json.loads(content)
    except RecursionError as problem:
        raise ValueError("it is nested too deeply") from problem


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Parameters
    ----------
    path : pathlib.Path
        The file, or its URL.

    Returns
    -------
    object
        Plain values.

    Raises
    ------
    InputError
        It is a pipe, a device or a socket.
    OSError
        It cannot be read.
    ValueError
        It is no JSON, or larger than `LARGEST`.
    """
    return parse_json(read_document(path, LARGEST))


def read_document(path: Path, largest: int) -> bytes:
    """Return the bytes of a document.

    Parameters
    ----------
    path : pathlib.Path
        The file, or its URL.
    largest : int
        Most bytes of a file; what a server sends is not bounded.

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
        It has more bytes.
    """
    if not is_remote(path):
        size = path.stat().st_size
        if size > largest:
            raise TooLargeError(f"it has {format_size(size)}, more than such documents have")
    return read_bytes_of(path)
