"""Call `focus_stack` and `focus_series` for long in one process, errors among the calls.

    python tests/life/calls.py [RUNS]

Prints a row on memory, threads, handles and files; fails if something grows or is left. Nothing is
collected or given back between the calls but what the program itself does.
"""

from __future__ import annotations

import itertools
import shutil
import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from measures import HEAD, Life, held, own_folders
from signals import render

from napari_focus_stack import (
    ArraySource,
    Cancelled,
    FocusStackError,
    Settings,
    focus_series,
    focus_stack,
    stack_steps,
)

if TYPE_CHECKING:
    from pathlib import Path

SIDE, PLANES = 192, 6


def main(runs: int) -> None:
    print(HEAD)
    with own_folders() as made:
        work, life = itertools.cycle(ways(made, make(made))), Life("calls")
        for _ in range(runs):
            next(work)()
            life.note(held())
        faults = life.faults(held())
    if faults:
        sys.exit("\n".join(faults))


def make(made: Path) -> np.ndarray:
    """Write the inputs, and return the planes of one stack."""
    stack = render(made / "stack.tif", 1, PLANES, SIDE)
    (made / "planes").mkdir()
    for z, plane in enumerate(stack):
        tifffile.imwrite(made / f"planes/p{z}.tif", plane)
    shutil.copytree(made / "planes", made / "damaged")
    whole = (made / "damaged/p3.tif").read_bytes()
    (made / "damaged/p3.tif").write_bytes(whole[: len(whole) // 2])
    film = np.stack([render(None, t, PLANES, 96) for t in range(3)])[:, :, None]
    metadata = {"axes": "TZCYX", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite(made / "film.tif", film, imagej=True, metadata=metadata, resolution=(2, 2))
    return stack


def ways(made: Path, stack: np.ndarray) -> list:
    """Return calls that end in every way."""
    files, colour = made / "planes", np.stack([stack >> 8] * 3, -1).astype(np.uint8)
    return [
        lambda: focus_stack(files),
        lambda: refused(lambda: focus_stack(made / "damaged")),
        lambda: focus_stack(stack, method="depth", align="affine", z_step=1.0),
        lambda: abandoned(ArraySource(stack), 3),
        lambda: focus_stack(colour, method="pyramid", crop=True),
        lambda: refused(lambda: focus_stack(stack, reference=99)),
        lambda: focus_series(made / "film.tif"),
        lambda: cancelled(ArraySource(colour), 5),
        lambda: focus_stack(made / "stack.tif", method="laplacian"),
        lambda: refused(lambda: focus_stack(stack, memory="1MB")),
        lambda: abandoned(ArraySource(colour), 12),
        lambda: refused(lambda: focus_series(made / "film.tif", lead_channel="nobody")),
    ]


def refused(call) -> None:
    """Make a call that must fail with an error of ours."""
    try:
        call()
    except FocusStackError:
        return
    raise AssertionError("it should have been refused")


def abandoned(source: ArraySource, steps: int) -> None:
    """Begin a run, and leave it after some steps."""
    run = stack_steps(source, Settings())
    for _ in range(steps):
        next(run)


def cancelled(source: ArraySource, steps: int) -> None:
    """Begin a run, and cancel it after some steps."""
    event = threading.Event()
    try:
        for number, _ in enumerate(stack_steps(source, Settings(), cancel=event)):
            if number == steps:
                event.set()
    except Cancelled:
        return
    raise AssertionError("it should have been cancelled")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
