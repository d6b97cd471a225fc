"""A session at the real napari window, from a folder of planes to saved results and back.

    xvfb-run -s "-screen 0 1600x1000x24" python tests/napari/walkthrough.py OUT

Drives mouse and keyboard as a user does, checks at each step what the user would see, and leaves
a numbered picture of each in OUT. The planes are those of a built-in sample.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

# before napari reads them: whose user's settings would be changed, and asked for
os.environ["NAPARI_CONFIG"] = os.path.join(tempfile.mkdtemp(prefix="napari-"), "settings.yaml")
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="napari-")  # results that are kept

import napari
import numpy as np
import tifffile
from person import Person
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractSpinBox, QApplication
from skimage import color, filters, measure, morphology, segmentation
from stacks import camera_of

from napari_focus_stack._napari.layers.metadata import role
from napari_focus_stack._napari.viewer.dock_tabs import STACK, in_sight
from napari_focus_stack.simulation.metrics import score_image
from napari_focus_stack.simulation.samples import render_sample

SIZE = (1400, 920)
MOST_CLICKS = 5
"""From a folder to a saved result, for a user who has never seen the plugin."""
OPEN_FOLDER = ("File", "IO Utilities", "Open folder as focus stack... (Focus Stack)")
SAMPLE = "histology"
STAIN = "haematoxylin"
BLUE = 18
"""How far a nucleus is bluer than red, in grey levels."""
SLIT = ((4, 275), (50, 296), (100, 320), (150, 345), (172, 358))
"""Pixels along what holds no tissue."""


class Session:
    """One user's session.

    Parameters
    ----------
    pictures : pathlib.Path
        Folder for the pictures.
    files : pathlib.Path
        Folder for the planes and what is saved.
    """

    def __init__(self, pictures, files):
        self.files, self.saved = files, files / "kept.focusstack"
        self.sample = render_sample(SAMPLE)
        self.pictures, self.taken, self.kept = pictures, 0, []
        self.begin()

    def begin(self):
        """Open a window."""
        self.viewer = napari.Viewer()
        self.viewer.window.set_geometry(20, 20, *SIZE)
        self.me = Person(self.viewer, self.pictures)
        self.me.wait(300)

    def dock(self, name):
        return self.viewer.window.dock_widgets[f"{name} (Focus Stack)"]

    def layer(self, name):
        return self.viewer.layers[name]

    def open_dock(self, name, *menus):
        self.me.menu("Layers", *menus, f"{name} (Focus Stack)")
        dock = self.dock(name)
        self.me.wait_for(lambda: in_sight(dock.native), f"the dock {name}")
        return dock

    def done(self, job):
        self.me.wait_for(lambda: not job.running, "the job")

    def open_folder(self):
        write_planes(self.files / SAMPLE, self.sample.planes)
        with self.me.answering(str(self.files / SAMPLE)):
            self.me.menu(*OPEN_FOLDER, picture="open-folder")
        layer = self.layer(SAMPLE)
        assert layer.data.shape == self.sample.planes.shape
        np.testing.assert_allclose(layer.scale, (2, 0.5, 0.5))
        assert [str(unit) for unit in layer.units] == ["micrometer"] * 3

    def stack(self):
        dock = self.viewer.window.dock_widgets[STACK]
        self.me.wait_for(lambda: in_sight(dock.native), "the dock to stack with")
        self.me.wait_for(self.whole_field, "the whole field beside the dock")
        self.me.picture("dock")
        self.me.click(dock.stack_button.native)
        self.me.wait_for(
            lambda: 0.3 < dock.job.progress.value / dock.job.progress.max < 1, "progress"
        )
        self.me.picture("running")
        self.me.wait_for(lambda: f"{SAMPLE} [sharp]" in self.viewer.layers, "the result")
        assert dock.job.status.value.startswith("Stacked all 12 planes"), dock.job.status.value
        self.check_result()
        self.me.picture("result")

    def whole_field(self):
        """Whether the canvas shows all of the stack."""
        corners = [self.me.point_of(*corner) for corner in ((0, 0), (207, 207))]
        return all(self.me.canvas.rect().contains(corner) for corner in corners)

    def check_result(self):
        score = score_image(np.asarray(self.layer(f"{SAMPLE} [sharp]").data), self.sample.image)
        assert score.ssim > 0.9, score
        off = self.layer(f"{SAMPLE} [depth index]").data - self.sample.depth
        assert np.abs(off).mean() < 0.6, np.abs(off).mean()

    def save_at_once(self):
        first = self.files / "first.focusstack"
        saving = self.viewer.window.dock_widgets[STACK].saving
        with self.me.answering(str(first), picture="save"):
            self.me.click(saving.save_button.native)
        self.done(saving.job)
        assert first.exists()
        assert "Saved 4 images and maps" in saving.job.status.value
        assert self.me.clicks <= MOST_CLICKS, self.me.clicked
        print(f"{self.me.clicks} clicks from a folder to a saved result:", self.me.clicked)

    def stack_again(self):
        """Height and confidence too, into the layers that are there."""
        dock = self.viewer.window.dock_widgets[STACK]
        form = dock.form
        for wanted in ("height", "confidence"):
            self.me.click(form.checks[wanted].native)
        self.me.click(form.more.native)
        self.me.choose(form.target.native, "update the last ones")
        self.me.picture("more")
        self.me.click(form.more.native)
        before = set(self.viewer.layers)
        self.me.click(dock.stack_button.native)
        self.me.wait_for(lambda: f"{SAMPLE} [height]" in self.viewer.layers, "the height")
        self.me.wait_for(lambda: dock.stack_button.enabled, "the end of the run")
        new = {layer.name for layer in set(self.viewer.layers) - before}
        assert new == {f"{SAMPLE} [height]", f"{SAMPLE} [confidence]"}
        self.check_result()

    def look_at_depth(self):
        self.show_alone(f"{SAMPLE} [depth index]")
        self.me.picture("depth-index")
        assert self.viewer.window.dock_widgets["Colour bar"].titles == ["Depth index (planes)"]
        self.show_alone(f"{SAMPLE} [sharp]")

    def show_alone(self, name):
        """Hide all layers but one, with napari's key for it."""
        for layer in list(self.viewer.layers):
            if layer.visible != (layer.name == name):
                self.me.pick(layer)
                self.me.key(Qt.Key.Key_V)
        assert [layer.name for layer in self.viewer.layers if layer.visible] == [name]
        self.me.pick(self.layer(name))

    def probe(self):
        dock = self.open_dock("Probe focus", "Measure")
        row, col = self.textured()
        spot = self.me.point_of(row / 2, col / 2)
        self.me.move(self.me.canvas, spot)
        self.me.wait_for(lambda: dock.plot.curve is not None, "the curve")
        curve, index = dock.plot.curve, self.layer(f"{SAMPLE} [depth index]").data
        assert (curve.y, curve.x) == (row, col)
        assert curve.plane == index[row, col]
        assert abs(curve.peak - self.sample.depth[row, col]) < 1
        assert dock.status.value.startswith(f"Pixel ({row}, {col}): plane {curve.plane}")
        assert self.viewer.dims.current_step[0] != curve.plane, "else no jump would be seen"
        self.me.picture("probe")
        self.me.click(self.me.canvas, spot, "the result")
        assert self.viewer.dims.current_step[0] == curve.plane
        self.show_alone(SAMPLE)
        self.me.move(self.me.canvas, spot)
        self.me.picture("plane-in-focus")
        self.show_alone(f"{SAMPLE} [sharp]")

    def textured(self):
        """Pixel far from the slider's plane, of which the run is sure."""
        sure = np.array(self.layer(f"{SAMPLE} [confidence]").data)
        depth = self.sample.depth
        sure[np.abs(depth - self.viewer.dims.current_step[0]) < 3] = 0
        sure[:40] = sure[-40:] = sure[:, :40] = sure[:, -40:] = 0
        sure = filters.gaussian(sure, 6)
        return np.unravel_index(sure.argmax(), sure.shape)

    def profile(self):
        """A line across the relief, and its heights beside the truth."""
        dock = self.open_dock("Measure heights", "Measure")
        self.me.click(dock.profile.lines.buttons["add_line"].native)
        ends = (200, 30), (200, 380)
        places = [self.me.point_of(row / 2, col / 2) for row, col in ends]
        self.me.drag(self.me.canvas, places, "a line")
        self.me.wait_for(lambda: len(dock.profile.profiles) == 1, "the profile")
        [(_, found)] = dock.profile.profiles
        rows, cols = np.rint(found.points).astype(int).T
        error = found.height - 2 * self.sample.depth[rows, cols]
        assert found.counted.mean() > 0.9
        assert np.abs(error[found.counted]).mean() < 0.2, "micrometres, of 2 a plane"
        self.me.picture("profile")
        self.viewer.layers.remove("Profiles")
        self.me.pick(self.layer(f"{SAMPLE} [sharp]"))

    def correct(self):
        """A stroke of the plane under the brush, undone; then the slit, where no tissue is."""
        dock = self.open_dock("Correct depth", "Annotate")
        self.me.click(dock.correct_button.native)
        self.done(dock.job)
        image, index = self.layer(f"{SAMPLE} [sharp]"), self.layer(f"{SAMPLE} [depth index]")
        before, plane = np.array(image.data), self.viewer.dims.current_step[0]
        assert dock.plane.value == plane
        self.me.move(self.me.canvas, self.me.point_of(150 / 2, 60 / 2))
        self.me.wait_for(lambda: f"{SAMPLE} [plane]" in self.viewer.layers, "the plane")
        self.me.picture("plane-under-brush")
        self.stroke((150, 60), (190, 130))
        assert index.data[170, 95] == plane, "depth follows"
        changed = np.abs(image.data.astype(int) - before).max(axis=-1) > 0
        assert changed[170, 95], "the image follows"
        rows, cols = np.nonzero(changed)
        assert rows.min() > 120, "and only where it was painted"
        assert cols.max() < 160
        self.me.picture("corrected")
        self.me.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        np.testing.assert_array_equal(image.data, before)
        self.me.choose(dock.painted.native, "background")
        self.stroke(*SLIT)
        row, col = SLIT[1]
        assert np.isnan(self.layer(f"{SAMPLE} [height]").data[row, col]), "no tissue, no height"
        self.me.picture("background")
        self.me.key(Qt.Key.Key_6)  # pan and zoom again: no brush stays on the canvas
        assert self.layer(f"{SAMPLE} [correction]").mode == "pan_zoom"
        self.me.pick(image)

    def stroke(self, *pixels):
        """Drag the mouse over the canvas along pixels of the result."""
        corners = np.array(pixels, float) / 2
        steps = np.linspace(0, len(corners) - 1, 3 * (len(corners) - 1) + 1)
        path = np.stack([np.interp(steps, range(len(corners)), axis) for axis in corners.T], 1)
        self.me.drag(self.me.canvas, [self.me.point_of(*place) for place in path], "a stroke")

    def apply(self):
        """The stain of the nuclei, as a channel of its own."""
        folder = self.files / STAIN
        write_planes(folder, np.stack([stain(plane) for plane in self.sample.planes]))
        with self.me.answering(str(folder)):
            self.me.menu(*OPEN_FOLDER)
        dock = self.open_dock("Apply to other layers", "Measure")
        assert dock.target.native.currentText() == STAIN, "what a user would put it on"
        self.me.click(dock.apply_button.native)
        name = f"{STAIN} [on {SAMPLE}]"
        self.me.wait_for(lambda: name in self.viewer.layers, name)
        self.done(dock.job)
        put, truth = np.asarray(self.layer(name).data), stain(self.sample.image)
        middle = np.asarray(self.layer(STAIN).data[6])
        assert alike(put, truth) > 0.98 > alike(middle, truth)
        self.me.picture("applied")

    def measure(self):
        """True areas of what another plugin has segmented on the result."""
        self.show_alone(f"{SAMPLE} [sharp]")
        image, nuclei = self.layer(f"{SAMPLE} [sharp]"), segmented(self.sample.image)
        self.viewer.add_labels(nuclei, name="nuclei", scale=image.scale, units=image.units)
        dock = self.dock("Apply to other layers")
        assert dock.areas.objects.native.currentText() == "nuclei"
        self.me.click(dock.areas.measure_button.native)
        self.done(dock.areas.job)
        assert dock.areas.table.rowCount() == nuclei.max()
        flat, true = (dock.areas.areas.columns[name] for name in ("projected_area", "surface_area"))
        assert np.nanmax(flat) < 500, "square micrometres, of a nucleus"
        assert 1 < np.nanmean(true / flat) < 1.2, "the relief slopes, gently"
        self.me.picture("areas")

    def rise(self):
        dock = self.open_dock("Show in 3-D", "Visualize")
        self.me.click(dock.show_button.native)
        self.done(dock.job)
        camera = camera_of(self.viewer)
        surface, angles = self.layer(f"{SAMPLE} [surface]"), camera.angles
        assert self.viewer.dims.ndisplay == 3
        plane = surface.scale[0]
        heights = np.ptp(surface.vertices[:, 0]) * plane
        assert 15 < heights < 23, f"{heights} um, of 10 planes 2 um apart"
        number = dock.stretch.native.findChild(QAbstractSpinBox)
        number.selectAll()
        QTest.keyClicks(number, "2")
        QTest.keyClick(number, Qt.Key.Key_Return)
        assert dock.stretch.value == 2
        assert surface.scale[0] == 2 * plane
        middle = self.me.canvas.rect().center()
        path = [middle - QPoint(6 * k, 3 * k) for k in range(5)]
        self.me.drag(self.me.canvas, path, "the surface, to turn it")
        assert camera.angles != angles
        self.me.picture("surface")
        self.me.click(dock.flat_button.native)
        assert self.viewer.dims.ndisplay == 2

    def save(self):
        """The results, selected in the layer list, through napari's menu."""
        results = [f"{SAMPLE} [depth index]", f"{SAMPLE} [sharp]"]
        first, last = (self.layer(name) for name in results)
        self.me.pick(first)
        self.me.pick(last, Qt.KeyboardModifier.ShiftModifier)
        self.kept = [
            layer.name for layer in self.viewer.layers if layer in self.viewer.layers.selection
        ]
        assert len(self.kept) == 4
        with self.me.answering(str(self.saved), picture="save-selected"):
            self.me.menu("File", "Save Selected Layers...")
        assert self.saved.exists()

    def reopen(self):
        """In a new window, the file and nothing else."""
        roles = {layer.name: role(layer) for layer in self.viewer.layers}
        images = {name: np.array(self.layer(name).data) for name in self.kept}
        self.close()
        self.begin()
        with self.me.answering(str(self.saved)):
            self.me.menu("File", "Open File(s)...")
        self.me.wait_for(lambda: len(self.viewer.layers) == 4, "the saved layers")
        for name in self.kept:
            layer = self.layer(name)
            assert role(layer) == roles[name]
            np.testing.assert_array_equal(layer.data, images[name])
            np.testing.assert_allclose(layer.scale, (0.5, 0.5))
        dock = self.open_dock("Show in 3-D", "Visualize")
        assert dock.result.native.currentText() == f"{SAMPLE} [sharp]"
        self.me.picture("reopened")

    def close(self):
        self.viewer.close()


