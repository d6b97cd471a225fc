"""Files of a few kB that declare, or unpack to, more than any memory holds."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import tifffile
from hostile.container_mutations import png_of, png_parts
from hostile.pictures import pixels
from hostile.text_mutations import ENTITIES, FETCHES
from hostile.tiff_mutations import directories, layout_of
from hostile.tiffs import written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HUGE = 60_000
_UNPACKED = 1 << 28
"""Bytes beyond the 200 MB that an input may take."""


def refused(folder: Path) -> Iterator[tuple[str, bytes, str]]:
    """Yield name, content and words of the refusal."""
    png = bytes(imagecodecs.png_encode(pixels(np.uint8, 3)))
    yield "png-size.png", _png_of_size(png, _HUGE), "cannot hold"
    jpeg = bytes(imagecodecs.jpeg8_encode(pixels(np.uint8, 3)))
    yield "jpeg-size.jpg", _jpeg_of_size(jpeg, 65_535), "cannot hold"
    for form in ("jp2", "j2k"):
        data = bytes(imagecodecs.jpeg2k_encode(pixels(np.uint8, 3), codecformat=form))
        yield f"jp2-size-{form}.jp2", _jpeg2000_of_size(data, _HUGE), "cannot hold"
    webp = b"VP8X" + struct.pack("<II", 10, 0) + b"\xff" * 6 + bytes(100)
    yield "webp-size.webp", b"RIFF" + struct.pack("<I", 122) + b"WEBP" + webp, "cannot hold"
    head = struct.pack("<IiiHHIIiiII", 40, _HUGE, _HUGE, 1, 24, 0, 0, 0, 0, 0, 0)
    yield "bmp-size.bmp", b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head + bytes(99), "truncated"
    for compression in (None, "deflate", "lzw", "zstd", "jpeg2000"):
        data = written(folder, pixels(np.uint16), compression=compression, metadata=None)
        sized = with_values(data, {256: 10**6, 257: 10**6, 278: 10**6})
        yield f"tiff-size-{compression}.tif", sized, "cannot hold"
        yield f"heights-size-{compression}.tif", sized, "cannot hold"
    tiled = written(folder, pixels(np.uint16), tile=(16, 16), compression="zlib", metadata=None)
    yield "tiff-tile.tif", with_values(tiled, {322: 10**6, 323: 10**6}), "its tiles are larger"
    pages = written(folder, np.zeros((3, 20, 20), np.uint8), metadata=None, photometric=1)
    yield "tiff-loop.tif", _loop(pages), "form a loop"
    yield "tiff-series-loop.tif", _loop(pages), "form a loop"
    yield from _inner(folder)
    yield "tiff-strip.tif", _strip_that_unpacks_to_more(folder), "it is damaged"
    yield from _texts(folder)
    yield from _surfaces()


def read(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of sound pictures, with a part that unpacks to more."""
    png = png_parts(bytes(imagecodecs.png_encode(pixels(np.uint8, 3))))
    packed = _zeros_deflated(_UNPACKED)
    yield "png-profile.png", png_of([png[0], (b"iCCP", b"x\0\0" + packed), *png[1:]], 1 << 22)
    yield "png-text.png", png_of([png[0], (b"zTXt", b"x\0\0" + packed), *png[1:]], 1 << 22)


def _texts(folder: Path) -> Iterator[tuple[str, bytes, str]]:
    """Yield TIFFs whose descriptions declare entities, or more planes than the file has."""
    stack = np.stack([pixels(np.uint16)] * 4)
    ome = written(folder, stack, ome=True, metadata={"axes": "ZYX"})
    for k, kind in enumerate(kind for kind in (ENTITIES, *FETCHES) if "<!ENTITY" in kind):
        xml = tifffile.TiffFile(io.BytesIO(ome)).ome_metadata or ""
        text = xml.replace("?>", f"?>{kind}", 1).replace('Name="Image0"', 'Name="&h;"')
        typed = _described(folder, ome, text)
        yield f"tiff-entities-{k}.tif", typed, "declares entities"
        yield f"tiff-series-entities-{k}.tif", typed, "declares entities"
        yield f"saved-entities-{k}.focusstack", typed, "declares entities"


