"""Keeping of results on disk while they are in the viewer, for the case that napari ends suddenly.

With some OpenGL drivers napari crashes after layers were deleted. What is unsaved then is offered
by the next session.
"""

from __future__ import annotations

import time
import weakref
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QMainWindow

from napari_focus_stack._napari.io.recovery import RecoveryFolder
from napari_focus_stack._napari.io.writers import results_saved
from napari_focus_stack._napari.layers.metadata import ALIGNED, METADATA_KEY, PREVIEW, role
from napari_focus_stack._napari.layers.notices import show_warning
from napari_focus_stack._napari.layers.saved_results import saving_of
from napari_focus_stack._napari.workers.job import Job, at_once
from napari_focus_stack.io.output_formats import SAVED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import napari
    from magicgui.widgets import Container

    from napari_focus_stack._napari.io.recovery import SuddenEnd
    from napari_focus_stack._napari.workers.job import Outcome

DELAY = 1.0
"""Seconds from a change to its writing; layers of one run come in less."""
RESTED = 10
"""Pause after writing, in durations of the writing: painting on large results changes them all the
time, and a tenth of the time at most goes into files."""


@dataclass(frozen=True)
class _Content:
    """Pixels of a layer, which painting changes in place, and the correction that notes it."""

    pixels: weakref.ref[Any]
    correction: Any

    @classmethod
    def of(cls, layer: Image) -> _Content:
        return cls(weakref.ref(layer.data), layer.metadata[METADATA_KEY].get("correction"))

    def is_that_of(self, layer: Image) -> bool:
        now = _Content.of(layer)
        return now.pixels() is self.pixels() and now.correction is self.correction


