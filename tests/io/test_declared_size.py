"""Sizes of pictures by their headers, and the pixels that a byte of a file can hold."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_focus_stack.io import declared_size, tiff_segments
from napari_focus_stack.io.declared_size import refuse_oversize
from napari_focus_stack.io.plane_files import Unreadable
from napari_focus_stack.io.reading import read_stack, scan
from napari_focus_stack.io.tiff_file import open_tiff_file, series_pixels
from napari_focus_stack.io.tiff_segments import picture_size

if TYPE_CHECKING:
    from pathlib import Path

BLACK = np.zeros((3000, 2500), np.uint8)


def jpeg(image: np.ndarray, **options: Any) -> bytes:
    written = io.BytesIO()
    Image.fromarray(image).save(written, "jpeg", quality=1, **options)
    return written.getvalue()


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        ("png", bytes(imagecodecs.png_encode(BLACK, level=9))),
        ("png", bytes(imagecodecs.png_encode(BLACK.astype(np.uint16), level=9))),
        ("jpg", jpeg(BLACK, optimize=True)),
        ("jpg", jpeg(BLACK, optimize=True, progressive=True)),
        ("jpg", jpeg(np.stack([BLACK] * 3, 2), optimize=True, subsampling="4:2:0")),
        ("jpg", jpeg(np.stack([BLACK] * 3, 2), progressive=True, subsampling="4:2:0")),
    ],
)
def test_a_plane_of_one_value_is_no_bomb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, data: bytes
) -> None:
    """Of such planes a byte holds the most; the size that is always allowed is left out here."""
    monkeypatch.setattr(declared_size, "ALWAYS", 0)
    (tmp_path / f"a.{suffix}").write_bytes(data)
    [plane] = scan(tmp_path / f"a.{suffix}").planes
    assert plane.shape[:2] == BLACK.shape
    assert plane.decode().shape == plane.shape


@pytest.mark.parametrize("compression", [None, "deflate", "lzw", "zstd", "packbits", "lzma", "png"])
def test_tiff_planes_of_one_value_are_no_bombs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str | None
) -> None:
    monkeypatch.setattr(declared_size, "ALWAYS", 0)
    planes = np.zeros((2, *BLACK.shape), np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", planes, compression=compression, rowsperstrip=3000, metadata=None
    )
    assert len(read_stack(tmp_path / "a.tif")) == 2


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000", "png", "lerc", "jpegxl"])
def test_a_strip_may_hold_a_whole_grey_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str
) -> None:
    monkeypatch.setattr(tiff_segments, "_MOST_PIXELS", 0)
    planes = np.full((2, 300, 200), 7, np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", planes, compression=compression, rowsperstrip=300, metadata=None
    )
    assert read_stack(tmp_path / "a.tif")[1].shape == (300, 200)


def test_a_mosaic_may_lack_most_of_its_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declared_size, "ALWAYS", 0)
    tile = np.full((64, 64), 9, np.uint8)
    tiles = iter([tile, *[None] * 63] * 2)
    tifffile.imwrite(tmp_path / "a.tif", tiles, shape=(2, 512, 512), dtype="uint8", tile=(64, 64))
    plane = read_stack(tmp_path / "a.tif")[1]
    assert (plane[:64, :64] == 9).all()
    assert plane.sum() == tile.sum()


@pytest.mark.parametrize(
    ("stored", "words"),
    [(1, "1 byte"), (782, "782 bytes"), (1001, "2 kB"), (999_001, "1 MB"), (2_500_000, "3 MB")],
)
def test_a_small_file_is_not_rounded_up_to_what_could_hold_its_pixels(stored, words) -> None:
    with pytest.raises(Unreadable, match=rf"12000 x 12000 .*\(144 MB\), which {words} of data"):
        refuse_oversize((12_000, 12_000), 144_000_000, stored, 1)
    refuse_oversize((12_000, 12_000), 144_000_000, 144_000_000, 1)


def test_a_series_in_colour_may_be_smaller_than_its_pixels(tmp_path: Path) -> None:
    planes = np.zeros((3, 40, 50, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", compression="zlib")
    with open_tiff_file(tmp_path / "a.tif") as tif:
        assert series_pixels(tif.series[0]).shape == planes.shape


@pytest.mark.parametrize("shape", [(8, 8), (24, 20), (64, 128), (300, 200), (1031, 700)])
def test_sizes_in_the_headers_of_pictures(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    colour = np.stack([image] * 3, 2)
    pictures = {
        "PNG": imagecodecs.png_encode(image),
        "JPEG": imagecodecs.jpeg8_encode(image),
        "JPEG 2000": imagecodecs.jpeg2k_encode(image),
        "codestream": imagecodecs.jpeg2k_encode(image, codecformat="j2k"),
        "lossy WebP": imagecodecs.webp_encode(colour, lossless=False),
        "lossless WebP": imagecodecs.webp_encode(colour, lossless=True),
        "JPEG XL": imagecodecs.jpegxl_encode(image, effort=1),
        "JPEG XL in boxes": imagecodecs.jpegxl_encode(image, effort=1, usecontainer=True),
        "JPEG XR": imagecodecs.jpegxr_encode(image),
        "LERC": imagecodecs.lerc_encode(image),
    }
    found = {name: picture_size(bytes(data)) for name, data in pictures.items()}
    assert found == dict.fromkeys(pictures, shape)
