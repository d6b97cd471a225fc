"""Output of `focusstack batch`: a live view on a terminal, lines elsewhere, JSON for programs."""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.wording import format_count, format_duration
from napari_focus_stack.batch.records import STILL_WRITTEN
from napari_focus_stack.batch.wording import stack_title, waiting
from napari_focus_stack.cli.terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_focus_stack.batch.plan import BatchPlan
    from napari_focus_stack.batch.progress import BatchProgress
    from napari_focus_stack.batch.records import BatchRecord
    from napari_focus_stack.batch.tasks import BatchOrder

MOST_WORKERS = 12
"""Workers that are shown on a terminal."""


class BatchOutput:
    """Lines about a batch, one a stack.

    Parameters
    ----------
    order : BatchOrder
        The batch.
    """

    def __init__(self, order: BatchOrder) -> None:
        self._root, self._out = order.root, order.out
        self._start = time.monotonic()
        self.done = self.failed = self.kept = self.left = self.waiting = self.noted = 0
        self._latest: BatchProgress | None = None

    def progress(self, progress: BatchProgress) -> None:
        """Show the progress; called by any thread."""
        self._latest = progress

    def dashboard(self, address: str) -> None:
        """Show the address of dask's dashboard."""
        print(f"Dashboard of the workers: {address}")

    def wait(self, plan: BatchPlan) -> None:
        """Print why nothing happens for some seconds."""
        self.line(waiting(plan))

    def record(self, record: BatchRecord) -> None:
        """Print what became of a stack."""
        self.noted += bool(record.notes)
        if record.kept:
            self.kept += 1
        elif record.state == "done":
            self.done += 1
            self.print_done(record)
        elif record.state == "failed":
            self.failed += 1
            self.line(f"Failed: {stack_title(record.name, self._root)}: {record.why}")
        else:
            self.left += 1
            self.waiting += record.why == STILL_WRITTEN
            self.line(f"Left out: {stack_title(record.name, self._root)}: {record.why}")

    def print_done(self, record: BatchRecord) -> None:
        """Print a stack that was fused."""
        latest = self._latest
        count = "" if latest is None else f"{latest.done + latest.failed} of {latest.total} "
        self.line(f"{count}{stack_title(record.name, self._root)} ({record.seconds:.1f} s)")

    def line(self, text: str) -> None:
        """Print one line."""
        print(one_line(text), flush=True)

    def end(self) -> None:
        """Print the totals, the time and where to look."""
        took = format_duration(time.monotonic() - self._start)
        noted = format_count(self.noted, "has notes", "have notes")
        notes = f" {noted} (see index.html)." if self.noted else ""
        self.line(f"{self.totals()}{notes} It took {took}.")
        self.line(f"Look at {_joined(self._out, 'index.html')}")

    def interrupted(self, redo: bool) -> None:
        """Print that the batch was interrupted, and how to go on."""
        again = "run it again without --redo" if redo else "run the same command again"
        self.line(f"Interrupted. {self.totals()} Nothing is half-written; {again} to go on.")

    def ended(self, why: str) -> None:
        """Print why the batch ended before its time."""
        print("focusstack:", one_line(why), file=sys.stderr)
        self.line(f"Ended early. {self.totals()} Nothing is half-written; run it again to go on.")

    def totals(self) -> str:
        """Return the numbers of stacks.

        Returns
        -------
        str
            One sentence.
        """
        parts = [f"{format_count(self.done, 'stack', 'stacks')} done"]
        parts += [f"{self.kept} done before"] if self.kept else []
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{self.left} left out"] if self.left else []
        return f"{', '.join(parts)}."


class JsonOutput(BatchOutput):
    """One JSON object a line: "progress", "record", "dashboard" and, last, "end"."""

    def progress(self, progress: BatchProgress) -> None:
        """Print the progress."""
        self._print(
            "progress",
            {
                "done": progress.done,
                "failed": progress.failed,
                "total": progress.total,
                "kept": progress.kept,
                "seconds_left": progress.seconds_left,
                "workers": dict(progress.workers),
            },
        )

    def dashboard(self, address: str) -> None:
        """Print the address of dask's dashboard."""
        self._print("dashboard", address)

    def record(self, record: BatchRecord) -> None:
        """Print a record."""
        super().record(record)
        self._print("record", record.as_dict())

    def line(self, text: str) -> None:
        """Print nothing: records say it."""

    def end(self) -> None:
        """Print the totals."""
        self._print("end", self.totals())

    def interrupted(self, redo: bool) -> None:
        """Print the totals."""
        self._print("end", f"Interrupted. {self.totals()}")

    def _print(self, key: str, value: Any) -> None:
        # in one piece: progress comes from another thread
        sys.stdout.write(json.dumps({key: value}, allow_nan=False) + "\n")
        sys.stdout.flush()


class LiveOutput(BatchOutput):
    """View on a terminal: failures as lines, below them the progress and each worker.

    Parameters
    ----------
    order : BatchOrder
        The batch.
    """

    def __init__(self, order: BatchOrder) -> None:
        from rich.console import Console
        from rich.live import Live

        super().__init__(order)
        self._lock = threading.Lock()
        self._live = Live(console=Console(stderr=True), refresh_per_second=4, transient=True)
        self._live.start()

    def progress(self, progress: BatchProgress) -> None:
        """Show the progress; called by any thread."""
        from rich.text import Text

        with self._lock:
            self._latest = progress
            workers = list(progress.workers.items())[:MOST_WORKERS]
            lines = [
                progress.summary,
                *(f"  {one_line(f'{name}: {step}')}" for name, step in workers),
            ]
            self._live.update(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"))

    def print_done(self, record: BatchRecord) -> None:
        """Print nothing: the view counts what is done."""

    def line(self, text: str) -> None:
        """Print one line above the view."""
        text = one_line(text)
        self._live.console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)

    def stop(self) -> None:
        """Remove the view."""
        self._live.stop()


@contextmanager
def batch_output(as_json: bool, order: BatchOrder) -> Iterator[BatchOutput]:
    """Return the output that fits: JSON if it is wanted, a view on a terminal, or else lines.

    Parameters
    ----------
    as_json : bool
        Whether other programs read it.
    order : BatchOrder
        The batch.

    Yields
    ------
    BatchOutput
        The output.
    """
    if as_json:
        yield JsonOutput(order)
    elif sys.stderr.isatty():
        live = LiveOutput(order)
        try:
            yield live
        finally:
            live.stop()
    else:
        yield BatchOutput(order)


def _joined(out: str, name: str) -> str:
    return f"{out.rstrip('/')}/{name}"
