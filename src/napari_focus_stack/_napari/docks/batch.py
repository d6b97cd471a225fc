"""The "Batch" dock widget: every stack below a folder, by the command in a process of its own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, Container, PushButton
from qtpy.QtCore import QEvent, QObject, QUrl
from qtpy.QtGui import QDesktopServices

from napari_focus_stack._napari.docks.batch_preview import BatchPreview
from napari_focus_stack._napari.docks.present_settings import PresentSettings, present_settings
from napari_focus_stack._napari.io.batch_results import read_batch_result
from napari_focus_stack._napari.layers.names import numbered
from napari_focus_stack._napari.viewer.dock_tabs import tabbed
from napari_focus_stack._napari.widgets.batch_form import BatchForm
from napari_focus_stack._napari.widgets.batch_rows import (
    LISTED_COLUMNS,
    RECORD_COLUMNS,
    TableRow,
    plan_rows,
    record_row,
)
from napari_focus_stack._napari.widgets.batch_table import BatchTable
from napari_focus_stack._napari.widgets.job_row import JobRow
from napari_focus_stack._napari.widgets.sentences import Sentences
from napari_focus_stack._napari.workers.batch_look import Look, look_steps
from napari_focus_stack._napari.workers.batch_process import BatchState, batch_process_steps
from napari_focus_stack._napari.workers.job import at_once
from napari_focus_stack._utils.wording import format_count, format_duration
from napari_focus_stack.errors import FocusStackError
from napari_focus_stack.io.places import as_place, is_remote

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator

    import napari

    from napari_focus_stack._napari.io.folder_reader import LayerData
    from napari_focus_stack._napari.workers.job import Outcome, Steps
    from napari_focus_stack.batch.focus import BatchCall
    from napari_focus_stack.batch.records import BatchRecord

MISSING = "Choose the folder of your stacks; 'Look' then shows what is in it, and does nothing."
DO_ALL = "Do all again"
IN_THE_DOCK = {
    "or --redo to do all of them again": f"or tick '{DO_ALL}' to replace them",
    "name its files (--pattern)": "give 'File names' under More",
    "give --memory": "give the memory in napari's preferences",
}
"""What messages of the command name as options, and what it is called here."""
MOST_WORKERS = 6
"""Workers whose work is shown."""
SHEET = "index.html"


class BatchWidget(Container[Any]):
    """Stack everything below a folder, and show what became of each stack.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where results go that the user opens.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._viewer, self._out = napari_viewer, ""
        self.form, self.used = BatchForm(), Sentences()
        self.look_button = PushButton(text="Look", tooltip="List what is there; stack nothing.")
        self.preview_button = PushButton(
            text="Preview first", tooltip="Open the first stack and stack it with these settings."
        )
        self.run_button = PushButton(
            text="Run", tooltip="Stack all that is not done yet, in a process of its own."
        )
        starters = [self.look_button, self.preview_button, self.run_button]
        self.job = JobRow(starters, lasting=True)
        self.redo = CheckBox(text=DO_ALL, visible=False)
        self.open_button = PushButton(
            text="Open result", tooltip="Add the result of the row as layers.", enabled=False
        )
        self.sheet_button = PushButton(
            text="Contact sheet", tooltip="Open a page with pictures of all results.", enabled=False
        )
        self.opening = JobRow([self.open_button], brief=True)
        self.table = BatchTable()
        self._preview = BatchPreview(napari_viewer, self.job)
        super().__init__(
            widgets=[self.form, self.used, self.job, self.job.status, self.redo], labels=False
        )
        below = Container(
            widgets=[self.open_button, self.sheet_button], layout="horizontal", labels=False
        )
        below.margins = (0, 0, 0, 0)
        self.native.layout().addWidget(self.table, 1)
        self.native.layout().addWidget(below.native)
        self.native.layout().addWidget(self.opening.native)
        self._below = below
        self._connect()
        tabbed(self, "Batch")
        self._edited()

    def _connect(self) -> None:
        self.look_button.changed.connect(self.look)
        self.preview_button.changed.connect(self.preview)
        self.run_button.changed.connect(self.run)
        self.open_button.changed.connect(lambda: self.open(self.table.current))
        self.sheet_button.changed.connect(self.open_sheet)
        self.table.opened.connect(self.open)
        self.table.chosen.connect(self._choose)
        self.table.sheet_wanted.connect(self.open_sheet)
        self.form.on_edit(self._edited)
        for one in (self.job, self.opening):
            one.ends_with(self)
        _OnShow(self)

    def _edited(self) -> None:
        """Offer what can be done with the folders as they are."""
        self.redo.visible = self.redo.value = False
        self.job.outdate()
        if not self.job.running:
            for button in (self.look_button, self.preview_button, self.run_button):
                button.enabled = self.form.complete
            self.job.show_missing("" if self.form.complete else MISSING)

    def show_settings(self) -> PresentSettings | None:
        """Show the settings that stacks are done with.

        Returns
        -------
        PresentSettings or None
            None if they are wrong, which is said.
        """
        try:
            present = present_settings(self.native)
        except FocusStackError as problem:
            self.used.value = str(problem)
            return None
        self.used.value = present.description
        return present

    def _call(self) -> tuple[BatchCall, PresentSettings] | None:
        """Return the batch as chosen; None, with a sentence in the dock, if it is wrong."""
        present = self.show_settings()
        if self.job.running or present is None:
            return None
        try:
            call = self.form.call(
                present.settings, present.series_settings, redo=bool(self.redo.value)
            )
        except FocusStackError as problem:
            self.job.say_error(str(problem))
            return None
        return call, present

    def look(self) -> None:
        """Show what is below the folder."""
        chosen = self._call()
        if chosen is not None:
            self._begin(chosen[0])
            steps = partial(look_steps, chosen[0])
            self.job.run(_in_our_words(steps), self._show_look, on_end=self._ended)
            self.job.status.value = "Looking"

    def _show_look(self, look: Look) -> str:
        self.table.show_rows(LISTED_COLUMNS, plan_rows(look.plan))
        return f"{look.totals} Nothing was stacked yet."

    def preview(self) -> None:
        """Open the first stack and stack it."""
        chosen = self._call()
        if chosen is not None:
            self._preview.start(*chosen)

    def run(self) -> None:
        """Start the batch, or go on with it."""
        chosen = self._call()
        if chosen is None:
            return
        self._begin(chosen[0])
        self.table.show_rows(RECORD_COLUMNS, [])
        self.job.run(
            _in_our_words(partial(batch_process_steps, chosen[0])),
            self._finish,
            describe=_described,
            on_other=self.add,
            on_end=self._ended,
            on_cancel=self._cancelled,
        )
        self.job.status.value = "Starting; what is done already is found first"

    def add(self, records: tuple[BatchRecord, ...]) -> None:
        """Add what became of stacks to the table.

        Parameters
        ----------
        records : tuple of BatchRecord
            At least one.
        """
        self.table.model.add([record_row(record) for record in records])

    def _begin(self, call: BatchCall) -> None:
        self._out = call.order.out
        self.sheet_button.enabled = True
        self.opening.forget()

    def _finish(self, totals: str) -> str:
        return f"{totals} Results are in '{self._out}'. Double-click a row to open it."

    def _cancelled(self) -> str:
        done = sum(row.texts[1].startswith("done") for row in self.table.model.rows)
        count = format_count(done, "stack is", "stacks are")
        return f"Stopped: {count} done and kept, none is half-written. 'Run' goes on."

    def _ended(self, outcome: Outcome) -> None:
        refused = outcome.error is not None and DO_ALL in outcome.error
        self.redo.visible = refused
        self.redo.value = False

    def _choose(self, row: TableRow | None) -> None:
        """Show the sentences of a row, and offer its result."""
        if not self.opening.running:
            self.open_button.enabled = _has_result(row)
            self.opening.status.value = "" if row is None else row.notes

    def open(self, row: TableRow | None) -> None:
        """Open the result of a row as layers; show why there is none.

        Parameters
        ----------
        row : TableRow or None
            A row of the table.
        """
        self._choose(row)
        record = None if row is None else row.record
        if self.opening.running or record is None or not _has_result(row):
            return
        read = partial(read_batch_result, as_place(self._out), record)
        self.opening.run(at_once(read), partial(self._show, record))

    def _show(self, record: BatchRecord, made: list[LayerData]) -> str:
        """Add layers, the sharp image on top, and go to its time point."""
        from napari.layers import Image

        taken = [layer.name for layer in self._viewer.layers]
        names = numbered([given["name"] for _, given, _ in made], taken)
        for (data, given, _), name in zip(made, names, strict=True):
            self._viewer.add_layer(Image(data, **{**given, "name": name}))
        top = self._viewer.layers[-1]
        self._viewer.layers.selection.active = top
        if "t" in top.axis_labels:
            axis = top.axis_labels.index("t")
            at = record.name.time * top.scale[axis] + top.translate[axis]
            self._viewer.dims.set_point(self._viewer.dims.ndim - top.ndim + axis, at)
        return f"Opened '{names[-1]}'; hide it to see the maps below it."

    def open_sheet(self) -> None:
        """Open the page with pictures of all results in the browser."""
        place = as_place(self._out) / SHEET
        if is_remote(place) or not place.exists():
            self.opening.status.value = (
                f"'{place}' is written when stacks are done; press 'Run' first."
                if not is_remote(place)
                else f"'{place}' is on a server; download the folder to see it."
            )
            return
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(place)))


