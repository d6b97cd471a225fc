"""Batches on real clusters of dask.distributed on this machine, whose workers die."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from batch.experiment import batch, results, write_film, write_stack

from napari_focus_stack import FocusStackError, OutputError, SettingsError, focus_batch
from napari_focus_stack.batch import choice, cluster_engine, clusters, markers
from napari_focus_stack.batch.stacking import find_lead

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = {"occlusion": "off"}
WHERE = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
"""Where workers find the functions of this module, wherever pytest was started."""


class Cluster:
    """A scheduler and workers in processes of their own, without nannies that start them again."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        self._scheduler = _start("dask_scheduler", "--scheduler-file", str(self.file), "--port",
                                 "0", "--no-dashboard")  # fmt: skip
        self.workers: list[subprocess.Popen[bytes]] = []
        while not self.file.exists():
            time.sleep(0.05)

    def add_worker(self) -> None:
        self.workers.append(
            _start(
                "dask_worker",
                "--scheduler-file",
                str(self.file),
                "--nthreads",
                "1",
                "--no-nanny",
                "--no-dashboard",
            )
        )

    def stop(self) -> None:
        for process in (*self.workers, self._scheduler):
            process.kill()
            process.wait()


def _start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": WHERE}
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{program}", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def cluster(tmp_path) -> Iterator[Cluster]:
    with contextlib.closing(Running(tmp_path)) as running:
        yield running.cluster


class Running:
    def __init__(self, folder: Path) -> None:
        self.cluster = Cluster(folder)

    def close(self) -> None:
        self.cluster.stop()


def test_a_cluster_makes_the_same_bits_and_bears_the_death_of_a_worker(tmp_path, cluster):
    root = tmp_path / "root"
    for k in range(6):
        write_stack(root / f"s{k}.tif", k)
    write_film(root / "film.tif", 3)
    batch(root, tmp_path / "local", threads=2, **QUICK)

    cluster.add_worker()
    cluster.add_worker()
    steps = focus_batch(root, tmp_path / "out", quiet=0, scheduler=str(cluster.file), **QUICK)
    records = [next(steps), next(steps)]
    os.kill(cluster.workers[0].pid, signal.SIGKILL)
    records += list(steps)

    assert [r.why for r in records if r.state != "done"] == []
    assert len({r.report for r in records}) == len(records) == 12
    assert results(tmp_path / "out") == results(tmp_path / "local")


def test_a_stack_that_kills_its_workers_fails_after_three_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "WORTH_WORKERS", 0.0)
    monkeypatch.setenv("FOCUSSTACK_TEST_POISON", "s1.tif")
    monkeypatch.setenv("PYTHONPATH", WHERE)
    root, out = tmp_path / "root", tmp_path / "out"
    for k in range(4):
        write_stack(root / f"s{k}.tif", k)
    poisoned = tmp_path / "poison"
    poisoned.mkdir()
    # imported by every Python that starts: the worker dies as the kernel would kill it
    (poisoned / "sitecustomize.py").write_text(POISON)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(poisoned), WHERE]))
    records = batch(root, out, workers=2, **QUICK)
    assert {r.name.source: r.state for r in records} == {
        "s0.tif": "done",
        "s1.tif": "failed",
        "s2.tif": "done",
        "s3.tif": "done",
    }
    [failed] = [r for r in records if r.state == "failed"]
    assert "3 workers died over it" in failed.why
    assert (tmp_path / "poison" / "deaths").read_text() == "xxx"


POISON = """
import os, sys
if "multiprocessing.spawn" in " ".join(sys.orig_argv) or "spawn_main" in " ".join(sys.orig_argv):
    import threading, time
    def watch():
        while "napari_focus_stack.batch.stacking" not in sys.modules:
            time.sleep(0.01)
        stacking = sys.modules["napari_focus_stack.batch.stacking"]
        while not hasattr(stacking, "lost_task"):
            time.sleep(0.01)
        stack = stacking._stack
        def poisoned(order, part, *rest):
            if part.path.name == os.environ["FOCUSSTACK_TEST_POISON"]:
                with open(os.path.join(os.path.dirname(__file__), "deaths"), "a") as file:
                    file.write("x")
                os.kill(os.getpid(), 9)
            return stack(order, part, *rest)
        stacking._stack = poisoned
    threading.Thread(target=watch, daemon=True).start()
"""


