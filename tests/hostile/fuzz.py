"""Open mutated files of every kind, each in a process that may crash; exit with 1 for any finding.

    python tests/hostile/fuzz.py [--inputs N] [--seed S] [--kinds KIND ...] [--keep FOLDER]
    python tests/hostile/fuzz.py --here [--inputs N]     a few of each kind in this process
    python tests/hostile/fuzz.py --replay KIND-NAME ...  kept inputs, in this process

An input may be read, or refused by an error of ours in one clear line. Findings are everything
else: another exception, a crash, over 10 s of CPU time, over twice the declared size and 200 MB of
memory, warnings of Python, files that are written or read elsewhere, the network, and messages that
a user cannot read. What libraries in C print on stderr is none. The first input of each finding is
kept with what was seen.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil

TESTS = Path(__file__).resolve().parents[1]
sys.path[0] = str(TESTS)  # as in pytest's `pythonpath`

from hostile.kinds import Kind, all_kinds  # noqa: E402
from hostile.verdicts import MOST_SECONDS, Guard, judged  # noqa: E402
from hostile.worker import STATE  # noqa: E402

_SHARE = 2000
"""Inputs of one process, whose start takes a second or two."""
_MOST_WALL_SECONDS = 120.0
"""Seconds without CPU time after which an input counts as a hang, on a machine with other work."""


@dataclass(frozen=True)
class Share:
    """Inputs `start` to `stop` of a kind."""

    kind: str
    seed: int
    start: int
    stop: int


@dataclass
class Found:
    """Findings of a kind, told apart by what was seen and where."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: dict[tuple[str, str], tuple[int, str, bytes]] = field(default_factory=dict)
    repeated: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, key: tuple[str, str], number: int, detail: str, data: bytes) -> None:
        self.repeated[key] += 1
        self.findings.setdefault(key, (number, detail, data))

    def merge(self, other: Found) -> None:
        self.counts += other.counts
        self.repeated += other.repeated
        self.findings = other.findings | self.findings


def opened(share: Share) -> Found:
    """Open the inputs of a share; a process that dies is followed by one that goes on."""
    found, start = Found(), share.start
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=_fast_folder()) as folder:
        while start < share.stop:
            start = _run(share, start, Path(folder), found)
        for line in _lines(Path(folder, "found.jsonl")):
            number, outcome, place, detail = json.loads(line)
            data = Path(folder, f"input-{number}").read_bytes()
            found.add((outcome, place), number, detail, data)
    found.counts["inputs"] = share.stop - share.start
    return found


def _run(share: Share, start: int, folder: Path, found: Found) -> int:
    """Run a worker from `start` on; return the number of the first input that it did not open."""
    command = [sys.executable, "-m", "hostile.worker", share.kind, str(share.seed)]
    command += [str(start), str(share.stop), str(folder)]
    paths = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    state = folder / "state"
    state.unlink(missing_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stderr=log, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        )
        hung = _wait(process, state)
    text = (folder / "log").read_text(errors="replace")
    if not _has_state(state):
        raise RuntimeError(f"no input of {share.kind} was opened: {text[-4000:]}")
    number, read, refused = STATE.unpack(state.read_bytes())
    found.counts.update(read=read, refused=refused)
    if number >= share.stop:
        return share.stop
    data = (folder / "input").read_bytes()
    if hung:
        found.add(("hang", _own_frame(text)), number, text[-8000:], data)
    else:
        code = process.returncode
        name = signal.Signals(-code).name if code < 0 else f"exit {code}"
        found.add(("crash", f"{name} {_own_frame(text)}"), number, text[-8000:], data)
    return number + 1


