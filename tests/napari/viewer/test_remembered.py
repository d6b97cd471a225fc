"""What the widget was used with comes back in the next session."""

from pathlib import Path

import pytest
from conftest import banded_planes
from napari.settings import get_settings

from napari_focus_stack._napari.docks import stack as dock
from napari_focus_stack._napari.viewer import remembered as room
from napari_focus_stack._napari.viewer.remembered import FILE, remember, remembered

REAL_PLACE = room._place


def test_values_are_kept_beside_the_settings_of_napari():
    assert REAL_PLACE() == Path(get_settings().config_path).parent / FILE


@pytest.mark.parametrize("text", ["", "[1]", "{", "\xff"])
def test_a_damaged_file_counts_as_none(text):
    assert remembered() == {}
    remember({"method": "depth"})
    assert remembered() == {"method": "depth"}
    room._place().write_text(text, encoding="latin-1")
    assert remembered() == {}


def test_a_place_that_cannot_be_written_to_keeps_nobody_from_stacking(monkeypatch, tmp_path):
    monkeypatch.setattr(room, "_place", lambda: tmp_path / "none" / FILE)
    remember({"method": "depth"})
    assert remembered() == {}
    monkeypatch.setattr(room, "_place", lambda: None)
    remember({"method": "depth"})
    assert remembered() == {}


def test_the_next_session_begins_as_the_last_one_was_left(qtbot, make_napari_viewer, monkeypatch):
    viewer = make_napari_viewer()
    viewer.add_image(banded_planes(), name="cells")
    first = dock.FocusStackWidget(viewer)
    first.form.parameters["method"].value = "laplacian"
    first.form.parameters["align"].value = "none"
    first.form.checks["confidence"].value = True
    assert dock.FocusStackWidget(viewer).form.values() != first.form.values()  # nothing was run
    first.stack_button.native.click()
    qtbot.waitUntil(lambda: not first.cancel_button.enabled, timeout=20_000)
    second = dock.FocusStackWidget(viewer)
    assert second.form.values() == first.form.values()
    monkeypatch.setattr(dock, "preferred_method", lambda: "depth")  # changed in the preferences
    third = dock.FocusStackWidget(viewer)
    assert third.form.values() == {**first.form.values(), "method": "depth"}
