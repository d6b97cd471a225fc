"""Height maps in files of other programs: the same numbers, sizes and units, or a clear refusal."""

import hashlib
import os
import struct
import zipfile

import gsffile
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from napari_focus_stack.errors import InputError, OutputError
from napari_focus_stack.io.height_files import read_heights, write_heights
from napari_focus_stack.io.height_scale import HeightScale
from napari_focus_stack.io.output_formats import Legend
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.writing import describe_values, write_image

SUFFIXES = (".tif", ".gsf", ".x3p")
UM = HeightScale(0.5, 0.25, "micrometer", "micrometer")
HEIGHTS = np.array([[1.5, -2, np.nan], [3, 4e3, 0.125]], np.float32)
MICROMETRES = {"micrometer": 1.0, "nanometer": 1e-3, "millimeter": 1e3, "µm": 1.0, "inch": 25400.0}


@settings(deadline=None)
@given(
    heights=st_np.arrays(
        np.float32,
        st_np.array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.one_of(st.just(np.nan), st.floats(-1e5, 1e5, width=32, allow_subnormal=False)),
    ),
    sizes=st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)),
    units=st.tuples(*[st.sampled_from(sorted(MICROMETRES))] * 2),
    suffix=st.sampled_from(SUFFIXES),
)
def test_numbers_sizes_and_units_come_back(tmp_path_factory, heights, sizes, units, suffix):
    path = tmp_path_factory.getbasetemp() / f"leaf {os.getpid()}{suffix}"
    write_heights(path, heights, HeightScale(*sizes, *units))
    found, scale = read_heights(path)
    assert found.dtype == np.float32
    lateral, vertical = (MICROMETRES[unit] for unit in units)
    np.testing.assert_allclose(found, heights.astype(np.float64) * vertical, 2e-7, 1e-30)
    assert (scale.y, scale.x) == pytest.approx([size * lateral for size in sizes], rel=1e-6)
    assert scale.pixel_unit == scale.unit == "micrometer"


def test_micrometres_come_back_to_the_bit_from_tiff_and_x3p(tmp_path):
    rng = np.random.default_rng(0)
    heights = (rng.normal(0, 1, (50, 60)) * 10.0 ** rng.integers(-6, 6, (50, 60))).astype("f4")
    for suffix in (".tif", ".x3p"):
        write_heights(tmp_path / f"a{suffix}", heights, UM)
        np.testing.assert_array_equal(read_heights(tmp_path / f"a{suffix}")[0], heights)


def test_gsf_of_a_library_of_others_and_back(tmp_path):
    write_heights(tmp_path / "ours.gsf", HEIGHTS, UM)
    pixels, fields = gsffile.read_gsf(tmp_path / "ours.gsf")
    np.testing.assert_allclose(pixels * 1e6, HEIGHTS, rtol=1e-6)
    assert (fields["XReal"], fields["YReal"]) == pytest.approx((3 * 0.25e-6, 2 * 0.5e-6))
    assert (fields["XYUnits"], fields["ZUnits"]) == ("m", "m")
    gsffile.write_gsf(tmp_path / "theirs.gsf", pixels, fields)
    found, scale = read_heights(tmp_path / "theirs.gsf")
    np.testing.assert_allclose(found, HEIGHTS, rtol=1e-6)
    assert (scale.y, scale.x) == pytest.approx((0.5, 0.25))


def test_gsf_is_what_gwyddion_describes(tmp_path):
    write_heights(tmp_path / "a=b leaf.gsf", HEIGHTS, UM)
    data = (tmp_path / "a=b leaf.gsf").read_bytes()
    lines = data[: data.index(b"\0")].decode().split("\n")
    assert lines[0] == "Gwyddion Simple Field 1.0"
    fields = dict(line.split(" = ") for line in lines[1:-1])
    assert fields.pop("Title") == "a-b leaf"
    assert (float(fields.pop("XReal")), float(fields.pop("YReal"))) == (0.75e-6, 1e-6)
    assert fields == {"XRes": "3", "YRes": "2", "XYUnits": "m", "ZUnits": "m"}
    padding = len(data) - 24 - data.index(b"\0")
    assert 1 <= padding <= 4
    assert (len(data) - 24) % 4 == 0
    values = np.frombuffer(data[-24:], "<f4").reshape(2, 3)
    np.testing.assert_allclose(values, HEIGHTS * 1e-6, rtol=1e-6)


def test_tiff_has_what_imagej_reads(tmp_path):
    write_heights(tmp_path / "a.tif", HEIGHTS, UM)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        known = tif.imagej_metadata
        page = tif.pages.first
        assert page.dtype == np.float32
        x, y = (page.tags[name].value for name in ("XResolution", "YResolution"))
    assert (x[1] / x[0], y[1] / y[0]) == (0.25, 0.5)
    wanted = {"unit": "um", "vunit": "um", "cf": 0, "c0": 0, "c1": 1, "min": -2, "max": 4000}
    assert {name: known[name] for name in wanted} == wanted


