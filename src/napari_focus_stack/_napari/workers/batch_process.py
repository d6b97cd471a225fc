"""A batch in a process of its own: the command, followed by the lines that it prints.

napari stays quick however much is stacked, and a batch that runs out of memory does not take napari
with it.
"""

from __future__ import annotations

import atexit
import contextlib
import queue
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_focus_stack.batch.records import BatchRecord
from napari_focus_stack.errors import Cancelled, FocusStackError
from napari_focus_stack.io.json_documents import parse_json
from napari_focus_stack.io.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from napari_focus_stack.batch.call import BatchCall

GLANCE = 0.05
"""Seconds between two looks at Cancel."""
PACE = 0.2
"""Seconds between two lots of news: each has the window drawn anew, and lots that follow each other
at once keep it from anything else (2 s for 5,000 records)."""
MOST_LINES = 250
"""Lines of one lot."""
LONGEST_END = 20.0
"""Seconds in which a batch that was told to end may do so; it needs one or two."""
THROUGH = (0, 3)
"""Exit codes of a batch that came to its end: all is done, or some stacks failed."""


@dataclass(frozen=True)
class BatchState:
    """How far a batch is.

    Attributes
    ----------
    done, failed, total : int
        Stacks of this run that are through, those of them that failed, and all.
    seconds_left : float or None
        Seconds until the end; None before the first stack.
    workers : mapping of str to str
        What each worker does.
    """

    done: int
    failed: int
    total: int
    seconds_left: float | None
    workers: Mapping[str, str]

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> BatchState:
        """Return the state that the command has printed.

        Parameters
        ----------
        plain : mapping
            Its "progress".

        Returns
        -------
        BatchState
            The state.
        """
        return cls(
            done=plain["done"] + plain["failed"],
            failed=plain["failed"],
            total=plain["total"],
            seconds_left=plain["seconds_left"],
            workers=plain["workers"],
        )


def batch_process_steps(call: BatchCall, cancel: threading.Event) -> Generator[Any, None, str]:
    """Run a batch in a process of its own.

    Parameters
    ----------
    call : BatchCall
        The batch; all stacks, since its selection is not passed on.
    cancel : threading.Event
        Ends the process, which completes or removes what it writes.

    Yields
    ------
    BatchState or tuple of BatchRecord
        How far it is, and what became of stacks.

    Returns
    -------
    str
        Numbers of stacks, in one sentence.

    Raises
    ------
    FocusStackError
        The command refused the batch, or failed.
    Cancelled
        `cancel` was set.
    """
    with tempfile.TemporaryDirectory(prefix="focusstack-") as name:
        folder = Path(name)
        recipe = folder / "settings.json"
        Recipe(settings=call.order.settings).write(recipe)
        with _command(command_arguments(call, recipe), folder) as process:
            totals = yield from _followed(process, cancel)
        if cancel.is_set():
            raise Cancelled
        if process.returncode not in THROUGH:
            raise FocusStackError(_complaint(folder, process.returncode))
    return totals


def command_arguments(call: BatchCall, recipe: Path) -> list[str]:
    """Return the arguments of `focusstack` for a batch.

    Parameters
    ----------
    call : BatchCall
        The batch.
    recipe : pathlib.Path
        File with the settings of every stack.

    Returns
    -------
    list of str
        Arguments, beginning with "batch".
    """
    order = call.order
    values = {
        "output": order.out,
        "format": order.format,
        "recipe": recipe,
        "pattern": order.pattern,
        "axes": order.axes,
        # a recipe's are of one stack, and not taken from it
        "memory": order.settings.memory,
        "threads": order.settings.threads,
        "scheduler": call.scheduler,
        "workers": call.workers,
        "quiet_time": call.quiet,
        "watch": call.watch,
        "redo": call.redo or None,
        **order.series_settings.as_dict(),
    }
    given = [_argument(name, value) for name, value in values.items() if value is not None]
    return ["batch", "--records", *given, "--", order.root]


def _argument(name: str, value: object) -> str:
    """Return one option with its value."""
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{option}" if value else f"--no-{option}"
    return f"--{option}={value}"


@contextlib.contextmanager
def _command(arguments: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start the command, and see that it has ended whatever happens."""
    with _errors(folder).open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "napari_focus_stack", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    at_exit = partial(end, process)
    atexit.register(at_exit)  # napari may quit while it runs
    try:
        yield process
    finally:
        atexit.unregister(at_exit)
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process: in order if it does so soon, or else at once.

    Parameters
    ----------
    process : subprocess.Popen
        Any process; nothing happens if it has ended.
    """
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(LONGEST_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _followed(
    process: subprocess.Popen[bytes], cancel: threading.Event
) -> Generator[Any, None, str]:
    """Yield what a process prints until it ends; return its last words."""
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    told, totals = 0.0, ""
    while True:
        found = _next_lines(lines)
        news = [_parsed(line) for line in found if line is not None]
        records = tuple(BatchRecord.from_dict(one["record"]) for one in news if "record" in one)
        if records:
            yield records
        states = [one["progress"] for one in news if "progress" in one]
        if states:
            yield BatchState.from_dict(states[-1])
        totals = next((one["end"] for one in news if "end" in one), totals)
        if None in found:
            reader.join()
            process.wait()
            return totals
        if cancel.is_set() and not told:
            process.terminate()
            told = time.monotonic()
        if told and time.monotonic() - told > LONGEST_END:
            process.kill()


def _read(process: subprocess.Popen[bytes], lines: queue.SimpleQueue[bytes | None]) -> None:
    """Read the lines of a process; None stands for the end."""
    assert process.stdout is not None, "it is a pipe"
    with contextlib.suppress(ValueError):  # closed, because the process was ended
        for line in process.stdout:
            lines.put(line)
    lines.put(None)


def _next_lines(
    lines: queue.SimpleQueue[bytes | None],
) -> list[bytes | None]:
    """Return the lines of the next lot, which ends sooner if the process does."""
    found: list[bytes | None] = []
    until = time.monotonic() + PACE
    while time.monotonic() < until:
        if len(found) >= MOST_LINES:
            time.sleep(GLANCE)
            continue
        with contextlib.suppress(queue.Empty):
            found.append(lines.get(timeout=GLANCE))
            if found[-1] is None:
                break
    return found


def _parsed(line: bytes) -> dict[str, Any]:
    """Return what a line holds; nothing for one that a library has printed."""
    with contextlib.suppress(ValueError):
        found = parse_json(line)
        return found if isinstance(found, dict) else {}
    return {}


def _errors(folder: Path) -> Path:
    """Return the file of what the command complains about."""
    return folder / "errors.txt"


def _complaint(folder: Path, code: int) -> str:
    """Return why the command failed, in one sentence."""
    prefix = "focusstack: "
    said = _errors(folder).read_text(encoding="utf-8", errors="replace").splitlines()
    ours = [line.removeprefix(prefix) for line in said if line.startswith(prefix)]
    if ours:
        return ours[-1]
    last = said[-1] if said else "it said nothing"
    return (
        f"The batch ended suddenly with code {code} ({last}); what is done is kept. Press 'Run' "
        "to go on; if it ends again, take fewer workers, which need less memory."
    )
