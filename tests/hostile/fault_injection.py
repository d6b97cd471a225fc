"""Faults of accesses to files: Python raises an audit event before each, and they fail there."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    import resource
except ImportError:  # on Windows
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRITES = frozenset(("create", "mkdir"))
RENAMES = frozenset(("rename",))
REMOVALS = frozenset(("remove",))
READS = frozenset(("read", "list"))
_EVENTS = {
    "os.rename": "rename",
    "os.mkdir": "mkdir",
    "os.remove": "remove",
    "os.rmdir": "remove",
    "os.listdir": "list",
    "os.scandir": "list",
}
PLANES = "planes"
"""Part of the name of every file that is read as planes."""


@dataclass(frozen=True)
class Fault:
    """A way in which accesses fail.

    Attributes
    ----------
    name : str
        Its name.
    accesses : frozenset of str
        Kinds of access that it strikes.
    strike : callable
        Called with the path; raises, or changes something.
    lasts : bool
        Whether every access after the first that is struck fails, too.
    of_planes : bool
        Whether only planes are struck.
    """

    name: str
    accesses: frozenset[str]
    strike: Callable[[str], object]
    lasts: bool = False
    of_planes: bool = False


def _error(number: int) -> Callable[[str], object]:
    def strike(path: str) -> None:
        raise OSError(number, os.strerror(number), path)

    return strike


def _no_memory(_path: str) -> None:
    raise MemoryError


def _fill_disk(_path: str, room: int = 0) -> None:
    assert resource is not None
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))


def _rewrite(change: Callable[[bytes], bytes]) -> Callable[[str], object]:
    def strike(path: str) -> None:
        if os.path.isfile(path):
            Path(path).write_bytes(change(Path(path).read_bytes()))

    return strike


def _vanish(path: str) -> None:
    if os.path.isfile(path):
        os.remove(path)


FAULTS = (
    Fault("no space", WRITES, _error(errno.ENOSPC), lasts=True),
    Fault("disk fills up", WRITES, _fill_disk),
    Fault("disk fills up later", WRITES, lambda path: _fill_disk(path, 700)),
    Fault("i/o error", WRITES | RENAMES, _error(errno.EIO)),
    Fault("denied", WRITES | RENAMES, _error(errno.EACCES)),
    Fault("read-only", WRITES | RENAMES | REMOVALS, _error(errno.EROFS), lasts=True),
    Fault("not removed", REMOVALS, _error(errno.EACCES)),
    Fault("handles", WRITES | READS, _error(errno.EMFILE), lasts=True),
    Fault("i/o error in reading", READS, _error(errno.EIO)),
    Fault("not readable", READS, _error(errno.EACCES)),
    Fault("gone", READS | RENAMES, _error(errno.ENOENT)),
    Fault("no memory", WRITES | RENAMES | READS, _no_memory),
    Fault("plane vanishes", READS, _vanish, of_planes=True),
    Fault("plane shrinks", READS, _rewrite(lambda old: old[: len(old) // 2]), of_planes=True),
    Fault("plane is emptied", READS, _rewrite(lambda old: b""), of_planes=True),
    Fault("plane grows", READS, _rewrite(lambda old: old + b"\0" * 999), of_planes=True),
)
NOT_REMOVED = ("read-only", "not removed")
"""Faults after which a temporary file cannot be removed."""


class Injector:
    """Hook that counts accesses below some folders, and lets one of them fail."""

    def __init__(self) -> None:
        self._fault: Fault | None = None
        self._lock = threading.RLock()
        self._within = False
        sys.addaudithook(self._hook)

    @contextlib.contextmanager
    def armed(self, fault: Fault, at: int, roots: tuple[str, ...]) -> Iterator[None]:
        """Let access number `at` of those that the fault strikes fail, counted from 1."""
        self.count, self._at, self._roots = 0, at, roots
        limits = None if resource is None else resource.getrlimit(resource.RLIMIT_FSIZE)
        self._fault = fault
        try:
            yield
        finally:
            self._fault = None
            if resource is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        fault = self._fault
        if fault is None or self._within:
            return
        access = _access(event, args)
        if access not in fault.accesses or not isinstance(args[0], str | bytes | os.PathLike):
            return
        path = os.fsdecode(args[0])
        if not path.startswith(self._roots) or (fault.of_planes and PLANES not in path):
            return
        with self._lock:
            self.count += 1
            if self.count != self._at and not (fault.lasts and self.count > self._at):
                return
            self._within = True
            try:
                fault.strike(path)
            finally:
                self._within = False


def _access(event: str, args: tuple[Any, ...]) -> str | None:
    """Return the kind of an access; None for what is none to a file."""
    if event != "open":
        return _EVENTS.get(event)
    writes = args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    return "create" if writes else "read"
