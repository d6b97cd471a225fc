"""JSON of files: as large and as deeply nested as documents are, and whole in any case."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from napari_focus_stack.io.places import is_remote, read_bytes_of

if TYPE_CHECKING:
    from pathlib import Path

LARGEST = 2**26
"""Bytes of the largest document that is read: plates of 1536 wells have some megabytes."""


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
        It is no JSON, or too large to be a document.
    """
    return parse_json(read_document(path))


def read_document(path: Path) -> bytes:
    """Return the bytes of a document.

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
    ValueError
        It is larger than `LARGEST`.
    """
    if not is_remote(path) and path.stat().st_size > LARGEST:
        raise ValueError("it is too large to be a document")
    return read_bytes_of(path)
