"""One run of a command: its time by the wall's clock, of the processor, and its peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import resource
    from collections.abc import Mapping, Sequence

MEGABYTE = 1e6


class Usage(NamedTuple):
    """Seconds by the wall's clock, seconds of all cores, and the largest memory in megabytes."""

    wall: float
    processor: float
    peak_megabytes: float


def peak_megabytes(usage: resource.struct_rusage) -> float:
    """Largest resident memory; Linux counts it in units of 1024 bytes, macOS in bytes."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / MEGABYTE


def measured_run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Usage:
    """Run a command that says nothing but errors; end the script, and repeat them, if it fails."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{said}")
    return Usage(wall, usage.ru_utime + usage.ru_stime, peak_megabytes(usage))