def test_planes_and_unknown_pixels_are_for_tiff_alone(tmp_path):
    planes, no_pixels = HeightScale(0.5, 0.25, "um", "plane"), HeightScale(unit="micrometer")
    for suffix in (".gsf", ".x3p"):
        with pytest.raises(OutputError, match=r"heights in planes, .* stack with the z step"):
            write_heights(tmp_path / f"a{suffix}", HEIGHTS, planes)
        with pytest.raises(OutputError, match=r"pixel size is unknown, .* give the pixel size"):
            write_heights(tmp_path / f"a{suffix}", HEIGHTS, no_pixels)
    assert not os.listdir(tmp_path)
    for scale in (planes, no_pixels, HeightScale()):
        write_heights(tmp_path / "a.tif", HEIGHTS, scale)
        found, known = read_heights(tmp_path / "a.tif")
        np.testing.assert_array_equal(found, HEIGHTS)
        assert (known.y, known.x, known.unit) == (scale.y, scale.x, scale.unit)


@pytest.mark.parametrize("name", ["a.ome.tif", "a.png", "a"])
def test_other_names_are_refused(tmp_path, name):
    with pytest.raises(OutputError, match=r"end it in \.tif, \.gsf or \.x3p"):
        write_heights(tmp_path / name, HEIGHTS, UM)
    with pytest.raises(OutputError, match="axes y, x"):
        write_heights(tmp_path / "a.gsf", HEIGHTS[None], UM)
    assert not os.listdir(tmp_path)


def test_height_maps_of_a_run_are_read(tmp_path):
    for role, unit, expected in (("height", "nanometer", "micrometer"), ("depth", None, "plane")):
        legend = Legend(Spacing(y=500, x=250, unit="nanometer"), describe_values(role, unit))
        write_image(tmp_path / "a.tif", HEIGHTS, legend)
        found, scale = read_heights(tmp_path / "a.tif")
        np.testing.assert_allclose(found, HEIGHTS * (1e-3 if role == "height" else 1), rtol=1e-6)
        assert (scale.y, scale.x) == pytest.approx((0.5, 0.25))
        assert scale.unit == expected


def test_a_calibration_of_fiji_counts(tmp_path):
    raw = np.array([[0, 100]], np.uint16)
    line = {"cf": 0, "c0": 5.0, "c1": 0.5, "vunit": "nm"}
    tifffile.imwrite(tmp_path / "a.tif", raw, imagej=True, metadata=line)
    found, scale = read_heights(tmp_path / "a.tif")
    np.testing.assert_allclose(found, [[0.005, 0.055]], rtol=1e-6)
    assert scale == HeightScale(unit="micrometer")
    tifffile.imwrite(tmp_path / "a.tif", np.float32(raw), imagej=True, metadata=line)
    np.testing.assert_allclose(read_heights(tmp_path / "a.tif")[0], [[0, 0.1]], rtol=1e-6)
    tifffile.imwrite(tmp_path / "a.tif", raw, imagej=True, metadata={**line, "cf": 4})
    with pytest.raises(InputError, match="curved calibration"):
        read_heights(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 4, 5), np.uint8))
    with pytest.raises(InputError, match="one grey picture"):
        read_heights(tmp_path / "a.tif")


def gsf(fields, values, padding=None):
    head = (
        b"Gwyddion Simple Field 1.0\n" + "".join(f"{k}={v}\n" for k, v in fields.items()).encode()
    )
    filler = b"\0" * (4 - len(head) % 4) if padding is None else padding
    return head + filler + np.asarray(values, "<f4").tobytes()


def test_gsf_of_others_in_other_units(tmp_path):
    path = tmp_path / "a.gsf"
    fields = {"  XRes ": "3", "YRes": " 2 ", "XReal": "750", "YReal": "1e3", "XYUnits": "nm"}
    path.write_bytes(gsf({**fields, "ZUnits": "µm", "Vendor": "a=b"}, HEIGHTS))
    found, scale = read_heights(path)
    np.testing.assert_array_equal(found, HEIGHTS)
    assert scale == HeightScale(0.5, 0.25, "micrometer", "micrometer")
    path.write_bytes(gsf({"XRes": 3, "YRes": 2}, HEIGHTS))
    assert read_heights(path)[1] == HeightScale()


