"""Results of this session on disk, for the case that it ends suddenly.

Each session has a folder of its own in the user's cache, and a lock file beside it: a folder whose
lock belongs to no running process is that of a session that ended suddenly. Without the viewer.
"""

from __future__ import annotations

import atexit
import contextlib
import shutil
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QLockFile, QStandardPaths

from napari_focus_stack._utils.wording import format_bytes
from napari_focus_stack.errors import FocusStackError, InputError, OutputError
from napari_focus_stack.io.output_formats import SAVED
from napari_focus_stack.io.replacing import os_errors, remove
from napari_focus_stack.io.results_file import write_saved

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from napari_focus_stack.io.results_file import SavedResult

LARGEST = 8 * 10**9
"""Bytes that the results of all sessions may take on disk; the oldest make room."""
SPARED = 2 * 10**9
"""Bytes of the disk that are left free."""
LONGEST = 30 * 86400
"""Seconds for which results of a session that ended suddenly are offered."""


@dataclass(frozen=True)
class SuddenEnd:
    """Results that a session left which ended suddenly.

    Attributes
    ----------
    folder : pathlib.Path
        Folder of the session.
    files : tuple of pathlib.Path
        A file of results for each layer, from the bottom up.
    ended : float
        Time of the newest one, in seconds since 1970.
    """

    folder: Path
    files: tuple[Path, ...]
    ended: float


def recovery_place() -> Path:
    """Return the folder of all sessions.

    Returns
    -------
    pathlib.Path
        In the user's cache.
    """
    cache = QStandardPaths.StandardLocation.GenericCacheLocation
    known = QStandardPaths.writableLocation(cache) or tempfile.gettempdir()
    return Path(known, "napari-focus-stack", "recovery")


def sudden_ends() -> list[SuddenEnd]:
    """Return the sessions that ended suddenly and left results.

    Those of more than 30 days ago are removed.

    Returns
    -------
    list of SuddenEnd
        The oldest first; empty where the folder of all sessions cannot be read.
    """
    found = []
    for folder in _folders(recovery_place()):
        lock = _locked(folder)
        if lock is None:  # of a session that runs
            continue
        with contextlib.suppress(OSError):  # what cannot be read now may be so later: it stays
            left = _left_in(folder)
            if left is None or time.time() - left.ended > LONGEST:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                found.append(left)
        lock.unlock()
    return sorted(found, key=lambda left: left.ended)


def discard(left: SuddenEnd) -> None:
    """Remove the results of a session that ended suddenly.

    Parameters
    ----------
    left : SuddenEnd
        One that `sudden_ends` returned; nothing is removed if another session took it over.
    """
    lock = _locked(left.folder)
    if lock is not None:
        shutil.rmtree(left.folder, ignore_errors=True)
        lock.unlock()


def _folders(place: Path) -> list[Path]:
    try:
        return [entry for entry in place.iterdir() if entry.is_dir()]
    except OSError:
        return []


def _files(folder: Path) -> list[Path]:
    """Return the files of results in a folder, by their numbers."""
    try:  # not `glob`, which passes over a folder that cannot be read
        entries = list(folder.iterdir())
    except FileNotFoundError:
        return []
    return sorted(file for file in entries if file.name[0].isdigit() and file.suffix == SAVED[0])


def _moved(folder: Path, place: Callable[[int], Path]) -> list[Path]:
    """Move all files of results to their places, or none: this session removes its own."""
    moved: list[tuple[Path, Path]] = []
    try:
        for k, file in enumerate(_files(folder)):
            moved.append((file, file.replace(place(k))))
    except OSError:
        for before, now in moved:
            with contextlib.suppress(OSError):
                now.replace(before)
        raise
    return [now for _, now in moved]


def _left_in(folder: Path) -> SuddenEnd | None:
    """Return what a session left; None for nothing."""
    files = _files(folder)
    ended = max((file.stat().st_mtime for file in files), default=None)
    return None if ended is None else SuddenEnd(folder, tuple(files), ended)


def _locked(folder: Path) -> QLockFile | None:
    """Return the lock of a folder, locked; None if another process or session holds it."""
    lock = QLockFile(str(folder.with_suffix(".lock")))
    lock.setStaleLockTime(0)  # a lock is as old as its session
    return lock if lock.tryLock(0) else None


