"""Optical sections of an epithelium: membranes on a curved surface, nuclei below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.simulation.samples import two_hills

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

CHANNELS = ("Nuclei", "Membranes")
"""Channels of a recording, in its order."""
NUCLEI_BELOW = 4.0
"""Planes from the surface that the membranes mark down to the nuclei."""
SECTION = 1.1
"""Standard deviation of an optical section, in planes."""
CAMERA_OFFSET = 100
"""Value of a pixel without light."""
GAIN = 20
"""Grey values of a photon."""
STRAY = 0.01
"""Light that lies over every pixel of a section."""


@dataclass(frozen=True)
class Epithelium:
    """Cells of a tissue and the surface on which they lie.

    Attributes
    ----------
    nuclei, membranes : numpy.ndarray
        (Y, X) float32: light of the two stains, 0 to 1.
    labels : numpy.ndarray
        (Y, X) uint16: number of the nucleus at each pixel, 0 for none.
    depth : numpy.ndarray
        (Y, X) float32: depth of the membranes, in planes.
    """

    nuclei: Floats
    membranes: Floats
    labels: NDArray[np.uint16]
    depth: Floats


@dataclass(frozen=True)
class Tissue:
    """What tissue to draw.

    Attributes
    ----------
    height, width : int
        Size in pixels.
    cells : int
        Number of cells.
    lowest, highest : float
        Least and largest depth of its surface, in planes.
    seed : int
        Seed of the cells.
    """

    height: int
    width: int
    cells: int
    lowest: float
    highest: float
    seed: int = 0


def draw_epithelium(tissue: Tissue) -> Epithelium:
    """Draw the cells of a tissue.

    Parameters
    ----------
    tissue : Tissue
        Size, number of cells, and range of depth.

    Returns
    -------
    Epithelium
        Stains, labels and depth.
    """
    import cv2
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(tissue.seed)
    shape = tissue.height, tissue.width
    grid = np.moveaxis(np.mgrid[: shape[0], : shape[1]], 0, -1).reshape(-1, 2)
    centres = _evened(rng.uniform((0, 0), shape, (tissue.cells, 2)), grid)
    distances, nearest = cKDTree(centres).query(grid, k=2)
    cell = nearest[:, 0].reshape(shape)
    border = (distances[:, 1] - distances[:, 0]).reshape(shape)
    brightness = rng.uniform(0.6, 1.0, tissue.cells).astype(np.float32)
    grain = _grain(rng, shape, 1.5)
    membranes = np.exp(-((border / 2.2) ** 2)).astype(np.float32) * (0.75 + 0.25 * grain)
    radius = 0.3 * np.sqrt(np.prod(shape) / tissue.cells)
    squeeze = rng.uniform(0.8, 1.25, tissue.cells)[cell]
    off = grid.reshape(*shape, 2) - centres[cell]
    inside = (off[..., 0] * squeeze) ** 2 + (off[..., 1] / squeeze) ** 2 < radius**2
    labels = np.where(inside, cell + 1, 0).astype(np.uint16)
    nuclei = inside * brightness[cell] * (0.7 + 0.3 * _grain(rng, shape, 1.2))
    turned = tuple(axis for axis in (0, 1) if tissue.seed >> axis & 1)
    relief = np.flip(two_hills(*shape), turned)
    depth = tissue.lowest + (tissue.highest - tissue.lowest) * relief
    return Epithelium(
        np.asarray(cv2.GaussianBlur(nuclei.astype(np.float32), (0, 0), 0.8), np.float32),
        np.asarray(cv2.GaussianBlur(membranes, (0, 0), 0.8), np.float32),
        labels,
        depth.astype(np.float32),
    )


def _evened(centres: NDArray[np.float64], grid: NDArray[np.int64]) -> NDArray[np.float64]:
    """Move centres to the middle of their cells (Lloyd), which makes cells of equal size."""
    from scipy.spatial import cKDTree

    for _ in range(3):
        owner = cKDTree(centres).query(grid)[1]
        count = np.maximum(np.bincount(owner, minlength=len(centres)), 1)
        sums = [np.bincount(owner, grid[:, axis], len(centres)) for axis in (0, 1)]
        centres = np.stack(sums, axis=-1) / count[:, None]
    return centres


def _grain(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Floats:
    """Return smooth noise of mean 0 and standard deviation 1, limited to -2 to 2."""
    import cv2

    noise = cv2.GaussianBlur(rng.standard_normal(shape).astype(np.float32), (0, 0), sigma)
    grain: Floats = np.clip(noise / noise.std(), -2, 2).astype(np.float32)
    return grain


def record_sections(
    light: Floats, depth: Floats, planes: int, photons: float, seed: int = 0
) -> NDArray[np.uint16]:
    """Return optical sections, as a confocal microscope records them.

    Light of a section fades with the distance from focus, and blurs a little before it does.

    Parameters
    ----------
    light : numpy.ndarray
        (Y, X) float32, 0 to 1.
    depth : numpy.ndarray
        (Y, X) float32: depth at which each pixel is in focus, in planes.
    planes : int
        Number of planes.
    photons : float
        Photons of a pixel of light 1 in focus, which determine the shot noise.
    seed : int
        Seed of the noise.

    Returns
    -------
    numpy.ndarray
        (planes, Y, X) uint16: `CAMERA_OFFSET` and `GAIN` for each photon, those of `STRAY` light
        included.
    """
    import cv2

    rng = np.random.default_rng(seed)
    soft = cv2.GaussianBlur(light, (0, 0), 2.5)
    sections = np.empty((planes, *light.shape), np.uint16)
    for k in range(planes):
        off = np.square(k - depth)
        fades, softens = np.exp(-off / (2 * SECTION**2)), 1 - np.exp(-off / 2)
        seen = photons * (fades * (light + softens * (soft - light)) + STRAY)
        sections[k] = np.minimum(CAMERA_OFFSET + GAIN * rng.poisson(seen), 65535)
    return sections


def light_in_focus(light: Floats, photons: float) -> Floats:
    """Return what a section in focus adds to the background, without noise.

    Parameters
    ----------
    light : numpy.ndarray
        (Y, X) float32, 0 to 1, as `record_sections` takes it.
    photons : float
        Photons of a pixel of light 1 in focus.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32, grey values above those of `CAMERA_OFFSET` and `STRAY` light.
    """
    grey: Floats = (GAIN * photons * light).astype(np.float32)
    return grey
