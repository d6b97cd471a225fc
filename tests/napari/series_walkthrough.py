"""A session at the real napari window with a film of two channels, and a folder of channels.

    xvfb-run -s "-screen 0 1600x1000x24" python tests/napari/series_walkthrough.py OUT

Drives mouse and keyboard as a user does, counts the actions, checks at each step what the user
would see, and leaves a numbered picture of each in OUT.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

# before napari reads them: whose user's settings would be changed, and asked for
os.environ["NAPARI_CONFIG"] = os.path.join(tempfile.mkdtemp(prefix="napari-"), "settings.yaml")
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="napari-")  # results that are kept

import napari
import numpy as np
import tifffile
from person import Person
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_focus_stack._napari.viewer.dock_tabs import STACK, in_sight
from napari_focus_stack.simulation.metrics import score_image
from napari_focus_stack.simulation.samples import render_sample

SIZES = {"wide": (1580, 940), "small": (1024, 700)}
MOST_ACTIONS = 5
"""From a file to every channel and time stacked with one depth map."""
OPEN_FILE = ("File", "IO Utilities", "Open file as focus stack... (Focus Stack)")
OPEN_FOLDER = ("File", "IO Utilities", "Open folder as focus stack... (Focus Stack)")
PART = slice(100, 316)
"""Rows and columns of the sample, which has four times as many pixels."""
TIMES = 2
DIMMED = 2
"""Factor by which the second channel is darker."""


class Session:
    """One user's session.

    Parameters
    ----------
    pictures, files : pathlib.Path
        Folders for the pictures and for what is stacked.
    """

    def __init__(self, pictures, files):
        self.sample, self.files = render_sample("histology"), files
        grey = self.sample.planes if self.sample.planes.ndim == 3 else self.sample.planes[..., 1]
        sharp = self.sample.image if self.sample.image.ndim == 2 else self.sample.image[..., 1]
        self.planes, self.sharp = grey[:, PART, PART], sharp[PART, PART]
        self.viewer = napari.Viewer()
        self.me = Person(self.viewer, pictures)

    def look(self, size, theme):
        """Give the window another size and theme."""
        self.viewer.theme = theme
        self.viewer.window.set_geometry(5, 5, *SIZES[size])
        self.me.wait(300)
        shown = self.me.window.size()
        assert (shown.width(), shown.height()) == SIZES[size], "the docks fit"

    def stack_everything(self, path, menu, scope):
        """Open, choose how much, press Stack: as few actions as there can be."""
        before, known = self.me.clicks, set(self.viewer.layers)
        with self.me.answering(str(path)):
            self.me.menu(*menu)
        actions = 1  # a menu entry with its dialog, as the issue counts
        dock = self.viewer.window.dock_widgets[STACK]
        self.me.wait_for(lambda: in_sight(dock.native), "the dock to stack with")
        self.me.picture(f"{path.name[:4]}-opened")
        self.me.choose(dock.input.scope.native, scope)
        self.me.click(dock.stack_button.native)
        actions += 2
        self.me.wait_for(lambda: dock.job.running, "the run")
        self.me.wait_for(lambda: not dock.job.running, "the end of the run", 120)
        self.me.picture(f"{path.name[:4]}-stacked")
        assert dock.job.status.value.startswith("Stacked "), dock.job.status.value
        print(f"{path.name}: {actions} actions, {self.me.clicks - before} presses of the mouse")
        assert actions <= MOST_ACTIONS
        return [layer for layer in self.viewer.layers if layer not in known]

    def hyperstack(self):
        times = [self.planes[::1] if t % 2 == 0 else self.planes[::-1] for t in range(TIMES)]
        film = np.stack([np.stack([planes, planes // DIMMED], axis=1) for planes in times])
        path = self.files / "film.tif"
        tifffile.imwrite(path, film, imagej=True, metadata={"axes": "TZCYX"})
        added = self.stack_everything(path, OPEN_FILE, "Everything (2 channels, 2 times)")
        *sources, index, first, second = added
        assert [layer.name.split(" [")[1] for layer in (index, first, second)] == [
            "depth index]",
            "sharp]",
            "sharp]",
        ]
        assert len(sources) == 2
        for t in range(TIMES):
            self.viewer.dims.set_current_step(0, t)
            self.check(np.asarray(first.data[t]).squeeze(), 1)
            self.check(np.asarray(second.data[t]).squeeze(), DIMMED)
            depth = np.asarray(index.data[t]).squeeze().astype(float)
            depth_shown = self.sample.depth[PART, PART]
            truth = depth_shown if t % 2 == 0 else len(self.planes) - 1 - depth_shown
            assert np.abs(depth - truth).mean() < 0.7, np.abs(depth - truth).mean()
        self.me.picture("film-last-time")

    def channels_in_a_folder(self):
        folder = self.files / "cells"
        folder.mkdir()
        for k, plane in enumerate(self.planes):
            for channel, factor in enumerate((1, DIMMED)):
                name = f"img_channel{channel:03}_position000_time000000000_z{k:03}.tif"
                tifffile.imwrite(folder / name, plane // factor)
        added = self.stack_everything(folder, OPEN_FOLDER, "All channels (2)")
        *_, first, second = added
        self.check(np.asarray(first.data), 1)
        self.check(np.asarray(second.data), DIMMED)

    def check(self, image, factor):
        score = score_image(image * factor, self.sharp)
        assert score.ssim > 0.85, score

    def close(self):
        self.viewer.close()
        QApplication.processEvents()


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    with tempfile.TemporaryDirectory() as files:
        session = Session(out, Path(files))
        session.look("wide", "dark")
        session.hyperstack()
        session.look("small", "light")
        session.channels_in_a_folder()
        session.close()


if __name__ == "__main__":
    main()