def _wait(process: subprocess.Popen[bytes], state: Path) -> bool:
    """Wait for a worker; end it when one input takes too long, and return whether that was so."""
    watched = psutil.Process(process.pid)
    last, cpu, wall = -1, 0.0, time.monotonic()
    while process.poll() is None:
        time.sleep(0.1)
        number = STATE.unpack(state.read_bytes())[0] if _has_state(state) else -1
        try:
            used = sum(watched.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
        if number != last:
            last, cpu, wall = number, used, time.monotonic()
        elif used - cpu > 2 * MOST_SECONDS or time.monotonic() - wall > _MOST_WALL_SECONDS:
            process.send_signal(signal.SIGUSR1)  # the worker writes where it is
            time.sleep(0.5)
            process.kill()
            process.wait()
            return True
    return False


def _has_state(state: Path) -> bool:
    return state.exists() and state.stat().st_size == STATE.size


def _own_frame(log: str) -> str:
    """Return our innermost frame in a trace of faulthandler, whose innermost is the first."""
    frames = [line.split('"') for line in log.splitlines() if line.startswith('  File "')]
    own = [(path, end) for _, path, end in frames if "napari_focus_stack" in path]
    return f"{Path(own[0][0]).name}{own[0][1].split(' in ')[-1]}" if own else "outside"


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _fast_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def shares(kinds: list[str], inputs: int, seed: int) -> list[Share]:
    """Return shares of all kinds, as many inputs of each."""
    each = -(-inputs // len(kinds))
    starts = range(0, each, _SHARE)
    return [Share(kind, seed, k, min(k + _SHARE, each)) for k in starts for kind in kinds]


def kept(folder: Path, kind: str, suffix: str, found: Found) -> None:
    """Write the first input of each finding and what was seen."""
    folder.mkdir(parents=True, exist_ok=True)
    for (outcome, _), (number, detail, data) in found.findings.items():
        stem = f"{kind}-{outcome}-{number}"
        (folder / f"{stem}{suffix}").write_bytes(data)
        (folder / f"{stem}.seen").write_text(detail)  # inputs of names end with .txt


def replayed(files: list[Path]) -> int:
    """Open kept inputs in this process, by the kind that begins their names."""
    kinds, guard, findings = all_kinds(), Guard(), 0
    for file in files:
        name = max((name for name in kinds if file.name.startswith(f"{name}-")), key=len)
        findings += _opened_here(kinds[name], file.read_bytes(), guard, file.name, report=True)
    print(f"{len(files)} inputs, {findings} findings")
    return int(findings > 0)


def opened_here(inputs: int, seed: int) -> int:
    """Open inputs of every kind in this process, without a start for each; print findings."""
    kinds, guard, findings = all_kinds(), Guard(), 0
    each = -(-inputs // len(kinds))
    for kind in kinds.values():
        with tempfile.TemporaryDirectory(prefix="seeds-") as folder:
            seeds = tuple(kind.seeds(Path(folder)))
        for number in range(each):
            data = kind.mutated(seeds, seed, number)
            findings += _opened_here(kind, data, guard, f"{kind.name} {number}", report=False)
    print(f"{each * len(kinds)} inputs, {findings} findings")
    return int(findings > 0)


def _opened_here(kind: Kind, data: bytes, guard: Guard, name: str, *, report: bool) -> bool:
    with tempfile.TemporaryDirectory(prefix="here-", dir=_fast_folder()) as folder:
        verdict = judged(kind, kind.written(Path(folder), data), guard)
    if verdict.is_finding or report:
        print(f"{name}: {verdict.outcome} {verdict.place} {verdict.detail}")
    return verdict.is_finding


def main(arguments: argparse.Namespace) -> int:
    if arguments.replay:
        return replayed(arguments.replay)
    if arguments.here:
        return opened_here(arguments.inputs, arguments.seed)
    kinds = all_kinds()
    chosen = arguments.kinds or list(kinds)
    found = {name: Found() for name in chosen}
    started = time.monotonic()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        work = shares(chosen, arguments.inputs, arguments.seed)
        for share, result in zip(work, pool.map(opened, work), strict=True):
            found[share.kind].merge(result)
            if share.stop == work[-1].stop:
                kept(arguments.keep, share.kind, kinds[share.kind].suffix, found[share.kind])
                _print_kind(share.kind, found[share.kind])
    total = sum(result.counts["inputs"] for result in found.values())
    findings = sum(len(result.findings) for result in found.values())
    print(f"{total} inputs, {findings} findings in {time.monotonic() - started:.0f} s")
    return int(findings > 0)


def _print_kind(name: str, found: Found) -> None:
    counts = found.counts
    print(
        f"{name:12} {counts['inputs']:6} inputs, {counts['read']:6} read, {counts['refused']:6} "
        f"refused, {len(found.findings)} findings"
    )
    for (outcome, place), (number, detail, _) in found.findings.items():
        last = (detail.strip().splitlines() or [""])[-1][:160]
        times = f"{found.repeated[outcome, place]} x, first {number}"
        print(f"    {outcome} {place} ({times}): {last}", flush=True)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=50_000, help="inputs of all kinds together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", metavar="KIND", choices=sorted(all_kinds()))
    parser.add_argument("--keep", type=Path, default=TESTS.parent / "build" / "hostile")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--here", action="store_true", help="open all inputs in this process")
    parser.add_argument("--replay", nargs="+", type=Path, metavar="FILE", help="open kept inputs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(parsed()))
