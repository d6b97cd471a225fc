"""Colour profile and EXIF of a picture, to be written with the image; see `embedding`.

Pillow decodes and encodes EXIF; the containers (chunks of PNG, segments of JPEG, tags of TIFF) are
handled here, because Pillow writes no 16-bit colour and refuses odd files; see `raster`.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from napari_focus_stack.io.camera_formats import is_heic, is_raw
from napari_focus_stack.io.picture_sizes import jpeg_segments
from napari_focus_stack.io.plane_files import DAMAGE
from napari_focus_stack.io.raster import png_chunks
from napari_focus_stack.io.tiff_file import open_first_page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PIL.Image import Exif

PNG = b"\x89PNG\r\n\x1a\n"
EXIF, ICC = b"Exif\0\0", b"ICC_PROFILE\0"
APP1, APP2 = 0xE1, 0xE2
ICC_TAG, EXIF_TAG, GPS_TAG = 34675, 34665, 34853
KEPT = (271, 272, 306, 315, 33432)
"""Tags that are kept beside EXIF: make, model, time, artist, copyright."""
_DROPPED = (37500, 40962, 40963, 40965)
"""EXIF tags that are true of the file alone: maker note, width, height, interoperability."""
_MOST_PROFILE = 1 << 24
"""Bytes of the largest profile that is kept; more would be no profile but an attack."""
_HEADER = 128
"""Bytes of the header of a colour profile."""
_SPACES = {1: b"GRAY", 3: b"RGB ", 4: b"RGB "}
"""Colour space of a profile by the number of channels."""


@dataclass(frozen=True)
class PictureMetadata:
    """Colour profile and EXIF of a picture.

    Attributes
    ----------
    profile : bytes
        ICC profile; empty if there is none.
    exif : bytes
        Camera, lens, exposure, time and place, as a TIFF structure without pixels; empty if there
        is none. Orientation, preview and maker notes are left out.
    """

    profile: bytes = b""
    exif: bytes = b""

    def profile_for(self, shape: tuple[int, ...]) -> bytes:
        """Return the profile if it fits the channels of an image.

        Parameters
        ----------
        shape : tuple of int
            (Y, X[, C]) of the image.

        Returns
        -------
        bytes
            Empty if there is none, or one of another colour space.
        """
        channels = 1 if len(shape) == 2 else shape[2]
        fits = len(self.profile) > _HEADER and self.profile[16:20] == _SPACES.get(channels)
        return self.profile if fits else b""


def picture_metadata(path: Path) -> PictureMetadata:
    """Read the colour profile and EXIF of a file.

    Parameters
    ----------
    path : pathlib.Path
        PNG, JPEG, TIFF, WebP, HEIC or camera RAW.

    Returns
    -------
    PictureMetadata
        Empty where the file has none, is damaged or gone.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
        if head.startswith(PNG):
            return _of_png(path)
        if head.startswith(b"\xff\xd8"):
            return _of_jpeg(path)
        if head[:4] == b"RIFF":
            return _of_webp(path)
        if is_heic(head):
            return _of_heic(path)
        found = _of_tiff(path)
        # a profile in camera RAW is that of its preview
        return PictureMetadata(exif=found.exif) if is_raw(path) else found
    except (*DAMAGE, ImportError):
        return PictureMetadata()


def picture_metadata_of_plane(
    files: Sequence[Path], planes: int, reference: int
) -> PictureMetadata:
    """Read the colour profile and EXIF of the reference plane.

    Parameters
    ----------
    files : sequence of pathlib.Path
        Files of the planes, each once, in order.
    planes : int
        Number of planes.
    reference : int
        Number of the reference plane.

    Returns
    -------
    PictureMetadata
        That of the reference plane's file; of the first file where files hold several planes.
    """
    if not files:
        return PictureMetadata()
    return picture_metadata(files[reference if len(files) == planes else 0])


def _of_png(path: Path) -> PictureMetadata:
    with path.open("rb") as file:
        file.seek(33)
        chunks = png_chunks(file)
    profile = b""
    if b"iCCP" in chunks:
        compressed = chunks[b"iCCP"].split(b"\0", 1)[1][1:]
        profile = zlib.decompressobj().decompress(compressed, _MOST_PROFILE)
    return PictureMetadata(profile, _clean(chunks.get(b"eXIf", b"")))


