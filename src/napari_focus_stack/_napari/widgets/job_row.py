"""What the dock widgets for results share: the layers to choose from, and the row of a job."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, Label, ProgressBar, PushButton
from napari.utils.notifications import show_error
from qtpy.QtWidgets import QSizePolicy

from napari_focus_stack._napari.workers.job import Job, Outcome, Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_focus_stack.result import Progress


class JobRow(Container[Any]):
    """Bar and Cancel while a job runs, and a sentence on what came of it.

    Parameters
    ----------
    starters : sequence of PushButton
        Off while a job runs.
    brief : bool
        For jobs of less than a second: neither bar nor Cancel.

    Attributes
    ----------
    cancel_button : PushButton
        Stops the job.
    progress : ProgressBar
        How far the job is.
    status : Label
        What it does, or came to.
    """

    def __init__(self, starters: Sequence[PushButton], *, brief: bool = False) -> None:
        self._starters, self._brief = starters, brief
        self._job: Job | None = None
        self.progress = ProgressBar(value=0, min=0, max=1, visible=False)
        self.cancel_button = PushButton(text="Cancel", visible=False)
        self.status = Label()
        self.status.native.setWordWrap(True)
        self.status.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        super().__init__(widgets=[self.progress, self.cancel_button, self.status], labels=False)
        self.margins = (0, 0, 0, 0)
        self.cancel_button.changed.connect(self.cancel)

    @property
    def running(self) -> bool:
        """Whether a job is under way."""
        return self._job is not None

    def run(self, steps: Steps, add: Callable[[Any], str]) -> None:
        """Start a job.

        Parameters
        ----------
        steps : callable
            As `Job` takes it.
        add : callable
            Receives what the job returned, in the main thread; returns a sentence on it.
        """
        self._job = Job(steps, self._advance, partial(self._finish, add=add))
        self.native.destroyed.connect(self._job.abandon)
        self.status.value = ""
        self._show_running(True)
        self._job.start()

    def cancel(self) -> None:
        """Stop the job; nothing comes of it."""
        if self._job is not None:
            self.status.value = "Cancelling"
            self.cancel_button.enabled = False
            self._job.cancel()

    def ends_with(self, dock: Container[Any]) -> None:
        """Cancel the job when a dock widget is closed: nobody is left to do so."""
        dock.native_parent_changed.connect(self._docked)

    def _docked(self, parent: object) -> None:
        if parent is None:
            self.cancel()

    def say_error(self, sentence: str) -> None:
        """Tell what is wrong, here and in napari's notifications, which fold and go away."""
        self.status.value = sentence
        show_error(sentence)

    def _advance(self, progress: Progress) -> None:
        self.progress.max = progress.total
        self.progress.value = progress.done
        if self.cancel_button.enabled:
            self.status.value = str(progress)

    def _finish(self, outcome: Outcome, *, add: Callable[[Any], str]) -> None:
        self._job = None
        self._show_running(False)
        if outcome.error is not None:
            self.say_error(outcome.error)
        elif outcome.result is None:
            self.status.value = "Cancelled; nothing was added."
        else:
            self.status.value = add(outcome.result)

    def _show_running(self, running: bool) -> None:
        self.progress.value = 0
        self.progress.visible = self.cancel_button.visible = running and not self._brief
        self.cancel_button.enabled = running
        for button in self._starters:
            button.enabled = not running