class RecoveryFolder:
    """Results of this session, one file for each layer; its folder is made with the first one.

    Its methods may be called from several threads.
    """

    def __init__(self) -> None:
        self._folder = recovery_place() / uuid.uuid4().hex
        self._lock: QLockFile | None = None
        self._access = threading.Lock()
        self._closed = threading.Event()

    def file(self, number: int) -> Path:
        """Return the file of a layer.

        Parameters
        ----------
        number : int
            Number of the layer; higher ones lie on top.

        Returns
        -------
        pathlib.Path
            It may not exist.
        """
        return self._folder / f"{number:06}{SAVED[0]}"

    def update(
        self, results: Mapping[int, Callable[[Path], SavedResult]], gone: Collection[int]
    ) -> list[str]:
        """Write results, and remove others.

        Parameters
        ----------
        results : mapping of int to callable
            New results by the numbers of their layers, as `saving_of` returns them; each replaces
            the former one.
        gone : collection of int
            Numbers of layers whose files are removed.

        Returns
        -------
        list of str
            A sentence on each that could not be written.
        """
        problems = []
        with self._access:
            for number in gone:
                remove([self.file(number)])
            for number, result in results.items():
                if self._closed.is_set():
                    break
                try:
                    self._write(self.file(number), result(self.file(number)))
                except FocusStackError as problem:
                    problems.append(str(problem))
        return problems

    def _write(self, file: Path, result: SavedResult) -> None:
        with os_errors(file):
            self._make_folder()
            self._make_room(result.array.nbytes, file)
        write_saved(file, [result])

    def _make_folder(self) -> None:
        """Make the folder, for this user alone; the lock comes first, so that nobody removes it."""
        if self._lock is not None:
            return
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _locked(self._folder)
        if self._lock is None:
            raise OutputError(
                f"'{self._folder.parent}' cannot be written; make it writable to keep results."
            )
        self._folder.mkdir(mode=0o700, exist_ok=True)
        atexit.register(self.close)

    def _make_room(self, size: int, file: Path) -> None:
        """Remove the oldest results until there is room for a new file."""
        oldest = self._oldest_first(file)
        while size > self._room(file):
            old = next(oldest, None)
            if old is None:
                raise OutputError(
                    f"'{file}' needs {format_bytes(size)}, more than the disk has left for it; "
                    "free the disk, or save the results."
                )
            remove([old])

    def _oldest_first(self, file: Path) -> Iterator[Path]:
        """Yield files that may be removed: of sessions that ended, then of this one."""
        for left in sudden_ends():
            yield from left.files
        own = [other for other in _files(self._folder) if other != file]
        yield from sorted(own, key=lambda other: other.stat().st_mtime)

    def _room(self, file: Path) -> int:
        """Return the bytes that a new file may take in the place of a former one."""
        place = self._folder.parent
        sizes = [one.stat().st_size for folder in _folders(place) for one in _files(folder)]
        former = file.stat().st_size if file.exists() else 0
        free = shutil.disk_usage(place).free - SPARED  # both exist until the new one is complete
        return min(LARGEST - sum(sizes) + former, free)

    def take_over(self, left: SuddenEnd, first: int) -> dict[int, Path]:
        """Move the results of a session that ended suddenly into this one.

        Parameters
        ----------
        left : SuddenEnd
            One that `sudden_ends` returned.
        first : int
            Number for its first layer; the others follow.

        Returns
        -------
        dict of int to pathlib.Path
            File of each layer.

        Raises
        ------
        InputError
            Another session took them over.
        OutputError
            They cannot be moved.
        """
        with self._access, os_errors(left.folder):
            self._make_folder()
            lock = _locked(left.folder)
            if lock is None or not left.folder.is_dir():
                raise InputError("Another window has opened these results; close it to see them.")
            try:
                moved = _moved(left.folder, lambda k: self.file(first + k))
                shutil.rmtree(left.folder, ignore_errors=True)
            finally:
                lock.unlock()  # or the error, while it is shown, would keep them from later windows
        return {first + k: file for k, file in enumerate(moved)}

    def close(self) -> None:
        """Remove the folder; nothing is written any more."""
        self._closed.set()
        with self._access:
            if self._lock is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._lock.unlock()
                self._lock = None
                atexit.unregister(self.close)
