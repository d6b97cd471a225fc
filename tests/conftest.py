"""Threads, open files and temporary ones: every test must leave them as it found them."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cloud import Server

PATIENCE = 2.0
"""Seconds that a thread may take to end after its test."""
POOLS = (
    "ThreadPoolExecutor",
    "asyncio",
    "QDummy",
    "IPythonHistory",
    "pymp",
    "zarr_",
    "Dask-Offload",
    "fsspecIO",
)
"""Threads that stay for the next call: of dask, tifffile, napari, zarr and fsspec."""


# the profile that was on goes on beneath: that of CI servers takes the same examples every time;
# other jobs make any example slow
settings.register_profile("long", settings(), max_examples=100, deadline=None)
settings.register_profile("short", settings(), max_examples=30, deadline=None)
settings.load_profile("short")


@pytest.fixture(scope="session", autouse=True)
def _own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Send temporary files to a folder of this process, so that those left behind are seen."""
    folder = tmp_path_factory.mktemp("temporary")
    patch = pytest.MonkeyPatch()
    patch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    patch.undo()


@pytest.fixture(scope="session")
def s3() -> Iterator[Server]:
    """Return a running server of S3, whose address and keys are in the environment."""
    from tests.cloud import s3_server

    with s3_server() as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_left_behind(_own_temporary_folder: Path) -> Iterator[None]:
    """Fail a test that leaves threads, open files or temporary ones behind."""
    before = _threads(), _open_files(), _entries(_own_temporary_folder)
    yield
    ends = time.monotonic() + PATIENCE
    while left := _left(before, _own_temporary_folder):
        if time.monotonic() > ends:
            pytest.fail(f"left behind: {left}")
        gc.collect()
        time.sleep(0.01)


def _left(before: tuple[set[str], set[str], set[str]], folder: Path) -> list[str]:
    now = _threads(), _open_files(), _entries(folder)
    return sorted(set().union(*(new - old for new, old in zip(now, before, strict=True))))


def _threads() -> set[str]:
    return {
        f"thread {thread.name} {thread.ident}"
        for thread in threading.enumerate()
        if not isinstance(thread, threading._DummyThread) and not thread.name.startswith(POOLS)
    }


def _open_files() -> set[str]:
    """Files in temporary folders that the process holds open, where the system shows them."""
    if not sys.platform.startswith("linux"):
        return set()
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{number}")
        except OSError:  # the listing's own
            continue
        if path.startswith(tempfile.gettempdir()) or "/pytest-" in path:
            found.add(f"open file {path}")
    return found


def _entries(folder: Path) -> set[str]:
    return {f"temporary {entry.name}" for entry in folder.iterdir()}
