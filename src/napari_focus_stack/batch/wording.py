"""Stacks of a batch and what is to do, in words: the same in the command and in napari."""

from __future__ import annotations

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


def stack_title(name: StackName) -> str:
    """Return the name of a stack in one line.

    Parameters
    ----------
    name : StackName
        Place of the stack.

    Returns
    -------
    str
        Source, and what else names it: "A/film.tif, B02, time 3, channel DAPI".
    """
    words = [name.source, name.position_name]
    words += [f"time {name.time}"] if name.time else []
    channel = name.channel_name or name.channel
    words += [f"channel {channel}"] if channel else []
    return ", ".join(filter(None, words))


def listed_title(entry: Listed) -> str:
    """Return the name of a position in the list of a dry run.

    Parameters
    ----------
    entry : Listed
        The position.

    Returns
    -------
    str
        Source, and the name of the position if it has one.
    """
    return ", ".join(filter(None, [entry.source, entry.position.name]))


def listed_axes(entry: Listed) -> str:
    """Return the axes of a position in the list of a dry run.

    Parameters
    ----------
    entry : Listed
        The position.

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
    step = position.spacing.z
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
        Stacks to do, done and left out; disk and time.
    """
    disk = sum(entry.disk for entry in plan.listed)
    spent = format_duration(plan.seconds / workers)
    return (
        f"{format_count(plan.stacks, 'stack', 'stacks')} to do, {len(plan.kept)} done already, "
        f"{len(plan.left)} left out; results take about {format_bytes(disk)}, and the work about "
        f"{spent} with {format_count(workers, 'worker', 'workers')} of this machine."
    )
