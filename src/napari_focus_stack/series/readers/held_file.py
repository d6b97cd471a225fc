"""Files of optional libraries: imported where they are used, closed with their last user."""

from __future__ import annotations

import importlib
import threading
import weakref
import zlib
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from xml.etree import ElementTree

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.plane_files import DAMAGE, reason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXTRA = 'install it with pip install "napari-focus-stack[microscopes]"'
DAMAGED = (*DAMAGE, zlib.error, ElementTree.ParseError)
"""Exceptions of the microscopes' libraries on files that are damaged."""


class UnsupportedHereError(InputError):
    """A file that this installation cannot read, but another one could."""


class Closable(Protocol):
    """A file of any library."""

    def close(self) -> None:
        """Close the file."""


_File = TypeVar("_File", bound=Closable)
_Found = TypeVar("_Found")


def optional_library(name: str, path: Path, kind: str) -> Any:
    """Import the library that reads a file.

    Parameters
    ----------
    name : str
        Name of the library.
    path : pathlib.Path
        The file.
    kind : str
        Its format with the article, such as "a Nikon ND2 file".

    Returns
    -------
    module
        The library.

    Raises
    ------
    UnsupportedHereError
        It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UnsupportedHereError(f"'{path.name}' is {kind}, which needs {name}", EXTRA) from None


def read_headers(
    path: Path,
    open_file: Callable[[], _File],
    scan: Callable[[_File], _Found],
    damaged: tuple[type[Exception], ...] = DAMAGED,
) -> _Found:
    """Open a file, read its headers and close it.

    Parameters
    ----------
    path : pathlib.Path
        The file, for messages.
    open_file : callable
        Opens it by its library.
    scan : callable
        Reads the headers of the open file.
    damaged : tuple of type
        Exceptions of the library on damaged files.

    Returns
    -------
    object
        Result of `scan`.

    Raises
    ------
    InputError
        The file is damaged.
    """
    try:
        file = open_file()
        try:
            return scan(file)
        finally:
            file.close()
    except FileNotFoundError:
        raise InputError(f"There is no file '{path}'; check the path.") from None
    except damaged as problem:
        raise InputError(
            f"'{path.name}' cannot be read: it is damaged ({reason(problem)})",
            "copy or save it again",
        ) from problem


class HeldFile:
    """A file that stays open from its first read until its last user is gone.

    To open these formats means to parse the directory of all their planes, so that opening them for
    each plane would cost more than the plane; but a series that is only described must not hold its
    file. One thread reads at a time, since the libraries share one file position.

    Parameters
    ----------
    open_file : callable
        Opens the file by its library.
    damaged : tuple of type
        Exceptions of the library on damaged files.
    """

    def __init__(
        self, open_file: Callable[[], Any], damaged: tuple[type[Exception], ...] = DAMAGED
    ) -> None:
        self._open_file, self._damaged = open_file, damaged
        self._file: Any = None
        self._lock = threading.Lock()

    def read(self, decode: Callable[[Any], _Found]) -> _Found:
        """Call a function with the open file.

        Parameters
        ----------
        decode : callable
            Reads pixels of the file, which it must own: the file may be closed afterwards.

        Returns
        -------
        object
            Result of `decode`.

        Raises
        ------
        OSError
            The file is gone or damaged.
        """
        with self._lock:
            try:
                if self._file is None:
                    self._file = self._open_file()
                    weakref.finalize(self, self._file.close)
                return decode(self._file)
            except FileNotFoundError as problem:
                raise OSError("it is gone") from problem
            except self._damaged as problem:
                raise OSError(f"it is damaged ({reason(problem)})") from problem
