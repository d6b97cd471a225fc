"""How long reading and aligning a stack take against reading it alone, without any warping.

    python benchmarks/alignment.py FOLDER [FOLDER ...] [--repeats N]

Reading alone is one thread with OpenCV's own threads off, plane after plane, through the library's
own reader. The runs alternate, and the median ratio is told: ratios in one run hold, seconds not.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import cv2

from napari_focus_stack import read_stack
from napari_focus_stack.alignment import Alignment, align_steps
from napari_focus_stack.planes import computable
from napari_focus_stack.views import WORKING_PIXELS


def reading(folder: Path) -> float:
    source = read_stack(folder)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    start = time.perf_counter()
    for k in range(len(source)):
        computable(source[k])
    spent = time.perf_counter() - start
    cv2.setNumThreads(threads)
    return spent


def aligning(folder: Path) -> tuple[float, Alignment]:
    source = read_stack(folder)
    n = len(source)
    start = time.perf_counter()
    factor = source.reduction(WORKING_PIXELS)
    steps = align_steps(
        lambda k: computable(source.reduced(k, factor)), n, n // 2, "auto", reduction=factor
    )
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return time.perf_counter() - start, done.value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("--repeats", type=int, default=5)
    call = parser.parse_args()
    for folder in call.folder:
        alone, both, ratios = [], [], []
        for _ in range(call.repeats):
            alone.append(reading(folder))
            spent, found = aligning(folder)
            both.append(spent)
            ratios.append(spent / alone[-1])
        print(
            f"{folder}: {found.model}, reading {statistics.median(alone):.2f} s, reading and "
            f"aligning {statistics.median(both):.2f} s, ratio {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
