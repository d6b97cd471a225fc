"""How a run ends: done, cancelled, refused, broken; and that nothing of it stays behind."""

import gc
import logging
import threading
import time
import weakref

import numpy as np
import pytest
from napari.qt.threading import GeneratorWorker

from napari_focus_stack._napari.workers import job as job_module
from napari_focus_stack._napari.workers.job import Job, Outcome
from napari_focus_stack.errors import Cancelled, InputError
from napari_focus_stack.result import Progress


class Run:
    """Steps that end as told, and a record of what came back."""

    def __init__(self, end):
        self.end = end
        self.cleaned_up = False
        self.progress, self.outcomes, self.threads = [], [], []
        self.looks = threading.Event()

    def job(self, planes=None):
        def steps(cancel):
            return self.steps(cancel, planes)

        return Job(steps, self.note_progress, self.note_outcome)

    def steps(self, cancel, planes):
        try:
            yield Progress("fuse", 0, 2, 0, 2)
            self.looks.set()
            if self.end in ("wait", "last step"):
                deadline = time.monotonic() + 10
                while not cancel.is_set() and time.monotonic() < deadline:
                    time.sleep(0.002)
            if self.end == "wait":
                raise Cancelled
            if isinstance(self.end, tuple):
                kind, message = self.end
                raise kind(message)
            return self.end, planes
        finally:
            self.cleaned_up = True

    def note_progress(self, progress):
        self.progress.append(progress)
        self.threads.append(threading.current_thread())

    def note_outcome(self, outcome):
        self.outcomes.append(outcome)
        self.threads.append(threading.current_thread())


def finish(qtbot, run, job):
    job.start()
    qtbot.waitUntil(lambda: bool(run.outcomes), timeout=5000)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("done", None),
        ((InputError, "'cells' is odd."), Outcome(error="'cells' is odd.")),
        (
            (MemoryError, ""),
            Outcome(
                error="There is not enough memory for this; close other programs, or set the "
                "memory of a run to less (Preferences > Focus Stack, from napari 0.9 on)."
            ),
        ),
        (
            (RuntimeError, "a bug\nin two lines"),
            Outcome(
                error="Focus Stack failed inside: RuntimeError: a bug "
                "(the details are in the terminal)."
            ),
        ),
    ],
)
def test_outcomes(qtbot, caplog, end, expected):
    run = Run(end)
    planes = np.zeros(3)
    kept = weakref.ref(planes)
    job = run.job(planes)
    del planes
    with caplog.at_level(logging.ERROR):
        finish(qtbot, run, job)
    [outcome] = run.outcomes
    if expected is None:
        assert outcome.result[0] == "done"
    else:
        assert outcome == expected
    assert run.progress == [Progress("fuse", 0, 2, 0, 2)]
    assert run.cleaned_up
    assert set(run.threads) == {threading.main_thread()}
    assert ("a bug" in caplog.text) is (end[0] is RuntimeError)
    # log records hold tracebacks, which hold the planes
    for record in caplog.get_records("call"):
        record.exc_info = None
    run.outcomes.clear()
    outcome = None
    qtbot.waitUntil(lambda: gc.collect() is not None and kept() is None, timeout=2000)


def test_cancel_ends_the_run_at_once(qtbot):
    run = Run("wait")
    job = run.job()
    job.start()
    qtbot.waitUntil(run.looks.is_set, timeout=5000)
    job.cancel()
    qtbot.waitUntil(lambda: bool(run.outcomes), timeout=5000)
    assert run.outcomes == [Outcome(cancelled=True)]
    assert run.cleaned_up


def test_a_cancel_after_the_last_step_counts(qtbot):
    run = Run("last step")  # the engine looks no more, and returns its result
    job = run.job()
    job.start()
    qtbot.waitUntil(run.looks.is_set, timeout=5000)
    job.cancel()
    qtbot.waitUntil(lambda: bool(run.outcomes), timeout=5000)
    assert run.outcomes == [Outcome(cancelled=True)]


def test_a_worker_that_napari_quits_counts_as_cancelled(qtbot):
    run = Run("wait")
    job = run.job()
    worker = job.start()
    qtbot.waitUntil(run.looks.is_set, timeout=5000)
    worker.quit()
    qtbot.waitUntil(lambda: bool(run.outcomes), timeout=5000)
    assert run.outcomes == [Outcome(cancelled=True)]
    assert run.cleaned_up


def test_an_abandoned_job_ends_and_calls_nobody(qtbot):
    run = Run("wait")
    job = run.job()
    worker = job.start()
    qtbot.waitUntil(run.looks.is_set, timeout=5000)
    seen = len(run.progress)
    with qtbot.waitSignal(worker.finished, timeout=5000):
        job.abandon()
    qtbot.wait(20)
    assert run.cleaned_up
    assert run.outcomes == []
    assert len(run.progress) == seen


def test_a_worker_is_deleted_in_the_main_thread(qtbot, monkeypatch):
    """Its signals are an object of the main thread, which Qt may be delivering to."""

    class Lasting(GeneratorWorker):
        def run(self):
            super().run()
            time.sleep(0.05)  # its thread holds it still, while the main one hears that it is over

    monkeypatch.setattr(job_module, "GeneratorWorker", Lasting)
    threads, run = [], Run("result")
    worker = run.job().start()
    weakref.finalize(worker.signals, lambda: threads.append(threading.current_thread()))
    del worker
    qtbot.waitUntil(lambda: bool(threads), timeout=5000)
    assert threads == [threading.main_thread()]
