"""Folders and files as stacks: order, kinds, axes, spacing, and whatever is wrong with them."""

from __future__ import annotations

import io
import struct
from concurrent.futures import ThreadPoolExecutor

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scenes import QUIET, psnr, scene

from napari_focus_stack import focus_stack
from napari_focus_stack.errors import InputError, NoImagesError
from napari_focus_stack.io.reading import read_stack, scan
from napari_focus_stack.io.sources import Spacing

RNG = np.random.default_rng(5)


def noise(dtype, *shape):
    """Pixels that no wrong plane, channel order or scaling would give by chance."""
    if np.dtype(dtype).kind == "f":
        return RNG.normal(size=shape).astype(dtype)
    limits = np.iinfo(dtype)
    return RNG.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def bgr(image):
    return image if image.ndim == 2 else image[..., [2, 1, 0, 3][: image.shape[2]]]


def encode(image, suffix, **options):
    """Bytes of an image file, by another library than the one that reads it."""
    if suffix in (".tif", ".tiff"):
        stream = io.BytesIO()
        photometric = "rgb" if image.ndim == 3 else "minisblack"
        tifffile.imwrite(stream, image, **{"photometric": photometric, **options})
        return stream.getvalue()
    done, data = cv2.imencode(suffix, bgr(image), list(options.get("params", ())))
    assert done
    return data.tobytes()


def write_folder(folder, planes, suffix=".png"):
    for k, plane in enumerate(planes):
        (folder / f"z{k}{suffix}").write_bytes(encode(plane, suffix))
    return folder


def assert_planes(source, planes):
    assert len(source) == len(planes)
    for k, plane in enumerate(planes):
        np.testing.assert_array_equal(source[k], plane)
        assert source[k].dtype == plane.dtype == source.dtype
        assert source[k].shape == source.plane_shape


# --- folders


def test_a_folder_is_read_in_natural_order_and_holds_images_alone(tmp_path):
    planes = {name: noise(np.uint8, 12, 16) for name in ("b10.PNG", "B2.png", "b1.png", "b33.png")}
    for name, plane in planes.items():
        (tmp_path / name).write_bytes(encode(plane, ".png"))
    (tmp_path / ".b0.png").write_bytes(b"a hidden file")
    (tmp_path / "notes.txt").write_text("none of it an image")
    (tmp_path / "b4.png").mkdir()
    source = read_stack(tmp_path)
    assert source.names == ("b1.png", "B2.png", "b10.PNG", "b33.png")
    assert_planes(source, [planes[name] for name in source.names])
    assert source.files == tuple(tmp_path / name for name in source.names)


def test_the_last_number_counts_where_the_others_are_equal(tmp_path):
    names = [
        f"cell2G2Dz0p3um_ch0_stack0001_488nm_{k * 40:07d}msecAbs{k:04d}.tif" for k in range(12)
    ]
    for name in reversed(names):
        tifffile.imwrite(tmp_path / name, noise(np.uint16, 9, 10))
    assert read_stack(tmp_path).names == tuple(names)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
def test_names_may_be_in_any_script(tmp_path, suffix):
    folder = tmp_path / "Пыльца 花粉 é"
    folder.mkdir()
    planes = [noise(np.uint8, 16, 16) for _ in range(2)]
    for name, plane in zip(("слой 1", "слой 2"), planes, strict=True):
        (folder / f"{name}{suffix}").write_bytes(encode(plane, suffix))
    source = read_stack(folder)
    assert source.names[0] == f"слой 1{suffix}"
    assert source[1].shape == (16, 16)


def test_a_list_keeps_the_order_it_was_given(tmp_path):
    planes = [noise(np.uint8, 12, 16) for _ in range(3)]
    write_folder(tmp_path, planes)
    source = read_stack([tmp_path / "z2.png", str(tmp_path / "z0.png"), tmp_path / "z1.png"])
    assert_planes(source, [planes[2], planes[0], planes[1]])


def test_a_list_of_one_folder_is_that_folder(tmp_path):
    planes = [noise(np.uint8, 12, 16) for _ in range(2)]
    assert_planes(read_stack([write_folder(tmp_path, planes)]), planes)


# --- kinds


@pytest.mark.parametrize(
    ("suffix", "dtype", "channels"),
    [
        *[(".png", dtype, c) for dtype in (np.uint8, np.uint16) for c in (1, 3, 4)],
        *[(".bmp", np.uint8, c) for c in (1, 3)],
        *[
            (".tif", dtype, c)
            for dtype in (np.uint8, np.uint16, np.int16, np.int32, np.float32, np.float64)
            for c in (1, 3, 4)
        ],
    ],
)
def test_pixels_come_as_they_were_stored(tmp_path, suffix, dtype, channels):
    shape = (20, 30) if channels == 1 else (20, 30, channels)
    planes = [noise(dtype, *shape) for _ in range(3)]
    source = read_stack(write_folder(tmp_path, planes, suffix))
    assert_planes(source, planes)
    assert source.spacing == Spacing()


