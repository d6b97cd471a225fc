"""Appearance of results: colormaps and contrast limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Image
    from numpy.typing import NDArray


@dataclass(frozen=True)
class _Output:
    """One of the maps: end of its layer's name, attribute in the result, colormap and help text."""

    suffix: str
    attribute: str
    colormap: str
    help: str


BAR_TITLE = "napari-focus-stack-bar"
"""Key of the metadata of other maps: name and unit of their values, for the colour bar."""
OUTPUTS = {
    "depth-index": _Output(
        "depth index",
        "depth_index",
        "viridis",
        "Number of the plane that is sharpest at each pixel, counted from 0.",
    ),
    "depth": _Output(
        "depth",
        "depth",
        "viridis",
        "Depth of the surface at each pixel, in planes, also between two of them, as in 4.3.",
    ),
    "height": _Output(
        "height",
        "height",
        "viridis",
        "Depth in µm, or the unit chosen below: the depth times the z step, which must be known.",
    ),
    "confidence": _Output(
        "confidence",
        "confidence",
        "gray",
        "How sure the depth is at each pixel: from 0 (a guess, nothing to see there) to 1 (sure).",
    ),
}
"""Maps that may be shown with the stacked image, by the roles of their layers."""


def appearance(layer: Image) -> dict[str, Any]:
    """Return the appearance of a layer, for another image with values of the same kind.

    Parameters
    ----------
    layer : napari.layers.Image
        Layer to imitate.

    Returns
    -------
    dict
        Arguments of `add_image`.
    """
    if layer.rgb:
        return {"rgb": True}
    return {
        "rgb": False,
        "colormap": layer.colormap,  # two may share a name
        "contrast_limits": tuple(layer.contrast_limits),
        "gamma": layer.gamma,
    }


def display_limits(planes: Any, rgb: bool) -> tuple[float, float]:
    """Return contrast limits for an image, or for a stack by its middle plane.

    Without limits napari shows 16-bit and float colour as white. The limits of colour are 0 and the
    end of the narrowest scale that contains it (1, or 8, 10, 12, 14 or 16 bits), which preserves
    hues; those of grey are its smallest and its largest value.

    Parameters
    ----------
    planes : array-like
        (Y, X[, C]), or (Z, Y, X[, C]), of which one plane is read unless it has 8 bits.
    rgb : bool
        Whether the last axis is colour.

    Returns
    -------
    tuple of float
        Values that are shown black and white.
    """
    if planes.dtype == np.uint8:
        return 0.0, 255.0
    plane = np.asarray(planes[planes.shape[0] // 2] if planes.ndim - rgb == 3 else planes)
    low, high = _extremes(plane)
    if rgb:
        scales = (1.0, *(2.0**bits - 1 for bits in (8, 10, 12, 14, 16)))
        return 0.0, next((scale for scale in scales if high <= scale), high)
    if low < high:
        return low, high
    whole = plane.dtype.kind in "ui"
    return (0.0, float(np.iinfo(plane.dtype).max)) if whole else (low, low + 1)


def _extremes(plane: NDArray[Any]) -> tuple[float, float]:
    """Return the smallest and the largest finite value; copy only if some are not finite."""
    low, high = float(plane.min()), float(plane.max())
    if np.isfinite((low, high)).all():
        return low, high
    finite = plane[np.isfinite(plane)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def map_appearance(name: str, array: NDArray[Any], last_plane: float) -> dict[str, Any]:
    """Return the appearance of a map.

    Parameters
    ----------
    name : str
        Role of the map, a key of `OUTPUTS`.
    array : numpy.ndarray
        (Y, X) values.
    last_plane : float
        Number of the last plane, the largest depth.

    Returns
    -------
    dict
        Arguments of `add_image`.
    """
    limits = {
        "height": display_limits(array, rgb=False) if name == "height" else None,
        "confidence": (0.0, 1.0),
    }.get(name, (0.0, last_plane))
    return {
        "rgb": False,
        "colormap": OUTPUTS[name].colormap,
        "contrast_limits": limits,
        "interpolation2d": "nearest",
    }
