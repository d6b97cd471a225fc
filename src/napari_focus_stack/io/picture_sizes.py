"""Sizes in the headers of pictures whose decoders take memory, or read on, without a check."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from napari_focus_stack.io.declared_size import ANY, oversize
from napari_focus_stack.io.plane_files import Unreadable

_SIZ = b"\xff\x4f\xff\x51"
"""Start of a codestream of JPEG 2000 and of the segment with its size."""
_BMP_PLAIN = (0, 3, 6)
"""Compressions of BMP that are none: pixels of one value or of masks."""


@dataclass(frozen=True)
class _Size:
    """Rows, columns, and the bytes that a decoder needs for them."""

    rows: int
    columns: int
    declared: int


def refuse_oversize(data: bytes) -> None:
    """Refuse a picture in BMP, WebP or JPEG 2000 that its own bytes cannot hold.

    Parameters
    ----------
    data : bytes
        A whole file.

    Raises
    ------
    Unreadable
        Its header is damaged, or declares more than the file can hold.
    """
    try:
        found = _bmp(data) if data[:2] == b"BM" else _webp(data) or _jpeg2000(data)
    except struct.error as problem:
        raise Unreadable("it is truncated") from problem
    if found is None:
        return
    why = oversize((found.rows, found.columns), found.declared, len(data), ANY)
    if why is not None:
        raise Unreadable(why)


def _bmp(data: bytes) -> _Size:
    """Return the size of a BMP whose rows are all there, which imagecodecs does not check."""
    start, header = struct.unpack_from("<II", data, 10)
    if header == 12:
        columns, rows, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression, colours = 0, 0
    else:
        columns, rows, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
        (colours,) = struct.unpack_from("<I", data, 46)
    if compression not in _BMP_PLAIN:
        raise Unreadable("it is a compressed BMP, which is not read; save it as PNG")
    if columns <= 0 or rows == 0 or bits not in (1, 4, 8, 16, 24, 32) or header > len(data):
        raise Unreadable("its header is damaged")
    palette = 4 * min(colours, 256) if bits <= 8 else 0
    whole = abs(rows) * ((columns * bits + 31) // 32 * 4)
    if start + whole > len(data) or 14 + header + palette > len(data):
        raise Unreadable("it is truncated")
    return _Size(abs(rows), columns, abs(rows) * columns * 4)


def _webp(data: bytes) -> _Size | None:
    """Return the size of a WebP by its first chunk; None for another format."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        low, high = struct.unpack_from("<IH", data, 24)
        columns, rows = (low & 0xFFFFFF) + 1, (low >> 24 | high << 8) + 1
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        columns, rows = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        columns, rows = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    return _Size(rows, columns, rows * columns * 4)


def _jpeg2000(data: bytes) -> _Size | None:
    """Return the size of JPEG 2000, whose decoder needs four bytes for each sample."""
    at = data.find(_SIZ)
    if at < 0:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", data, at + 8)
    (samples,) = struct.unpack_from(">H", data, at + 40)
    columns, rows = right - left, bottom - top
    if columns <= 0 or rows <= 0:
        raise Unreadable("its header is damaged")
    return _Size(rows, columns, rows * columns * samples * 4)
