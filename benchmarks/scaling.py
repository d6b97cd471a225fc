"""How time and memory of the `focusstack` command grow with pixels and with planes.

    python benchmarks/scaling.py [--quick] [--repeats N] [--output FOLDER] [--redraw]

Renders grey 16-bit stacks into a temporary folder (TMPDIR says where; a gigabyte at a time), runs
the command on each as a process of its own, and writes `scaling.json` and `scaling.svg`. Of the
repeats the shortest time counts, which is what other processes took least from, and the largest
peak memory. The planes are in the system's cache when they are read.

Time is fitted three times: by a power of pixels or planes, which is below 1 where starting Python
(and, over planes, building the picture) takes a share; by a constant and such a power, which should
be 1; and by a constant and a part in proportion, with the largest relative distance from that line.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sysconfig
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hilly_stack import render
from loglog import Panel, figure
from measured_command import Usage, measured_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


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


def run(folder: Path) -> Usage:
    """Run the command on a folder of planes."""
    with tempfile.TemporaryDirectory() as out:
        command = [str(Path(sysconfig.get_path("scripts"), "focusstack")), "-i", str(folder)]
        return measured_run([*command, "-o", f"{out}/image.tif", "--depth", f"{out}/depth.tif"])


def measure(megapixels: float, planes: int, repeats: int) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        # rendered in another process: a child starts with its parent's peak as its own
        work = (Path(folder), megapixels, planes)
        renderer = multiprocessing.get_context("spawn").Process(target=render, args=work)
        renderer.start()
        renderer.join()
        if renderer.exitcode:
            raise SystemExit(f"Rendering {planes} planes of {megapixels:g} megapixels failed.")
        runs = [run(Path(folder)) for _ in range(repeats)]
    seconds, peak = min(run.wall for run in runs), max(run.peak_megabytes for run in runs)
    seen = Measured(megapixels, planes, round(seconds, 3), round(peak, 1))
    print(
        f"{megapixels:8g} {planes:8d} {seen.seconds:10.2f} {seen.peak_megabytes:10.0f}", flush=True
    )
    return seen


def straight(x: Floats, y: Floats) -> tuple[float, float, Floats]:
    """Constant and slope with the least relative errors, neither below 0, and these errors."""
    columns = np.stack([1 / y, x / y], axis=1)
    constant, slope = np.linalg.lstsq(columns, np.ones_like(y))[0]
    if constant < 0:
        constant, slope = 0.0, np.linalg.lstsq(columns[:, 1:], np.ones_like(y))[0][0]
    return constant, slope, (constant + slope * x) / y - 1


def fits(points: Sequence[tuple[float, float]]) -> dict[str, float]:
    """The powers of x, the straight line, and how far the points lie from it at most."""
    x, y = np.array(points).T
    constant, slope, errors = straight(x, y)
    powers = np.arange(0.5, 1.5, 0.01)
    found = {
        "power": np.polyfit(np.log(x), np.log(y), 1)[0],
        "power_beyond_constant": min(powers, key=lambda p: (straight(x**p, y)[2] ** 2).sum()),
        "constant_seconds": constant,
        "seconds_each": slope,
        "farthest_from_line": np.abs(errors).max(),
    }
    return {name: round(float(value), 4) for name, value in found.items()}


def memory(figures: dict[str, Any]) -> tuple[str, str, float]:
    """Both peaks in words, and their ratio."""
    few, many = (figures["memory"][name] for name in ("few", "many"))
    words = [f"{row['peak_megabytes']:.0f} MB at {row['planes']}" for row in (few, many)]
    return words[0], words[1], figures["memory"]["ratio"]


def growth(figures: dict[str, Any]) -> tuple[float, float]:
    """Milliseconds a plane and megapixel of few planes and of most, without those of starting.

    What the fewest planes and `few` leave for none at all is what starting takes.
    """
    fewest, most = figures["over_planes"][0], figures["over_planes"][-1]
    few = figures["memory"]["few"]
    slope = (few["seconds"] - fewest["seconds"]) / (few["planes"] - fewest["planes"])
    start = few["seconds"] - slope * few["planes"]
    each = slope, (most["seconds"] - start) / most["planes"]
    return 1e3 * each[0] / few["megapixels"], 1e3 * each[1] / few["megapixels"]


def panel(figures: dict[str, Any], key: str, title: str, label: str) -> Panel:
    """Time over `key`, which is "megapixels" or "planes"."""
    rows, fit = figures[f"over_{key}"], figures["fits"][key]
    constant, slope = fit["constant_seconds"], fit["seconds_each"]
    few_peak, many_peak, ratio = memory(figures)
    remarks = [
        f"power of {key}: {fit['power']:.2f}, beyond a constant {fit['power_beyond_constant']:.2f}",
        f"dashed: {constant:.2f} s + {slope:.3g} s a {key[:-1]}, "
        f"within {fit['farthest_from_line']:.0%}",
    ]
    if key == "planes":
        few, many = growth(figures)
        remarks += [
            f"a plane and megapixel: {few:.0f} and {many:.0f} ms "
            f"(\N{MULTIPLICATION SIGN} {many / few:.2f})",
            f"peak memory: {few_peak}, {many_peak} (\N{MULTIPLICATION SIGN} {ratio:.2f})",
        ]
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
    parser.add_argument(
        "--quick", action="store_true", help="small stacks: tries the script, tells nothing"
    )
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
        print(f"time over {name}: {fit}")
    few, many = growth(figures)
    print(f"a plane and megapixel: {few:.1f} and {many:.1f} ms, {many / few:.2f} times as much")
    print("peak memory: {}, {} planes, {:.3f} times as much".format(*memory(figures)))


if __name__ == "__main__":
    main()
