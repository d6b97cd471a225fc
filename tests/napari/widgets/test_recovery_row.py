"""Results of a session that ended suddenly: the next one opens them as they were."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image
from stacks import banded_planes, in_a_window

from napari_focus_stack._napari.io import recovery
from napari_focus_stack._napari.io.recovery import sudden_ends
from napari_focus_stack._napari.io.writers import write_results
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, role
from napari_focus_stack._napari.widgets import results_keeper
from napari_focus_stack._napari.widgets.results_keeper import keep_results
from napari_focus_stack.depth_labels import encode_labels
from napari_focus_stack.io.results_file import SavedResult, write_saved

SESSION = """
import os, signal, sys
from pathlib import Path
import numpy as np
from napari.components import ViewerModel
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from napari_focus_stack._napari.docks.stack import FocusStackWidget
from napari_focus_stack._napari.io import recovery
from napari_focus_stack._napari.widgets import results_keeper
recovery.recovery_place = lambda: Path(sys.argv[1])
results_keeper.DELAY = 0.1
app = QApplication([])
viewer = ViewerModel()
viewer.add_image(np.load(sys.argv[2]), name="leaf", scale=(2, 0.5, 0.5), units="um")
dock = FocusStackWidget(viewer)
dock.form.parameters["align"].value = "none"
dock.stack_button.native.click()

def look():
    if len(list(Path(sys.argv[1]).glob("*/*.focusstack"))) == 2:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

