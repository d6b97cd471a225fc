"""Pictures of a result for the contact sheet: image and depth, small and in full view."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.depth.estimation import TRUSTED
from napari_focus_stack.diagnostics.health import GUESS
from napari_focus_stack.imgproc.alpha import has_alpha, ignores_alpha, opaque_value
from napari_focus_stack.imgproc.dtypes import computable
from napari_focus_stack.imgproc.pyramids import reduced_to

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Colours = NDArray[np.uint8]
    Map = NDArray[np.float32]

THUMBNAIL_SIDE, VIEW_SIDE = 240, 1600
"""Longest side, in pixels, of a thumbnail and of a picture in full view."""
QUALITY = 88
"""Quality of JPEG: edges of colour keep clean; 1600 x 1200 pixels take about 300 kB."""
CONTRAST = (0.1, 99.9)
"""Percentiles of the image that are shown black and white."""
DEPTH_RANGE = (1, 99)
"""Percentiles of the depth that is sure, shown in the first and the last colour."""
UNSURE, UNRECORDED = 118, 24
"""Grey levels of pixels whose depth is a guess, and of those that no plane recorded."""
MOST_SAMPLES = 130_000
"""Pixels from which percentiles are taken at most: the 0.1th is then the 130th value; 1 ms."""


def pictures_of(
    image: NDArray[Any], depth: NDArray[np.float32], confidence: NDArray[np.float32]
) -> dict[str, bytes]:
    """Return the pictures of a result as JPEG files.

    Parameters
    ----------
    image : numpy.ndarray
        (Y, X[, C]) of any type: grey, RGB or RGBA; NaN and transparent pixels become dark.
    depth : numpy.ndarray
        (Y, X) float32, in planes; NaN becomes dark.
    confidence : numpy.ndarray
        (Y, X) float32, 0 to 1: depth turns grey from 0.5 down to 0.1.

    Returns
    -------
    dict of str to bytes
        "image" and "depth", longest side 240 pixels at most, and "image_view" and "depth_view",
        1600 at most, averaged over areas and never enlarged. Contrast goes from the 0.1th to the
        99.9th percentile, but 8-bit colour stays as it is.
    """
    shown, relief = _shown(image), _coloured(depth, confidence)
    return {
        "image": _jpeg(reduced_to(shown, THUMBNAIL_SIDE)),
        "depth": _jpeg(reduced_to(relief, THUMBNAIL_SIDE)),
        "image_view": _jpeg(shown),
        "depth_view": _jpeg(relief),
    }


def _jpeg(colours: Colours) -> bytes:
    """Return a grey or BGR picture as JPEG."""
    _done, encoded = cv2.imencode(".jpg", colours, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return bytes(encoded.tobytes())


def _view(values: NDArray[Any], weight: Map | None) -> tuple[NDArray[Any], Map | None]:
    """Return values in the size of the full view, averaged by weight, and their mean weight."""
    if weight is None:
        return reduced_to(values, VIEW_SIDE), None
    over_channels = weight if values.ndim == 2 else weight[..., np.newaxis]
    counted = np.where(over_channels > 0, values, 0).astype(np.float32) * over_channels
    total, smaller = reduced_to(counted, VIEW_SIDE), reduced_to(weight, VIEW_SIDE)
    divisor = np.maximum(smaller, np.float32(1e-6))
    return total / (divisor if values.ndim == 2 else divisor[..., np.newaxis]), smaller


def _shown(image: NDArray[Any]) -> Colours:
    """Return an image in the size of the full view as 8-bit grey or BGR."""
    weight = _opacity(image)
    colours = image[..., :3] if has_alpha(image) else image
    if colours.ndim == 3 and colours.shape[2] < 3:
        colours = colours[..., 0]
    values, weight = _view(computable(colours), weight)
    as_recorded = image.dtype == np.uint8 and colours.ndim == 3
    low, high = (0.0, 255.0) if as_recorded else _limits(values, weight, CONTRAST)
    shown = _on_dark(_stretched(values, low, high), weight)
    return shown if shown.ndim == 2 else np.ascontiguousarray(shown[..., ::-1])


def _opacity(image: NDArray[Any]) -> Map | None:
    """Return the weight of each pixel, 0 to 1: its alpha, and 0 where a value is not finite."""
    weight = None
    if has_alpha(image) and not ignores_alpha(image):
        weight = image[..., 3].astype(np.float32) / np.float32(opaque_value(image.dtype))
    if image.dtype.kind != "f":
        return weight
    finite = np.isfinite(image) if image.ndim == 2 else np.isfinite(image).all(axis=2)
    if finite.all():
        return weight
    return finite.astype(np.float32) if weight is None else np.where(finite, weight, np.float32(0))


def _limits(
    values: NDArray[Any], weight: Map | None, percentiles: tuple[float, float]
) -> tuple[float, float]:
    """Return two percentiles of the pixels that have a weight, from an even sample of them."""
    every = max(1, math.ceil(math.sqrt(values.shape[0] * values.shape[1] / MOST_SAMPLES)))
    sample = values[::every, ::every]
    if weight is not None:
        sample = sample[weight[::every, ::every] > 0]
    if not sample.size:
        return 0.0, 1.0
    low, high = (float(limit) for limit in np.percentile(sample, percentiles))
    return (low, high) if high > low else (float(sample.min()), float(sample.max()))


def _stretched(values: NDArray[Any], low: float, high: float) -> Colours:
    """Return values as 8 bits, `low` and below as 0, `high` and above as 255."""
    if values.dtype == np.uint8 and (low, high) == (0.0, 255.0):
        return values
    scale = 255 / (high - low) if high > low else 0.0
    light = values.astype(np.float32) * np.float32(scale) - np.float32(low * scale)
    stretched: Colours = np.rint(np.clip(light, 0, 255)).astype(np.uint8)
    return stretched


def _on_dark(shown: Colours, weight: Map | None) -> Colours:
    """Return a picture over the dark grey of what no plane recorded."""
    if weight is None:
        return shown
    return _blended(shown, np.full_like(shown, UNRECORDED), weight)


def _blended(over: Colours, under: Colours, weight: Map) -> Colours:
    """Return the weighted mean of two pictures."""
    mixed: Colours = cv2.blendLinear(
        np.ascontiguousarray(over), under, np.ascontiguousarray(weight), 1 - weight
    )
    return mixed


def _coloured(depth: Map, confidence: Map) -> Colours:
    """Return depth in the size of the full view in colours of even steps, BGR."""
    finite = np.isfinite(depth)
    values, weight = _view(depth, None if finite.all() else finite.astype(np.float32))
    trust = reduced_to(np.nan_to_num(confidence, copy=False), VIEW_SIDE)
    low, high = _limits(values, _sure(trust, weight), DEPTH_RANGE)
    colours = cv2.applyColorMap(_stretched(values, low, high), cv2.COLORMAP_VIRIDIS)
    share = np.clip((trust - GUESS) / np.float32(TRUSTED - GUESS), 0, 1).astype(np.float32)
    return _on_dark(_blended(colours, np.full_like(colours, UNSURE), share), weight)


def _sure(trust: Map, weight: Map | None) -> Map | None:
    """Return where depth is sure, as a weight; all that was recorded where it is nowhere sure."""
    sure = (trust >= TRUSTED).astype(np.float32)
    if weight is not None:
        sure *= weight > 0
    return sure if sure.any() else weight
