"""Photographs of a fly: a drawn head with facets and bristles on a leaf, of known depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.simulation.rendering import SensorNoise, drift, render_stack
from napari_focus_stack.simulation.scenes import GroundTruthStack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

PLANES, SIDES, MARGIN = 22, (400, 560), 20
FACET = 11.0
"""Distance of the facets of an eye, in pixels."""
BRISTLES = 26
NEAREST = PLANES - 2.0
"""Depth of the tips of the longest bristles, in planes."""


@dataclass(frozen=True)
class Drawing:
    """A picture and its depth.

    Attributes
    ----------
    picture : numpy.ndarray
        (Y, X, 3) float32, 0 to 1.
    depth : numpy.ndarray
        (Y, X) float32, in planes.
    """

    picture: Floats
    depth: Floats

    def with_part(self, inside: NDArray[np.bool_], picture: Floats, depth: Floats) -> Drawing:
        """Return the drawing with a part before it.

        Parameters
        ----------
        inside : numpy.ndarray
            (Y, X) bool: pixels of the part.
        picture : numpy.ndarray
            (Y, X, 3), its colours.
        depth : numpy.ndarray
            (Y, X), its depth; it hides what has less.

        Returns
        -------
        Drawing
            Both.
        """
        before = inside & (depth > self.depth)
        return Drawing(
            np.where(before[..., None], picture, self.picture).astype(np.float32),
            np.where(before, depth, self.depth).astype(np.float32),
        )


def fly_photographs() -> GroundTruthStack:
    """Render photographs of a fly's head through a macro lens whose focus is turned by hand.

    The lens breathes, the camera shifts a little, and exposures differ by some per cent.

    Returns
    -------
    GroundTruthStack
        (22, 400, 560, 3) uint8: a leaf behind, the head, and bristles in front.
    """
    import cv2

    fly = draw_fly(*(side + 2 * MARGIN for side in SIDES))
    picture = np.clip(cv2.GaussianBlur(fly.picture, (0, 0), 0.6), 0, 1)
    motion = drift(PLANES, SIDES, zoom=0.0012, shift=0.6, seed=3)
    gains = 1 + 0.02 * np.sin(1.7 * np.arange(PLANES))
    planes = render_stack(
        picture,
        fly.depth,
        PLANES,
        1.0,
        margin=MARGIN,
        transforms=motion,
        gains=[float(gain) for gain in gains],
        noise=SensorNoise(read=0.003, shot=1 / 20_000),
    )
    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    image = np.rint(picture[inner] * 255).astype(np.uint8)
    return GroundTruthStack(planes, image, fly.depth[inner], motion)


def draw_fly(height: int, width: int) -> Drawing:
    """Draw the head of a fly on a leaf.

    Parameters
    ----------
    height, width : int
        Size in pixels.

    Returns
    -------
    Drawing
        Picture and depth.
    """
    rng = np.random.default_rng(5)
    centre = np.array([0.58 * height, 0.5 * width])
    y, x = np.mgrid[:height, :width].astype(np.float32)
    drawing = _leaf(height, width)
    drawing = drawing.with_part(*_head(y - centre[0], x - centre[1], height, rng))
    for side in (-1, 1):
        beside = x - (centre[1] + side * 0.27 * height)
        drawing = drawing.with_part(*_eye(y - centre[0] + 0.06 * height, beside, height))
    for _ in range(BRISTLES):
        root = centre + rng.uniform((-0.34, -0.3), (0.3, 0.3)) * height
        drawing = drawing.with_part(*_bristle(drawing.depth, root, centre, rng))
    return drawing


def _leaf(height: int, width: int) -> Drawing:
    """Return a green leaf that lies at a slant."""
    import cv2
    from skimage import data

    grass = cv2.resize(data.grass(), (width, height), interpolation=cv2.INTER_AREA) / 255
    picture = (0.2 + 0.8 * grass[..., None]) * np.array([0.50, 0.74, 0.30])
    slant = np.tile(np.linspace(0.5, 2.5, width), (height, 1))
    return Drawing(picture.astype(np.float32), slant.astype(np.float32))


def _cap(y: Floats, x: Floats, half_height: float, half_width: float) -> Floats:
    """Return the height of an ellipsoid cap, 1 at its top and 0 at its rim and outside."""
    cap: Floats = np.sqrt(np.clip(1 - (y / half_height) ** 2 - (x / half_width) ** 2, 0, 1))
    return cap


def _head(
    y: Floats, x: Floats, size: int, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Return the part between the eyes: a brown dome with fine hairs."""
    import cv2

    cap = _cap(y, x, 0.36 * size, 0.38 * size)
    hairs = cv2.GaussianBlur(rng.standard_normal(y.shape), (0, 0), sigmaX=0.7, sigmaY=2.5)
    grain = 0.8 + 0.22 * np.clip(hairs / hairs.std(), -2.5, 2.5)
    stripe = 1 - 0.55 * np.exp(-((x / (0.035 * size)) ** 2))
    colour = (grain * stripe * (0.5 + 0.5 * cap))[..., None] * np.array([0.62, 0.47, 0.30])
    return cap > 0, np.clip(colour, 0.02, 1).astype(np.float32), 4 + 5 * cap


def _eye(y: Floats, x: Floats, size: int) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Return an eye: a red dome of hexagonal facets, each with a glint."""
    cap = _cap(y, x, 0.30 * size, 0.17 * size)
    turns = np.deg2rad([0, 60, 120])
    waves = [np.cos(2 * np.pi * (x * np.cos(a) + y * np.sin(a)) / (FACET * 0.866)) for a in turns]
    facet = (np.sum(waves, axis=0) + 1.5) / 4.5
    red = (0.25 + 0.75 * facet) * (0.45 + 0.55 * cap)
    colour = red[..., None] * np.array([0.72, 0.16, 0.12])
    glint = np.clip(facet - 0.8, 0, 1) * 2.2 * cap
    return cap > 0, np.clip(colour + glint[..., None], 0.01, 1).astype(np.float32), 6 + 7 * cap


def _bristle(
    depth: Floats, root: NDArray[np.float64], centre: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Return a dark bristle that bends outwards and rises towards the lens, thinner to its tip."""
    from scipy.spatial import cKDTree

    height, width = depth.shape
    steps = np.linspace(0, 1, 240)
    outwards = (root - centre) / (np.linalg.norm(root - centre) + 1e-6)
    bend = np.array([-outwards[1], outwards[0]]) * rng.uniform(-0.4, 0.4)
    length = rng.uniform(0.22, 0.4) * height
    path = root + length * (steps[:, None] * outwards + steps[:, None] ** 2 * bend)
    begins = float(depth[int(np.clip(root[0], 0, height - 1)), int(np.clip(root[1], 0, width - 1))])
    tip = rng.uniform(0.75, 1.0) * NEAREST
    pixels = np.moveaxis(np.mgrid[:height, :width], 0, -1)
    distance, nearest = cKDTree(path).query(pixels, distance_upper_bound=5.0)
    step = np.append(steps, 1.0)[nearest]  # one more for pixels without a step in reach
    radius = 3.4 * (1 - step) + 0.8
    rises = (begins + (tip - begins) * step).astype(np.float32)
    inside = distance <= radius
    shine = np.where(inside, 1 - distance / radius, 0)
    grey = 0.03 + 0.16 * shine**2
    return inside, (grey[..., None] * np.array([1.0, 0.92, 0.85])).astype(np.float32), rises
