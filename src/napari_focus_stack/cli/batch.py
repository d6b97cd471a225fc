"""`focusstack batch`: its options, its output and its exit codes."""

from __future__ import annotations

import dataclasses
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from napari_focus_stack.cli.exit_codes import DONE, FAILED_IN_PART, INTERRUPTED
from napari_focus_stack.cli.interrupts import PATIENCE, received_by
from napari_focus_stack.cli.series import add_opening, add_series_settings, series_settings
from napari_focus_stack.cli.shared_options import Parser, add_settings, as_path, options_named
from napari_focus_stack.errors import Cancelled, FocusStackError, SettingsError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from napari_focus_stack.batch.call import BatchCall
    from napari_focus_stack.batch.plan import BatchPlan, Listed
    from napari_focus_stack.settings import Settings

WATCH = 30.0
"""Minutes without a new stack after which watching ends, unless they are given."""


def batch_command(argv: list[str]) -> int:
    """Run `focusstack batch`.

    Parameters
    ----------
    argv : list of str
        Arguments after "batch".

    Returns
    -------
    int
        0 all is done, 3 some or all stacks failed or are still being written, 130 interrupted.

    Raises
    ------
    InputError
        There is no stack below the root.
    SettingsError
        The call is wrong, or OUT holds results of other settings.
    OutputError
        A result cannot be written.
    """
    call = batch_parser().parse_args(argv)
    from napari_focus_stack._utils.memory import share_malloc_arena

    share_malloc_arena()
    with options_named():
        batch = _batch_call(call)
    if call.job_script is not None:
        return _write_job_script(call, batch, argv)
    if call.dry_run:
        return _list(batch, call.redo)
    return _run(batch, call)


def batch_parser() -> argparse.ArgumentParser:
    """Create the parser of `focusstack batch`.

    Returns
    -------
    argparse.ArgumentParser
        Its parser.
    """
    parser = Parser(
        prog="focusstack batch",
        description="Stack every stack below a folder, on this machine or a cluster. Results lie "
        "in OUT in the same tree, with index.html and summary.csv. Run again, it does only what "
        "is missing, changed or failed.",
        allow_abbrev=False,
    )
    parser.add_argument("root", metavar="ROOT", help="Folder of the stacks, or its URL.")
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="Folder of the results, or its URL."
    )
    parser.add_argument(
        "--format",
        choices=("tif", "zarr"),
        default="tif",
        help="OME-TIFF, or OME-Zarr: a plate where wells are known [tif].",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="List what would be done, and do nothing."
    )
    parser.add_argument(
        "--redo",
        action="store_true",
        help="Do all stacks again, also those that other settings made.",
    )
    parser.add_argument(
        "--recipe",
        type=as_path,
        metavar="FILE",
        help="Settings of a recipe, report or saved results; options of this call have priority.",
    )
    parser.add_argument(
        "--exclude",
        nargs="+",
        default=(),
        metavar="NAME",
        help="Files and folders to pass over, as in 'overview*' or 'old/*'.",
    )
    _add_work(parser.add_argument_group("where the work is done"))
    _add_new_stacks(parser.add_argument_group("stacks that are still being recorded"))
    opening = parser.add_argument_group("series of channels, time points and positions")
    add_opening(opening)
    add_series_settings(opening)
    add_settings(parser.add_argument_group("parameters of every stack"))
    return parser


def _add_work(group: argparse._ArgumentGroup) -> None:
    """Add the options on workers."""
    group.add_argument(
        "--scheduler",
        default="local",
        metavar="local|ADDRESS|FILE",
        help="'local' (processes of this machine), the address of a running dask scheduler "
        "(tcp://node1:8786), or its scheduler file [local].",
    )
    group.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="Worker processes of this machine [as its processors and memory allow].",
    )
    group.add_argument(
        "--job-script",
        type=as_path,
        metavar="FILE",
        help="Write a SLURM script that does this batch on a cluster with --workers workers, "
        "and do nothing else.",
    )
    group.add_argument(
        "--records",
        action="store_true",
        help="Print progress and records as JSON, one a line, for other programs.",
    )


def _add_new_stacks(group: argparse._ArgumentGroup) -> None:
    """Add the options on files that are being written."""
    group.add_argument(
        "--quiet-time",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="Stacks whose files changed within so many seconds are still being written: they are "
        "waited for once, and then left [10].",
    )
    group.add_argument(
        "--watch",
        type=float,
        nargs="?",
        const=WATCH,
        metavar="MINUTES",
        help=f"Keep looking for new stacks; end after so many minutes without one [{WATCH:.0f}].",
    )


def _batch_call(call: argparse.Namespace) -> BatchCall:
    """Return the batch of a call."""
    from napari_focus_stack.batch.call import BatchCall, check_waits
    from napari_focus_stack.batch.tasks import BatchOrder, Selection
    from napari_focus_stack.io.places import absolute, as_place

    if call.workers is not None and call.workers < 1:
        raise SettingsError(f"--workers {call.workers} must be 1 or more.")
    check_waits(call.quiet_time, call.watch, ("--quiet-time", "--watch"))
    return BatchCall(
        order=BatchOrder(
            root=str(absolute(as_place(call.root))),
            out=str(absolute(as_place(call.output))),
            settings=_settings(call),
            series_settings=series_settings(call),
            pattern=call.pattern,
            selection=Selection(
                positions=call.position,
                time=call.time,
                channels=call.channel,
                exclude=tuple(call.exclude),
            ),
            axes=call.axes,
            format=call.format,
        ),
        scheduler=call.scheduler,
        workers=call.workers,
        redo=call.redo,
        quiet=call.quiet_time,
        watch=call.watch,
    )


