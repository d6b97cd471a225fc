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
    suffix: str
    attribute: str
    colormap: str
    help: str


OUTPUTS = {
    "depth-index": _Output(
        "depth index", "depth_index", "viridis", "Number of the plane in focus at each pixel."
    ),
    "depth": _Output("depth", "depth", "viridis", "The same between planes, in planes."),
    "height": _Output(
        "height", "height", "viridis", "Depth times the z step, in the unit of the z step."
    ),
    "confidence": _Output(
        "confidence", "confidence", "gray", "How far each depth can be trusted, 0 to 1."
    ),
}
"""Layers that may come beside the stacked image, by their role."""


def appearance(layer: Image) -> dict[str, Any]:
    """How `layer` is shown, for an image with the same kind of values."""
    if layer.rgb:
        return {"rgb": True}
    return {
        "rgb": False,
        "colormap": layer.colormap,  # two may share a name
        "contrast_limits": tuple(layer.contrast_limits),
        "gamma": layer.gamma,
    }


def display_limits(planes: Any, rgb: bool) -> tuple[float, float]:
    """Contrast limits for an image, or for a stack from its middle plane.

    napari shows 16-bit and float colour white unless told the limits. Colour goes from 0 to the
    end of the narrowest scale that holds it (1, or 8, 10, 12, 14 or 16 bits), so that hues stay;
    grey from its smallest to its largest value.

    Parameters
    ----------
    planes : array-like
        (Y, X[, C]), or (Z, Y, X[, C]), of which one plane is read. 8 bits need no look.
    rgb : bool
        Whether the last axis is colour.
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
    """Smallest and largest number; without a copy unless some are not finite."""
    low, high = float(plane.min()), float(plane.max())
    if np.isfinite((low, high)).all():
        return low, high
    finite = plane[np.isfinite(plane)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def map_appearance(name: str, array: NDArray[Any], last_plane: float) -> dict[str, Any]:
    """How one of `OUTPUTS` is shown: arguments of `add_image`."""
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
