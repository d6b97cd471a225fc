"""Recipes: what is written is read, what is no recipe is refused in one sentence."""

from __future__ import annotations

import base64
import json
import os
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_focus_stack import __version__, focus_stack
from napari_focus_stack.depth_labels import decode_labels, encode_labels
from napari_focus_stack.errors import InputError, OutputError
from napari_focus_stack.io.recipe import Recipe
from napari_focus_stack.settings import Settings

# --- corrections as text

any_labels = arrays(
    np.uint16,
    array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.one_of(st.sampled_from([0, 1, 65535]), st.integers(0, 65535)),
)


@settings(deadline=None)
@given(any_labels, st.booleans())
def test_labels_come_back_from_text(labels, turned):
    labels = labels.T if turned else labels  # rows that do not follow each other in memory
    text = encode_labels(labels)
    assert text.isascii()
    back = decode_labels(text, labels.shape)
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back, labels)
    back[0, 0] = 7  # to be painted on


@settings(deadline=None)
@given(any_labels, st.data())
def test_text_that_is_cut_or_of_another_shape_is_refused(labels, data):
    text, (rows, columns) = encode_labels(labels), labels.shape
    with pytest.raises(ValueError, match="does not fill"):
        decode_labels(text, (rows, columns + data.draw(st.sampled_from([-1, 1, 2**30]))))
    with pytest.raises(ValueError, match=r"."):
        decode_labels(text[: data.draw(st.integers(0, len(text) - 1))], labels.shape)


@given(st.text())
def test_no_text_but_ours_is_labels(text):
    with pytest.raises(ValueError, match=r"."):
        decode_labels(text, (3, 4))


def test_strokes_on_a_large_image_take_little_text():
    y, x = np.ogrid[:2048, :2048]
    labels = np.zeros((2048, 2048), np.uint16)
    for k in range(50):
        labels[(y - 37 * k) ** 2 + (x - 911 * k % 2048) ** 2 < 400] = k
    assert len(encode_labels(labels)) < 20_000


def test_a_few_bytes_do_not_inflate_to_gigabytes(monkeypatch):
    inflated = []

    class Watched:
        def __init__(self):
            self.inner = zlib_decompressobj()

        def decompress(self, *arguments):
            inflated.append(self.inner.decompress(*arguments))
            return inflated[-1]

        @property
        def eof(self):
            return self.inner.eof

    zlib_decompressobj = zlib.decompressobj
    monkeypatch.setattr("napari_focus_stack.depth_labels.zlib.decompressobj", Watched)
    bomb = base64.b64encode(zlib.compress(bytes(10_000_000))).decode()
    with pytest.raises(ValueError, match="4 x 4"):
        decode_labels(bomb, (4, 4))
    assert sum(map(len, inflated)) < 1000


# --- files


def made(**different):
    labels = np.zeros((6, 7), np.uint16)
    labels[2:4, 3:] = 5
    labels[5] = 65535
    known = {
        "settings": Settings(method="depth", z_step=0.5, align_region=(0, 40, 8, 48), crop=True),
        "inputs": (os.path.abspath("µ 花/img2.png"), os.path.abspath("any bytes \udcff.png")),
        "correction": labels,
    }
    return Recipe(**{**known, **different})


@pytest.mark.parametrize("transforms", [None, [np.eye(3), np.full((3, 3), np.nan)]])
def test_a_recipe_comes_back(tmp_path, transforms):
    transforms = None if transforms is None else np.stack(transforms)
    recipe = made(transforms=transforms)
    recipe.write(tmp_path / "r.json")
    back = Recipe.read(tmp_path / "r.json")
    assert (back.settings, back.inputs, back.version) == (
        recipe.settings,
        recipe.inputs,
        __version__,
    )
    np.testing.assert_array_equal(back.correction, recipe.correction)
    if transforms is None:
        assert back.transforms is None
    else:
        np.testing.assert_array_equal(back.transforms, transforms)
    assert os.listdir(tmp_path) == ["r.json"]


def test_what_a_recipe_looks_like(tmp_path):
    place = {
        "series": "/a/film.tif",
        "position": 0,
        "position_name": "",
        "time": 3,
        "channel": 1,
        "channel_name": "DAPI",
        "pattern": None,
        "axes": "TCZYX",
    }
    recipe = Recipe(Settings(reference=3), ("/a/1.tif",), place=place)
    recipe.write(tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_bytes()) == {
        "napari-focus-stack": {
            "recipe": 2,
            "version": __version__,
            "inputs": ["/a/1.tif"],
            "settings": Settings(reference=3).as_dict(),
            "correction": None,
            "place": place,
        }
    }
    assert Recipe.read(tmp_path / "r.json").place == place


