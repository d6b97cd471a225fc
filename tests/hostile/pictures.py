"""Pictures of one plane: PNG, JPEG, WebP, JPEG 2000, BMP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
from hostile.kinds import Kind

from napari_focus_stack.io.file_source import FileSource
from napari_focus_stack.io.picture_metadata import picture_metadata
from napari_focus_stack.io.reading import scan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SIZE = 24, 20


def pixels(dtype: type, *channels: int) -> np.ndarray:
    """Return a picture of smooth and noisy parts."""
    rng = np.random.default_rng(1)
    top = np.iinfo(dtype).max
    ramp = np.linspace(0, top, _SIZE[1]) * np.ones((*channels, *_SIZE))
    noise = rng.integers(0, top // 4, (*channels, *_SIZE))
    picture = (ramp * 0.7 + noise).astype(dtype)
    return np.ascontiguousarray(np.moveaxis(picture, 0, -1) if channels else picture)


def opened_planes(path: Path) -> Iterator[int]:
    """Open a file as a stack and decode each plane, whole and reduced, and its metadata."""
    picture_metadata(path)
    scanned = scan(path)
    source = FileSource(scanned)
    for k, plane in enumerate(scanned.planes):
        yield int(np.prod(plane.shape, dtype=object)) * plane.dtype.itemsize
        source[k]
        source.reduced(k, source.reduction(1))


def _png_seeds(_folder: Path) -> Iterator[bytes]:
    for dtype, channels in ((np.uint8, ()), (np.uint16, (3,)), (np.uint8, (4,)), (np.uint8, (2,))):
        yield bytes(imagecodecs.png_encode(pixels(dtype, *channels)))


KINDS = (Kind("png", ".png", _png_seeds, opened_planes),)
