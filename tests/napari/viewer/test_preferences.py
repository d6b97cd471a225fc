"""Preferences of napari that reach a run, and values of the last session."""

from collections.abc import Callable
from pathlib import Path

import napari.settings
import pytest
from napari.settings import get_settings
from stacks import banded_planes

from napari_focus_stack._napari.docks import stack as dock
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.viewer import preferences as page
from napari_focus_stack._napari.viewer.preferences import (
    FILE,
    preferences,
    preferred_method,
    remember,
    remembered,
)
from napari_focus_stack._napari.widgets import last_settings
from napari_focus_stack._utils.threads import ThreadTeam
from napari_focus_stack.pipeline import fuse
from napari_focus_stack.settings import METHODS, MOST_THREADS, Settings

UNSET = {"threads": None, "memory": None}
HAS_PAGES = hasattr(napari.settings, "get_plugin_settings")
needs_pages = pytest.mark.skipif(not HAS_PAGES, reason="napari before 0.9")


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def stack_page(viewer):
    """Our page as the user fills it; as it was, afterwards."""
    chosen = napari.settings.get_plugin_settings("napari-focus-stack").stack
    before = {name: getattr(chosen, name) for name in ("method", "threads", "memory")}
    yield chosen
    for name, value in before.items():
        setattr(chosen, name, value)


@needs_pages
def test_nothing_is_set_until_the_user_sets_it(stack_page):
    assert preferences() == UNSET
    assert preferred_method() == Settings().method


@needs_pages
def test_what_is_set_counts_in_the_units_of_settings(stack_page):
    stack_page.threads, stack_page.memory, stack_page.method = 3, 1.5, "depth"
    assert Settings(**preferences()) == Settings(threads=3, memory="1.5GB")
    assert preferred_method() == "depth"


@needs_pages
def test_bounds_and_choices_are_those_of_settings(stack_page):
    for method in METHODS:
        stack_page.method = method
    for name, wrong in (("method", "magic"), ("threads", MOST_THREADS + 1), ("threads", -1)):
        with pytest.raises(ValueError, match=name):
            setattr(stack_page, name, wrong)
    stack_page.threads = MOST_THREADS
    Settings(**preferences())


def test_an_older_napari_leaves_the_defaults(monkeypatch):
    monkeypatch.delattr(napari.settings, "get_plugin_settings", raising=False)
    assert preferences() == UNSET
    assert preferred_method() == Settings().method


@needs_pages
def test_a_plugin_that_was_not_found_leaves_the_defaults(monkeypatch):
    monkeypatch.setattr(page, "PLUGIN", "nobody")
    assert preferences() == UNSET


@needs_pages
def test_a_run_of_the_widget_goes_by_them(viewer, stack_page, qtbot, monkeypatch):
    teams = []

    def team(threads: int, check: Callable[[], None]) -> ThreadTeam:
        teams.append(threads)
        return ThreadTeam(threads, check)

    monkeypatch.setattr(fuse, "ThreadTeam", team)
    stack_page.threads, stack_page.memory, stack_page.method = 2, 8.0, "depth"
    viewer.add_image(banded_planes(), name="leaf")
    _, widget = viewer.window.add_plugin_dock_widget("napari-focus-stack", "Focus Stack")
    assert widget.form.parameters["method"].value == "depth"
    widget.stack_button.native.click()
    qtbot.waitUntil(lambda: not widget.job.cancel_button.enabled, timeout=20_000)
    found = [layer for layer in viewer.layers if METADATA_KEY in layer.metadata]
    assert found, widget.job.status.value
    used = found[-1].metadata[METADATA_KEY]["settings"]
    assert [used[name] for name in ("memory", "method")] == [8 * 10**9, "depth"]
    assert teams == [2]


REAL_PLACE = page._place


def test_values_are_kept_beside_the_settings_of_napari():
    assert REAL_PLACE() == Path(get_settings().config_path).parent / FILE


@pytest.mark.parametrize("text", ["", "[1]", "{", "\xff", "[" * 100_000])
def test_a_damaged_file_counts_as_none(text):
    assert remembered() == {}
    remember({"method": "depth"})
    assert remembered() == {"method": "depth"}
    page._place().write_text(text, encoding="latin-1")
    assert remembered() == {}


def test_a_place_that_cannot_be_written_to_keeps_nobody_from_stacking(monkeypatch, tmp_path):
    monkeypatch.setattr(page, "_place", lambda: tmp_path / "none" / FILE)
    remember({"method": "depth"})
    assert remembered() == {}
    monkeypatch.setattr(page, "_place", lambda: None)
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
    qtbot.waitUntil(lambda: not first.job.cancel_button.enabled, timeout=20_000)
    second = dock.FocusStackWidget(viewer)
    assert second.form.values() == first.form.values()
    monkeypatch.setattr(
        last_settings, "preferred_method", lambda: "depth"
    )  # changed in the preferences
    third = dock.FocusStackWidget(viewer)
    assert third.form.values() == {**first.form.values(), "method": "depth"}
