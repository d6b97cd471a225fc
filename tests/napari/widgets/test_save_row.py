"""Results saved from the dock: the newest of what is chosen, with its maps, as the menu saves."""

import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QFileDialog

from napari_focus_stack import focus_stack
from napari_focus_stack._napari.io.results_reader import reopen
from napari_focus_stack._napari.layers.appearance import OUTPUTS
from napari_focus_stack._napari.layers.kept_maps import KEPT_KEY, KeptMaps, with_kept_maps
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, role
from napari_focus_stack._napari.widgets.save_row import SaveRow
from napari_focus_stack.analysis import open_heights
from napari_focus_stack.correction import apply_correction
from napari_focus_stack.depth_labels import BACKGROUND, encode_labels
from napari_focus_stack.io.sources import ArraySource

NAME = "a_b.focusstack"


@pytest.fixture
def widget(qtbot, viewer, dock, planes):
    """Stacked once."""
    viewer.add_image(planes, name="a/b")
    widget = dock("Focus Stack")
    widget.form.parameters["align"].value = "none"
    assert not widget.saving.visible
    stack(qtbot, widget)
    return widget


@pytest.fixture
def asked(monkeypatch):
    """Names that the dialog offered; `answer` is what it gets."""

    class Asked(list):
        answer = ""

    asked = Asked()

    def ask(parent, caption, start, kinds):
        asked.append(start)
        return asked.answer, kinds

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    return asked


def stack(qtbot, widget):
    widget.stack_button.native.click()
    qtbot.waitUntil(lambda: widget.stack_button.enabled, timeout=10_000)


def save(qtbot, saving):
    saving.save_button.native.click()
    qtbot.waitUntil(lambda: not saving.job.running, timeout=10_000)


def test_the_newest_result_is_saved_with_its_maps(qtbot, viewer, widget, asked, tmp_path):
    widget.form.parameters["method"].value = "laplacian"
    stack(qtbot, widget)
    asked.answer = str(tmp_path / "kept")
    save(qtbot, widget.saving)
    assert asked[0].endswith("a_b 2.focusstack")
    file = tmp_path / "kept.focusstack"
    assert widget.saving.job.status.value == f"Saved 4 images and maps in '{file}'."
    layers = reopen(str(file))
    assert [shown["metadata"][METADATA_KEY]["role"] for _, shown, _ in layers] == [
        *("depth-index", "depth", "confidence", "stacked"),
    ]
    assert [shown["visible"] for _, shown, _ in layers] == [True, False, False, True]
    assert layers[-1][1]["metadata"][METADATA_KEY]["settings"]["method"] == "laplacian"
    assert (layers[-1][0] == viewer.layers[-1].data).all()


def test_heights_of_the_saved_file_are_those_of_the_run(
    qtbot, viewer, widget, asked, planes, tmp_path
):
    run = focus_stack(planes, align="none", z_step=1.5)
    for wanted in (("depth-index",), (), tuple(OUTPUTS)):
        for role_, check in widget.form.checks.items():
            check.value = role_ in wanted
        widget.form.z_step.value = "1.5"
        stack(qtbot, widget)
        asked.answer = str(tmp_path / f"{len(wanted)}.focusstack")
        save(qtbot, widget.saving)
        opened = open_heights(asked.answer)
        np.testing.assert_allclose(opened.height_map.heights, run.height, rtol=1e-6)
        np.testing.assert_array_equal(opened.height_map.confidence, run.confidence)


def test_maps_that_have_no_layer_follow_the_brush(qtbot, viewer, widget, planes):
    image = viewer.layers[-1]
    run = focus_stack(planes, align="none")
    labels = np.zeros(image.data.shape[:2], np.uint16)
    labels[:9, 4:], labels[9:12] = 3, BACKGROUND
    note = {"shape": list(labels.shape), "labels": encode_labels(labels)}
    image.metadata[METADATA_KEY]["correction"] = note
    expected = apply_correction(ArraySource(planes), run, labels)
    found = {role(one): one.data for one in with_kept_maps([image])}
    assert list(found) == ["depth-index", "depth", "confidence", "stacked"]
    for purpose, array in list(found.items())[:3]:
        np.testing.assert_array_equal(array, getattr(expected, OUTPUTS[purpose].attribute))
    del image.metadata[METADATA_KEY]["correction"]
    assert (with_kept_maps([image])[1].data == run.depth).all()
    changed = {"shape": list(labels.shape), "labels": encode_labels(labels[::-1])}
    image.metadata[KEPT_KEY] = KeptMaps(image.metadata[KEPT_KEY].arrays, note)
    image.metadata[METADATA_KEY]["correction"] = changed
    assert with_kept_maps([image]) == [image]  # what the run found below `note` is not known


def test_nothing_is_written_without_a_name_or_over_a_file_nobody_was_asked_about(
    qtbot, widget, asked, tmp_path
):
    save(qtbot, widget.saving)
    assert list(tmp_path.iterdir()) == []
    assert widget.saving.job.status.value == ""
    taken = tmp_path / "taken.focusstack"
    taken.write_bytes(b"mine")
    asked.answer = str(tmp_path / "taken")
    save(qtbot, widget.saving)
    assert str(taken) in widget.saving.job.status.value
    assert taken.read_bytes() == b"mine"


def test_what_was_saved_is_noted_until_something_else_is_here(
    qtbot, viewer, widget, asked, tmp_path
):
    asked.answer = str(tmp_path / NAME)
    save(qtbot, widget.saving)
    assert "Saved" in widget.saving.job.status.value
    with tifffile.TiffFile(tmp_path / NAME) as written:
        assert len(written.series) == 4
    widget.form.target.value = "update the last ones"
    stack(qtbot, widget)
    assert widget.saving.job.status.value == ""
    for layer in [layer for layer in viewer.layers if role(layer)]:
        viewer.layers.remove(layer)
    assert not widget.saving.visible


def test_a_row_without_results_saves_nothing(qtbot, asked):
    row = SaveRow()
    qtbot.addWidget(row.native)
    row.ask_and_save()
    assert asked == []
