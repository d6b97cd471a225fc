"""The menu entry that opens a folder, pressed as napari presses it."""

import os

import numpy as np
import pytest
import tifffile
from napari._app_model import get_app_model
from napari.layers import Image
from qtpy.QtWidgets import QFileDialog

from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.planes import planes_of

COMMAND = "napari-focus-stack.open_folder"


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
