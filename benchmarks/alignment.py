"""How long reading and aligning a stack take against reading it alone, without any warping.

    python benchmarks/alignment.py FOLDER [FOLDER ...] [--repeats N]

Reading alone is one thread, plane after plane: by `cv2.imread`, as `bench.py read` does it, and by
the library's own faster reader. The runs alternate, and median ratios are reported: ratios in one
run hold, seconds do not.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from napari_focus_stack import read_stack
from napari_focus_stack._utils.steps import drain
from napari_focus_stack.alignment.reduced_planes import WORKING_PIXELS
from napari_focus_stack.alignment.stack import align_steps
from napari_focus_stack.imgproc.dtypes import computable

if TYPE_CHECKING:
    from napari_focus_stack.alignment.result import Alignment


def reading(folder: Path) -> tuple[float, float]:
    """Seconds by OpenCV and by the library, with OpenCV's own threads off."""
    source = read_stack(folder)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    start = time.perf_counter()
    for path in source.files:
        cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    between = time.perf_counter()
    for k in range(len(source)):
        computable(source[k])
    end = time.perf_counter()
    cv2.setNumThreads(threads)
    return between - start, end - between


def aligning(folder: Path) -> tuple[float, Alignment]:
    source = read_stack(folder)
    n = len(source)
    start = time.perf_counter()
    factor = source.reduction(WORKING_PIXELS)
    steps = align_steps(
        lambda k: computable(source.reduced(k, factor)), n, n // 2, "auto", reduction=factor
    )
    alignment = drain(steps)
    return time.perf_counter() - start, alignment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("--repeats", type=int, default=5)
    call = parser.parse_args()
    for folder in call.folder:
        ratios: list[tuple[float, float]] = []
        for _ in range(call.repeats):
            by_opencv, by_library = reading(folder)
            spent, found = aligning(folder)
            ratios.append((spent / by_opencv, spent / by_library))
        print(f"{folder}: {found.model}, last {spent:.2f} s with reading")
        for name, seen in zip(("cv2.imread", "own reader"), zip(*ratios, strict=True), strict=True):
            middle = statistics.median(seen)
            print(f"  {middle:.2f} x {name} ({min(seen):.2f} to {max(seen):.2f})")


if __name__ == "__main__":
    main()
