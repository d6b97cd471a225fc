"""The fixture that fails a test for what it leaves behind does so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).parent.parent / "conftest.py"
TESTS = """
import tempfile, threading, time

def test_thread():
    threading.Thread(target=time.sleep, args=(9,), daemon=True).start()

def test_open_file():
    global kept
    kept = tempfile.NamedTemporaryFile(delete=True)

def test_temporary():
    tempfile.mkdtemp()

def test_clean():
    tempfile.TemporaryDirectory().cleanup()
"""


def test_what_a_test_leaves_behind_fails_it(tmp_path: Path) -> None:
    patient = CONFTEST.read_text()
    hasty = patient.replace("PATIENCE = 2.0", "PATIENCE = 0.1")
    assert hasty != patient
    (tmp_path / "conftest.py").write_text(hasty)
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=alone)
    assert "4 passed, 3 errors" in run.stdout, run.stdout
    for kind in ("thread", "open_file", "temporary"):
        assert f"ERROR test_it.py::test_{kind} - Failed: left behind" in run.stdout
