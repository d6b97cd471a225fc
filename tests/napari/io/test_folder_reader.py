"""What the reader hands napari, and that nothing on disk makes it fail."""

import dask.array
import npe2
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image
from skimage.io import imsave

from napari_focus_stack._napari.io.folder_reader import NO_LAYERS, get_reader, read_layers
from napari_focus_stack._napari.layers.geometry import spacing_of
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.planes import planes_of
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.sources import Spacing


def write_planes(folder, count=3, shape=(20, 24), dtype=np.uint8, suffix="tif"):
    """Plane k is filled with k + 1, its file numbered without leading zeros."""
    folder.mkdir(exist_ok=True)
    for k in range(count):
        plane = np.full(shape, k + 1, dtype)
        path = folder / f"img_{k + 1}.{suffix}"
        if suffix == "tif":
            photometric = "rgb" if len(shape) == 3 else "minisblack"
            tifffile.imwrite(path, plane, photometric=photometric)
        else:
            imsave(path, plane, check_contrast=False)
    return folder


def damage(path):
    """Spoil the compressed pixels of a TIFF, leave its headers right."""
    tifffile.imwrite(path, tifffile.imread(path), compression="zlib")
    with tifffile.TiffFile(path) as file:
        offset, size = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + size] = b"\xff" * size
    path.write_bytes(content)


def test_a_folder_is_one_lazy_layer_in_natural_order(tmp_path, notifications):
    folder = write_planes(tmp_path / "leaf", count=11)
    [(data, arguments, kind)] = get_reader(path=str(folder))(str(folder))
    assert kind == "image"
    assert isinstance(data, dask.array.Array)
    assert data.chunks == ((1,) * 11, (20,), (24,))
    assert data.dtype == np.uint8
    np.testing.assert_array_equal(data[:, 0, 0], np.arange(1, 12))
    assert arguments["name"] == "leaf"
    assert arguments["rgb"] is False
    assert arguments["metadata"][METADATA_KEY]["planes"][9:] == ["img_10.tif", "img_11.tif"]
    assert notifications == []
    layer = Image(data, **arguments)
    assert layer.axis_labels == ("z", "y", "x")
    assert spacing_of([layer]) == Spacing()


def test_opening_decodes_no_8_bit_plane(tmp_path, monkeypatch):
    from napari_focus_stack.io.file_source import FileSource

    folder = write_planes(tmp_path / "leaf")
    read = []
    monkeypatch.setattr(FileSource, "__getitem__", lambda self, k: read.append(k))
    read_layers(str(folder))
    assert read == []


def test_every_form_of_path_gives_the_same_planes(tmp_path):
    folder = write_planes(tmp_path / "leaf")
    files = [str(folder / f"img_{k}.tif") for k in (1, 2, 3)]
    pages = tmp_path / "pages.tif"
    tifffile.imwrite(pages, np.stack([tifffile.imread(f) for f in files]), photometric="minisblack")
    for path, name in (
        (str(folder), "leaf"),
        ([str(folder)], "leaf"),
        (files, "img"),
        (str(pages), "pages"),
    ):
        [(data, arguments, _)] = get_reader(path=path)(path)
        np.testing.assert_array_equal(np.asarray(data)[:, 0, 0], [1, 2, 3])
        assert arguments["name"] == name


