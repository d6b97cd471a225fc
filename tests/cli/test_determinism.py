"""The same planes and settings make the same bytes, whoever else is on the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from scenes import scene

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
from napari_focus_stack._utils import memory
from napari_focus_stack.cli.main import main

stack, film, threads, free = sys.argv[1:]
Path("meminfo").write_text(f"MemTotal: 33554432 kB\\nMemAvailable: {free} kB\\n")
memory._MEMINFO = Path("meminfo")
maps = "--depth-index i.tif --depth d.tif --height h.tif --confidence c.tif --report r.json".split()
common = ["--threads", threads, "--z-step", "2"]
for call in (
    ["-i", stack, "-o", "a.png", *maps, *common],
    ["-i", stack, "-o", "a.jpg", "--method", "depth", "--report", "d.json", *common],
    ["-i", stack, "-o", "a.focusstack", "--memory", "300MB", *common],
    ["-i", film, "-o", "film.ome.tif", *common],
    ["-i", film, "-o", "film.ome.zarr", *common],
    ["measure", "a.focusstack", "--pixel-size", "1.5", "--height", "h.x3p", "--mesh", "m.glb"],
    ["batch", str(Path(film).parent), "-o", "batch", "--z-step", "2", "--threads", threads],
):
    assert main(call) == 0, call
Path("meminfo").unlink()
"""
TIMES = {"summary.csv", "index.html", ".focusstack-batch.run"}
"""Files of a batch with the time it took and when it was made."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Write a moving stack, and a film of two channels in a folder of its own."""
    folder = tmp_path_factory.mktemp("inputs")
    stack, film = folder / "stack.tif", folder / "film" / "film.ome.tif"
    film.parent.mkdir()
    tifffile.imwrite(stack, scene("gravel", "dome", n=6, size=(96, 113), shift=1.0).planes)
    planes = [scene("gravel", "slant", n=4, size=(64, 80), seed=c).planes for c in (1, 2)]
    tifffile.imwrite(film, np.stack([planes, planes]).swapaxes(1, 2), metadata={"axes": "TZCYX"})
    os.utime(film, (1e9, 1e9))  # nobody is writing it any more
    return stack, film


def written(folder: Path, inputs: tuple[Path, Path], threads: int, seed: int, free: int):
    """Return the bytes of all outputs of a process, by name."""
    folder.mkdir()
    stack, film = inputs
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(stack), str(film), str(threads), str(free)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def without_times(name: str, content: bytes) -> object:
    """Return what a file holds beside the seconds that a run took."""
    if not name.endswith(".json") or "reports" not in name:
        return content
    return json.loads(content, object_hook=_timeless)


def _timeless(part: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in part.items() if key != "seconds"}


@pytest.mark.parametrize(
    ("threads", "seed", "free"),
    [(3, 4711, 100_000), pytest.param(8, 1, 30_000_000, marks=pytest.mark.long)],
)
def test_the_same_input_makes_the_same_bytes(
    threads: int, seed: int, free: int, inputs: tuple[Path, Path], tmp_path: Path
) -> None:
    one = written(tmp_path / "one", inputs, 1, 0, 30_000_000)
    other = written(tmp_path / "other", inputs, threads, seed, free)
    assert set(one) == set(other)
    assert {"a.png", "a.focusstack", "film.ome.tif", "h.x3p", "m.glb", "d.json"} <= set(one)
    differing = [
        name
        for name in one
        if without_times(name, one[name]) != without_times(name, other[name])
        and name.rpartition("/")[2] not in TIMES
    ]
    assert not differing
