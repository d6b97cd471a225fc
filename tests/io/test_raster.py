"""Odd PNG and JPEG headers: what the decoders read is read, damage is named, nothing else is shown.

Pillow refuses, misreads or warns about many of these, which is why headers are parsed without it.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.reading import scan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_focus_stack.io.plane_files import FilePlane

RNG = np.random.default_rng(8)
COLOUR = RNG.integers(0, 256, (24, 32, 3), np.uint8)
GREY = np.ascontiguousarray(COLOUR[..., 0])


@pytest.fixture(autouse=True)
def _only_our_own_words(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    assert capfd.readouterr().err == ""


def chunk(name: bytes, data: bytes, checksum: int | None = None) -> bytes:
    code = zlib.crc32(name + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", code)


def png(image: NDArray[Any], *chunks: bytes, colour: int = 2, after: bytes = b"") -> bytes:
    """PNG of an image, with chunks before its pixels."""
    height, width = image.shape[:2]
    bits = 8 * image.itemsize
    start = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in image)
    pixels = chunk(b"IDAT", zlib.compress(rows))
    header = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", start)
    return header + b"".join(chunks) + pixels + after + chunk(b"IEND", b"")


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[274] = orientation
    return tags.tobytes()


def jpeg(*segments: tuple[int, bytes], image: NDArray[Any] = COLOUR, **options: Any) -> bytes:
    """JPEG of an image, with segments (marker and payload) put before its own."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", **options)
    data = stream.getvalue()
    more = (bytes([255, m]) + struct.pack(">H", len(load) + 2) + load for m, load in segments)
    return data[:2] + b"".join(more) + data[2:]


def tags(*entries: tuple[int, int, int, bytes]) -> bytes:
    """EXIF of tag, type, count and four bytes of value."""
    body = b"".join(struct.pack(">HHI", *entry[:3]) + entry[3] for entry in entries)
    return b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + body + bytes(4)


def only_plane(folder: Path, data: bytes) -> FilePlane:
    (folder / "plane").write_bytes(data)
    (plane,) = scan(folder / "plane").planes
    return plane


# --- PNG

LARGE = zlib.compress(b"notes of a microscope " * 100_000)
EXIF = exif(6).removeprefix(b"Exif\0\0")
HARMLESS = {
    "text with a wrong checksum": chunk(b"tEXt", b"Comment\0hello", checksum=1),
    "EXIF with a wrong checksum": chunk(b"eXIf", EXIF, checksum=1),
    "2 MB of compressed text": chunk(b"zTXt", b"notes\0\0" + LARGE),
    "2 MB of XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LARGE),
    "2 MB of colour profile": chunk(b"iCCP", b"profile\0\0" + LARGE),
    "a colour profile cut short": chunk(b"iCCP", b"profile\0"),
    "an empty colour space": chunk(b"sRGB", b""),
    "half a pixel size": chunk(b"pHYs", b"\0\0"),
    "no frames of an animation": chunk(b"acTL", bytes(8)),
    "text named transparency": chunk(b"tEXt", b"transparency\0yes"),
    "text named exif": chunk(b"tEXt", b"exif\0nonsense"),
    "EXIF of noise": chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\x03" + b"\1" * 20),
}


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_chunk_that_no_pixel_depends_on_does_no_harm(tmp_path: Path, name: str, dtype) -> None:
    image = COLOUR.astype(dtype) * (1 if dtype == np.uint8 else 257)
    plane = only_plane(tmp_path, png(image, HARMLESS[name]))
    np.testing.assert_array_equal(plane.read(), image)
    assert plane.dtype == dtype
    assert plane.orientation == (6 if name == "EXIF with a wrong checksum" else 1)


@pytest.mark.parametrize("alpha", [b"\xff" * 9, b"\0" + b"\xff" * 9, b"\x80" * 9])
def test_a_palette_with_transparency_has_four_channels(tmp_path: Path, alpha: bytes) -> None:
    palette = RNG.integers(0, 256, (256, 3), np.uint8)
    chunks = chunk(b"PLTE", palette.tobytes()), chunk(b"tRNS", alpha)
    plane = only_plane(tmp_path, png(GREY, *chunks, colour=3))
    assert plane.shape == (24, 32, 4)
    np.testing.assert_array_equal(plane.read()[..., :3], palette[GREY])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_with_alpha_comes_as_colour_with_alpha(tmp_path: Path, dtype) -> None:
    image = np.dstack([GREY, GREY[::-1]]).astype(dtype)
    plane = only_plane(tmp_path, png(image, colour=4))
    np.testing.assert_array_equal(plane.read(), image[..., (0, 0, 0, 1)])
    assert plane.dtype == dtype


