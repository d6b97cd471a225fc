"""Batches that are interrupted or killed at any moment, and go on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import tifffile
from batch.experiment import SIZE, batch, results, write_film, write_stack
from long_runs import only_long

if TYPE_CHECKING:
    from pathlib import Path

QUICK = {"occlusion": "off"}
KILLS = int(os.environ.get("FOCUSSTACK_KILLS", "2"))
"""Times that a run is killed; .ci/long kills ten."""


def start(root: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "napari_focus_stack", "batch", str(root), "-o", str(out),
         "--quiet-time", "0", "--occlusion", "off", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, dict[str, bytes]]:
    """A folder of stacks and a film, and the bits of their results."""
    folder = tmp_path_factory.mktemp("made")
    for k in range(6):
        write_stack(folder / "root" / f"s{k}.tif", k)
    write_film(folder / "root" / "film.tif", 16)
    batch(folder / "root", folder / "out", **QUICK)
    return folder / "root", results(folder / "out")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, *only_long(signal.SIGINT)])
def test_an_interrupted_batch_ends_at_once_and_can_go_on(tmp_path, made, number):
    root, bits = made
    run = start(root, tmp_path / "out")
    assert run.stdout is not None
    for line in run.stdout:
        if " of " in line:
            break
    run.send_signal(number)
    asked = time.monotonic()
    rest, errors = run.communicate(timeout=30)
    assert run.returncode == 130, errors
    assert time.monotonic() - asked < 5
    assert "run the same command again" in rest
    assert not list((tmp_path / "out").rglob("*.part"))
    assert (tmp_path / "out" / "index.html").exists()

    run = start(root, tmp_path / "out")
    lines, errors = run.communicate(timeout=120)
    assert run.returncode == 0, errors
    done = int(lines.splitlines()[-2].split()[0])
    assert 0 < done < 38  # what was done is not done again
    assert results(tmp_path / "out") == bits


def test_a_batch_that_is_killed_leaves_nothing_half_written(tmp_path, made):
    root, bits = made
    out, moments = tmp_path / "out", random.Random(KILLS)
    marked: dict[str, int] = {}
    for _ in range(KILLS):
        run = start(root, out)
        time.sleep(moments.uniform(0.8, 3.0))
        run.kill()
        run.communicate()
        check_whole(out)
        before = marked
        marked = {str(m): m.stat().st_mtime_ns for m in (out / "reports").rglob("*.json")}
        assert before.items() <= marked.items()  # no stack is done twice
    run = start(root, out)
    _, errors = run.communicate(timeout=120)
    assert run.returncode == 0, errors
    assert results(out) == bits
    assert not [f for f in out.rglob(".*") if f.suffix in (".part", ".working")]


def check_whole(out: Path) -> None:
    """Every file under its own name can be read to its end."""
    for file in out.rglob("*.ome.tif"):
        if not file.name.startswith("."):
            assert tifffile.imread(file).shape[-2:] == SIZE