class ResultsKeeper:
    """Writer of a viewer's unsaved results; `keep_results` makes one for each viewer.

    Results that the user saves or removes are removed from the disk, and all of them when the
    window is closed. Pixels that lie in files (aligned planes, films) are left where they are.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer whose results are kept.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer
        self._folder = RecoveryFolder()
        self._kept: dict[str, tuple[int, _Content]] = {}
        self._saved: dict[str, _Content] = {}
        self._next, self._writing, self._warned = 0, False, False
        self._rested = 0.0
        self._jobs: list[weakref.ref[Any]] = []
        # owned by Qt: the garbage collection of a worker would stop the timers of the main thread
        self._timer = QTimer(QApplication.instance())
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._write)
        for layer in viewer.layers:
            self._follow(layer)
        viewer.layers.events.inserted.connect(self._inserted)
        viewer.layers.events.removed.connect(self._removed)
        results_saved.connect(self._note_saved)

    def keeps(self, viewer: napari.viewer.Viewer) -> bool:
        """Return whether results of a viewer are kept here.

        Parameters
        ----------
        viewer : napari.viewer.Viewer
            The viewer, or napari's proxy of it.

        Returns
        -------
        bool
            True for the same viewer.
        """
        return getattr(viewer, "__wrapped__", viewer) is getattr(
            self._viewer, "__wrapped__", self._viewer
        )

    def belong_to(self, dock: Container[Any], job: Any) -> None:
        """Write nothing while a dock's job runs, and end with the window around the dock.

        Parameters
        ----------
        dock : Container
            Dock that makes results.
        job : JobRow
            Its job, whose preview is no result.
        """
        self._jobs.append(weakref.ref(job))
        dock.native_parent_changed.connect(partial(_when_docked, weakref.ref(dock), self))

    def end_with(self, window: QMainWindow) -> None:
        """Remove the results from the disk when a window is closed.

        Parameters
        ----------
        window : QMainWindow
            The window.
        """
        window.destroyed.connect(self.close)

    def take_over(self, left: SuddenEnd) -> dict[int, Path]:
        """Move the results of a session that ended suddenly to those that are kept here.

        Parameters
        ----------
        left : SuddenEnd
            What it left.

        Returns
        -------
        dict of int to pathlib.Path
            Files by number; `add` takes their layers.

        Raises
        ------
        FocusStackError
            Another session took them over, or they cannot be moved.
        """
        moved = self._folder.take_over(left, self._next)
        self._next += len(moved)
        return moved

    def add(self, layer: Image, number: int) -> None:
        """Add a layer to the viewer whose results are kept already.

        Parameters
        ----------
        layer : napari.layers.Image
            The layer.
        number : int
            Its number, from `take_over`.
        """
        self._kept[layer.unique_id] = number, _Content.of(layer)
        self._viewer.add_layer(layer)

    def close(self, *_: Any) -> None:
        """Remove the results from the disk, and follow the viewer no longer."""
        if self not in _keepers:
            return
        _keepers.remove(self)
        self._timer.stop()
        self._timer.deleteLater()
        for layer in self._viewer.layers:
            self._leave(layer)
        self._viewer.layers.events.inserted.disconnect(self._inserted)
        self._viewer.layers.events.removed.disconnect(self._removed)
        results_saved.disconnect(self._note_saved)
        self._folder.close()

    def _inserted(self, event: Any) -> None:
        self._follow(event.value)
        self._write_in(DELAY)  # a run is rarer than strokes, and longer

    def _follow(self, layer: Layer) -> None:
        """Write a result, now and when it has changed; one that was opened from a file is there."""
        if not isinstance(layer, Image):
            return
        layer.events.set_data.connect(self._soon)
        opened = str(layer.source.path or "").lower()
        if opened.endswith(SAVED) and _is_result(layer):
            self._saved[layer.unique_id] = _Content.of(layer)
        self._soon()

    def _removed(self, event: Any) -> None:
        self._leave(event.value)
        self._saved.pop(event.value.unique_id, None)
        self._soon()

    def _leave(self, layer: Layer) -> None:
        if isinstance(layer, Image):
            layer.events.set_data.disconnect(self._soon)

    def _note_saved(self, arrays: Sequence[Any]) -> None:
        """Note the layers whose pixels were written to a file of the user."""
        for layer in self._results():
            if any(layer.data is array for array in arrays):
                self._saved[layer.unique_id] = _Content.of(layer)
        self._soon()

    def _soon(self, *_: Any) -> None:
        """Write changes after a while."""
        self._write_in(max(DELAY, self._rested - time.monotonic()))

    def _write_in(self, seconds: float) -> None:
        milliseconds = round(1000 * seconds)
        if not self._timer.isActive() or self._timer.remainingTime() > milliseconds:
            self._timer.start(milliseconds)

    def _results(self) -> list[Image]:
        return [layer for layer in self._viewer.layers if _is_result(layer)]

    def _write(self) -> None:
        """Write what has changed in a worker, and remove what is saved or gone."""
        jobs = [job() for job in self._jobs]
        if self._writing or any(job is not None and job.running for job in jobs):
            self._soon()
            return
        unsaved = [layer for layer in self._results() if not self._is_saved(layer)]
        changed = [layer for layer in unsaved if not self._is_kept(layer)]
        gone = self._kept.keys() - {layer.unique_id for layer in unsaved}
        numbers = [self._kept.pop(key)[0] for key in gone]
        results = {}
        for layer in changed:
            number = self._number(layer)
            self._kept[layer.unique_id] = number, _Content.of(layer)
            results[number] = saving_of(layer)
        if results or numbers:
            self._writing = True
            work = at_once(partial(self._folder.update, results, numbers))
            Job(work, _ignore, partial(self._written, time.monotonic())).start()

    def _is_saved(self, layer: Image) -> bool:
        saved = self._saved.get(layer.unique_id)
        return saved is not None and saved.is_that_of(layer)

    def _is_kept(self, layer: Image) -> bool:
        kept = self._kept.get(layer.unique_id)
        return kept is not None and kept[1].is_that_of(layer)

    def _number(self, layer: Image) -> int:
        """Return the number of a layer, or the next one."""
        if layer.unique_id in self._kept:
            return self._kept[layer.unique_id][0]
        self._next += 1
        return self._next - 1

    def _written(self, started: float, outcome: Outcome) -> None:
        now = time.monotonic()
        self._writing, self._rested = False, now + RESTED * (now - started)
        for problem in (*(outcome.result or ()), *filter(None, [outcome.error])):
            self._warn(problem)

    def _warn(self, problem: str) -> None:
        """Show a problem once in a session, since every run would have it again."""
        if not self._warned:
            self._warned = True
            show_warning(f"Results are not kept for the case that napari ends suddenly. {problem}")


_keepers: list[ResultsKeeper] = []


def keep_results(
    viewer: napari.viewer.Viewer, dock: Container[Any] | None = None, job: Any = None
) -> ResultsKeeper:
    """Keep the results of a viewer on disk from now on.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    dock : Container, optional
        Dock that makes results, with whose window the keeping ends.
    job : JobRow, optional
        Job of that dock, during which nothing is written.

    Returns
    -------
    ResultsKeeper
        The same one for the same viewer.
    """
    keeper = next((one for one in _keepers if one.keeps(viewer)), None)
    if keeper is None:
        keeper = ResultsKeeper(viewer)
        _keepers.append(keeper)
    if dock is not None:
        keeper.belong_to(dock, job)
    return keeper


def _when_docked(dock: weakref.ref[Any], keeper: ResultsKeeper, parent: object) -> None:
    docked = dock()
    if parent is None or docked is None:
        return
    timer = QTimer(docked.native)  # the parent stands in no window yet, and may never do
    timer.setSingleShot(True)
    timer.timeout.connect(partial(_end_with_window_of, dock, keeper))
    timer.start(0)


def _end_with_window_of(dock: weakref.ref[Any], keeper: ResultsKeeper) -> None:
    docked = dock()
    window = None if docked is None else docked.native.window()
    if isinstance(window, QMainWindow):
        keeper.end_with(window)


def _is_result(layer: Layer) -> bool:
    """Return whether a layer is a result whose pixels lie in memory."""
    if not isinstance(layer, Image) or role(layer) in (None, ALIGNED, PREVIEW):
        return False
    return isinstance(layer.data, np.ndarray)


def _ignore(_: Any) -> None:
    """Take no notice of progress, of which there is none."""
