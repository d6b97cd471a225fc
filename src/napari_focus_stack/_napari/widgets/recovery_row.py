"""Row that offers the results of sessions that ended suddenly."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, PushButton

from napari_focus_stack._napari.io.recovery import SuddenEnd, discard, sudden_ends
from napari_focus_stack._napari.io.results_reader import layer_of
from napari_focus_stack._napari.widgets.job_row import JobRow
from napari_focus_stack._napari.widgets.results_keeper import keep_results
from napari_focus_stack._napari.workers.job import at_once
from napari_focus_stack._utils.wording import format_count
from napari_focus_stack.errors import FocusStackError
from napari_focus_stack.io.results_file import read_saved

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import napari

    from napari_focus_stack.io.results_file import SavedResult

Read = tuple[dict["Path", list["SavedResult"]], list[str]]
"""Results by file, and sentences on the files that cannot be read."""


class RecoveryRow(Container[Any]):
    """Sentence and two buttons; hidden where no session ended suddenly.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer that shows the results.

    Attributes
    ----------
    open_button, discard_button : PushButton
        Open the results as layers, or remove them from the disk.
    job : JobRow
        What there is to open; then the status of the reading.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer
        self._left = sudden_ends()
        self.open_button = PushButton(
            text="Open them", tooltip="Adds the results that were not saved to the layers."
        )
        self.discard_button = PushButton(
            text="Discard", tooltip="Removes the results that were not saved from the disk."
        )
        starters = [self.open_button, self.discard_button]
        self._buttons = Container(widgets=starters, layout="horizontal", labels=False)
        self._buttons.margins = (0, 0, 0, 0)
        self.job = JobRow(starters, brief=True)
        self.job.status.value = _offer(self._left) if self._left else ""
        super().__init__(
            widgets=[self.job, self._buttons],
            labels=False,
            visible=None if self._left else False,  # with its dock, as all others
        )
        self.margins = (0, 0, 0, 0)
        self.open_button.changed.connect(self.open)
        self.discard_button.changed.connect(self.discard)

    def open(self) -> None:
        """Open the results as layers; they are kept on disk until they are saved, as all others."""
        keeper = keep_results(self._viewer)
        files: dict[int, Path] = {}
        for left in self._left:
            try:
                files |= keeper.take_over(left)
            except FocusStackError as problem:
                self.job.say_error(str(problem))
        self._left = []
        self._buttons.visible = False
        if files:
            self.job.run(at_once(partial(_read, list(files.values()))), partial(self._add, files))

    def discard(self) -> None:
        """Remove the results from the disk."""
        for left in self._left:
            discard(left)
        self._left = []
        self.visible = False

    def _add(self, files: Mapping[int, Path], read: Read) -> str:
        """Add layers, which only the main thread may make."""
        results, problems = read
        keeper = keep_results(self._viewer)
        for number, file in files.items():
            for saved in results.get(file, ()):
                try:
                    keeper.add(layer_of(saved, str(file)), number)
                except FocusStackError as problem:
                    problems.append(str(problem))
        if problems:
            self.job.say_error(" ".join(problems))
            return " ".join(problems)
        self.visible = False
        return ""


def _offer(left: list[SuddenEnd]) -> str:
    count = format_count(sum(len(one.files) for one in left), "layer", "layers")
    ended = datetime.fromtimestamp(left[-1].ended)
    return f"Results of a session that ended suddenly, not saved: {count}, {ended:%Y-%m-%d %H:%M}."


def _read(files: Sequence[Path]) -> Read:
    """Read the results of files."""
    results, problems = {}, []
    for file in files:
        try:
            results[file] = read_saved(file)
        except FocusStackError as problem:
            problems.append(str(problem))
    return results, problems
