"""What is kept of every plane: in memory, and of long stacks in a temporary file."""

from __future__ import annotations

import pickle
import tempfile
import threading
from typing import IO, Generic, Protocol, TypeVar

MOST_CACHED = 32 * 2**20
"""Bytes that a shelf keeps in memory; what does not fit waits in a temporary file."""


class Cacheable(Protocol):
    """Anything that has a size and can be pickled."""

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        ...


Cached = TypeVar("Cached", bound=Cacheable)


class SpilledCache(Generic[Cached]):
    """Items by plane number; threads may share it.

    Parameters
    ----------
    part : float
        Part of `MOST_CACHED` that may stay in memory.
    """

    def __init__(self, part: float = 1.0) -> None:
        self._part = part
        self._kept: dict[int, Cached] = {}
        self._places: dict[int, int] = {}
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()

    def __contains__(self, k: int) -> bool:
        """Whether there is one of plane `k`."""
        return k in self._kept or k in self._places

    def put(self, k: int, item: Cached) -> None:
        """Keep the item of plane `k`."""
        with self._lock:
            if self._bytes + item.nbytes <= self._part * MOST_CACHED:
                self._bytes += item.nbytes
                self._kept[k] = item
                return
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="focusstack-")  # noqa: SIM115
            self._places[k] = self._file.seek(0, 2)
            pickle.dump(item, self._file, protocol=5)

    def __getitem__(self, k: int) -> Cached:
        """Get the item of plane `k`."""
        if k in self._kept:
            return self._kept[k]
        with self._lock:
            if self._file is None or k not in self._places:
                raise KeyError(k)
            self._file.seek(self._places[k])
            item: Cached = pickle.load(self._file)
        return item

    def clear(self) -> None:
        """Let go of all items."""
        with self._lock:
            self._kept.clear()
            self._places.clear()
            self._bytes = 0
            if self._file is not None:
                self._file.truncate(0)

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            self._file.close()
