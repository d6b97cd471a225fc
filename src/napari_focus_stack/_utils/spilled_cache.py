"""Cache of data for every plane: in memory, and for long stacks in a temporary file."""

from __future__ import annotations

import contextlib
import pickle
import tempfile
import threading
from typing import IO, Generic, Protocol, TypeVar

from napari_focus_stack._utils.memory import temporary_files

MOST_CACHED = 32 * 2**20
"""Bytes that a cache keeps in memory; further items are written to a temporary file."""


class Cacheable(Protocol):
    """Any object that has a size and can be pickled."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it occupies."""
        ...


Cached = TypeVar("Cached", bound=Cacheable)


class SpilledCache(Generic[Cached]):
    """Cache of items by plane number, which several threads may use.

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
        """Return whether plane `k` has an item."""
        return k in self._kept or k in self._places

    def put(self, k: int, item: Cached) -> None:
        """Add an item.

        Parameters
        ----------
        k : int
            Number of the plane.
        item : Cacheable
            Its item, which must not be changed later.

        Raises
        ------
        OutputError
            The disk of temporary files is full.
        """
        with self._lock:
            if self._bytes + item.nbytes <= self._part * MOST_CACHED:
                self._bytes += item.nbytes
                self._kept[k] = item
                return
            with temporary_files(item.nbytes):
                if self._file is None:
                    self._file = tempfile.TemporaryFile(prefix="focusstack-")  # noqa: SIM115
                place = self._file.seek(0, 2)
                pickle.dump(item, self._file, protocol=5)
                self._file.flush()
            self._places[k] = place

    def __getitem__(self, k: int) -> Cached:
        """Return the item of plane `k`; raise KeyError if it has none."""
        if k in self._kept:
            return self._kept[k]
        with self._lock:
            if self._file is None or k not in self._places:
                raise KeyError(k)
            with temporary_files():
                self._file.seek(self._places[k])
                item: Cached = pickle.load(self._file)
        return item

    def clear(self) -> None:
        """Remove all items."""
        with self._lock:
            self._kept.clear()
            self._places.clear()
            self._bytes = 0
            if self._file is not None:
                self._file.truncate(0)

    def close(self) -> None:
        """Close the temporary file."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # what a full disk did not take is not needed
                self._file.close()
