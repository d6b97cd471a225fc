"""Results of earlier runs: which stacks are done, and whose files lie in the way."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from napari_focus_stack.batch.films import working_name
from napari_focus_stack.batch.markers import made_with
from napari_focus_stack.batch.stores import is_store
from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.places import is_remote
from napari_focus_stack.series.own_files import is_own_map

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_focus_stack.batch.markers import Marker
    from napari_focus_stack.batch.records import BatchRecord
    from napari_focus_stack.batch.tasks import BatchOrder, StackTask


class EarlierResults:
    """Results of earlier runs in the folder of results.

    Parameters
    ----------
    order : BatchOrder
        The batch.
    markers : mapping of str to Marker
        All markers, by place.
    redo : bool
        Whether all is done again.
    """

    def __init__(self, order: BatchOrder, markers: Mapping[str, Marker], redo: bool) -> None:
        self._order, self._redo = order, redo
        self._markers = markers
        self._made_with = made_with(order)
        self._sizes: dict[str, int | None] = {}
        self._leads = {
            marker.record.name.source: marker.lead
            for marker in markers.values()
            if marker.lead is not None and marker.made_with == self._made_with
        }

    def has(self, task: StackTask) -> bool:
        """Return whether every stack of a task is done, of the same files and settings.

        Parameters
        ----------
        task : StackTask
            The task.

        Returns
        -------
        bool
            False for stacks that failed: they are tried again.
        """
        return not self._redo and all(
            self._is_done(name, task, time) for (time, _), name in task.markers.items()
        )

    def _is_done(self, name: str, task: StackTask, time: int) -> bool:
        marker = self._markers.get(name)
        return (
            marker is not None
            and marker.record.state == "done"
            and marker.fingerprint == task.fingerprints[time]
            and marker.made_with == self._made_with
            and marker.layout == task.layout
            and all(self._size(result) == size for result, size in marker.sizes.items())
        )

    def _size(self, name: str) -> int | None:
        """Return the bytes of a file of results, also of a film that is not complete.

        Stores, whose chunks are many, count as -1 if they are there.
        """
        if name not in self._sizes:
            place = self._order.result(name)
            self._sizes[name] = None
            if is_store(place):
                self._sizes[name] = -1 if (place / "zarr.json").exists() else None
            else:
                for file in (working_name(place), place):
                    if file.is_file():
                        self._sizes[name] = file.stat().st_size
        return self._sizes[name]

    def records(self, task: StackTask) -> list[BatchRecord]:
        """Return the records of a task that is done.

        Parameters
        ----------
        task : StackTask
            The task.

        Returns
        -------
        list of BatchRecord
            One for each stack.
        """
        return [
            dataclasses.replace(self._markers[name].record, kept=True)
            for name in task.markers.values()
        ]

    def lead(self, source: str) -> str | int | None:
        """Return the lead channel that an earlier run found for a series.

        Parameters
        ----------
        source : str
            File or folder, relative to the root.

        Returns
        -------
        str or int or None
            None if there is none.
        """
        return None if self._redo else self._leads.get(source)

    def check_places(self, tasks: Iterable[StackTask]) -> None:
        """Refuse to replace files that were not written here.

        Parameters
        ----------
        tasks : iterable of StackTask
            What is to do.

        Raises
        ------
        OutputError
            There is such a file.
        """
        if is_remote(self._order.result("")):
            return
        # one of ours may be damaged, so that it does not say so itself
        own = {name for m in self._markers.values() for name in m.record.results.values()}
        for results in {tuple(task.results.items()) for task in tasks}:
            for role, name in results:
                place = self._order.result(name)
                if name not in own and place.exists() and not is_own_map(place, role):
                    raise OutputError(
                        f"'{place}' is where a result goes, but no earlier run wrote it there; "
                        "move it, or choose another folder."
                    )
