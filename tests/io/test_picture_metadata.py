"""Colour profile and EXIF on their way from the reference plane into the image."""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms

from napari_focus_stack import focus_stack
from napari_focus_stack.io.picture_metadata import PictureMetadata, picture_metadata
from napari_focus_stack.io.result_outputs import write_outputs

RNG = np.random.default_rng(2)
COLOUR = RNG.integers(0, 256, (40, 48, 3), np.uint8)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MAKE, MODEL, TIME = "Makers of Lenses", "Model 5", "2026:11:29 12:30:00"
LENS, SPEED = "Lens 60 mm", 400


def exif(model=MODEL):
    tags = Image.Exif()
    tags[ExifTags.Base.Make], tags[ExifTags.Base.Model] = MAKE, model
    tags[ExifTags.Base.Orientation], tags[ExifTags.Base.DateTime] = 1, TIME
    inner = {}
    inner[ExifTags.Base.LensModel] = LENS
    inner[ExifTags.Base.DateTimeOriginal] = TIME
    inner[ExifTags.Base.ISOSpeedRatings] = SPEED
    inner[ExifTags.Base.MakerNote] = b"secret offsets"
    inner[ExifTags.Base.ExifImageWidth] = 9999
    tags[ExifTags.IFD.Exif], tags[ExifTags.IFD.GPSInfo] = inner, {1: "N"}
    return tags


def save(path, model=MODEL):
    Image.fromarray(COLOUR).save(path, exif=exif(model).tobytes(), icc_profile=PROFILE)


def checked(path):
    """What other programs read in a file."""
    with Image.open(path) as image:
        found, profile = image.getexif(), image.info.get("icc_profile")
        inner = dict(found.get_ifd(ExifTags.IFD.Exif))
        place = dict(found.get_ifd(ExifTags.IFD.GPSInfo))
        return {ExifTags.TAGS[k]: v for k, v in found.items()}, inner, place, profile


@pytest.mark.parametrize("into", [".png", ".jpg", ".tif", ".ome.tif"])
@pytest.mark.parametrize("kind", [".png", ".jpg", ".tif", ".webp"])
def test_profile_and_exif_of_the_reference_plane_reach_the_image(tmp_path, kind, into):
    for k in range(3):
        save(tmp_path / f"{k}{kind}", model=f"Model {k}")
    result = focus_stack(tmp_path, reference=1)
    out = tmp_path / f"out{into}"
    depth = tmp_path / "depth_index.png"
    write_outputs({"image": out, "depth_index": depth}, result)
    outer, inner, place, profile = checked(out)
    assert profile == PROFILE
    assert (outer["Make"], outer["Model"], outer["DateTime"]) == (MAKE, "Model 1", TIME)
    assert inner[ExifTags.Base.LensModel] == LENS
    assert inner[ExifTags.Base.DateTimeOriginal] == TIME
    assert inner[ExifTags.Base.ISOSpeedRatings] == SPEED
    assert place[1] == "N"
    assert not {ExifTags.Base.MakerNote, ExifTags.Base.ExifImageWidth} & set(inner)
    with Image.open(depth) as index:
        assert "icc_profile" not in index.info
        assert not index.getexif()
    if "tif" in into:
        np.testing.assert_array_equal(tifffile.imread(out), result.image)
    elif into == ".png":
        np.testing.assert_array_equal(np.asarray(Image.open(out)), result.image)


@pytest.mark.parametrize("into", [".png", ".jpg", ".tif"])
def test_letters_beyond_ascii_stay(tmp_path, into):
    tags = exif()
    tags[ExifTags.Base.Copyright] = "\u00a9 J\u00fcrgen M\u00fcller".encode("latin-1")
    for k in range(2):
        Image.fromarray(COLOUR).save(tmp_path / f"{k}.jpg", exif=tags.tobytes())
    write_outputs({"image": tmp_path / f"out{into}"}, focus_stack(tmp_path))
    outer, *_ = checked(tmp_path / f"out{into}")
    assert outer["Copyright"] == "\u00a9 J\u00fcrgen M\u00fcller"


def test_tags_beside_a_damaged_one_are_kept_and_python_forgets_no_warning(tmp_path):
    outer = struct.pack("<H HHLL L", 1, ExifTags.IFD.Exif, 4, 1, 26, 0)
    inner = struct.pack("<H", 2)
    inner += struct.pack("<HHLL", ExifTags.Base.ISOSpeedRatings, 3, 1, SPEED)
    inner += struct.pack("<HHLHH L", ExifTags.Base.ExifVersion, 3, 2, 1, 2, 0)
    damaged = b"Exif\0\0II*\0\x08\0\0\0" + outer + inner
    path = tmp_path / "damaged.jpg"
    Image.fromarray(COLOUR).save(path, exif=damaged)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        for _ in range(2):
            warnings.warn("of another program", stacklevel=1)
            kept = Image.Exif()
            kept.load(picture_metadata(path).exif)
    assert kept.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ISOSpeedRatings] == SPEED
    assert [str(one.message) for one in shown].count("of another program") == 1


def test_a_large_profile_fills_several_segments_of_jpeg(tmp_path):
    large = bytearray(PROFILE + bytes(150_000))
    for k in range(2):
        Image.fromarray(COLOUR).save(tmp_path / f"{k}.jpg", icc_profile=bytes(large))
    write_outputs({"image": tmp_path / "out.jpg"}, focus_stack(tmp_path))
    assert checked(tmp_path / "out.jpg")[-1] == bytes(large)


def test_a_profile_of_other_channels_is_left_out():
    metadata = PictureMetadata(PROFILE)
    assert metadata.profile_for((9, 9, 3)) == metadata.profile_for((9, 9, 4)) == PROFILE
    assert metadata.profile_for((9, 9)) == b""
    assert PictureMetadata(b"short").profile_for((9, 9, 3)) == b""


@pytest.mark.parametrize("kind", [".png", ".jpg", ".tif", ".webp"])
def test_damaged_metadata_is_no_error(tmp_path, kind):
    path = tmp_path / f"a{kind}"
    save(path)
    whole = path.read_bytes()
    assert picture_metadata(path).profile == PROFILE
    for _ in range(100):
        data = bytearray(whole)
        for place in RNG.integers(4, 1200, 6):
            data[place] = RNG.integers(256)
        path.write_bytes(data)
        picture_metadata(path)
        path.write_bytes(whole[: RNG.integers(len(whole))])
        picture_metadata(path)
    assert picture_metadata(tmp_path / "gone.png") == PictureMetadata()


def test_files_without_metadata_stay_without(tmp_path):
    for k in range(2):
        Image.fromarray(COLOUR).save(tmp_path / f"{k}.png")
    write_outputs({"image": tmp_path / "out.jpg"}, focus_stack(tmp_path))
    outer, inner, _, profile = checked(tmp_path / "out.jpg")
    assert (outer, inner, profile) == ({}, {}, None)
    assert io.BytesIO((tmp_path / "out.jpg").read_bytes()).read(4) == b"\xff\xd8\xff\xe0"
