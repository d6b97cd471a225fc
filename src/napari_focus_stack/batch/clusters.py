"""Workers of dask.distributed: processes of this machine, or a cluster that runs already."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from napari_focus_stack.errors import SettingsError
from napari_focus_stack.io.json_documents import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

PATIENCE = 60.0
"""Seconds for which a cluster may be without a worker."""
CONNECT = 10.0
"""Seconds within which a scheduler must answer."""


@dataclasses.dataclass(frozen=True)
class LocalWorkers:
    """Worker processes on this machine.

    Attributes
    ----------
    workers : int
        Their number.
    memory : int
        Bytes that each may use before it is ended.
    """

    workers: int
    memory: int

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """Start the workers and a client; end them with the block.

        Yields
        ------
        distributed.Client
            The client.
        """
        import dask
        from distributed import Client, LocalCluster

        with (
            TemporaryDirectory(prefix="focusstack-") as scratch,
            dask.config.set({**_LOCAL, "temporary-directory": scratch}),
            LocalCluster(
                n_workers=self.workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=self.memory,
                # any free port: a second dashboard on the usual one warns
                dashboard_address=":0",
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client


_LOCAL = {
    # each death is counted by us, so that a stack has its tries and no more
    "distributed.scheduler.allowed-failures": 0,
    # a worker that pauses or spills at a share of its memory would wait for nothing: no result
    # stays in it
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.98,
    # samples of the stacks' calls, a hundred a second in each worker, which nobody looks at
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.work-stealing": False,
}


@dataclasses.dataclass(frozen=True)
class RunningCluster:
    """A cluster that somebody else has started.

    Attributes
    ----------
    address : str
        Address of its scheduler, such as ``tcp://node1:8786``, or the file in which it lies.
    """

    address: str

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """Connect to the scheduler.

        Yields
        ------
        distributed.Client
            The client.

        Raises
        ------
        SettingsError
            There is no scheduler, or it has no worker.
        """
        from distributed import Client

        address = _reached(_read_address(self.address))
        with _quiet_logs(), Client(address, timeout=CONNECT, set_as_default=False) as client:
            _wait_for_worker(client, self.address)
            yield client


@contextlib.contextmanager
def _quiet_logs() -> Iterator[None]:
    """Keep tracebacks of lost connections from the terminal; what they mean is said by an error."""
    log = logging.getLogger("distributed")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


def _read_address(given: str) -> str:
    """Return the address of a scheduler, which may lie in a file."""
    if "://" in given or not given.endswith(".json"):
        return given
    try:
        address = read_json(Path(given))["address"]
    except FileNotFoundError as problem:
        raise SettingsError(
            f"There is no scheduler file '{given}'; start the scheduler first, with 'dask "
            "scheduler --scheduler-file FILE' on a disk that this machine sees."
        ) from problem
    except (OSError, ValueError, LookupError, TypeError) as problem:
        raise SettingsError(
            f"'{given}' is no scheduler file ({problem}); give that of 'dask scheduler'."
        ) from problem
    return str(address)


def _reached(address: str) -> str:
    """Return an address at which something listens: a client would try for long, and leave threads.

    Raises
    ------
    SettingsError
        Nothing does.
    """
    from distributed.comm.addressing import get_address_host_port

    try:
        with socket.create_connection(get_address_host_port(address, strict=True), CONNECT):
            return address
    except (OSError, ValueError) as problem:
        raise SettingsError(
            f"No scheduler answers at '{address}' ({problem}); check the address, such as "
            "tcp://node1:8786, and that 'dask scheduler' runs there."
        ) from problem


def _wait_for_worker(client: Client, address: str) -> None:
    """Wait until a cluster has a worker."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as problem:
        raise SettingsError(
            f"The cluster at '{address}' has no worker; start one with 'dask worker {address}'."
        ) from problem
