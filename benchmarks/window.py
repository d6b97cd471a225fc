"""How the window answers: the preview, the longest pauses while a stack is fused, a brush stroke.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/window.py [--side 2048] [--planes 20]

Prints milliseconds. A pause is the time between two turns of Qt's event loop, which a timer counts;
those in which napari adds, changes or paints a layer are told apart.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from contextlib import contextmanager

os.environ.setdefault("NAPARI_CONFIG", os.path.join(tempfile.mkdtemp(), "settings.yaml"))

import napari
import numpy as np
from napari.layers import Image
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from skimage import data
from skimage.transform import resize

from napari_focus_stack.simulation.rendering import render_stack

BEAT = 4
"""Milliseconds; a timer that never rests would take a core from the run."""

TURNS = 2
"""Turns that work on layers takes: the change, and the painting that follows it."""


class Heartbeat:
    """Pauses of the event loop in milliseconds, those with work on layers apart."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.with_layers: list[float] = []
        self._layers = 0
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)

    def _beat(self) -> None:
        now = time.perf_counter()
        (self.with_layers if self._layers else self.pauses).append(1e3 * (now - self._last))
        self._last, self._layers = now, max(0, self._layers - 1)

    def start(self) -> None:
        self.pauses, self.with_layers = [], []
        self._last = time.perf_counter()
        self._timer.start(BEAT)

    def stop(self) -> None:
        self._timer.stop()

    @contextmanager
    def noting(self, owner, name):
        """Note turns in which a method runs."""
        real = getattr(owner, name)

        def noted(*args, **kwargs):
            self._layers = TURNS
            return real(*args, **kwargs)

        setattr(owner, name, noted)
        yield
        setattr(owner, name, real)


@contextmanager
def data_noted(heart: Heartbeat):
    """Note turns in which an image's pixels are replaced."""
    real = Image.data

    def set_data(layer, value):
        heart._layers = TURNS
        real.fset(layer, value)

    Image.data = property(real.fget, set_data)
    yield
    Image.data = real


def stack(side: int, planes: int) -> np.ndarray:
    """A hilly surface in 16 bits."""
    picture = resize(data.gravel() / 255.0, (side, side), order=1)
    rows, cols = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    depth = (planes - 1) * (0.5 + 0.4 * np.sin(3 * rows) * np.cos(2 * cols))
    return render_stack(picture, depth, planes, 0.6, dtype=np.uint16)


def wait(until, seconds: float = 120) -> None:
    end = time.perf_counter() + seconds
    while not until():
        assert time.perf_counter() < end
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--planes", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    planes = stack(options.side, options.planes)
    viewer = napari.Viewer()
    viewer.add_image(planes, name="hills")
    _, dock = viewer.window.add_plugin_dock_widget("napari-focus-stack", "Focus Stack")
    heart = Heartbeat()
    QTest.qWait(1000)
    for _ in range(options.repeats):
        run(viewer, dock)
    for _ in range(options.repeats):
        watched_run(dock, heart)
    strokes(viewer)
    viewer.close()


def run(viewer, dock) -> None:
    """Press Stack; tell when the preview was there and painted, and when the result came."""
    before, seen = len(viewer.layers), []
    QTest.qWait(500)
    begun = time.perf_counter()

    def see() -> None:
        seen.append(1e3 * (time.perf_counter() - begun))

    dock.stack_button.native.click()
    wait(lambda: len(viewer.layers) > before)
    see()
    QApplication.processEvents()
    see()
    wait(lambda: not dock.job.cancel_button.enabled)
    see()
    print(f"preview there {seen[0]:.0f}, painted {seen[1]:.0f}; result {seen[2]:.0f}", flush=True)


def watched_run(dock, heart: Heartbeat) -> None:
    """Press Stack; tell the longest pauses. The heartbeat itself makes a run slower."""
    QTest.qWait(500)
    with (
        heart.noting(dock._results, "preview"),
        heart.noting(dock._results, "show"),
        heart.noting(dock._results, "_preview_map"),
        data_noted(heart),
    ):
        heart.start()
        dock.stack_button.native.click()
        wait(lambda: not dock.job.cancel_button.enabled)
        QTest.qWait(100)
        heart.stop()
    others = ", ".join(f"{pause:.0f}" for pause in sorted(heart.with_layers)[::-1][:3])
    print(f"longest pause {max(heart.pauses):.0f}; with work on layers {others}", flush=True)


def strokes(viewer, count: int = 12) -> None:
    """Paint on the result; tell how long the picture takes to follow."""
    _, correct = viewer.window.add_plugin_dock_widget("napari-focus-stack", "Correct depth")
    correct.correct_button.native.click()
    wait(lambda: not correct.job.running)
    labels = viewer.layers.selection.active
    side = labels.data.shape[0]
    rng = np.random.default_rng(0)
    taken = []
    for place in rng.integers(side // 8, 7 * side // 8, (count, 2)):
        correct.plane.value = int(rng.integers(0, correct.plane.max + 1))
        QTest.qWait(100)
        begun = time.perf_counter()
        labels.paint(tuple(place), labels.selected_label)
        QApplication.processEvents()
        taken.append(1e3 * (time.perf_counter() - begun))
    print(f"stroke: median {np.median(taken):.0f}, longest {max(taken):.0f}", flush=True)


if __name__ == "__main__":
    main()
