"""Pictures of one plane: PNG, JPEG, WebP, JPEG 2000, BMP, HEIC, camera RAW."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import tifffile
from hostile.container_mutations import (
    mutated_boxes,
    mutated_jpeg,
    mutated_png,
    mutated_png_header,
    mutated_png_pixels,
    mutated_riff,
)
from hostile.kinds import Kind
from hostile.tiff_mutations import TIFF_MUTATORS
from PIL import Image, ImageCms

from napari_focus_stack.io.embedding import with_jpeg_metadata, with_png_metadata
from napari_focus_stack.io.file_source import FileSource
from napari_focus_stack.io.output_formats import Legend, encoder
from napari_focus_stack.io.picture_metadata import PictureMetadata, picture_metadata
from napari_focus_stack.io.reading import scan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 24, 20


def pixels(dtype: type, *channels: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return a picture of smooth and noisy parts."""
    rng = np.random.default_rng(1)
    top = np.iinfo(dtype).max
    ramp = np.linspace(0, top, size[0]).reshape(-1, 1, *[1] * len(channels))
    ramp = ramp * np.ones((*size, *channels))
    return (ramp * 0.7 + rng.integers(0, top // 4, ramp.shape)).astype(dtype)


_GREY, _COLOUR = pixels(np.uint8), pixels(np.uint8, 3)


def opened_planes(path: Path) -> Iterator[int]:
    """Open a file as a stack and decode each plane, whole and reduced, and its metadata."""
    _write_results(path, picture_metadata(path))
    scanned = scan(path)
    source = FileSource(scanned)
    for k, plane in enumerate(scanned.planes):
        yield int(np.prod(plane.shape, dtype=object)) * plane.dtype.itemsize
        source[k]
        source.reduced(k, source.reduction(1))


def _write_results(path: Path, metadata: PictureMetadata) -> None:
    """Write results with the profile and EXIF of an input, as at the end of a run."""
    if metadata == PictureMetadata():
        return
    for name, image in (("a.tif", _GREY), ("b.tif", _COLOUR), ("c.png", _COLOUR), ("d.jpg", _GREY)):
        result = path.with_name(f"result-{name}")
        encoder(result)(result, image, Legend(metadata=metadata))
        result.unlink()


def _png_seeds(_folder: Path) -> Iterator[bytes]:
    exif = _exif()
    for dtype, channels in ((np.uint8, ()), (np.uint16, (3,)), (np.uint8, (4,)), (np.uint8, (2,))):
        picture = pixels(dtype, *channels)
        data = bytes(imagecodecs.png_encode(picture))
        yield data
        yield with_png_metadata(data, PictureMetadata(_profile(), exif), picture.shape)
    for mode in ("P", "1"):
        palette = io.BytesIO()
        Image.fromarray(pixels(np.uint8)).convert(mode).save(palette, "png", transparency=0)
        yield palette.getvalue()


def _jpeg_seeds(_folder: Path) -> Iterator[bytes]:
    exif = _exif()
    for channels in ((), (3,)):
        picture = pixels(np.uint8, *channels)
        data = bytes(imagecodecs.jpeg8_encode(picture, level=85))
        yield data
        yield with_jpeg_metadata(data, PictureMetadata(_profile(), exif), picture.shape)
    for options in ({"progressive": True}, {"subsampling": "4:2:0", "restart_marker_blocks": 1}):
        written = io.BytesIO()
        Image.fromarray(pixels(np.uint8, 3)).save(written, "jpeg", exif=exif, **options)
        yield written.getvalue()
    yield bytes(imagecodecs.jpeg8_encode(pixels(np.uint16) >> 4, level=85, bitspersample=12))


def _webp_seeds(_folder: Path) -> Iterator[bytes]:
    for channels in (3, 4):
        for lossless in (False, True):
            yield bytes(imagecodecs.webp_encode(pixels(np.uint8, channels), lossless=lossless))
    written = io.BytesIO()
    Image.fromarray(pixels(np.uint8, 3)).save(written, "webp", exif=_exif(), icc_profile=_profile())
    yield written.getvalue()


def _jp2_seeds(_folder: Path) -> Iterator[bytes]:
    for dtype, channels in ((np.uint8, ()), (np.uint8, (3,)), (np.uint16, ())):
        for form in ("jp2", "j2k"):
            picture = pixels(dtype, *channels)
            yield bytes(imagecodecs.jpeg2k_encode(picture, level=0, codecformat=form))
    tiled = io.BytesIO()
    Image.fromarray(pixels(np.uint8, 3)).save(tiled, "jpeg2000", tile_size=(16, 16))
    yield tiled.getvalue()


def _bmp_seeds(_folder: Path) -> Iterator[bytes]:
    for mode in ("L", "RGB", "P", "1", "RGBA"):
        written = io.BytesIO()
        Image.fromarray(pixels(np.uint8, 3)).convert(mode).save(written, "bmp")
        yield written.getvalue()
    yield bytes(imagecodecs.bmp_encode(pixels(np.uint8, 3)))


def _heic_seeds(folder: Path) -> Iterator[bytes]:
    import pillow_heif

    for mode in ("L", "RGB", "RGBA"):
        path = folder / f"{mode}.heic"
        picture = Image.fromarray(pixels(np.uint8, 3)).convert(mode)
        pillow_heif.from_pillow(picture).save(path, exif=_exif(), quality=60)
        yield path.read_bytes()
    path = folder / "deep.heic"
    deep = pixels(np.uint16, 3)
    pillow_heif.from_bytes("RGB;16", deep.shape[1::-1], deep.tobytes()).save(path, quality=60)
    yield path.read_bytes()


def _raw_seeds(folder: Path) -> Iterator[bytes]:
    """Yield DNG, the one camera RAW that is no camera's own: Bayer, linear and compressed."""
    bayer = pixels(np.uint16, size=(32, 48))
    tags = [
        (271, "s", 0, "Makers", True),
        (272, "s", 0, "Model", True),
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, bytes([0, 1, 1, 2]), True),
        (50706, "B", 4, bytes([1, 4, 0, 0]), True),
        (50708, "s", 0, "Makers Model", True),
        (50717, "I", 1, 65000, True),
        (50721, "2i", 9, (*(1, 1, 0, 1, 0, 1), *(0, 1, 1, 1, 0, 1), *(0, 1, 0, 1, 1, 1)), True),
        (50728, "2I", 3, (1, 2, 1, 1, 3, 5), True),
        (50778, "H", 1, 21, True),
    ]
    for k, (picture, photometric, options) in enumerate(
        (
            (bayer, 32803, {}),
            (pixels(np.uint16, 3, size=(32, 48)), 34892, {}),
            (bayer, 32803, {"compression": "deflate", "tile": (16, 16)}),
        )
    ):
        path = folder / f"{k}.dng"
        tifffile.imwrite(
            path, picture, photometric=photometric, metadata=None, extratags=tags, **options
        )
        yield path.read_bytes()


def _exif() -> bytes:
    """Return EXIF of a camera with a place and an orientation."""
    exif = Image.Exif()
    exif[271], exif[272], exif[274], exif[306] = "Maker", "Camera", 6, "2026:01:02 03:04:05"
    exif.get_ifd(34665).update({33434: 0.005, 37386: 60.0, 37500: b"notes" * 9})
    exif.get_ifd(34853).update({1: "N", 2: (50.0, 3.0, 3.5)})
    return exif.tobytes().removeprefix(b"Exif\0\0")


def _profile() -> bytes:
    """Return a colour profile of grey or colour by its header alone, which is all that is read."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


_PNG = (mutated_png, mutated_png_header, mutated_png_pixels)
KINDS = (
    Kind("png", ".png", _png_seeds, opened_planes, _PNG),
    Kind("jpeg", ".jpg", _jpeg_seeds, opened_planes, (mutated_jpeg,)),
    Kind("webp", ".webp", _webp_seeds, opened_planes, (mutated_riff,)),
    Kind("jp2", ".jp2", _jp2_seeds, opened_planes, (mutated_boxes,)),
    Kind("bmp", ".bmp", _bmp_seeds, opened_planes),
    Kind("heic", ".heic", _heic_seeds, opened_planes, (mutated_boxes,)),
    Kind("raw", ".dng", _raw_seeds, opened_planes, TIFF_MUTATORS),
)