def test_format_1_is_read_and_has_no_place(tmp_path):
    (tmp_path / "r.json").write_text(document(recipe=1))
    assert Recipe.read(tmp_path / "r.json").place == {}


def test_relative_inputs_lie_beside_the_recipe(tmp_path, monkeypatch):
    elsewhere = os.path.abspath("2.tif")
    (tmp_path / "r.json").write_text(document(inputs=["planes/1.tif", elsewhere]))
    beside = (str(tmp_path / "planes" / "1.tif"), elsewhere)
    assert Recipe.read(tmp_path / "r.json").inputs == beside
    monkeypatch.chdir(tmp_path)
    assert Recipe.read("r.json").inputs == beside


def test_a_report_is_a_recipe_and_its_transforms_count_if_they_were_given(tmp_path):
    stack = np.random.default_rng(4).integers(0, 255, (3, 40, 40), np.uint8)
    found = focus_stack(stack, align="shift", values="recorded")
    shifted = np.stack([np.eye(3)] * 3)
    shifted[0, 0, 2], shifted[2] = 1.5, np.nan
    follower = focus_stack(stack, transforms=shifted)
    for result, expected in ((found, None), (follower, shifted)):
        (tmp_path / "r.json").write_text(json.dumps(result.report.as_dict()))
        recipe = Recipe.read(tmp_path / "r.json")
        assert recipe.settings.as_dict() == result.report.settings
        assert recipe.inputs == ()
        assert recipe.correction is None
        if expected is None:
            assert recipe.transforms is None
        else:
            np.testing.assert_array_equal(recipe.transforms, expected)


# --- refused


def document(**different):
    known = {"recipe": 1, "version": "0.1.0", "inputs": ["/a/1.tif"], "settings": {}}
    return json.dumps({"napari-focus-stack": {**known, **different}})


REFUSED = {
    "text": ("ten years of work", "no JSON"),
    "bytes": (b"\xff\xfe\xfd", "no JSON"),
    "empty": ("", "no JSON"),
    "nested": ("[" * 100_000, "no JSON"),
    "list": ("[]", "no recipe"),
    "other JSON": ('{"transforms": [], "shape": []}', "no recipe"),
    "newer format": (document(recipe=3), "format 3"),
    "place of nothing": (document(recipe=2, place={"series": "a"}), "without a right position"),
    "place that is none": (document(recipe=2, place=[1]), "correct it"),
    "no format": (document(recipe=None), "does not name the format"),
    "newer key": (document(slab=3), "'slab'"),
    "newer setting": (document(settings={"deblur": None}), "'deblur'"),
    "newer setting in a report": ('{"settings": {"deblur": 1}}', "'deblur'"),
    "value": (document(settings={"gaussian": 4}), "gaussian 4 must be an odd number"),
    "type": (document(settings={"crop": "yes"}), "crop 'yes'"),
    "settings": (document(settings=None), "no recipe"),
    "inputs": (document(inputs="/a"), "inputs"),
    "input without name": (document(inputs=[""]), "inputs"),
    "transforms": (document(transforms=[[1, 2], [3, 4]]), "transforms"),
    "correction": (document(correction=[1, 2]), "correction"),
    "correction of no shape": (document(correction={"labels": "AAAA"}), "correction"),
    "correction damaged": (
        document(correction={"labels": "AAAA", "shape": [3, 4]}),
        "correction that is damaged",
    ),
    "correction without pixels": (
        document(correction={"labels": "AAAA", "shape": [0, -4]}),
        "correction that is damaged",
    ),
    "damaged TIFF": (b"II*\0\xff\xff\xff\xff", "damaged"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_recipe_is_refused_in_one_sentence(tmp_path, case):
    text, named = REFUSED[case]
    path = tmp_path / "r.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as refused:
        Recipe.read(path)
    told = str(refused.value)
    assert str(path) in told
    assert named in told
    assert "\n" not in told
    assert told.endswith(".")


@pytest.mark.parametrize("name", ["missing.json", ".", "x" * 300])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    with pytest.raises(InputError, match="cannot be read"):
        Recipe.read(tmp_path / name)


def test_what_a_newer_version_left_empty_is_no_obstacle(tmp_path):
    (tmp_path / "r.json").write_text(document(slab=None, settings={"gaussian": 7}))
    assert Recipe.read(tmp_path / "r.json").settings == Settings(gaussian=7)


@pytest.mark.parametrize("name", ["r.txt", "no/where.json"])
def test_a_recipe_that_cannot_be_written_leaves_nothing(tmp_path, name):
    with pytest.raises(OutputError, match="where.json" if "/" in name else "end it in .json"):
        made().write(tmp_path / name)
    assert os.listdir(tmp_path) == []
