"""Where the time of `focus_stack` goes on one folder, beside the floor it cannot go under.

    python benchmarks/steps.py FOLDER [OPTION=VALUE ...]

Options are those of `focus_stack`, such as `align=none`. Every `Progress` opens an interval that
lasts until the next, so a step has what is done after its last plane too (choosing the model of the
motion, for one). Only of what follows the last plane of all, as much as a plane takes in the middle
counts for its step; what is beyond is the rest: opening the files, building the picture and the
depth. The floor is taken afterwards, from files that the system has cached: every plane decoded on
one thread, and NumPy going over as many bytes as the decoded planes have.

Peak memory is that of this process, OpenCV and NumPy with it; Linux and macOS tell it.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from measured_command import peak_megabytes

from napari_focus_stack import PlaneSource, Progress, focus_stack, read_stack
from napari_focus_stack._utils.memory import share_malloc_arena

BLOCK = 1 << 28


class Spent(NamedTuple):
    """Seconds by the wall's clock, and of all cores in the program and in the system for it."""

    wall: float
    user: float
    system: float

    @classmethod
    def now(cls) -> Spent:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return cls(time.perf_counter(), used.ru_utime, used.ru_stime)

    def since(self, start: Spent) -> Spent:
        return Spent(*(b - a for a, b in zip(start, self, strict=True)))


def total(parts: list[Spent]) -> Spent:
    return Spent(*(sum(column) for column in zip(*parts, strict=True)))


@dataclass
class Clock:
    """Notes every interval between one `Progress` and the next under its step."""

    steps: defaultdict[str, list[Spent]] = field(default_factory=lambda: defaultdict(list))
    step: str = "rest"
    start: Spent = field(default_factory=Spent.now)

    def __call__(self, progress: Progress) -> None:
        self._end(progress.step)

    def _end(self, following: str) -> None:
        now = Spent.now()
        self.steps[self.step].append(now.since(self.start))
        self.step, self.start = following, now

    def stop(self) -> None:
        """End the last plane's interval, and give what is over a plane's usual time to the rest."""
        step = self.step
        self._end("rest")
        last, before = self.steps[step].pop(), self.steps[step]
        middle = [statistics.median(column) for column in zip(*before, strict=True)] or [0, 0, 0]
        plane = Spent(*(min(a, b) for a, b in zip(last, middle, strict=True)))
        before.append(plane)
        self.steps["rest"].append(last.since(plane))


def read(source: PlaneSource) -> Spent:
    """The floor's first part: every plane decoded on one thread."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    start = Spent.now()
    for k in range(len(source)):
        source[k]
    spent = Spent.now().since(start)
    cv2.setNumThreads(threads)
    return spent


def touch(size: int) -> Spent:
    """The second: NumPy going over `size` bytes, at the rate of a block that no cache holds."""
    block = np.ones(BLOCK, np.uint8)
    start = Spent.now()
    block.max()  # as fast as memory: the largest of integers is found in vector registers
    return Spent(*(part * size / BLOCK for part in Spent.now().since(start)))


def show(name: str, spent: Spent, planes: int) -> None:
    busy = (spent.user + spent.system) / spent.wall if spent.wall else 0.0
    print(
        f"{name:22s} {spent.wall:8.3f} {spent.user:8.3f} {spent.system:8.3f} {busy:8.2f} "
        f"{spent.wall / planes * 1000:10.1f}"
    )


def options(texts: list[str]) -> dict[str, Any]:
    """Options of `focus_stack` by name, numbers as numbers."""

    def value(text: str) -> str | int | float:
        for number in (int, float):
            try:
                return number(text)
            except ValueError:
                continue
        return text

    return {name: value(text) for name, _, text in (t.partition("=") for t in texts)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("option", nargs="*", help="of focus_stack, as NAME=VALUE")
    call = parser.parse_args()
    share_malloc_arena()  # as the command does
    clock = Clock()
    source = read_stack(call.folder)
    focus_stack(source, progress=clock, **options(call.option))
    clock.stop()
    peak = peak_megabytes(resource.getrusage(resource.RUSAGE_SELF))
    n = len(source)
    size = " x ".join(map(str, source.plane_shape))
    print(f"{call.folder}: {n} planes, {size} {source.dtype}, {os.cpu_count()} cores\n")
    print(
        f"{'':22s} {'wall s':>8s} {'user s':>8s} {'system s':>8s} {'cores':>8s} {'ms a plane':>10s}"
    )
    parts = {name: total(clock.steps[name]) for name in ("align", "measure", "fuse", "rest")}
    for name, spent in parts.items():
        show(name, spent, n)
    whole = total(list(parts.values()))
    show("whole", whole, n)
    reading = read(source)
    touching = touch(n * math.prod(source.plane_shape) * source.dtype.itemsize)
    show("floor: reading", reading, n)
    show("floor: touching once", touching, n)
    print(f"\npeak {peak:.0f} MB; {whole.wall / (reading.wall + touching.wall):.1f} x the floor")


if __name__ == "__main__":
    main()
