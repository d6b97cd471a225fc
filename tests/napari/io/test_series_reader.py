"""Series as layers: every plane at its place, with the file's calibration, names and colours."""

import copy
import pickle
import sys
from pathlib import Path

import npe2
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image

from napari_focus_stack import focus_series, open_series
from napari_focus_stack._napari.io import folder_reader
from napari_focus_stack._napari.io.folder_reader import NO_LAYERS, get_reader, read_layers
from napari_focus_stack._napari.io.series_layers import MOST_GROUPS, series_layers
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.planes import StackInput, planes_of
from napari_focus_stack._napari.layers.stack_slice import StackSlice
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.series.indexed_planes import IndexedPlanes
from napari_focus_stack.series.model import Channel, Position, Series, StackIndex

PLUGIN = "napari-focus-stack"
BLUE_AND_GREEN = (Channel("DAPI", "#0000FF"), Channel("GFP", "#00FF00"))


def pixels(*shape):
    """Return planes of 20 x 24 uint16, no two of which are the same."""
    count = int(np.prod(shape, dtype=int))
    inside = np.arange(20 * 24, dtype=np.uint16).reshape(20, 24)
    planes = inside + 500 * np.arange(count, dtype=np.uint16)[:, np.newaxis, np.newaxis]
    return planes.reshape(*shape, 20, 24).astype(np.uint16)


def layers_of(path):
    return [Image(data, **arguments) for data, arguments, _ in read_layers(str(path))]


def opened(layer):
    return layer.metadata[METADATA_KEY]["opened"]


def write_folder(folder, film):
    """Write (T, C, Z, Y, X) as Micro-Manager names its files."""
    folder.mkdir()
    for t, c, z in np.ndindex(film.shape[:3]):
        name = f"img_channel{c:03d}_position000_time{t:09d}_z{z:03d}.tif"
        tifffile.imwrite(folder / name, film[t, c, z])
    return folder


def series_of(positions, read_plane=None, kept_bytes=0):
    """Return a series whose pixels are 1000 p + 100 t + 10 c + z, and the places that it opened."""
    places = []

    def read(index):
        places.append(index)
        position = positions[index.position]

        def plane(z):
            value = 1000 * index.position + 100 * index.time + 10 * index.channel + z
            return np.full(position.plane_shape, value, position.dtype)

        names = [f"{index}, plane {z}" for z in range(position.planes)]
        source = IndexedPlanes(position, names, read_plane or plane)
        source.kept_bytes = kept_bytes
        return source

    return Series(Path("film.nd2"), "test", positions, read), places


def position(name="", times=1, planes=3, channels=BLUE_AND_GREEN, **more):
    shape = more.pop("shape", (20, 24))
    return Position(name, times, channels, planes, shape, np.dtype(np.uint16), **more)


def test_an_imagej_hyperstack_has_its_axes_and_calibration(tmp_path, notifications):
    film = pixels(2, 3, 2)  # as ImageJ orders it: t, z, c
    path = tmp_path / "film.tif"
    tifffile.imwrite(
        path,
        film,
        imagej=True,
        resolution=(1 / 0.25, 1 / 0.5),
        metadata={"axes": "TZCYX", "spacing": 2.0, "unit": "um", "finterval": 1.5},
    )
    layers = layers_of(path)
    assert [layer.name for layer in layers] == ["film channel 0", "film channel 1"]
    for c, layer in enumerate(layers):
        np.testing.assert_array_equal(np.asarray(layer.data), film[:, :, c])
        assert layer.data.chunks == ((1, 1), (1, 1, 1), (20,), (24,))
        assert layer.axis_labels == ("t", "z", "y", "x")
        np.testing.assert_allclose(layer.scale, [1.5, 2.0, 0.5, 0.25])
        assert [str(unit) for unit in layer.units] == ["second", *["micrometer"] * 3]
        assert layer.blending == "additive"
        middle = film[1, 1, c]
        assert tuple(layer.contrast_limits) == (middle.min(), middle.max())
    assert notifications == []


def test_channels_have_their_names_and_colours(tmp_path):
    path = tmp_path / "film.ome.tif"
    tifffile.imwrite(
        path,
        pixels(2, 3),
        photometric="minisblack",
        metadata={"axes": "CZYX", "Channel": {"Name": ["DAPI", "GFP"], "Color": [65535, 16711935]}},
    )
    layers = layers_of(path)
    assert [layer.name for layer in layers] == ["film DAPI", "film GFP"]
    brightest = [layer.colormap.map(np.array([1.0]))[0, :3] for layer in layers]
    np.testing.assert_allclose(brightest, [(0, 0, 1), (0, 1, 0)], atol=0.01)
    assert [layer.axis_labels for layer in layers] == [("z", "y", "x")] * 2


def test_a_folder_of_channels_and_times_opens_as_a_series(tmp_path, notifications):
    film = pixels(2, 2, 3)
    layers = layers_of(write_folder(tmp_path / "film", film))
    for c, layer in enumerate(layers):
        np.testing.assert_array_equal(np.asarray(layer.data), film[:, c])
    assert notifications == []


