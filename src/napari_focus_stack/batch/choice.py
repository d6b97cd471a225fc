"""Choice of the engine of a batch, and of its number of workers.

It follows from what a stack needs and from what the machine has, never from what is free at the
moment or from who else is running.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack._utils.wording import format_bytes
from napari_focus_stack.batch.engine import CallingProcess
from napari_focus_stack.batch.memory import OWN, SLACK
from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_focus_stack.batch.engine import Engine
    from napari_focus_stack.batch.plan import BatchPlan

LOCAL = "local"
MOST_OF_IT = 0.8
"""Share of the machine's memory that a batch uses, unless memory is given."""
WORTH_WORKERS = 20.0
"""Processor seconds of work from which workers pay: each takes some two seconds to start."""


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
        from napari_focus_stack.batch.cluster_engine import ClusterEngine
        from napari_focus_stack.batch.clusters import RunningCluster

        return ClusterEngine(RunningCluster(scheduler), plan.memory + SLACK, on_dashboard)
    fitting = local_workers(plan, workers)
    if fitting < 2 or plan.seconds < WORTH_WORKERS:
        return CallingProcess()
    from napari_focus_stack.batch.cluster_engine import ClusterEngine
    from napari_focus_stack.batch.clusters import LocalWorkers

    share = (memory_budget(plan) - OWN) // fitting
    workers_here = LocalWorkers(fitting, max(share, plan.memory + SLACK))
    return ClusterEngine(workers_here, on_dashboard=on_dashboard)


def memory_budget(plan: BatchPlan) -> int:
    """Return the bytes that all processes of this machine may use.

    Parameters
    ----------
    plan : BatchPlan
        What is to do.

    Returns
    -------
    int
        The memory that was given, or a share of the machine's.
    """
    from distributed.system import MEMORY_LIMIT

    given = plan.order.settings.memory
    return int(MOST_OF_IT * MEMORY_LIMIT) if given is None else given


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

    budget = memory_budget(plan)
    if plan.memory > budget:
        raise SettingsError(
            f"A stack takes {format_bytes(plan.memory)}, and the batch may use "
            f"{format_bytes(budget)}; give --memory {format_bytes(budget).replace(' ', '')}, and "
            "stacks are fused in tiles that fit."
        )
    fitting = (budget - OWN) // (plan.memory + SLACK)
    return max(1, min(fitting, most or CPU_COUNT, len(plan.tasks)))
