"""Check that the installed package has every kernel of its platform, and loads one.

python .ci/kernels.py
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from napari_focus_stack._compiled.library import ENDING, library

LEVELS = ("", "-avx2", "-avx512") if platform.machine().lower() in ("x86_64", "amd64") else ("",)


def main() -> int:
    """Print what is wrong with the kernels; return 1 if anything is."""
    import napari_focus_stack

    folder = Path(napari_focus_stack.__file__).parent
    faults = [
        f"kernels{level}{ENDING} is missing"
        for level in LEVELS
        if not (folder / "_compiled" / f"kernels{level}{ENDING}").exists()
    ]
    if "site-packages" not in folder.parts:
        faults.append(f"{folder} is not installed")
    if library() is None:
        faults.append("no kernel can be loaded")
    print(*faults or [f"{len(LEVELS)} kernels in {folder}"], sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
