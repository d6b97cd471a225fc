"""Throughput, memory and markers of `focusstack batch`, on stacks rendered here.

    python benchmarks/batch.py run FOLDER [--stacks N]     # three ways to work, on the same stacks
    python benchmarks/batch.py kills FOLDER [--stacks N]   # killed ten times, and started again
    python benchmarks/batch.py markers FOLDER [--stacks N]  # markers listed and summed

`run` needs an idle machine. Each way is a process of its own; its processor seconds are those of
all of its processes, and its memory the largest sum over them of what each has for itself alone and
its part of what they share (PSS), sampled five times a second.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
import tifffile
from skimage import data

WAYS = {
    "one process, one thread": ["--workers", "1", "--threads", "1"],
    "one process, all threads": ["--workers", "1"],
    "workers": [],
}
SHAPE = (12, 512, 512)


def render(file: Path, number: int) -> None:
    """Write one stack: a picture over waves, blurred by its distance from the plane, with noise."""
    planes, height, width = SHAPE
    random = np.random.default_rng(number)
    pictures = (data.brick(), data.gravel(), data.coins(), data.grass(), data.camera())
    picture = cv2.resize(pictures[number % 5], (width, height)).astype(np.float32) * 150 + 2000
    picture = np.roll(picture, (7 * number % height, 13 * number % width), (0, 1))
    y, x = np.mgrid[:height, :width]
    waves = np.sin(3 * x / width + number) * np.cos(2 * y / height + 0.3 * number)
    depth = (planes - 1) * (0.5 + 0.4 * waves)
    blurred = [
        picture,
        *(cv2.GaussianBlur(picture, (0, 0), 0.6 * k + 0.3) for k in range(1, planes)),
    ]
    levels = np.stack(blurred)
    stack = np.empty(SHAPE, np.uint16)
    for z in range(planes):
        away = np.abs(depth - z)
        low = np.floor(away).astype(int)
        part = away - low
        near = np.take_along_axis(levels, low[None], 0)[0]
        far = np.take_along_axis(levels, np.minimum(low + 1, planes - 1)[None], 0)[0]
        noise = random.normal(0, 60, (height, width))
        stack[z] = np.clip(near * (1 - part) + far * part + noise, 0, 65535)
    file.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(
        file, stack, imagej=True, metadata={"axes": "ZYX", "spacing": 2.0, "unit": "um"}
    )


class Memory:
    """Largest sum of the memory of a process and its children, while a block runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.largest, self._process = 0, psutil.Process(process.pid)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def _sample(self) -> None:
        while not self._end.wait(0.2):
            try:
                tree = [self._process, *self._process.children(recursive=True)]
                self.largest = max(self.largest, sum(p.memory_full_info().pss for p in tree))
            except psutil.Error:
                continue

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def measure(root: Path, out: Path, options: list[str], *, keep: bool = False) -> dict[str, float]:
    """Run a batch; return its wall and processor seconds, and its memory in megabytes."""
    if not keep:
        shutil.rmtree(out, ignore_errors=True)
    call = [sys.executable, "-m", "napari_focus_stack", "batch", str(root), "-o", str(out)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen([*call, *options], stdout=subprocess.DEVNULL)
    with Memory(process) as memory:
        code = process.wait()
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if code:
        sys.exit(f"{options} ended with {code}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall, "cpu": cpu, "memory": memory.largest / 1e6}


def differences(one: Path, other: Path) -> int:
    """Return the number of files of results whose pixels differ."""
    files = [file.relative_to(one) for file in one.rglob("*.ome.tif")]
    return sum(
        not np.array_equal(tifffile.imread(one / f), tifffile.imread(other / f), equal_nan=True)
        for f in files
    )


def run(folder: Path, stacks: int) -> None:
    root, measured = render_all(folder, stacks), {}
    for number, (name, options) in enumerate(WAYS.items()):
        measured[name] = measure(root, folder / f"out{number}", options)
        print(name, {key: round(value, 1) for key, value in measured[name].items()}, flush=True)
    alone = measured["one process, one thread"]
    for name, found in measured.items():
        print(
            f"| {name} | {found['wall'] / stacks:.3f} | {found['cpu'] / stacks:.3f} "
            f"| {alone['wall'] / found['wall']:.2f} | {found['cpu'] / alone['cpu'] - 1:+.1%} "
            f"| {found['memory']:.0f} |"
        )
    for number in (1, 2):
        print("files that differ:", differences(folder / "out0", folder / f"out{number}"))


def render_all(folder: Path, stacks: int) -> Path:
    """Write stacks that look an hour old, unless they are there; return their folder."""
    root, old = folder / f"stacks{stacks}", time.time() - 3600
    for number in range(stacks):
        file = root / f"plate_{number // 50:02d}" / f"leaf_{number:04d}.tif"
        if not file.exists():
            render(file, number)
            os.utime(file, (old, old))
    return root


def kills(folder: Path, stacks: int) -> None:
    """Kill a batch at random moments, with or without its workers, and start it again."""
    root, random, done = render_all(folder, stacks), np.random.default_rng(), {}
    measure(root, folder / "whole", [])
    out = folder / "killed"
    shutil.rmtree(out, ignore_errors=True)
    call = [sys.executable, "-m", "napari_focus_stack", "batch", str(root), "-o", str(out)]
    for number in range(10):
        process = subprocess.Popen(call, stdout=subprocess.DEVNULL, start_new_session=True)
        time.sleep(random.uniform(3, 3 + stacks / 12))
        if number % 2:
            os.killpg(process.pid, 9)
        else:
            process.kill()
        process.wait()
        before = done
        done = {m: m.stat().st_mtime_ns for m in (out / "reports").rglob("*.focusstack.json")}
        again = sum(done.get(marker) != moment for marker, moment in before.items())
        damaged = sum(not is_whole(file) for file in out.rglob("[!.]*.ome.tif"))
        print(f"kill {number + 1}: {len(done)} done, {again} done twice, {damaged} half-written")
    measure(root, out, [], keep=True)
    left = [file for file in out.rglob(".*") if file.suffix in (".part", ".working")]
    print("files that differ:", differences(folder / "whole", out), "litter:", len(left))


def is_whole(file: Path) -> bool:
    """Return whether a file of results can be read to its end."""
    try:
        return tifffile.imread(file).shape[-2:] == SHAPE[1:]
    except (OSError, ValueError, IndexError):
        return False


def markers(folder: Path, stacks: int) -> None:
    """Copy the marker of a real stack many times, and time what a run does with them."""
    from napari_focus_stack.batch.contact_sheet import write_contact_sheet
    from napari_focus_stack.batch.markers import read_markers
    from napari_focus_stack.batch.summary import write_summary

    root, out = folder / "one", folder / "marked"
    shutil.rmtree(out, ignore_errors=True)
    render(root / "leaf.tif", 0)
    measure(root, out, ["--quiet-time", "0"])
    [marker] = out.rglob("*.focusstack.json")
    content = json.loads(marker.read_text())
    for number in range(stacks):
        record = content["batch"]["record"]
        record["name"]["source"] = f"plate_{number // 100:03d}/leaf_{number:05d}.tif"
        record["report"] = f"reports/plate_{number // 100:03d}/leaf_{number:05d}.focusstack.json"
        place = out / record["report"]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(content))
    start = time.monotonic()
    found = read_markers(out)
    read = time.monotonic()
    records = [dataclasses.replace(one.record) for one in found.values()]
    write_summary(out, records)
    write_contact_sheet(out, records, "many")
    end = time.monotonic()
    size = marker.stat().st_size
    print(f"{len(found)} markers of {size / 1000:.0f} kB: read in {read - start:.1f} s, "
          f"summed in {end - read:.1f} s")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "kills", "markers"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--stacks", type=int)
    call = parser.parse_args()
    if call.what == "run":
        run(call.folder, call.stacks or 500)
    elif call.what == "kills":
        kills(call.folder, call.stacks or 60)
    else:
        markers(call.folder, call.stacks or 20_000)


if __name__ == "__main__":
    main()
