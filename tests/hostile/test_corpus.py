"""Hostile inputs that once found something, and a few new ones, are read or refused in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")


def fuzz(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the harness in a process of its own, which a decoder may crash."""
    command = [sys.executable, HERE / "fuzz.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_inputs_that_found_something_find_nothing() -> None:
    files = sorted((HERE / "corpus").iterdir())
    ended = fuzz("--replay", *files)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{len(files)} inputs, 0 findings" in ended.stdout


def test_damaged_files_of_every_kind_are_read_or_refused() -> None:
    ended = fuzz("--here", "--inputs", 280)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "inputs, 0 findings" in ended.stdout


def test_files_that_declare_or_unpack_to_too_much_take_no_memory(tmp_path: Path) -> None:
    from hostile import bombs

    words = {}
    for name, data, expected in bombs.refused(tmp_path):
        words[name] = expected
        (tmp_path / name).write_bytes(data)
    for name, data in bombs.read(tmp_path):
        words[name] = ": read"
        (tmp_path / name).write_bytes(data)
    ended = fuzz("--replay", *(tmp_path / name for name in words))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    outcomes = dict(line.split(": ", 1) for line in ended.stdout.splitlines()[:-1])
    wrong = {name: outcomes[name] for name in words if words[name] not in f": {outcomes[name]}"}
    assert not wrong
