"""Colour profile and EXIF in the files of images: chunks of PNG, segments of JPEG, tags of TIFF."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any, Literal

import tifffile

from napari_focus_stack.io.picture_metadata import (
    APP1,
    APP2,
    EXIF,
    EXIF_TAG,
    GPS_TAG,
    ICC,
    KEPT,
    PNG,
    PictureMetadata,
    load_exif,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


_PLACEHOLDERS = {34666: EXIF_TAG, 34854: GPS_TAG}
"""Unassigned tags, beside the place of those that tifffile does not write; written first."""
_CLASSIC = 2**32 - 2**25
"""Bytes of pixels from which on tifffile writes BigTIFF."""
_SEGMENT = 65519
"""Bytes of a profile that one JPEG segment holds."""


def with_png_metadata(data: bytes, metadata: PictureMetadata, shape: tuple[int, ...]) -> bytes:
    """Insert colour profile and EXIF into an encoded PNG.

    Parameters
    ----------
    data : bytes
        A whole PNG.
    metadata : PictureMetadata
        Profile and EXIF.
    shape : tuple of int
        Shape of its image.

    Returns
    -------
    bytes
        A whole PNG.
    """
    profile, chunks = metadata.profile_for(shape), b""
    if profile:
        chunks += _png_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile))
    if metadata.exif:
        chunks += _png_chunk(b"eXIf", metadata.exif)
    start = len(PNG) + 25  # behind the header chunk
    return data[:start] + chunks + data[start:]


def _png_chunk(name: bytes, payload: bytes) -> bytes:
    checksum = zlib.crc32(name + payload)
    return struct.pack(">I", len(payload)) + name + payload + struct.pack(">I", checksum)


def with_jpeg_metadata(data: bytes, metadata: PictureMetadata, shape: tuple[int, ...]) -> bytes:
    """Insert colour profile and EXIF into an encoded JPEG.

    Parameters
    ----------
    data : bytes
        A whole JPEG.
    metadata : PictureMetadata
        Profile and EXIF.
    shape : tuple of int
        Shape of its image.

    Returns
    -------
    bytes
        A whole JPEG.
    """
    segments = b""
    if metadata.exif and len(metadata.exif) < _SEGMENT:
        segments += _jpeg_segment(APP1, EXIF + metadata.exif)
    profile = metadata.profile_for(shape)
    parts = [profile[k : k + _SEGMENT] for k in range(0, len(profile), _SEGMENT)]
    for k, part in enumerate(parts, start=1):
        segments += _jpeg_segment(APP2, ICC + bytes([k, len(parts)]) + part)
    return data[:2] + segments + data[2:]


def _jpeg_segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def tiff_metadata_options(
    metadata: PictureMetadata, shape: tuple[int, ...], size: int
) -> dict[str, Any]:
    """Return the colour profile and EXIF as options of `tifffile.imwrite`.

    Tags for EXIF and place are placeholders, which `complete_tiff` replaces.

    Parameters
    ----------
    metadata : PictureMetadata
        Profile and EXIF.
    shape : tuple of int
        Shape of the image.
    size : int
        Bytes of its pixels. Beyond 4 GB, in BigTIFF, there is no EXIF.

    Returns
    -------
    dict of str to object
        Keyword arguments; empty if there is nothing to write.
    """
    options: dict[str, Any] = {}
    profile = metadata.profile_for(shape)
    if profile:
        options["iccprofile"] = profile
    if metadata.exif and size < _CLASSIC:
        exif = load_exif(io.BytesIO(metadata.exif))
        text = [(tag, "s", 0, exif[tag], True) for tag in KEPT if tag in exif]
        links = [
            (placeholder, "I", 1, 0, True)
            for placeholder, tag in _PLACEHOLDERS.items()
            if exif.get_ifd(tag)
        ]
        options["extratags"] = text + links
    return options


def complete_tiff(path: Path, metadata: PictureMetadata) -> None:
    """Append EXIF and place to a TIFF and link them from their tags.

    Parameters
    ----------
    path : pathlib.Path
        File written with `tiff_metadata_options`.
    metadata : PictureMetadata
        Profile and EXIF.
    """
    if not metadata.exif:
        return
    exif = load_exif(io.BytesIO(metadata.exif))
    with tifffile.TiffFile(path, mode="r+") as tif:
        if tif.is_bigtiff:
            return
        order: Literal["little", "big"] = "little" if tif.byteorder == "<" else "big"
        for placeholder, tag in _PLACEHOLDERS.items():
            found = tif.pages.first.tags.get(placeholder)
            if found is not None:
                found.overwrite(_appended(tif, tag, exif.get_ifd(tag)), dtype="I")
                tif.filehandle.seek(found.offset)
                tif.filehandle.write(tag.to_bytes(2, order))


def _appended(tif: tifffile.TiffFile, group: int, values: Mapping[int, Any]) -> int:
    """Append a directory of tags to an open TIFF, and return its place."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    handle = tif.filehandle
    head = b"II*\0" if tif.byteorder == "<" else b"MM\0*"
    directory = ImageFileDirectory_v2(head + bytes(4), group=group)
    for tag, value in values.items():
        directory[tag] = value
    end = handle.seek(0, io.SEEK_END)
    offset = end + end % 2
    handle.write(bytes(end % 2) + directory.tobytes(offset))
    return offset
