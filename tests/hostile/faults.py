"""Injection of faults: what is lost if the disk, a folder or a file fails in the middle of a run.

    python -m tests.hostile.faults [--most N] [--operation NAME ...] [--fault NAME ...]

Every operation of `fault_operations` runs over an earlier result of its own while the k-th access
to a file fails, for many k. Python raises an audit event before it opens, renames, lists or makes
anything; the fault is raised from there. A disk that fills up while a file is being written is a
limit of the kernel on the size of files (RLIMIT_FSIZE), which counts for libraries in C, too.

After each fault, earlier results are as they were or replaced by new ones that are whole, no
temporary file is left, and the command has ended with one line and a documented exit code.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from napari_focus_stack.cli.exit_codes import DONE, FAILED_IN_PART, WRONG_CALL
from tests.hostile.fault_injection import FAULTS, NOT_REMOVED, PLANES, Fault, Injector
from tests.hostile.fault_operations import OPERATIONS, Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Outcome:
    """What a run under a fault left."""

    code: int
    said: str
    struck: bool
    complaints: list[str] = field(default_factory=list)


class Trial:
    """An operation with its input, an earlier result and what a sound run makes of both."""

    def __init__(self, operation: Operation, folder: Path, injector: Injector) -> None:
        self.operation, self._folder, self._injector = operation, folder, injector
        self._ready = folder / "ready"
        self._place = folder / "place"  # results name their input, so all is done at one place
        operation.prepare(self._place)
        shutil.copytree(self._place, self._ready, symlinks=True)
        self._temporary = folder / "temporary"
        self._temporary.mkdir()
        sound = [self._sound() for _ in range(2)]
        self._golden = sound[0]
        self._varying = {path for path in sound[0] if sound[0][path] != sound[1].get(path)}

    def _sound(self) -> dict[str, bytes]:
        self._reset()
        code, said = self._run()
        assert code == 0, f"{self.operation.name}: {said}"
        return contents(self._place)

    def _reset(self) -> None:
        shutil.rmtree(self._place, ignore_errors=True)
        shutil.copytree(self._ready, self._place, symlinks=True)

    def _run(self) -> tuple[int, str]:
        with (
            contextlib.redirect_stderr(io.StringIO()) as said,
            contextlib.redirect_stdout(io.StringIO()),
        ):
            code = self.operation.run(self._place)
        return code, said.getvalue()

    def under(self, fault: Fault, at: int) -> Outcome:
        """Run the operation while an access fails, and check what it leaves."""
        self._reset()
        before = contents(self._place)
        handles = _handles()
        roots = (str(self._place), str(self._temporary))
        kept, tempfile.tempdir = tempfile.tempdir, str(self._temporary)
        try:
            with self._injector.armed(fault, at, roots):
                code, said = self._run()
        finally:
            tempfile.tempdir = kept
        struck = self._injector.count >= at
        outcome = Outcome(code, said, struck)
        if struck:
            outcome.complaints = self._complaints(before, fault, outcome)
            gc.collect()
            if _handles() - handles:
                outcome.complaints.append("files stay open")
        return outcome

    def _complaints(self, before: dict[str, bytes], fault: Fault, outcome: Outcome) -> list[str]:
        after = contents(self._place)
        inputs = {path for path in before if PLANES in path}
        outputs = self._golden.keys() - inputs
        other_input = fault.of_planes and bool(self.operation.may_differ)
        problems = [
            f"{'lost' if path in before else 'half-written'}: {path}"
            for path in sorted((after.keys() | before.keys()) & outputs)
            if not _same(path, before.get(path), after.get(path))
            and not self._is_new(path, after.get(path), outcome.code, other_input)
        ]
        if fault.name not in NOT_REMOVED:
            left = after.keys() - before.keys() - self._golden.keys()
            problems += [f"left: {path}" for path in sorted(left) if not path.endswith(".working")]
            problems += [f"left: {path.name}" for path in self._temporary.iterdir()]
        for path in self._temporary.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        news = {path for path in outputs if after.get(path) != before.get(path)}
        changed = {path for path in outputs if self._golden[path] != before.get(path)}
        if self.operation.together and news and not news >= changed - self._varying:
            problems.append(f"new and old ones are mixed: new are {sorted(news)}")
        return problems + self._about_words(fault, outcome, changed - self._varying - news)

    def _is_new(self, path: str, content: bytes | None, code: int, other_input: bool) -> bool:
        """Return whether a file is that of a sound run, or of one in which a stack failed."""
        if self.operation.differs(path):
            return content is None or _is_whole(path, content)
        if code == FAILED_IN_PART or other_input:  # chunks without a value are no files
            return ".zarr/" in path if content is None else _is_whole(path, content)
        if content is None or _same(path, content, self._golden[path]):
            return content is not None
        drawn_anew = path in self._varying or path.endswith(".x3p")  # which has the time
        return drawn_anew and _is_whole(path, content)

    def _about_words(self, fault: Fault, outcome: Outcome, missing: set[str]) -> list[str]:
        """Check exit code and message."""
        problems, lines = [], outcome.said.splitlines()
        if outcome.code not in (DONE, WRONG_CALL, FAILED_IN_PART):
            problems.append(f"exit code {outcome.code}")
        if "Traceback" in outcome.said or "internal error" in outcome.said:
            problems.append("an internal error")
        if ".part" in outcome.said:
            problems.append("a temporary file is named")
        if outcome.code == DONE and missing and not lines:
            problems.append(f"without a word not written: {sorted(missing)}")
        if outcome.code == WRONG_CALL and len(lines) != 1:
            problems.append(f"{len(lines)} lines")
        return problems


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _same(path: str, one: bytes | None, other: bytes | None) -> bool:
    """Return whether two files are the same; those of TIFF differ in a number that is drawn."""
    if one == other or one is None or other is None or not path.endswith(".tif"):
        return one == other
    try:
        pixels = [tifffile.imread(io.BytesIO(content)) for content in (one, other)]
    except (ValueError, IndexError, tifffile.TiffFileError):
        return False
    return np.array_equal(*pixels, equal_nan=True)


def _is_whole(path: str, content: bytes) -> bool:
    """Return whether a file ends as it should."""
    if path.endswith(".json"):
        return isinstance(json.loads(content), dict)
    if path.endswith(".html"):
        return content.rstrip().endswith(b"</html>")
    if path.endswith((".focusstack", ".tif")):
        with tifffile.TiffFile(io.BytesIO(content)) as tif:
            return all(page.asarray().size for page in tif.pages)
    if path.endswith(".x3p"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.testzip() is None
    if path.endswith(".jpg"):
        return content.endswith(b"\xff\xd9")
    return content.endswith(b"\n") if path.endswith((".csv", ".svg")) else bool(content)


def _handles() -> set[str]:
    """Return the files of temporary folders that this process holds open, on Linux."""
    found = set()
    if sys.platform.startswith("linux"):
        for number in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                path = os.readlink(f"/proc/self/fd/{number}")
                if "/place/" in path or "/temporary/" in path:
                    found.add(f"{number} {path}")
    return found


def run_all(
    operations: list[Operation], faults: list[Fault], most: int, seen: Callable[..., object]
) -> Iterator[tuple[Operation, Fault, int, Outcome]]:
    """Yield each operation under each fault, at accesses 1, 2, 3 ... that are ever rarer."""
    injector = Injector()
    for operation in operations:
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            trial = Trial(operation, Path(folder), injector)
            for fault in faults:
                at, step = 1, 1.0
                for _ in range(most):
                    outcome = trial.under(fault, at)
                    if not outcome.struck:
                        break
                    yield operation, fault, at, outcome
                    step *= 1.25
                    at += int(step)


def main() -> int:
    """Run all faults and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=12, help="faults of a kind in an operation")
    parser.add_argument("--operation", nargs="+", choices=[one.name for one in OPERATIONS])
    parser.add_argument("--fault", nargs="+", choices=[one.name for one in FAULTS])
    call = parser.parse_args()
    operations = [one for one in OPERATIONS if not call.operation or one.name in call.operation]
    faults = [one for one in FAULTS if not call.fault or one.name in call.fault]
    counts: Counter[tuple[str, str]] = Counter()
    bad = 0
    for operation, fault, at, outcome in run_all(operations, faults, call.most, print):
        counts[operation.name, fault.name] += 1
        if outcome.complaints:
            bad += 1
            print(f"{operation.name}, {fault.name}, access {at}: exit code {outcome.code}")
            for line in (*outcome.complaints, *outcome.said.splitlines()):
                print(f"    {line}", flush=True)
    _print_table(counts, [one.name for one in operations], [one.name for one in faults])
    print(f"{counts.total()} faults, {bad} with a finding")
    return min(bad, 1)


def _print_table(counts: Counter[tuple[str, str]], columns: list[str], rows: list[str]) -> None:
    print("| fault |", " | ".join(columns), "|")
    print("| --- |" + " --- |" * len(columns))
    for row in rows:
        print(f"| {row} |", " | ".join(str(counts[column, row]) for column in columns), "|")


if __name__ == "__main__":
    sys.exit(main())
