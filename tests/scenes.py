"""Small rendered stacks of known truth, shared by the tests of the engine.

The pictures lie in scikit-image's wheel. Every array is shared between tests and read-only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from skimage import data

from napari_focus_stack.simulation.rendering import SensorNoise, drift, render_stack

MARGIN = 12
QUIET = SensorNoise(read=0.002, shot=1 / 20_000)
STEP = 1 / 32 if cv2.__version__.startswith("4.") else 0.0
"""Step, in pixels, of the places at which OpenCV interpolates: 4 rounds them (INTER_BITS is 5)."""


def over_a_step(plane: np.ndarray) -> float:
    """Largest change of a plane over one of OpenCV's steps along both axes."""
    plane = plane.astype(np.float64)
    return STEP * sum(float(np.abs(np.diff(plane, axis=axis)).max()) for axis in (0, 1))


@dataclass(frozen=True)
class Scene:
    """Planes with the image and depth (in planes) that the middle plane shows."""

    planes: np.ndarray
    image: np.ndarray
    depth: np.ndarray
    transforms: np.ndarray

    @property
    def truth(self) -> np.ndarray:
        """The image as the planes' dtype records it."""
        return frozen(np.rint(self.image * 255).astype(np.uint8))


def frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


@cache
def picture(name: str, height: int, width: int, y: int = 0, x: int = 0) -> np.ndarray:
    """A part of a picture of scikit-image, float32, 0 to 1."""
    whole = getattr(data, name)()[y : y + height, x : x + width]
    assert whole.shape[:2] == (height, width)
    return frozen(whole / np.float32(255))


@cache
def surface(kind: str, n: int, height: int, width: int) -> np.ndarray:
    """Depths within the stack: "slant" to "dome" are smooth, "step" has two levels, "flat" one."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    part = {
        "slant": (x + 0.3 * y) / 2.6 + 0.5,
        "dome": np.clip(1 - (x**2 + y**2) / 1.6, 0, 1),
        "step": np.where(x > 0, 0.75, 0.25),
        "flat": np.full_like(x, 0.5),
    }[kind]
    return frozen((0.5 + (n - 2) * part).astype(np.float32))


@cache
def scene(
    name: str = "gravel",
    kind: str = "dome",
    *,
    n: int = 8,
    size: tuple[int, int] = (160, 192),
    blur: float = 1.2,
    noise: SensorNoise | None = None,
    zoom: float = 0.0,
    angle: float = 0.0,
    shift: float = 0.0,
    gains: tuple[float, ...] | None = None,
    dtype: str = "uint8",
    white: float | None = None,
    reference: int | None = None,
    seed: int = 1,
) -> Scene:
    """A picture over a surface, with a margin that motion brings into view."""
    image = picture(name, size[0] + 2 * MARGIN, size[1] + 2 * MARGIN)
    depth = surface(kind, n, *image.shape[:2])
    motion = drift(n, size, zoom=zoom, angle=angle, shift=shift, reference=reference, seed=seed)
    planes = render_stack(
        image,
        depth,
        n,
        blur,
        margin=MARGIN,
        transforms=motion,
        gains=gains,
        noise=noise,
        dtype=dtype,
        white=white,
        seed=seed,
    )
    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    return Scene(frozen(planes), image[inner], depth[inner], frozen(motion))


def psnr(image: np.ndarray, truth: np.ndarray, white: float = 255.0) -> float:
    """Peak signal-to-noise ratio in dB, over everything given; infinite where nothing differs."""
    error = np.square(image - truth, dtype=np.float64).mean()
    return float(10 * np.log10(white**2 / error)) if error else np.inf
