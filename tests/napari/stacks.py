"""Stacks and widgets that tests of the viewer share."""

import os
import sys

import numpy as np
import pytest

OURS = "napari-focus-stack"

in_a_window = pytest.mark.parametrize("viewer", ["window"], indirect=True, ids=[""])
"""For tests of what napari's window or canvas does; without it `viewer` has neither."""


def camera_of(viewer):
    """The camera, which moved in napari 0.9."""
    return getattr(viewer, "scene", viewer).camera


def grid_of(viewer):
    """The grid, which moved in napari 0.9."""
    return getattr(viewer, "canvas", viewer).grid


def in_one_unit(viewer):
    """Whether units go together; else napari warns, but for older ones, which convert none."""
    return getattr(viewer.layers.extent, "units", ...) is not None


def widget_named(name):
    import npe2

    manifest = npe2.PluginManager.instance().get_manifest(OURS)
    [found] = [one for one in manifest.contributions.widgets if one.display_name == name]
    return found.get_callable()


def banded_planes(count=6, shape=(48, 64), dtype=np.uint8):
    rng = np.random.default_rng(0)
    texture = rng.integers(40, 216, shape)
    flat = np.full(shape, 128)
    band = shape[0] // count
    stack = np.stack([flat] * count)
    for k in range(count):
        rows = slice(k * band, (k + 1) * band)
        stack[k, rows] = texture[rows]
    scale = 257 if dtype == np.uint16 else 1
    return (stack * scale).astype(dtype)


on_a_screen = pytest.mark.skipif(
    (sys.platform.startswith("linux") and not ({"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)))
    or os.environ.get("QT_QPA_PLATFORM") == "offscreen",
    reason="the canvas is black without a screen",
)
"""For tests that look at pixels of napari's canvas."""
