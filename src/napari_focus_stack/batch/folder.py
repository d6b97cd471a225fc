"""Folder of the results of a batch: its lock, and the litter of runs that died."""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from typing import IO, TYPE_CHECKING

from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.places import is_remote, read_bytes_of, write_bytes_to
from napari_focus_stack.io.replacing import os_errors, remove

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_focus_stack.batch.tasks import BatchOrder

LOCK, CLAIM = ".focusstack-batch.lock", ".focusstack-batch.run"
_LITTER = re.compile(r"\..+\.[0-9a-f]{8}\.part|.+\.[0-9a-f]{32}\.partial")
"""Names of what was not finished: ours, and zarr's."""


@contextlib.contextmanager
def own_folder(out: Path) -> Iterator[None]:
    """Create the folder of results, keep other batches out of it, and sweep it.

    The lock ends with the process, however that ends.

    Parameters
    ----------
    out : pathlib.Path
        Folder of results.

    Yields
    ------
    None
        Nothing; the function is a context manager.

    Raises
    ------
    OutputError
        It cannot be written, or another batch is writing to it.
    """
    if is_remote(out):
        _try(out)
        yield
        return
    with os_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        file = (out / LOCK).open("ab")
    with file:
        if not _locked(file):
            raise OutputError(
                f"Another batch is writing to '{out}'; wait for its end, or stop it first."
            )
        sweep(out)
        yield


def claim(order: BatchOrder) -> None:
    """Write which run the folder of results belongs to.

    Parameters
    ----------
    order : BatchOrder
        The batch.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    write_bytes_to(order.result(CLAIM), order.run.encode())


def check_claim(order: BatchOrder) -> None:
    """Refuse to write into a folder of results that is not, or no longer, that of the run.

    A worker of a cluster outlives the run that it worked for, or sees another folder at its path.

    Parameters
    ----------
    order : BatchOrder
        The batch.

    Raises
    ------
    OutputError
        The folder is that of another run, or none.
    """
    try:
        found = read_bytes_of(order.result(CLAIM))
    except FileNotFoundError as problem:
        raise OutputError(
            f"'{order.out}' is not the folder of results on this machine; give a path that every "
            "worker sees, or a URL."
        ) from problem
    if found != order.run.encode():
        raise OutputError(f"Another run has begun to write to '{order.out}', and this one ends.")


def _try(out: Path) -> None:
    """Write and remove a small file on the network."""
    trial = out / f".focusstack-{uuid.uuid4().hex[:8]}"
    write_bytes_to(trial, b"")
    with contextlib.suppress(OSError):
        trial.unlink()


def _locked(file: IO[bytes]) -> bool:
    """Lock a file for this process; return False if another one has it."""
    try:
        import fcntl
    except ImportError:
        return _locked_on_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system of the network without locks
        return True
    return True


def _locked_on_windows(file: IO[bytes]) -> bool:
    import msvcrt

    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True


def sweep(out: Path) -> None:
    """Remove what runs that died have left half-written.

    Parameters
    ----------
    out : pathlib.Path
        Folder of results.
    """
    for place, folders, files in os.walk(out):
        litter = [name for name in (*folders, *files) if _LITTER.fullmatch(name)]
        remove(out / place / name for name in litter)
        folders[:] = [name for name in folders if name not in litter]
