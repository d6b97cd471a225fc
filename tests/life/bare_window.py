"""Do in a window of napari without a plugin what changed another: layers and notifications.

    xvfb-run -s "-screen 0 1600x1000x24" python tests/life/bare_window.py CHANGES.json

`window.py` writes the changes and compares. Prints a row on memory, then its growth as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

if "NAPARI_CONFIG" not in os.environ:  # before napari reads it
    os.environ["NAPARI_CONFIG"] = os.path.join(tempfile.mkdtemp(prefix="napari-"), "settings.yaml")

import napari
import numpy as np
from measures import Life, held, trim
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils.notifications import Notification, notification_manager
from qtpy.QtTest import QTest
from vispy.gloo import glir

SIZE = (900, 600)
"""Of the window, which software OpenGL paints in less time than a large one."""
ROUND = 10
"""Runs between two moments at which nothing but the stack is in the window."""
NOTIFICATION = "notification"
"""First entry of a change that is a message; of all others it is the layer's id."""
DRAWN = 20
"""Milliseconds in which a layer is drawn."""


def keep_programs() -> list[int]:
    """Delete no OpenGL program: Mesa's software OpenGL crashes as another one is drawn.

    Returns
    -------
    list of int
        Grows by the numbers of those that are kept instead.
    """
    kept: list[int] = []
    glir.GlirProgram.delete = lambda self: kept.append(self.id)
    return kept


def layer(kind: str, shape: list[int], dtype: str) -> Layer:
    """Return a layer of a kind."""
    if kind == "Shapes":
        return Shapes(np.array([(5, 5), (40, 40)]), shape_type="line")
    if kind == "Labels":
        return Labels(np.zeros(shape, dtype))
    values = np.random.default_rng(1).uniform(0, 200, shape)
    return Image(values.astype(dtype), rgb=len(shape) > 2 and shape[-1] in (3, 4))


def main(record: Path) -> None:
    side, planes, changes = json.loads(record.read_text())
    kept, layers, life = keep_programs(), {}, Life("the same layers without us")
    viewer = napari.Viewer()
    viewer.window.set_geometry(20, 20, *SIZE)
    viewer.add_layer(layer("Image", [planes, side, side], "uint16"))
    for number, of_run in enumerate(changes):
        for name, *looks in of_run:
            if name == NOTIFICATION:
                notification_manager.dispatch(Notification(*looks))
            elif looks:
                layers[name] = viewer.add_layer(layer(*looks))
            else:
                viewer.layers.remove(layers.pop(name))
            QTest.qWait(DRAWN)
        if number % ROUND == ROUND - 1:
            gc.collect()  # as the other one does when it counts
            trim()
        life.note(held())
    print(f"{len(kept)} programs are kept without us", file=sys.stderr)
    print(life.row(held(), ROUND))
    print(json.dumps(asdict(life.growth(ROUND))), flush=True)
    os._exit(0)  # napari removes its layers when it closes, where OpenGL may crash


if __name__ == "__main__":
    main(Path(sys.argv[1]))
