"""Pictures inside the strips and tiles of TIFF, which decoders unpack whole at any size."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

from tifffile import COMPRESSION, TiffFileError

from napari_focus_stack.io.picture_sizes import jpeg2000_size, jpeg_size, webp_size

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_CHUNK = 2**26
"""Bytes of a strip or tile of any page; larger ones are no larger than twice the page."""
_MOST_PIXELS = MOST_CHUNK // 4
"""Pixels, which decoders may make colours with alpha."""
_HEAD = 1024
_OF_PICTURES = {
    *(COMPRESSION.OJPEG, COMPRESSION.JPEG, COMPRESSION.ALT_JPEG, COMPRESSION.JPEG_99),
    COMPRESSION.JPEG_LOSSY,
    *(COMPRESSION.JPEG2000, COMPRESSION.JPEG_2000_LOSSY),
    *(COMPRESSION.APERIO_JP2000_RGB, COMPRESSION.APERIO_JP2000_YCBC),
    *(COMPRESSION.JPEGXR, COMPRESSION.JPEGXR_NDPI, COMPRESSION.JPEGXL, COMPRESSION.JPEGXL_DNG),
    *(COMPRESSION.PNG, COMPRESSION.WEBP, COMPRESSION.WEBP_DEPRECATED, COMPRESSION.LERC),
}
"""Compressions whose parts have headers of their own."""
_RATIOS = (None, (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Columns to rows in the header of JPEG XL."""
_JXR_WIDTH, _JXR_HEIGHT = 0xBC80, 0xBC81


def refuse_large_segments(page: Any) -> None:
    """Refuse a page whose strips or tiles hold pictures that are much larger than they are.

    Parameters
    ----------
    page : tifffile.TiffPage or tifffile.TiffFrame
        Page of an open file.

    Raises
    ------
    tifffile.TiffFileError
        A picture has more than 16 million pixels, and more than twice those of the page.
    """
    if page.keyframe.compression not in _OF_PICTURES:
        return
    handle = page.parent.filehandle
    key = page.keyframe
    most = max(_MOST_PIXELS, 2 * key.imagelength * key.imagewidth)
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        handle.seek(offset)
        data = handle.read(min(count, _HEAD))
        size = picture_size(data)
        if size is None and count > len(data):
            size = picture_size(data + handle.read(count - len(data)))
        if size is not None and size[0] * size[1] > most:
            rows, columns = size
            raise TiffFileError(f"a part of it declares {columns} x {rows} pixels of its own")


_Size = tuple[int, int]


def picture_size(data: bytes) -> _Size | None:
    """Return the size in the header of a picture.

    Parameters
    ----------
    data : bytes
        Its beginning: JPEG, JPEG 2000, JPEG XL, JPEG XR, PNG, WebP or LERC.

    Returns
    -------
    tuple of int or None
        Rows and columns; None if it is none of these, or its header goes on.
    """
    measures = (measure for start, measure in _MEASURES.items() if data.startswith(start))
    return next((measure(data) for measure in measures), None)


def _png_size(data: bytes) -> _Size | None:
    columns, rows = struct.unpack_from(">II", data.ljust(24, b"\0"), 16)
    return rows, columns


def _jpegxl_size(data: bytes) -> _Size | None:
    """Return the size in a codestream of JPEG XL, or in that inside a container."""
    at = data.find(b"\xff\x0a")
    if at < 0:
        return None
    bits = int.from_bytes(data[at + 2 : at + 16], "little")
    small, bits = bits & 1, bits >> 1
    rows, bits = _jpegxl_side(bits, small)
    ratio, bits = _RATIOS[bits & 7], bits >> 3
    if ratio is None:
        return rows, _jpegxl_side(bits, small)[0]
    return rows, rows * ratio[0] // ratio[1]


def _jpegxl_side(bits: int, small: int) -> tuple[int, int]:
    """Return a side, and the bits behind it."""
    if small:
        return ((bits & 31) + 1) * 8, bits >> 5
    length = (9, 13, 18, 30)[bits & 3]
    return (bits >> 2 & (1 << length) - 1) + 1, bits >> 2 + length


def _jpegxr_size(data: bytes) -> _Size | None:
    """Return the size in the directory of JPEG XR, which is a TIFF with tags of its own."""
    try:
        (start,) = struct.unpack_from("<I", data, 4)
        (count,) = struct.unpack_from("<H", data, start)
        entries = [struct.unpack_from("<HHII", data, start + 2 + 12 * k) for k in range(count)]
    except struct.error:
        return None
    sides = {
        code: value & 0xFFFF if kind == 3 else value
        for code, kind, _, value in entries
        if code in (_JXR_WIDTH, _JXR_HEIGHT)
    }
    return (sides[_JXR_HEIGHT], sides[_JXR_WIDTH]) if len(sides) == 2 else None


def _lerc_size(data: bytes) -> _Size | None:
    rows, columns = struct.unpack_from("<ii", data.ljust(22, b"\0"), 14)
    return rows, columns


_MEASURES: dict[bytes, Callable[[bytes], _Size | None]] = {
    b"\xff\xd8": lambda data: jpeg_size(io.BytesIO(data)),
    b"\xff\x4f\xff\x51": jpeg2000_size,
    b"\0\0\0\x0cjP  ": jpeg2000_size,
    b"\x89PNG": _png_size,
    b"RIFF": webp_size,
    b"\xff\x0a": _jpegxl_size,
    b"\0\0\0\x0cJXL ": _jpegxl_size,
    b"II\xbc": _jpegxr_size,
    b"Lerc2 ": _lerc_size,
}
"""Functions that find rows and columns, by the first bytes of a picture."""
