"""Results of earlier runs: which stacks are done, and whose files lie in the way."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING

from napari_focus_stack.batch.films import working_name
from napari_focus_stack.batch.markers import made_with
from napari_focus_stack.batch.stores import IN_PLACE, is_store
from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.places import is_remote
from napari_focus_stack.series.own_files import is_own_map

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from napari_focus_stack.batch.markers import Marker
    from napari_focus_stack.batch.records import BatchRecord
    from napari_focus_stack.batch.result_names import ResultNames
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
    tried : mapping of str to str
        Fingerprint by marker of stacks that have failed in this call and are not tried again.
    any_settings : bool
        Whether results of other settings count as done.
    """

    def __init__(
        self,
        order: BatchOrder,
        markers: Mapping[str, Marker],
        *,
        redo: bool,
        tried: Mapping[str, str],
        any_settings: bool = False,
    ) -> None:
        self._order, self._redo, self._tried = order, redo, tried
        self._markers, self._any_settings = markers, any_settings
        self._made_with = made_with(order)
        self._sizes: dict[str, int | None] = {}
        self._leads = {
            marker.record.name.source: marker.lead
            for marker in markers.values()
            if marker.lead is not None and marker.made_with == self._made_with
        }

    def outdated(self) -> set[str]:
        """Return the markers that no longer hold because all is done again.

        They go before the work begins: a run that is interrupted is then gone on with as any other.

        Returns
        -------
        set of str
            Their places; none unless all is done again.
        """
        return set(self._markers) if self._redo else set()

    def ghosts(self, names: Iterable[ResultNames]) -> set[str]:
        """Return the markers of stacks that a source no longer has under these names.

        A film of one time point is named without its number, and with it once there are two.

        Parameters
        ----------
        names : iterable of ResultNames
            Names of every series that was found.

        Returns
        -------
        set of str
            Their places.
        """
        owners = {one.source: set(one.markers()) for one in names}
        return {
            name
            for name, marker in self._markers.items()
            if name not in owners.get(marker.record.name.source, {name})
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
            False for stacks that failed: they are tried again, but once in a call.
        """
        return not self._redo and all(
            self._is_done(name, task, time) or self._is_tried(name, task, time)
            for (time, _), name in task.markers.items()
        )

    def _is_tried(self, name: str, task: StackTask, time: int) -> bool:
        return self._tried.get(name) == task.fingerprints[time]

    def _is_done(self, name: str, task: StackTask, time: int) -> bool:
        marker = self._markers.get(name)
        return (
            marker is not None
            and marker.record.state == "done"
            and marker.fingerprint == task.fingerprints[time]
            and (self._any_settings or self._is_alike(marker, task))
            and all(self._is_there(result, size) for result, size in marker.sizes.items())
        )

    def _is_alike(self, marker: Marker, task: StackTask) -> bool:
        """Return whether a stack was made as the task would make it."""
        return marker.made_with == self._made_with and list(marker.layout) == task.layout

    def _is_there(self, name: str, size: int) -> bool:
        """Return whether a result is there, with its size where it is a whole file."""
        if name not in self._sizes:
            self._sizes[name] = self._size(self._order.result(name))
        found = self._sizes[name]
        return found is not None and size in (IN_PLACE, found)

    def _size(self, place: Path) -> int | None:
        """Return the bytes of a file of results; None if it is not there."""
        if is_store(place):
            return IN_PLACE if (place / "zarr.json").exists() else None
        files = [file for file in (working_name(place), place) if file.is_file()]
        return files[0].stat().st_size if files else None

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
            self._check_root(dict(results))
            for role, name in results:
                place = self._order.result(name)
                if name not in own and place.exists() and not is_own_map(place, role):
                    raise OutputError(
                        f"'{place}' is where a result goes, but no earlier run wrote it there; "
                        "move it, or choose another folder."
                    )

    def _check_root(self, results: Mapping[str, str]) -> None:
        """Refuse to replace the results of a stack of the same name below another root."""
        other = self._roots.get(results["image"], self._order.root)
        if other != self._order.root and not self._redo:
            raise OutputError(
                f"'{results['image']}' in '{self._order.out}' is of a stack in '{other}'; choose "
                "another folder, or --redo if the stacks have moved."
            )

    @cached_property
    def _roots(self) -> dict[str, str]:
        """Root of the run that made each image."""
        return {
            marker.record.results["image"]: marker.root
            for marker in self._markers.values()
            if "image" in marker.record.results and marker.root
        }
