"""What a batch would do, and its first stack: names and headers, read off the main thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_focus_stack.batch.choice import local_workers
from napari_focus_stack.batch.finding import FoundSeries, find_series_below
from napari_focus_stack.batch.planning import plan_batch
from napari_focus_stack.batch.records import StackName
from napari_focus_stack.batch.wording import nothing_found, plan_totals
from napari_focus_stack.errors import Cancelled, InputError

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator

    from napari_focus_stack.batch.call import BatchCall
    from napari_focus_stack.batch.plan import BatchPlan
    from napari_focus_stack.result import Progress


@dataclass(frozen=True)
class Look:
    """What a batch would do.

    Attributes
    ----------
    plan : BatchPlan
        Every position, and what is left out.
    totals : str
        What it comes to, in one sentence.
    """

    plan: BatchPlan
    totals: str


def look_steps(call: BatchCall, cancel: threading.Event) -> Generator[Progress, None, Look]:
    """Find what a batch would do, and do nothing; results of other settings count as done.

    Parameters
    ----------
    call : BatchCall
        The batch.
    cancel : threading.Event
        Ends the search.

    Yields
    ------
    Progress
        None: how much there is to find is not known.

    Returns
    -------
    Look
        The plan.

    Raises
    ------
    InputError
        There is no stack below the root.
    SettingsError, OutputError, Cancelled
        As for `plan_batch`.
    """
    yield from ()
    plan = plan_batch(
        call.order, redo=call.redo, quiet=call.quiet, any_settings=True, cancel=cancel
    )
    if not (plan.listed or plan.left):
        raise InputError(nothing_found(call.order))
    return Look(plan, plan_totals(plan, local_workers(plan, call.workers)))


def first_stack_steps(
    call: BatchCall, cancel: threading.Event
) -> Generator[Progress, None, StackName]:
    """Find the first stack of a batch.

    Parameters
    ----------
    call : BatchCall
        The batch.
    cancel : threading.Event
        Ends the search.

    Yields
    ------
    Progress
        None.

    Returns
    -------
    StackName
        First stack of the first series with planes.

    Raises
    ------
    InputError
        There is no stack below the root.
    SettingsError
        The pattern is wrong.
    Cancelled
        `cancel` was set.
    """
    yield from ()
    order = call.order
    for found in find_series_below(
        order.source("."), pattern=order.pattern, axes=order.axes, skip=order.result("")
    ):
        if cancel.is_set():
            raise Cancelled
        if isinstance(found, FoundSeries) and found.series.positions[0].planes > 1:
            return StackName(source=found.source)
    raise InputError(nothing_found(order))