def _surfaces() -> Iterator[tuple[str, bytes, str]]:
    """Yield files of heights of absurd sizes."""
    head = b"Gwyddion Simple Field 1.0\nXRes = 2000000000\nYRes = 2000000000\n"
    yield "gsf-size.gsf", head + bytes(4 - len(head) % 4) + bytes(64), "heights need"
    for name, content in (("size", b" " * _UNPACKED), ("entities", ENTITIES.encode() + b"<x/>")):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr("main.xml", content)
        words = "heights as text" if name == "size" else "declares entities"
        yield f"x3p-{name}.x3p", packed.getvalue(), words


def _zeros_deflated(size: int) -> bytes:
    """Return zeros as deflate, made in small parts."""
    packer, part = zlib.compressobj(1), bytes(1 << 20)
    parts = [packer.compress(part) for _ in range(size >> 20)]
    return b"".join([*parts, packer.flush()])


def _png_of_size(data: bytes, side: int) -> bytes:
    (name, header), *rest = png_parts(data)
    return png_of([(name, struct.pack(">II", side, side) + header[8:]), *rest])


def _jpeg2000_of_size(data: bytes, side: int) -> bytes:
    at = data.index(b"\xff\x4f\xff\x51") + 8
    sides = struct.pack(">8I", side, side, 0, 0, side, side, 0, 0)
    return data[:at] + sides + data[at + 32 :]


def with_values(data: bytes, values: dict[int, int]) -> bytes:
    """Return a TIFF whose first page has other single values, by tag."""
    layout, changed = layout_of(data), bytearray(data)
    for entry in directories(data)[0][0]:
        if entry.code in values:
            struct.pack_into(f"{layout.order}HI", changed, entry.at + 2, 4, 1)
            struct.pack_into(f"{layout.order}I", changed, entry.at + 8, values[entry.code])
    return bytes(changed)


def _strip_that_unpacks_to_more(folder: Path) -> bytes:
    """Return a TIFF of a few pixels, whose strip unpacks to more."""
    data = written(folder, pixels(np.uint16), compression="zlib", metadata=None)
    return _with_strip(data, _zeros_deflated(_UNPACKED))


def _inner(folder: Path) -> Iterator[tuple[str, bytes, str]]:
    """Yield TIFFs of a few pixels, whose strips are pictures of many."""
    side = 20_000
    for compression, sized in (("jpeg", _jpeg_of_size), ("jpeg2000", _jpeg2000_of_size)):
        data = written(folder, pixels(np.uint8, 3), compression=compression, metadata=None)
        strip = sized(_strip(data), side)
        yield f"tiff-inner-{compression}.tif", _with_strip(data, strip), "of its own"
    data = written(folder, pixels(np.uint8, 3), compression="png", metadata=None)
    black = bytes(imagecodecs.png_encode(np.zeros((8000, 8000, 3), np.uint8), level=1))
    yield "tiff-inner-png.tif", _with_strip(data, black), "of its own"


def _strip(data: bytes) -> bytes:
    """Return the first strip of a TIFF."""
    places = {entry.code: entry.value_at for entry in directories(data)[0][0]}
    start, length = (struct.unpack_from("<I", data, places[code])[0] for code in (273, 279))
    return data[start : start + length]


def _with_strip(data: bytes, strip: bytes) -> bytes:
    """Return a TIFF with another first strip."""
    places = {entry.code: entry.value_at for entry in directories(data)[0][0]}
    changed = bytearray(data + strip)
    struct.pack_into("<I", changed, places[273], len(data))
    struct.pack_into("<I", changed, places[279], len(strip))
    return bytes(changed)


def _jpeg_of_size(data: bytes, side: int) -> bytes:
    frame = data.index(b"\xff\xc0") + 5
    return data[:frame] + struct.pack(">HH", side, side) + data[frame + 4 :]


def _loop(data: bytes) -> bytes:
    """Return a TIFF whose last page is followed by its second."""
    found, changed = directories(data), bytearray(data)
    struct.pack_into("<I", changed, found[-1][1], found[1][0][0].at - 2)
    return bytes(changed)


def _described(folder: Path, data: bytes, text: str) -> bytes:
    path: Any = folder / "described.tif"
    path.write_bytes(data)
    tifffile.tiffcomment(path, text.encode())
    return path.read_bytes()
