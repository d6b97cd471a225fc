"""Course of a batch: tasks to an engine, films around them, and the summary of it all."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from napari_focus_stack.batch.contact_sheet import write_contact_sheet
from napari_focus_stack.batch.films import finish_film, prepare_film
from napari_focus_stack.batch.folder import claim
from napari_focus_stack.batch.markers import remove_marker
from napari_focus_stack.batch.progress import BatchProgress
from napari_focus_stack.batch.summary import write_summary
from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.placed_plate import create_plate
from napari_focus_stack.io.places import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from napari_focus_stack.batch.engine import Engine, TaskDone, WorkerStep
    from napari_focus_stack.batch.plan import BatchPlan, FilmPlan
    from napari_focus_stack.batch.records import BatchRecord
    from napari_focus_stack.batch.tasks import BatchOrder, StackTask

OFTEN = 60.0
"""Seconds between two summaries of a batch that is running."""


class BatchRun:
    """One round over what is to do.

    Parameters
    ----------
    plan : BatchPlan
        What is to do.
    progress : callable
        Called with a `BatchProgress` at every step.
    tried : dict of str to str, optional
        Fingerprint by marker of stacks that have failed, to which those of this run are added.
    """

    def __init__(
        self,
        plan: BatchPlan,
        progress: Callable[[BatchProgress], object],
        tried: dict[str, str] | None = None,
    ) -> None:
        self._order, self._plan, self._report = plan.order, plan, progress
        self._tried = {} if tried is None else tried
        failed = {record.name.source for record in plan.left if record.state == "failed"}
        self._records = {
            name: marker.record
            for name, marker in plan.markers.items()
            if marker.record.name.source not in failed
        } | {record.report: record for record in plan.kept}
        self._progress, self._lock = BatchProgress.beginning(plan), threading.Lock()
        self._left = Counter({name: film.tasks for name, film in plan.films.items()})
        self._summed = time.monotonic()

    def steps(self, engine: Engine, cancel: threading.Event) -> Generator[BatchRecord, None, None]:
        """Do the work.

        Parameters
        ----------
        engine : Engine
            Where it is done.
        cancel : threading.Event
            Once set, `Cancelled` is raised.

        Yields
        ------
        BatchRecord
            One for each stack that is through.

        Raises
        ------
        OutputError
            A result cannot be written.
        Cancelled
            `cancel` was set.
        """
        claim(self._order)  # if that fails, nothing of an earlier run was touched
        with self._summed_up():
            self._remove_outdated()
            self._finish_films_without_tasks()
            self._create_plates()
            if self._plan.tasks:
                for done in engine.run(
                    self._order, self._prepared(), self._plan.leads, self._step, cancel
                ):
                    yield from self._taken(done)

    @contextlib.contextmanager
    def _summed_up(self) -> Iterator[None]:
        """Write the summary after a block; if that failed, its own error is what counts."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(OutputError):
                self.sum_up()
            raise
        self.sum_up()

    def _remove_outdated(self) -> None:
        """Remove markers that no longer hold."""
        for name in self._plan.outdated:
            remove_marker(self._order.result(name))
            self._records.pop(name, None)

    def _create_plates(self) -> None:
        """Create the groups of plates, whose images their tasks create."""
        for name, wells in self._plan.plates.items():
            place = self._order.result(name)
            make_folder(place.parent)
            create_plate(place, wells)

    def _prepared(self) -> Iterator[StackTask]:
        """Yield the tasks; a film's files are created before the first of its tasks."""
        created: set[str] = set()
        for task in self._plan.tasks:
            film = self._plan.films.get(task.results["image"])
            if film is not None and task.results["image"] not in created:
                created.add(task.results["image"])
                prepare_film(self._order, task, film.film, film.done)
            yield task

    def _taken(self, done: TaskDone) -> Iterator[BatchRecord]:
        """Take note of a task that has ended; a film's files get their names after its last."""
        for record in done.records:
            self._records[record.report] = record
            if record.state == "failed":
                self._tried[record.report] = done.task.fingerprints[record.name.time]
        name = done.task.results["image"]
        if name in self._left:
            self._left[name] -= 1
            if self._left[name] == 0 and self._plan.films[name].complete:
                self._finish(self._plan.films[name])
        self._advance(lambda progress: progress.after(done))
        if time.monotonic() - self._summed > OFTEN:
            self.sum_up()
        yield from done.records

    def _finish_films_without_tasks(self) -> None:
        """Give films their names which an earlier run had all but finished."""
        for film in self._plan.films.values():
            if film.tasks == 0:
                self._finish(film)

    def _finish(self, film: FilmPlan) -> None:
        blank = [
            place
            for place, marker in film.markers.items()
            if marker not in self._records or self._records[marker].state != "done"
        ]
        finish_film(self._order, film.first, film.film, blank)

    def _step(self, step: WorkerStep) -> None:
        """Show what a worker does."""
        self._advance(lambda progress: progress.working(step))

    def _advance(self, change: Callable[[BatchProgress], BatchProgress]) -> None:
        """Change the progress and show it; steps come from another thread than ends of tasks."""
        with self._lock:
            self._progress = change(self._progress)
            self._report(self._progress)

    def sum_up(self) -> tuple[Path, Path]:
        """Write the summary and the contact sheet of all that is done.

        Returns
        -------
        tuple of pathlib.Path
            Both files.
        """
        self._summed = time.monotonic()
        return write_overview(self._order, [*self._records.values(), *self._plan.left])


def write_overview(order: BatchOrder, records: list[BatchRecord]) -> tuple[Path, Path]:
    """Write the summary and the contact sheet of a batch.

    Parameters
    ----------
    order : BatchOrder
        The batch.
    records : list of BatchRecord
        Every stack.

    Returns
    -------
    tuple of pathlib.Path
        `summary.csv` and `index.html`.
    """
    out = order.result("")
    title = order.source(".").name or order.root
    return write_summary(out, records), write_contact_sheet(out, records, title, root=order.root)
