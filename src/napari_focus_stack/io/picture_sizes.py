"""Sizes in the headers of pictures whose decoders take memory, or read on, without a check."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, BinaryIO

from napari_focus_stack.io.declared_size import ANY, bytes_of, refuse_oversize
from napari_focus_stack.io.plane_files import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of the segments of JPEG with its size."""
_JPEG_ALONE = {0x01, *range(0xD0, 0xD9)}

_START = b"\xff\x4f\xff\x51"
"""Start of a codestream of JPEG 2000 and of the segment with its size."""
_TILE_PART = 14
"""Bytes of the markers of a tile of JPEG 2000 (SOT and SOD), of which each has one part or more."""
_BMP_PLAIN = (0, 3, 6)
"""Compressions of BMP that are none: pixels of one value or of masks."""


def refuse_large_picture(data: bytes) -> None:
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
        size, itemsize = _declared(data)
    except struct.error as problem:
        raise Unreadable("it is truncated") from problem
    if size is None:
        return
    if 0 in size:
        raise Unreadable("its header is damaged")
    refuse_oversize(size, bytes_of(size, itemsize), len(data), ANY)


def _declared(data: bytes) -> tuple[tuple[int, int] | None, int]:
    """Return rows and columns, and the bytes that a decoder needs for each pixel."""
    if data[:2] == b"BM":
        return _bmp_size(data), 4
    size = webp_size(data)
    if size is not None:
        return size, 4
    size = jpeg2000_size(data)
    if size is None:
        return None, 0
    # OpenJPEG keeps some 7 kB for each tile of the header, whether the file has it or not
    if _TILE_PART * _jpeg2000_tiles(data) > len(data):
        raise Unreadable("it has fewer tiles than its header declares")
    return size, 4 * _jpeg2000_samples(data)


def _bmp_size(data: bytes) -> tuple[int, int]:
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
    return abs(rows), columns


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Return the size of a WebP by its first chunk.

    Parameters
    ----------
    data : bytes
        Its beginning.

    Returns
    -------
    tuple of int or None
        Rows and columns; None if it is no WebP, or ends before them.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 30:
        return None
    kind = data[12:16]
    if kind == b"VP8X":
        low, high = struct.unpack_from("<IH", data, 24)
        return (low >> 24 | high << 8) + 1, (low & 0xFFFFFF) + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    columns, rows = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    return rows, columns


def jpeg2000_size(data: bytes) -> tuple[int, int] | None:
    """Return the size of JPEG 2000.

    Parameters
    ----------
    data : bytes
        Its beginning: a codestream, or boxes with one.

    Returns
    -------
    tuple of int or None
        Rows and columns, at least 0; None if there is no codestream, or its header is cut off.
    """
    at = data.find(_START)
    if at < 0 or len(data) < at + 24:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", data, at + 8)
    return max(0, bottom - top), max(0, right - left)


def _jpeg2000_tiles(data: bytes) -> int:
    """Return the number of tiles that a codestream of JPEG 2000 declares."""
    fields = struct.unpack_from(">8I", data, data.find(_START) + 8)
    (right, bottom), (width, height, left, top) = fields[:2], fields[4:]
    if 0 in (width, height):
        raise Unreadable("its header is damaged")
    return int(max(0, -(-(right - left) // width)) * max(0, -(-(bottom - top) // height)))


def _jpeg2000_samples(data: bytes) -> int:
    return int(struct.unpack_from(">H", data, data.find(_START) + 40)[0])


def jpeg_size(file: BinaryIO) -> tuple[int, int] | None:
    """Return the size of a JPEG.

    Parameters
    ----------
    file : binary file
        Open JPEG, or its beginning.

    Returns
    -------
    tuple of int or None
        Rows and columns; None if the file ends before them.
    """
    for marker, _ in jpeg_segments(file):
        if marker in JPEG_FRAMES:
            frame = file.read(5)
            return struct.unpack(">HH", frame[1:]) if len(frame) == 5 else None
    return None


def jpeg_segments(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Read the segments of a JPEG up to its pixels.

    Parameters
    ----------
    file : binary file
        Open JPEG.

    Yields
    ------
    marker : int
        Second byte of the marker; the file is at the payload meanwhile.
    length : int
        Bytes of the payload.
    """
    file.seek(2)
    while len(frame := file.read(2)) == 2:
        marker = frame[1]
        if frame[0] != 0xFF or marker in (0xDA, 0xD9):
            return
        if marker == 0xFF:  # fill byte
            file.seek(-1, io.SEEK_CUR)
            continue
        if marker in _JPEG_ALONE:
            continue
        size = file.read(2)
        if len(size) < 2:
            return
        length = struct.unpack(">H", size)[0] - 2
        after = file.tell() + length
        yield marker, length
        file.seek(after)