def test_jpeg_and_lossless_webp_and_jpeg_2000(tmp_path):
    ramp = np.add.outer(np.arange(32), 2 * np.arange(40)).astype(np.uint8)
    colour = np.dstack([ramp, 255 - ramp, ramp // 2])
    for suffix, params, worst in (
        (".jpg", (cv2.IMWRITE_JPEG_QUALITY, 100), 4),
        (".webp", (cv2.IMWRITE_WEBP_QUALITY, 101), 0),
        (".jp2", (cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000), 0),
    ):
        folder = tmp_path / suffix[1:]
        folder.mkdir()
        for k in range(2):
            (folder / f"{k}{suffix}").write_bytes(encode(colour, suffix, params=params))
        plane = read_stack(folder)[1]
        assert abs(plane.astype(int) - colour).max() <= worst, suffix


def test_what_a_file_is_counts_and_not_its_suffix(tmp_path):
    planes = [noise(np.uint16, 12, 16) for _ in range(2)]
    (tmp_path / "a.png").write_bytes(encode(planes[0], ".tif"))
    (tmp_path / "b.jpg").write_bytes(encode(planes[1], ".png"))
    assert_planes(read_stack(tmp_path), planes)


def _pillow(path, image, **options):
    image.save(path, **options)


def test_png_of_a_palette_one_bit_and_grey_with_alpha(tmp_path):
    grey = noise(np.uint8, 16, 24)
    few = Image.fromarray(np.dstack([grey] * 3)).quantize(16)
    clear = np.dstack([grey, grey, grey, np.where(grey == 7, 0, 255).astype(np.uint8)])
    cases = {
        "palette": (few, np.asarray(few.convert("RGB")), {}),
        "bits": (Image.fromarray(grey > 99), np.where(grey > 99, 255, 0).astype(np.uint8), {}),
        "alpha": (Image.merge("LA", [Image.fromarray(grey)] * 2), np.dstack([grey] * 4), {}),
        "clear": (Image.fromarray(grey), clear, {"transparency": 7}),
    }
    for name, (image, plane, options) in cases.items():
        folder = tmp_path / name
        folder.mkdir()
        for k in range(2):
            image.save(folder / f"{k}.png", **options)
        source = read_stack(folder)
        assert_planes(source, [plane, plane])
        assert source.notes == (), name


@pytest.mark.parametrize("premultiplied", [False, True])
@pytest.mark.parametrize("samples", [2, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_alpha_of_tiff_is_straight_whatever_the_file_holds(tmp_path, dtype, samples, premultiplied):
    white = 1 if dtype == np.float32 else np.iinfo(dtype).max
    colours = np.abs(noise(np.float64, 16, 24, samples - 1)) % 1
    alpha = np.array([0, 0.5, 1])[RNG.integers(0, 3, (16, 24, 1))]
    stored = np.dstack([colours * (alpha if premultiplied else 1), alpha]) * white
    for k in range(2):
        tifffile.imwrite(
            tmp_path / f"{k}.tif",
            stored.astype(dtype),
            photometric="minisblack" if samples == 2 else "rgb",
            planarconfig="contig",
            extrasamples=["assocalpha" if premultiplied else "unassalpha"],
        )
    source = read_stack(tmp_path)
    assert (source.plane_shape, source.dtype) == ((16, 24, 4), dtype)
    shown = alpha[..., 0] > 0
    expected = np.broadcast_to(colours, (16, 24, 3))[shown] * white
    np.testing.assert_allclose(source[0][shown][:, :3], expected, atol=2.5 if white > 1 else 1e-6)
    np.testing.assert_array_equal(source[0][..., 3], stored[..., -1].astype(dtype))


def test_alpha_beside_white_as_zero_is_not_inverted(tmp_path):
    stored = np.dstack([noise(np.uint8, 16, 24), np.full((16, 24), 255, np.uint8)])
    for k in range(2):
        tifffile.imwrite(
            tmp_path / f"{k}.tif",
            stored,
            photometric="miniswhite",
            planarconfig="contig",
            extrasamples=["unassalpha"],
        )
    plane = read_stack(tmp_path)[0]
    np.testing.assert_array_equal(plane[..., 0], 255 - stored[..., 0])
    assert (plane[..., 3] == 255).all()


def test_a_fourth_channel_that_is_no_alpha_is_left_out_with_a_note(tmp_path):
    stored = noise(np.uint8, 3, 16, 24, 4)
    path = tmp_path / "infrared.tif"
    tifffile.imwrite(path, stored, photometric="rgb", extrasamples=["unspecified"])
    source = read_stack(path)
    assert_planes(source, list(stored[..., :3]))
    assert any("fourth channel" in note for note in source.notes)


def test_two_samples_that_are_no_alpha_are_channels(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        noise(np.uint8, 16, 24, 2),
        photometric="minisblack",
        planarconfig="contig",
    )
    with pytest.raises(InputError, match="2 channels"):
        read_stack(tmp_path / "a.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_tiff_is_undone_with_its_pixel_size(tmp_path, orientation):
    upright = noise(np.uint8, 16, 24, 3)
    stored = upright
    if orientation in (2, 3, 6, 7):
        stored = stored[:, ::-1]
    if orientation in (3, 4, 7, 8):
        stored = stored[::-1]
    if orientation >= 5:
        stored = stored.swapaxes(0, 1)
    for k in range(2):
        tifffile.imwrite(
            tmp_path / f"{k}.tif",
            stored,
            photometric="rgb",
            resolution=(1e4 / 3, 1e4 / 5) if orientation < 5 else (1e4 / 5, 1e4 / 3),
            resolutionunit="CENTIMETER",
            extratags=[(274, "H", 1, orientation, True)],
        )
    source = read_stack(tmp_path)
    assert_planes(source, [upright, upright])
    assert (source.spacing.x, source.spacing.y) == (pytest.approx(3), pytest.approx(5))


def test_tiff_in_all_its_ways(tmp_path):
    grey, colour = noise(np.uint16, 20, 30), noise(np.uint8, 20, 30, 3)
    bits = colour[..., 0] > 99
    palette = noise(np.uint16, 3, 256)
    apart = np.ascontiguousarray(np.moveaxis(colour, -1, 0))
    inverted = {"photometric": "miniswhite"}
    cases = {
        "big endian": (grey, grey, {"byteorder": ">"}),
        "BigTIFF": (grey, grey, {"bigtiff": True}),
        "zlib": (grey, grey, {"compression": "zlib", "predictor": True}),
        "LZW": (colour, colour, {"compression": "lzw", "photometric": "rgb"}),
        "tiles": (grey, grey, {"tile": (16, 16)}),
        "planar": (apart, colour, {"photometric": "rgb", "planarconfig": "separate"}),
        "white is zero": (grey, np.uint16(65535) - grey, inverted),
        "bits": (bits, bits.astype(np.uint8) * np.uint8(255), {}),
        "palette": (
            colour[..., 0],
            np.moveaxis(palette // 257, 0, -1).astype(np.uint8)[colour[..., 0]],
            {"photometric": "palette", "colormap": palette},
        ),
    }
    for name, (stored, plane, options) in cases.items():
        folder = tmp_path / name
        folder.mkdir()
        for k in range(2):
            tifffile.imwrite(
                folder / f"{k}.tif", stored, **{"photometric": "minisblack", **options}
            )
        assert_planes(read_stack(folder), [plane, plane])


def test_ycbcr_jpeg_in_tiff_comes_as_rgb(tmp_path):
    ramp = np.add.outer(np.arange(32), 2 * np.arange(48)).astype(np.uint8)
    colour = np.dstack([ramp, 255 - ramp, ramp // 2])
    for k in range(2):
        tifffile.imwrite(
            tmp_path / f"{k}.tif",
            colour,
            photometric="rgb",
            compression="jpeg",
            compressionargs={"level": 98},
        )
    with tifffile.TiffFile(tmp_path / "0.tif") as tif:
        assert tif.pages.first.photometric == tifffile.PHOTOMETRIC.YCBCR
    assert abs(read_stack(tmp_path)[0].astype(int) - colour).max() < 24


def test_exif_turns_all_planes_as_most_of_them_say(tmp_path):
    ramp = np.add.outer(4 * np.arange(24), 3 * np.arange(32)).astype(np.uint8)
    for orientation in range(1, 9):
        folder = tmp_path / str(orientation)
        folder.mkdir()
        exif = Image.Exif()
        exif[274] = orientation
        for k in range(3):
            options = {} if k == 2 else {"exif": exif}
            Image.fromarray(ramp).save(folder / f"{k}.jpg", quality=100, **options)
        with Image.open(folder / "0.jpg") as image:
            from PIL import ImageOps

            upright = np.asarray(ImageOps.exif_transpose(image)).astype(int)
        source = read_stack(folder)
        assert source.plane_shape == upright.shape
        for k in range(3):
            assert abs(source[k].astype(int) - upright).max() <= 2
        assert len(source.notes) == (orientation != 1)


# --- files of many planes


def test_many_planes_in_one_file(tmp_path):
    grey, colour = noise(np.uint16, 5, 20, 30), noise(np.uint8, 5, 20, 30, 3)
    cases = {
        "plain": (grey, {"metadata": None}),
        "shaped": (grey, {}),
        "imagej": (grey, {"imagej": True, "metadata": {"axes": "ZYX"}}),
        "imagej colour": (colour, {"imagej": True, "metadata": {"axes": "ZYXS"}}),
        "ome": (grey, {"ome": True, "metadata": {"axes": "ZYX"}}),
        "ome colour": (colour, {"ome": True, "metadata": {"axes": "ZYXS"}, "photometric": "rgb"}),
        "bigtiff zlib": (grey, {"bigtiff": True, "compression": "zlib"}),
        "float": (grey.astype(np.float32), {"byteorder": ">"}),
    }
    for name, (planes, options) in cases.items():
        file = tmp_path / f"{name}.tif"
        photometric = "rgb" if planes.ndim == 4 else "minisblack"
        tifffile.imwrite(file, planes, **{"photometric": photometric, **options})
        source = read_stack(file)
        assert_planes(source, list(planes))
        assert source.names[3] == f"{name}.tif, plane 3"
        assert source.files == (file,)


def test_pages_written_one_by_one_and_a_folder_that_holds_that_file_alone(tmp_path):
    planes = [noise(np.uint16, 20, 30) for _ in range(4)]
    with tifffile.TiffWriter(tmp_path / "stack.tif") as writer:
        for plane in planes:
            writer.write(plane)
        writer.write(planes[0][::2, ::2], subfiletype=1)
    assert_planes(read_stack(tmp_path), planes)


def test_imagej_over_4_gb_has_the_header_of_one_page(tmp_path):
    planes, file = noise(np.uint16, 6, 20, 30), tmp_path / "large.tif"
    tifffile.imwrite(file, planes, imagej=True, byteorder=">", metadata={"axes": "ZYX"})
    data = bytearray(file.read_bytes())
    (first,) = struct.unpack(">I", data[4:8])
    (tags,) = struct.unpack(">H", data[first : first + 2])
    end = first + 2 + 12 * tags
    data[end : end + 4] = bytes(4)
    file.write_bytes(data)
    with tifffile.TiffFile(file) as tif:
        assert len(tif.pages) == 1
    assert_planes(read_stack(file), list(planes))
    file.write_bytes(data[: len(data) - 1300])
    with pytest.raises(InputError, match=r"'large\.tif, planes from 1 on' .*truncated"):
        read_stack(file)


@pytest.mark.parametrize(
    ("axes", "shape", "says"),
    [
        (
            "TZCYX",
            (4, 3, 2, 10, 12),
            r"4 time points and 2 channels; open it as a series: .* --time and --channel",
        ),
        (
            "ZCYX",
            (3, 2, 10, 12),
            r"has 2 channels; .* focusstack -i 'cells\.tif' with --channel, or open_series",
        ),
        ("TYX", (5, 10, 12), r"5 time points but no z axis; .* --axes ZYX"),
        ("CYX", (3, 10, 12), r"3 channels but no z axis"),
    ],
)
@pytest.mark.parametrize("form", ["imagej", "ome"])
def test_axes_beyond_z_and_colour_are_named(tmp_path, axes, shape, says, form):
    file = tmp_path / "cells.tif"
    tifffile.imwrite(
        file,
        noise(np.uint16, *shape),
        **{form: True},
        metadata={"axes": axes},
        photometric="minisblack",
    )
    with pytest.raises(InputError, match=says) as refused:
        read_stack(file)
    assert str(refused.value).startswith("'cells.tif' has ")


def test_other_surplus_axes(tmp_path):
    plain = tmp_path / "unnamed.tif"
    tifffile.imwrite(plain, noise(np.uint16, 2, 3, 10, 12), photometric="minisblack")
    with pytest.raises(InputError, match=r"2 entries .* and 3 entries .* --axes TZYX"):
        read_stack(plain)
    scenes = tmp_path / "scenes.ome.tif"
    with tifffile.TiffWriter(scenes, ome=True) as writer:
        for _ in range(2):
            writer.write(noise(np.uint16, 3, 10, 12), metadata={"axes": "ZYX"})
    with pytest.raises(InputError, match=r"2 positions; .* --position"):
        read_stack(scenes)
    samples = tmp_path / "samples.tif"
    tifffile.imwrite(
        samples, noise(np.uint16, 3, 10, 12, 2), photometric="minisblack", planarconfig="contig"
    )
    with pytest.raises(InputError, match="2 channels"):
        read_stack(samples)


# --- spacing


def test_spacing_of_imagej(tmp_path):
    planes = noise(np.uint16, 3, 10, 12)
    for unit, factor in {
        "um": 1,
        "micron": 1,
        "\\u00B5m": 1,
        "nm": 1e-3,
        "mm": 1e3,
        "cm": 1e4,
        "inch": 25400,
    }.items():
        file = tmp_path / "ij.tif"
        tifffile.imwrite(
            file,
            planes,
            imagej=True,
            resolution=(4.0, 5.0),
            metadata={"axes": "ZYX", "spacing": -1.5, "unit": unit},
        )
        spacing = read_stack(file).spacing
        expected = (0.2 * factor, 0.25 * factor, 1.5 * factor)
        assert (spacing.y, spacing.x, spacing.z) == pytest.approx(expected, rel=1e-6), unit
        assert spacing.unit == "micrometer"


def test_spacing_of_imagej_without_a_unit_is_unknown(tmp_path):
    for unit in ("pixel", ""):
        file = tmp_path / "ij.tif"
        tifffile.imwrite(
            file,
            noise(np.uint8, 3, 10, 12),
            imagej=True,
            resolution=(1.0, 1.0),
            metadata={"axes": "ZYX", "spacing": 2.0, "unit": unit},
        )
        assert read_stack(file).spacing == Spacing()


def test_spacing_of_ome(tmp_path):
    file = tmp_path / "stack.ome.tif"
    metadata = {
        "axes": "ZYX",
        "PhysicalSizeX": 65.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.13,
        "PhysicalSizeYUnit": "µm",
    }
    by_size = {"PhysicalSizeZ": 0.002, "PhysicalSizeZUnit": "mm"}
    by_place = {"Plane": {"PositionZ": [4.0, 2.0, 0.0], "PositionZUnit": ["µm"] * 3}}
    uneven = {"Plane": {"PositionZ": [4.0, 2.0, 0.5], "PositionZUnit": ["µm"] * 3}}
    for more, z in ((by_size, 2.0), (by_place, 2.0), (uneven, None), ({}, None)):
        tifffile.imwrite(file, noise(np.uint16, 3, 10, 12), metadata=metadata | more)
        spacing = read_stack(file).spacing
        assert (spacing.y, spacing.x) == pytest.approx((0.13, 0.065))
        assert spacing.z == pytest.approx(z)


def test_spacing_of_a_folder_of_ome_planes_comes_from_their_positions(tmp_path):
    for k, position in enumerate((10.0, 10.75, 11.5)):
        tifffile.imwrite(
            tmp_path / f"{k}.ome.tif",
            noise(np.uint16, 10, 12),
            metadata={
                "axes": "YX",
                "PhysicalSizeX": 0.5,
                "PhysicalSizeY": 0.5,
                "Plane": {"PositionZ": [position], "PositionZUnit": ["µm"]},
            },
        )
    assert read_stack(tmp_path).spacing == Spacing(y=0.5, x=0.5, z=0.75, unit="micrometer")


def write_ome_plane(path, position, pixel_size=0.5, shape=(10, 12)):
    place = {"PositionZ": [position], "PositionZUnit": ["µm"]}
    size = {"PhysicalSizeX": pixel_size, "PhysicalSizeY": pixel_size}
    tifffile.imwrite(
        path, noise(np.uint16, *shape), metadata={"axes": "YX", "Plane": place, **size}
    )


def test_spacing_is_that_of_the_planes_that_are_kept(tmp_path):
    write_ome_plane(tmp_path / "0 overview.ome.tif", 99.0, pixel_size=8.0, shape=(20, 24))
    for k in range(1, 5):
        write_ome_plane(tmp_path / f"{k}.ome.tif", 0.75 * k)
    (tmp_path / "4.ome.tif").write_bytes(b"")
    source = read_stack(tmp_path, skip_unreadable=True)
    assert source.names == ("1.ome.tif", "2.ome.tif", "3.ome.tif")
    assert source.spacing == Spacing(y=0.5, x=0.5, z=0.75, unit="micrometer")


def test_spacing_forgets_a_plane_whose_pixels_are_damaged(tmp_path):
    for k in range(3):
        size = 9.0 if k == 0 else 0.5
        tifffile.imwrite(
            tmp_path / f"{k}.tif",
            noise(np.uint16, 40, 50),
            resolution=(1e4 / size, 1e4 / size),
            resolutionunit="CENTIMETER",
            compression="zlib",
        )
    with tifffile.TiffFile(tmp_path / "0.tif") as tif:
        start = tif.pages.first.dataoffsets[0]
    data = bytearray((tmp_path / "0.tif").read_bytes())
    data[start : start + 20] = bytes(20)
    (tmp_path / "0.tif").write_bytes(data)
    assert read_stack(tmp_path).spacing.x == pytest.approx(9.0)
    source = read_stack(tmp_path, skip_unreadable=True)
    assert source.names == ("1.tif", "2.tif")
    assert source.spacing.x == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("resolution", "unit", "size"),
    [
        ((20000.0, 20000.0), "CENTIMETER", 0.5),
        ((50800.0, 50800.0), "INCH", 0.5),
        ((72.0, 72.0), "INCH", None),
        ((300.0, 300.0), "INCH", None),
        ((118.11, 118.11), "CENTIMETER", None),
        ((1.0, 1.0), "INCH", None),
        ((7.0, 7.0), "NONE", None),
    ],
)
def test_resolution_tags_are_a_calibration_unless_a_printers(tmp_path, resolution, unit, size):
    for k in range(2):
        tifffile.imwrite(
            tmp_path / f"{k}.tif",
            noise(np.uint8, 10, 12),
            resolution=resolution,
            resolutionunit=unit,
        )
    spacing = read_stack(tmp_path).spacing
    assert spacing.x == spacing.y == pytest.approx(size)
    assert spacing.unit == (None if size is None else "micrometer")


# --- pixels stay on disk


@pytest.fixture
def decodings(monkeypatch):
    """Count planes that are decoded, whichever library does it."""
    counted = []

    def counting(name, decode):
        def decode_and_count(*args, **options):
            counted.append(name)
            return decode(*args, **options)

        return decode_and_count

    for name in ("png_decode", "jpeg8_decode"):
        monkeypatch.setattr(imagecodecs, name, counting(name, getattr(imagecodecs, name)))
    page = tifffile.TiffPage  # a later page of a file calls its method too
    monkeypatch.setattr(page, "asarray", counting("asarray", page.asarray))
    return counted


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_making_a_source_decodes_nothing_and_a_plane_is_decoded_alone(tmp_path, decodings, suffix):
    write_folder(tmp_path, [noise(np.uint8, 20, 30, 3) for _ in range(4)], suffix)
    source = read_stack(tmp_path)
    assert len(source) == 4
    assert decodings == []
    source[2]
    assert len(decodings) == 1


def test_a_plane_of_a_file_is_decoded_alone(tmp_path, decodings):
    tifffile.imwrite(tmp_path / "s.tif", noise(np.uint16, 6, 20, 30), compression="zlib")
    source = read_stack(tmp_path / "s.tif")
    assert decodings == []
    source[5]
    assert len(decodings) == 1


def test_one_file_may_be_read_from_several_threads(tmp_path):
    planes = noise(np.uint16, 12, 64, 64)
    tifffile.imwrite(tmp_path / "s.tif", planes, compression="zlib", rowsperstrip=8)
    source = read_stack(tmp_path / "s.tif")
    order = [k % 12 for k in range(60)]
    with ThreadPoolExecutor(6) as pool:
        for k, plane in zip(order, pool.map(source.__getitem__, order), strict=True):
            np.testing.assert_array_equal(plane, planes[k])


def test_planes_out_of_range(tmp_path):
    source = read_stack(write_folder(tmp_path, [noise(np.uint8, 12, 16)] * 2))
    for k in (-1, 2):
        with pytest.raises(IndexError):
            source[k]


# --- bad input


def test_nothing_there(tmp_path):
    with pytest.raises(InputError, match=r"no file or folder .*missing"):
        read_stack(tmp_path / "missing")
    with pytest.raises(InputError, match=r"no file .*missing\.png"):
        read_stack([tmp_path / "missing.png", tmp_path / "b.png"])
    with pytest.raises(InputError, match="empty"):
        read_stack([])


def test_a_folder_without_images_is_distinguished(tmp_path):
    with pytest.raises(NoImagesError, match="nothing to do"):
        read_stack(tmp_path)
    (tmp_path / "notes.txt").write_text("none")
    (tmp_path / ".hidden.png").write_bytes(b"x")
    with pytest.raises(NoImagesError):
        read_stack(tmp_path)


@pytest.mark.parametrize("skip", [False, True])
def test_one_image_is_no_stack(tmp_path, skip):
    write_folder(tmp_path, [noise(np.uint8, 12, 16)])
    for path in (tmp_path, tmp_path / "z0.png"):
        with pytest.raises(InputError, match=r"one plane alone, 'z0\.png'.*at least two"):
            read_stack(path, skip_unreadable=skip)
    tifffile.imwrite(tmp_path / "one.ome.tif", noise(np.uint8, 12, 16))
    with pytest.raises(InputError, match="one plane alone"):
        read_stack(tmp_path / "one.ome.tif", skip_unreadable=skip)


PLANE = noise(np.uint8, 40, 50, 3)
CMYK = np.dstack([PLANE, PLANE[..., 0]])
ODD = {
    "empty.png": (b"", "it is empty"),
    "text.png": (b"dear diary, today I took a picture", "no image"),
    "text.tif": (b"II*\0 is how a TIFF begins, but not how it goes on", "damaged TIFF"),
    "header.png": (encode(PLANE, ".png")[:20], "truncated"),
    "header.jpg": (encode(PLANE, ".jpg")[:30], "truncated"),
    "header.tif": (encode(PLANE, ".tif")[:40], "damaged TIFF|truncated"),
    "half.png": (encode(PLANE, ".png")[:3000], "truncated|damaged"),
    "half.jpg": (encode(PLANE, ".jpg")[:1500], "truncated"),
    "half.tif": (encode(PLANE, ".tif")[:3000], "truncated"),
    "half.bmp": (encode(PLANE, ".bmp")[:3000], "truncated"),
    "half.webp": (encode(PLANE, ".webp")[:300], "damaged"),
    "small.png": (encode(PLANE[:30], ".png"), "50 x 30 uint8 RGB, .* 50 x 40 uint8 RGB"),
    "deep.png": (encode(PLANE.astype(np.uint16), ".png"), "uint16 RGB, .* uint8 RGB"),
    "grey.jpg": (encode(PLANE[..., 0], ".jpg"), "uint8 grey, .* uint8 RGB"),
    "ink.tif": (encode(CMYK, ".tif", photometric="separated"), "CMYK"),
    "waves.tif": (encode(PLANE[..., 0] * 1j, ".tif"), "complex"),
    "several.tif": (encode(np.stack([PLANE] * 3), ".tif"), "a stack itself"),
}


@pytest.mark.parametrize("name", ODD)
def test_a_file_that_cannot_be_part_of_the_stack_is_named_or_left_out(tmp_path, name, capfd):
    data, reason = ODD[name]
    planes = [PLANE, PLANE[::-1], PLANE[:, ::-1]]
    write_folder(tmp_path, planes)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=reason) as refused:
        read_stack(tmp_path)
    assert name in str(refused.value)
    assert str(refused.value).endswith("; remove or replace it, or pass skip_unreadable=True.")
    source = read_stack(tmp_path, skip_unreadable=True)
    assert_planes(source, planes)
    assert len(source.notes) == 1
    assert name in source.notes[0]
    assert [skipped.name for skipped in scan(tmp_path).skipped] == [name]
    assert capfd.readouterr().err == "", "only our own sentence may reach the user"


def test_damage_within_the_pixels_shows_when_they_are_read(tmp_path):
    planes = [noise(np.uint8, 40, 50) for _ in range(3)]
    write_folder(tmp_path, planes)
    data = bytearray((tmp_path / "z1.png").read_bytes())
    data[900] ^= 255
    (tmp_path / "z1.png").write_bytes(data)
    source = read_stack(tmp_path)
    with pytest.raises(InputError, match=r"'z1\.png' cannot be read.*; .*skip_unreadable=True\.$"):
        source[1]
    source = read_stack(tmp_path, skip_unreadable=True)
    assert_planes(source, [planes[0], planes[2]])
    assert "'z1.png' cannot be used: it is damaged" in source.notes[0]


@pytest.mark.parametrize(
    ("damaged", "gap"),
    [
        ([], None),
        ([0], None),
        ([0, 6], None),
        ([3], "'z2.png' and 'z4.png', because 'z3.png'"),
        ([0, 2, 3, 5, 6], "'z1.png' and 'z4.png', because 'z2.png' and 1 more"),
        ([2, 4, 5], "'z1.png' and 'z3.png', because 'z2.png'"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_gap_within_the_stack_is_named(tmp_path, damaged, gap, late):
    write_folder(tmp_path, [noise(np.uint8, 40, 50) for _ in range(7)])
    for k in damaged:
        data = bytearray((tmp_path / f"z{k}.png").read_bytes())
        data[900] ^= 255
        (tmp_path / f"z{k}.png").write_bytes(data if late else b"")
    notes = read_stack(tmp_path, skip_unreadable=True).notes[len(damaged) :]
    assert len(notes) == (gap is not None) + (gap is not None and damaged == [2, 4, 5])
    if gap is not None:
        assert gap in notes[0]
        assert "z step" in notes[0]


def test_a_gap_that_positions_measure_is_no_gap(tmp_path):
    for k in range(5):
        write_ome_plane(tmp_path / f"{k}.ome.tif", float(k))
    for k in (1, 3):
        (tmp_path / f"{k}.ome.tif").write_bytes(b"")
    source = read_stack(tmp_path, skip_unreadable=True)
    assert source.spacing.z == 2.0
    assert len(source.notes) == 2


def test_every_file_that_was_looked_at_is_known(tmp_path):
    write_folder(tmp_path, [noise(np.uint8, 12, 16) for _ in range(3)])
    (tmp_path / "z1.png").write_bytes(b"")
    source = read_stack(tmp_path, skip_unreadable=True)
    assert source.files == (tmp_path / "z0.png", tmp_path / "z2.png")
    assert source.inputs == tuple(tmp_path / f"z{k}.png" for k in range(3))


def test_files_of_narrow_planes_are_a_stack_and_narrow_pages_of_one_file_are_none(tmp_path):
    write_folder(tmp_path, [noise(np.uint8, 9, 5)] * 2)
    assert read_stack(tmp_path).plane_shape == (9, 5)
    tifffile.imwrite(tmp_path / "one.tif", np.zeros((9, 12, 2), np.uint8), photometric="minisblack")
    with pytest.raises(InputError, match=r"12 x 2 pixels in '.*one.tif' may be the rows of one"):
        read_stack(tmp_path / "one.tif")


def test_a_folder_among_files_is_refused(tmp_path):
    write_folder(tmp_path, [noise(np.uint8, 12, 16)] * 2)
    with pytest.raises(InputError, match="is a folder; give one folder or several files"):
        read_stack([tmp_path, tmp_path / "z0.png"])


def test_a_file_that_goes_away(tmp_path):
    source = read_stack(write_folder(tmp_path, [noise(np.uint8, 12, 16)] * 2))
    (tmp_path / "z1.png").unlink()
    with pytest.raises(InputError, match=r"'z1\.png' .*gone"):
        source[1]


def test_too_few_planes_are_left(tmp_path):
    write_folder(tmp_path, [noise(np.uint8, 12, 16)])
    (tmp_path / "z1.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"z1\.png.*it is empty.*at least two"):
        read_stack(tmp_path, skip_unreadable=True)
    (tmp_path / "z0.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"No plane .* can be read: 'z0\.png'"):
        read_stack(tmp_path, skip_unreadable=True)


def test_a_folder_of_stacks_is_refused_by_name(tmp_path):
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, noise(np.uint8, 3, 12, 16), photometric="minisblack")
    with pytest.raises(InputError, match=r"'a\.tif' .*a stack itself; give it alone"):
        read_stack(tmp_path)


def _truncatable():
    grey = [noise(np.uint8, 24, 32) for _ in range(3)]
    pages = {"photometric": "minisblack"}
    return {
        ".png": encode(grey[0], ".png"),
        ".jpg": encode(grey[0], ".jpg"),
        ".tif": encode(grey[0], ".tif"),
        "zlib.tif": encode(grey[0], ".tif", compression="zlib"),
        "many.tif": encode(np.stack(grey), ".tif", **pages),
        "apart.tif": encode(np.stack(grey), ".tif", metadata=None, compression="zlib", **pages),
    }


TRUNCATABLE = _truncatable()


def outcome(path):
    """Planes, what was skipped, and the sentence if there is an error."""
    try:
        scanned = scan(path)
        return [plane.read() for plane in scanned.planes], scanned.skipped, ""
    except InputError as refused:
        return [], (), str(refused)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(kind=st.sampled_from(sorted(TRUNCATABLE)), share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_gives_its_true_pixels_or_an_error(tmp_path, kind, share):
    path = tmp_path / f"plane{kind}"
    path.write_bytes(TRUNCATABLE[kind])
    whole, _, _ = outcome(path)
    path.write_bytes(TRUNCATABLE[kind][: int(share * len(TRUNCATABLE[kind]))])
    left, skipped, error = outcome(path)
    for found, true in zip(left, whole, strict=False):
        np.testing.assert_array_equal(found, true)
    if len(left) < len(whole):
        assert skipped or path.name in error, "planes went missing without a word"


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    kind=st.sampled_from(sorted(TRUNCATABLE)),
    hits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_no_damage_ends_in_another_error(tmp_path, kind, hits):
    data = bytearray(TRUNCATABLE[kind])
    for place, value in hits:
        data[place] = value
    path = tmp_path / f"plane{kind}"
    path.write_bytes(data)
    planes, skipped, error = outcome(path)
    assert planes or skipped or path.name in error


# --- reduced planes


def smooth_colour(height, width):
    """Colours that JPEG keeps nearly as they are."""
    y, x = np.mgrid[:height, :width] / np.float32(40)
    waves = [np.sin(x + 0.3 * y), np.cos(y - 0.2 * x), np.sin(0.5 * (x + y))]
    return np.rint(128 + 90 * np.stack(waves, axis=-1)).astype(np.uint8)


def block_means(plane, factor):
    y, x = (side // factor for side in plane.shape[:2])
    blocks = plane[: y * factor, : x * factor].astype(float)
    return blocks.reshape(y, factor, x, factor, -1).mean((1, 3)) @ [0.299, 0.587, 0.114]


@pytest.mark.parametrize("size", [(240, 320), (243, 325)])
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_jpeg_comes_reduced_without_moving(tmp_path, size, factor):
    """A quarter of a pixel more or less would differ by 1 grey level on average."""
    plane = smooth_colour(*size)
    data = encode(plane, ".jpg", params=(cv2.IMWRITE_JPEG_QUALITY, 100))
    for k in range(2):
        (tmp_path / f"{k}.jpg").write_bytes(data)
    source = read_stack(tmp_path)
    y, x = (side // factor for side in size)
    assert source.reduction(y * x) == factor
    assert source.reduction(y * x + 1) == max(factor // 2, 1)
    small = source.reduced(1, factor)
    assert small.shape == (y, x)
    assert np.abs(small - block_means(plane, factor)).mean() < 0.5


def test_reduced_planes_are_upright(tmp_path):
    plane = smooth_colour(240, 320)
    for k in range(2):
        exif = Image.Exif()
        exif[274] = 6
        Image.fromarray(plane).save(tmp_path / f"{k}.jpg", quality=100, exif=exif)
    source = read_stack(tmp_path)
    small = source.reduced(0, source.reduction(1000))
    assert small.shape == (320 // 8, 240 // 8)
    assert np.abs(small - block_means(source[0], 8)).mean() < 1


def test_a_turned_jpeg_of_odd_size_is_not_reduced(tmp_path):
    """Its last pixels come first once it is upright, so the reduced one would lie elsewhere."""
    for k in range(2):
        exif = Image.Exif()
        exif[274] = 3
        Image.fromarray(smooth_colour(241, 321)).save(tmp_path / f"{k}.jpg", exif=exif)
    assert read_stack(tmp_path).reduction(100) == 1


def test_other_formats_are_not_reduced(tmp_path):
    source = read_stack(write_folder(tmp_path, [smooth_colour(240, 320)] * 2))
    assert source.reduction(100) == 1
    np.testing.assert_array_equal(source.reduced(0, 1), source[0])


def test_a_jpeg_damaged_since_is_named_when_reduced(tmp_path):
    whole = encode(smooth_colour(240, 320), ".jpg")
    for k in range(2):
        (tmp_path / f"{k}.jpg").write_bytes(whole)
    source = read_stack(tmp_path)
    damaged = {b"": "truncated", whole[: len(whole) // 2]: "truncated"}
    damaged[b"\xff\xd8\xff\xda nothing\xff\xd9"] = "damaged"
    for content, reason in damaged.items():
        (tmp_path / "1.jpg").write_bytes(content)
        with pytest.raises(InputError, match=rf"'1\.jpg' cannot be read: it is {reason}"):
            source.reduced(1, 4)
    (tmp_path / "0.jpg").unlink()
    with pytest.raises(InputError, match=r"'0\.jpg' cannot be read: it is gone"):
        source.reduced(0, 4)


# colour at half the size

SAMPLINGS = {
    "420": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "422": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "440": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    "444": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
}


def sampled(plane, name):
    return encode(plane, ".jpg", params=(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLINGS[name]))


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("size", [(64, 80), (65, 81)])
def test_a_jpeg_tells_whether_its_colour_has_half_the_size(tmp_path, sampling, size):
    plane = smooth_colour(*size)
    for k in range(2):
        (tmp_path / f"{k}.jpg").write_bytes(sampled(plane, sampling))
    source = read_stack(tmp_path)
    assert source.colour_halved == (sampling == "420")
    # and so it was recorded: of colours that change at every pixel little is left
    checks = np.indices(size).sum(0) % 2
    pattern = np.stack([100 + 60 * checks, np.full(size, 130), 160 - 60 * checks], -1)
    (tmp_path / "0.jpg").write_bytes(sampled(pattern.astype(np.uint8), sampling))
    red_less_blue = np.subtract(*np.moveaxis(read_stack(tmp_path)[0].astype(int), -1, 0)[[0, 2]])
    halves = [red_less_blue[checks == side].mean() for side in (0, 1)]
    assert (abs(halves[1] - halves[0]) < 20) == (sampling != "444")


def test_colour_has_half_the_size_only_if_it_has_in_every_plane(tmp_path):
    plane = smooth_colour(64, 80)
    for k, sampling in enumerate(["420", "444", "420"]):
        (tmp_path / f"{k}.jpg").write_bytes(sampled(plane, sampling))
    assert not read_stack(tmp_path).colour_halved


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".jpg"])
def test_other_planes_have_colour_at_every_pixel(tmp_path, suffix):
    plane = smooth_colour(64, 80)
    plane = plane[..., 0] if suffix == ".jpg" else plane  # grey has none at all
    assert not read_stack(write_folder(tmp_path, [plane, plane], suffix)).colour_halved


def test_a_stack_whose_colour_has_half_the_size_is_as_true_as_with_all_of_it(tmp_path):
    rendered = scene("immunohistochemistry", "dome", noise=QUIET, zoom=0.003, shift=0.8)
    for k, plane in enumerate(rendered.planes):
        (tmp_path / f"{k}.jpg").write_bytes(sampled(plane, "420"))
    source, whole = read_stack(tmp_path), read_stack(tmp_path)
    assert source.colour_halved
    whole.colour_halved = False
    best = max(psnr(plane.astype(float), rendered.image * 255) for plane in source)
    found, reference = (
        psnr(focus_stack(planes).image.astype(float), rendered.image * 255)
        for planes in (source, whole)
    )
    assert found > best + 3
    assert found > reference - 0.3


def test_files_of_several_channels_by_their_ome_xml_are_no_stack(tmp_path):
    def described(own):
        data = "".join(
            f'<TiffData IFD="0" FirstZ="{z}" FirstC="{c}" FirstT="0" PlaneCount="1">'
            f'<UUID FileName="{z}{c}.ome.tif">urn:uuid:{z}{c}</UUID></TiffData>'
            for z in range(3)
            for c in range(2)
        )
        return (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{own}"><Image ID="Image:0"><Pixels ID="Pixels:0" Type="uint16" '
            'DimensionOrder="XYCZT" SizeX="16" SizeY="12" SizeZ="3" SizeC="2" SizeT="1">'
            f"{data}</Pixels></Image></OME>"
        )

    def write(folder, places):
        folder.mkdir()
        for number, own in enumerate(places):  # renamed, so that names say nothing
            plane = np.full((12, 16), number, np.uint16)
            tifffile.imwrite(
                folder / f"renamed{number}.tif", plane, description=described(own), metadata=None
            )

    write(tmp_path / "both", ["00", "01", "10", "11"])
    with pytest.raises(InputError, match="are of 2 channels by their OME-XML"):
        read_stack(tmp_path / "both")
    write(tmp_path / "one", ["01", "11", "21"])
    assert len(read_stack(tmp_path / "one")) == 3
