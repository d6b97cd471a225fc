"""Saved results: they come back as they were, and other programs see them with their sizes."""

from __future__ import annotations

import os
from xml.etree import ElementTree

import numpy as np
import PIL.Image
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_focus_stack.errors import InputError, OutputError
from napari_focus_stack.io import results_file
from napari_focus_stack.io.output_checks import check_outputs
from napari_focus_stack.io.reading import read_stack, scan
from napari_focus_stack.io.recipe import Recipe
from napari_focus_stack.io.results_file import SavedResult, read_saved, write_saved
from napari_focus_stack.io.sources import ArraySource, Spacing
from napari_focus_stack.io.writing import write_image
from napari_focus_stack.settings import Settings

RNG = np.random.default_rng(5)
NAME = "r.focusstack"
EVERY = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
NANOMETRES = Spacing(y=500.0, x=250.0, z=2000.0, unit="nanometer")


def pixels(dtype, *shape):
    if np.dtype(dtype).kind == "f":
        return RNG.normal(size=shape).astype(dtype)
    limits = np.iinfo(dtype)
    return RNG.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def recipe():
    labels = np.zeros((24, 32), np.uint16)
    labels[3:9, 4:8] = 2
    inputs = (os.path.abspath("µ.png"),)
    return Recipe(Settings(method="depth", z_step=2000.0), inputs, correction=labels)


def results(dtype=np.uint16, spacing=NANOMETRES):
    """Every role of one run, the picture in colour."""
    arrays = {
        "stacked": pixels(dtype, 24, 32, 3),
        "depth-index": RNG.integers(0, 9, (24, 32), np.uint16),
        "depth": pixels(np.float32, 24, 32),
        "height": pixels(np.float32, 24, 32),
        "confidence": pixels(np.float32, 24, 32),
    }
    made = recipe()
    return [SavedResult(role, f"fly {role}", a, spacing, made) for role, a in arrays.items()]


def assert_same(found, expected):
    for known in ("role", "name", "spacing", "more"):
        assert getattr(found, known) == getattr(expected, known)
    assert found.array.dtype == expected.array.dtype
    np.testing.assert_array_equal(found.array, expected.array)
    recipes = [None if s.recipe is None else s.recipe.as_dict() for s in (found, expected)]
    assert recipes[0] == recipes[1]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_results_of_a_run_come_back(tmp_path, dtype):
    saved = results(dtype)
    write_saved(tmp_path / NAME, saved)
    for found, expected in zip(read_saved(tmp_path / NAME), saved, strict=True):
        assert_same(found, expected)
    assert os.listdir(tmp_path) == [NAME]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(9, 11), (1, 1), (8, 9, 4), (2, 8, 9), (5, 8, 9, 3)])
def test_pictures_and_stacks_of_any_kind_come_back(tmp_path, dtype, shape):
    saved = SavedResult(
        "aligned", "a", pixels(dtype, *shape), more={"translate": [1.5, -2], "rgb": True}
    )
    write_saved(tmp_path / NAME, [saved])
    (found,) = read_saved(tmp_path / NAME)
    assert_same(found, saved)


@pytest.mark.parametrize("name", ["r.focusstack", "r.focusstack.ome.tif"])
@pytest.mark.parametrize(
    "array",
    [EVERY % 2 == 1, EVERY.view(np.float16), EVERY.astype(">u2")],
    ids=["bool", "half", "big-endian"],
)
def test_types_that_ome_has_not_come_back_with_every_value(tmp_path, name, array):
    write_saved(tmp_path / name, [SavedResult("stacked", "a", array)])
    (found,) = read_saved(tmp_path / name)
    assert found.array.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found.array, array)


class Film:
    """Planes on disk that make an array: no more than one is read at a time."""

    def __init__(self, planes):
        self._planes, self.shape, self.dtype = planes, planes.shape, planes.dtype
        self.read = []

    def __getitem__(self, k):
        self.read.append(k)
        return self._planes[k]