def stain(picture):
    """What haematoxylin takes of the light, 8 bits."""
    share = color.rgb2hed(picture)[..., 0]
    return np.rint(np.clip(share / 0.12, 0, 1) * 255).astype(np.uint8)


def alike(one, other):
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


def segmented(picture):
    """Nuclei, by their blue."""
    red, _, blue = filters.gaussian(picture, 1, channel_axis=-1, preserve_range=True).transpose(
        2, 0, 1
    )
    nuclei = morphology.opening(blue - red > BLUE, morphology.disk(2))
    found = measure.label(nuclei)
    found[np.bincount(found.ravel())[found] <= 40] = 0
    return segmentation.relabel_sequential(found)[0]


def write_planes(folder, planes):
    """Write planes as microscopes do: one TIFF each, with sizes."""
    folder.mkdir()
    for k, plane in enumerate(planes):
        name = folder / f"{folder.name}_z{k:02}.tif"
        sizes = {"spacing": 2.0, "unit": "um"}
        tifffile.imwrite(name, plane, imagej=True, resolution=(2, 2), metadata=sizes)


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("[0-9][0-9]-*.png"):
        old.unlink()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as files:
        session = Session(out, Path(files))
        QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
        steps = [
            session.open_folder,
            session.stack,
            session.save_at_once,
            session.stack_again,
            session.look_at_depth,
            session.probe,
            session.profile,
            session.correct,
            session.apply,
            session.measure,
            session.rise,
            session.save,
            session.reopen,
        ]
        for step in steps:
            step()
            print(f"{step.__name__}: {time.monotonic() - began:.1f} s", flush=True)
        session.close()


if __name__ == "__main__":
    main()