def test_a_stack_of_ome_files_opens_without_a_damaged_one(tmp_path, notifications):
    for z, plane in enumerate(pixels(4)):
        tifffile.imwrite(tmp_path / f"leaf_{z}.ome.tif", plane)
    first = tmp_path / "leaf_0.ome.tif"
    first.write_bytes(first.read_bytes()[:20])
    [layer] = layers_of(tmp_path)
    np.testing.assert_array_equal(np.asarray(layer.data), pixels(4)[1:])
    [message] = notifications
    assert "leaf_0.ome.tif" in message


def test_a_damaged_store_is_named_for_what_it_is(tmp_path, notifications):
    store = tmp_path / "film.zarr"
    store.mkdir()
    (store / ".zgroup").write_text('{"zarr_format": 2}')
    (store / ".zattrs").write_text('{"multiscales": [{"datasets": [{"path": "0"}]}]}')
    assert read_layers(str(store)) == NO_LAYERS
    [message] = notifications
    assert "no array '0'" in message


def test_a_stack_that_lacks_planes_shows_as_zeros_and_is_never_stacked(tmp_path, notifications):
    film = pixels(2, 2, 3)
    folder = write_folder(tmp_path / "film", film)
    (folder / "img_channel001_position000_time000000001_z001.tif").unlink()
    layers = layers_of(folder)
    [note] = notifications  # of the reader
    assert "1 stack lacks planes" in note
    middle = film[0, 1, 1]  # since the time point in the middle cannot be read
    assert tuple(layers[1].contrast_limits) == (middle.min(), middle.max())
    shown = np.asarray(layers[1].data)
    np.testing.assert_array_equal(shown, [film[0, 1], np.zeros_like(film[1, 1])])
    [_, warning] = notifications
    assert "time 1" in warning
    assert warning.count(";") == 1
    source = StackInput.of([layers[1]], StackSlice(1, (1,), ("t",))).source
    with pytest.raises(InputError, match="time 1"):
        source[0]


def test_a_single_plane_at_each_time_opens_without_z(tmp_path):
    film = pixels(4, 2)
    path = tmp_path / "film.ome.tif"
    tifffile.imwrite(path, film, photometric="minisblack", metadata={"axes": "TCYX"})
    layers = layers_of(path)
    assert [layer.axis_labels for layer in layers] == [("t", "y", "x")] * 2
    np.testing.assert_array_equal([np.asarray(layer.data) for layer in layers], film.swapaxes(0, 1))
    with pytest.raises(InputError, match="no z axis"):
        open_series(path).stack()


def test_channels_of_one_plane_are_flat_layers():
    series, _ = series_of([position(planes=1, shape=(20, 24, 3))])
    layers = [
        Image(data, **arguments) for data, arguments, _ in series_layers(series, "cut").layers
    ]
    assert [(layer.ndim, layer.rgb) for layer in layers] == [(2, True)] * 2
    assert np.asarray(layers[1].data).max() == 10


@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr"])
def test_results_of_a_series_open_as_one_film_for_each_channel(tmp_path, suffix):
    rng = np.random.default_rng(0)
    film = rng.integers(0, 255, (2, 2, 3, 64, 64), dtype=np.uint8)
    image = tmp_path / f"film{suffix}"
    focus_series(film, axes="TCZYX", out=image, align="none")
    layers = layers_of(image)
    assert [(layer.ndim, layer.axis_labels) for layer in layers] == [(3, ("t", "y", "x"))] * 2
    saved = open_series(image)
    for c, layer in enumerate(layers):
        for t in range(2):
            plane = saved.planes(StackIndex(0, t, c))[0]
            np.testing.assert_array_equal(np.asarray(layer.data[t]), plane)


def test_positions_that_agree_are_an_axis():
    places = [position(f"Pos{p}", times=2) for p in range(3)]
    series, _ = series_of(places)
    layers = [Image(data, **given) for data, given, _ in series_layers(series, "film").layers]
    assert [layer.name for layer in layers] == ["film DAPI", "film GFP"]
    assert layers[1].axis_labels == ("p", "t", "z", "y", "x")
    assert int(layers[1].data[2, 1, 0, 5, 5]) == 2110
    assert opened(layers[1]).index({"p": 2, "t": 1, "z": 0}) == StackIndex(2, 1, 1)


def test_positions_that_differ_are_layers_of_which_the_first_is_visible():
    series, _ = series_of([position("A", planes=3), position("B", times=2, planes=1)])
    found = series_layers(series, "film")
    layers = [Image(data, **arguments) for data, arguments, _ in found.layers]
    assert [layer.name for layer in layers] == [
        f"film {p} {c}" for p in "AB" for c in ("DAPI", "GFP")
    ]
    assert [layer.visible for layer in layers] == [True, True, False, False]
    assert [layer.data.shape[:2] for layer in layers] == [(1, 3), (1, 3), (2, 1), (2, 1)]
    assert int(layers[3].data[1, 0, 5, 5]) == 1110
    assert found.left_out == ()


