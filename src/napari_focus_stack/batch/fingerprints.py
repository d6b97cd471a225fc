"""Fingerprints of stacks by their files: a stack whose files changed has another one."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from napari_focus_stack.io.places import is_remote
from napari_focus_stack.series.model import StackIndex

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_focus_stack.series.model import Series

_SIZE = 16
"""Bytes of a fingerprint: of 20,000 stacks, no two are equal by chance."""
_TAGS = ("ETag", "etag", "md5Hash", "checksum")
_CHANGED = ("LastModified", "last_modified", "updated", "mtime", "modified", "created")
"""Names under which file systems of fsspec have what changes with a file."""


@dataclass(frozen=True)
class _FileState:
    """State of one file.

    Attributes
    ----------
    path : str
        Its path.
    state : str
        What changes with its content: size and time, or the ETag of object storage.
    changed : float
        When it was last changed, in seconds since 1970; 0 if unknown.
    """

    path: str
    state: str
    changed: float


class Fingerprints:
    """States of the files of stacks, each file looked at once.

    A new object sees changes that came after an earlier one looked.
    """

    def __init__(self) -> None:
        self._states: dict[Path, tuple[_FileState, ...]] = {}
        self._digests: dict[tuple[Path, tuple[Path, ...]], tuple[str, float]] = {}

    def fingerprint(self, series: Series, position: int = 0, time: int = 0) -> str:
        """Return what changes if, and only if, files of a stack or of its other channels change.

        Size and time of change of each file count, and its path within the series; on object
        storage its ETag instead. Of OME-Zarr the files of that position's image count, at full
        size. Planes that are missing do not count until they are there.

        Parameters
        ----------
        series : Series
            The series.
        position, time : int
            Place in it, counted from 0.

        Returns
        -------
        str
            32 hexadecimal digits, the same wherever the folder of the series lies.
        """
        return self._digest(series, position, time)[0]

    def last_change(self, series: Series, position: int = 0, time: int = 0) -> float:
        """Return when the files of a stack or of its other channels were last changed.

        Parameters
        ----------
        series : Series
            The series.
        position, time : int
            Place in it, counted from 0.

        Returns
        -------
        float
            Seconds since 1970; 0 if no file is there or the storage does not say.
        """
        return self._digest(series, position, time)[1]

    def _digest(self, series: Series, position: int, time: int) -> tuple[str, float]:
        """Return fingerprint and last change."""
        channels = range(len(series.positions[position].channels))
        indices = [StackIndex(position, time, channel) for channel in channels]
        files = tuple(dict.fromkeys(file for i in indices for file in series.stack_files(i)))
        key = series.path, files
        if key not in self._digests:
            self._digests[key] = self._computed(series.path, files)
        return self._digests[key]

    def _computed(self, base: Path, files: tuple[Path, ...]) -> tuple[str, float]:
        """Return fingerprint and last change of files, named by their way from a base."""
        digest, newest = hashlib.blake2b(digest_size=_SIZE), 0.0
        start = _name(base)
        for file in sorted(files, key=str):
            if file not in self._states:
                self._states[file] = tuple(_states(file))
            for found in self._states[file]:
                name = PurePath(os.path.relpath(found.path, start)).as_posix()
                digest.update(f"{name}\0{found.state}\0".encode(errors="surrogatepass"))
                newest = max(newest, found.changed)
        return digest.hexdigest(), newest


def _name(place: Path) -> str:
    """Return the name of a place in its file system."""
    remote: Any = place
    return str(remote.path) if is_remote(place) else os.fspath(place)


def _states(place: Path) -> Iterator[_FileState]:
    """Yield the state of a file, or of every file in a folder; nothing if it is missing."""
    return _remote_states(place) if is_remote(place) else _local_states(_name(place))


def _local_states(place: str) -> Iterator[_FileState]:
    try:
        status = os.stat(place)
        if not stat.S_ISDIR(status.st_mode):
            yield _FileState(place, f"{status.st_size} {status.st_mtime_ns}", status.st_mtime)
            return
        names = sorted(os.listdir(place))
    except FileNotFoundError:
        return
    for name in names:
        yield from _local_states(os.path.join(place, name))


def _remote_states(place: Path) -> Iterator[_FileState]:
    remote: Any = place
    for key, about in sorted(remote.fs.find(remote.path, detail=True).items()):
        changed = next((about[name] for name in _CHANGED if about.get(name)), 0)
        tag = next((about[name] for name in _TAGS if about.get(name)), changed)
        yield _FileState(key, f"{about.get('size')} {tag}", _seconds(changed))


def _seconds(moment: Any) -> float:
    """Return a time in seconds since 1970; file systems give a date, a text or a number."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment.timestamp() if isinstance(moment, datetime) else float(moment)
