"""Metadata of OME-Zarr 0.5 for images that are written here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.io.spacing_metadata import UNIT, micrometres

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_focus_stack.io.sources import Spacing

_WHITE = "#FFFFFF"


@dataclass(frozen=True)
class Calibration:
    """Distances and names that an OME-Zarr image is written with.

    Attributes
    ----------
    spacing : Spacing
        Pixel size; unknown sizes are written as 1 without a unit.
    seconds_step : float or None
        Seconds from one time point to the next, if known.
    channels : sequence of (str, str or None)
        Name and colour ("#RRGGBB") of each channel; white by default.
    """

    spacing: Spacing
    seconds_step: float | None
    channels: Sequence[tuple[str, str | None]]


def display_range(dtype: np.dtype[Any], measured: tuple[float, float]) -> dict[str, float]:
    """Return the range of display: that of the type for 8 bit, or else that of the values.

    Parameters
    ----------
    dtype : numpy.dtype
        Type of the values.
    measured : tuple of float
        Least and greatest value.

    Returns
    -------
    dict of str to float
        Window of a channel in omero's metadata.
    """
    start, end = measured
    low, high = measured
    if dtype.kind in "ui":
        low, high = float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)
    if dtype == np.uint8:
        start, end = low, high
    if start == end:
        end = high = max(start + 1, high)
    return {"min": low, "max": high, "start": start, "end": end}


def ome_zarr_attributes(
    name: str,
    calibration: Calibration,
    levels: int,
    averaged: bool,
    windows: Sequence[dict[str, float]],
) -> dict[str, Any]:
    """Return the OME metadata of an image with the axes t, c, y and x.

    Parameters
    ----------
    name : str
        Name of the image.
    calibration : Calibration
        Distances and names.
    levels : int
        Number of levels, each half the size of the one before.
    averaged : bool
        Whether levels are means, or every second pixel.
    windows : sequence of dict
        Result of `display_range` for each channel.

    Returns
    -------
    dict of str to object
        Plain JSON.
    """
    spacing, seconds = calibration.spacing, calibration.seconds_step
    y, x = (micrometres(size, spacing.unit) for size in (spacing.y, spacing.x))
    axes = [
        {"name": "t", "type": "time", **({"unit": "second"} if seconds else {})},
        {"name": "c", "type": "channel"},
        {"name": "y", "type": "space", **({"unit": UNIT} if y else {})},
        {"name": "x", "type": "space", **({"unit": UNIT} if x else {})},
    ]
    scale = [seconds or 1.0, 1.0, y or 1.0, x or 1.0]
    multiscale = {
        "name": name,
        "axes": axes,
        "datasets": [_dataset(level, scale, averaged) for level in range(levels)],
        "type": "mean" if averaged else "nearest",
    }
    entries = zip(calibration.channels, windows, strict=True)
    omero = [_channel(channel, window) for channel, window in entries]
    return {"version": "0.5", "multiscales": [multiscale], "omero": {"channels": omero}}


def _dataset(level: int, scale: list[float], averaged: bool) -> dict[str, Any]:
    """Return the entry of one level; the first mean of 2 x 2 lies half a pixel further in."""
    factor = 2**level
    t, c, y, x = scale
    transformations: list[dict[str, Any]] = [
        {"type": "scale", "scale": [t, c, y * factor, x * factor]}
    ]
    if averaged and level:
        shift = (factor - 1) / 2
        transformations.append(
            {"type": "translation", "translation": [0.0, 0.0, y * shift, x * shift]}
        )
    return {"path": str(level), "coordinateTransformations": transformations}


def _channel(channel: tuple[str, str | None], window: dict[str, float]) -> dict[str, Any]:
    """Return the entry of one channel; napari-ome-zarr wants a colour for each."""
    name, colour = channel
    return {
        "label": name,
        "color": (colour or _WHITE).removeprefix("#"),
        "active": True,
        "window": window,
    }
