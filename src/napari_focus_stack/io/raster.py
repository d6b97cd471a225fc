"""PNG, JPEG and similar formats: one plane per file, no distances, orientation from EXIF.

The first bytes identify the format, because cameras and web pages put JPEG into files named `.png`.

PNG and JPEG headers are parsed here because Pillow 13.0 is less exact (98 odd files, 2000 mutated):

- It refuses JPEG of 12 or 16 bits, and PNG with a wrong checksum, odd content or over 1 MiB of
  compressed text in a chunk that no pixel depends on; the decoders read all of these.
- It skips junk between the segments of damaged JPEG, which is refused here.
- It warns of damaged EXIF and APNG; only the warning filters of the whole process silence that.
- It gives 16-bit RGB the mode of 8 bits, and takes a PNG text named "transparency" for alpha.
- It needs 40 instead of 24 µs for a PNG header. `Image.open` also refuses over 179 megapixels.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import imagecodecs
import numpy as np
import tifffile

from napari_focus_stack.io.declared_size import DEFLATE, JPEG, refuse_oversize
from napari_focus_stack.io.picture_sizes import JPEG_FRAMES, jpeg_segments, refuse_large_picture
from napari_focus_stack.io.plane_files import (
    DAMAGE,
    FilePlane,
    ImageFile,
    Unreadable,
    grey_alpha_as_rgba,
    why_unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

PNG_END = b"IEND\xaeB`\x82"
JPEG_END = b"\xff\xd9"
_TAIL = 64
"""Bytes at the end of a file that should hold its end marker; if not, the file is decoded."""

_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 4, 6: 4}
"""Channels by colour type: grey, RGB, palette, grey with alpha, RGBA."""
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Stored samples of a pixel by colour type."""
_EXIF = b"Exif\0\0"
_HALVED = b"\x22\x11\x11"
"""Samples across and down of luma and both chroma channels in each block, for 4:2:0."""
_ORIENTATION = 274


