"""Stacks of any size and length, quickly rendered: for timing, not for judging quality.

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
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Floats = NDArray[np.float32]

BLURS = (0.0, 0.7, 1.4, 2.8, 5.6)
"""Sigma of each level of blur in pixels; what lies between two is mixed of them."""
OCTAVES = {1: "gravel", 4: "grass", 16: "brick"}
"""Enlarged by how much, which picture: there is detail of every size in a plane of any size."""
BLACK, WHITE, NOISE = 4000, 44000, 120  # grey levels; noise also makes every plane its own
NEAR = 0.1
"""Depth of the bars."""
LENS_LEVELS = 8
"""Levels of blur before and behind the bars: an occluder is told by discs that grow evenly."""


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


def out_of_focus(picture: Floats) -> list[Floats]:
    """The picture in each level of blur."""
    return [picture, *(cv2.GaussianBlur(picture, (0, 0), sigma) for sigma in BLURS[1:])]


def disc(radius: float) -> Floats:
    """What a lens makes of a point out of focus."""
    side = np.arange(-np.ceil(radius), np.ceil(radius) + 1, dtype=np.float32)
    spot: Floats = np.clip(radius + 0.5 - np.hypot(side[:, None], side), 0, 1)
    spot /= spot.sum()
    return spot


def through_lens(picture: Floats) -> list[Floats]:
    """The picture in each level of a lens's blur, which grows by two pixels each."""
    return [cv2.filter2D(picture, -1, disc(2 * k)) for k in range(LENS_LEVELS)]


def hills(shape: tuple[int, int]) -> Floats:
    """Depth of the ground, 0.1 to 0.9."""
    down, across = (np.cos(np.linspace(0, 1.5 * np.pi, n, dtype=np.float32)) for n in shape)
    return 0.5 + np.float32(0.4) * np.outer(down, across)


def bars(shape: tuple[int, int]) -> Floats:
    """Opaque slanted bars, 1 where one is and 0 between them."""
    y, x = np.indices(shape, np.float32)
    return ((x + y / 4) % (shape[1] / 4) < shape[1] / 30).astype(np.float32)


def planes_behind_bars(
    picture: Floats, depth: Floats, focuses: Sequence[float]
) -> Iterator[Floats]:
    """The scene at each focus, its deeper half behind bars that lie in front of all of it."""
    cover = bars(picture.shape)
    ground, covers, fronts = (
        through_lens(part) for part in (picture, cover, cover * picture[::-1, ::-1])
    )
    behind = np.float32(0.5) + depth / np.float32(2)
    before: Floats = np.full_like(depth, NEAR)
    for focus in focuses:
        plane = recorded(ground, behind, focus)
        plane *= 1 - recorded(covers, before, focus)
        plane += recorded(fronts, before, focus)
        yield plane


def planes_of_hills(picture: Floats, depth: Floats, focuses: Sequence[float]) -> Iterator[Floats]:
    """The scene at each focus."""
    levels = out_of_focus(picture)
    for focus in focuses:
        yield recorded(levels, depth, focus)


def drifted(plane: Floats, off: float) -> Floats:
    """The plane `off` stacks from the middle of a stack in which the stage drifts.

    Over the stack, by five pixels down and eight right, and 2 % larger.
    """
    height, width = plane.shape
    drift = cv2.getRotationMatrix2D((width / 2, height / 2), 0, 1 + 0.02 * off)
    drift[:, 2] += 8 * off, 5 * off
    moved: Floats = cv2.warpAffine(
        plane, drift, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return moved


def write_grey(folder: Path, k: int, plane: Floats) -> None:
    grey = np.clip(plane, 0, 65535).astype(np.uint16)
    tifffile.imwrite(folder / f"plane{k:03d}.tif", grey, photometric="minisblack")


def write_colour(folder: Path, k: int, plane: Floats) -> None:
    """Write a JPEG whose hues change over the field."""
    across = np.linspace(0, 6, plane.shape[1], dtype=np.float32)
    tint = 0.75 + 0.25 * np.cos(across[:, None] + np.arange(3, dtype=np.float32))
    pixels = np.clip(plane[..., None] * tint / 257, 0, 255).astype(np.uint8)
    cv2.imwrite(str(folder / f"plane{k:03d}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])


def render(
    folder: Path, megapixels: float, planes: int, *, colour: bool = False, occluded: bool = False
) -> None:
    """Write a stack, focused from low to high by a stage that drifts a little."""
    picture = scene(megapixels)
    focuses = [k / (planes - 1) for k in range(planes)]
    scenes = planes_behind_bars if occluded else planes_of_hills
    noise = np.empty_like(picture)
    for k, plane in enumerate(scenes(picture, hills(picture.shape), focuses)):
        shown = plane * np.float32(WHITE - BLACK) + np.float32(BLACK)
        shown = drifted(shown, focuses[k] - 0.5) + cv2.randn(noise, 0, NOISE)
        (write_colour if colour else write_grey)(folder, k, shown)
    os.sync()  # writing them to the disk must not go on while the command is timed
