"""Take the screenshots of docs/napari.md during a session in the napari window.

Run with a screen (``xvfb-run -s "-screen 0 1600x1000x24"``): ``python docs/make_walkthrough.py``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
SCRIPT = HERE.parent / "tests" / "napari" / "walkthrough.py"
SHOWN = ("open-folder", "result", "probe", "profile", "background", "areas", "surface")
STEP = 4
"""Grey levels that are rounded to one: files are a third smaller, with no visible difference."""


def main() -> None:
    """Run the session and save the screenshots that the page shows."""
    target = HERE / "walkthrough"
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as taken:
        subprocess.run([sys.executable, SCRIPT, taken], check=True)
        for name in SHOWN:
            [picture] = Path(taken).glob(f"[0-9][0-9]-{name}.png")
            pixels = np.asarray(Image.open(picture).convert("RGB"))
            rounded = np.minimum(pixels // STEP * STEP + STEP // 2, 255).astype(np.uint8)
            Image.fromarray(rounded).save(target / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
