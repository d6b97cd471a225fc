"""Camera RAW, HEIC, and formats that other programs read."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_focus_stack import focus_stack
from napari_focus_stack.cli import main as cli
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.picture_metadata import picture_metadata
from napari_focus_stack.io.reading import read_stack

HEIC = Path(__file__).with_name("heic")
RNG = np.random.default_rng(4)
BALANCE = np.array([0.5, 1.0, 0.6])
"""Response of the camera to neutral light."""


def ratios(values):
    return tuple(part for value in values for part in (round(value * 10_000), 10_000))


def write_dng(path, light, orientation=1):
    """Write linear light, (Y, X, 3) from 0 to 1, as a camera with a Bayer sensor records it."""
    seen = np.rint(light * BALANCE * 65_000).astype(np.uint16)
    bayer = seen[..., 1].copy()
    bayer[::2, ::2], bayer[1::2, 1::2] = seen[::2, ::2, 0], seen[1::2, 1::2, 2]
    to_rgb = [[3.2405, -1.5371, -0.4985], [-0.9693, 1.8760, 0.0416], [0.0556, -0.2040, 1.0572]]
    matrix = np.diag(BALANCE) @ np.array(to_rgb)
    tags = [
        (271, "s", 0, "Makers", True),
        (272, "s", 0, "Model", True),
        (274, "H", 1, orientation, True),
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, bytes([0, 1, 1, 2]), True),
        (50706, "B", 4, bytes([1, 4, 0, 0]), True),
        (50708, "s", 0, "Makers Model", True),
        (50717, "I", 1, 65_000, True),
        (50721, "2i", 9, ratios(matrix.ravel()), True),
        (50728, "2I", 3, ratios(BALANCE), True),
        (50778, "H", 1, 21, True),
    ]
    tifffile.imwrite(path, bayer, photometric=32803, metadata=None, extratags=tags)


def light(brightest=0.6):
    found = np.full((64, 96, 3), 0.2)
    found[:, 48:] = 0.5, 0.3, 0.1
    found[:20] = brightest
    return found


def test_camera_raw_is_linear_light_with_the_cameras_balance_alike_in_every_plane(tmp_path):
    for k, brightest in enumerate((0.6, 0.25)):
        write_dng(tmp_path / f"{k}.dng", light(brightest))
    source = read_stack(tmp_path)
    assert (source.plane_shape, source.dtype) == ((64, 96, 3), np.uint16)
    for k, brightest in enumerate((0.6, 0.25)):
        plane = source[k] / 65_535
        for row, column, value in ((40, 20, 0.2), (40, 80, (0.5, 0.3, 0.1)), (10, 40, brightest)):
            np.testing.assert_allclose(plane[row, column], value, atol=0.002)
    [note] = [note for note in source.notes if "RAW" in note]
    assert "linear light in 16 bits" in note
    assert picture_metadata(tmp_path / "0.dng").exif
    assert focus_stack(source).image.dtype == np.uint16


def test_camera_raw_of_a_monochrome_sensor_is_grey(tmp_path):
    grey = np.rint(light()[..., 0] * 65_000).astype(np.uint16)
    for k in range(2):
        path = tmp_path / f"{k}.tif"
        tags = [
            (271, "s", 0, "Makers", True),
            (272, "s", 0, "Model", True),
            (50706, "B", 4, bytes([1, 4, 0, 0]), True),
            (50708, "s", 0, "Makers Model", True),
        ]
        tifffile.imwrite(path, grey, photometric="minisblack", metadata=None, extratags=tags)
        with tifffile.TiffFile(path, mode="r+") as tif:
            tif.pages.first.tags[262].overwrite(34892)  # LinearRaw
        path.rename(path.with_suffix(".dng"))
    source = read_stack(tmp_path)
    assert source.plane_shape == (64, 96)
    plane = source[1].astype(float)
    assert plane[40, 80] / plane[40, 20] == pytest.approx(2.5, rel=0.02)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_camera_raw_comes_upright(tmp_path, orientation):
    upright = light()
    stored = np.ascontiguousarray(np.rot90(upright, {1: 0, 3: 2, 6: 1, 8: 3}[orientation]))
    for k in range(2):
        write_dng(tmp_path / f"{k}.dng", stored, orientation)
    plane = read_stack(tmp_path)[1] / 65_535
    assert plane.shape == upright.shape
    assert np.abs(plane - upright)[4:-4, 4:-4].mean() < 0.02


@pytest.mark.parametrize(("bits", "dtype", "step"), [(8, np.uint8, 2), (10, np.uint16, 512)])
def test_heic_keeps_its_bits(tmp_path, bits, dtype, step):
    # saved without loss by pillow-heif 1.8.1, which is no requirement because its encoder is GPL:
    # pillow_heif.from_bytes("RGB" or "RGB;16", (96, 64), ramp.tobytes()).save(path, quality=-1)
    for k in range(2):
        shutil.copy(HEIC / f"ramp-{bits}.heic", tmp_path / f"{k}.heic")
    ramp = np.broadcast_to(np.arange(96)[None, :, None] * step, (64, 96, 3))
    source = read_stack(tmp_path)
    assert (source.plane_shape, source.dtype) == ((64, 96, 3), dtype)
    np.testing.assert_allclose(source[1].astype(int), ramp, atol=step)


@pytest.mark.parametrize(
    ("suffix", "module", "name"),
    [(".nef", "rawpy", "camera RAW"), (".heic", "pi_heif", "HEIC")],
)
def test_without_the_extra_one_sentence_names_it(
    tmp_path, monkeypatch, capsys, suffix, module, name
):
    monkeypatch.setitem(sys.modules, module, None)
    for k in range(2):
        (tmp_path / f"{k}{suffix}").write_bytes(b"\0\0\0\x1cftypheic" + bytes(40))
    assert cli.main(["-i", str(tmp_path), "-o", str(tmp_path / "out.png")]) == 2
    said = capsys.readouterr().err
    assert name in said
    assert "install napari-focus-stack[raw]" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("suffix", [".dng", ".heic"])
def test_damaged_camera_files_are_named(tmp_path, suffix):
    for k in range(2):
        (tmp_path / f"{k}{suffix}").write_bytes(b"\0\0\0\x1cftypheic" + RNG.bytes(500))
    with pytest.raises(InputError, match=f"'0{suffix}'"):
        read_stack(tmp_path)


@pytest.mark.parametrize(
    ("name", "start", "format_"),
    [
        ("a.oib", b"\xd0\xcf\x11\xe0", "Olympus OIB"),
        ("a.mp4", b"\0\0\0\x18ftypisom", "MP4 film"),
    ],
)
def test_formats_of_other_programs_are_named_with_what_reads_them(
    tmp_path, capsys, name, start, format_
):
    file = tmp_path / name
    file.write_bytes(start + bytes(100))
    out = str(tmp_path / "out.png")
    for given in (file, tmp_path):
        assert cli.main(["-i", str(given), "-o", out]) == 2
        said = capsys.readouterr().err
        assert format_ in said
        assert "save " in said
        assert said.count("\n") == 1
    file.rename(file.with_suffix(".png"))
    if not name.endswith("oib"):  # its first bytes are those of every OLE file
        assert cli.main(["-i", str(file.with_suffix(".png")), "-o", out]) == 2
        assert format_ in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "start", "format_"),
    [
        ("a.czi", b"ZISRAWFILE", "Zeiss CZI"),
        ("a.lif", b"\x70\0\0\0", "Leica LIF"),
        ("a.nd2", b"\xda\xce\xbe\x0a", "Nikon ND2"),
    ],
)
def test_a_folder_of_microscope_files_asks_for_one_of_them(tmp_path, capsys, name, start, format_):
    (tmp_path / name).write_bytes(start + bytes(100))
    for given, part in ((tmp_path, format_), (tmp_path / name, name)):
        assert cli.main(["-i", str(given), "-o", str(tmp_path / "out.png")]) == 2
        said = capsys.readouterr().err
        assert part in said
        assert said.count("\n") == 1


def test_of_raw_and_jpeg_of_the_same_pictures_the_jpeg_are_taken(tmp_path):
    picture = Image.fromarray(np.rint(light() * 255).astype(np.uint8))
    for k in range(2):
        write_dng(tmp_path / f"{k}.dng", light())
        picture.save(tmp_path / f"{k}.jpg")
    source = read_stack(tmp_path)
    assert source.names == ("0.jpg", "1.jpg")
    [note] = source.notes
    assert "2 files were left out" in note
    assert "camera RAW: '0.dng', '1.dng'" in note
    picture.save(tmp_path / "preview.jpg")
    (tmp_path / "0.jpg").unlink()
    (tmp_path / "1.jpg").unlink()
    assert read_stack(tmp_path).names == ("0.dng", "1.dng")