def test_a_png_over_the_pixels_that_pillow_allows_is_opened(tmp_path: Path) -> None:
    start = struct.pack(">IIBBBBB", 40_000, 30_000, 16, 2, 0, 0, 0)
    header = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", start)
    least = 7_000_000  # bytes of deflate that hold the pixels if all have one value
    plane = only_plane(tmp_path, header + chunk(b"IDAT", bytes(least)) + chunk(b"IEND", b""))
    assert (plane.shape, plane.dtype) == ((30_000, 40_000, 3), np.uint16)


# --- JPEG


@pytest.mark.parametrize(("bits", "options"), [(12, {}), (16, {"lossless": True})])
def test_jpeg_of_more_than_8_bits(tmp_path: Path, bits: int, options: dict[str, Any]) -> None:
    image = COLOUR.astype(np.uint16) << (bits - 8)
    data = imagecodecs.jpeg8_encode(image, bitspersample=bits, **options)
    plane = only_plane(tmp_path, data)
    assert plane.dtype == np.uint16
    np.testing.assert_array_equal(plane.read(), imagecodecs.jpeg8_decode(data))


MAKE = (271, 2, 500, struct.pack(">I", 4000))
UP = (274, 3, 1, struct.pack(">HH", 6, 0))
ORIENTATIONS = {
    "usual": ([exif(6)], 6),
    "out of range": ([exif(9)], 1),
    "the last of two": ([exif(6), exif(3)], 3),
    "cut short": ([exif(6)[:20]], 1),
    "empty": ([b"Exif\0\0"], 1),
    "noise": ([b"Exif\0\0" + bytes(range(90))], 1),
    "beside text that lies outside": ([tags(MAKE, UP)], 6),
    "of 32 bits": ([tags((274, 4, 1, struct.pack(">I", 6)))], 6),
    "in XMP alone": ([b'http://ns.adobe.com/xap/1.0/\0<a tiff:Orientation="6"/>'], 1),
}


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_orientation_of_jpeg(tmp_path: Path, name: str) -> None:
    payloads, orientation = ORIENTATIONS[name]
    plane = only_plane(tmp_path, jpeg(*[(0xE1, payload) for payload in payloads]))
    assert plane.orientation == orientation
    assert plane.read().shape == (24, 32, 3)


def test_a_preview_in_exif_does_not_hide_that_the_picture_is_truncated(tmp_path: Path) -> None:
    whole = jpeg((0xE1, exif(6) + jpeg(image=COLOUR[:8, :8])))
    assert only_plane(tmp_path, whole).read().shape == (24, 32, 3)
    with pytest.raises(InputError, match="truncated"):
        only_plane(tmp_path, whole[:-300])


def test_junk_between_segments_is_named_damage(tmp_path: Path) -> None:
    data = jpeg((0xFE, b"a comment"))
    assert only_plane(tmp_path, data).read().shape == (24, 32, 3)
    with pytest.raises(InputError, match="'plane' cannot be read: it is truncated"):
        only_plane(tmp_path, data.replace(b"a comment", b"a comment, junk"))


@pytest.mark.parametrize("space", ["cmyk", "ycck"])
def test_jpeg_for_print_is_refused(tmp_path: Path, space: str) -> None:
    inks = np.dstack([COLOUR, GREY])
    data = imagecodecs.jpeg8_encode(inks, colorspace="cmyk", outcolorspace=space)
    with pytest.raises(InputError, match="it is a CMYK image; convert it to RGB"):
        only_plane(tmp_path, data)


# --- damage at random

SMALL = {
    "colour": png(COLOUR),
    "deep": png(COLOUR.astype(np.uint16)),
    "turned": png(COLOUR, chunk(b"eXIf", EXIF)),
    "alpha": png(np.dstack([GREY, GREY]), colour=4),
    "baseline": jpeg((0xE1, exif(3))),
    "progressive": jpeg(progressive=True),
    "grey": jpeg(image=GREY),
    "12 bits": imagecodecs.jpeg8_encode(COLOUR.astype(np.uint16), bitspersample=12),
}


@pytest.mark.parametrize("kind", SMALL)
def test_damaged_bytes_give_a_picture_or_our_error(tmp_path: Path, kind: str) -> None:
    rng, sentences = np.random.default_rng(len(kind)), []
    for _ in range(100):
        data = bytearray(SMALL[kind])
        if rng.random() < 0.3:
            del data[rng.integers(1, len(data)) :]
        reach = min(len(data), 120) if rng.random() < 0.6 else len(data)
        for place in rng.integers(0, reach, rng.integers(1, 5)):
            data[place] ^= int(rng.integers(1, 256))
        try:
            plane = only_plane(tmp_path, bytes(data))
            if np.prod(plane.shape[:2]) < 1e7:
                assert plane.read().shape == plane.shape
        except InputError as refused:
            sentences.append(str(refused))
    assert sentences
    assert all("plane'" in sentence for sentence in sentences)
