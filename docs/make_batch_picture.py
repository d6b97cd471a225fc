"""Take the screenshot of docs/batch.md: the contact sheet of a batch, in Chromium.

The stacks are rendered from pictures of scikit-image's wheel and stacked by a real batch:
``python docs/make_batch_picture.py``. It needs chromium and its chromedriver.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from skimage import data

from napari_focus_stack import focus_batch
from napari_focus_stack.simulation.rendering import SensorNoise, drift, render_stack
from napari_focus_stack.simulation.samples import two_hills

WINDOW = (1280, 980)
PLANES, SIDE, MARGIN = 12, (240, 320), 12
CORNERS = ((0, 0), (0, 150), (200, 0), (200, 150))
"""First row and column of each tile of a slide."""
CAMERA = SensorNoise(read=0.002, shot=1 / 20_000)


def write_tile(file: Path, picture: np.ndarray, relief: np.ndarray, seed: int) -> None:
    """Write a stack of a picture on a relief, recorded by a drive that breathes and drifts."""
    motion = drift(PLANES, SIDE, zoom=0.001, angle=0.01, shift=0.2 + 0.4 * seed, seed=seed)
    planes = render_stack(
        picture / np.float32(255),
        relief * (PLANES - 2) + 0.5,
        PLANES,
        1.2,
        margin=MARGIN,
        transforms=motion,
        noise=CAMERA,
        seed=seed,
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"axes": "ZYXS", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite(file, planes, imagej=True, metadata=metadata, resolution=(2, 2))


def write_experiment(root: Path) -> None:
    """Write two slides of stained tissue, and a file that ends early."""
    height, width = (side + 2 * MARGIN for side in SIDE)
    relief = two_hills(2 * height, 2 * width)
    tissue = data.immunohistochemistry()
    for slide in (1, 2):
        for number, (row, column) in enumerate(CORNERS):
            window = np.s_[row : row + height, column : column + width]
            picture = tissue[::-1][window] if slide == 2 else tissue[window]
            file = root / f"slide {slide}" / f"tile {number + 1}.tif"
            write_tile(file, picture, relief[window], 4 * slide + number - 4)
    whole = (root / "slide 1" / "tile 1.tif").read_bytes()
    (root / "slide 2" / "tile 5.tif").write_bytes(whole[: len(whole) // 2])


def take_picture(page: Path, picture: Path, order: str | None = None) -> None:
    """Save what a browser shows of a page, sorted by the order of that name."""
    options = webdriver.ChromeOptions()
    for argument in ("headless=new", "no-sandbox", "hide-scrollbars"):
        options.add_argument(f"--{argument}")
    browser = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": WINDOW[0], "height": WINDOW[1], "deviceScaleFactor": 1, "mobile": False},
    )
    browser.get(page.as_uri())
    browser.find_element("xpath", "//button[normalize-space()='Both']").click()
    if order is not None:
        browser.find_element("xpath", f"//option[normalize-space()='{order}']").click()
    time.sleep(1)  # pictures are loaded as they come into view
    browser.save_screenshot(str(picture))
    browser.quit()


def main() -> None:
    """Stack the experiment and take the picture."""
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder, "experiment"), Path(folder, "fused")
        write_experiment(root)
        for record in focus_batch(root, out, quiet=0, workers=1):
            print(record.name.source, record.state, record.why)
        take_picture(out / "index.html", Path(__file__).with_name("batch.png"))


if __name__ == "__main__":
    main()
