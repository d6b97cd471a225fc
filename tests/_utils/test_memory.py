"""Arrays in files are arrays, and let memory go when they are told to."""

from __future__ import annotations

import ctypes
import errno
import gc
import mmap
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focus_stack import Settings
from napari_focus_stack._utils import memory
from napari_focus_stack._utils.memory import (
    default_limit,
    drop_pages,
    free_memory,
    memory_mapped_zeros,
    share_malloc_arena,
)
from napari_focus_stack._utils.wording import format_bytes
from napari_focus_stack.errors import OutputError, SettingsError

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells and takes it back")


def resident() -> int:
    """Return the bytes of memory that this process occupies."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


@pytest.mark.parametrize("dtype", ["uint8", "float32", "bool"])
def test_an_array_in_a_file_keeps_what_is_written(dtype: str) -> None:
    array = memory_mapped_zeros((30, 40, 3), np.dtype(dtype))
    assert not array.any()
    wanted = np.random.default_rng(0).integers(0, 2, array.shape).astype(dtype)
    array[:] = wanted
    drop_pages(array[2:5])
    np.testing.assert_array_equal(array, wanted)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system gives no room ahead")
def test_a_full_disk_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OutputError, match=r"no room for 2 GB .* set TMPDIR"):
        memory_mapped_zeros((1000, 2000, 1000), np.dtype(np.uint8))


@LINUX
def test_memory_is_let_go_and_comes_back() -> None:
    array = memory_mapped_zeros((64, 2**20), np.dtype(np.uint8))
    gc.collect()
    before = resident()
    array[:] = 7
    assert resident() - before > 60 * 2**20
    drop_pages(array)
    assert resident() - before < 6 * 2**20
    assert (array == 7).all()


def test_an_ordinary_array_is_left_alone() -> None:
    array = np.arange(12)
    drop_pages(array)
    np.testing.assert_array_equal(array, np.arange(12))


def machine(folder: Path, monkeypatch: pytest.MonkeyPatch, total: int, free: int) -> None:
    """Be on a Linux machine of so many bytes, some of which are free."""
    lines = [f"MemTotal: {total // 1024} kB", f"MemAvailable: {free // 1024} kB"]
    (folder / "meminfo").write_text("\n".join(lines))
    monkeypatch.setattr(memory, "_MEMINFO", folder / "meminfo")
    monkeypatch.setattr(memory, "_GROUPS", folder / "groups")
    monkeypatch.setattr(memory, "_BOUNDS", folder / "bounds")


@LINUX
@pytest.mark.parametrize("free", [0, 100 * 2**20, 15 * 2**30])
def test_the_default_limit_is_that_of_the_machine_whatever_is_free(
    free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for total, limit in ((64 * 2**30, 8 * 10**9), (16 * 2**30, 8 * 10**9), (2**32, 2**31)):
        machine(tmp_path, monkeypatch, total, min(free, total))
        assert default_limit() == limit
        assert free_memory() == min(free, total)


@LINUX
@pytest.mark.parametrize(("bound", "limit"), [("max", 8 * 10**9), (str(2**30), 2**29)])
@pytest.mark.parametrize(
    ("groups", "file"),
    [
        ("0::/\n", "memory.max"),
        ("0::/slice/job_1/step_0\n", "slice/job_1/memory.max"),
        ("5:cpu:/\n4:memory:/of/the/host\n0::/\n", "memory/memory.limit_in_bytes"),
        ("4:cpu,memory:/job\n", "memory/job/memory.limit_in_bytes"),
    ],
    ids=["container", "job", "container of version 1", "job of version 1"],
)
def test_the_default_limit_is_within_that_of_a_container_or_job(
    bound: str, limit: int, groups: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(tmp_path, monkeypatch, 64 * 2**30, 2**30)
    (tmp_path / "groups").write_text(groups)
    place = tmp_path / "bounds" / file
    place.parent.mkdir(parents=True)
    place.write_text(f"{bound}\n")
    assert default_limit() == limit


def test_there_is_a_default_limit_on_every_system() -> None:
    assert 10**8 < default_limit() <= 8 * 10**9


@given(st.integers(10**7, 10**13))
def test_words_say_hardly_more(size: int) -> None:
    said = Settings(memory=format_bytes(size)).memory
    assert said is not None
    assert size <= said <= 1.11 * size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1.5GB", 1_500_000_000),
        ("1,5 GB", 1_500_000_000),
        ("800MB", 800_000_000),
        ("2GiB", 2**31),
        ("300 k", 300_000),
        ("12345", 12345),
        (2e9, 2_000_000_000),
        (np.int64(7), 7),
    ],
)
def test_sizes_are_read(text: object, size: int) -> None:
    assert Settings(memory=text).memory == size


@pytest.mark.parametrize("text", ["", "much", "-1GB", "1.5XB", 0, True, float("nan"), [1]])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(SettingsError, match="must be a size, as in"):
        Settings(memory=text)


@pytest.mark.parametrize("count", [0, 65, 1.5, "many"])
def test_threads_are_a_whole_number(count: object) -> None:
    with pytest.raises(SettingsError, match=r"threads .* must be a whole number from 1 to 64"):
        Settings(threads=count)


HEAPS = """
import ctypes, sys, threading
from napari_focus_stack._utils.memory import share_malloc_arena
if sys.argv[1] == "kept":
    share_malloc_arena()
all_there = threading.Barrier(4)
def work():
    pieces = [bytearray(100_000) for _ in range(20)]
    all_there.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
libc.malloc_info(0, ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w")))
libc.fflush(None)
"""


@LINUX
@pytest.mark.parametrize("how", ["kept", "as it is"])
def test_threads_share_the_heap_that_is_kept(how: str, tmp_path) -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_info"):
        pytest.skip("only glibc tells its heaps")
    said = tmp_path / "heaps.xml"
    subprocess.run([sys.executable, "-c", HEAPS, how, str(said)], check=True)
    heaps = said.read_text().count("<heap nr=")
    assert heaps == 1 if how == "kept" else heaps > 1


def test_keeping_the_heap_changes_nothing_else() -> None:
    share_malloc_arena()  # wherever the tests run
    np.testing.assert_array_equal(np.zeros(2**23, np.uint8) + 1, 1)
