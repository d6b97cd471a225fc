"""Install napari-focus-stack with what its tests need into a venv, and run them without a screen.

    python3 tests/run.py [--extras NAMES] [pytest's arguments]

Each choice of extras has a venv of its own; `test` comes with PyQt6, `test-pyside6` with PySide6.
Only the standard library is needed to start. On Linux the viewer paints on a virtual screen (Xvfb);
where apt-get may be used, the system libraries that Qt lacks on a bare image are installed first.
Everywhere else Qt's offscreen platform stands in: all but the tests that look at pixels run there.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What PyQt6 and PySide6 load, and the Debian and Ubuntu package that holds it (found by growing a
# bare Debian 12 until the viewer opened).
LIBRARIES = {
    "libglib-2.0.so.0": "libglib2.0-0",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
}
SCREEN = {"xvfb-run": "xvfb", "xauth": "xauth"}
# What shows the contact sheet of a batch. Elsewhere than on Debian the packages have other names;
# the images of CI have a browser, and without one these tests are skipped.
BROWSER = {"chromium": "chromium", "chromedriver": "chromium-driver"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extras", default="test", help="what pip installs: .[EXTRAS]")
    options, pytest_arguments = parser.parse_known_args()
    if sys.platform == "linux":
        provide_screen()
    environment = ROOT / f".venv-{options.extras}"
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(environment, with_pip=True)
    install = [python, "-m", "pip", "install", "--quiet", "--editable", f"{ROOT}[{options.extras}]"]
    subprocess.run(install, check=True)
    screen = on_screen()
    painting = {} if screen else {"QT_QPA_PLATFORM": "offscreen"}
    # more than four viewers at once gain nothing and need 300 MB each
    pytest = [python, "-m", "pytest", "-n", "auto", "--maxprocesses", "4", *pytest_arguments]
    return subprocess.run([*screen, *pytest], cwd=ROOT, env={**os.environ, **painting}).returncode


def provide_screen() -> None:
    """Install the system packages that the tests lack, where that can be done."""
    missing = missing_packages()
    if not missing:
        return
    wanted = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    administrator = as_administrator()
    if administrator is None or not shutil.which("apt-get"):
        print(f"Tests of the viewer and the contact sheet need these packages: {' '.join(missing)}")
        return
    print("Installing what the tests need:", " ".join([*administrator, *wanted]), flush=True)
    subprocess.run([*administrator, "apt-get", "update", "--quiet"], check=True)
    environment = [*administrator, "env", "DEBIAN_FRONTEND=noninteractive"]
    subprocess.run([*environment, *wanted], check=True)


def missing_packages() -> list[str]:
    libraries = [package for library, package in LIBRARIES.items() if not loads(library)]
    programs = SCREEN | (BROWSER if on_debian() else {})
    return libraries + [package for name, package in programs.items() if not shutil.which(name)]


def on_debian() -> bool:
    try:
        return platform.freedesktop_os_release().get("ID") == "debian"
    except OSError:
        return False


def loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def as_administrator() -> list[str] | None:
    """What goes before a command to run it as root; None where that is not possible."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    asks = [] if sys.stdin.isatty() else ["-n"]
    allowed = subprocess.run(["sudo", *asks, "true"], stderr=subprocess.DEVNULL)
    return ["sudo", *asks] if allowed.returncode == 0 else None


def on_screen() -> list[str]:
    """What goes before a command to give it a screen of its own."""
    if sys.platform != "linux" or not all(map(shutil.which, SCREEN)):
        return []
    return ["xvfb-run", "--auto-servernum", "--server-args", "-screen 0 1600x1000x24"]


if __name__ == "__main__":
    sys.exit(main())