@pytest.mark.parametrize(
    ("fields", "values", "words"),
    [
        ({"XRes": 3, "YRes": 3}, HEIGHTS, "3 x 3 heights need"),
        ({"XRes": 2**31 - 1, "YRes": 2**31 - 1}, HEIGHTS, "heights need"),
        ({"XRes": 9**40, "YRes": 2}, HEIGHTS, "is no size"),
        ({"XRes": -3, "YRes": 2}, HEIGHTS, "is no size"),
        ({"XRes": f"{1:020}" + "9" * 5000, "YRes": 2}, HEIGHTS, "is no size"),
        ({"YRes": 2}, HEIGHTS, "XRes '', which is no size"),
        ({"XRes": 3, "YRes": 2, "ZUnits": "V"}, HEIGHTS, "values in 'V', which are no heights"),
    ],
)
def test_damaged_gsf_is_refused(tmp_path, fields, values, words):
    (tmp_path / "a.gsf").write_bytes(gsf(fields, values))
    with pytest.raises(InputError, match=words):
        read_heights(tmp_path / "a.gsf")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_that_are_cut_short_or_something_else_are_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    write_heights(path, np.tile(HEIGHTS, (20, 20)), UM)
    whole = path.read_bytes()
    for part in (b"", whole[:40], whole[: len(whole) // 2], whole[:-1], b"\x89PNG"):
        path.write_bytes(part)
        with pytest.raises(InputError, match=path.name):
            read_heights(path)
    path.unlink()
    with pytest.raises(InputError, match=path.name):
        read_heights(path)


XML = """<?xml version="1.0" encoding="UTF-8"?>{doctype}
<p:ISO5436_2 xmlns:p="http://www.opengps.eu/2008/ISO5436_2"><Record1><Revision>ISO5436 - 2000
</Revision><FeatureType>{feature}</FeatureType><Axes><CX><AxisType>I</AxisType>
<Increment>2.5e-7</Increment></CX><CY><AxisType>I</AxisType><Increment>5e-7</Increment></CY>
<CZ><AxisType>A</AxisType><DataType>{kind}</DataType>{step}</CZ>{rotation}</Axes></Record1>
<Record3><MatrixDimension><SizeX>{columns}</SizeX><SizeY>2</SizeY><SizeZ>1</SizeZ>
</MatrixDimension><DataLink><PointDataLink>bindata/data.bin</PointDataLink>
<MD5ChecksumPointData>{checksum}</MD5ChecksumPointData>{valid}</DataLink></Record3></p:ISO5436_2>"""
STEP = "<Increment>1e-8</Increment><Offset>1e-6</Offset>"
VALID = "<ValidPointsLink>bindata/valid.bin</ValidPointsLink>"


def x3p(path, data, kind="I", valid=None, main_sum=None, **changed):
    """An X3P as others write it: short integers with a step, an offset and a mask."""
    known = {"doctype": "", "feature": "SUR", "step": STEP, "rotation": "", "columns": 3}
    known |= {"checksum": hashlib.md5(data).hexdigest(), "valid": VALID if valid else "", **changed}
    main = XML.format(kind=kind, **known).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("main.xml", main)
        archive.writestr("bindata/data.bin", data)
        if valid:
            archive.writestr("bindata/valid.bin", valid)
        checksum = main_sum or hashlib.md5(main).hexdigest()
        archive.writestr("md5checksum.hex", f"{checksum.upper()} *main.xml")


SHORTS = struct.pack("<6h", -100, 0, 100, 200, 300, -32768)


@pytest.mark.parametrize("kind", "ILFD")
def test_x3p_of_others_with_steps_and_masks(tmp_path, kind):
    path = tmp_path / "a.x3p"
    data = np.frombuffer(SHORTS, "<i2").astype(
        {"I": "<i2", "L": "<i4", "F": "<f4", "D": "<f8"}[kind]
    )
    x3p(path, data.tobytes(), kind, valid=bytes([0b00011101]))
    found, scale = read_heights(path)
    np.testing.assert_allclose(found, [[0, np.nan, 2], [3, 4, np.nan]], atol=1e-7)
    assert (scale.y, scale.x, scale.unit) == (pytest.approx(0.5), pytest.approx(0.25), "micrometer")


BOMB = '<!DOCTYPE a [<!ENTITY b "1"><!ENTITY c "&b;&b;">]>'
TURNED = "<Rotation><r11>0</r11><r12>1</r12></Rotation>"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"checksum": "0" * 32}, "checksum"),
        ({"main_sum": "0" * 32}, "checksum"),
        ({"doctype": BOMB}, "declares entities"),
        ({"feature": "PRF"}, "is a profile"),
        ({"rotation": TURNED}, "turned axes"),
        ({"columns": 4}, "12 bytes in bindata/data.bin and needs 16"),
        ({"columns": 10**12}, "declares 1000000000000 x 2 heights"),
        ({"columns": 0}, "declares 0 x 2 heights"),
        ({"columns": "many"}, "cannot be read as X3P"),
        ({"kind": "Q"}, "cannot be read as X3P"),
        ({"valid": b"\1\1"}, "2 bytes in bindata/valid.bin and needs 1"),
    ],
)
def test_damaged_and_foreign_x3p_is_refused(tmp_path, changed, words):
    path = tmp_path / "a.x3p"
    x3p(path, SHORTS)
    assert read_heights(path)[0].shape == (2, 3)
    x3p(path, SHORTS, **changed)
    with pytest.raises(InputError, match=words):
        read_heights(path)


def test_a_unit_rotation_is_none(tmp_path):
    same = "<Rotation><r11>1</r11><r12>0</r12><r22>1</r22></Rotation>"
    x3p(tmp_path / "a.x3p", SHORTS, rotation=same)
    assert read_heights(tmp_path / "a.x3p")[0].shape == (2, 3)
