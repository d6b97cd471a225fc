"""The row of a job: what it shows while one runs, and to whom it hands what comes of it."""

import pytest
from magicgui.widgets import Container, PushButton

from napari_focus_stack._napari.widgets.job_row import JobRow
from napari_focus_stack._napari.workers.job import at_once
from napari_focus_stack.errors import InputError
from napari_focus_stack.result import Progress


@pytest.fixture
def start_button(qapp):
    return PushButton(text="Start")


def shown(row, *widgets):
    return [widget.native.isVisibleTo(row.native) for widget in widgets]


def finished(qtbot, row):
    qtbot.waitUntil(lambda: not row.running, timeout=5000)
    return row.status.value


@pytest.mark.parametrize(
    ("kind", "idle", "running"),
    [({}, False, True), ({"brief": True}, False, False), ({"lasting": True}, True, True)],
)
def test_bar_and_cancel_are_there_when_they_can_be_of_use(qtbot, start_button, kind, idle, running):
    row = JobRow([start_button], **kind)
    assert shown(row, row.progress, row.cancel_button) == [idle] * 2
    assert not row.cancel_button.enabled
    row.run(at_once(lambda: "made"), str)
    assert shown(row, row.progress, row.cancel_button) == [running] * 2
    assert (row.cancel_button.enabled, start_button.enabled) == (True, False)
    assert finished(qtbot, row) == "made"
    assert shown(row, row.progress, row.cancel_button) == [idle] * 2
    assert (row.cancel_button.enabled, start_button.enabled) == (False, True)
    assert row.progress.value == row.progress.max


def test_the_row_of_a_dock_that_has_one_job_holds_what_starts_it(start_button):
    row = JobRow([start_button], lasting=True)
    [buttons, *_] = row
    assert isinstance(buttons, Container)
    assert list(buttons) == [start_button, row.cancel_button]


def test_steps_are_described_and_others_handed_on(qtbot, start_button):
    row, others = JobRow([start_button]), []

    def steps(cancel):
        yield Progress("fuse", 0, 2, 1, 2)
        yield "a preview"
        return "made"

    row.run(
        steps,
        str,
        describe=lambda step: f"{step.done} done",
        on_other=lambda step: others.append((step, row.status.value)),
    )
    assert finished(qtbot, row) == "made"
    assert others == [("a preview", "1 done")]


def test_the_end_is_announced_before_anything_comes_of_it(qtbot, start_button):
    row, order = JobRow([start_button]), []

    def add(result):
        order.append(("added", start_button.enabled))
        return result

    def refuse():
        raise InputError("No.")

    def ended(outcome):
        order.append((outcome.result, row.running))

    row.run(at_once(lambda: "made"), add, on_end=ended)
    finished(qtbot, row)
    row.run(at_once(refuse), add, on_end=ended)
    assert finished(qtbot, row) == "No."
    assert order == [("made", False), ("added", True), (None, False)]


def test_what_an_earlier_job_said_is_forgotten_unless_one_runs(qtbot, start_button):
    row = JobRow([start_button])
    row.run(at_once(lambda: "made"), str)
    row.status.value = "Starting"
    row.forget()
    assert row.status.value == "Starting"
    finished(qtbot, row)
    row.forget()
    assert (row.status.value, row.progress.value) == ("", 0)
