"""A correction survives when results are updated."""

import numpy as np
import pytest
from stacks import banded_planes

from napari_focus_stack._napari.docks.correct import CorrectWidget
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.widgets.settings_form import UPDATE
from napari_focus_stack._napari.workers.stacking import StoredCorrection
from napari_focus_stack.depth_labels import BACKGROUND, decode_labels
from napari_focus_stack.pipeline.stack import focus_stack


@pytest.mark.parametrize("crop", [False, True])
def test_labels_keep_their_place_when_results_are_cut_otherwise(crop):
    planes = banded_planes()
    motions = np.tile(np.eye(3), (6, 1, 1))
    motions[3:, 0, 2] = -4  # the first four columns are lost
    motions[5] = np.nan
    cut = focus_stack(planes, transforms=motions, crop=True)
    again = focus_stack(planes, transforms=motions, crop=crop)
    top, _, left, _ = cut.report.crop
    assert left == 4
    labels = np.zeros(cut.depth_index.shape, np.uint16)
    labels[10, 20], labels[11, 20], labels[12, 20] = 3, BACKGROUND, 6  # plane 5 is left out now
    moved = StoredCorrection(labels, (top, left)).on(again)
    assert moved.shape == again.depth_index.shape
    dy, dx = (0, 0) if crop else (top, left)
    assert moved[10 + dy, 20 + dx] == 3
    assert moved[11 + dy, 20 + dx] == BACKGROUND
    assert np.count_nonzero(moved) == 2


def test_what_was_painted_is_there_after_another_run(qtbot, make_napari_viewer):
    viewer = make_napari_viewer()
    planes = banded_planes()
    viewer.add_image(planes, name="cells")
    _, widget = viewer.window.add_plugin_dock_widget("napari-focus-stack", "Focus Stack")
    widget.form.parameters["align"].value = "none"
    widget.form.checks["confidence"].value = True

    def stack():
        widget.stack_button.native.click()
        qtbot.waitUntil(lambda: not widget.job.cancel_button.enabled, timeout=20_000)

    stack()
    correct = CorrectWidget(viewer)
    correct.correct_button.native.click()
    qtbot.waitUntil(lambda: not correct.job.running, timeout=20_000)
    labels = viewer.layers[-1]
    correct.plane.value = 4
    labels.paint((20, 30), labels.selected_label)
    where = np.array(labels.data) == 5
    assert where.sum() > 100
    viewer.layers.remove(labels)
    index, image = viewer.layers["cells [depth index]"], viewer.layers["cells [sharp]"]
    painted = index.data.copy()
    assert (painted[where] == 4).all()
    widget.form.target.value = UPDATE
    widget.form.parameters["method"].value = "depth"
    stack()
    assert image.metadata[METADATA_KEY]["settings"]["method"] == "depth"
    assert (index.data[where] == 4).all()
    np.testing.assert_array_equal(viewer.layers["cells [confidence]"].data[where], 1)
    told = image.metadata[METADATA_KEY]["correction"]
    assert (decode_labels(told["labels"], tuple(told["shape"])) == 5).sum() == where.sum()
    widget.form.target.value = "new layers"
    stack()
    fresh = viewer.layers["cells [sharp 2]"]
    assert "correction" not in fresh.metadata[METADATA_KEY]  # asked for as if nothing had been
