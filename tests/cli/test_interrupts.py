"""Signals that end the command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_focus_stack.cli.interrupts import received_by
from tests.long_runs import only_long

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

BEGIN = """
import os, signal, sys, time
from napari_focus_stack.cli.interrupts import Interrupts

def send():
    os.kill(os.getpid(), signal.SIGTERM)

interrupts = Interrupts()
"""
IMPORT = """
try:
    import interrupted_module
    time.sleep(1)
except KeyboardInterrupt:
    print(sys.modules["interrupted_module"].whole)
"""
DESTRUCTOR = """
class Held:
    def __del__(self):
        send()
        time.sleep(0.01)

try:
    Held()
    time.sleep(1)
except KeyboardInterrupt:
    print(True)
"""
UNFINISHED = """
async def write():
    pass

def begin():
    begun = write()
    send()
    time.sleep(1)

try:
    begin()
except KeyboardInterrupt:
    print(True)
"""
TWICE = """
try:
    send()
    time.sleep(1)
except KeyboardInterrupt:
    send()
    time.sleep(0.01)
    interrupts.end(0)
    send()
    print(True)
"""
AT_THE_END = """
signal.setitimer(signal.ITIMER_REAL, 0.01)
interrupts.end(0)
time.sleep(0.05)
print(True)
"""
IGNORED = """
os.kill(os.getpid(), signal.SIGHUP)
time.sleep(0.01)
print(True)
"""


@pytest.mark.parametrize("script", [IMPORT, DESTRUCTOR, UNFINISHED, TWICE, AT_THE_END, IGNORED])
def test_a_signal_comes_once_and_at_a_good_moment(script: str, tmp_path: Path) -> None:
    (tmp_path / "interrupted_module.py").write_text(
        "import __main__\nwhole = False\n__main__.send()\n__main__.time.sleep(0.05)\nwhole = True\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        # as nohup does
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)


def test_signals_of_another_program_are_left_alone() -> None:
    """`main` may be called by a thread of a program, and Python may run inside one."""
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored under nohup
    before = signal.getsignal(signal.SIGINT)
    within = []

    def call() -> None:
        with received_by(lambda *_: None):
            within.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert within == [before]
    call()
    assert within[1] != before
    assert signal.getsignal(signal.SIGINT) == before
    signal.signal(signal.SIGINT, inherited)


@pytest.mark.parametrize("name", ["SIGTERM", *only_long("SIGINT", "SIGHUP")])
def test_a_run_that_is_ended_leaves_nothing_half_written(name: str, tmp_path: Path) -> None:
    film = np.random.default_rng(1).integers(0, 4000, (60, 4, 1, 64, 64)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "film.tif", film, imagej=True, metadata={"axes": "TZCYX"})
    out = tmp_path / "out"
    out.mkdir()
    run = subprocess.Popen(
        [sys.executable, "-m", "napari_focus_stack", "-i", str(tmp_path / "film.tif"),
         "-o", str(out / "sharp.ome.tif")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    while not list(out.iterdir()):  # the film grows there under a temporary name
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.Signals[name])
    _, said = run.communicate(timeout=60)
    assert (said, run.returncode) == ("focusstack: interrupted.\n", 130)
    assert not list(out.iterdir())
