"""Pixels of Zeiss CZI files: checked, and decoded where czifile is that of 2019."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RAW, JPEG, JPEG_XR, ZSTD, ZSTD_WITH_HEADER = 0, 1, 4, 5, 6
DECODED = frozenset((RAW, JPEG, JPEG_XR, ZSTD, ZSTD_WITH_HEADER))
"""Compressions by their numbers in the format."""
_JPEG_XR_DEPTHS = {"uint8": (1,), "uint16": (2, 3), "float16": (4,), "float32": (7,)}
"""Codes of JPEG XR for what a pixel holds, by types of numbers."""


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
        check_jpeg_xr(data, shape, dtype)
        return np.asarray(imagecodecs.jpegxr_decode(data)).reshape(shape)
    if compression == ZSTD:
        data = bytes(imagecodecs.zstd_decode(data))
    if compression == ZSTD_WITH_HEADER:
        data = _zstd_with_header(data, dtype.itemsize)
    pixels = np.frombuffer(data, dtype).reshape(shape).copy()
    if len(shape) == 3:  # stored as BGR or BGRA
        pixels[..., [0, 2]] = pixels[..., [2, 0]]
    return pixels


def check_jpeg_xr(data: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Check the header of JPEG XR, because its decoder crashes where that is damaged.

    Parameters
    ----------
    data : bytes
        Pixels as they are stored.
    shape : tuple of int
        (Y, X) or (Y, X, C).
    dtype : numpy.dtype
        Type of the pixels.

    Raises
    ------
    ValueError
        The header is of another size or type.

    References
    ----------
    .. [1] ITU-T T.832, "JPEG XR image coding system - Image coding specification", 2016, 8.3,
       https://www.itu.int/rec/T-REC-T.832
    """
    start = data.find(b"WMPHOTO\0")
    head = data[start : start + 24] if start >= 0 else b""
    if len(head) < 24:
        raise ValueError("no JPEG XR is where it should be")
    is_short, is_grey = bool(head[10] & 0x80), len(shape) == 2
    size = struct.unpack_from(">HH" if is_short else ">II", head, 12)
    is_plain = not (head[9] & 0x80 or head[10] & 0x20)  # neither tiles nor margins come before
    inner = head[16 if is_short else 20] >> 5 if is_plain else int(not is_grey)
    if (
        size != (shape[1] - 1, shape[0] - 1)
        or head[11] >> 4 != (0 if is_grey else 7)
        or head[11] & 15 not in _JPEG_XR_DEPTHS.get(dtype.name, ())
        or inner not in ((0,) if is_grey else (1, 2, 3))
    ):
        raise ValueError("its JPEG XR is of another size or type")


def _zstd_with_header(data: bytes, itemsize: int) -> bytes:
    """Undo Zstandard and, where the header says so, low and high bytes that stand apart."""
    length = data[0]
    apart = length == 3 and data[1] == 1 and bool(data[2] & 1)
    found = bytes(imagecodecs.zstd_decode(data[length:]))
    if not apart or itemsize == 1:
        return found
    return np.frombuffer(found, np.uint8).reshape(itemsize, -1).T.tobytes()
