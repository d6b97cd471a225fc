"""Patterns of file names: those of microscopes, and those that a caller gives."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focus_stack.errors import SettingsError
from napari_focus_stack.series.patterns import (
    NAMED,
    FileFields,
    compile_pattern,
    named_pattern,
)

GUID = "1D01380B-E7DA-4C09-A343-EDA3D235D808"


@pytest.mark.parametrize(
    ("path", "kind", "fields"),
    [
        (
            "Pos1/img_channel001_position002_time000000003_z004.tif",
            "Micro-Manager",
            FileFields(t="000000003", c="channel001", z="004", p="Pos1"),
        ),
        (
            "img_000000000_Alexa_488_007.tif",
            "Micro-Manager",
            FileFields(t="000000000", c="Alexa_488", z="007"),
        ),
        (
            f"TimePoint_2/ZStep_10/my_plate_B02_s3_w1{GUID}.tif",
            "MetaXpress",
            FileFields("my_plate", t="2", c="w1", z="10", well="B02", field="3"),
        ),
        (
            f"ZStep_1/P_E07_s1_w12{GUID}.TIF",
            "MetaXpress",
            FileFields("P", c="w12", z="1", well="E07", field="1"),
        ),
        ("ZStep_0/P_E07_s1_w1.tif", "MetaXpress", FileFields("P", c="w1", well="E07", field="1")),
        (
            "P_A01_s1_w2_z03.tif",
            "MetaXpress",
            FileFields("P", c="w2", z="03", well="A01", field="1"),
        ),
        (
            "2C-3W_D08_T0001F002L01A01Z03C04.tif",
            "CellVoyager",
            FileFields("2C-3W", t="0001", c="C04", z="03", well="D08", field="002"),
        ),
        (
            "Images/r02c11f03p04-ch5sk6fk1fl1.tiff",
            "Opera",
            FileFields(t="6", c="ch5", z="04", well="B11", field="03"),
        ),
        (
            "data/E--W00001--P00002--Z00003--T00004--DAPI.tif",
            "scanR",
            FileFields(t="00004", c="DAPI", z="00003", p="W00001--P00002"),
        ),
        ("S_007_t0_z01_ch02.tif", "LAS X", FileFields("S_007", t="0", c="ch02", z="01")),
        ("S_007_s3_z01_RAW_ch02.tif", "LAS X", FileFields("S_007", c="ch02", z="01", p="s3")),
        ("exp-01_t1z02c3_ORG.tif", "ZEN", FileFields("exp-01", t="1", c="c3", z="02")),
        ("exp-01_s4t1z02c3.tif", "ZEN", FileFields("exp-01", t="1", c="c3", z="02", p="s4")),
        ("s_C001Z002T003.tif", "Fluoview", FileFields("s", t="003", c="C001", z="002")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_names_of_microscopes_give_their_fields(path, kind, fields):
    first = next(pattern for pattern in NAMED if pattern.fields(path) is not None)
    assert (first.kind, first.fields(path)) == (kind, fields)


@pytest.mark.parametrize(
    "names",
    [
        [f"IMG_{k:04d}.tif" for k in range(9)],
        [f"leaf_z{k:02d}.tif" for k in range(9)],
        [f"P_B02_s1_w{k}_thumb{GUID}.tif" for k in range(9)],
        [f"P_B02_s1_w{k}.tif" for k in range(9)],
        ["S_t0_z00_ch00.tif", *(f"overview {k}.tif" for k in range(2))],
    ],
    ids=lambda names: names[0],
)
def test_other_names_have_no_named_pattern(names):
    assert named_pattern(names) is None


@given(
    st.permutations(["t", "c", "z", "p", "field"]),
    st.lists(st.integers(0, 9999), min_size=5, max_size=5),
    st.sampled_from(["_", "-", ".", "/", "--"]),
    st.sampled_from(["leaf", "a_b c", "x.1"]),
)
def test_a_pattern_reads_what_was_written_by_it(order, numbers, between, name):
    written = dict(zip(order, map(str, numbers), strict=True))
    pattern = between.join(["{name}", *(f"q{{{field}}}" for field in order)])
    path = pattern.format(name=name, **written)
    words = {field: f"q{written[field]}" for field in ("c", "p")}
    expected = FileFields(name=name, **{**written, **words})
    found = [compile_pattern(f"{pattern}{end}").fields(f"{path}.TIF") for end in (".tif", "")]
    assert found == [expected, expected]


def test_stars_doubled_fields_folders_and_words():
    doubled = compile_pattern("T{t}/z{z}/*_{c}_z{z}.tif")
    assert doubled.folders == 2
    assert doubled.fields("T1/z2/any_DAPI_z2.tif") == FileFields(t="1", z="2", c="DAPI")
    assert doubled.fields("T1/z2/any_DAPI_z3.tif") is None
    assert doubled.fields("T1/z2/in/any_DAPI_z2.tif") is None
    by_folder = compile_pattern(r"{p}\{well}f{field} z{z}um.tif")
    expected = FileFields(p="Pos_1", well="B02", field="3", z="-0.5")
    assert by_folder.fields("Pos_1/b2f3 z-0.5um.tif") == expected
    thumbs = compile_pattern("{name}_z{z}_c{c}.tif")
    assert thumbs.fields("a_z1_c1_thumb.tif") is None


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("{name}_z{z}_w{wave}.tif", "has the field {wave}; the fields are {name}, {t}, {c}, {z}"),
        ("{name}_t{t}.tif", "has no {z}"),
        ("{name}_z{z}_{name}.tif", "has {name} twice"),
        ("{t}{z}.tif", "without text between"),
        ("z{z.tif", "brace"),
        ("z}{z}.tif", "brace"),
        ("{name}*z{z}.tif", "star beside {name}"),
        ("*{name}_z{z}.tif", "star beside {name}"),
        ("*a*b*c*d*_z{z}.tif", "more than 4"),
        ("{c}*{c}*{c}*_z{z}", "more than 4"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused(pattern, words):
    with pytest.raises(SettingsError) as problem:
        compile_pattern(pattern)
    assert pattern in str(problem.value)
    assert words in str(problem.value)


@pytest.mark.parametrize("pattern", ["*{z}.tif", "*{z}*.tif", "*_*{z}*"])
@pytest.mark.parametrize("number", ["7", "12", "0120"])
def test_a_star_leaves_no_digit_of_a_number_behind(pattern, number):
    fields = compile_pattern(pattern).fields(f"img_b{number}.tif")
    assert fields is not None
    assert fields.z == number


def test_stars_one_after_the_other_are_one():
    found = compile_pattern("*" * 30 + "_z{z}.tif").fields("_" * 240 + "z1.tif")
    assert found == FileFields(z="1")
    assert compile_pattern("*" * 30 + "_z{z}.tif").fields("_" * 240) is None


def test_a_name_that_fits_no_pattern_of_stars_is_told_soon():
    started = time.process_time()
    assert compile_pattern("*_*_*_z{z}x.tif").fields("_" * 250) is None
    assert time.process_time() - started < 5


def test_rows_of_large_plates_go_on_after_z():
    path = "r{:02d}c01f01p01-ch1sk1fk1fl1.tiff".format
    pattern = named_pattern([path(1)])
    assert pattern is not None
    for row, well in ((1, "A01"), (26, "Z01"), (27, "AA01"), (32, "AF01")):
        fields = pattern.fields(path(row))
        assert fields is not None
        assert fields.well == well


@pytest.mark.parametrize("row", ["00", "100", "999999999"])
def test_rows_that_no_plate_has_make_no_well(row):
    assert named_pattern([f"r{row}c01f01p01-ch1sk1fk1fl1.tiff"]) is None


def test_digits_of_other_scripts_are_no_numbers():
    assert named_pattern(["r01c\u0663f01p01-ch1sk1fk1fl1.tiff"]) is None
    pattern = compile_pattern("{well}_z{z}.tif")
    assert pattern.fields("B02_z\u0663.tif") is None
    assert pattern.fields("B\u0663_z1.tif") is None
