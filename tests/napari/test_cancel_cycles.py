"""Runs that are cancelled in their preview, at a window that is really painted.

OpenGL's crashes cannot be caught, so the session of `cancel_cycles.py` is a process of its own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from long_runs import only_long

SCRIPT = Path(__file__).with_name("cancel_cycles.py")
SCREEN = ["xvfb-run", "--auto-servernum", "--server-args", "-screen 0 1600x1000x24"]


@pytest.mark.skipif(
    not all(map(shutil.which, ("xvfb-run", "xauth"))), reason="no xvfb-run for a screen of its own"
)
@pytest.mark.parametrize("cycles", [5, *only_long(20)])
def test_napari_survives_runs_that_are_cancelled_in_their_preview(cycles):
    done = subprocess.run(
        [*SCREEN, sys.executable, str(SCRIPT), str(cycles)],
        env={**os.environ, "QT_QPA_PLATFORM": "xcb"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == cycles
