"""Estimates of the disk and the time that stacks will take, before any pixel is read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_focus_stack.batch.result_names import Format
    from napari_focus_stack.series.model import Position
    from napari_focus_stack.settings import Settings

_MAP_BYTES = 4
"""Depth, height and confidence are float32."""
_REPORT_BYTES = 20_000
_PICTURE_BYTES, _MOST_PICTURE_BYTES = 0.4, 800_000
"""Pictures of a stack: bytes a pixel, up to those of views of 1600 x 1200 pixels."""
_LEVELS = 4 / 3
"""Pixels of all resolutions of an OME-Zarr for one of the finest; compression is not counted."""
_START = 0.2
_LOOKED_FOR_OCCLUSION = 1.2
"""Stacks with depth discontinuities take 1.1 to 1.2 times as long where nothing is restored."""
_FUSED, _FUSED_IN_COLOUR = 0.05, 0.1
_ALIGNED, _MOST_ALIGNED = 0.11, 0.1
"""Processor seconds: of a stack, of a megapixel of a plane, and of its alignment, which takes place
at reduced size, so that a plane takes no more than some time. Measured with one thread on 8 to 20
planes of 512 x 512 to 3000 x 3000 uint16 and, in colour, uint8: within a quarter."""


def disk_bytes(position: Position, written: Format, has_height: bool) -> int:
    """Estimate the disk that the results of a position will take, about.

    Parameters
    ----------
    position : Position
        Position of a series.
    written : {"tif", "zarr"}
        Format of the results.
    has_height : bool
        Whether heights are written, because the z step is known.

    Returns
    -------
    int
        Bytes of image, depth, confidence and height of every time point and channel, with reports
        and pictures. OME-Zarr is compressed and takes less.
    """
    pixels = math.prod(position.plane_shape[:2])
    image = math.prod(position.plane_shape) * position.dtype.itemsize
    maps = (3 if has_height else 2) * _MAP_BYTES * pixels
    stored = (image + maps) * (_LEVELS if written == "zarr" else 1)
    beside = _REPORT_BYTES + min(_PICTURE_BYTES * pixels, _MOST_PICTURE_BYTES)
    return round(position.times * len(position.channels) * (stored + beside))


def seconds(position: Position, settings: Settings) -> float:
    """Estimate the time of one processor that a stack of a position will take, about.

    Parameters
    ----------
    position : Position
        Position of a series.
    settings : Settings
        Settings of the stack.

    Returns
    -------
    float
        Seconds of one time point and channel on a processor of 2025, with one thread. Blur that is
        removed behind near objects takes more.
    """
    megapixels = math.prod(position.plane_shape[:2]) / 1e6
    fused = _FUSED_IN_COLOUR if len(position.plane_shape) > 2 else _FUSED
    aligned = 0.0 if settings.align == "none" else min(_ALIGNED * megapixels, _MOST_ALIGNED)
    once = position.planes * (fused * megapixels + aligned)
    return _START + once * (_LOOKED_FOR_OCCLUSION if settings.occlusion == "auto" else 1)
