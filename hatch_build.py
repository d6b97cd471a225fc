"""Build hook: compile the kernels in C with the system's compiler, or with Zig's from PyPI.

The package works without them: where nothing compiles, NumPy and OpenCV compute the same results in
more time, and the wheel is a pure one.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = Path("src/napari_focus_stack/_compiled")
SWITCH = "FOCUSSTACK_COMPILED"
"""Environment variable that leaves the kernels out if it is 0."""
ZIG = "ziglang>=0.13"
"""C compiler that pip can install, for machines that have none."""
LEVELS = {"": None, "-avx2": "x86-64-v3", "-avx512": "x86-64-v4"}
"""Suffix of each library and the processors of AMD and Intel for which it is compiled; the best
that a processor supports is loaded."""
FLAGS = [
    "-O3",
    "-std=c11",
    # floating point as IEEE 754 has it, but for traps and errno, which vector code cannot set
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fvisibility=hidden",
    # Zig records the sources' folder for debuggers, and two builds of one commit would differ
    "-g0",
    "-Wall",
]


class KernelBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compile the kernels before a wheel, or an editable installation, is put together."""

    def dependencies(self) -> list[str]:
        """Return Zig if the system has no compiler and one is wanted."""
        return [] if switched_off() or system_compiler() else [ZIG]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the kernels; what fails is said, and left out."""
        del version
        compiled = [] if switched_off() else self.compile_kernels()
        if not compiled:
            return
        build_data["artifacts"] += [str(path.relative_to(self.root)) for path in compiled]
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag()}"

    def compile_kernels(self) -> list[Path]:
        """Compile one library for each level of processors; return the paths of those that did."""
        intel = platform.machine().lower() in ("x86_64", "amd64")
        folder, compiled = Path(self.root) / SOURCES, []
        for suffix, level in LEVELS.items():
            library = folder / f"kernels{suffix}{library_suffix()}"
            library.unlink(missing_ok=True)  # an older one, which a process may have loaded
            if level is not None and not intel:
                continue
            try:
                compile_library(library, level)
            except (OSError, subprocess.CalledProcessError) as problem:
                self.app.display_warning(f"{library.name} not compiled: {problem}")
            else:
                compiled.append(library)
        if not compiled:
            self.app.display_warning("No kernels were compiled; NumPy takes their place.")
        return compiled


def switched_off() -> bool:
    """Return whether the user wants a package without kernels, which needs no compiler."""
    return os.environ.get(SWITCH) == "0"


def system_compiler() -> list[str] | None:
    """Return the command of the system's C compiler, or None if it has none."""
    if os.name == "nt":
        return None
    wanted = shlex.split(os.environ.get("CC", "")) or ["cc"]
    return wanted if shutil.which(wanted[0]) else None


def compile_library(library: Path, level: str | None) -> None:
    """Compile the sources beside a library for a level of processors."""
    folder, windows = library.parent, os.name == "nt"
    sources = [str(path) for path in sorted(folder.glob("*.c"))]
    shared = ["-shared", *([] if windows else ["-fPIC"]), *target(level)]
    with tempfile.TemporaryDirectory() as scratch:  # compilers leave other files beside it
        made = Path(scratch) / library.name
        options = [*FLAGS, *shared, f'-DSOURCES="{digest(folder)}"', "-o", str(made)]
        command = [*compiler(), *options, *sources, *([] if windows else ["-lm"])]
        subprocess.run(command, check=True)
        shutil.copyfile(made, library)


def compiler() -> list[str]:
    """Return the command of the C compiler."""
    return system_compiler() or [sys.executable, "-m", "ziglang", "cc"]


def target(level: str | None) -> list[str]:
    """Return the options for a level of processors and the oldest system of the wheel's tag."""
    oldest: list[str] = []
    if sys.platform == "darwin":
        oldest = [f"-mmacosx-version-min={oldest_macos()}"]
    if level is None:
        return oldest
    return [*oldest, f"-march={level if system_compiler() else level.replace('-', '_')}"]


def digest(folder: Path) -> str:
    """Return a digest of the sources, by which a library that is out of date is noticed."""
    texts = (path.read_bytes() for path in sorted(folder.glob("*.[ch]")))
    return hashlib.sha256(b"".join(texts)).hexdigest()[:16]


def library_suffix() -> str:
    """Return how the name of a shared library ends on this system."""
    return {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


def platform_tag() -> str:
    """Return the platform's part of the wheel's tag; one kind of processor is compiled for."""
    system = sysconfig.get_platform().replace("universal2", platform.machine())
    if sys.platform == "darwin":
        system = f"macosx-{oldest_macos()}-{system.rsplit('-', 1)[1]}"
    return system.replace("-", "_").replace(".", "_")


def oldest_macos() -> str:
    """Return the oldest macOS for which this Python is made, as pip accepts it in a tag.

    Pythons for both of Apple's processors name a version before 11, which Apple's own processors
    never had; and from 11 on, pip accepts no minor version.
    """
    version = sysconfig.get_platform().split("-")[1]
    major, minor = (*map(int, version.split(".")), 0)[:2]
    if platform.machine() == "arm64" or major > 10:
        return f"{max(major, 11)}.0"
    return f"{major}.{minor}"
