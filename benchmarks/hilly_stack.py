"""Grey stacks of any size and length, quickly rendered: for timing, not for judging quality.

Pictures out of scikit-image's wheel, enlarged, give the ground; blur is mixed from a few levels.
`napari_focus_stack.simulation.rendering` is exact instead, at minutes for what takes seconds here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from skimage import data

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Floats = NDArray[np.float32]

BLURS = (0.0, 0.7, 1.4, 2.8, 5.6)
"""Sigma of each level of blur in pixels; what lies between two is mixed of them."""
OCTAVES = {1: "gravel", 4: "grass", 16: "brick"}
"""Enlarged by how much, which picture: there is detail of every size in a plane of any size."""
BLACK, WHITE, NOISE = 4000, 44000, 120  # grey levels; noise also makes every plane its own


def scene(megapixels: float) -> Floats:
    """The picture all in focus, 4 to 3, 0 to 1."""
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    height = round(megapixels * 1e6 / width)
    picture = np.zeros((height, width), np.float32)
    for scale, name in OCTAVES.items():
        part = cv2.resize(getattr(data, name)(), None, fx=scale, fy=scale)[:height, :width]
        missing = [(0, full - have) for full, have in zip(picture.shape, part.shape, strict=True)]
        picture += np.pad(part, missing, mode="symmetric") / np.float32(255 * len(OCTAVES))
    return picture


def recorded(levels: Sequence[Floats], depth: Floats, focus: float) -> Floats:
    """The scene with the blur that `focus` (0 to 1, as depth) gives: a level more every eighth."""
    blur = np.minimum(8 * np.abs(depth - np.float32(focus)), np.float32(len(levels) - 1))
    plane: Floats = np.zeros_like(blur)
    for number, level in enumerate(levels):
        plane += np.maximum(1 - np.abs(blur - np.float32(number)), 0) * level
    return plane


def render(folder: Path, megapixels: float, planes: int) -> None:
    """Write a stack of a hilly scene, focused from low to high by a stage that drifts a little."""
    picture = scene(megapixels)
    levels = [picture, *(cv2.GaussianBlur(picture, (0, 0), sigma) for sigma in BLURS[1:])]
    height, width = picture.shape
    down, across = (
        np.cos(np.linspace(0, 1.5 * np.pi, n, dtype=np.float32)) for n in (height, width)
    )
    depth: Floats = 0.5 + np.float32(0.4) * np.outer(down, across)
    noise = np.empty_like(picture)
    for k in range(planes):
        focus = k / (planes - 1)
        plane = recorded(levels, depth, focus) * np.float32(WHITE - BLACK) + np.float32(BLACK)
        off = focus - 0.5  # over the stack: five pixels down, eight right, 2 % larger
        drift = cv2.getRotationMatrix2D((width / 2, height / 2), 0, 1 + 0.02 * off)
        drift[:, 2] += 8 * off, 5 * off
        plane = cv2.warpAffine(
            plane, drift, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
        )
        plane += cv2.randn(noise, 0, NOISE)
        grey = np.clip(plane, 0, 65535).astype(np.uint16)
        tifffile.imwrite(folder / f"plane{k:03d}.tif", grey, photometric="minisblack")
    os.sync()  # writing them to the disk must not go on while the command is timed
