"""Build hook: compile the kernels in C with the system's compiler, or with Zig's from PyPI.

The package works without them: where nothing compiles, NumPy and OpenCV compute the same results in
more time, and the wheel is a pure one.
"""

from __future__ import annotations

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
INSTRUCTION_SETS = {
    "x86_64": {"": [], "-avx2": ["-march=x86-64-v3"], "-avx512": ["-march=x86-64-v4"]},
    "other": {"": []},
}
"""Suffix of each library and what the compiler needs for it; the best that the processor supports
is loaded."""
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
    """Compile one library for each set of instructions; return their paths."""
    sources = [str(path) for path in sorted((root / SOURCES).glob("*.c"))]
    compiler = system_compiler() or [sys.executable, "-m", "ziglang", "cc"]
    machine = "x86_64" if platform.machine().lower() in ("x86_64", "amd64") else "other"
    position = [] if os.name == "nt" else ["-fPIC"]
    compiled = []
    for suffix, options in INSTRUCTION_SETS[machine].items():
        library = root / SOURCES / f"kernels{suffix}{library_suffix()}"
        command = [*compiler, *FLAGS, *options, *position, "-shared", "-o", str(library), *sources]
        subprocess.run([*command, *([] if os.name == "nt" else ["-lm"])], check=True)
        compiled.append(library)
    return compiled


def library_suffix() -> str:
    """Return how the name of a shared library ends on this system."""
    return {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


def platform_tag() -> str:
    """Return the platform's part of the wheel's tag."""
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


if __name__ == "__main__":
    for path in compile_kernels(Path(__file__).resolve().parent):
        print(path)
