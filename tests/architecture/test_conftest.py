"""The fixture that fails a test for what it leaves behind does so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parent.parent / "conftest.py"
LEFT = {
    "thread": "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
    "open file": "global kept; kept = tempfile.NamedTemporaryFile(delete=True)",
    "temporary": "tempfile.mkdtemp()",
    "": "tempfile.TemporaryDirectory().cleanup(); sum(x for x in range(9))",
}


@pytest.mark.parametrize("kind", LEFT)
def test_what_a_test_leaves_behind_fails_it(kind: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        CONFTEST.read_text().replace("PATIENCE = 2.0", "PATIENCE = 0.1")
    )
    body = f"import tempfile, threading, time\n\ndef test_it():\n    {LEFT[kind]}\n"
    (tmp_path / "test_it.py").write_text(body)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    run = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, cwd=tmp_path)
    assert ("left behind" in run.stdout) == bool(kind), run.stdout
    assert kind in run.stdout
