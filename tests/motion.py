"""Pictures and stacks that moved as is known, shared by the tests of the alignment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scenes import MARGIN as OUTSIDE
from scenes import QUIET, Scene, picture, surface

from napari_focus_stack._utils.steps import drain
from napari_focus_stack.alignment.stack import align_steps
from napari_focus_stack.imgproc.transforms import corner_distance
from napari_focus_stack.simulation.rendering import render_stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_focus_stack.alignment.result import Alignment

SHAPE = (192, 232)
MARGIN = 24
MOVING = {"zoom": 0.004, "angle": 0.05, "shift": 0.7, "noise": QUIET}
"""A stack whose planes breathe, turn and jitter."""


def about_centre(matrix: Any, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """A matrix between pixels of one that counts from the field's centre."""
    centre = np.array([[1, 0, (shape[1] - 1) / 2], [0, 1, (shape[0] - 1) / 2], [0, 0, 1]])
    moved = centre @ np.array(matrix, np.float64) @ np.linalg.inv(centre)
    return moved / moved[2, 2]


def shifted(dx: float, dy: float) -> np.ndarray:
    return np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1]], np.float64)


TRUE = {
    "shift": shifted(3.3, -2.6),
    "similarity": about_centre([[1.015, -0.012, -2.2], [0.012, 1.015, 1.7], [0, 0, 1]]),
    "affine": about_centre([[1.015, -0.008, 1.4], [0.014, 0.991, 2.8], [0, 0, 1]]),
    "homography": about_centre([[1.01, -0.008, 1.4], [0.012, 0.993, 2.1], [1e-4, -7e-5, 1]]),
}
MODELS = list(TRUE)


def pair(name: str, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A field of a picture, and what is seen once each of its pixels moved by `matrix`."""
    whole = picture(name, SHAPE[0] + 2 * MARGIN, SHAPE[1] + 2 * MARGIN) * np.float32(255)
    moved = cv2.warpPerspective(
        whole,
        shifted(MARGIN, MARGIN) @ np.linalg.inv(matrix),
        SHAPE[::-1],
        flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return whole[MARGIN:-MARGIN, MARGIN:-MARGIN], moved


def error(found: np.ndarray, true: np.ndarray) -> float:
    """Largest corner error in pixels of a field of `pair`."""
    return corner_distance(found, true, SHAPE)


def aligned(
    planes: Sequence[np.ndarray], align: str = "auto", reference: int | None = None, **options: Any
) -> Alignment:
    """What `align_steps` returns; the middle plane is the reference."""
    reference = len(planes) // 2 if reference is None else reference
    steps = align_steps(lambda k: planes[k], len(planes), reference, align, **options)
    return drain(steps)


def worst_corner(found: np.ndarray, moved: Scene, reference: int) -> float:
    """Largest corner error in pixels over all planes, NaN if one was left out."""
    return worst_of(found, moved.transforms, reference, moved.planes.shape[1:])


def worst_of(found: np.ndarray, true: np.ndarray, reference: int, shape: tuple[int, ...]) -> float:
    """Largest corner error in pixels against true transforms to any plane's pixels."""
    to_reference = np.linalg.inv(true[reference])
    return max(
        corner_distance(a, b @ to_reference, shape) for a, b in zip(found, true, strict=True)
    )


def foreign(name: str = "coins", y: int = 0, x: int = 0) -> np.ndarray:
    """A picture of something else, as large as the planes of `scene`."""
    return np.rint(picture(name, 160, 192, y, x) * 255).astype(np.uint8)


def seen_through(plane: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """A plane whose every pixel moved by `matrix`."""
    return cv2.warpPerspective(
        plane, matrix, plane.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )


def moved_by(step: Any, n: int = 8, name: str = "gravel", kind: str = "slant") -> Scene:
    """A stack that moves from plane to plane by a matrix that counts from the field's centre."""
    size = (160, 192)
    image = picture(name, *(side + 2 * OUTSIDE for side in size))
    depth = surface(kind, n, *image.shape)
    powers = [np.linalg.matrix_power(np.array(step, np.float64), k - n // 2) for k in range(n)]
    motion = np.array([about_centre(power, size) for power in powers])
    planes = render_stack(
        image, depth, n, 1.2, margin=OUTSIDE, transforms=motion, noise=QUIET, seed=1
    )
    inner = np.s_[OUTSIDE:-OUTSIDE, OUTSIDE:-OUTSIDE]
    return Scene(planes, image[inner], depth[inner], motion)
