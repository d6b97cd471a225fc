"""The row of a job: its progress bar, Cancel, and a sentence on its outcome."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, ProgressBar, PushButton

from napari_focus_stack._napari.layers.notices import show_error
from napari_focus_stack._napari.widgets.sentences import Sentences
from napari_focus_stack._napari.workers.batch_process import BatchState
from napari_focus_stack._napari.workers.job import Job, Outcome, Steps
from napari_focus_stack.figures.film import FilmProgress
from napari_focus_stack.result import Progress
from napari_focus_stack.series.result import SeriesProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from magicgui.widgets import Widget

CANCELLED = "Cancelled; no result was added."


class JobRow(Container[Any]):
    """Progress bar and Cancel while a job runs, and a sentence on its outcome.

    Parameters
    ----------
    starters : sequence of PushButton
        Disabled while a job runs.
    brief : bool
        For jobs of less than a second: neither bar nor Cancel.
    lasting : bool
        For the job that a dock is made for: bar and Cancel are always shown, Cancel beside the
        starters, which are part of the row; `status`, which may be long, is not, and the dock
        places it.

    Attributes
    ----------
    cancel_button : PushButton
        Stops the job.
    progress : ProgressBar
        How far the job is.
    status : Sentences
        What the job does, or its outcome.
    """

    def __init__(
        self, starters: Sequence[PushButton], *, brief: bool = False, lasting: bool = False
    ) -> None:
        self._starters, self._brief, self._lasting = starters, brief, lasting
        self._job: Job | None = None
        self.progress = ProgressBar(value=0, min=0, max=1, visible=lasting)
        self.cancel_button = PushButton(text="Cancel", visible=lasting, enabled=False)
        self.status = Sentences()
        self._missing = ""
        super().__init__(widgets=self._rows(), labels=False)
        self.margins = (0, 0, 0, 0)
        self.cancel_button.changed.connect(self.cancel)
        self.native.destroyed.connect(self._abandon)

    def _rows(self) -> list[Widget]:
        if not self._lasting:
            return [self.progress, self.cancel_button, self.status]
        buttons = Container(
            widgets=[*self._starters, self.cancel_button], layout="horizontal", labels=False
        )
        buttons.margins = (0, 0, 0, 0)
        return [buttons, self.progress]

    @property
    def running(self) -> bool:
        """Whether a job is under way."""
        return self._job is not None

    def run(
        self,
        steps: Steps,
        add: Callable[[Any], str],
        *,
        describe: Callable[[Any], str] = str,
        on_other: Callable[[Any], None] | None = None,
        on_end: Callable[[Outcome], None] | None = None,
        on_cancel: Callable[[], str] = lambda: CANCELLED,
    ) -> None:
        """Start a job.

        Parameters
        ----------
        steps : callable
            As `Job` takes it.
        add : callable
            Receives what the job returned, in the main thread; returns a sentence on it.
        describe : callable
            Makes a sentence of each `Progress`, `SeriesProgress`, `BatchState` or `FilmProgress`.
        on_other : callable, optional
            Receives what the job yields beside `Progress`, until it is cancelled.
        on_end : callable, optional
            Receives the `Outcome`, before `add` is called.
        on_cancel : callable
            Returns the sentence on a run that was cancelled.
        """
        self._job = Job(
            steps,
            partial(self._advance, describe=describe, on_other=on_other),
            partial(self._finish, add=add, on_end=on_end, on_cancel=on_cancel),
        )
        self.status.value = ""
        self._show_running(True)
        self._job.start()

    def cancel(self) -> None:
        """Stop the job; nothing is added."""
        if self._job is not None:
            self.status.value = "Cancelling"
            self.cancel_button.enabled = False
            self._job.cancel()

    def forget(self) -> None:
        """Clear what an earlier job left, unless one runs."""
        if not self.running:
            self.status.value = ""
            self.progress.value = 0

    def outdate(self) -> None:
        """Grey what an earlier job left, whose settings have changed; nothing moves."""
        if not self.running:
            self.status.fade()
            self.progress.value = 0

    def show_missing(self, sentence: str) -> None:
        """Show why no job can start, where no outcome is shown.

        Parameters
        ----------
        sentence : str
            What is missing and what to do; empty once a job can start.
        """
        if not self.running and self.status.value in ("", self._missing):
            self.status.value = sentence
        self._missing = sentence

    def ends_with(self, dock: Container[Any]) -> None:
        """Cancel the job when a dock widget is closed, which takes the Cancel button with it.

        Parameters
        ----------
        dock : Container
            Widget that napari docks.
        """
        dock.native_parent_changed.connect(self._docked)

    def _docked(self, parent: object) -> None:
        if parent is None:
            self.cancel()

    def _abandon(self, *_: object) -> None:
        if self._job is not None:
            self._job.abandon()

    def say_error(self, sentence: str) -> None:
        """Show an error, here and in napari's notifications, which fold and go away.

        Parameters
        ----------
        sentence : str
            What is wrong and what to do.
        """
        self.status.value = sentence
        show_error(sentence)

    def _advance(
        self,
        step: Any,
        *,
        describe: Callable[[Any], str],
        on_other: Callable[[Any], None] | None,
    ) -> None:
        if isinstance(step, Progress | SeriesProgress | BatchState | FilmProgress):
            self.progress.max = max(step.total, 1)
            self.progress.value = step.done
            if self.cancel_button.enabled:
                self.status.value = describe(step)
        elif self.cancel_button.enabled and on_other is not None:
            on_other(step)

    def _finish(
        self,
        outcome: Outcome,
        *,
        add: Callable[[Any], str],
        on_end: Callable[[Outcome], None] | None,
        on_cancel: Callable[[], str],
    ) -> None:
        self._job = None
        self._show_running(False)
        if on_end is not None:
            on_end(outcome)
        if outcome.error is not None:
            self.say_error(outcome.error)
        elif outcome.result is None:
            self.status.value = on_cancel()
        else:
            sentence = add(outcome.result)
            self.progress.value = self.progress.max
            self.status.value = sentence

    def _show_running(self, running: bool) -> None:
        self.progress.value = 0
        shown = self._lasting or (running and not self._brief)
        self.progress.visible = self.cancel_button.visible = shown
        self.cancel_button.enabled = running
        for button in self._starters:
            button.enabled = not running
