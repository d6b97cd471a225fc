"""Draw the pictures of the tutorials from what the commands of each page write.

``python docs/make_tutorials.py [PAGE ...]`` runs the commands of the pages in a temporary folder
and draws their figures beside them. Contact sheet and windows need chromium, its chromedriver and a
screen: ``xvfb-run -s "-screen 0 1600x1000x24" python docs/make_tutorials.py``.
"""

from __future__ import annotations

import contextlib
import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

os.environ["NAPARI_CONFIG"] = os.path.join(tempfile.mkdtemp(prefix="napari-"), "settings.yaml")
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="napari-")

import cv2
import matplotlib.pyplot as plt
import numpy as np
import tifffile
from make_batch_picture import take_picture
from PIL import Image

from napari_focus_stack.cli.main import main as focusstack
from napari_focus_stack.simulation.recordings import FILM_STEP

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

PAGES = Path(__file__).parent / "tutorials"
DEPTH = "turbo"
WINDOW = (1280, 800)
COLOURS = 128
"""Colours of a picture that is stored with a palette."""


def run_page(page: Path) -> None:
    """Run the commands of a page in the working folder, none of its snippets."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            program, *arguments = shlex.split(line, comments=True)
            print("$", line, flush=True)
            if program == "focusstack":
                focusstack(arguments)
            else:
                subprocess.run([program, *arguments], check=True)


def show(axes: Axes, image: NDArray[np.generic], title: str, **look: object) -> None:
    """Show an image without ticks."""
    axes.imshow(image, interpolation="nearest", **({"cmap": "gray"} | look))
    axes.set_title(title, fontsize=9)
    axes.axis("off")


def save(name: str, *, palette: bool = True) -> None:
    """Save the figure as PNG with a palette, or as JPEG."""
    plt.tight_layout(pad=0.5, h_pad=1.0)
    drawn = PAGES / "drawn.png"
    plt.savefig(drawn, dpi=120)
    plt.close()
    shrink(drawn, name, palette=palette)


def shrink(picture: Path, name: str, *, palette: bool = True) -> None:
    """Store a picture small, and remove the original."""
    image = Image.open(picture).convert("RGB")
    if palette:
        image.quantize(COLOURS, dither=Image.Dither.NONE).save(PAGES / name, optimize=True)
    else:
        image.save(PAGES / name, quality=88, optimize=True)
    picture.unlink()


def photographs() -> None:
    """Draw photographs, picture and depth of the fly; save the window."""
    read = [cv2.imread(f"fly/planes/IMG_{k:04}.jpg")[..., ::-1] for k in (2, 8, 13, 20)]
    _, places = plt.subplots(2, 3, figsize=(10, 5.1))
    for axes, plane, number in zip(places.flat[:4], read, (2, 8, 13, 20), strict=True):
        show(axes, plane, f"photograph {number}")
    show(places[1, 1], cv2.imread("fly/sharp-resized.png")[..., ::-1], "stacked")
    show(places[1, 2], tifffile.imread("fly/depth.tif"), "depth (blue far, red near)", cmap=DEPTH)
    save("photographs.jpg", palette=False)
    window("fly/planes", "photographs-window.png")


def confocal() -> None:
    """Draw one plane, both channels along the surface, depth and truth."""
    raw = tifffile.imread("epithelium/epithelium.ome.tif")
    stacked = tifffile.imread("epithelium/surface.ome.tif")
    depth = tifffile.imread("epithelium/surface_depth.ome.tif")[1]
    truth = tifffile.imread("epithelium/truth/membranes-depth.tif")
    _, places = plt.subplots(2, 3, figsize=(9.2, 5.4))
    light = {"vmin": 100, "vmax": 1300}
    show(places[0, 0], raw[1, 9], "membranes, plane 9 of 16", **light)
    show(places[0, 1], stacked[1], "membranes, stacked", **light)
    show(places[0, 2], stacked[0], "nuclei, four planes below the membranes", **light)
    show(places[1, 0], raw[0, 5], "nuclei, plane 5 of 16", **light)
    range_of = {"cmap": DEPTH, "vmin": 5, "vmax": 14}
    show(places[1, 1], depth, "depth found (planes 5 to 14)", **range_of)
    show(places[1, 2], truth, "depth, truth", **range_of)
    save("confocal.jpg", palette=False)


def film() -> None:
    """Draw first and last time, depth alone, steadied and true; save the window."""
    raw = tifffile.imread("night/night.ome.tif")
    sharp, steady = (tifffile.imread(f"night/{name}.ome.tif") for name in ("sharp", "steady"))
    alone, smooth = (tifffile.imread(f"night/{name}_depth.ome.tif") for name in ("sharp", "steady"))
    truth = tifffile.imread("night/truth/depth.ome.tif")
    _, places = plt.subplots(2, 4, figsize=(11, 4.7))
    light, range_of = {"vmin": 800, "vmax": 4095}, {"cmap": DEPTH, "vmin": 2, "vmax": 6.5}
    show(places[0, 0], raw[0, 4], "first time, one plane", **light)
    show(places[0, 1], sharp[0], "first time, stacked", **light)
    show(places[0, 2], sharp[-1], "last time, stacked", **light)
    show(places[0, 3], steady[-1], "last time, drift removed", **light)
    show(places[1, 0], alone[3], "depth at time 3, alone", **range_of)
    show(places[1, 1], smooth[3], "--smooth-time 3 --drift", **range_of)
    show(places[1, 2], truth[3], "truth", **range_of)
    errors(places[1, 3], alone, smooth, truth)
    save("film.jpg", palette=False)
    window("night/night.ome.tif", "film-window.png", "All times (8)")


def errors(
    axes: Axes, alone: NDArray[np.float32], smooth: NDArray[np.float32], truth: NDArray[np.float32]
) -> None:
    """Plot the mean depth error over time, with and without the neighbours in time."""
    up, left = FILM_STEP
    steadied = []
    for time, (found, true) in enumerate(zip(smooth, truth, strict=True)):
        moved = np.roll(true, (up * time, left * time), (0, 1))[up * 8 :, left * 8 :]
        steadied.append(np.nanmean(np.abs(found[up * 8 :, left * 8 :] - moved)))
    axes.plot(np.abs(alone - truth).mean(axis=(1, 2)), "o-", label="alone")
    axes.plot(steadied, "o-", label="steadied")
    axes.set_ylim(0)
    axes.set_xlabel("time point", fontsize=8)
    axes.set_title("depth error (planes)", fontsize=9)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7)


def plate() -> None:
    """Save the contact sheet with the failed stack, as it is before the repair."""
    focusstack(shlex.split("batch plate/plate -o plate/shown --lead-channel w2 --z-step 1.5"))
    picture = PAGES / "sheet.png"
    take_picture(Path("plate/shown/index.html").resolve(), picture, "Status")
    shrink(picture, "plate.png")


def roughness() -> None:
    """Draw image, height, and a profile beside the truth."""
    measured = profile_of("metal/profile.csv")
    focusstack(
        shlex.split(
            "measure metal/truth/height.tif --level plane --profile 20 200 300 200 "
            "--csv metal/true.csv"
        )
    )
    truth = profile_of("metal/true.csv")
    _, places = plt.subplot_mosaic("ab;cc", figsize=(10, 5.8), height_ratios=(1.5, 1))
    planes = tifffile.imread("metal/metal.tif")
    show(places["a"], planes[9], "plane 9 of 20")
    height = tifffile.imread("metal/levelled.tif")
    shown = places["b"].imshow(height, cmap=DEPTH)
    places["b"].plot([200, 200], [20, 300], "w-", lw=1.5)
    places["b"].axis("off")
    places["b"].set_title("height, levelled, with the line of the profile", fontsize=9)
    plt.colorbar(shown, ax=places["b"], fraction=0.037, label="µm")
    distance, found, unsure = (measured[name] for name in ("distance", "height", "uncertainty"))
    places["c"].fill_between(distance, found - unsure, found + unsure, alpha=0.35)
    places["c"].plot(distance, found, lw=1.2, label="measured, ± its standard uncertainty")
    places["c"].plot(truth["distance"], truth["height"], "k--", lw=0.9, label="truth")
    places["c"].set_xlabel("distance (µm)")
    places["c"].set_ylabel("height (µm)")
    places["c"].legend(fontsize=8, loc="upper left")
    save("roughness.png")


def profile_of(file: str) -> dict[str, NDArray[np.float64]]:
    """Return the columns of a profile by the first word of their titles."""
    with Path(file).open(encoding="utf-8-sig", newline="") as table:
        titles, *rows = csv.reader(line for line in table if not line.startswith("#"))
    columns = zip(*rows, strict=True)
    return {
        key: np.array([float(cell or "nan") for cell in column])
        for title, column in zip(titles, columns, strict=True)
        for key in ("distance", "height", "uncertainty")
        if key in title.lower() and (key != "height" or "uncertainty" not in title.lower())
    }


def window(planes: str, name: str, scope: str | None = None) -> None:
    """Open planes in napari, stack them as a user does, and save what the window shows."""
    import napari
    from qtpy.QtTest import QTest

    from napari_focus_stack._napari.docks.launch import show_stack_widget
    from napari_focus_stack._napari.io.folder_reader import read_layers
    from napari_focus_stack._napari.viewer.dock_tabs import STACK

    viewer = napari.Viewer()
    viewer.window._qt_window.resize(*WINDOW)
    for data, arguments, _ in read_layers(planes):
        viewer.add_image(data, **arguments)
    show_stack_widget(viewer)
    dock = viewer.window.dock_widgets[STACK]
    QTest.qWait(2000)
    if scope is not None:
        texts = [dock.input.scope.native.itemText(k) for k in range(len(dock.input.scope.choices))]
        dock.input.scope.value = dock.input.scope.choices[texts.index(scope)]
        QTest.qWait(500)
    begun = len(viewer.layers)
    dock.stack_button.native.click()
    while len(viewer.layers) < begun + 2 or not dock.stack_button.enabled:
        QTest.qWait(200)
    QTest.qWait(2000)
    picture = PAGES / "window.png"
    viewer.screenshot(str(picture), canvas_only=False, flash=False)
    viewer.close()
    shrink(picture, name)


DRAWINGS: dict[str, Callable[[], None]] = {
    "photographs": photographs,
    "confocal": confocal,
    "film": film,
    "plate": plate,
    "roughness": roughness,
}


def main(names: list[str]) -> None:
    """Draw the pictures of some pages, or of all."""
    for name in names or DRAWINGS:
        work = tempfile.mkdtemp(prefix="tutorial-")
        with contextlib.chdir(work):
            run_page(PAGES / f"{name}.md")
            DRAWINGS[name]()
        shutil.rmtree(work)


if __name__ == "__main__":
    main(sys.argv[1:])
