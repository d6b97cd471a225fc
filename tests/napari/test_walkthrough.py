"""The sessions at the window, on a screen of their own: nobody else's pointer is moved."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCREEN = ["xvfb-run", "--auto-servernum", "--server-args", "-screen 0 1600x1000x24"]
PICTURES = {"walkthrough.py": 18, "series_walkthrough.py": 5}


@pytest.mark.skipif(
    not all(map(shutil.which, ("xvfb-run", "xauth"))), reason="no xvfb-run for a screen of its own"
)
@pytest.mark.parametrize("script", PICTURES)
def test_a_user_gets_from_files_to_results(tmp_path, script):
    command = [*SCREEN, sys.executable, str(Path(__file__).with_name(script)), str(tmp_path)]
    platform = {"QT_QPA_PLATFORM": "xcb"}
    done = subprocess.run(
        command, env={**os.environ, **platform}, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pictures = sorted(tmp_path.rglob("*.png"))
    assert len(pictures) == PICTURES[script]
    assert all(picture.stat().st_size > 20_000 for picture in pictures), "none is blank"
