"""Reliefs reduced to the size of a picture, with the colours of their image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.errors import SettingsError
from napari_focus_stack.figures.filling import filled
from napari_focus_stack.figures.grid import (
    check_exaggeration,
    pixel_aspect,
    pixels_per_height,
    reduced_heights,
    reduced_picture,
    sure_range,
)
from napari_focus_stack.figures.hillshade import ALTITUDE, lambert
from napari_focus_stack.figures.pictures import as_rgb8, check_picture, contrast_limits
from napari_focus_stack.figures.poses import STEEPEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.figures.poses import Pose

SHADING = 0.3
"""Share of light from one side in the brightness of a relief, by default."""
FILLED = 0.96
"""Part of the picture's width or height that the relief fills."""
_ANY = 1e-6
"""Least share of an area that must be sure: a single height, which is better than none."""
FINER = 2
"""Rows and columns that are computed for each one of the picture, and averaged."""
SMALLEST_SIDE, LARGEST_SIDE = 16, 8192
"""Bounds of the sides of a picture, in pixels."""


@dataclass(frozen=True, eq=False)
class Relief:
    """Relief that is reduced to the size of a picture, ready to be seen from any side.

    Attributes
    ----------
    texture : numpy.ndarray
        (Y, X, 3) uint8: colours of the surface.
    heights : numpy.ndarray
        (Y, X) float32 in pixels of the picture, from the middle of their range; 0 where there is
        none.
    known : numpy.ndarray
        (Y, X) bool: where the surface is.
    pixel : tuple of float
        Size of one of these pixels along y and x, in pixels of the picture.
    thickness : float
        Distance between the lowest and the highest height, in pixels of the picture.
    frame : tuple of int
        Width and height of the picture.
    """

    texture: NDArray[np.uint8]
    heights: NDArray[np.float32]
    known: NDArray[np.bool_]
    pixel: tuple[float, float]
    thickness: float
    frame: tuple[int, int]

    @property
    def extents(self) -> tuple[float, float, float]:
        """Extents along x, y and height, in pixels of the picture."""
        rows, cols = self.known.shape
        return cols * self.pixel[1], rows * self.pixel[0], self.thickness


def prepare_relief(
    source: HeightMap,
    image: NDArray[Any] | None,
    poses: Sequence[Pose],
    *,
    frame: tuple[int, int] = (1280, 960),
    exaggeration: float = 1.0,
    shading: float = SHADING,
) -> Relief:
    """Return a relief reduced to a picture that it fits in from every side.

    Parameters
    ----------
    source : HeightMap
        Heights that are not sure are replaced by smooth ones between those that are; a least
        confidence of 0 shows all as they are. Heights are true to scale where heights and pixels
        have one unit; otherwise a plane counts as a pixel wide.
    image : numpy.ndarray or None
        (Y, X), RGB or RGBA, of any type; None colours the relief by its heights.
    poses : sequence of Pose
        Sides from which the relief will be seen.
    frame : tuple of int
        Width and height of the picture in pixels.
    exaggeration : float
        Factor on heights; below 0 where heights increase away from the viewer.
    shading : float
        Share of light from the upper left in the brightness, 0 to 1.

    Returns
    -------
    Relief
        The relief.

    Raises
    ------
    InputError
        The image does not fit, or no height is sure.
    SettingsError
        A number is out of bounds.
    """
    _check(frame, exaggeration, shading, poses)
    if image is not None:
        check_picture(image, source.shape)
    (rows, cols), aspect = source.shape, pixel_aspect(source)
    low, high = sure_range(source)
    in_pixels = exaggeration * pixels_per_height(source)
    thickness = abs(in_pixels) * (high - low)
    scale = _fitting((cols, rows * aspect, thickness), poses, frame)
    size = _size((rows, cols), scale, aspect)
    heights, known = _calm(source, size)
    pixel = scale * rows * aspect / size[1], scale * cols / size[0]
    texture = _by_height(heights, low, high) if image is None else _texture(image, size)
    shade = lambert(heights, known, scale * in_pixels / pixel[1], pixel[0] / pixel[1])
    heights -= np.float32((low + high) / 2)
    heights *= np.float32(scale * in_pixels)
    heights[~known] = 0
    return Relief(lit(texture, shade, shading), heights, known, pixel, scale * thickness, frame)


def _check(
    frame: tuple[int, int], exaggeration: float, shading: float, poses: Sequence[Pose]
) -> None:
    """Refuse numbers that give no picture."""
    check_exaggeration(exaggeration)
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in frame):
        raise SettingsError(
            f"frame {frame[0]} x {frame[1]} must have sides of {SMALLEST_SIDE} to {LARGEST_SIDE} "
            "pixels."
        )
    if not 0 <= shading <= 1:
        raise SettingsError(f"shading {shading} must be 0 to 1.")
    for pose in poses:
        if not 0 <= pose.tilt <= STEEPEST:
            raise SettingsError(f"tilt {pose.tilt:g} must be 0 to {STEEPEST:g} degrees.")


def _fitting(
    extents: tuple[float, float, float], poses: Sequence[Pose], frame: tuple[int, int]
) -> float:
    """Return pixels of the picture per pixel of the map, so that the relief fits in."""
    needed = [np.abs(pose.rotation[:2]) @ np.array(extents) for pose in poses]
    across, down = np.max(needed, axis=0)
    return float(FILLED * min(frame[0] / across, frame[1] / down))


def _size(shape: tuple[int, int], scale: float, aspect: float) -> tuple[int, int]:
    """Return width and height of the reduced map; details finer than the picture are averaged."""
    rows, cols = shape
    factors = min(1.0, FINER * scale), min(1.0, FINER * scale * aspect)
    return max(2, round(cols * factors[0])), max(2, round(rows * factors[1]))


def _calm(
    source: HeightMap, size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return reduced heights, smooth where none is sure, and where there are any."""
    known_heights, known = reduced_heights(source.heights, size)
    if source.confidence is None:
        return known_heights, known
    # of a field without much texture all areas may be less than half sure
    sure_heights = np.where(source.counted, source.heights, np.nan)
    return filled(*reduced_heights(sure_heights, size, _ANY)), known


def _texture(image: NDArray[Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return an image reduced, as 8-bit RGB."""
    return as_rgb8(reduced_picture(image, size), contrast_limits(image))


def _by_height(heights: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    """Return the colours of heights."""
    share = (heights - np.float32(low)) * np.float32(255 / max(high - low, 1e-30))
    grey = np.clip(share, 0, 255).astype(np.uint8)
    coloured: NDArray[np.uint8] = cv2.applyColorMap(grey, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    return np.ascontiguousarray(coloured)


def lit(
    texture: NDArray[np.uint8], shade: NDArray[np.float32], shading: float
) -> NDArray[np.uint8]:
    """Return a texture under light from one side.

    Parameters
    ----------
    texture : numpy.ndarray
        (Y, X, 3) uint8.
    shade : numpy.ndarray
        (Y, X) float32, as `lambert` returns it for the light by default.
    shading : float
        Share of that light in the brightness, 0 to 1.

    Returns
    -------
    numpy.ndarray
        (Y, X, 3) uint8; level parts remain as bright as they are.
    """
    level = math.sin(math.radians(ALTITUDE))
    light = np.float32(1 - shading) + np.float32(shading / level) * shade
    return np.clip(texture * light[..., None], 0, 255).astype(np.uint8)
