"""Height layers that napari saves keep their pixel size and their unit."""

import os

import npe2
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from napari.plugins._npe2 import file_extensions_string_for_layers

from napari_focus_stack._napari.io.height_writer import write_height_layer
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.results import SourceInfo, result_layers
from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.height_files import read_heights
from napari_focus_stack.io.height_scale import HeightScale
from napari_focus_stack.io.sources import ArraySource, Spacing
from napari_focus_stack.pipeline.stack import focus_stack
from napari_focus_stack.settings import Settings

pytestmark = pytest.mark.usefixtures("registered_plugins")

PLUGIN = "napari-focus-stack"
ENTRY = "Focus Stack heights with pixel size and unit (*.tif *.tiff *.gsf *.x3p)"


@pytest.fixture
def layers(planes):
    """Layers of a run by their roles, in nanometres."""
    settings = Settings(method="depth", align="none", z_step=2000.0)
    source = Image(planes, name="leaf", scale=(2000, 500, 250), units="nm")
    known = ArraySource(planes, spacing=Spacing(500, 250, 2000, "nanometer"))
    result = focus_stack(known, settings=settings)
    made = result_layers(
        result, ("depth", "height", "confidence"), SourceInfo.of([source], settings)
    )
    found = [Image(array, **shown) for array, shown in made]
    return {layer.metadata[METADATA_KEY]["role"]: layer for layer in found}


def saved(layer, path):
    viewer = ViewerModel()
    viewer.layers.append(layer)
    assert viewer.layers.save(str(path), plugin=PLUGIN) == [str(path)]
    return read_heights(path)


@pytest.mark.parametrize("name", ["a.gsf", "a.x3p", "leaf 1.TIF"])
def test_a_height_layer_keeps_pixel_size_and_unit(tmp_path, layers, name):
    layer = layers["height"]
    layer.data = np.array(layer.data)
    layer.data[3:5, 7] = np.nan
    found, scale = saved(layer, tmp_path / name)
    np.testing.assert_allclose(found, layer.data * np.float64(1e-3), rtol=1e-6)
    assert (scale.y, scale.x) == (pytest.approx(0.5), pytest.approx(0.25))
    assert scale.pixel_unit == scale.unit == "micrometer"
    assert os.listdir(tmp_path) == [name]


def test_the_pixel_size_is_that_of_the_layer_in_the_world(tmp_path, layers):
    layer = layers["height"]
    layer.scale, layer.units, layer.affine = (2, 1), ("um", "um"), np.diag([3.0, 3, 1])
    found, scale = saved(layer, tmp_path / "a.gsf")
    assert (scale.y, scale.x) == (pytest.approx(6), pytest.approx(3))
    np.testing.assert_allclose(found, layer.data * 1e-3, rtol=1e-6)


def test_a_depth_is_in_planes_and_for_tiff_alone(tmp_path, layers):
    found, scale = saved(layers["depth"], tmp_path / "a.tif")
    np.testing.assert_array_equal(found, layers["depth"].data)
    assert scale.unit == "plane"
    assert scale.y == pytest.approx(0.5)
    for name in ("b.gsf", "b.x3p"):
        with pytest.raises(OutputError, match="cannot hold heights in planes"):
            write_height_layer(str(tmp_path / name), *layers["depth"].as_layer_data_tuple()[:2])
    assert os.listdir(tmp_path) == ["a.tif"]


def test_what_is_no_height_map_is_refused(tmp_path, layers):
    film = Image(np.zeros((2, 4, 5)), name="film", metadata=layers["height"].metadata)
    photo = Image(np.zeros((4, 5)), name="photo")
    for layer, words in (
        (layers["stacked"], "is no height map"),
        (layers["confidence"], "is no height map"),
        (photo, "'photo', which is no height map"),
        (film, r"'film', whose shape is \(2, 4, 5\)"),
    ):
        for name in ("a.gsf", "a.x3p", "a.tif"):
            with pytest.raises(OutputError, match=words):
                write_height_layer(str(tmp_path / name), *layer.as_layer_data_tuple()[:2])
    assert not os.listdir(tmp_path)


def test_a_name_without_suffix_is_completed_and_replaces_nothing_unasked(tmp_path, layers):
    layer = layers["height"].as_layer_data_tuple()[:2]
    assert write_height_layer(str(tmp_path / "leaf 1.5"), *layer) == [
        str(tmp_path / "leaf 1.5.tif")
    ]
    with pytest.raises(OutputError, match="exists; choose it"):
        write_height_layer(str(tmp_path / "leaf 1.5"), *layer)


def test_the_dialog_offers_it_after_napari_s_own(layers):
    offered, _ = file_extensions_string_for_layers([layers["height"]])
    entries = offered.split(";;")
    assert ENTRY in entries
    assert entries[0].startswith("napari")
    assert ENTRY not in file_extensions_string_for_layers(list(layers.values()))[0]


@pytest.mark.parametrize(
    ("name", "ours"), [("a.tif", False), ("a.tiff", False), ("a.gsf", True), ("a.X3P", True)]
)
def test_names_that_napari_writes_stay_with_it(tmp_path, layers, name, ours):
    manager = npe2.PluginManager.instance()
    assert (manager.get_writer(name, ["image"])[0].plugin_name == PLUGIN) is ours
    assert manager.get_writer(name, ["image"], PLUGIN)[0].command.endswith("write_heights")
    viewer = ViewerModel()
    viewer.layers.append(layers["height"])
    path = tmp_path / name
    assert viewer.layers.save(str(path)) == [str(path)]
    calibrated = HeightScale(pytest.approx(0.5), pytest.approx(0.25), "micrometer", "micrometer")
    assert (read_heights(path)[1] == calibrated) is ours
