"""Scenes of known truth for measuring methods: images over reliefs, rendered through a lens.

All images are in scikit-image's wheel. Unlike the samples, which are for viewing, these scenes have
still, noisy and moving variants, and are rendered by any optics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.simulation.samples import motorcycle_scene, two_hills

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_focus_stack.simulation.rendering import SensorNoise

    Picture = tuple[NDArray[np.uint8], NDArray[np.float32]]

VARIANTS = ("still", "noisy", "moving")
FIELD_MARGIN = 16
"""Pixels around the field that come into view where a plane moves."""
FIELD_SIDES = (264, 352)
"""Height and width of the field: the part of the smallest image, the coins, within the margin."""


@dataclass(frozen=True)
class Camera:
    """Noise and bits of a camera.

    Attributes
    ----------
    noise : SensorNoise
        Noise of a pixel, in units of white.
    bits : int
        8 for uint8; 9 to 16 for uint16 whose white is 2^bits - 1.
    """

    noise: SensorNoise
    bits: int = 8

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the planes."""
        return np.dtype(np.uint8 if self.bits == 8 else np.uint16)

    @property
    def white(self) -> float:
        """Largest value."""
        return float(2**self.bits - 1)


@dataclass(frozen=True)
class Scene:
    """An image over a relief, and its default recording.

    Attributes
    ----------
    make : callable
        Returns image (Y, X[, C]) uint8 and relief (Y, X) float32, 0 to 1, for a height and a width.
    planes : int
        Number of planes.
    blur : float
        Radius of the blur one plane out of focus, in pixels.
    """

    make: Callable[[int, int], Picture]
    planes: int
    blur: float


@dataclass(frozen=True)
class GroundTruthStack:
    """A rendered stack and its truth.

    Attributes
    ----------
    planes : numpy.ndarray
        (Z, Y, X[, C]) uint8 or uint16.
    image : numpy.ndarray
        (Y, X[, C]), all in focus, in the type of the planes.
    depth : numpy.ndarray
        (Y, X) float32, in planes.
    transforms : numpy.ndarray or None
        (Z, 3, 3), as `StackResult.transforms`; None where nothing moves.
    """

    planes: NDArray[Any]
    image: NDArray[Any]
    depth: NDArray[np.float32]
    transforms: NDArray[np.float64] | None


def render_ground_truth(
    scene: str, variant: str, planes: int, blur: float, camera: Camera, blur_in_focus: float = 0.0
) -> GroundTruthStack:
    """Render a built-in scene; the same call returns an equal stack.

    Parameters
    ----------
    scene : str
        One of `SCENES`.
    variant : {"still", "noisy", "moving"}
        "still" has no noise; the others have the camera's. "moving" breathes, turns and drifts from
        plane to plane, as a focus drive does.
    planes : int
        Number of planes.
    blur : float
        Radius of the blur one plane out of focus, in pixels.
    camera : Camera
        Noise and bits.
    blur_in_focus : float
        Standard deviation of the blur of a point in focus, in pixels. The truth has the same blur,
        because no method can recover more detail.

    Returns
    -------
    GroundTruthStack
        Planes and truth.
    """
    import cv2

    from napari_focus_stack.simulation.rendering import drift, render_stack

    picture, relief = SCENES[scene].make(
        FIELD_SIDES[0] + 2 * FIELD_MARGIN, FIELD_SIDES[1] + 2 * FIELD_MARGIN
    )
    image = picture / np.float32(255)
    if blur_in_focus > 0:
        image = cv2.GaussianBlur(image, (0, 0), blur_in_focus)
    depth = relief * np.float32(planes - 2) + np.float32(0.5)
    motion = None
    if variant == "moving":
        motion = drift(planes, FIELD_SIDES, zoom=0.002, angle=0.03, shift=0.8, seed=4)
    stack = render_stack(
        image,
        depth,
        planes,
        blur,
        margin=FIELD_MARGIN,
        transforms=motion,
        noise=None if variant == "still" else camera.noise,
        dtype=camera.dtype,
        white=camera.white,
        seed=5,
    )
    inner = np.s_[FIELD_MARGIN:-FIELD_MARGIN, FIELD_MARGIN:-FIELD_MARGIN]
    white = np.rint(image[inner] * np.float32(camera.white)).astype(camera.dtype)
    return GroundTruthStack(stack, white, depth[inner], motion)


def _gravel_hills(height: int, width: int) -> Picture:
    """Return gravel over two hills."""
    from skimage import data

    return data.gravel()[:height, :width], two_hills(height, width)


def _brick_dome(height: int, width: int) -> Picture:
    """Return bricks over a dome."""
    from skimage import data

    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    dome = np.sqrt(1 - (x**2 + y**2) / 2.5)
    return data.brick()[:height, :width], _spanned(dome)


def _coins_step(height: int, width: int) -> Picture:
    """Return coins on a table with a step: two depths and none between."""
    from skimage import data

    return data.coins()[-height:, :width], (two_hills(height, width) > 0.5).astype(np.float32)


def _histology_relief(height: int, width: int) -> Picture:
    """Return immunohistochemistry over two hills."""
    from skimage import data

    return data.immunohistochemistry()[:height, :width], two_hills(height, width)


def _spanned(relief: NDArray[Any]) -> NDArray[np.float32]:
    """Scale a relief to 0 to 1."""
    spanned: NDArray[np.float32] = ((relief - relief.min()) / np.ptp(relief)).astype(np.float32)
    return spanned


SCENES = {
    "gravel-hills": Scene(_gravel_hills, planes=14, blur=0.9),
    "brick-dome": Scene(_brick_dome, planes=14, blur=0.8),
    "coins-step": Scene(_coins_step, planes=10, blur=0.8),
    "histology-relief": Scene(_histology_relief, planes=12, blur=1.2),
    "motorcycle": Scene(motorcycle_scene, planes=14, blur=0.9),
}
"""Built-in scenes: smooth and stepped depth, texture everywhere and hardly any, grey and colour."""