def test_other_paths_are_left_to_other_readers(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("a,b")
    assert get_reader(path=str(table)) is None
    assert get_reader(path=[str(table), str(tmp_path / "a.png")]) is None
    assert get_reader(path=[]) is None


def test_files_that_do_not_fit_are_named_in_one_notification(tmp_path, notifications):
    folder = write_planes(tmp_path / "leaf")
    (folder / "img_4.tif").write_bytes(b"")
    tifffile.imwrite(folder / "img_5.tif", np.zeros((10, 24), np.uint8))
    (folder / "words.png").write_text("no picture")
    (folder / "notes.txt").write_text("no picture either")
    (folder / ".hidden.tif").write_bytes(b"")
    (folder / "ref").mkdir()
    [(data, arguments, _)] = read_layers(str(folder))
    assert len(data) == 3
    [message] = notifications
    for name in ("img_4.tif", "img_5.tif", "words.png", "notes.txt"):
        assert name in message
    assert "hidden" not in message
    left_out = arguments["metadata"][METADATA_KEY]["left_out"]
    assert [left["name"] for left in left_out] == ["img_4.tif", "img_5.tif", "words.png"]


def test_a_damaged_plane_shows_as_zeros_is_named_once_and_is_refused(tmp_path, notifications):
    folder = write_planes(tmp_path / "leaf")
    damage(folder / "img_2.tif")
    [(data, arguments, _)] = read_layers(str(folder))
    for _ in range(3):  # scrolling to and fro
        np.testing.assert_array_equal(np.asarray(data)[:, 5, 5], [1, 0, 3])
    np.testing.assert_array_equal(np.asarray(data[1, 3:5]), np.zeros((2, 24)))
    [message] = notifications
    assert "'img_2.tif'" in message
    assert "zeros" in message
    source = planes_of([Image(data, **arguments)])
    assert np.all(source[2] == 3)
    with pytest.raises(InputError, match=r"'img_2\.tif'"):
        source[1]


def test_a_damaged_middle_plane_of_16_bits_is_named_once_too(tmp_path, notifications):
    folder = write_planes(tmp_path / "leaf", dtype=np.uint16)
    damage(folder / "img_2.tif")
    [(data, _, _)] = read_layers(str(folder))  # decodes the middle plane for its limits
    assert not np.asarray(data[1]).any()
    [message] = notifications
    assert "'img_2.tif'" in message


def test_a_file_that_goes_while_open_is_named(tmp_path, notifications):
    folder = write_planes(tmp_path / "leaf")
    [(data, _, _)] = read_layers(str(folder))
    (folder / "img_3.tif").unlink()
    assert not np.asarray(data[2]).any()
    assert "img_3.tif" in notifications[0]


def test_changed_data_is_what_is_stacked(tmp_path):
    folder = write_planes(tmp_path / "leaf", count=4)
    [(data, arguments, _)] = read_layers(str(folder))
    layer = Image(data, **arguments)
    layer.data = data[1:, 2:] + 10
    source = planes_of([layer])
    assert len(source) == 3
    np.testing.assert_array_equal(source[0], np.full((18, 24), 12))


@pytest.mark.parametrize("content", ["nothing", "no image", "one image", "one that fits"])
def test_a_folder_without_a_stack_is_one_notification(tmp_path, notifications, content):
    folder = write_planes(tmp_path / "leaf", count=0 if content.startswith("n") else 1)
    if content == "no image":
        (folder / "notes.txt").write_text("words")
    if content == "one that fits":
        (folder / "img_2.tif").write_bytes(b"II*\0")
    assert get_reader(path=str(folder))(str(folder)) == NO_LAYERS
    [message] = notifications
    assert str(folder) in message


def test_a_missing_folder_is_one_notification(tmp_path, notifications):
    assert read_layers(str(tmp_path / "gone")) == NO_LAYERS
    [message] = notifications
    assert "gone" in message


def test_spacing_of_the_files_reaches_the_layer(tmp_path):
    path = tmp_path / "cells.tif"
    tifffile.imwrite(
        path,
        np.zeros((4, 20, 24), np.uint16),
        imagej=True,
        resolution=(1 / 0.25, 1 / 0.5),
        metadata={"spacing": 2.0, "unit": "um", "axes": "ZYX"},
    )
    [(data, arguments, _)] = read_layers(str(path))
    layer = Image(data, **arguments)
    np.testing.assert_allclose(layer.scale, [2.0, 0.5, 0.25])
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    found = spacing_of([layer])
    assert (found.z, found.unit) == (2.0, "micrometer")


def test_a_spacing_half_known_stays_half_known(tmp_path):
    folder = tmp_path / "cells"
    folder.mkdir()
    for k in range(2):
        tifffile.imwrite(
            folder / f"{k}.tif",
            np.zeros((20, 24), np.uint8),
            resolution=(20000, 20000),
            resolutionunit="CENTIMETER",
        )
    [(data, arguments, _)] = read_layers(str(folder))
    layer = Image(data, **arguments)
    np.testing.assert_allclose(layer.scale, [1.0, 0.5, 0.5])
    found = spacing_of([layer])
    assert found.z is None
    assert found.y == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("shape", "dtype", "limits"),
    [
        ((20, 24), np.uint8, (0, 255)),
        ((20, 24, 3), np.uint8, (0, 255)),
        ((20, 24), np.uint16, (100, 900)),
        ((20, 24, 3), np.uint16, (0, 1023)),
        ((20, 24, 4), np.uint16, (0, 1023)),
        ((20, 24), np.float32, (100, 900)),
        ((20, 24, 3), np.float32, (0, 1023)),
    ],
)
def test_every_kind_has_limits_that_show_it(tmp_path, shape, dtype, limits):
    plane = np.linspace(100, 255 if dtype == np.uint8 else 900, np.prod(shape)).reshape(shape)
    for k in range(3):
        photometric = "rgb" if len(shape) == 3 else "minisblack"
        tifffile.imwrite(tmp_path / f"{k}.tif", plane.astype(dtype), photometric=photometric)
    [(data, arguments, _)] = read_layers(str(tmp_path))
    layer = Image(data, **arguments)
    assert layer.rgb is (len(shape) == 3)
    assert layer.ndim == 3
    assert tuple(layer.contrast_limits) == limits


def test_napari_opens_a_folder_through_the_manifest(tmp_path):
    npe2.PluginManager.instance().discover()
    viewer = ViewerModel()
    viewer.open(str(write_planes(tmp_path / "leaf", suffix="png")), plugin="napari-focus-stack")
    [layer] = viewer.layers
    assert (layer.name, layer.data.shape) == ("leaf", (3, 20, 24))
    viewer.open([str(tmp_path / "leaf")], stack=True, plugin="napari-focus-stack")
    assert len(viewer.layers) == 2
