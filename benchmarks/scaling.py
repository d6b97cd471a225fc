"""How time and memory of the `focusstack` command grow with pixels and with planes.

    python benchmarks/scaling.py [--quick] [--repeats N] [--output FOLDER] [--redraw]

Renders grey 16-bit stacks into a temporary folder (TMPDIR says where; a gigabyte at a time), runs
the command on each as a process of its own, and writes `scaling.json` and `scaling.svg`. Of the
repeats the shortest time counts, which is what other processes took least from, and the largest
peak memory. The planes are in the system's cache when they are read.

Time is fitted twice: by a power of pixels or planes, which is below 1 as long as starting Python
takes a share of it, and by a constant and a part in proportion, which says how straight the line is.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from loglog import Panel, figure
from numpy.typing import NDArray
from skimage import data
from steps import peak_megabytes

Floats = NDArray[np.float32]

BLURS = (0.0, 0.7, 1.4, 2.8, 5.6)
"""Sigma of each level of blur in pixels; what lies between two is mixed of them."""
OCTAVES = {1: "gravel", 4: "grass", 16: "brick"}
"""Enlarged by how much, which picture: there is detail of every size in a plane of any size."""
BLACK, WHITE, NOISE = 4000, 44000, 120  # grey levels; noise also makes every plane its own


@dataclass(frozen=True)
class Plan:
    """Which stacks are run; `few` planes are what the memory of the most is compared with."""

    megapixels: tuple[float, ...]
    planes_of_those: int
    planes: tuple[int, ...]
    megapixels_of_those: float
    few: int


FULL = Plan((0.25, 1, 4, 12, 50), 10, (5, 20, 50, 100, 200), 2, few=20)
QUICK = Plan((0.25, 0.5), 5, (5, 10), 0.25, few=5)


@dataclass(frozen=True)
class Measured:
    """One stack, the seconds of its shortest run and its largest peak in megabytes (1e6 bytes)."""

    megapixels: float
    planes: int
    seconds: float
    peak_megabytes: float


def scene(megapixels: float) -> Floats:
    """The picture all in focus, 4 to 3, 0 to 1."""
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    height = round(megapixels * 1e6 / width)
    picture = np.zeros((height, width), np.float32)
    for scale, name in OCTAVES.items():
        part = cv2.resize(getattr(data, name)(), None, fx=scale, fy=scale)[:height, :width]
        missing = [(0, full - have) for full, have in zip(picture.shape, part.shape, strict=True)]
        picture += np.pad(part, missing, mode="symmetric") / np.float32(255 * len(OCTAVES))
    return picture


def recorded(levels: Sequence[Floats], depth: Floats, focus: float) -> Floats:
    """The scene with the blur that `focus` (0 to 1, as depth) gives: a level more every eighth."""
    blur = np.minimum(8 * np.abs(depth - np.float32(focus)), np.float32(len(levels) - 1))
    plane = np.zeros_like(blur)
    for number, level in enumerate(levels):
        plane += np.maximum(1 - np.abs(blur - np.float32(number)), 0) * level
    return plane


def render(folder: Path, megapixels: float, planes: int) -> None:
    """Write a stack of a hilly scene, focused from low to high by a stage that drifts a little."""
    picture = scene(megapixels)
    levels = [picture, *(cv2.GaussianBlur(picture, (0, 0), sigma) for sigma in BLURS[1:])]
    height, width = picture.shape
    waves = [1.5 * np.pi * np.arange(n, dtype=np.float32) / n for n in (height, width)]
    depth = (1 + np.outer(np.cos(waves[0]), np.cos(waves[1]))) / 2
    noise = np.empty_like(picture)
    for k in range(planes):
        focus = k / (planes - 1)
        plane = recorded(levels, depth, focus) * np.float32(WHITE - BLACK) + np.float32(BLACK)
        off = focus - 0.5  # over the stack: five pixels down, eight right, 0.2 % larger
        drift = cv2.getRotationMatrix2D((width / 2, height / 2), 0, 1 + 0.002 * off)
        drift[:, 2] += 8 * off, 5 * off
        plane = cv2.warpAffine(
            plane, drift, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
        )
        plane += cv2.randn(noise, 0, NOISE)
        grey = np.clip(plane, 0, 65535).astype(np.uint16)
        tifffile.imwrite(folder / f"plane{k:03d}.tif", grey, photometric="minisblack")
    os.sync()  # writing them to the disk must not go on while the command is timed


def run(folder: Path) -> tuple[float, float]:
    """Wall seconds and peak megabytes of the command on a folder of planes."""
    with tempfile.TemporaryDirectory() as out:
        command = [str(Path(sysconfig.get_path("scripts"), "focusstack")), "-i", str(folder)]
        command += ["-o", f"{out}/image.tif", "--depth", f"{out}/depth.tif"]
        start = time.perf_counter()
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{said}")
    return seconds, peak_megabytes(usage)


def measure(megapixels: float, planes: int, repeats: int) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        # rendered in another process: a child starts with its parent's peak as its own
        work = (Path(folder), megapixels, planes)
        renderer = multiprocessing.get_context("spawn").Process(target=render, args=work)
        renderer.start()
        renderer.join()
        if renderer.exitcode:
            raise SystemExit(f"Rendering {planes} planes of {megapixels:g} megapixels failed.")
        seconds, peaks = zip(*(run(Path(folder)) for _ in range(repeats)), strict=True)
    seen = Measured(megapixels, planes, round(min(seconds), 3), round(max(peaks), 1))
    print(
        f"{megapixels:8g} {planes:8d} {seen.seconds:10.2f} {seen.peak_megabytes:10.0f}", flush=True
    )
    return seen


def fits(points: Sequence[tuple[float, float]]) -> dict[str, float]:
    """The power of x, and a constant and a slope with the least relative errors, none below 0."""
    x, y = np.array(points).T
    columns = np.stack([1 / y, x / y], axis=1)
    constant, slope = np.linalg.lstsq(columns, np.ones_like(y))[0]
    if constant < 0:
        constant, slope = 0.0, np.linalg.lstsq(columns[:, 1:], np.ones_like(y))[0][0]
    found = {
        "power": np.polyfit(np.log(x), np.log(y), 1)[0],
        "seconds_at_none": constant,
        "seconds_each": slope,
        "farthest_from_line": np.abs((constant + slope * x) / y - 1).max(),
    }
    return {name: round(float(value), 4) for name, value in found.items()}


def panel(figures: dict[str, Any], key: str, title: str, label: str) -> Panel:
    """Time over `key`, which is "megapixels" or "planes"."""
    rows, fit = figures[f"over_{key}"], figures["fits"][key]
    constant, slope = fit["seconds_at_none"], fit["seconds_each"]
    few, many, ratio = (figures["memory"][name] for name in ("few", "many", "ratio"))
    remarks = [
        f"time grows with the power {fit['power']:.2f} of {key}",
        f"dashed: {constant:.2f} s + {slope:.3g} s a {key[:-1]}, "
        f"within {fit['farthest_from_line']:.0%}",
    ]
    if key == "planes":
        remarks.append(
            f"peak memory: {few['peak_megabytes']:.0f} MB at {few['planes']}, "
            f"{many['peak_megabytes']:.0f} MB at {many['planes']} (\N{MULTIPLICATION SIGN} {ratio:.2f})"
        )
    points = [(row[key], row["seconds"]) for row in rows]
    return Panel(title, label, "wall time (s)", points, lambda x: constant + slope * x, remarks)


def draw(figures: dict[str, Any]) -> str:
    planes = figures["over_megapixels"][0]["planes"]
    size = figures["over_planes"][0]["megapixels"]
    return figure(
        [
            panel(figures, "megapixels", f"{planes} planes", "megapixels a plane"),
            panel(figures, "planes", f"Planes of {size:g} megapixels", "planes"),
        ]
    )


def measure_all(plan: Plan, repeats: int) -> dict[str, Any]:
    print(f"{'MP':>8s} {'planes':>8s} {'seconds':>10s} {'peak MB':>10s}")
    sizes = [measure(size, plan.planes_of_those, repeats) for size in plan.megapixels]
    counts = [measure(plan.megapixels_of_those, n, repeats) for n in plan.planes]
    few, many = next(m for m in counts if m.planes == plan.few), counts[-1]
    return {
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        "repeats": repeats,
        "over_megapixels": [asdict(m) for m in sizes],
        "over_planes": [asdict(m) for m in counts],
        "fits": {
            "megapixels": fits([(m.megapixels, m.seconds) for m in sizes]),
            "planes": fits([(m.planes, m.seconds) for m in counts]),
        },
        "memory": {
            "few": asdict(few),
            "many": asdict(many),
            "ratio": round(many.peak_megabytes / few.peak_megabytes, 4),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small stacks, to try the script")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    parser.add_argument("--redraw", action="store_true", help="draw the figures there are")
    call = parser.parse_args()
    if not call.redraw:
        figures = measure_all(QUICK if call.quick else FULL, call.repeats)
        (call.output / "scaling.json").write_text(json.dumps(figures, indent=2) + "\n")
    figures = json.loads((call.output / "scaling.json").read_text())
    plot = draw(figures)
    (call.output / "scaling.svg").write_text(plot, encoding="utf-8")
    for name, fit in figures["fits"].items():
        print(f"time over {name}: power {fit['power']:.2f}; {fit}")
    few, many, ratio = (figures["memory"][name] for name in ("few", "many", "ratio"))
    print(
        f"{many['planes']} planes: {ratio:.3f} times the peak memory of {few['planes']}, "
        f"{many['peak_megabytes']:.0f} MB against {few['peak_megabytes']:.0f} MB"
    )


if __name__ == "__main__":
    main()
