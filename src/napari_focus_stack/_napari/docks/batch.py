"""The "Batch" dock widget: every stack below a folder, by the command in a process of its own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, Container, PushButton
from qtpy.QtCore import QEvent, QObject, QUrl
from qtpy.QtGui import QDesktopServices

from napari_focus_stack._napari.docks.batch_opening import BatchOpening
from napari_focus_stack._napari.docks.batch_preview import BatchPreview
from napari_focus_stack._napari.docks.present_settings import PresentSettings, present_settings
from napari_focus_stack._napari.viewer.dock_tabs import tabbed
from napari_focus_stack._napari.widgets.batch_form import BatchForm
from napari_focus_stack._napari.widgets.batch_rows import (
    LISTED_COLUMNS,
    RECORD_COLUMNS,
    StackTitles,
    TableRow,
    plan_rows,
    record_row,
)
from napari_focus_stack._napari.widgets.batch_table import BatchTable
from napari_focus_stack._napari.widgets.batch_words import (
    DO_ALL,
    in_dock_words,
    in_words_of_the_dock,
)
from napari_focus_stack._napari.widgets.job_row import JobRow
from napari_focus_stack._napari.widgets.sentences import Sentences
from napari_focus_stack._napari.workers.batch_look import Look, look_steps
from napari_focus_stack._napari.workers.batch_process import BatchState, batch_process_steps
from napari_focus_stack._utils.wording import format_count, format_duration
from napari_focus_stack.errors import FocusStackError
from napari_focus_stack.io.places import as_place, is_remote

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari

    from napari_focus_stack._napari.workers.job import Outcome
    from napari_focus_stack.batch.call import BatchCall
    from napari_focus_stack.batch.records import BatchRecord

MISSING = "Choose the folder of your stacks; 'Look' then shows what is in it, and does nothing."
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
        self._titles = StackTitles("")
        self.form, self.used = BatchForm(), Sentences()
        self.look_button = PushButton(text="Look", tooltip="List what is there; stack nothing.")
        self.preview_button = PushButton(
            text="Preview",
            tooltip="Open the stack of the row that is selected, or else the first, and stack it "
            "with these settings.",
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
        self._opening = BatchOpening(napari_viewer, self.opening)
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
            self._clear(LISTED_COLUMNS)
            self.job.say_error(str(problem))
            return None
        return call, present

    def look(self) -> None:
        """Show what is below the folder."""
        chosen = self._call()
        if chosen is not None:
            self._begin(chosen[0])
            self._clear(LISTED_COLUMNS)
            steps = partial(look_steps, chosen[0])
            self.job.run(in_words_of_the_dock(steps), self._show_look, on_end=self._ended)
            self.job.status.value = "Looking"

    def _show_look(self, look: Look) -> str:
        self._titles = StackTitles(look.plan.order.root, look.plan.listed)
        self.table.show_rows(LISTED_COLUMNS, plan_rows(look.plan))
        refused = look.plan.otherwise
        self.redo.visible = bool(refused)
        said = f"But 'Run' refuses: {in_dock_words(refused)}" if refused else ""
        return f"{look.totals} Nothing was stacked by looking. {said}".strip()

    def preview(self) -> None:
        """Open the stack that is selected, or else the first, and stack it."""
        row = self.table.current
        chosen = self._call()
        if chosen is not None:
            self._preview.start(*chosen, None if row is None else row.name)

    def run(self) -> None:
        """Start the batch, or go on with it."""
        chosen = self._call()
        if chosen is None:
            return
        self._begin(chosen[0])
        self._clear(RECORD_COLUMNS)
        self.job.run(
            in_words_of_the_dock(partial(batch_process_steps, chosen[0])),
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
        self._opening.outdate(self._out, records)
        changed = self._titles.learn(record.name for record in records)
        self.table.model.add([record_row(record, self._titles) for record in records])
        if changed:
            self.table.model.renew(partial(self._retitled, changed))

    def _retitled(self, changed: set[tuple[str, int]], row: TableRow) -> TableRow:
        """Return a row with its title as it is now."""
        if row.record is None or (row.name.source, row.name.position) not in changed:
            return row
        return record_row(row.record, self._titles)

    def _begin(self, call: BatchCall) -> None:
        self._out = call.order.out
        if self._titles.root != call.order.root:
            self._titles = StackTitles(call.order.root)
        self._offer_sheet()

    def _clear(self, columns: Sequence[str]) -> None:
        """Remove the rows of what was looked for before."""
        self.table.show_rows(columns, [])
        self.opening.forget()
        self.open_button.enabled = False

    def _finish(self, totals: str) -> str:
        return f"{totals} Results are in '{self._out}'. Double-click a row to open it."

    def _cancelled(self) -> str:
        done = sum(_has_result(row) for row in self.table.model.rows)
        count = format_count(done, "stack is", "stacks are")
        return f"Stopped: {count} done and kept, none is half-written. 'Run' goes on."

    def _ended(self, outcome: Outcome) -> None:
        refused = outcome.error is not None and DO_ALL in outcome.error
        self.redo.visible = refused
        self.redo.value = False
        self._offer_sheet()

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
        if not self.opening.running and row is not None and row.record and _has_result(row):
            self._opening.open(self._out, row.record)

    def open_sheet(self) -> None:
        """Open the page with pictures of all results in the browser."""
        if self._has_sheet():  # it may have been removed since
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(as_place(self._out) / SHEET)))

    def _has_sheet(self) -> bool:
        """Return whether there is a page that a browser of this machine can open."""
        if not self._out or is_remote(out := as_place(self._out)):
            return False
        return (out / SHEET).exists()

    def _offer_sheet(self) -> None:
        self.sheet_button.enabled = self.table.has_sheet = self._has_sheet()


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
