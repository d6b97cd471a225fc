"""Every command, snippet and message of docs/batch.md."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from batch.experiment import write_film, write_plate, write_stack

from napari_focus_stack.batch import focus
from napari_focus_stack.cli.main import main
from napari_focus_stack.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cloud import Server

TREE = Path(__file__).parents[2]
PAGE = (TREE / "docs" / "batch.md").read_text(encoding="utf-8")
SOURCE = TREE / "src" / "napari_focus_stack"
INTERRUPTED = 130


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def commands() -> list[list[str]]:
    """Every command of the page, in its order, without remarks."""
    lines = "".join(blocks("sh")).splitlines()
    return [shlex.split(line, comments=True) for line in lines]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which the page works: an experiment of stacks, a film and a plate."""
    folder = tmp_path_factory.mktemp("page")
    write_stack(folder / "experiment" / "A" / "leaf.tif", 0)
    write_film(folder / "experiment" / "film.tif", 2)
    write_plate(folder / "experiment" / "plate.ome.zarr", {"B/2": 1, "C/3": 1})
    with contextlib.chdir(folder):
        yield folder


def run(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a module of Python that finds this tree."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", program, *arguments], env=environment, **quiet)


def stop_watching(*_: object) -> None:
    """End a batch that waits for new stacks, as Ctrl+C does."""
    raise Cancelled


def test_every_command_does_what_the_page_says(
    here: Path, s3: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_plate("s3://experiments/plates/plate.ome.zarr", {"B/2": 1})
    codes, exported, extras = {}, set(), set()
    with contextlib.ExitStack() as running:
        for command in commands():
            program, *arguments = command
            if program == "focusstack":
                # the stacks were written a moment ago
                quiet = ["--quiet-time", "0"] if arguments[0] == "batch" else []
                with monkeypatch.context() as patched:
                    if "--watch" in arguments:
                        patched.setattr(focus, "_wait", stop_watching)
                    codes[shlex.join(command)] = main([*arguments, *quiet])
            elif program == "dask":
                process = run("dask", *arguments)
                running.callback(process.wait)
                running.callback(process.terminate)
                if arguments[0] == "scheduler":
                    wait_for(here / arguments[-1])
            elif program == "pip":
                extras |= set(re.findall(r"\[(.+)\]", arguments[-1]))
            elif program == "export":
                exported |= {argument.partition("=")[0] for argument in arguments}
            else:
                assert command == ["sbatch", "job.sh"]  # test_slurm.py runs such a script
    expected = {name: INTERRUPTED if "--watch" in name else 0 for name in codes}
    assert codes == expected, capfd.readouterr().err
    assert exported < set(os.environ)  # those of the server of these tests
    declared = tomllib.loads((TREE / "pyproject.toml").read_text())["project"]
    assert extras < set(declared["optional-dependencies"])
    check_results(here)


def wait_for(file: Path) -> None:
    import time

    while not file.exists():
        time.sleep(0.05)


def check_results(here: Path) -> None:
    """Everything that the tree of the page shows is there."""
    [tree] = [block for block in blocks("") if block.startswith("fused/")]
    shown = [line.split()[0] for line in tree.splitlines()[1:]]
    assert len(shown) == 11
    for name in shown:
        assert (here / "fused" / name).exists(), name
    assert (here / "fused-zarr" / "plate_depth.ome.zarr" / "B" / "2").is_dir()
    assert (here / "job.sh").exists()
    assert not (here / "fused-by-slurm").exists()


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_every_snippet_runs(here: Path, number: int) -> None:
    (here / "snippet.py").write_text(blocks("python")[number])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "snippet.py"], env=environment, text=True, capture_output=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    printed = ended.stdout.splitlines()
    assert sorted({line.split()[0] for line in printed}) == [
        "A/leaf.tif",
        "film.tif",
        "plate.ome.zarr",
    ]
    assert all(" done" in line for line in printed)


def test_every_message_is_one_of_the_package() -> None:
    """The first column of the tables of messages is what the package says."""
    rows = re.findall(r"^\| (`[^|]+`) \|", PAGE.partition("## What is refused")[2], re.MULTILINE)
    messages = [message for row in rows for message in re.findall(r"`([^`]+)`", row)]
    assert len(messages) > 25
    text = "".join(file.read_text(encoding="utf-8") for file in SOURCE.rglob("*.py"))
    joined = re.sub(r'"\s*\n\s*f?"', "", text)  # sentences that go over several lines
    assert [message for message in messages if message not in joined] == []


def test_every_option_is_one_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["batch", "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    slurm = PAGE.partition("## SLURM")[2].partition("## Object storage")[0]
    of_slurm = set(re.findall(r"^\| `(--[a-z-]+)`", slurm, re.MULTILINE)) | {"--account"}
    of_dask = {"--scheduler-file", "--nworkers", "--nthreads", "--memory-limit"}
    of_one_stack = {"--report"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE))
    assert named - known == (of_slurm | of_dask | of_one_stack) - known
