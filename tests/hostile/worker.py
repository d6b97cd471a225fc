"""A process that opens one input after another; it may crash, hang or be killed at any of them.

`fuzz.py` starts it and reads from its folder: `state` (the number of the input that is open, and
how many were read and refused), `found.jsonl`, `input` (its content) and `log` (stderr).
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import struct
import sys
import tempfile
from collections import Counter
from pathlib import Path

from hostile.kinds import Kind, all_kinds
from hostile.verdicts import READ, REFUSED, Guard, Verdict, judged

STATE = struct.Struct("<3q")
_MOST_ADDRESSES = 8 << 30
"""Bytes of addresses beyond those at the start; more cannot be had, which shows as MemoryError."""


def main(name: str, seed: int, start: int, stop: int, share: Path) -> None:
    kind = all_kinds()[name]
    with tempfile.TemporaryDirectory(prefix="seeds-") as folder:
        seeds = tuple(kind.seeds(Path(folder)))
    guard, place = Guard(), share / "place"
    place.mkdir(exist_ok=True)
    for data in seeds:  # libraries are loaded before memory is measured
        _refuse_finding(_judged(kind, data, place, guard))
    _limit_addresses()
    counts: Counter[str] = Counter()
    state = os.open(share / "state", os.O_RDWR | os.O_CREAT)
    with (share / "found.jsonl").open("a") as found:
        for number in range(start, stop):
            data = kind.mutated(seeds, seed, number)
            (share / "input").write_bytes(data)
            os.pwrite(state, STATE.pack(number, counts[READ], counts[REFUSED]), 0)
            verdict = _judged(kind, data, place, guard)
            counts[verdict.outcome] += 1
            if verdict.is_finding:
                (share / f"input-{number}").write_bytes(data)
                line = [number, verdict.outcome, verdict.place, verdict.detail]
                found.write(json.dumps(line) + "\n")
                found.flush()
    os.pwrite(state, STATE.pack(stop, counts[READ], counts[REFUSED]), 0)


def _judged(kind: Kind, data: bytes, place: Path, guard: Guard) -> Verdict:
    path = kind.written(place, data)
    before = sorted(os.listdir(place))
    verdict = judged(kind, path, guard)
    if sorted(os.listdir(place)) != before:
        return Verdict("files", "", f"left {sorted(set(os.listdir(place)) - set(before))}")
    return verdict


def _refuse_finding(verdict: Verdict) -> None:
    if verdict.is_finding and verdict.outcome != "memory":
        raise AssertionError(f"a sound file gives '{verdict.outcome}': {verdict.detail}")


def _limit_addresses() -> None:
    if not sys.platform.startswith("linux"):
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + _MOST_ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
