"""What a process holds while it works for long: memory, threads, handles, files, children."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

WARM_UP = 30
"""Runs after which caches and pools are full."""
MOST_GROWTH = 0.05
"""Share by which memory may grow from the end of the warm-up to the end of all runs."""
AVERAGED = 10
"""Runs whose median is compared."""


@dataclass(frozen=True)
class Held:
    """What a process holds at one moment.

    Attributes
    ----------
    rss : int
        Bytes of memory that are resident.
    threads, children : int
        Their numbers.
    handles : tuple of str
        What its open handles are of.
    temporary : tuple of str
        Entries of the folder for temporary files.
    """

    rss: int
    threads: int
    children: int
    handles: tuple[str, ...]
    temporary: tuple[str, ...]


def held(pid: int | None = None) -> Held:
    """Return what a process holds; this one by default."""
    process = psutil.Process(pid)
    return Held(
        rss=process.memory_info().rss,
        threads=process.num_threads(),
        children=len(_children(process)),
        handles=tuple(sorted(filter(None, map(_target, _numbers(process.pid))))),
        temporary=tuple(sorted(entry.name for entry in Path(tempfile.gettempdir()).iterdir())),
    )


def trim() -> None:
    """Give memory back that is free, of which the C library keeps 100 MiB after a peak.

    Growth would hide in it for a hundred runs.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):  # glibc's
        library.malloc_trim(0)


@contextlib.contextmanager
def own_folders() -> Iterator[Path]:
    """Yield a folder for files, and send temporary ones of this process to one beside it."""
    with tempfile.TemporaryDirectory(prefix="life-") as name:
        before, scratch = tempfile.tempdir, Path(name, "tmp")
        made = Path(name, "made")
        scratch.mkdir()
        made.mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
        try:
            yield made
        finally:
            tempfile.tempdir = before


def _children(process: psutil.Process) -> list[psutil.Process]:
    """Return the children of a process but the one that Python keeps for those of its own."""
    children = process.children(recursive=True)
    return [one for one in children if "resource_tracker" not in " ".join(one.cmdline())]


def _numbers(pid: int) -> list[str]:
    folder = f"/proc/{pid}/fd"
    return [f"{folder}/{name}" for name in os.listdir(folder)] if os.path.isdir(folder) else []


def _target(link: str) -> str:
    try:
        return os.readlink(link).split(":")[0]  # the number of a socket or pipe says nothing
    except OSError:  # the listing's own
        return ""


@dataclass(frozen=True)
class Growth:
    """How the memory of a process changed, in MiB.

    Attributes
    ----------
    start, end : float
        After the warm-up and after all runs.
    trend : float
        By how much it would grow in as many runs as it grows in the latter half of them.
    """

    start: float
    end: float
    trend: float

    def beyond(self, other: Growth) -> Growth:
        """Return this growth less that of another process."""
        return Growth(self.start, self.end - (other.end - other.start), self.trend - other.trend)


class Life:
    """What a process held after each run.

    Parameters
    ----------
    name : str
        Of what runs.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._noted: list[Held] = []
        self._counts: list[dict[str, int]] = []

    def note(self, now: Held, counts: dict[str, int] | None = None) -> None:
        """Take note of a run's end."""
        self._noted.append(now)
        self._counts.append(counts or {})
        if len(self._noted) % 20 == 0:
            said = f"{now.rss / 2**20:.1f} MiB, {now.threads} threads, {len(now.handles)} handles"
            print(f"{len(self._noted)}: {said}", file=sys.stderr, flush=True)

    def growth(self, every: int = 1) -> Growth:
        """Return how memory changed.

        Parameters
        ----------
        every : int
            Runs after which the process is as it was.
        """
        rss = np.array([one.rss for one in self._noted[every - 1 :: every]], float) / 2**20
        warm, most = _warm(len(rss), every), max(AVERAGED // every, 1)
        start, end = (float(np.median(part)) for part in (rss[warm:][:most], rss[-most:]))
        late = rss[len(rss) // 2 :]
        slope = float(np.polyfit(np.arange(len(late)), late, 1)[0])
        return Growth(start, end, slope * len(rss))

    def row(self, last: Held, every: int = 1) -> str:
        """Return a row of the table on all runs; `faults` has the parameters."""
        growth = self.growth(every)
        first = self._noted[every - 1 :: every][_warm(len(self._noted) // every, every)]
        return (
            f"| {self.name} | {len(self._noted)} | {growth.start:.1f} | {growth.end:.1f} "
            f"| {growth.end / growth.start - 1:+.1%} | {growth.trend / growth.start:+.1%} "
            f"| {first.threads} / {last.threads} "
            f"| {len(first.handles)} / {len(last.handles)} "
            f"| {len(last.temporary)} | {last.children} |"
        )

    def faults(self, last: Held, every: int = 1, apart: Growth | None = None) -> list[str]:
        """Print a row of the table on all runs, and return whatever has grown.

        Parameters
        ----------
        last : Held
            After everything was closed, as far as threads, handles and files are concerned.
        every : int
            Runs after which the process is as it was.
        apart : Growth or None
            Of a process that does the same without us, whose growth is not ours.
        """
        print(self.row(last, every), flush=True)
        noted, counts = self._noted[every - 1 :: every], self._counts[every - 1 :: every]
        warm, memory = _warm(len(noted), every), self.growth(every)
        ours = memory if apart is None else memory.beyond(apart)
        growth, slope = ours.end / ours.start - 1, ours.trend / ours.start
        found = [f"memory grew by {growth:.1%}"] if growth > MOST_GROWTH else []
        if slope > MOST_GROWTH:
            found.append(f"memory grows by {slope:.1%} in as many runs")
        early = noted[: 2 * warm + 1]  # some threads come and go with their handles, as dask's do
        most = max(one.threads for one in early)
        if last.threads > most:
            found.append(f"{last.threads - most} threads are left")
        usual = max((one.handles for one in early), key=len)
        if len(last.handles) > len(usual):
            found.append(f"handles are left: {list(Counter(last.handles) - Counter(usual))}")
        found += [f"temporary files are left: {last.temporary}"] if last.temporary else []
        found += [f"{last.children} processes are left"] if last.children else []
        for what, after in counts[-1].items():
            before = counts[warm].get(what, 0)
            if after > before:
                found.append(f"{what}: {before} after the warm-up, {after} at the end")
        return [f"{self.name}: {one}" for one in found]


def _warm(moments: int, every: int) -> int:
    """Return how many of the moments belong to the warm-up."""
    return min(WARM_UP // every, moments // 3)


HEAD = (
    "| what | runs | MiB after the warm-up | MiB at the end | growth | trend in as many runs "
    "| threads | handles | temporary files | children |\n| " + " | ".join(["---"] * 10) + " |"
)
