"""Choice of the engine of a batch, and of its number of workers.

It follows from what a stack needs and from what the machine has, never from what is free at the
moment or from who else is running.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack._utils.wording import format_bytes
from napari_focus_stack.batch.engine import CallingProcess
from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_focus_stack.batch.engine import Engine
    from napari_focus_stack.batch.plan import BatchPlan

LOCAL = "local"
MOST_FOR_ONE = 4 * 10**9
"""Bytes for one stack at most, unless memory is given; larger ones are fused in tiles."""
MOST_OF_IT = 0.8
"""Share of the machine's memory that a batch uses, unless memory is given."""
OWN = 250 * 10**6
"""Bytes of the process that gives out the work, with the scheduler in it."""
SLACK = 150 * 10**6
"""Bytes above the need of a stack at which a worker is ended: its heap keeps some that are free."""
WORTH_WORKERS = 20.0
"""Processor seconds of work from which workers pay: each takes some two seconds to start."""


def most_for_one(memory: int | None) -> int:
    """Return the bytes that one stack may take.

    Parameters
    ----------
    memory : int or None
        Bytes for all processes of this machine, if they are given.

    Returns
    -------
    int
        Bytes; the same for every number of workers, so that results are the same too.
    """
    return MOST_FOR_ONE if memory is None else max(memory - OWN - SLACK, 1)


def choose_engine(
    plan: BatchPlan,
    scheduler: str,
    workers: int | None = None,
    on_dashboard: Callable[[str], object] | None = None,
) -> Engine:
    """Return the engine of a batch.

    Parameters
    ----------
    plan : BatchPlan
        What is to do.
    scheduler : str
        "local", the address of a scheduler, or the file in which it lies.
    workers : int, optional
        Worker processes at most, for "local".
    on_dashboard : callable, optional
        Called with the address of dask's dashboard.

    Returns
    -------
    Engine
        The calling process for few or short stacks.

    Raises
    ------
    SettingsError
        Workers were given for a running cluster, or there is too little memory for one of them.
    """
    if scheduler != LOCAL:
        if workers is not None:
            raise SettingsError(
                "workers is for this machine; a running cluster has those that it has. Leave it "
                "out, or take the scheduler 'local'."
            )
        from napari_focus_stack.batch.cluster import ClusterEngine, RunningCluster

        return ClusterEngine(RunningCluster(scheduler), plan.memory + SLACK, on_dashboard)
    fitting = local_workers(plan, workers)
    if fitting < 2 or plan.seconds < WORTH_WORKERS:
        return CallingProcess()
    from napari_focus_stack.batch.cluster import ClusterEngine, LocalWorkers

    return ClusterEngine(LocalWorkers(fitting, plan.memory + SLACK), on_dashboard=on_dashboard)


def local_workers(plan: BatchPlan, most: int | None = None) -> int:
    """Return the number of worker processes that this machine bears.

    Parameters
    ----------
    plan : BatchPlan
        What is to do.
    most : int, optional
        Upper bound.

    Returns
    -------
    int
        1 or more.

    Raises
    ------
    SettingsError
        The machine has too little memory for one of the stacks.
    """
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    memory = plan.order.settings.memory
    budget = int(MOST_OF_IT * MEMORY_LIMIT) if memory is None else memory
    each = max(plan.memory + SLACK, 1)
    if plan.memory > budget:
        raise SettingsError(
            f"A stack takes {format_bytes(plan.memory)} and this machine has "
            f"{format_bytes(MEMORY_LIMIT)}; give --memory, and stacks are fused in tiles."
        )
    fitting = max(1, (budget - OWN) // each)
    return max(
        1, min(fitting, most or CPU_COUNT, CPU_COUNT if most is None else most, len(plan.tasks))
    )
