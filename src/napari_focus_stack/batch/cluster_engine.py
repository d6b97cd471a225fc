"""Engine of a batch on dask.distributed: worker processes of this machine, or a running cluster.

References to stacks go to the workers, records come back; planes and results never cross. A few
tasks a worker are in flight, so that thousands of them cost the scheduler nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import Counter, deque
from concurrent.futures import CancelledError
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.wording import format_bytes
from napari_focus_stack._version import __version__
from napari_focus_stack.batch.clusters import PATIENCE, LocalWorkers, RunningCluster
from napari_focus_stack.batch.engine import MOST_TRIES, TaskDone, WorkerStep
from napari_focus_stack.batch.stacking import lost_task
from napari_focus_stack.batch.worker import (
    PreparedWorker,
    end_run,
    lead_on_worker,
    seen_by_worker,
    stack_on_worker,
    version_of_worker,
)
from napari_focus_stack.errors import Cancelled, FocusStackError, SettingsError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from distributed import Client, Future

    from napari_focus_stack.batch.tasks import BatchOrder, LeadTask, StackTask

IN_FLIGHT = 2
"""Tasks a worker that are submitted at the same time: one that it does, and the next."""
COUNT = 2.0
"""Seconds between two counts of the workers, which come and go."""
POLL = 0.05
"""Seconds between two looks at what has ended."""


class ClusterEngine:
    """Engine on dask.distributed.

    Parameters
    ----------
    place : LocalWorkers or RunningCluster
        The workers.
    least_memory : int
        Bytes that a worker of a running cluster must have.
    on_dashboard : callable, optional
        Called with the address of dask's dashboard, if it has one.
    """

    def __init__(
        self,
        place: LocalWorkers | RunningCluster,
        least_memory: int = 0,
        on_dashboard: Callable[[str], object] | None = None,
    ) -> None:
        self._place, self._least_memory = place, least_memory
        self._on_dashboard = on_dashboard

    def run(
        self,
        order: BatchOrder,
        tasks: Iterable[StackTask],
        leads: Mapping[str, LeadTask],
        on_step: Callable[[WorkerStep], object],
        cancel: threading.Event,
    ) -> Generator[TaskDone, None, None]:
        """Do tasks on the workers; see `Engine.run`.

        Raises
        ------
        SettingsError
            There is no scheduler or worker, or a worker has another version, does not see the
            folders, or has too little memory.
        OutputError
            A result cannot be written.
        Cancelled
            `cancel` was set.
        FocusStackError
            The cluster has lost all of its workers.
        """
        alone = dataclasses.replace(order, settings=dataclasses.replace(order.settings, threads=1))
        with _connected(), self._place.client() as client:
            check_workers(client, order, self._least_memory)
            client.register_plugin(PreparedWorker(local=isinstance(self._place, LocalWorkers)))
            if self._on_dashboard is not None and find_spec("bokeh"):
                self._on_dashboard(client.dashboard_link)
            flight = _Flight(client, alone, leads, on_step, cancel)
            try:
                yield from flight.run(tasks)
            finally:
                flight.stop()
                with contextlib.suppress(Exception):  # the scheduler may be what has gone
                    client.unregister_worker_plugin(PreparedWorker.name)


@contextlib.contextmanager
def _connected() -> Iterator[None]:
    """Turn the loss of the scheduler into one sentence."""
    try:
        yield
    except (CancelledError, OSError) as lost:
        raise FocusStackError(
            "The connection to the cluster's scheduler was lost; look whether it runs, and run the "
            "batch again, which goes on where it stopped."
        ) from lost


def check_workers(client: Client, order: BatchOrder, least_memory: int = 0) -> None:
    """Refuse a cluster whose workers could not do the work.

    Parameters
    ----------
    client : distributed.Client
        Client of the cluster.
    order : BatchOrder
        The batch.
    least_memory : int
        Bytes that each worker must have.

    Raises
    ------
    SettingsError
        A worker has another version, or none; it does not see the folders; or it has too little
        memory.
    """
    try:
        versions = client.run(version_of_worker)
    except ImportError as problem:
        raise SettingsError(
            f"A worker of the cluster has no napari-focus-stack ({problem}); install "
            f"napari-focus-stack {__version__} on every worker."
        ) from problem
    for worker, version in versions.items():
        if version != __version__:
            raise SettingsError(
                f"Worker {worker} has napari-focus-stack {version}, and this is {__version__}; "
                "install the same version on every worker."
            )
    for worker, unseen in client.run(seen_by_worker, order).items():
        if unseen:
            raise SettingsError(
                f"Worker {worker} cannot {unseen}; give a path that every worker sees, or a URL."
            )
    workers = client.scheduler_info(n_workers=-1)["workers"]
    for worker, about in workers.items():
        limit = (about.get("memory_limit") or 0) // about["nthreads"]
        if 0 < limit < least_memory:
            raise SettingsError(
                f"Worker {worker} has {format_bytes(limit)} of memory, and a stack takes "
                f"{format_bytes(least_memory)}; give workers more, or --memory for smaller tiles."
            )


class _Flight:
    """Tasks in flight on a cluster.

    Parameters
    ----------
    client : distributed.Client
        Client of the cluster.
    order : BatchOrder
        The batch.
    leads : mapping of str to LeadTask
        Search of the lead channel by source.
    on_step : callable
        Called with what a worker does.
    cancel : threading.Event
        Once set, the run ends.
    """

    def __init__(
        self,
        client: Client,
        order: BatchOrder,
        leads: Mapping[str, LeadTask],
        on_step: Callable[[WorkerStep], object],
        cancel: threading.Event,
    ) -> None:
        from distributed import as_completed

        self._client, self._order, self._leads = client, order, leads
        self._cancel, self._on_step = cancel, on_step
        self._ended = as_completed(loop=client.loop)
        self._flying: dict[Any, StackTask] = {}
        self._lead_futures: dict[str, Future[Any]] = {}
        self._deaths: Counter[str] = Counter()
        self._lead_deaths: dict[str, Any] = {}
        self._submitted = 0
        self._again: deque[StackTask] = deque()
        self._numbers: dict[str, int] = {}
        self._counted, self._threads = -COUNT, 0
        client.subscribe_topic(order.run, self._step)

    def run(self, tasks: Iterable[StackTask]) -> Generator[TaskDone, None, None]:
        """Submit tasks as there is room, and yield those that have ended."""
        left, seen = iter(tasks), time.monotonic()
        self._fill(left)
        while self._flying or self._again:
            if self._cancel.is_set():
                raise Cancelled
            ended = self._ended.next_batch(block=False)
            for future in ended:
                done = self._landed(future)
                if done is not None:
                    yield done
            if ended:
                self._fill(left)
                continue
            seen = self._check_alive(seen)
            time.sleep(POLL)

    def _fill(self, left: Iterator[StackTask]) -> None:
        """Submit tasks until enough are in flight.

        A task that was on a worker that died flies alone: the next death is then its own.
        """
        room = IN_FLIGHT * max(1, self._slots())
        while len(self._flying) < room and (task := next(left, None)) is not None:
            self._submit(task)
        if not self._flying and self._again:
            self._submit(self._again.popleft())

    def _slots(self) -> int:
        """Return the tasks that the workers do at a time, as counted within the last seconds."""
        if time.monotonic() - self._counted > COUNT:
            self._counted = time.monotonic()
            self._threads = sum(self._client.nthreads().values())
        return self._threads

    def _submit(self, task: StackTask) -> None:
        self._submitted += 1
        key = f"{self._order.run}-{self._submitted}"
        lead = self._lead(task.source) if task.needs_lead else None
        future = self._client.submit(stack_on_worker, self._order, task, lead, key=key)
        self._flying[future.key] = task
        self._ended.add(future)

    def _lead(self, source: str) -> Future[Any]:
        """Return the search of the lead channel of a series, which its tasks wait for."""
        if source not in self._lead_futures:
            self._lead_futures[source] = self._client.submit(
                lead_on_worker, self._order, self._leads[source], pure=False
            )
        return self._lead_futures[source]

    def _landed(self, future: Future[Any]) -> TaskDone | None:
        """Return the outcome of a task; None if it is tried again."""
        from distributed import KilledWorker

        task = self._flying.pop(future.key)
        try:
            records = future.result()
        except KilledWorker as died:
            deaths = self._count_deaths(task, 1 + died.allowed_failures)
            if deaths < MOST_TRIES:
                self._again.append(task)
                return None
            records = lost_task(self._order, task, deaths)
        finally:
            future.release()
        return TaskDone(task, records)

    def _count_deaths(self, task: StackTask, workers: int) -> int:
        """Count the workers that a task, or the search of its lead channel, has cost; return all.

        A search that has failed is forgotten, and begun anew by the next task of its series.
        """
        lead = self._lead_futures.get(task.source) if task.needs_lead else None
        if lead is None or lead.status != "error":
            what = next(iter(task.markers.values()))
            self._deaths[what] += workers
        else:
            what = f"lead channel of {task.source}"
            if self._lead_deaths.get(task.source) != lead.key:
                self._lead_deaths[task.source] = lead.key
                self._deaths[what] += workers
            if self._deaths[what] < MOST_TRIES:
                del self._lead_futures[task.source]
        return self._deaths[what]

    def _check_alive(self, seen: float) -> float:
        """Return when a worker was last there; raise an error if that is too long ago."""
        if self._slots():
            return time.monotonic()
        if time.monotonic() - seen > PATIENCE:
            raise FocusStackError(
                f"The cluster has had no worker for {PATIENCE:.0f} seconds; start workers and run "
                "the batch again, which goes on where it stopped."
            )
        return seen

    def _step(self, event: tuple[Any, Any]) -> None:
        """Pass on what a worker does."""
        _, message = event
        number = self._numbers.setdefault(message["worker"], len(self._numbers) + 1)
        self._on_step(WorkerStep(f"worker {number}", message["step"]))

    def stop(self) -> None:
        """End what is still in flight, and forget the run on the workers."""
        with contextlib.suppress(Exception):  # whatever the cluster has come to, the run is over
            self._client.unsubscribe_topic(self._order.run)
            self._client.run(end_run, self._order.run)
            self._client.cancel([*self._lead_futures.values()])
