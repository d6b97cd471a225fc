"""The menu entry that opens a folder, pressed as napari presses it."""

import os

import numpy as np
import pytest
import tifffile
from napari._app_model import get_app_model
from napari.layers import Image
from qtpy.QtWidgets import QFileDialog, QInputDialog

from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.planes import planes_of
from napari_focus_stack._napari.viewer.dock_tabs import STACK

COMMAND = "napari-focus-stack.open_folder"
OPEN_FILE = "napari-focus-stack.open_file"


@pytest.fixture
def press(make_napari_viewer, monkeypatch):
    """Press the entry and choose a folder; the viewer and where the dialog began."""
    viewer, begun = make_napari_viewer(), []

    def choose(folder):
        def answer(parent, caption, start):
            begun.append(start)
            return folder

        monkeypatch.setattr(QFileDialog, "getExistingDirectory", answer)
        get_app_model().commands.execute_command(COMMAND).result()
        return viewer, begun[-1]

    return choose


def test_the_menu_opens_a_folder_without_asking_for_a_reader(press, tmp_path):
    for k in range(3):
        tifffile.imwrite(tmp_path / f"img_{k}.tif", np.full((20, 24), k, np.uint8))
    (tmp_path / "notes.txt").touch()
    viewer, _ = press(str(tmp_path))
    [layer] = viewer.layers
    assert type(layer) is Image
    assert layer.source.reader_plugin == "napari-focus-stack"
    np.testing.assert_array_equal(layer.data[:, 0, 0], [0, 1, 2])
    assert layer.metadata[METADATA_KEY]["planes"] == [f"img_{k}.tif" for k in range(3)]
    assert len(planes_of([layer])) == 3
    _, start = press("")
    assert os.path.samefile(start, tmp_path.parent), "beside the last one"


def test_no_folder_opens_nothing(press):
    viewer, _ = press("")
    assert list(viewer.layers) == []


def test_a_folder_without_images_is_named(press, tmp_path, notifications):
    viewer, _ = press(str(tmp_path))
    assert list(viewer.layers) == []
    assert len(notifications) == 1
    assert str(tmp_path) in notifications[0]


def test_the_entry_stands_in_the_menu(press):
    press("")
    actions = [
        item.command.id for item in get_app_model().menus.get_menu("napari/file/io_utilities")
    ]
    assert COMMAND in actions


@pytest.fixture
def open_file(make_napari_viewer, monkeypatch):
    """Press the entry for a file and choose one; returns the viewer."""
    viewer = make_napari_viewer()

    def choose(file):
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (file, ""))
        get_app_model().commands.execute_command(OPEN_FILE).result()
        return viewer

    return choose


def test_the_menu_opens_a_hyperstack_with_its_axes(open_file, tmp_path):
    film = np.arange(2 * 3 * 2 * 400, dtype=np.uint16).reshape(2, 3, 2, 20, 20)
    path = tmp_path / "film.tif"
    tifffile.imwrite(path, film, imagej=True, metadata={"axes": "TZCYX"})
    viewer = open_file(str(path))
    assert [layer.name for layer in viewer.layers] == ["film channel 0", "film channel 1"]
    assert {layer.axis_labels for layer in viewer.layers} == {("t", "z", "y", "x")}
    np.testing.assert_array_equal(viewer.layers[1].data, film[:, :, 1])
    assert STACK in viewer.window.dock_widgets


def test_no_file_and_a_file_without_a_stack_open_nothing(open_file, tmp_path, notifications):
    assert list(open_file("").layers) == []
    (tmp_path / "words.txt").write_text("words")
    assert list(open_file(str(tmp_path / "words.txt")).layers) == []
    [message] = notifications
    assert "words.txt" in message


def test_names_of_no_microscope_are_opened_by_the_pattern_that_is_given(
    press, tmp_path, monkeypatch, notifications
):
    for c, z in np.ndindex(2, 3):
        plane = np.full((20, 24), 10 * c + z, np.uint8)
        tifffile.imwrite(tmp_path / f"leaf_c{c}_z{z}.tif", plane)
    suggested = []

    def answer(*_, text):
        suggested.append(text)
        return text, bool(len(suggested) > 1)

    monkeypatch.setattr(QInputDialog, "getText", answer)
    viewer, _ = press(str(tmp_path))
    assert list(viewer.layers) == [], "cancelled"
    press(str(tmp_path))
    assert suggested == ["leaf_c{c}_z{z}.tif"] * 2
    for c, layer in enumerate(viewer.layers):
        np.testing.assert_array_equal(layer.data[:, 0, 0], [10 * c, 10 * c + 1, 10 * c + 2])
    assert len(viewer.layers) == 2
    assert notifications == []
    viewer.open(str(tmp_path), plugin="napari-focus-stack")
    [message] = notifications
    assert "IO Utilities" in message
