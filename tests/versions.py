"""Run the tests on every Python here, on both Qt bindings and on the oldest dependencies.

    python3 tests/versions.py [NAME ...] [--arguments 'PYTEST ARGUMENTS']

Names, all but the last by default:

    3.12-pyqt6     Python 3.12 with PyQt6 and the newest release of every dependency
    3.12-pyside6   the same with PySide6
    3.11-lowest    the oldest dependencies that pyproject.toml allows, with PyQt6
    3.12-pre       pre-releases of the dependencies, too

Pythons from 3.11 to 3.14 are looked for on PATH and in pyenv; uv fetches one that is named and is
not here, if it can. The wheel is built once, by
one Python, and installed in an environment for each name below build/versions, where the logs are,
too. One line is printed for each name; the exit code is 1 if anything failed in one of them.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import run

if TYPE_CHECKING:
    from typing import TextIO

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
OUT = run.ROOT / "build" / "versions"
PROGRAMS = "Scripts" if os.name == "nt" else "bin"
EXTRAS = {"pyqt6": "test", "pyside6": "test-pyside6", "lowest": "test", "pre": "test"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--arguments", default="", help="passed to pytest")
    options = parser.parse_args()
    if sys.platform == "linux":
        run.provide_screen()
    OUT.mkdir(parents=True, exist_ok=True)
    uv = provide_uv()
    names = options.names or found_names()
    for name in names:
        check_name(parser, name)
    wheel = build_wheel(uv)
    passed = [passes(uv, wheel, name, shlex.split(options.arguments)) for name in names]
    return 0 if all(passed) else 1


def check_name(parser: argparse.ArgumentParser, name: str) -> None:
    python, _, kind = name.partition("-")
    if python not in PYTHONS or kind not in EXTRAS:
        parser.error(f"'{name}' is none of {', '.join(PYTHONS)} and one of {', '.join(EXTRAS)}")


def provide_uv() -> Path:
    """Return uv, in an environment of its own."""
    folder = OUT / "uv"
    program = folder / PROGRAMS / ("uv.exe" if os.name == "nt" else "uv")
    if not program.exists():
        venv.create(folder, with_pip=True)
        python = folder / PROGRAMS / ("python.exe" if os.name == "nt" else "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
    return program


def found_names() -> list[str]:
    """Return the names for the Pythons that are here, and say which are not."""
    here = [python for python in PYTHONS if interpreter(python)]
    for python in PYTHONS:
        if python not in here:
            print(f"{python}: no such Python here")
    names = [f"{python}-{kind}" for python in here for kind in ("pyqt6", "pyside6")]
    return names + [f"{python}-lowest" for python in here if python == PYTHONS[0]]


def interpreter(python: str) -> str | None:
    """Return the path of a Python of a version, None where there is none that starts."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    kept = sorted(pyenv.glob(f"{python}.*/bin/python"))
    for found in (sys.executable, shutil.which(f"python{python}"), *map(str, kept)):
        if found and starts(found, python):
            return found
    return None


def starts(program: str, python: str) -> bool:
    """Return whether a program is a Python of a version; pyenv's links may lead to none."""
    says = "import sys; print('{}.{}'.format(*sys.version_info))"
    called = subprocess.run([program, "-c", says], capture_output=True, text=True)
    return called.stdout.strip() == python


def build_wheel(uv: Path) -> Path:
    folder = OUT / "dist"
    for older in folder.glob("*.whl"):
        older.unlink()
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", folder, run.ROOT], check=True)
    [wheel] = folder.glob("*.whl")
    return wheel


def passes(uv: Path, wheel: Path, name: str, arguments: list[str]) -> bool:
    """Install a name's environment, run the tests in it, and print what came of them."""
    log, record = OUT / f"{name}.log", OUT / f"{name}.xml"
    record.unlink(missing_ok=True)
    start = time.monotonic()
    with log.open("w") as file:
        try:
            python = provide_environment(uv, wheel, name, file)
        except subprocess.CalledProcessError:
            print(f"{name}: not installed; see {log}", flush=True)
            return False
        pytest = [*run.on_screen(), python, "-m", "pytest", "-n", "auto", "--maxprocesses", "4"]
        pytest += ["-p", "no:cacheprovider", f"--junit-xml={record}", *lenience(name), *arguments]
        tested = subprocess.run(
            pytest, cwd=run.ROOT, env=environment(), stdout=file, stderr=subprocess.STDOUT
        )
    minutes = (time.monotonic() - start) / 60
    print(f"{name}: {counts(record)}, {minutes:.1f} min; see {log}", flush=True)
    return tested.returncode == 0


def lenience(name: str) -> list[str]:
    """Return the arguments that let a name's environment warn of what is old in it."""
    # the oldest dependencies meet newer ones that they do not require by name: napari 0.6.5 calls
    # what the newest Pint announces to remove
    kinds = ("DeprecationWarning", "FutureWarning") if name.endswith("-lowest") else ()
    return [part for kind in kinds for part in ("-W", f"default::{kind}")]


def environment() -> dict[str, str]:
    """Return the environment of the tests, in which the wheel and not the checkout is imported."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | ({} if run.on_screen() else {"QT_QPA_PLATFORM": "offscreen"})


def provide_environment(uv: Path, wheel: Path, name: str, log: TextIO) -> Path:
    """Install the wheel with what its tests need; return the environment's Python."""
    version, _, kind = name.partition("-")
    folder = OUT / name
    python = folder / PROGRAMS / ("python.exe" if os.name == "nt" else "python")

    def call(*arguments: object) -> None:
        command = [str(part) for part in (uv, *arguments)]
        subprocess.run(command, check=True, stdout=log, stderr=subprocess.STDOUT)

    call("venv", "--quiet", "--clear", "--python", interpreter(version) or version, folder)
    install = ("pip", "install", "--quiet", "--python", python)
    if kind == "lowest":
        listed = OUT / f"{name}.txt"
        call(
            *("pip", "compile", "--quiet", "--python", python, "--resolution", "lowest-direct"),
            *("--extra", EXTRAS[kind], "--output-file", listed, run.ROOT / "pyproject.toml"),
        )
        call(*install, "--requirement", listed)
        call(*install, "--no-deps", wheel)
    else:
        early = ("--prerelease", "allow") if kind == "pre" else ()
        call(*install, *early, f"napari-focus-stack[{EXTRAS[kind]}] @ {wheel.as_uri()}")
    return python


def counts(record: Path) -> str:
    """Return how many tests passed, failed and were skipped, as pytest's own record has it."""
    if not record.exists():
        return "no test ran"
    kinds = ("tests", "failures", "errors", "skipped")
    suites = list(ElementTree.parse(record).getroot().iter("testsuite"))
    tests, failures, errors, skipped = (sum(int(s.get(kind, 0)) for s in suites) for kind in kinds)
    bad = failures + errors
    return f"{tests - bad - skipped} passed, {bad} failed, {skipped} skipped"


if __name__ == "__main__":
    sys.exit(main())
