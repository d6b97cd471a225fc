"""Memory limits of a run, and arrays in temporary files instead of memory."""

from __future__ import annotations

import contextlib
import ctypes
import math
import mmap
import os
import sys
import tempfile
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.wording import format_bytes
from napari_focus_stack.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MOST_BY_DEFAULT = 8 * 10**9
"""Bytes that a run may use at most unless a limit is set. What is free at the moment does not
count, so that a stack is divided, and comes out, alike on every machine of 16 GB or more."""
PART_OF_MACHINE = 0.5
"""Part of the machine's memory that a run may use at most unless a limit is set."""
PROCESS_BYTES = 160 * 10**6
"""Bytes that the interpreter and its libraries count as: at most 117 MB were seen in the command,
which read CZI and wrote OME-Zarr, and 158 MB in a worker of distributed after eight such stacks."""
_HEAP = ((-8, 1), (-3, 4 * 2**20), (-1, 128 * 2**20), (-2, 16 * 2**20))
"""Parameters of `mallopt`: number of arenas, bytes from which an array is a mapping of its own,
bytes at the end of the heap above which they are released, bytes by which the heap grows."""
_MEMINFO = Path("/proc/meminfo")
_GROUPS = Path("/proc/self/cgroup")
_BOUNDS = Path("/sys/fs/cgroup")
"""The control groups of this process, and the folder of their bounds."""


def default_limit() -> int:
    """Return the memory of a run for which no limit is set.

    It follows from what the machine or the container has, never from what is free.

    Returns
    -------
    int
        Bytes, `PROCESS_BYTES` included.
    """
    return min([MOST_BY_DEFAULT, *(int(PART_OF_MACHINE * size) for size in _installed())])


def free_memory() -> int | None:
    """Return the memory that is free now, for advice alone: results must not follow from it.

    Returns
    -------
    int or None
        Bytes; None where the system does not say.
    """
    return _meminfo("MemAvailable")


def _installed() -> list[int]:
    """Return the memory of the machine and the bounds of its container, in bytes, if known."""
    found = [_meminfo("MemTotal") or 0]
    for bound in _bounds():
        with contextlib.suppress(OSError, ValueError):  # "max" where there is no bound
            found.append(int(bound.read_text()))
    if sys.platform == "darwin":
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    if sys.platform == "win32":
        kilobytes = ctypes.c_ulonglong()
        if ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes)):
            found.append(kilobytes.value * 1024)
    return [size for size in found if size > 0]


def _bounds() -> Iterator[Path]:
    """Yield files with bounds of memory: of the control group of this process and those around it.

    A job of a cluster has its bound in a group of its own, a container in what it sees as the root.
    """
    try:
        lines = _GROUPS.read_text().splitlines()
    except OSError:  # not on macOS and Windows
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:  # version 2
            folder, name = _BOUNDS, "memory.max"
        elif "memory" in controllers.split(","):
            folder, name = _BOUNDS / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = PurePosixPath(path.lstrip("/"))
        yield from (folder / one / name for one in (group, *group.parents))


def _meminfo(name: str) -> int | None:
    """Return a line of Linux's account of the memory, in bytes."""
    with contextlib.suppress(OSError, ValueError, IndexError, StopIteration):
        lines = _MEMINFO.read_text().splitlines()
        line = next(line for line in lines if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024
    return None


def share_malloc_arena() -> None:
    """Let all threads of this process share one heap that keeps freed memory, on Linux.

    A heap for each thread, released and requested again with every temporary array, takes 60 MB and
    a tenth of the time of a run (`speed-2k16`). Programs should call this, not libraries.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):  # other C libraries know no mallopt
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in _HEAP:
            mallopt(parameter, value)


def memory_mapped_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array of zeros in a temporary file, which is removed with the array.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array.
    dtype : numpy.dtype
        Type of the array.

    Returns
    -------
    numpy.ndarray
        Writable array in a memory-mapped file.

    Raises
    ------
    OutputError
        The disk is full.
    """
    size = max(1, math.prod(shape) * dtype.itemsize)
    with temporary_files(size), tempfile.TemporaryFile(prefix="focusstack-") as file:
        _preallocate(file, size)
        mapped = mmap.mmap(file.fileno(), size)
    return np.frombuffer(mapped, dtype, math.prod(shape)).reshape(shape)


@contextlib.contextmanager
def temporary_files(size: int | None = None) -> Iterator[None]:
    """Turn an OSError of temporary files into an OutputError that names their folder.

    Parameters
    ----------
    size : int, optional
        Bytes that are written to them.

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
        what = "cannot be used" if size is None else f"has no room for {format_bytes(size)}"
        raise OutputError(
            f"'{_temporary_folder()}', the folder of temporary files, {what} ({problem.strerror}); "
            "free the disk or set TMPDIR to another folder."
        ) from problem


def _temporary_folder() -> str:
    """Return the folder of temporary files, or the wanted one if none can be used."""
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        return os.environ.get("TMPDIR", "/tmp")


def _preallocate(file: IO[bytes], size: int) -> None:
    """Reserve disk space; with a sparse file, a full disk would kill the process later."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        file.truncate(size)


def drop_pages(array: NDArray[Any]) -> None:
    """Release the memory of an array in a file until it is accessed again.

    Parameters
    ----------
    array : numpy.ndarray
        Array of `memory_mapped_zeros`, or a view of it; any other array stays as it is.
    """
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)  # pages of a file remain in the system's cache
