"""Heights in pixels of a picture, and maps reduced to the size of a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._utils.wording import format_percentage
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.imgproc.dtypes import computable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.analysis.height_map import HeightMap

KNOWN_SHARE = 0.5
"""Least share of a reduced pixel that must have heights."""


def pixels_per_height(source: HeightMap) -> float:
    """Return the factor from heights to widths of a pixel.

    Parameters
    ----------
    source : HeightMap
        Heights and pixel size in one unit are true to scale. Otherwise a plane counts as a pixel
        wide.

    Returns
    -------
    float
        Pixels along x for one unit of height.
    """
    return 1 / (source.pixel_size[1] if source.is_isometric else source.plane_height)


def scale_note(source: HeightMap) -> str | None:
    """Return what limits the proportions of a view, as a sentence for the user.

    Parameters
    ----------
    source : HeightMap
        Map with its calibration.

    Returns
    -------
    str or None
        None where heights are true to scale.
    """
    if source.is_isometric:
        return None
    return (
        "Pixel size and z step are not both known: a plane counts as a pixel wide, and slopes are "
        "not true."
    )


def filling_note(source: HeightMap) -> str | None:
    """Return which heights of a relief are not measured, as a sentence for the user.

    Parameters
    ----------
    source : HeightMap
        Map of which a relief was drawn.

    Returns
    -------
    str or None
        None where every height is sure.
    """
    unsure = float((np.isfinite(source.heights) & ~source.counted).mean())
    if unsure == 0:
        return None
    return (
        f"{format_percentage(unsure).capitalize()} of the heights are not sure and were replaced "
        "by smooth ones between those that are; choose a least confidence of 0 to show all as they "
        "are."
    )


def pixel_aspect(source: HeightMap) -> float:
    """Return the length of a pixel along y in widths of a pixel.

    Parameters
    ----------
    source : HeightMap
        Map with a pixel size.

    Returns
    -------
    float
        1 for square pixels.
    """
    return source.pixel_size[0] / source.pixel_size[1]


def sure_range(source: HeightMap) -> tuple[float, float]:
    """Return the lowest and the highest sure height.

    Parameters
    ----------
    source : HeightMap
        Height map.

    Returns
    -------
    tuple of float
        In the unit of the map.

    Raises
    ------
    InputError
        No height is sure.
    """
    sure = source.counted
    if not sure.any():
        raise InputError(
            "No height is sure enough to show; choose another result or a lower least confidence "
            f"than {source.least_confidence:g}."
        )
    # comparisons with NaN are false, and warn
    with np.errstate(invalid="ignore"):
        low = np.min(source.heights, where=sure, initial=np.inf)
        high = np.max(source.heights, where=sure, initial=-np.inf)
    return float(low), float(high)


def check_exaggeration(exaggeration: float) -> None:
    """Refuse a factor on heights that shows nothing.

    Parameters
    ----------
    exaggeration : float
        Factor on heights; below 0 where heights increase away from the viewer.

    Raises
    ------
    SettingsError
        It is 0 or no finite number.
    """
    if exaggeration == 0 or not math.isfinite(exaggeration):
        raise SettingsError(f"exaggeration {exaggeration} must be a number other than 0.")


def reduced_heights(
    heights: NDArray[Any], size: tuple[int, int], least: float = KNOWN_SHARE
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Reduce heights to area means of those that are finite.

    Parameters
    ----------
    heights : numpy.ndarray
        (Y, X), NaN where there is none.
    size : tuple of int
        Width and height of the result, not larger than those of `heights`.
    least : float
        Least share of an area that must have heights, above 0.

    Returns
    -------
    tuple of numpy.ndarray
        (y, x) float32 heights, 0 where there is none, and (y, x) bool, where enough of the area has
        heights.
    """
    values = heights.astype(np.float32, copy=False)
    finite = np.isfinite(values)
    if size == (heights.shape[1], heights.shape[0]):
        return np.where(finite, values, np.float32(0)), finite
    filled = np.where(finite, values, np.float32(0))
    share = cv2.resize(finite.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(filled, size, interpolation=cv2.INTER_AREA)
    known = np.asarray(share >= least)
    return np.divide(total, share, out=np.zeros_like(total), where=known), known


def reduced_picture(picture: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Reduce a picture to area means.

    Parameters
    ----------
    picture : numpy.ndarray
        (Y, X[, C]) of any type.
    size : tuple of int
        Width and height of the result, not larger than those of the picture.

    Returns
    -------
    numpy.ndarray
        (y, x[, C]) uint8, uint16 or float32.
    """
    plane = computable(picture)
    if size == (picture.shape[1], picture.shape[0]):
        return plane
    small: NDArray[Any] = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return small
