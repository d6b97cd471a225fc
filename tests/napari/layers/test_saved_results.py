"""What napari saves through our writers opens again as it was; other files are left alone."""

import os

import dask.array
import imagecodecs
import npe2
import numpy as np
import pytest
import zarr
from napari._qt.dialogs.qt_reader_dialog import QtReaderDialog
from napari.components import ViewerModel
from napari.layers import Image
from napari.plugins import _npe2
from napari.plugins._npe2 import file_extensions_string_for_layers
from napari.utils import Colormap

from napari_focus_stack._napari.io.folder_reader import NO_LAYERS
from napari_focus_stack._napari.io.results_reader import get_reader, reopen
from napari_focus_stack._napari.io.writers import write_picture, write_results
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.results import SourceInfo, result_layers
from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.recipe import Recipe
from napari_focus_stack.io.results_file import SavedResult, read_saved, write_saved
from napari_focus_stack.io.sources import ArraySource, Spacing
from napari_focus_stack.pipeline.stack import focus_stack
from napari_focus_stack.settings import Settings

pytestmark = pytest.mark.usefixtures("registered_plugins")

PLUGIN = "napari-focus-stack"
NAME = "leaf.focusstack"
ROLES = ("depth-index", "depth", "height", "confidence")
SETTINGS = Settings(method="depth", align="none", z_step=2.0)
LIKE = ("name", "scale", "translate", "rotate", "shear", "units", "axis_labels", "rgb")
SHOWN = ("contrast_limits", "gamma", "opacity", "blending", "visible", "interpolation2d")