def test_of_very_many_different_positions_the_rest_is_named(monkeypatch, notifications):
    series, _ = series_of([position(f"P{n}", planes=n + 2) for n in range(MOST_GROUPS + 3)])
    monkeypatch.setattr(folder_reader, "find_series", lambda path: series)
    assert len(read_layers("film.nd2")) == 2 * MOST_GROUPS
    [message] = notifications
    assert "3 more positions" in message
    assert f'--position "P{MOST_GROUPS}"' in message


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ((), (1.0, "pixel")),
        ((0.0, 2.0, 4.01), (2.005, "second")),
        ((0.0, 2.0, 10.0), (1.0, "pixel")),
        ((0.0, 0.0, 0.0), (1.0, "pixel")),
    ],
)
def test_time_is_in_seconds_where_its_points_are_even(seconds, expected):
    spacing = Spacing(0.5, 0.5, None, "micrometer")
    series, _ = series_of([position(times=3, seconds=seconds, spacing=spacing)])
    [(data, arguments, _), _] = series_layers(series, "film").layers
    layer = Image(data, **arguments)
    assert (layer.scale[0], str(layer.units[0])) == (pytest.approx(expected[0]), expected[1])
    assert [str(unit) for unit in layer.units[1:]] == ["pixel", "micrometer", "micrometer"]


def test_each_stack_is_opened_once_however_often_the_sliders_move():
    series, places = series_of([position(times=20)])
    viewer = ViewerModel()
    for data, arguments, _ in series_layers(series, "film").layers:
        viewer.add_layer(Image(data, **arguments))
    for _ in range(2):
        for t in range(20):
            viewer.dims.set_current_step(0, t)
    assert sorted(places) == list(series)


def test_stacks_that_keep_pixels_are_closed():
    series, places = series_of([position(times=20)], kept_bytes=2**26)
    [(data, _, _), _] = series_layers(series, "film").layers
    for t in (0, 1, 2, 3, 0, 4, 0, 1):
        np.asarray(data[t, 0])
    times = [place.time for place in places if place.channel == 0]
    assert times[-6:] == [0, 1, 2, 3, 4, 1]  # four at a time: 0 was read last when 4 came


def test_opening_reads_one_plane_of_each_channel():
    read = []

    def plane(z):
        read.append(z)
        return np.arange(20 * 24, dtype=np.uint16).reshape(20, 24)

    series, _ = series_of([position(times=5)], plane)
    series_layers(series, "film")
    assert read == [1, 1]


def test_a_stack_of_a_series_is_taken_from_the_series(tmp_path):
    film = pixels(1, 2, 3)
    layer = layers_of(write_folder(tmp_path / "film", film))[1]
    source = planes_of([layer])
    np.testing.assert_array_equal([source[z] for z in range(3)], film[0, 1])
    assert source.place["channel"] == 1
    layer.data = layer.data[1:]  # other data
    np.testing.assert_array_equal(planes_of([layer])[0], film[0, 1, 1])
    assert copy.deepcopy(opened(layer)) is opened(layer)
    assert pickle.loads(pickle.dumps(opened(layer))) is None


def test_files_of_microscopes_have_no_other_reader_and_images_none_of_ours(tmp_path):
    manager = npe2.PluginManager.instance()
    manager.discover()

    def readers(name):
        found = manager.iter_compatible_readers(str(tmp_path / name))
        return {reader.plugin_name for reader in found}

    for name in ("a.czi", "a.nd2", "A.ND2", "a.lif", "a.companion.ome"):
        assert readers(name) == {PLUGIN}
        assert get_reader(str(tmp_path / name)) is not None
    for name in ("a.tif", "a.ome.tif", "a.ome.tiff", "a.lsm", "a.png", "a.jpg"):
        assert readers(name) == {"napari"}


def test_napari_opens_a_file_of_a_microscope_through_the_manifest(tmp_path, monkeypatch):
    npe2.PluginManager.instance().discover()
    series, _ = series_of([position(times=2)])
    monkeypatch.setattr(folder_reader, "find_series", lambda path: series)
    viewer = ViewerModel()
    (tmp_path / "film.nd2").touch()
    viewer.open(str(tmp_path / "film.nd2"), plugin=PLUGIN)
    assert [layer.name for layer in viewer.layers] == ["film DAPI", "film GFP"]
    assert {layer.axis_labels for layer in viewer.layers} == {("t", "z", "y", "x")}


def test_a_missing_library_is_one_notification_that_names_the_extra(
    tmp_path, monkeypatch, notifications
):
    for library in ("nd2", "bioio"):
        monkeypatch.setitem(sys.modules, library, None)
    path = tmp_path / "film.nd2"
    path.write_bytes(b"\xda\xce\xbe\x0a" + bytes(20))
    assert read_layers(str(path)) == NO_LAYERS
    [message] = notifications
    assert 'pip install "napari-focus-stack[microscopes]"' in message