@pytest.mark.parametrize("shape", [(7, 40, 50), (7, 40, 50, 3)])
def test_a_film_is_saved_plane_by_plane_and_read_when_it_is_used(tmp_path, monkeypatch, shape):
    film = Film(pixels(np.uint16, *shape))
    image = SavedResult("stacked", "film", film, NANOMETRES, first="T")
    write_saved(tmp_path / NAME, [*results()[1:], image, *results()[1:]])
    assert film.read == list(range(7))
    with tifffile.TiffFile(tmp_path / NAME) as tif:
        assert [series.axes[0] for series in tif.series] == [*"YYYY", "T", *"YYYY"]
    monkeypatch.setattr(results_file, "_MAPPED", 7 * 40 * 50 * 2)
    found = read_saved(tmp_path / NAME)[4]
    assert isinstance(found.array, np.memmap)
    assert found.first == "T"
    np.testing.assert_array_equal(found.array, film[:])
    before = (tmp_path / NAME).read_bytes()
    found.array[2] = 0  # as painting does
    assert (tmp_path / NAME).read_bytes() == before
    write_saved(tmp_path / NAME, [found])
    assert not read_saved(tmp_path / NAME)[0].array[2].any()


def test_results_with_the_former_suffix_and_notes_open(tmp_path):
    saved = results()[1]
    write_saved(tmp_path / NAME, [saved])
    with tifffile.TiffFile(tmp_path / NAME) as tif:
        ours = _ours_in(tif.ome_metadata)
    del ours["Value"]["dtype"]
    former = tmp_path / "r.focusstack.ome.tif"
    tifffile.imwrite(former, saved.array, ome=True, metadata={"MapAnnotation": ours})
    (found,) = read_saved(former)
    assert_same(found, saved)
    assert Recipe.read(former).as_dict() == recipe().as_dict()


def test_a_program_that_judges_files_by_their_content_opens_them(tmp_path):
    write_saved(tmp_path / NAME, results(np.uint8))
    with PIL.Image.open(tmp_path / NAME) as opened:
        np.testing.assert_array_equal(np.asarray(opened), read_saved(tmp_path / NAME)[0].array)


size = st.none() | st.floats(1e-6, 1e6)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.lists(st.text(st.characters()), min_size=1, max_size=3),
    spacing=st.builds(
        Spacing, y=size, x=size, z=size, unit=st.sampled_from([None, "pixel", "nanometer", "µm"])
    ),
)
def test_any_name_and_spacing_comes_back_and_leaves_the_xml_whole(tmp_path, names, spacing):
    saved = [SavedResult("height", name, np.zeros((2, 3), np.float32), spacing) for name in names]
    write_saved(tmp_path / NAME, saved)
    for found, expected in zip(read_saved(tmp_path / NAME), saved, strict=True):
        assert_same(found, expected)
    with tifffile.TiffFile(tmp_path / NAME) as tif:
        assert len(tif.series) == len(names)


def test_other_programs_see_series_with_names_axes_and_sizes(tmp_path):
    write_saved(tmp_path / NAME, results())
    with tifffile.TiffFile(tmp_path / NAME) as tif:
        assert tif.is_ome
        assert [series.name for series in tif.series] == [f"fly {s.role}" for s in results()]
        assert [series.axes for series in tif.series] == ["YXS", *["YX"] * 4]
        assert [str(s.dtype) for s in tif.series] == ["uint16", "uint16", *["float32"] * 3]
        root = ElementTree.fromstring(tif.ome_metadata)
    images = root.findall("{*}Image")
    for image in images:
        sizes = image.find("{*}Pixels").attrib
        units = {sizes[f"PhysicalSize{axis}Unit"] for axis in "YXZ"}
        assert units == {"µm"}
        found = [float(sizes[f"PhysicalSize{axis}"]) for axis in "YXZ"]
        assert found == pytest.approx([0.5, 0.25, 2.0])
    assert images[3].findtext("{*}Description") == "height above plane 0 in nanometer"
    notes = root.findall("{*}StructuredAnnotations/{*}MapAnnotation")
    assert {note.get("Namespace") for note in notes} == {"napari-focus-stack"}
    roles = [note.findtext("{*}Value/{*}M[@K='role']") for note in notes]
    assert roles == [f'"{saved.role}"' for saved in results()]