@pytest.fixture
def results(planes):
    """Layers of a run on 16-bit colour that lies turned in the world, all roles of it."""
    colour = np.stack([planes, planes // 2, 255 - planes], axis=-1).astype(np.uint16) * 16
    place = {"scale": [2.0, 0.5, 0.25], "translate": [1, 7.5, -3], "units": "um"}
    source = Image(colour, name="leaf", rgb=True, axis_labels=("z", "y", "x"), **place)
    source.affine = np.diag([1, 3, 3, 1])
    known = ArraySource(colour, spacing=Spacing(0.5, 0.25, 2.0, "micrometer"))
    result = focus_stack(known, settings=SETTINGS)
    origin = SourceInfo.of([source], SETTINGS)
    return [Image(array, **shown) for array, shown in result_layers(result, ROLES, origin)]


def saved_and_reopened(layers, path, plugin=None):
    viewer, again = ViewerModel(), ViewerModel()
    viewer.layers.extend(layers)
    assert viewer.layers.save(str(path), plugin=plugin) == [str(path)]
    return again.open(str(path), plugin=PLUGIN)


def assert_same(found, expected):
    assert type(found) is Image
    assert found.data.dtype == expected.data.dtype
    np.testing.assert_array_equal(found.data, expected.data)
    for attribute in (*LIKE, *SHOWN):
        here, there = getattr(found, attribute), getattr(expected, attribute)
        if attribute in ("scale", "translate", "rotate", "shear", "contrast_limits"):
            np.testing.assert_allclose(here, there, atol=1e-12)
        else:
            assert here == there, attribute
    np.testing.assert_allclose(found.affine.affine_matrix, expected.affine.affine_matrix)
    if not found.rgb:
        assert found.colormap.name == expected.colormap.name


def test_results_open_again_with_roles_place_and_appearance(tmp_path, results):
    found = saved_and_reopened(results, tmp_path / NAME)
    assert len(found) == len(ROLES) + 1
    for here, there in zip(found, results, strict=True):
        assert_same(here, there)
        known, expected = (layer.metadata[METADATA_KEY] for layer in (here, there))
        assert known["role"] == expected["role"]
        for key in ("sources", "version", "planes", "crop", "spacing", "notes", "transforms"):
            assert known[key] == expected[key], key
        recipe = Recipe.of_document(known["recipe"], tmp_path / "x.json")
        assert recipe.settings == SETTINGS
    assert os.listdir(tmp_path) == [NAME]
    assert Recipe.read(tmp_path / NAME).settings == SETTINGS


def test_the_file_says_sizes_in_the_unit_of_the_layer_and_the_step_of_the_run(tmp_path, results):
    write_results(str(tmp_path / NAME), [layer.as_layer_data_tuple() for layer in results])
    spacings = {saved.spacing for saved in read_saved(tmp_path / NAME)}
    # the affine makes the pixels three times as large
    assert spacings == {Spacing(y=1.5, x=0.75, z=2.0, unit="micrometer")}


def test_what_was_reopened_saves_the_same_again(tmp_path, results):
    corrected = np.zeros((48, 64), np.uint16)
    corrected[3:9, 5] = 4
    recipe = Recipe(SETTINGS, (str(tmp_path / "a.tif"),), correction=corrected)
    for layer in results:
        layer.metadata[METADATA_KEY]["recipe"] = recipe
    once = saved_and_reopened(results, tmp_path / NAME)
    twice = saved_and_reopened(once, tmp_path / "again.focusstack")
    for here, there in zip(twice, once, strict=True):
        assert here.metadata == there.metadata
        assert here.metadata[METADATA_KEY]["recipe"] == recipe.as_dict()


def test_a_single_result_and_a_lazy_stack_are_held_too(tmp_path):
    planes = np.arange(3 * 10 * 12, dtype=np.uint16).reshape(3, 10, 12)
    layer = Image(
        dask.array.from_array(planes, chunks=(1, -1, -1)),
        name="leaf [aligned]",
        scale=[3, 2, 1],
        units=("um", "nm", "nm"),
        axis_labels=("z", "y", "x"),
        colormap="magma",
        metadata={METADATA_KEY: {"role": "aligned"}},
    )
    (found,) = saved_and_reopened([layer], tmp_path / NAME)
    np.testing.assert_array_equal(found.data, planes)
    layer.data = planes
    assert_same(found, layer)
    assert found.metadata == {METADATA_KEY: {"role": "aligned"}}


def test_a_film_on_disk_comes_back_with_its_times(tmp_path, results):
    planes = np.arange(5 * 48 * 64, dtype=np.uint16).reshape(5, 48, 64)
    known = {**results[-1].metadata[METADATA_KEY], "role": "stacked"}
    film = Image(
        zarr.create_array(tmp_path / "film.zarr", data=planes, chunks=(1, 48, 64)),
        name="film [sharp]",
        scale=(30, 0.5, 0.25),
        units=("s", "um", "um"),
        axis_labels=("t", "y", "x"),
        metadata={METADATA_KEY: known},
    )
    (found,) = saved_and_reopened([film], tmp_path / NAME)
    [saved] = read_saved(tmp_path / NAME)
    assert saved.first == "T"
    assert saved.spacing == Spacing(y=0.5, x=0.25, z=2.0, unit="micrometer")
    film.data = planes
    assert_same(found, film)


def test_a_film_that_no_viewer_saved_has_times_without_a_unit(tmp_path):
    film = np.zeros((5, 9, 10), np.uint16)
    spacing = Spacing(0.5, 0.25, 2.0, "micrometer")
    write_saved(tmp_path / NAME, [SavedResult("stacked", "s", film, spacing, first="T")])
    (layer,) = ViewerModel().open(str(tmp_path / NAME), plugin=PLUGIN)
    assert layer.axis_labels == ("t", "y", "x")
    np.testing.assert_array_equal(layer.scale, [1, 0.5, 0.25])
    assert [str(unit) for unit in layer.units] == ["pixel", "micrometer", "micrometer"]


def test_what_no_viewer_saved_is_shown_as_a_fresh_result(tmp_path):
    colour = np.full((9, 10, 3), 60_000, np.uint16)
    spacing = Spacing(0.5, 0.25, 2.0, "micrometer")
    index = np.arange(90, dtype=np.uint16).reshape(9, 10)
    images = [
        SavedResult("depth-index", "i", index, spacing),
        SavedResult("stacked", "s", colour, spacing),
    ]
    write_saved(tmp_path / NAME, images)
    (index_layer, picture) = ViewerModel().open(str(tmp_path / NAME), plugin=PLUGIN)
    assert index_layer.colormap.name == "viridis"
    assert index_layer.contrast_limits == [0, 89]
    assert index_layer.interpolation2d == "nearest"
    assert picture.rgb
    assert picture.contrast_limits == [0, 65535]
    for layer in (index_layer, picture):
        np.testing.assert_array_equal(layer.scale, [0.5, 0.25])
        assert [str(unit) for unit in layer.units] == ["micrometer"] * 2


def test_a_colormap_of_another_computer_becomes_grey(tmp_path, results):
    results[0].colormap = Colormap([[0, 0, 0, 1], [1, 0, 0, 1]], name="mine alone")
    write_results(str(tmp_path / NAME), [results[0].as_layer_data_tuple()])
    text = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(text.replace(b"mine alone", b"yours only"))
    (found,) = ViewerModel().open(str(tmp_path / NAME), plugin=PLUGIN)
    assert found.colormap.name == "gray"


# --- names


@pytest.mark.parametrize(
    "typed", ["leaf", "leaf.ome.tif", "leaf.focusstack.ome", "leaf.FocusStack.TIFF"]
)
def test_a_shorter_name_is_completed_and_replaces_nothing_unasked(tmp_path, results, typed):
    layers = [results[0].as_layer_data_tuple()]
    assert write_results(str(tmp_path / typed), layers) == [str(tmp_path / NAME)]
    before = (tmp_path / NAME).read_bytes()
    with pytest.raises(OutputError, match=r"exists; choose it"):
        write_results(str(tmp_path / typed), layers)
    assert (tmp_path / NAME).read_bytes() == before
    assert write_results(str(tmp_path / NAME), layers) == [str(tmp_path / NAME)]


def test_dots_in_a_name_stay(tmp_path, results):
    written = write_results(str(tmp_path / "fly 1.5 um"), [results[0].as_layer_data_tuple()])
    assert written == [str(tmp_path / "fly 1.5 um.focusstack")]


def test_a_layer_of_another_kind_is_named_and_nothing_written(tmp_path, results):
    other = Image(np.zeros((9, 9)), name="photo")
    layers = [layer.as_layer_data_tuple() for layer in (results[0], other)]
    with pytest.raises(OutputError, match=r"'photo' is no result of Focus Stack"):
        write_results(str(tmp_path / NAME), layers)
    assert os.listdir(tmp_path) == []


# --- PNG


@pytest.mark.parametrize("shape", [(9, 12), (9, 12, 3), (9, 12, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_keeps_every_value_of_8_and_16_bits(tmp_path, shape, dtype):
    top = np.iinfo(dtype).max
    picture = np.random.default_rng(1).integers(0, top, shape, dtype, endpoint=True)
    viewer = ViewerModel()
    viewer.add_image(picture, rgb=len(shape) == 3)
    path = tmp_path / "a.png"
    assert viewer.layers.save(str(path), plugin=PLUGIN) == [str(path)]
    found = imagecodecs.png_decode(path.read_bytes())
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, picture)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (np.zeros((9, 12), np.float32), "float32; end it in .tif"),
        (np.zeros((4, 9, 12), np.uint8), "whose shape is"),
    ],
)
def test_png_refuses_what_it_cannot_hold(tmp_path, data, why):
    with pytest.raises(OutputError, match=why):
        write_picture(str(tmp_path / "a.png"), data, {"name": "a", "rgb": False})
    assert os.listdir(tmp_path) == []


# --- who is asked


def test_the_dialog_offers_results_for_images_alone(results):
    offered, _ = file_extensions_string_for_layers(results)
    assert "Focus Stack results (*.focusstack *.focusstack.ome.tif)" in offered.split(";;")
    labels = ViewerModel().add_labels(np.zeros((9, 9), int))
    offered, _ = file_extensions_string_for_layers([*results, labels])
    assert "focusstack" not in offered


@pytest.mark.parametrize(("name", "ours"), [("a.tif", False), ("a", False), (NAME, True)])
def test_a_plain_name_stays_with_the_other_writers(name, ours):
    pm = npe2.PluginManager.instance()
    writer, _ = pm.get_writer(name, ["image"])
    assert (writer.plugin_name == PLUGIN) is ours


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("a.tif", False),
        ("a.ome.tif", False),
        ("a.focusstack.tif", False),
        ("a.focusstack.ome.tiff", False),
        ("a.focusstack", True),
        ("a.focusstack.ome.tif", True),
        ("A b.1.FocusStack", True),
    ],
)
def test_the_reader_is_asked_about_saved_results_alone(tmp_path, name, ours):
    path = tmp_path / name
    path.touch()
    pm = npe2.PluginManager.instance()
    readers = [
        r.command for r in pm.iter_compatible_readers([str(path)]) if r.plugin_name == PLUGIN
    ]
    assert readers == (["napari-focus-stack.reopen"] if ours else [])
    assert (get_reader(path=str(path)) is reopen) is ours