def _of_jpeg(path: Path) -> PictureMetadata:
    exif, parts = b"", {}
    with path.open("rb") as file:
        for marker, length in jpeg_segments(file):
            if marker not in (APP1, APP2):
                continue
            segment = file.read(length)
            if segment.startswith(EXIF) and not exif:
                exif = segment[len(EXIF) :]
            elif segment.startswith(ICC):
                parts[segment[len(ICC)]] = segment[len(ICC) + 2 :]
    return PictureMetadata(b"".join(parts[k] for k in sorted(parts)), _clean(exif))


def _of_webp(path: Path) -> PictureMetadata:
    chunks = {}
    with path.open("rb") as file:
        file.seek(12)
        while len(frame := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", frame)
            if name in (b"EXIF", b"ICCP"):
                chunks[name] = file.read(length)
                file.seek(length % 2, io.SEEK_CUR)
            else:
                file.seek(length + length % 2, io.SEEK_CUR)
    exif = chunks.get(b"EXIF", b"").removeprefix(EXIF)
    return PictureMetadata(chunks.get(b"ICCP", b""), _clean(exif))


def _of_heic(path: Path) -> PictureMetadata:
    from pi_heif import open_heif

    info = open_heif(path, convert_hdr_to_8bit=False).info
    exif = (info.get("exif") or b"").removeprefix(EXIF)
    return PictureMetadata(info.get("icc_profile") or b"", _clean(exif))


def _of_tiff(path: Path) -> PictureMetadata:
    with open_first_page(path) as page:
        tags = page.tags
        profile = tags.valueof(ICC_TAG, default=b"")
        described = any(tag in tags for tag in (*KEPT, EXIF_TAG, GPS_TAG))
    if not described:  # Pillow takes longer to load than most planes to read
        return PictureMetadata(bytes(profile))
    with path.open("rb") as file:
        exif = _written(load_exif(file))
    return PictureMetadata(bytes(profile), exif)


def _clean(exif: bytes) -> bytes:
    """Return EXIF without the tags that are true of the file alone."""
    if not exif:
        return b""
    try:
        return _written(load_exif(io.BytesIO(exif)))
    except DAMAGE:
        return b""


def load_exif(file: BinaryIO) -> Exif:
    """Read the tags of a TIFF structure that are kept.

    Parameters
    ----------
    file : binary file
        A TIFF, or EXIF without its name.

    Returns
    -------
    PIL.Image.Exif
        Camera, lens, exposure, time and place.
    """
    from PIL import Image

    found, kept = Image.Exif(), Image.Exif()
    found.load_from_fp(file)
    for tag in KEPT:
        if tag in found:
            kept[tag] = _recorded_bytes(found[tag])
    for tag in (EXIF_TAG, GPS_TAG):
        inner = {k: _recorded_bytes(v) for k, v in found.get_ifd(tag).items() if k not in _DROPPED}
        writable = {k: value for k, value in inner.items() if _is_writable(tag, k, value)}
        if writable:
            kept.get_ifd(tag).update(writable)
    return kept


def _is_writable(group: int, tag: int, value: Any) -> bool:
    """Return whether a tag can be written: damaged ones may be of another type than is usual."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    directory = ImageFileDirectory_v2(group=group)
    try:
        directory[tag] = value
        directory.tobytes(8)
    except DAMAGE:
        return False
    return _count(directory[tag]) == _count(value)  # Pillow leaves values that are too many out


def _count(value: Any) -> int:
    return len(value) if isinstance(value, tuple) else 1


def _recorded_bytes(value: Any) -> Any:
    """Return text as the bytes that were recorded, which Pillow read as Latin-1."""
    if not isinstance(value, str) or value.isascii():
        return value
    return value.encode("latin-1", "replace")


def _written(exif: Exif) -> bytes:
    if not len(exif) and not any(exif.get_ifd(tag) for tag in (EXIF_TAG, GPS_TAG)):
        return b""
    return exif.tobytes().removeprefix(EXIF)