class _OnShow(QObject):
    """Event filter that shows the settings of the stack dock when a batch comes to the front.

    Parameters
    ----------
    widget : BatchWidget
        The dock's widget.
    """

    def __init__(self, widget: BatchWidget) -> None:
        super().__init__(widget.native)
        self._widget = widget
        widget.native.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:  # noqa: N802 - Qt's
        """Follow the events by which the widget is shown.

        Parameters
        ----------
        watched : QObject
            The widget.
        event : QEvent
            Any event.

        Returns
        -------
        bool
            False: the event is not stopped.
        """
        if event.type() == QEvent.Type.Show:
            self._widget.show_settings()
        return False


def _has_result(row: TableRow | None) -> bool:
    """Return whether the result of a row can be opened."""
    return row is not None and row.record is not None and row.record.state == "done"


def _described(state: BatchState) -> str:
    """Describe how far a batch is, and what each worker does."""
    failed = f", {state.failed} failed" if state.failed else ""
    left = state.seconds_left
    rest = "" if left is None else f", about {format_duration(left)} left"
    workers = list(state.workers.items())
    lines = [f"{name}: {step}" for name, step in workers[:MOST_WORKERS]]
    more = len(workers) - MOST_WORKERS
    lines += [f"and {more} more workers"] if more > 0 else []
    return "\n".join([f"{state.done} of {state.total} stacks done{failed}{rest}", *lines])


def _in_our_words(steps: Steps) -> Steps:
    """Return steps whose errors name what is in the dock, and not options of the command."""

    def translated(cancel: threading.Event) -> Generator[Any, None, Any]:
        try:
            return (yield from steps(cancel))
        except FocusStackError as problem:
            sentence = str(problem)
            for option, here in IN_THE_DOCK.items():
                sentence = sentence.replace(option, here)
            raise FocusStackError(sentence) from problem

    return translated
