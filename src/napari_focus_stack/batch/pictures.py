"""Pictures of a result for the contact sheet: image and depth, small and in full view."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.depth.confidence import TRUSTED
from napari_focus_stack.diagnostics.health import GUESS
from napari_focus_stack.imgproc.alpha import has_alpha, ignores_alpha, opaque_value
from napari_focus_stack.imgproc.dtypes import computable
from napari_focus_stack.imgproc.shrinking import reduced_to

if TYPE_CHECKING:
    from collections.abc import Mapping

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


@dataclass(frozen=True)
class Pictures:
    """Pictures of a result for the contact sheet.

    Attributes
    ----------
    files : mapping of str to bytes
        JPEG files: "image" and "depth", longest side 240 pixels at most, and "image_view" and
        "depth_view", 1600 at most.
    colours : tuple of float or None
        Depths, in planes, of the first and the last colour; None where no depth is sure.
    """

    files: Mapping[str, bytes]
    colours: tuple[float, float] | None


def pictures_of(
    image: NDArray[Any], depth: NDArray[np.float32], confidence: NDArray[np.float32]
) -> Pictures:
    """Return the pictures of a result.

    Parameters
    ----------
    image : numpy.ndarray
        (Y, X[, C]) of any type: grey, RGB or RGBA; NaN and transparent pixels become dark.
    depth : numpy.ndarray
        (Y, X) float32, in planes; NaN becomes dark.
    confidence : numpy.ndarray
        (Y, X) float32, 0 to 1: depth turns grey from 0.5 down to 0.1, and is all grey where it is
        nowhere 0.5 or more.

    Returns
    -------
    Pictures
        Averaged over areas and never enlarged. Contrast goes from the 0.1th to the 99.9th
        percentile, but 8-bit colour stays as it is; colours of depth go from the 1st to the 99th.
    """
    colours = _sure_range(depth, confidence)
    shown, relief = _shown(image), _coloured(depth, confidence, colours)
    files = {
        "image": _jpeg(_fitted(shown, THUMBNAIL_SIDE)),
        "depth": _jpeg(_fitted(relief, THUMBNAIL_SIDE)),
        "image_view": _jpeg(shown),
        "depth_view": _jpeg(relief),
    }
    return Pictures(files, colours)


def _jpeg(colours: Colours) -> bytes:
    """Return a grey or BGR picture as JPEG."""
    _done, encoded = cv2.imencode(".jpg", colours, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return bytes(encoded.tobytes())


def _fitted(plane: NDArray[Any], side: int) -> NDArray[Any]:
    """Return a plane averaged over areas, its longest side `side` at most.

    Whole halves first: 4000 x 3000 pixels of 8-bit colour take 14 ms instead of 40. A last odd row
    or column falls away.
    """
    while max(plane.shape[:2]) >= 2 * side and min(plane.shape[:2]) >= 2:
        height, width = (length // 2 for length in plane.shape[:2])
        even = plane[: 2 * height, : 2 * width]
        plane = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
    return reduced_to(plane, side)


def _shown(image: NDArray[Any]) -> Colours:
    """Return an image in the size of the full view as 8-bit grey or BGR."""
    values = _fitted(computable(image), VIEW_SIDE)
    weight = None
    if has_alpha(values):
        if not ignores_alpha(values):
            weight = values[..., 3].astype(np.float32) / np.float32(opaque_value(image.dtype))
        values = values[..., :3]
    recorded = _finite(values) if weight is None else _finite(values) & (weight > 0)
    as_recorded = image.dtype == np.uint8 and values.ndim == 3
    sample = _sampled(values)[_sampled(recorded)]
    low, high = (0.0, 255.0) if as_recorded or not sample.size else _limits(sample, CONTRAST)
    shown = _darkened(_stretched(values, low, high), recorded)
    if weight is not None:
        shown = _blended(shown, np.full_like(shown, UNRECORDED), weight)
    return shown if shown.ndim == 2 else np.ascontiguousarray(shown[..., ::-1])


def _sure_range(depth: Map, confidence: Map) -> tuple[float, float] | None:
    """Return the depths of the first and the last colour; None where no depth is sure."""
    values, trust = _sampled(depth), _sampled(confidence)
    sure = values[np.isfinite(values) & (trust >= TRUSTED)]
    return _limits(sure, DEPTH_RANGE) if sure.size else None


def _coloured(depth: Map, confidence: Map, limits: tuple[float, float] | None) -> Colours:
    """Return depth in the size of the full view in colours of even steps, BGR; grey without."""
    values = _fitted(depth, VIEW_SIDE)
    grey = np.full((*values.shape, 3), UNSURE, np.uint8)
    if limits is None:
        return _darkened(grey, _finite(values))
    trust = _fitted(confidence, VIEW_SIDE)
    colours = cv2.applyColorMap(_stretched(values, *limits), cv2.COLORMAP_VIRIDIS)
    share = _stretched(trust, GUESS, TRUSTED).astype(np.float32) / np.float32(255)
    return _darkened(_blended(colours, grey, share), _finite(values))


def _finite(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which pixels are finite; an area mean is not if any of its pixels is not."""
    finite = np.ones(values.shape[:2], bool)
    if values.dtype.kind == "f":
        for channel in np.atleast_3d(values).transpose(2, 0, 1):
            finite &= np.isfinite(channel)
    return finite


def _sampled(plane: NDArray[Any]) -> NDArray[Any]:
    """Return an even sample of the rows and columns of a plane."""
    every = max(1, math.ceil(math.sqrt(math.prod(plane.shape[:2]) / MOST_SAMPLES)))
    return plane[::every, ::every]


def _limits(sample: NDArray[Any], percentiles: tuple[float, float]) -> tuple[float, float]:
    """Return two percentiles of values; the smallest and the largest where they are equal."""
    low, high = (float(limit) for limit in np.percentile(sample, percentiles))
    return (low, high) if high > low else (float(sample.min()), float(sample.max()))


def _stretched(values: NDArray[Any], low: float, high: float) -> Colours:
    """Return values as 8 bits, `low` and below as 0, `high` and above as 255; NaN as 0."""
    if values.dtype == np.uint8 and (low, high) == (0.0, 255.0):
        return values
    scale = 255 / (high - low) if high > low else 0.0
    light = values.astype(np.float32)
    light -= np.float32(low)
    light *= np.float32(scale)
    light += np.float32(0.5)
    np.clip(light, 0, 255, out=light)
    if values.dtype.kind == "f":
        np.nan_to_num(light, copy=False)
    return light.astype(np.uint8)


def _darkened(colours: Colours, recorded: NDArray[np.bool_]) -> Colours:
    """Return a picture in which what no plane recorded is dark."""
    if not recorded.all():
        colours = colours.copy()
        colours[~recorded] = UNRECORDED
    return colours


def _blended(over: Colours, under: Colours, weight: Map) -> Colours:
    """Return the weighted mean of two pictures."""
    mixed: Colours = cv2.blendLinear(over, under, weight, 1 - weight)
    return mixed
