"""Pixels of Zeiss CZI files, decoded by imagecodecs where czifile is that of 2019."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RAW, JPEG, JPEG_XR, ZSTD, ZSTD_WITH_HEADER = 0, 1, 4, 5, 6
DECODED = frozenset((RAW, JPEG, JPEG_XR, ZSTD, ZSTD_WITH_HEADER))
"""Compressions by their numbers in the format."""


def decode_tile(
    data: bytes, compression: int, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Decode the pixels of a tile.

    Parameters
    ----------
    data : bytes
        Pixels as they are stored.
    compression : int
        One of `DECODED`.
    shape : tuple of int
        (Y, X) or (Y, X, C).
    dtype : numpy.dtype
        Type of the pixels.

    Returns
    -------
    numpy.ndarray
        Pixels with colours in the order of RGB.

    Raises
    ------
    ValueError
        The data are of another size.
    RuntimeError
        The codec refuses the data.
    """
    if compression == JPEG:
        return np.asarray(imagecodecs.jpeg_decode(data)).reshape(shape)
    if compression == JPEG_XR:
        return np.asarray(imagecodecs.jpegxr_decode(data)).reshape(shape)
    if compression == ZSTD:
        data = bytes(imagecodecs.zstd_decode(data))
    if compression == ZSTD_WITH_HEADER:
        data = _zstd_with_header(data, dtype.itemsize)
    pixels = np.frombuffer(data, dtype).reshape(shape).copy()
    if len(shape) == 3:  # stored as BGR or BGRA
        pixels[..., [0, 2]] = pixels[..., [2, 0]]
    return pixels


def _zstd_with_header(data: bytes, itemsize: int) -> bytes:
    """Undo Zstandard and, where the header says so, low and high bytes that stand apart."""
    length = data[0]
    apart = length == 3 and data[1] == 1 and bool(data[2] & 1)
    found = bytes(imagecodecs.zstd_decode(data[length:]))
    if not apart or itemsize == 1:
        return found
    return np.frombuffer(found, np.uint8).reshape(itemsize, -1).T.tobytes()
