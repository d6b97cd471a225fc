"""Parts of rendered stacks, as what lies behind near things is looked for in them."""

from __future__ import annotations

import numpy as np

from napari_focus_stack.imgproc.noise import Noise
from napari_focus_stack.occlusion.boundaries import LEAST_JUMP, depth_discontinuities
from napari_focus_stack.occlusion.lens import Lens
from napari_focus_stack.occlusion.patch import ImagingModel, Patch
from napari_focus_stack.simulation.rendering import render_stack

SIDE, PLANES, BLUR = 160, 8, 2.0
Y, X = np.mgrid[:SIDE, :SIDE]
BAR = np.abs(X - SIDE // 2) < 14
NEAR, FAR = 6.0, 1.0


def patch(
    image: np.ndarray,
    depth: np.ndarray,
    believed: np.ndarray,
    noise: float = 0.0,
    gamma: float = 1.0,
    finer: int = 1,
) -> Patch:
    """A part rendered with one depth, of which another is believed.

    In so many times as many planes, each with as much less blur.
    """
    count, blur = finer * PLANES, BLUR / finer
    light = image.astype(np.float32) ** gamma
    planes = render_stack(light, finer * depth.astype(np.float32), count, blur, dtype=np.float32)
    planes = 255 * np.clip(planes, 0, 1) ** np.float32(1 / gamma)
    planes += np.random.default_rng(3).normal(0, noise, planes.shape).astype(np.float32)
    believed = finer * believed.astype(np.float32)
    everywhere = np.ones_like(believed)
    return Patch(
        list(planes),
        (255 * image).astype(np.float32),
        believed,
        everywhere,
        everywhere * believed.min(),
        depth_discontinuities(believed, LEAST_JUMP),
        everywhere > 0,
        ImagingModel.of(Lens(blur * np.arange(count), gamma), Noise(noise**2), 255.0, 128.0),
    )
