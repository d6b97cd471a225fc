"""Stacks of a batch and what is to do, in words: the same in the command and in napari."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from napari_focus_stack._utils.wording import (
    format_bytes,
    format_count,
    format_duration,
    format_unit,
)

if TYPE_CHECKING:
    from napari_focus_stack.batch.plan import BatchPlan, Listed
    from napari_focus_stack.batch.records import StackName
    from napari_focus_stack.batch.tasks import BatchOrder


def own_source(source: str, root: str) -> str:
    """Return the name of a source; that of the root where it is the root itself.

    Parameters
    ----------
    source : str
        File or folder, relative to the root.
    root : str, optional
        Absolute path or URL of the root.

    Returns
    -------
    str
        Such as "A/leaf.tif".
    """
    return PurePath(root).name or root if source == "." else source


def stack_title(name: StackName, root: str = ".", *, times: int = 1, channels: int = 1) -> str:
    """Return the name of a stack in one line.

    Parameters
    ----------
    name : StackName
        Place of the stack.
    root : str, optional
        Absolute path or URL of the root.
    times, channels : int
        Time points and channels of its series, as far as they are known: the first of several is
        named as the others are.

    Returns
    -------
    str
        Source, and what else names it: "A/film.tif, B02, time 3, channel DAPI".
    """
    words = [own_source(name.source, root), name.position_name]
    words += [f"time {name.time}"] if name.time or times > 1 else []
    shown = name.channel_name or name.channel or channels > 1
    words += [f"channel {name.channel_name or name.channel}"] if shown else []
    return ", ".join(filter(None, words))


def listed_title(entry: Listed, root: str = ".") -> str:
    """Return the name of a position in the list of a dry run.

    Parameters
    ----------
    entry : Listed
        The position.
    root : str, optional
        Absolute path or URL of the root.

    Returns
    -------
    str
        Source, and the name of the position if it has one.
    """
    return ", ".join(filter(None, [own_source(entry.source, root), entry.position.name]))


def listed_axes(entry: Listed, z_step: float | None = None) -> str:
    """Return the axes of a position in the list of a dry run.

    Parameters
    ----------
    entry : Listed
        The position.
    z_step : float, optional
        Distance of planes in the settings, instead of that in the file.

    Returns
    -------
    str
        As in "2 channels, 20 planes of 512 x 512 uint16, z step 0.5 µm".
    """
    position = entry.position
    axes = {
        "time point": position.times,
        "channel": len(position.channels),
        "plane": position.planes,
    }
    counts = [format_count(n, one, f"{one}s") for one, n in axes.items() if n > 1]
    y, x = position.plane_shape[:2]
    step = position.spacing.z if z_step is None else z_step
    known = f"{step:g} {format_unit(position.spacing.unit)}".strip() if step else "unknown"
    return f"{', '.join(counts)} of {x} x {y} {position.dtype.name}, z step {known}"


def plan_totals(plan: BatchPlan, workers: int) -> str:
    """Return what a plan comes to in one sentence.

    Parameters
    ----------
    plan : BatchPlan
        What is to do.
    workers : int
        Worker processes of this machine.

    Returns
    -------
    str
        Stacks to do, those that wait, done, failed and left out; disk and time.
    """
    disk = sum(entry.disk for entry in plan.listed)
    takes = f"; results take about {format_bytes(disk)}{_work(plan, workers)}" if disk else ""
    done, failed = len(plan.kept), sum(record.state == "failed" for record in plan.left)
    counts = {"done before": done, "failed": failed, "left out": len(plan.left) - failed}
    parts = [_to_do(plan), *(f"{count} {what}" for what, count in counts.items() if count)]
    return f"{', '.join(parts)}{takes}."


def _to_do(plan: BatchPlan) -> str:
    """Return the number of stacks to do, and of those of them that wait."""
    young = len(plan.young)
    count = format_count(plan.stacks + young, "stack", "stacks")
    if not young:
        return f"{count} to do"
    return f"{count} to do, of which {format_count(young, 'waits', 'wait')} {_for_quiet(plan)}"


def waiting(plan: BatchPlan) -> str:
    """Return why a batch pauses.

    Parameters
    ----------
    plan : BatchPlan
        What is to do, with stacks whose files are still being written.

    Returns
    -------
    str
        One sentence.
    """
    return f"{format_count(len(plan.young), 'stack waits', 'stacks wait')} {_for_quiet(plan)}."


def _for_quiet(plan: BatchPlan) -> str:
    """Return what stacks wait for that are still being written."""
    return f"for {plan.quiet:g} s until nothing is written to the files"


def _work(plan: BatchPlan, workers: int) -> str:
    """Return how long the work takes; nothing where workers are counted once files are quiet."""
    if not plan.tasks:
        return ""
    spent = format_duration(plan.seconds / workers)
    bears = format_count(workers, "worker", "workers")
    return f", and the work about {spent} with {bears} of this machine"


def nothing_found(order: BatchOrder) -> str:
    """Return the sentence of a root without a stack.

    Parameters
    ----------
    order : BatchOrder
        The batch.

    Returns
    -------
    str
        What is wrong, and what to do.
    """
    return (
        f"There is no stack below '{order.root}' (results of earlier runs do not count); check the "
        "path, or name its files (--pattern)."
    )