@dataclass(frozen=True)
class _Header:
    """Properties of a plane that are known before its pixels are decoded."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    orientation: int = 1
    colour_halved: bool = False


def open_raster(path: Path, head: bytes) -> ImageFile | None:
    """Read the header of a file that is no TIFF.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    head : bytes
        Its first 16 bytes.

    Returns
    -------
    ImageFile or None
        One plane whose pixels are still on disk; None if the first bytes are of no known format.

    Raises
    ------
    Unreadable
        The file is damaged, or of a kind that cannot be stacked, such as CMYK.
    """
    known = next((known for known in _FORMATS if known.fits(head)), None)
    if known is None:
        return None
    load = partial(known.load, path)
    try:
        header = known.header(path, load)
    except DAMAGE as problem:
        raise Unreadable(why_unreadable(problem, "its header is damaged")) from problem
    reduced = known.load_reduced if header.dtype == np.uint8 else None
    plane = FilePlane(
        path,
        path.name,
        header.shape,
        header.dtype,
        load,
        header.orientation,
        load_reduced=None if reduced is None else partial(reduced, path),
        colour_halved=header.colour_halved,
    )
    return ImageFile((plane,))


def _decoded_header(_path: Path, load: Callable[[], NDArray[Any]]) -> _Header:
    """Decode the pixels and keep their shape: for rare formats and files without an end marker."""
    try:
        pixels = load()
    except DAMAGE as problem:
        raise Unreadable(why_unreadable(problem)) from problem
    return _Header(pixels.shape, pixels.dtype)


def _shape(height: int, width: int, channels: int) -> tuple[int, ...]:
    return (height, width) if channels == 1 else (height, width, channels)


# --- PNG


def _png_header(path: Path, load: Callable[[], NDArray[Any]]) -> _Header:
    with path.open("rb") as file:
        start = file.read(33)
        if len(start) < 33:
            raise Unreadable("it is truncated")
        width, height, bits, colour = struct.unpack(">IIBB", start[16:26])
        chunks = png_chunks(file)
        whole = PNG_END in _tail(file)
    if colour not in _PNG_CHANNELS or not width or not height:
        raise Unreadable("its header is damaged")
    stored_bits = width * bits * _PNG_SAMPLES[colour]
    declared = height * (stored_bits // 8 + 1)
    refuse_oversize((height, width), declared, path.stat().st_size, DEFLATE)
    if not whole:
        _decoded_header(path, load)
    channels = 4 if b"tRNS" in chunks else _PNG_CHANNELS[colour]
    return _Header(
        _shape(height, width, channels),
        np.dtype(np.uint16 if bits == 16 else np.uint8),
        _exif_orientation(chunks.get(b"eXIf", b"")),
    )


def png_chunks(file: BinaryIO) -> dict[bytes, bytes]:
    """Return the chunks of a PNG before its pixels.

    Parameters
    ----------
    file : binary file
        Open at the first chunk to return.

    Returns
    -------
    dict of bytes to bytes
        Payloads by name, among them transparency, colour profile and EXIF.
    """
    chunks = {}
    while len(frame := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", frame)
        if name in (b"IDAT", b"IEND"):
            break
        chunks[name] = file.read(length)
        file.seek(4, io.SEEK_CUR)
    return chunks


def _tail(file: BinaryIO) -> bytes:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _TAIL))
    return file.read()


def _load_png(path: Path) -> NDArray[Any]:
    data = path.read_bytes()
    if PNG_END not in data:
        raise Unreadable("it is truncated")
    pixels = np.asarray(imagecodecs.png_decode(data))
    return grey_alpha_as_rgba(pixels) if pixels.shape[2:] == (2,) else pixels


# --- JPEG


def _jpeg_header(path: Path, load: Callable[[], NDArray[Any]]) -> _Header:
    orientation = 1
    with path.open("rb") as file:
        for marker, length in jpeg_segments(file):
            if marker == 0xE1:
                segment = file.read(length)
                if segment.startswith(_EXIF):
                    orientation = _exif_orientation(segment[len(_EXIF) :])
            elif marker in JPEG_FRAMES:
                bits, height, width, channels = struct.unpack(">BHHB", file.read(6))
                sampling = file.read(3 * channels)[1::3]
                break
        else:
            raise Unreadable("it is truncated")
        whole = JPEG_END in _tail(file)
    if channels not in (1, 3):
        raise Unreadable("it is a CMYK image; convert it to RGB")
    declared = height * width * channels
    refuse_oversize((height, width), declared, path.stat().st_size, JPEG)
    if not whole:
        _decoded_header(path, load)
    dtype = np.dtype(np.uint8 if bits == 8 else np.uint16)
    return _Header(
        _shape(height, width, channels),
        dtype,
        orientation,
        colour_halved=sampling == _HALVED,
    )


def _whole_jpeg(path: Path) -> bytes:
    data = path.read_bytes()
    stream = io.BytesIO(data)
    for _ in jpeg_segments(stream):
        pass  # past the previews in EXIF, which end in the same marker, up to the coded pixels
    # libjpeg paints missing pixels grey; 0xFFD9 cannot occur inside coded pixels
    if data.find(JPEG_END, stream.tell()) < 0:
        raise Unreadable("it is truncated")
    return data


def _load_jpeg(path: Path) -> NDArray[Any]:
    return np.asarray(imagecodecs.jpeg8_decode(_whole_jpeg(path)))


def _load_jpeg_reduced(path: Path, factor: int) -> NDArray[Any]:
    """Decode luma alone, from the lowest frequencies of each block, in a third of the time."""
    import cv2  # here, because it takes longer to load than the headers of a folder to read

    flags_of = {2: cv2.IMREAD_REDUCED_GRAYSCALE_2, 4: cv2.IMREAD_REDUCED_GRAYSCALE_4}
    flags = flags_of.get(factor, cv2.IMREAD_REDUCED_GRAYSCALE_8) | cv2.IMREAD_IGNORE_ORIENTATION
    data = _whole_jpeg(path)
    pixels: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise Unreadable("it is damaged")
    return pixels


def _exif_orientation(exif: bytes) -> int:
    """Return the orientation tag of EXIF, which is a TIFF without pixels; 1 if there is none."""
    if not exif:
        return 1
    try:
        with tifffile.TiffFile(io.BytesIO(exif)) as tif:
            tag = tif.pages.first.tags.get(_ORIENTATION)
    except DAMAGE:
        return 1
    value = 1 if tag is None else tag.value
    return value if value in range(1, 9) else 1


# --- the others


def _load_with(codec: str, path: Path) -> NDArray[Any]:
    """Decode by the name of a function of imagecodecs, whose first use loads its library."""
    data = path.read_bytes()
    refuse_large_picture(data)
    pixels = np.asarray(getattr(imagecodecs, codec)(data))
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    return pixels


def _starts(*magic: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magic)


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


@dataclass(frozen=True)
class _Format:
    """How files of one format are recognised, and how their header and pixels are read."""

    fits: Callable[[bytes], bool]
    load: Callable[[Path], NDArray[Any]]
    header: Callable[[Path, Callable[[], NDArray[Any]]], _Header] = _decoded_header
    load_reduced: Callable[[Path, int], NDArray[Any]] | None = None


_FORMATS = (
    _Format(_starts(b"\x89PNG\r\n\x1a\n"), _load_png, _png_header),
    _Format(_starts(b"\xff\xd8\xff"), _load_jpeg, _jpeg_header, _load_jpeg_reduced),
    _Format(_starts(b"BM"), partial(_load_with, "bmp_decode")),
    _Format(_is_webp, partial(_load_with, "webp_decode")),
    _Format(
        _starts(b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
        partial(_load_with, "jpeg2k_decode"),
    ),
)
