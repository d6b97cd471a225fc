"""Put many stacks through one worker of a batch: of dask, or the calling process.

    python tests/life/worker.py [STACKS]

Prints a row on memory, threads and handles of each worker; fails if something grows or is left.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
from typing import TYPE_CHECKING

from measures import HEAD, Life, held, own_folders
from signals import render

from napari_focus_stack import focus_batch
from napari_focus_stack.batch.clusters import LocalWorkers

if TYPE_CHECKING:
    from pathlib import Path

MEMORY = 2**31
"""Bytes that the worker may use."""
EVERY = 3
"""Stacks between two measurements."""


def main(stacks: int) -> None:
    print(HEAD)
    with own_folders() as made:
        root = made / "root"
        for number in range(min(stacks, 8)):
            render(root / f"s{number:04}.tif", number, 5, 96)
        for number in range(8, stacks):
            shutil.copy(root / f"s{number % 8:04}.tif", root / f"s{number:04}.tif")
        (root / f"s{stacks // 2:04}.tif").write_bytes(b"II*\0damaged")
        faults = in_this_process(made, stacks) + on_dask(made, stacks)
    if faults:
        sys.exit("\n".join(faults))


def in_this_process(made: Path, stacks: int) -> list[str]:
    """Let the calling process do the work."""
    life, out = Life("batch, this process"), made / "one"
    batch = focus_batch(made / "root", out, workers=1, quiet=0, occlusion="off", threads=1)
    check_states(batch, life, stacks, os.getpid())
    return life.faults(held())


def on_dask(made: Path, stacks: int) -> list[str]:
    """Let one worker of a cluster do it, which is configured as those of a batch."""
    life = Life("batch, worker of dask")
    with LocalWorkers(1, MEMORY).client() as client:
        [worker] = client.cluster.workers.values()
        batch = focus_batch(
            made / "root",
            made / "two",
            scheduler=client.scheduler.address,
            quiet=0,
            occlusion="off",
        )
        check_states(batch, life, stacks, worker.pid)
        scheduler = client.cluster.scheduler
        last, names = held(worker.pid), list(scheduler.clients)
        last = dataclasses.replace(last, temporary=())  # its own, until it ends
        left = {
            "tasks": len(scheduler.tasks),
            "clients": len([name for name in names if name.startswith("Client-")]) - 1,
            "plugins": "napari-focus-stack" in scheduler.worker_plugins,
        }
    faults = life.faults(last) + [f"dask: {what} are left" for what, count in left.items() if count]
    after = held()
    faults += [f"temporary files are left: {after.temporary}"] if after.temporary else []
    return faults + ([f"{after.children} processes are left"] if after.children else [])


def check_states(batch, life: Life, stacks: int, pid: int) -> None:
    """Take note of the worker after every few stacks; all but one must be done."""
    done = 0
    for number, record in enumerate(batch):
        done += record.state == "done"
        if number % EVERY == 0 and number < stacks - EVERY:
            life.note(held(pid))
    assert done == stacks - 1, done


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