@pytest.mark.parametrize("unit", [None, "pixel"])
def test_without_a_unit_other_programs_get_no_size(tmp_path, unit):
    write_saved(tmp_path / NAME, results(spacing=Spacing(y=0.5, x=0.25, unit=unit))[:1])
    with tifffile.TiffFile(tmp_path / NAME) as tif:
        assert "PhysicalSize" not in tif.ome_metadata
    assert read_saved(tmp_path / NAME)[0].spacing == Spacing(y=0.5, x=0.25, unit=unit)


def test_saved_results_are_a_recipe(tmp_path):
    first, second, *_ = results()
    write_saved(tmp_path / NAME, [SavedResult("stacked", "a", first.array), second])
    assert Recipe.read(tmp_path / NAME).as_dict() == recipe().as_dict()


def test_images_of_others_in_the_file_are_passed_over(tmp_path):
    saved = results()[1]
    write_saved(tmp_path / NAME, [saved])
    with tifffile.TiffFile(tmp_path / NAME) as tif:
        ours = tif.ome_metadata
    with tifffile.TiffWriter(tmp_path / NAME, ome=True) as tif:
        tif.write(np.zeros((5, 6), np.uint8), metadata={"Name": "thumbnail"})
        tif.write(saved.array, metadata={"MapAnnotation": _ours_in(ours)})
    (found,) = read_saved(tmp_path / NAME)
    assert_same(found, saved)


def _ours_in(xml):
    note = ElementTree.fromstring(xml).find("{*}StructuredAnnotations/{*}MapAnnotation")
    entries = {entry.get("K"): entry.text for entry in note.findall("{*}Value/{*}M")}
    return {"Namespace": note.get("Namespace"), "Value": entries}


# --- beside the planes


def test_results_saved_beside_their_planes_are_no_plane(tmp_path):
    for k in range(3):
        write_image(tmp_path / f"img{k}.tif", pixels(np.uint8, 24, 32))
    write_saved(tmp_path / NAME, results())
    assert read_stack(tmp_path).names == ("img0.tif", "img1.tif", "img2.tif")
    with pytest.raises(InputError, match=f"'{NAME}' holds results, not planes"):
        scan(tmp_path / NAME)


def test_an_aligned_stack_can_be_stacked(tmp_path):
    stack = pixels(np.uint16, 4, 24, 32)
    write_saved(tmp_path / NAME, [SavedResult("aligned", "a", stack, NANOMETRES)])
    source = read_stack(tmp_path / NAME)
    np.testing.assert_array_equal(np.stack([source[k] for k in range(4)]), stack)
    assert source.spacing.z == pytest.approx(2.0)


def test_the_name_is_kept_for_saved_results(tmp_path):
    source = ArraySource(np.zeros((2, 24, 32), np.uint8))
    with pytest.raises(OutputError, match=f"{NAME}' is a name for a whole result"):
        check_outputs({"depth": tmp_path / NAME}, source)


# --- refused


@pytest.mark.parametrize(
    ("name", "array", "named"),
    [
        ("r.ome.tif", np.zeros((8, 8), np.uint8), "end it in .focusstack"),
        (NAME, np.zeros((8, 8), np.int64), "'picture', which is int64"),
        (NAME, np.zeros((2, 3, 8, 8), np.uint8), r"whose shape is \(2, 3, 8, 8\)"),
        (NAME, np.zeros(8, np.uint8), "whose shape is"),
        (NAME, np.zeros((0, 8), np.uint8), "whose shape is"),
        (f"no/{NAME}", np.zeros((8, 8), np.uint8), "cannot be written"),
    ],
)
def test_what_cannot_be_saved_leaves_nothing(tmp_path, name, array, named):
    with pytest.raises(OutputError, match=named):
        write_saved(tmp_path / name, [SavedResult("stacked", "picture", array)])
    assert os.listdir(tmp_path) == []


