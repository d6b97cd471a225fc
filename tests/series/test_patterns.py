"""Patterns of file names: those of microscopes, and those that a caller gives."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import event, given, settings
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
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused(pattern, words):
    with pytest.raises(SettingsError) as problem:
        compile_pattern(pattern)
    assert pattern in str(problem.value)
    assert words in str(problem.value)


@pytest.mark.parametrize("pattern", ["*{z}.tif", "*{z}*.tif", "*_*{z}*"])
@pytest.mark.parametrize("number", ["7", "12", "0120", "1.5", "0,25"])
def test_a_star_leaves_no_digit_of_a_number_behind(pattern, number):
    fields = compile_pattern(pattern).fields(f"img_b{number}.tif")
    assert fields is not None
    assert fields.z == number


@pytest.mark.parametrize(
    ("pattern", "path", "fields"),
    [
        ("scan_*{z}.tif", "scan_A-12.tif", FileFields(z="12")),
        ("*{z}.tif", "scan_05.01.2024.001.tif", FileFields(z="001")),
        ("*_{c}_*{z}.tif", "img_B02_DAPI_z1.tif", FileFields(c="DAPI", z="1")),
        ("*_{c}_*{z}.tif", "plate_B02_w12_z1.tif", FileFields(c="w12", z="1")),
        ("*{c}_z{z}.tif", "img_B02_DAPI_z1.tif", FileFields(c="DAPI", z="1")),
        ("*{c}_z{z}.tif", "img-w12_z1.tif", FileFields(c="w12", z="1")),
        ("exp*{c}_z{z}.tif", "exp1_DAPI_z1.tif", FileFields(c="DAPI", z="1")),
        ("*{well}_*_z{z}.tif", "plate_AF07_s1_z2.tif", FileFields(well="AF07", z="2")),
        ("*{well}_*_z{z}.tif", "plateB02_s1_z2.tif", FileFields(well="B02", z="2")),
        (
            "{name}_{p}_s{field}_w{c}_*_z{z}*",
            "a_B02_s3_w1_x_y_z4_RAW.tif",
            FileFields("a", c="w1", z="4", p="B02", field="3"),
        ),
        (
            "exp_*_{p}_*_{c}_*_z{z}.tif",
            "exp_a_b_P1_x_GFP_y_z03.tif",
            FileFields(p="P1", c="GFP", z="03"),
        ),
        ("{name}*_t{t}*z{z}", "a_b_t1z2.tif", FileFields("a", t="1", z="2")),
    ],
)
def test_stars_take_as_much_as_they_can_but_split_no_number_and_no_word(pattern, path, fields):
    assert compile_pattern(pattern).fields(path) == fields


FORMS = {
    "name": "[^/]+?",
    "t": "[0-9]+",
    "c": "[0-9]+|{word}[^/_.]+",
    "z": r"{number}[+\u2212-]?[0-9]+(?:[.,][0-9]+)?",
    "p": "[0-9]+|{word}[^/_.]+",
    "well": "{letter}[A-Za-z]{{1,2}}[0-9]{{1,2}}",
    "field": "[0-9]+",
}
BEGINS = {"word": "(?<![^/_.])", "number": "(?<![0-9][.,])", "letter": "(?<![A-Za-z])"}


def regular_expression(pieces: list[str], begins: dict[str, str]) -> re.Pattern[str]:
    """Return the expression of a pattern, whose stars and fields take all that they can."""
    found, after_star = "", False
    for piece in pieces:
        field = piece.strip("{}")
        if piece == "*":
            found += "[^/]*"
        elif field == piece:
            found += re.escape(piece)
        else:
            begin = "(?:(?<![0-9])|(?![0-9]))" if after_star else ""
            form = FORMS[field].format(**begins if after_star else dict.fromkeys(BEGINS, ""))
            again = f"(?P<{field}>" in found
            found += f"{begin}(?P={field})" if again else f"{begin}(?P<{field}>{form})"
        after_star = piece == "*"
    return re.compile(found, re.IGNORECASE)


TEXTS = {
    "name": st.text("ab1_-", min_size=1, max_size=4),
    "t": st.sampled_from(["1", "12", "112"]),
    "c": st.sampled_from(["A", "1", "12", "ab", "b1", "1a", "a-b", "-a1"]),
    "z": st.sampled_from(["1", "12", "-1", "1.5", "+2,1"]),
    "p": st.sampled_from(["B", "1", "21", "a12"]),
    "well": st.sampled_from(["B2", "a12", "AB1"]),
    "field": st.sampled_from(["1", "21"]),
}
BETWEEN = ["_", "-", ".", "a", "1", "b_", "a/b", "*", "_*", "*_", "*-*"]


@st.composite
def patterns_and_names(draw):
    """Return the pieces of a pattern, and a name that is nearly of it."""
    drawn = draw(st.lists(st.sampled_from(list(FORMS)), max_size=4))
    fields = [field for k, field in enumerate(drawn) if field != "name" or k == drawn.index("name")]
    fields.insert(draw(st.integers(0, len(fields))), "z")
    pieces = re.findall(r"\*|[^*]+", draw(st.sampled_from(["", *BETWEEN])))
    for field in fields:
        pieces += [f"{{{field}}}", *re.findall(r"\*|[^*]+", draw(st.sampled_from(BETWEEN)))]
    texts = {f"{{{field}}}": draw(TEXTS[field]) for field in fields}
    free = st.text("ab12_-./", max_size=3)
    name = "".join(draw(free) if one == "*" else texts.get(one, one) for one in pieces)
    at = draw(st.integers(0, len(name)))
    return pieces, draw(st.sampled_from([name, name[:at] + draw(free) + name[at:]]))


@given(patterns_and_names())
@settings(max_examples=400)
def test_a_pattern_reads_what_its_regular_expression_reads(pieces_and_name):
    pieces, name = pieces_and_name
    whole = regular_expression([*pieces, ".tif"], BEGINS).fullmatch(f"{name}.tif")
    any_match = whole or regular_expression([*pieces, ".tif"], dict.fromkeys(BEGINS, "")).fullmatch(
        f"{name}.tif"
    )
    spans = compile_pattern("".join([*pieces, ".tif"])).spans(f"{name}.tif")
    expected = any_match and {field: any_match.span(field) for field in any_match.groupdict()}
    event("fits" if expected else "does not fit")
    assert spans == expected


def test_a_name_of_any_length_is_read_soon():
    started = time.process_time()
    for text in ("_", "1", "a", "a1", "a_"):
        name = (text * 255)[:240]
        for pattern in (
            "*_" * 20,
            "*a" * 20,
            "*1" * 20,
            "{name}*{c}*{p}*{t}*_*" + "a*" * 15,
            "*" * 30,
        ):
            assert compile_pattern(f"{pattern}*z{{z}}x.tif").fields(f"{name}z12.tif") is None
    assert compile_pattern("*" * 30 + "_z{z}.tif").fields("_" * 240 + "z1.tif") == FileFields(z="1")
    with pytest.raises(SettingsError, match=r"'\*.*' can be read in too many ways; put text"):
        compile_pattern("*{c}*{p}*{c}*{p}*_z{z}").fields("ab" * 120)
    assert time.process_time() - started < 60


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
