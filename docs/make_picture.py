"""Take the screenshot of the README: the built-in sample, stacked in the napari window.

Run with a screen (or ``xvfb-run -s "-screen 0 1600x1000x24"``): ``python docs/make_picture.py``.
"""

from __future__ import annotations

from pathlib import Path

import napari
from qtpy.QtCore import QEventLoop, QTimer

from napari_focus_stack._napari.io.sample_data import sample_layer

SIZE = (1400, 860)


def wait(milliseconds: int) -> None:
    """Process events of the window for a while."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def main() -> None:
    """Stack the sample as a user does, and save a screenshot of the window."""
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    data, arguments, _ = sample_layer("histology")
    viewer.add_image(data, **arguments)
    _, widget = viewer.window.add_plugin_dock_widget("napari-focus-stack", "Focus Stack")
    wait(1500)
    widget.stack()
    while len(viewer.layers) < 3:
        wait(200)
    viewer.canvas.grid.enabled = True
    viewer.dims.set_current_step(0, 2)
    viewer.reset_view()
    wait(1500)
    viewer.screenshot(str(Path(__file__).with_name("demo.png")), canvas_only=False, flash=False)
    viewer.close()


if __name__ == "__main__":
    main()