def test_pixels_of_another_type_than_noted_are_refused(tmp_path):
    path = tmp_path / NAME
    write_saved(path, [SavedResult("stacked", "a", pixels("uint16", 24, 32))])
    data = path.read_bytes().replace(b"&quot;uint16&quot;", b"&quot;uint08&quot;")
    path.write_bytes(data.replace(b"&quot;uint08&quot;", b"&quot;int16&quot; "))
    with pytest.raises(InputError, match="pixels of uint16 for int16"):
        read_saved(path)


@pytest.mark.parametrize("first", ["1", "0", "-3", "2", "99"])
@pytest.mark.parametrize("count", ["4", "9", "-9"])
def test_missing_planes_are_seen_without_parsing_every_page(tmp_path, monkeypatch, first, count):
    path, parsed, parse = tmp_path / NAME, [], tifffile.TiffPage.__init__

    def counted(page, *arguments, **options):
        parsed.append(page)
        parse(page, *arguments, **options)

    picture = SavedResult("stacked", "picture", pixels(np.uint8, 24, 32, 3))
    write_saved(path, [picture, SavedResult("aligned", "planes", pixels(np.uint8, 4, 24, 32))])
    with monkeypatch.context() as patch:
        patch.setattr(tifffile.TiffPage, "__init__", counted)
        assert len(read_saved(path)) == 2
    assert len(parsed) < 4
    with tifffile.TiffFile(path) as tif:
        xml = tif.ome_metadata
    lies = {'SizeZ="4"': 'SizeZ="9"', 'IFD="1"': f'IFD="{first}"', 'Count="4"': f'Count="{count}"'}
    for sound, lie in lies.items():
        assert sound in xml
        xml = xml.replace(sound, lie)
    tifffile.tiffcomment(path, xml.encode())
    with pytest.raises(InputError, match=r"planes are missing|have other pages"):
        read_saved(path)


def test_nothing_to_save(tmp_path):
    with pytest.raises(OutputError, match="nothing to save"):
        write_saved(tmp_path / NAME, [])


def test_what_was_saved_before_survives_a_full_disk(tmp_path, monkeypatch):
    path = tmp_path / NAME
    write_saved(path, results())
    before, write, calls = path.read_bytes(), tifffile.TiffWriter.write, []

    def fill(*arguments, **options):
        calls.append(1)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        return write(*arguments, **options)

    monkeypatch.setattr(tifffile.TiffWriter, "write", fill)
    with pytest.raises(OutputError, match="No space left"):
        write_saved(path, results())
    assert os.listdir(tmp_path) == [NAME]
    assert path.read_bytes() == before


def broken(path, case):
    write_saved(path, results())
    data = path.read_bytes()
    match case:
        case "cut":
            path.write_bytes(data[: len(data) // 2])
        case "cut in the pixels":
            path.write_bytes(data[:2000])
        case "newer":
            newer = data.replace(b'<M K="format">1</M>', b'<M K="format">2</M>')
            assert newer != data
            path.write_bytes(newer)
        case "no role":
            path.write_bytes(data.replace(b'K="role"', b'K="rule"'))
        case "recipe of a newer":
            path.write_bytes(data.replace(b"&quot;gaussian&quot;", b"&quot;gaussiam&quot;"))
        case "XML":
            path.write_bytes(data.replace(b"</OME>", b"</EMO>"))
        case "others":
            tifffile.imwrite(path, results()[0].array, photometric="rgb")
        case "text":
            path.write_text("ten years of work")
        case "missing":
            path.unlink()
        case "folder":
            path.unlink()
            path.mkdir()


BROKEN = {
    "cut": "damaged",
    "cut in the pixels": "damaged",
    "newer": "newer napari-focus-stack",
    "no role": "damaged",
    "recipe of a newer": "'gaussiam'",
    "XML": "damaged",
    "others": "holds no results",
    "text": "damaged",
    "missing": "cannot be read",
    "folder": "cannot be read",
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_read_is_refused_in_one_sentence(tmp_path, case):
    path = tmp_path / NAME
    broken(path, case)
    with pytest.raises(InputError) as refused:
        read_saved(path)
    told = str(refused.value)
    assert str(path) in told
    assert BROKEN[case] in told
    assert "\n" not in told
    assert told.endswith(".")