def test_a_worker_that_dies_in_the_search_of_a_lead_costs_no_stack(tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "WORTH_WORKERS", 0.0)
    monkeypatch.setattr(cluster_engine, "lead_on_worker", _die_once)
    monkeypatch.setenv("FOCUSSTACK_TEST_DEATH", str(tmp_path / "died"))
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # spawned workers take over sys.path
    root = tmp_path / "root"
    write_film(root / "film.tif", 4)
    records = batch(root, tmp_path / "out", workers=2, **QUICK)
    assert (tmp_path / "died").exists()
    assert {r.state for r in records} == {"done"}
    assert len(records) == 8


def _die_once(order, task):
    death = os.environ["FOCUSSTACK_TEST_DEATH"]
    if not os.path.exists(death):
        with open(death, "w"):
            os.kill(os.getpid(), signal.SIGKILL)
    return find_lead(order, task)


def test_what_a_cluster_lacks_is_said_in_one_sentence(tmp_path, cluster, monkeypatch):
    root = tmp_path / "root"
    write_stack(root / "s.tif", 0)
    call = {"quiet": 0, "scheduler": str(cluster.file), **QUICK}
    with pytest.raises(SettingsError, match="No scheduler answers"):
        batch(root, tmp_path / "out", scheduler="tcp://127.0.0.1:9", **QUICK)
    with pytest.raises(SettingsError, match="no scheduler file"):
        batch(root, tmp_path / "out", scheduler=str(tmp_path / "none.json"), **QUICK)
    cluster.add_worker()
    monkeypatch.setattr("napari_focus_stack.batch.cluster_engine.__version__", "9.9")
    with pytest.raises(SettingsError, match=r"has napari-focus-stack .* and this is 9\.9"):
        list(focus_batch(root, tmp_path / "out", **call))
    monkeypatch.undo()
    monkeypatch.setattr("napari_focus_stack.batch.cluster_engine.seen_by_worker", _sees_nothing)
    with pytest.raises(SettingsError, match="cannot see '/somewhere'"):
        list(focus_batch(root, tmp_path / "out", **call))
    assert not list((tmp_path / "out").rglob("*.tif"))


def test_a_scheduler_that_dies_ends_the_batch_which_can_go_on(tmp_path, cluster, monkeypatch):
    monkeypatch.setattr(clusters, "CONNECT", 1.0)
    root, out = tmp_path / "root", tmp_path / "out"
    for k in range(8):
        write_stack(root / f"s{k}.tif", k)
    cluster.add_worker()
    steps = focus_batch(root, out, quiet=0, scheduler=str(cluster.file), **QUICK)
    next(steps)
    cluster.stop()
    with pytest.raises(FocusStackError, match="scheduler was lost"):
        list(steps)
    assert any(r.kept for r in batch(root, out, **QUICK))


def _sees_nothing(order: object) -> str:
    return "see '/somewhere'"


def test_a_full_disk_ends_the_batch_with_its_sentence_and_what_is_done_stays(tmp_path, monkeypatch):
    root, out = tmp_path / "root", tmp_path / "out"
    for k in range(3):
        write_stack(root / f"s{k}.tif", k)
    written = markers.write_marker

    def full_later(place, *rest):
        if "s1" in place.name:
            raise OutputError(f"'{place}' cannot be written: No space left on device.")
        written(place, *rest)

    monkeypatch.setattr("napari_focus_stack.batch.stacking.write_marker", full_later)
    with pytest.raises(OutputError, match="No space left"):
        batch(root, out, **QUICK)
    monkeypatch.undo()
    states = {r.name.source: r.kept for r in batch(root, out, **QUICK)}
    assert states == {"s0.tif": True, "s1.tif": False, "s2.tif": False}
