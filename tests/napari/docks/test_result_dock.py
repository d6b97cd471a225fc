"""What the docks share that do something with a result."""

import pytest
from qtpy.QtWidgets import QLabel

from napari_focus_stack._napari.docks.apply import ApplyWidget
from napari_focus_stack._napari.docks.correct import CorrectWidget
from napari_focus_stack._napari.docks.result_dock import ResultDock
from napari_focus_stack._napari.docks.surface import SurfaceWidget
from napari_focus_stack._napari.layers.results import SourceInfo, result_layers
from napari_focus_stack.errors import InputError
from napari_focus_stack.pipeline.stack import focus_stack
from napari_focus_stack.settings import Settings


def add_results(viewer, planes):
    source = viewer.add_image(planes, name="cells")
    origin = SourceInfo.of([source], Settings())
    for array, arguments in result_layers(
        focus_stack(planes, align="none"), ["depth-index"], origin
    ):
        viewer.add_image(array, **arguments)


@pytest.mark.parametrize("name", ["Apply to other layers", "Correct depth", "Show in 3-D"])
def test_the_button_is_for_results_that_are_there(viewer, dock, planes, name):
    widget = dock(name)
    assert isinstance(widget, ResultDock)
    assert not widget._start_button.enabled
    widget.start()  # nothing to start with
    assert widget.job.status.value.endswith("is in the viewer; stack first.")
    add_results(viewer, planes)
    assert widget._start_button.enabled
    assert widget.job.status.value == ""
    viewer.layers.clear()
    assert not widget._start_button.enabled


@pytest.mark.parametrize("kind", [ApplyWidget, CorrectWidget, SurfaceWidget])
def test_a_result_that_does_not_do_is_named_and_starts_nothing(
    viewer, planes, notifications, monkeypatch, kind
):
    def refuse(self, found):
        raise InputError(f"'{found.image.name}' does not do.")

    monkeypatch.setattr(kind, "_start_on", refuse)
    add_results(viewer, planes)
    widget = kind(viewer)
    widget._start_button.native.click()
    assert not widget.job.running
    assert widget.job.status.value == "'cells [sharp]' does not do."
    assert notifications == ["'cells [sharp]' does not do."]


@pytest.mark.parametrize(
    "name",
    [
        "Focus Stack",
        "Show in 3-D",
        "Apply to other layers",
        "Correct depth",
        "Align only",
        "Probe focus",
    ],
)
def test_a_grey_button_has_a_reason_in_sight(dock, name):
    native = dock(name).native
    said = [one.text() for one in native.findChildren(QLabel) if one.isVisibleTo(native)]
    assert any("stack first" in text for text in said), said