def _settings(call: argparse.Namespace) -> Settings:
    """Return the settings of a call, on those of the recipe that it names."""
    from napari_focus_stack.settings import Settings

    own = {field.name: getattr(call, field.name) for field in dataclasses.fields(Settings)}
    if call.recipe is None:
        return Settings().updated(**own)
    from napari_focus_stack.io.recipe import Recipe

    recipe = Recipe.read(call.recipe)
    if recipe.correction is not None or recipe.transforms is not None:
        raise SettingsError(
            f"'{call.recipe}' is of one stack, with a correction or transforms of its own; give "
            "its settings as options, or a recipe without them."
        )
    if recipe.not_repeated:
        raise SettingsError(
            f"'{call.recipe}' is of a stack in a series, with settings beyond a recipe's "
            f"({' '.join(recipe.not_repeated)}); give all settings as options."
        )
    # those of a recipe are of one stack, not of all processes
    settings = dataclasses.replace(recipe.settings, memory=None, threads=None)
    return settings.updated(**own)


def _list(batch: BatchCall, redo: bool) -> int:
    """Print what a batch would do."""
    from napari_focus_stack.batch.choice import local_workers
    from napari_focus_stack.batch.wording import own_source, plan_totals

    plan = _plan(batch, redo, batch.quiet)
    root = batch.order.root
    for entry in plan.listed:
        waits = "; its files are still being written" if entry.waiting else ""
        print(f"{_described(entry, batch)}{waits}")
    for entry in {entry.source: entry for entry in plan.listed if entry.notes}.values():
        for note in entry.notes:
            print(f"Note on {own_source(entry.source, root)}: {note}")
    for record in plan.left:
        what = "cannot be stacked" if record.state == "failed" else "left out"
        print(f"{own_source(record.name.source, root)}: {what}. {record.why}")
    print(plan_totals(plan, local_workers(plan, batch.workers)), "Nothing was written.")
    return DONE


def _plan(batch: BatchCall, redo: bool, quiet: float) -> BatchPlan:
    """Return what a batch has to do, if anything is found."""
    from napari_focus_stack.batch.planning import plan_batch
    from napari_focus_stack.batch.wording import nothing_found
    from napari_focus_stack.errors import InputError

    plan = plan_batch(batch.order, redo=redo, quiet=quiet)
    if not (plan.listed or plan.left or plan.young):
        raise InputError(nothing_found(batch.order))
    return plan


def _described(entry: Listed, batch: BatchCall) -> str:
    """Return one position of a dry run in one line."""
    from napari_focus_stack.batch.wording import listed_axes, listed_title

    done = f", {entry.done} of {entry.stacks} done already" if entry.done else ""
    axes = listed_axes(entry, batch.order.settings.z_step)
    return f"{listed_title(entry, batch.order.root)}: {axes}{done} -> {entry.results['image']}"


def _run(batch: BatchCall, call: argparse.Namespace) -> int:
    """Do a batch and print what becomes of it."""
    from napari_focus_stack.batch.focus import batch_steps
    from napari_focus_stack.cli.batch_output import batch_output

    cancel = threading.Event()
    with received_by(_ending(cancel)), batch_output(call.records, batch.order) as output:
        steps = batch_steps(batch, output.progress, cancel, output.dashboard, output.wait)
        try:
            with closing(steps):
                for record in steps:
                    output.record(record)
        except (KeyboardInterrupt, Cancelled):
            output.interrupted(batch.redo)
            return INTERRUPTED
        except FocusStackError as problem:
            if not output.done:
                raise
            output.ended(str(problem))
            return FAILED_IN_PART
        output.end()
        return FAILED_IN_PART if output.failed or output.waiting else DONE


def _ending(cancel: threading.Event) -> Callable[[int, Any], None]:
    """Return what ends a batch in order at a signal, and at once at one that comes much later."""
    since = 0.0

    def end(number: int, frame: Any) -> None:
        """Cancel the batch."""
        nonlocal since
        if not cancel.is_set():
            since = time.monotonic()
            cancel.set()
        elif time.monotonic() - since > PATIENCE:
            raise KeyboardInterrupt

    return end


def _write_job_script(call: argparse.Namespace, batch: BatchCall, argv: list[str]) -> int:
    """Write the script of a job for SLURM."""
    from napari_focus_stack.batch.slurm import check_job_folder, write_job_script

    if batch.workers is None:
        raise SettingsError("--job-script needs the number of workers; give --workers N.")
    check_job_folder(batch.order.out)
    plan = _plan(batch, batch.redo, 0.0)
    write_job_script(
        call.job_script, batch.order.out, plan.memory, plan.seconds, batch.workers, argv
    )
    print(f"Wrote {call.job_script}; look at its first lines, then: sbatch {call.job_script}")
    return DONE
