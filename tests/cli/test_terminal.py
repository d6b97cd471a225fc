"""What is printed leaves the terminal alone, whatever a file is called."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import cv2
import pytest

from napari_focus_stack.batch.tasks import BatchOrder
from napari_focus_stack.cli import batch_output
from napari_focus_stack.series.series_settings import SeriesSettings
from napari_focus_stack.settings import Settings
from tests.cli.test_main import assert_one_line, run
from tests.scenes import scene

if TYPE_CHECKING:
    from pathlib import Path

DRIVING = "a\x1b[2J\x1b]0;title\x07\r\x7f\x9b31m\u202egpj[red]b[bold]:smile:\u2028"
ESCAPES = r"\u001b[2J\u001b]0;title\u0007"
ORDER = BatchOrder(root="in", out="out", settings=Settings(), series_settings=SeriesSettings())
CONTROLS = set("\x1b\x07\r\x7f\x9b\u202e\u2028")

needs_any_name = pytest.mark.skipif(sys.platform == "win32", reason="no such names on Windows")


def write_planes(folder: Path) -> Path:
    folder.mkdir()
    for k, plane in enumerate(scene("gravel", "step", n=3, size=(32, 40)).planes):
        (folder / f"p{k}.png").write_bytes(cv2.imencode(".png", plane)[1].tobytes())
    return folder


@needs_any_name
def test_a_name_that_drives_the_terminal_is_printed_as_escapes(tmp_path: Path) -> None:
    folder = write_planes(tmp_path / DRIVING)
    outcome = run("-i", folder, "-o", tmp_path / f"{DRIVING}.png")
    assert outcome.returncode == 0, outcome.stderr
    assert (tmp_path / f"{DRIVING}.png").exists()
    assert ESCAPES in outcome.stdout
    assert not CONTROLS & set(outcome.stdout)
    (folder / "p0.png").write_bytes(b"")
    outcome = run("-i", folder, "-o", tmp_path / f"{DRIVING}.png")
    assert_one_line(outcome, 2, "p0.png")
    outcome = run("-i", tmp_path / "none" / DRIVING, "-o", tmp_path / "x.png")
    assert_one_line(outcome, 2, ESCAPES)
    assert not CONTROLS & set(outcome.stderr)


def test_the_live_view_takes_nothing_of_a_name_for_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    view = batch_output.LiveOutput(ORDER)
    try:
        view.line(f"Failed: {DRIVING}")
    finally:
        view.stop()
    assert ESCAPES in screen.getvalue()
    assert "[red]b[bold]:smile:" in screen.getvalue()
    assert "\x1b[2J" not in screen.getvalue()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is full")
@pytest.mark.parametrize("buffered", ["", "1"])
def test_an_output_that_is_full_is_one_line_and_the_files_are_written(
    tmp_path: Path, buffered: str
) -> None:
    """Python 3.14 raises at the first line, older ones where the buffer is written."""
    folder, image = write_planes(tmp_path / "planes"), tmp_path / "image.png"
    call = [sys.executable, "-m", "napari_focus_stack", "-i", str(folder), "-o", str(image)]
    environment = {**os.environ, "PYTHONUNBUFFERED": buffered}
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            call, stdout=full, stderr=subprocess.PIPE, env=environment, text=True, check=False
        )
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("focusstack: what it prints cannot be written")
    assert cv2.imread(str(image)) is not None


@pytest.mark.skipif(os.name != "posix", reason="closes the streams by a shell")
def test_a_program_without_output_does_its_work(tmp_path: Path) -> None:
    folder, image = write_planes(tmp_path / "planes"), tmp_path / "image.png"
    call = [sys.executable, "-m", "napari_focus_stack", "-i", str(folder), "-o", str(image)]
    ended = subprocess.run(["sh", "-c", '"$@" >&- 2>&-', "sh", *call], check=False)
    assert ended.returncode == 0
    assert cv2.imread(str(image)) is not None
