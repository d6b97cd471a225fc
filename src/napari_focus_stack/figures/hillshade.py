"""Hillshade: the brightness of a matt surface under light from one side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.errors import SettingsError
from napari_focus_stack.figures.grid import check_exaggeration, pixel_aspect, pixels_per_height

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.analysis.height_map import HeightMap

AZIMUTH, ALTITUDE = 315.0, 45.0
"""Direction of the light in degrees, from the upper left: from below, relief appears inverted."""


def hillshade(
    source: HeightMap,
    *,
    azimuth: float = AZIMUTH,
    altitude: float = ALTITUDE,
    exaggeration: float = 1.0,
) -> NDArray[np.float32]:
    """Return the brightness of a surface under light from one side.

    The slope is that of the eight neighbours of a pixel [1]_, the brightness Lambert's cosine.

    Parameters
    ----------
    source : HeightMap
        Heights of any confidence. Where heights and pixels have no common unit, a plane counts as
        a pixel wide.
    azimuth : float
        Direction from which the light comes, in degrees, clockwise from the top of the picture.
    altitude : float
        Angle of the light above the surface, in degrees, above 0 to 90.
    exaggeration : float
        Factor on heights; below 0 where heights increase away from the viewer.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32, 0 (in the shade) to 1 (facing the light); NaN where there is no height. A
        neighbour without a height counts as level with the mean of those that have one.

    Raises
    ------
    SettingsError
        A number is out of bounds.

    References
    ----------
    .. [1] B. K. P. Horn, "Hill shading and the reflectance map", Proceedings of the IEEE 69 (1981),
       14-47, https://doi.org/10.1109/PROC.1981.11918
    """
    check_exaggeration(exaggeration)
    if not math.isfinite(azimuth):
        raise SettingsError(f"azimuth {azimuth} must be a number of degrees.")
    if not 0 < altitude <= 90:
        raise SettingsError(f"altitude {altitude} must be above 0 and at most 90 degrees.")
    known = np.isfinite(source.heights)
    shade = lambert(
        np.where(known, source.heights, 0).astype(np.float32, copy=False),
        known,
        exaggeration * pixels_per_height(source),
        pixel_aspect(source),
        (azimuth, altitude),
    )
    shade[~known] = np.nan
    return shade


def lambert(
    heights: NDArray[np.float32],
    known: NDArray[np.bool_],
    scale: float,
    aspect: float,
    light: tuple[float, float] = (AZIMUTH, ALTITUDE),
) -> NDArray[np.float32]:
    """Return the cosine between the normal of a surface and the light.

    Parameters
    ----------
    heights : numpy.ndarray
        (Y, X) float32, finite.
    known : numpy.ndarray
        (Y, X) bool: where the surface is; elsewhere heights do not count.
    scale : float
        Factor from heights to widths of a pixel.
    aspect : float
        Length of a pixel along y in widths of a pixel.
    light : tuple of float
        Azimuth and altitude of the light, in degrees.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32, 0 to 1; without meaning where the surface is not known.
    """
    filled = _bordered(heights, known)
    # Horn's weights are Sobel's, over 8 pixels
    along_x = cv2.Sobel(filled, cv2.CV_32F, 1, 0, ksize=3, scale=scale / 8)
    along_y = cv2.Sobel(filled, cv2.CV_32F, 0, 1, ksize=3, scale=scale / (8 * aspect))
    azimuth, altitude = (math.radians(angle) for angle in light)
    # the light in columns, rows (downwards) and heights; the normal is (-along_x, -along_y, 1)
    towards = math.sin(azimuth), -math.cos(azimuth)
    cosine = math.sin(altitude) - math.cos(altitude) * (
        np.float32(towards[0]) * along_x + np.float32(towards[1]) * along_y
    )
    cosine /= np.sqrt(1 + along_x * along_x + along_y * along_y)
    brightness: NDArray[np.float32] = np.clip(cosine, 0, 1)
    return brightness.astype(np.float32, copy=False)


def _bordered(heights: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return heights whose missing neighbours are the mean of those within a pixel of them."""
    if known.all():
        return heights
    share = cv2.blur(known.astype(np.float32), (3, 3), borderType=cv2.BORDER_REPLICATE)
    total = cv2.blur(np.where(known, heights, 0), (3, 3), borderType=cv2.BORDER_REPLICATE)
    mean = np.divide(total, share, out=np.zeros_like(total), where=share > 0)
    return np.where(known, heights, mean)
