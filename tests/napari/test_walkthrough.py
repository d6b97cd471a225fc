"""The session of `walkthrough.py`, on a screen of its own: nobody else's pointer is moved."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("walkthrough.py")
SCREEN = ["xvfb-run", "--auto-servernum", "--server-args", "-screen 0 1600x1000x24"]
PICTURES = 17


@pytest.mark.skipif(
    not all(map(shutil.which, ("xvfb-run", "xauth"))), reason="no xvfb-run for a screen of its own"
)
def test_a_user_gets_from_a_folder_to_results_and_back(tmp_path):
    command = [*SCREEN, sys.executable, str(SCRIPT), str(tmp_path)]
    platform = {"QT_QPA_PLATFORM": "xcb"}
    done = subprocess.run(
        command, env={**os.environ, **platform}, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pictures = sorted(tmp_path.glob("*.png"))
    assert len(pictures) == PICTURES
    assert all(picture.stat().st_size > 20_000 for picture in pictures), "none is blank"
