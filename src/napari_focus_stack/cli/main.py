"""The `focusstack` command: entry point, subcommands and exit codes.

Modules that are not needed to parse a call are imported when they are used, so that the help
appears without delay.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from napari_focus_stack.cli.exit_codes import DONE, INTERNAL_ERROR, WRONG_CALL
from napari_focus_stack.cli.interrupts import interrupted
from napari_focus_stack.cli.stack import stack_command, stack_parser
from napari_focus_stack.cli.subcommands import bench_command, demo_command
from napari_focus_stack.cli.terminal import PrintableOutput, one_line
from napari_focus_stack.errors import (
    LESS_MEMORY,
    FocusStackError,
    NoImagesError,
    SettingsError,
    in_words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


TRACEBACK = "FOCUSSTACK_TRACEBACK"
"""Environment variable that makes internal errors print a traceback."""
_BLAS_THREADS = "OPENBLAS_NUM_THREADS"
"""Environment variable that OpenBLAS reads as NumPy loads it. Threads of its own wait for work in a
loop: 0.06 s of processor time a run, for matrices that are too small to share."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the name of the program; those of the process by default.

    Returns
    -------
    int
        0 done, 2 the input or the call is wrong, or a file, the disk or the memory failed, 3 some
        stacks of a series failed, 1 an internal error, 130 interrupted.
    """
    if argv is None:  # this process is the program
        os.environ.setdefault(_BLAS_THREADS, "1")
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:  # closed by the program that started this one
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the end
            setattr(sys, stream, nowhere)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may be any bytes
    output = PrintableOutput(sys.stdout)
    try:
        try:
            with contextlib.redirect_stdout(cast("TextIO", output)):
                code = _exit_code(list(sys.argv[1:] if argv is None else argv))
        except SystemExit:  # argparse has printed its help
            if _is_printed(output):
                raise
            return WRONG_CALL
        return code if _is_printed(output) else WRONG_CALL
    except BrokenPipeError:
        # the reader of our output has closed it, as `head` does; all files are written by then
        _drop_output()
        return DONE


def _is_printed(output: PrintableOutput) -> bool:
    """Print what is left; return whether the output took all, or else say why not."""
    output.flush()
    if output.problem is None:
        return True
    _drop_output()
    why = output.problem.strerror or output.problem
    _say(f"what it prints cannot be written: {why}; send it to another place.")
    return False


def _drop_output() -> None:
    """Let nothing more be printed: Python would try it again as it ends, and fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _exit_code(argv: list[str]) -> int:
    """Run the command and turn errors into a message and an exit code."""
    try:
        return _dispatch(argv)
    except BrokenPipeError:
        raise
    except NoImagesError as nothing_to_do:
        print(f"{nothing_to_do} Nothing written.")
        return DONE
    except FocusStackError as wrong:
        _say(_with_option(wrong))
        return WRONG_CALL
    except KeyboardInterrupt:
        return interrupted()
    except Exception as problem:
        if os.environ.get(TRACEBACK):
            raise
        of_system = in_words(problem)
        if of_system is not None:
            _say(_with_option(of_system))
            return WRONG_CALL
        _say(f"internal error ({_describe(problem)}); set {TRACEBACK}=1 to see where.")
        return INTERNAL_ERROR


def _with_option(wrong: FocusStackError) -> str:
    """Return the message of an error, with options of the command instead of Python's."""
    from napari_focus_stack.io.plane_files import REMEDY

    remedies = {
        REMEDY: "remove or replace it, or pass --skip-unreadable",
        LESS_MEMORY: f"{LESS_MEMORY} (--memory)",
    }
    if wrong.remedy not in remedies:
        return str(wrong)
    return f"{wrong.message}; {remedies[wrong.remedy]}."


def _dispatch(argv: list[str]) -> int:
    """Run a subcommand, or stack."""
    command = _COMMANDS.get(argv[0]) if argv else None
    if command is not None:
        return command(argv[1:]) or DONE
    parser = stack_parser()
    if not argv:
        parser.print_help()
        return DONE
    if not argv[0].startswith("-"):
        raise SettingsError(
            f"'{argv[0]}' is not a command; give -i and -o, or one of: {', '.join(_COMMANDS)}."
        )
    return stack_command(parser.parse_args(argv))


def _info(argv: list[str]) -> None:
    """Run `focusstack info`, whose module no other call needs."""
    from napari_focus_stack.cli.info import info_command

    info_command(argv)


def _batch(argv: list[str]) -> int:
    """Run `focusstack batch`, whose module no other call needs."""
    from napari_focus_stack.cli.batch import batch_command

    return batch_command(argv)


def _measure(argv: list[str]) -> None:
    """Run `focusstack measure`, whose module no other call needs."""
    from napari_focus_stack.cli.measure import measure_command

    measure_command(argv)


def _figure(argv: list[str]) -> None:
    """Run `focusstack figure`, whose module no other call needs."""
    from napari_focus_stack.cli.figure import figure_command

    figure_command(argv)


def _film(argv: list[str]) -> None:
    """Run `focusstack film`, whose module no other call needs."""
    from napari_focus_stack.cli.film import film_command

    film_command(argv)


def _say(sentence: str) -> None:
    """Print a message in one line on stderr."""
    with contextlib.suppress(OSError):  # nobody reads it, or the disk of a log is full
        print("focusstack:", one_line(sentence), file=sys.stderr)


def _describe(problem: Exception) -> str:
    """Return type and message of an exception."""
    text = str(problem)
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__


_COMMANDS: dict[str, Callable[[list[str]], int | None]] = {
    "info": _info,
    "batch": _batch,
    "measure": _measure,
    "figure": _figure,
    "film": _film,
    "demo": demo_command,
    "bench": bench_command,
}
