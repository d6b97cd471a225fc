"""Files that are written under temporary names and replace others by renaming."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from typing import TYPE_CHECKING

from napari_focus_stack.errors import OutputError, remedy_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_FULL = (None, errno.ENOSPC, errno.EDQUOT)
"""Errors of a full disk; NumPy sets none when it cuts an array short."""


def put_in_place(files: list[tuple[Path, Path]]) -> None:
    """Rename every temporary file or folder to its place; undo all if one fails.

    Parameters
    ----------
    files : list of (pathlib.Path, pathlib.Path)
        Temporary name and place of each.

    Raises
    ------
    OutputError
        One cannot be renamed; whatever was there before is there again.
    """
    if len(files) == 1 and not files[0][0].is_dir():  # one step: the place is never empty
        temporary, path = files[0]
        with os_errors(path):
            temporary.replace(path)
        return
    undo: list[tuple[Path, Path, Path | None]] = []
    begun: set[Path] = set()
    try:
        for temporary, path in files:
            with os_errors(path):
                is_folder = stat.S_ISDIR(temporary.lstat().st_mode)  # nothing moves for one gone
                before = _name_aside(path, folder=is_folder)
                # noted first: an interrupt may come as soon as a file has moved
                undo.append((temporary, path, before))
                if before is not None:
                    path.replace(before)
                _move(temporary, path, begun)
    except BaseException:
        for temporary, path, before in reversed(undo):
            if temporary in begun and not temporary.exists():  # its place holds what it held
                remove([path])
            with contextlib.suppress(OSError):
                if before is not None and before.exists():
                    before.replace(path)
        raise
    remove(before for _temporary, _path, before in undo if before is not None)


def _move(temporary: Path, path: Path, begun: set[Path]) -> None:
    """Rename a file, which is noted as begun unless the system refuses."""
    begun.add(temporary)  # first, as above
    try:
        temporary.replace(path)
    except OSError:
        begun.remove(temporary)  # one that has vanished is in no place, either
        raise


def _name_aside(path: Path, *, folder: bool) -> Path | None:
    """Return a name for an existing file or folder while it is replaced; None if there is none."""
    return temporary_name(path) if (path.is_dir() if folder else path.is_file()) else None


def check_creatable(path: Path) -> None:
    """Create a file beside a place, and remove it.

    Parameters
    ----------
    path : pathlib.Path
        The place.

    Raises
    ------
    OSError
        No file can be created there.
    """
    trial = temporary_name(path)
    try:
        trial.touch(exist_ok=False)
    finally:
        remove([trial])


def remove(files: Iterable[Path]) -> None:
    """Remove files and folders, if they exist.

    Parameters
    ----------
    files : iterable of pathlib.Path
        Files that were written here.
    """
    for file in files:
        with contextlib.suppress(OSError):
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file)
            else:
                file.unlink(missing_ok=True)


def temporary_name(path: Path) -> Path:
    """Return a hidden name in the same folder, so that renaming is one step.

    Parameters
    ----------
    path : pathlib.Path
        Place of the file.

    Returns
    -------
    pathlib.Path
        A new name at each call.
    """
    # 60 characters are at most 240 bytes, and a name has at most 255
    return path.with_name(f".{path.name[:60]}.{os.urandom(4).hex()}.part")


@contextlib.contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into an OutputError that names the file.

    Parameters
    ----------
    path : pathlib.Path
        File for the message.

    Yields
    ------
    None
        Nothing; the function is a context manager.

    Raises
    ------
    OutputError
        The block raised an OSError.
    """
    try:
        yield
    except OSError as problem:
        why = problem.strerror or "the disk took only a part of it"
        free = "free the disk or " if problem.errno in _FULL else ""
        what_to_do = remedy_of(problem, f"{free}choose another folder")
        raise OutputError(f"'{path}' cannot be written: {why}; {what_to_do}.") from problem
