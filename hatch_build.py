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
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = Path("src/napari_focus_stack/_compiled")
ZIG = "ziglang>=0.13"
"""C compiler that pip can install, for machines that have none."""
LEVELS = {"": None, "-avx2": "x86-64-v3", "-avx512": "x86-64-v4"}
"""Suffix of each library and the processors of AMD and Intel for which it is compiled; the best
that a processor supports is loaded."""
# floating point as IEEE 754 has it, but for traps and errno, which vector code cannot set
FLAGS = ["-O3", "-std=c11", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden", "-Wall"]


class KernelBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compile the kernels before a wheel, or an editable installation, is put together."""

    def dependencies(self) -> list[str]:
        """Return Zig if the system has no compiler."""
        return [] if system_compiler() else [ZIG]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the kernels; on failure, say so and go on without them."""
        del version
        try:
            compiled = compile_kernels(Path(self.root))
        except (OSError, subprocess.CalledProcessError) as problem:
            self.app.display_warning(f"Kernels not compiled, NumPy takes their place: {problem}")
            return
        build_data["artifacts"] += [str(path.relative_to(self.root)) for path in compiled]
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag()}"


def system_compiler() -> list[str] | None:
    """Return the command of the system's C compiler, or None if it has none."""
    if os.name == "nt":
        return None
    wanted = shlex.split(os.environ.get("CC", "")) or ["cc"]
    return wanted if shutil.which(wanted[0]) else None


def compile_kernels(root: Path) -> list[Path]:
    """Compile one library for each level of processors; return their paths."""
    intel = platform.machine().lower() in ("x86_64", "amd64")
    return [
        compile_library(root / SOURCES, suffix, level)
        for suffix, level in LEVELS.items()
        if intel or level is None
    ]


def compile_library(folder: Path, suffix: str, level: str | None) -> Path:
    """Compile the sources of a folder to a library beside them; return its path."""
    library = folder / f"kernels{suffix}{library_suffix()}"
    system, windows = system_compiler(), os.name == "nt"
    compiler = system or [sys.executable, "-m", "ziglang", "cc"]
    if level is not None and system is None:
        level = level.replace("-", "_")
    options = [*FLAGS, *([] if level is None else [f"-march={level}"])]
    shared = ["-shared", *([] if windows else ["-fPIC"]), "-o", str(library)]
    sources = [str(path) for path in sorted(folder.glob("*.c"))]
    options.append(f'-DSOURCES="{digest(folder)}"')
    command = [*compiler, *options, *shared, *sources, *([] if windows else ["-lm"])]
    subprocess.run(command, check=True)
    return library


def digest(folder: Path) -> str:
    """Return a digest of the sources, by which a library that is out of date is noticed."""
    texts = (path.read_bytes() for path in sorted(folder.glob("*.[ch]")))
    return hashlib.sha256(b"".join(texts)).hexdigest()[:16]


def library_suffix() -> str:
    """Return how the name of a shared library ends on this system."""
    return {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


def platform_tag() -> str:
    """Return the platform's part of the wheel's tag."""
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")
