"""Runs what the pages show: commands by the command's own `main`, snippets by Python."""

from __future__ import annotations

import contextlib
import glob
import io
import os
import re
import shlex
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_focus_stack.batch import focus
from napari_focus_stack.cli.main import main
from napari_focus_stack.errors import Cancelled
from tests.docs.pages import TREE, Block, commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docs.page_files import Page

INTERRUPTED = 130
SHORTER = {
    "batch": ["--quiet-time", "0"],  # the stacks were written a moment ago
    "film": ["--seconds", "0.1", "--size", "160x120"],
    "bench": ["--scene", "brick-dome", "--variant", "still", "--method", "pyramid"],
}
"""Options that make a subcommand quick; those that a page gives itself are left as they are."""
NOT_RUN = {
    "pip": "installs; its extras are compared with pyproject.toml",
    "venv": "makes an environment",
    "napari": "opens a window, as tests/napari does",
    "sbatch": "no SLURM here; tests/batch/test_slurm.py runs such a script",
    "checks": "tests and checks, which CI runs",
    "bench": "a bench of minutes; its script is there",
}
"""Kinds of commands that no page runs, and why."""
FREE_PORTS = {"scheduler": ["--port", "0", "--no-dashboard"]}
"""Options of dask beside which a scheduler of somebody else may run."""
SHOWN = ("", "text", "json", "math")
"""Languages of blocks that show what is printed or written, and formulas."""
_FILE_NAME = re.compile(r"[^{}]*\.[a-z]\w{2,}")
_SCRIPTS = re.compile(r"(tests|benchmarks|docs|\.ci)/\S+")


@dataclass
class Run:
    """What a page did so far.

    Attributes
    ----------
    page : Page
        Its declaration.
    printed : dict of str to str
        What each snippet printed, by its place.
    """

    page: Page
    printed: dict[str, str] = field(default_factory=dict)
    _names: dict[str, Any] = field(default_factory=dict)

    def block(self, block: Block, running: contextlib.ExitStack) -> None:
        """Run a block; processes that its commands leave running end with `running`."""
        if block.language == "sh":
            for command in commands(block):
                self._command(block.place, command, running)
        elif block.language == "python":
            self.printed[block.place] = self._snippet(block)
        elif block.language == "bat":
            check_windows(block)
        else:
            assert block.language in SHOWN, f"{block.place}: neither run nor shown"
            hidden = re.search(r"^\s*[$>]? ?(focusstack|pip|python3?) ", block.text, re.MULTILINE)
            assert hidden is None, f"{block.place}: a command outside of ```sh"

    def _command(self, place: str, command: list[str], running: contextlib.ExitStack) -> None:
        shown = shlex.join(command)
        if shown in self.page.not_run:
            return
        program, arguments = program_of(command)
        if program == "focusstack":
            self._focusstack(place, shown, arguments)
        elif program == "dask":
            process = start("dask", *arguments, *FREE_PORTS.get(arguments[0], []))
            running.callback(process.wait)
            running.callback(process.terminate)
            if arguments[0] == "scheduler":
                wait_for(Path(arguments[-1]), process)
        elif program == "export":
            # the values are those of the server of the tests
            names = {argument.partition("=")[0] for argument in arguments}
            assert names < set(os.environ), place
        elif program == "mkdir":
            Path(arguments[-1]).mkdir(parents="-p" in arguments)
        else:
            assert program in NOT_RUN, f"{place}: neither run nor listed: {shown}"
            check_unrun(place, arguments)

    def _focusstack(self, place: str, shown: str, arguments: list[str]) -> None:
        given = [self.page.stands_for.get(word, word) for word in arguments]
        given = [one for word in given for one in sorted(glob.glob(word)) or [word]]
        expected = INTERRUPTED if "--watch" in given else self.page.codes.get(shown, 0)
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), watch_once():
            code = main([*given, *shorter(given)])
        assert code == expected, f"{place}: {shown}: exit code {code}\n{said.getvalue()}"
        for name in named_files(given):
            written = Path(name)
            assert written.is_dir() or written.stat().st_size, f"{place}: {shown}: {name}"

    def _snippet(self, block: Block) -> str:
        """Return what a snippet prints; one that starts workers is a program of its own."""
        if "__main__" in block.text:
            Path("snippet.py").write_text(block.text, encoding="utf-8")
            process = start("", "snippet.py", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            printed, said = process.communicate(timeout=300)
            assert process.returncode == 0, f"{block.place}: {said.decode()}"
            return printed.decode()
        code = compile(block.text, block.place, "exec")
        with contextlib.redirect_stdout(io.StringIO()) as printing:
            exec(code, self._names)
        return printing.getvalue()


def program_of(command: list[str]) -> tuple[str, list[str]]:
    """Return what a command starts, and its arguments."""
    program, *arguments = command
    program = program.rpartition("/")[2]
    if program in ("python", "python3", "py") and arguments:
        if arguments[0] == "-m":
            module, *arguments = arguments[1:]
            known = dict.fromkeys(("build", "pytest", "sphinx"), "checks")
            known["napari_focus_stack"] = "focusstack"
            return known.get(module, module), arguments
        if arguments[0].startswith("benchmarks/"):
            return "bench", arguments
        return "checks" if _SCRIPTS.match(arguments[0]) else program, arguments
    if program in ("bash", "run", "long", "pytest", "pre-commit", "asv"):
        return "checks", arguments
    return program, arguments


def shorter(arguments: list[str]) -> list[str]:
    """Return options that make a call quick, unless it has them."""
    extra = SHORTER.get(arguments[0], []) if arguments else []
    if "--stereo" in arguments or (extra[:1] and extra[0] in arguments):
        return []
    return extra


def named_files(arguments: list[str]) -> list[str]:
    """Return the files of a call, all of which are there after it, and its folder of results."""
    without = {"--dry-run", "--job-script"} & set(arguments)
    files = [
        word
        for before, word in zip(["", *arguments], arguments, strict=False)
        if "://" not in word
        and not (without and before == "-o")
        and (_FILE_NAME.fullmatch(word) or before == "-o")
    ]
    return files if "--exclude" not in arguments else []


@contextlib.contextmanager
def watch_once() -> Iterator[None]:
    """End a batch that waits for new stacks, as Ctrl+C does."""

    def stop(*_: object) -> None:
        raise Cancelled

    before, focus._wait = focus._wait, stop
    try:
        yield
    finally:
        focus._wait = before


def start(module: str, *arguments: str, **streams: int) -> subprocess.Popen[bytes]:
    """Start Python, which finds this tree, with a module or a script."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    streams = streams or {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    run = [sys.executable, *(["-m", module] if module else []), *arguments]
    return subprocess.Popen(run, env=environment, **streams)


def wait_for(file: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has written its file."""
    while not file.exists():
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        time.sleep(0.05)


def check_unrun(place: str, arguments: list[str]) -> None:
    """Check extras and scripts that a command names which is not run."""
    declared = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {
        extra
        for word in arguments
        for found in re.findall(r"\[([\w,-]+)\]", word)
        for extra in found.split(",")
    }
    assert named <= set(declared["optional-dependencies"]), f"{place}: {named}"
    for word in arguments:
        assert not _SCRIPTS.fullmatch(word) or (TREE / word).exists(), f"{place}: {word}"


def check_windows(block: Block) -> None:
    """Check that a block for the Command Prompt is one that pages may show, by its form."""
    for command in commands(Block(block.place, "sh", block.text.replace("\\", "/"))):
        program, arguments = program_of(command)
        assert program in {*NOT_RUN, "focusstack"}, f"{block.place}: {command}"
        check_unrun(block.place, arguments)
