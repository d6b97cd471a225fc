"""Pipes, devices and sockets: entries of folders whose reading may never end."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from napari_focus_stack.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def special_kind(path: Path) -> str | None:
    """Return what an entry of a folder is, if it is neither a file nor a folder.

    Parameters
    ----------
    path : pathlib.Path
        Path on disk; links are followed.

    Returns
    -------
    str or None
        Such as "a pipe"; None for files and folders, and where there is nothing.
    """
    try:
        return _KINDS.get(stat.S_IFMT(os.stat(path).st_mode))
    except (OSError, ValueError):  # missing, not to be entered, or no name of a file
        return None


def refuse_special(path: Path) -> None:
    """Refuse a pipe, a device or a socket.

    Parameters
    ----------
    path : pathlib.Path
        Path on disk.

    Raises
    ------
    InputError
        It is one of them.
    """
    kind = special_kind(path)
    if kind is not None:
        raise InputError(f"'{path}' is {kind} and no file; give a file.")
