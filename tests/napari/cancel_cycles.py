"""Cycles of Stack, Cancel in the preview, Stack at the real napari window, painted by OpenGL.

    xvfb-run -s "-screen 0 1600x1000x24" python tests/napari/cancel_cycles.py CYCLES

Ends with an error, or in a crash of OpenGL, unless every cycle leaves a preview hidden and then a
result in its layers.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path

# before napari reads them: whose user's settings would be changed
os.environ["NAPARI_CONFIG"] = os.path.join(tempfile.mkdtemp(prefix="napari-"), "settings.yaml")
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="napari-")  # results that are kept

import napari
import napari.utils  # napari 0.6.5 cannot import its settings first
import numpy as np
from qtpy.QtTest import QTest
from stacks import OURS, banded_planes

from napari_focus_stack._napari.viewer import preferences
from napari_focus_stack.pipeline import preview, stack

FACTOR = 4
SIZE = (500, 400)
"""Of the window, which software OpenGL paints in a tenth of the time of a large one."""
PAINTED = 20
"""Milliseconds in which the canvas is painted at least once."""


def main(cycles):
    planes = np.kron(banded_planes(3, (24, 32)), np.ones((1, FACTOR, FACTOR), np.uint8))
    preview.PIXELS = planes[0].size // FACTOR**2
    preferences._place = lambda: Path(tempfile.mkdtemp(prefix="napari-")) / preferences.FILE
    go_on = hold_after_the_preview()
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    viewer.add_image(planes, name="cells")
    _, dock = viewer.window.add_plugin_dock_widget(OURS, "Focus Stack")
    dock.form.parameters["align"].value = "none"
    for cycle in range(cycles):
        # maps once: napari adds a layer the slower, the more there are
        dock.form.checks["depth-index"].value = cycle == 0
        before = list(viewer.layers)
        count = len(before) + (2 if cycle == 0 else 1)
        press(dock.stack_button)
        wait(lambda count=count: len(viewer.layers) == count)
        shown = [layer for layer in viewer.layers if layer not in before]
        paint(viewer)
        press(dock.job.cancel_button)
        wait(lambda: not dock.job.running)
        paint(viewer)
        assert [layer for layer in viewer.layers if layer not in before] == shown
        assert not any(layer.visible for layer in shown)
        go_on.set()
        press(dock.stack_button)
        wait(lambda: not dock.job.running)
        go_on.clear()
        paint(viewer)
        assert [layer for layer in viewer.layers if layer not in before] == shown
        assert all(layer.visible for layer in shown)
        assert {layer.data.shape for layer in shown} == {planes.shape[1:]}
        print(f"{cycle}: {', '.join(layer.name for layer in shown)}", flush=True)
    os._exit(0)  # napari removes its layers when it closes, which may end in that crash


def hold_after_the_preview():
    """Return an event for which runs wait, once their preview is shown, unless cancelled."""
    go_on = threading.Event()
    real = stack.stack_steps

    def steps(source, settings, *, cancel, align_mask):
        run = real(source, settings, cancel=cancel, align_mask=align_mask)
        yield next(run)
        while not go_on.wait(0.01) and not cancel.is_set():
            pass
        return (yield from run)

    stack.stack_steps = steps
    return go_on


def press(button):
    button.native.click()


def paint(viewer):
    """Move the camera, for the whole scene to be painted."""
    viewer.reset_view()
    QTest.qWait(PAINTED)


def wait(until, seconds=20):
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        QTest.qWait(5)


if __name__ == "__main__":
    main(int(sys.argv[1]))
