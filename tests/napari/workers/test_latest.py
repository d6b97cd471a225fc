"""Short tasks in the background."""

import threading
import time
import weakref

from napari_focus_stack._napari.workers.latest import LatestOnlyWorker


def test_one_that_is_let_go_while_its_task_runs_ends_in_the_main_thread(qtbot):
    """Else widgets that it holds would be deleted in its own, while Qt delivers to them."""
    ended = []
    begun = threading.Event()

    def task():
        begun.set()
        time.sleep(0.02)

    worker = LatestOnlyWorker(lambda outcome: None, "short", "A short task")
    weakref.finalize(worker, lambda: ended.append(threading.current_thread()))
    worker.take(task)
    assert begun.wait(5)
    worker.stop()
    del worker
    time.sleep(0.1)  # the main thread delivers nothing until the task is over
    qtbot.waitUntil(lambda: bool(ended))
    assert ended == [threading.main_thread()]
