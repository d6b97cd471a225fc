"""Files that hold what they were given, appear whole or not at all, and are refused in time."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.output_checks import check_outputs
from napari_focus_stack.io.output_formats import Legend
from napari_focus_stack.io.reading import read_stack, scan
from napari_focus_stack.io.result_outputs import write_outputs
from napari_focus_stack.io.sources import ArraySource, Spacing
from napari_focus_stack.io.writing import Outputs, write_image, write_report
from napari_focus_stack.result import Report, StackResult

RNG = np.random.default_rng(9)
WHOLE = [np.uint8, np.uint16]
REAL = [*WHOLE, np.int8, np.int16, np.int32, np.uint32, np.float32, np.float64]


def picture(dtype, channels=1, side=24):
    shape = (side, side + 8) if channels == 1 else (side, side + 8, channels)
    if np.dtype(dtype).kind == "f":
        return RNG.normal(size=shape).astype(dtype)
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def through_cv2(path):
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    return image if image.ndim == 2 else image[..., [2, 1, 0, 3][: image.shape[2]]]


def result_of(image, spacing=None):
    size = image.shape[:2]
    depth = RNG.random(size, np.float32)
    report = Report(
        version="0",
        settings={},
        planes=["a", "b"],
        shape=[2, *image.shape],
        dtype=str(image.dtype),
        reference=1,
        align="none",
        transforms=np.stack([np.eye(3), np.full((3, 3), np.nan)]),
        residuals=[0.0, None],
        gains=[1.0, 1.0],
        offsets=[0.0, 0.0],
        gains_applied=False,
        in_order=True,
        spacing=spacing or {},
    )
    return StackResult(
        image,
        RNG.integers(0, 2, size, np.uint16),
        depth,
        depth * 2,
        depth / 2,
        report.transforms,
        report,
    )


# --- what is written is read


@pytest.mark.parametrize(
    ("suffix", "dtype", "channels"),
    [
        *[(".png", dtype, c) for dtype in WHOLE for c in (1, 3, 4)],
        *[(".tif", dtype, c) for dtype in REAL for c in (1, 3)],
        *[(".tif", dtype, 4) for dtype in (np.uint16, np.float32)],
        *[(".ome.tif", dtype, c) for dtype in REAL for c in (1, 3)],
        (".PNG", np.uint8, 1),
        (".TIFF", np.uint16, 1),
    ],
)
def test_pixels_survive_in_other_programs_and_in_ours(tmp_path, suffix, dtype, channels):
    image = picture(dtype, channels)
    path = tmp_path / f"μ 花{suffix}"
    write_image(path, image)
    if dtype is not np.uint32 or not cv2.__version__.startswith("4."):  # which cannot read it
        np.testing.assert_array_equal(through_cv2(path), image)
    ours = scan(path).planes[0].read()
    np.testing.assert_array_equal(ours, image)
    assert ours.dtype == dtype
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.uint64, bool])
def test_tiff_takes_rare_types(tmp_path, dtype):
    image = picture(np.uint8).astype(dtype)
    write_image(tmp_path / "a.tif", image)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), image)


def test_a_slice_of_another_array_and_rgba_in_tiff(tmp_path):
    image = picture(np.uint8, 4, side=48)[::2, ::-2]
    for suffix in (".png", ".tif", ".ome.tif"):
        write_image(tmp_path / f"a{suffix}", image)
        np.testing.assert_array_equal(scan(tmp_path / f"a{suffix}").planes[0].read(), image)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_stays_near(tmp_path, channels):
    ramp = np.add.outer(np.arange(48), 3 * np.arange(64)).astype(np.uint8)
    image = ramp if channels == 1 else np.dstack([ramp, 255 - ramp, ramp // 2])
    write_image(tmp_path / "a.jpg", image)
    assert np.abs(through_cv2(tmp_path / "a.jpg").astype(int) - image).mean() < 2


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    y=st.floats(0.01, 5),
    x=st.floats(0.01, 5),
    unit=st.sampled_from([("nanometer", 1e3), ("um", 1), ("µm", 1), ("millimeter", 1e-3)]),
    suffix=st.sampled_from([".tif", ".ome.tif"]),
)
def test_the_pixel_size_survives_in_any_unit(tmp_path, y, x, unit, suffix):
    name, per_micrometre = unit
    path = tmp_path / f"a{suffix}"
    spacing = Spacing(y=y * per_micrometre, x=x * per_micrometre, unit=name)
    write_image(path, picture(np.uint16), Legend(spacing or Spacing()))
    found = scan(path).spacing
    assert found.unit == "micrometer"
    assert (found.y, found.x) == pytest.approx((y, x), rel=1e-6)


@pytest.mark.parametrize("spacing", [None, Spacing(), Spacing(y=1.0, x=1.0, unit="pixel")])
@pytest.mark.parametrize("suffix", [".tif", ".ome.tif"])
def test_an_unknown_pixel_size_stays_unknown(tmp_path, suffix, spacing):
    write_image(tmp_path / f"a{suffix}", picture(np.uint8), Legend(spacing or Spacing()))
    assert scan(tmp_path / f"a{suffix}").spacing == Spacing()


def test_all_results_with_their_pixel_size(tmp_path):
    result = result_of(picture(np.uint16, 3), {"y": 0.5, "x": 0.25, "z": 2.0, "unit": "micrometer"})
    names = {
        "image": "i.png",
        "depth_index": "n.png",
        "depth": "d.tif",
        "height": "h.ome.tif",
        "confidence": "c.tiff",
        "report": "r.json",
    }
    outputs = {role: tmp_path / name for role, name in names.items()}
    check_outputs(outputs, ArraySource(np.stack([result.image] * 2)))
    write_outputs(outputs, result)
    assert sorted(os.listdir(tmp_path)) == sorted(names.values())
    for role in ("image", "depth_index", "depth", "height", "confidence"):
        np.testing.assert_array_equal(through_cv2(outputs[role]), getattr(result, role))
    assert scan(outputs["height"]).spacing == Spacing(y=0.5, x=0.25, unit="micrometer")
    report = json.loads(outputs["report"].read_text())
    assert report["transforms"] == [np.eye(3).tolist(), None]


@pytest.mark.parametrize("suffix", [".tif", ".ome.tif"])
@pytest.mark.parametrize("unit", ["micrometer", "µm", None])
def test_maps_say_in_words_what_their_values_are(tmp_path, suffix, unit):
    result = result_of(picture(np.uint8), {"y": 0.5, "x": 0.25, "z": 2.0, "unit": unit})
    roles = ("depth_index", "depth", "height", "confidence")
    outputs = {role: tmp_path / f"{role}{suffix}" for role in roles}
    write_outputs(outputs, result)
    for role, words in {
        "depth_index": "number of the plane in focus, from 0",
        "depth": "depth in planes, from 0",
        "height": f"height above plane 0 in {unit or 'the unit of the z step'}",
        "confidence": "confidence of the depth, 0 to 1",
    }.items():
        with tifffile.TiffFile(outputs[role]) as tif:
            said = tif.pages.first.description
        if suffix == ".ome.tif":
            said = ElementTree.fromstring(said).findtext(".//{*}Image/{*}Description")
        assert said == words
        np.testing.assert_array_equal(scan(outputs[role]).planes[0].read(), getattr(result, role))
        assert scan(outputs[role]).spacing.x == (0.25 if unit else None)


def test_files_have_the_rights_that_files_have(tmp_path):
    (tmp_path / "plain").write_text("")
    write_image(tmp_path / "a.png", picture(np.uint8))
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "plain").stat().st_mode


# --- refused before the work


GREY8, GREY16, FLOAT, ALPHA = (
    ArraySource(np.stack([picture(*kind)] * 2))
    for kind in ((np.uint8,), (np.uint16,), (np.float32,), (np.uint8, 4))
)


@pytest.mark.parametrize(
    ("role", "name", "source", "says"),
    [
        ("image", "a.xyz", GREY8, r"'.*a\.xyz' has no known suffix for the image; end it in \.tif"),
        ("image", "a", GREY8, "no known suffix"),
        ("image", ".png", GREY8, "no known suffix"),
        ("image", "a.jpg", GREY16, r"is uint16; end it in \.tif or \.png"),
        ("image", "a.JPEG", FLOAT, r"is float32; end it in \.tif\."),
        ("image", "a.png", FLOAT, r"is float32; end it in \.tif\."),
        ("image", "a.jpg", ALPHA, r"alpha channel; end it in \.png or \.tif"),
        ("depth_index", "a.jpg", GREY8, "cannot hold the depth index, which is uint16"),
        ("depth", "a.png", GREY8, r"cannot hold the depth map; end it in \.tif"),
        ("height", "a.jpg", GREY8, r"cannot hold the height map; end it in \.tif"),
        ("confidence", "a.xyz", GREY8, r"cannot hold the confidence map; end it in \.tif"),
        ("report", "a.txt", GREY8, r"end it in \.json"),
        ("image", "missing/a.png", GREY8, "no folder .*missing"),
        ("image", "folder.png", GREY8, r"'.*folder\.png' is a folder"),
        ("image", "file.txt/a.png", GREY8, "no folder"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(tmp_path, role, name, source, says):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(OutputError, match=says):
        check_outputs({role: tmp_path / name}, source)
    assert sorted(os.listdir(tmp_path)) == ["file.txt", "folder.png"]


@pytest.mark.parametrize(
    ("role", "name", "source"),
    [
        ("image", "a.jpg", GREY8),
        ("image", "a.PNG", GREY16),
        ("image", "a.png", ALPHA),
        ("image", "a.tiff", FLOAT),
        ("depth_index", "a.png", FLOAT),
        ("depth", "a.ome.tif", GREY8),
        ("report", "a.json", GREY8),
    ],
)
def test_what_can_be_written_passes_and_leaves_nothing(tmp_path, role, name, source):
    check_outputs({role: tmp_path / name}, source)
    assert os.listdir(tmp_path) == []


def test_no_plane_is_replaced_and_no_output_by_another(tmp_path):
    for k in range(2):
        write_image(tmp_path / f"{k}.png", picture(np.uint8))
    source = read_stack(tmp_path)
    (tmp_path / "sub").mkdir()
    with pytest.raises(
        OutputError, match=r"1\.png' is one of the files to stack; choose another name"
    ):
        check_outputs({"image": tmp_path / "sub" / ".." / "1.png"}, source)
    with pytest.raises(OutputError, match="for the image and for the depth index"):
        check_outputs(
            {"image": tmp_path / "a.png", "depth_index": tmp_path / "sub" / ".." / "a.png"}, source
        )
    many = tmp_path / "many.tif"
    tifffile.imwrite(many, np.stack([picture(np.uint8)] * 3), photometric="minisblack")
    with pytest.raises(OutputError, match="one of the files to stack"):
        check_outputs({"image": many}, read_stack(many))


def test_a_folder_that_lets_nobody_write(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)  # root, which tests may run as, is never refused
    with pytest.raises(OutputError, match=r"a\.png' cannot be written: Permission denied; "):
        check_outputs({"image": tmp_path / "a.png"}, GREY8)


# --- whole or not at all


@pytest.mark.parametrize("suffix", [".png", ".tif", ".ome.tif", ".jpg"])
@pytest.mark.skipif(sys.platform == "win32", reason="no limit for the size of files")
def test_a_disk_that_is_full(tmp_path, suffix):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"what was there before")
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(OutputError, match=r"'.*a\..*' cannot be written: (File|the disk)"):
            write_image(path, picture(np.uint8, 3, side=200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(tmp_path) == [path.name]
    assert path.read_bytes() == b"what was there before"


def test_all_outputs_or_none(tmp_path):
    (tmp_path / "old.png").write_bytes(b"old")
    result = result_of(picture(np.uint8))
    outputs = {"image": tmp_path / "old.png", "depth": tmp_path / "missing" / "d.tif"}
    with pytest.raises(OutputError, match=r"missing.*d\.tif' cannot be written"):
        write_outputs(outputs, result)
    assert os.listdir(tmp_path) == ["old.png"]
    assert (tmp_path / "old.png").read_bytes() == b"old"


def test_a_name_that_is_taken_while_renaming_brings_everything_back(tmp_path):
    old = {"a.png": b"one", "b.json": b"two"}
    for name, data in old.items():
        (tmp_path / name).write_bytes(data)
    files = Outputs()

    def write_all():
        with files:
            files.image(tmp_path / "a.png", picture(np.uint8))
            files.report(tmp_path / "b.json", {})
            files.image(tmp_path / "new.png", picture(np.uint8))
            files.image(tmp_path / "taken.png", picture(np.uint8))
            (tmp_path / "taken.png").mkdir()

    with pytest.raises(OutputError, match="taken"):
        write_all()
    assert sorted(os.listdir(tmp_path)) == ["a.png", "b.json", "taken.png"]
    assert {name: (tmp_path / name).read_bytes() for name in old} == old


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_whatever_ends_the_block_leaves_nothing(tmp_path, error):
    def write_and_fail():
        with Outputs() as files:
            files.image(tmp_path / "a.png", picture(np.uint8))
            assert (tmp_path / "a.png").exists() is False
            raise error

    with pytest.raises(error):
        write_and_fail()
    assert os.listdir(tmp_path) == []


def test_a_report(tmp_path):
    write_report(tmp_path / "r.json", {"µ": [1.5, None], "name": "ü"})
    text = (tmp_path / "r.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"µ": [1.5, None], "name": "ü"}
    assert text.endswith("}\n")
    with pytest.raises(ValueError, match="JSON compliant"):
        write_report(tmp_path / "nan.json", {"a": float("nan")})
    assert os.listdir(tmp_path) == ["r.json"]