timer = QTimer()
timer.timeout.connect(look)
timer.start(50)
app.exec()
"""


def killed_session(tmp_path):
    """Stack in another process, which is killed when the results are on disk."""
    np.save(tmp_path / "planes.npy", banded_planes())
    arguments = [str(recovery.recovery_place()), str(tmp_path / "planes.npy")]
    command = [sys.executable, "-c", SESSION, *arguments]
    assert subprocess.run(command, timeout=120, check=False).returncode != 0


def left_behind():
    """Two results without the lock of a process."""
    folder = recovery.recovery_place() / "ended"
    folder.mkdir()
    for number, purpose in enumerate(["depth", "stacked"]):
        result = SavedResult(purpose, purpose, np.zeros((9, 8), np.float32))
        write_saved(folder / f"{number:06}.focusstack", [result])


@pytest.fixture
def soon(monkeypatch):
    """Write changes at once."""
    monkeypatch.setattr(results_keeper, "DELAY", 0.0)


@pytest.fixture
def stacked(qtbot, viewer, dock, planes, soon):
    """Dock with a result, which is on disk."""
    viewer.add_image(planes, name="leaf", scale=(2, 0.5, 0.5), units="um")
    widget = dock("Focus Stack")
    widget.form.parameters["align"].value = "none"
    stack(qtbot, widget)
    wait_for_files(qtbot, 2)
    return widget


def stack(qtbot, widget):
    widget.stack_button.native.click()
    qtbot.waitUntil(lambda: widget.stack_button.enabled, timeout=10_000)


def files():
    return sorted(recovery.recovery_place().glob("*/*.focusstack"))


def wait_for_files(qtbot, count):
    qtbot.waitUntil(lambda: len(files()) == count, timeout=10_000)
    qtbot.waitUntil(lambda: not results_keeper._keepers[0]._writing, timeout=10_000)


def results(viewer):
    return [layer for layer in viewer.layers if isinstance(layer, Image) and role(layer)]


def test_results_of_a_killed_session_open_as_they_were(qtbot, viewer, dock, planes, tmp_path, soon):
    killed_session(tmp_path)
    assert len(sudden_ends()) == 1
    widget = dock("Focus Stack")
    offer = widget.recovery
    assert not offer.native.isHidden()
    said = "Results of a session that ended suddenly, not saved: 2 layers, 20"
    assert offer.job.status.value.startswith(said)
    offer.open_button.native.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=10_000)
    qtbot.waitUntil(lambda: not offer.job.running)
    assert offer.native.isHidden()
    found = results(viewer)
    # the same run here, for comparison
    viewer.add_image(planes, name="leaf", scale=(2, 0.5, 0.5), units="um")
    widget.form.parameters["align"].value = "none"
    stack(qtbot, widget)
    made = results(viewer)[-2:]
    for here, there in zip(found, made, strict=True):
        np.testing.assert_array_equal(here.data, there.data)
        assert here.data.dtype == there.data.dtype
        np.testing.assert_allclose(here.scale, there.scale)
        assert here.units == there.units
        known, expected = (layer.metadata[METADATA_KEY] for layer in (here, there))
        for key in ("role", "sources", "planes", "spacing", "transforms", "notes"):
            assert known[key] == expected[key], key
    # they are this session's now, and its end in order removes them
    assert sudden_ends() == []
    wait_for_files(qtbot, 4)


@in_a_window
def test_a_window_that_is_closed_leaves_nothing(qtbot, viewer, stacked):
    viewer.close()
    qtbot.waitUntil(lambda: list(recovery.recovery_place().iterdir()) == [], timeout=10_000)


def test_a_viewer_outlives_the_keeping_of_its_results(viewer, stacked):
    [keeper] = results_keeper._keepers
    keeper.close()
    results(viewer)[0].refresh()
    viewer.add_image(np.zeros((9, 9)))
    viewer.layers.clear()
    assert list(recovery.recovery_place().iterdir()) == []


def test_discarded_results_are_gone(viewer, dock):
    left_behind()
    offer = dock("Focus Stack").recovery
    offer.discard_button.native.click()
    assert offer.native.isHidden()
    assert list(recovery.recovery_place().iterdir()) == []
    assert not viewer.layers


def test_damaged_results_are_named_and_the_others_opened(qtbot, viewer, dock, notifications):
    left_behind()
    files()[0].write_bytes(b"damaged")
    offer = dock("Focus Stack").recovery
    offer.open_button.native.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=10_000)
    assert "is damaged" in offer.job.status.value
    assert role(viewer.layers[0]) == "stacked"


def test_what_the_user_saves_or_removes_leaves_the_disk(
    qtbot, viewer, stacked, tmp_path, monkeypatch
):
    monkeypatch.setattr(results_keeper, "RESTED", 0)
    [image] = [layer for layer in viewer.layers if role(layer) == "stacked"]
    write_results(str(tmp_path / "a.focusstack"), [image.as_layer_data_tuple()])
    wait_for_files(qtbot, 1)
    viewer.layers.remove(next(layer for layer in viewer.layers if role(layer) == "depth-index"))
    wait_for_files(qtbot, 0)
    labels = encode_labels(np.ones(image.data.shape[:2], np.uint16))
    painted = {"shape": list(image.data.shape[:2]), "labels": labels}
    image.metadata[METADATA_KEY]["correction"] = painted
    image.refresh()
    wait_for_files(qtbot, 1)


def test_results_that_were_opened_from_a_file_are_not_written_again(
    qtbot, viewer, stacked, tmp_path, monkeypatch
):
    monkeypatch.setattr(results_keeper, "RESTED", 0)
    path = str(tmp_path / "a.focusstack")
    layers = results(viewer)
    write_results(path, [layer.as_layer_data_tuple() for layer in layers])
    wait_for_files(qtbot, 0)
    for layer in layers:
        viewer.layers.remove(layer)
    opened = viewer.open(path, plugin="napari-focus-stack")
    layer = viewer.add_image(np.zeros((9, 9)), metadata={METADATA_KEY: {"role": "height"}})
    wait_for_files(qtbot, 1)
    opened[0].data = np.array(opened[0].data)  # another run updates it
    wait_for_files(qtbot, 2)
    assert layer in viewer.layers


def test_a_problem_is_told_once_and_the_run_goes_on(
    qtbot, viewer, dock, planes, soon, monkeypatch, notifications
):
    monkeypatch.setattr(recovery, "SPARED", 10**18)
    viewer.add_image(planes, name="leaf")
    widget = dock("Focus Stack")
    widget.form.parameters["align"].value = "none"
    for count in (1, 2):
        stack(qtbot, widget)
        qtbot.waitUntil(lambda: len(notifications) > 0, timeout=10_000)
        assert len(results(viewer)) == 2 * count
        assert widget.job.status.value.startswith("Stacked all 6")
    assert len(notifications) == 1
    assert notifications[0].startswith("Results are not kept for the case")


def test_a_viewer_has_one_keeper_however_many_docks(viewer, dock):
    dock("Focus Stack")
    dock("Correct depth")
    assert len(results_keeper._keepers) == 1
    keep_results(viewer)
    assert len(results_keeper._keepers) == 1


def test_the_place_is_in_the_cache_of_the_user(monkeypatch):
    monkeypatch.undo()
    place = recovery.recovery_place()
    assert place.is_absolute()
    assert place.parts[-2:] == ("napari-focus-stack", "recovery")
    assert Path.home() in place.parents or sys.platform == "win32"