def test_the_choice_that_napari_remembers_is_for_our_files_alone(qapp, tmp_path, results):
    path = tmp_path / NAME
    write_results(str(path), [results[0].as_layer_data_tuple()])
    readers = _npe2.get_readers(str(path))
    assert list(readers) == [PLUGIN]
    # without the dialog, as from the command line
    assert len(ViewerModel().open(str(path), plugin=None)) == 1
    dialog = QtReaderDialog(str(path), readers=readers)
    assert dialog._extension == ".focusstack"
    dialog.deleteLater()


def test_a_folder_is_not_reopened(tmp_path):
    folder = tmp_path / NAME
    folder.mkdir()
    assert get_reader(path=str(folder)) is None


@pytest.mark.parametrize("damage", ["empty", "half", "other"])
def test_a_damaged_file_is_named_and_gives_no_layer(tmp_path, results, notifications, damage):
    path = tmp_path / NAME
    write_results(str(path), [layer.as_layer_data_tuple() for layer in results])
    whole = path.read_bytes()
    content = {"empty": b"", "half": whole[: len(whole) // 2], "other": b"no TIFF at all"}[damage]
    path.write_bytes(content)
    assert reopen(str(path)) == NO_LAYERS
    assert len(notifications) == 1
    assert NAME in notifications[0]


def test_arguments_that_make_no_layer_are_damage_too(tmp_path, results, notifications):
    path = tmp_path / NAME
    more = {"layer": {"scale": [1.0, 2.0], "units": ["parrot", "um"]}}
    write_saved(path, [SavedResult("depth", "d", np.zeros((9, 9), np.float32), more=more)])
    assert reopen(str(path)) == NO_LAYERS
    assert len(notifications) == 1
    assert "what no layer can be" in notifications[0]
