"""Plan of the stacks of one series: tasks, their results, and what an earlier run did."""

from __future__ import annotations

import dataclasses
from collections import Counter
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from napari_focus_stack.batch.estimates import disk_bytes, seconds
from napari_focus_stack.batch.filled import within
from napari_focus_stack.batch.films import roles_of, waits
from napari_focus_stack.batch.fingerprints import Fingerprints
from napari_focus_stack.batch.memory import memory_of_task
from napari_focus_stack.batch.plan import FilmPlan, Listed
from napari_focus_stack.batch.records import BatchRecord, StackName
from napari_focus_stack.batch.result_names import result_names
from napari_focus_stack.batch.tasks import LeadTask, StackTask
from napari_focus_stack.io.map_names import ROLES
from napari_focus_stack.io.placed_plate import field_place
from napari_focus_stack.series.model import StackIndex
from napari_focus_stack.series.selection import find_channel, sized

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_focus_stack.batch.earlier import EarlierResults
    from napari_focus_stack.batch.finding import FoundSeries
    from napari_focus_stack.batch.plan import BatchPlan
    from napari_focus_stack.batch.tasks import BatchOrder
    from napari_focus_stack.series.model import Position, Series


class SeriesPlanner:
    """Planner of one series.

    Parameters
    ----------
    order : BatchOrder
        The batch.
    found : FoundSeries
        The series.
    part : Series
        The part that is stacked.
    earlier : EarlierResults
        Results of earlier runs.
    spans : mapping of int to range
        Time points that are planned of each position of the series.
    """

    def __init__(
        self,
        order: BatchOrder,
        found: FoundSeries,
        part: Series,
        earlier: EarlierResults,
        spans: Mapping[int, range],
    ) -> None:
        planned = dataclasses.replace(found, series=within(found.series, spans))
        self.names = result_names(planned, order.source("."), order.format)
        self._order, self._part, self._earlier = order, part, earlier
        self._source = found.source
        self._series, self._fingerprints = found.series, Fingerprints()
        settings = order.series_settings
        self._coupled = settings.smooth_time > 1 or settings.drift

    def add_to(self, plan: BatchPlan, quiet_since: float) -> None:
        """Add what is done and what is to do to the plan of the batch.

        Parameters
        ----------
        plan : BatchPlan
            The plan.
        quiet_since : float
            Stacks that changed later are left, in seconds since the epoch.
        """
        tasks: list[StackTask] = []
        for number, position in enumerate(self._part.positions):
            if position.planes < 2:
                where = f"{self._source}, {position.name}"
                plan.left.append(left_record(where, "It has no z axis; there is nothing to stack."))
                continue
            tasks += self._position(plan, number, quiet_since)
        plan.tasks += self._with_lead(plan, tasks)
        if tasks and self.names.is_plate:
            self._add_plates(plan)

    def _add_plates(self, plan: BatchPlan) -> None:
        """Add the plates of the series, one for each role that a position has."""
        wells = dict(Counter(position.well or "" for position in self._series.positions))
        settings = self._order.settings
        for role in {role for p in self._part.positions for role in roles_of(p, settings)}:
            plan.plates[self.names.result(0, role)] = wells

    def _with_lead(self, plan: BatchPlan, tasks: list[StackTask]) -> list[StackTask]:
        """Return tasks with their lead channel, or with the need to find one first.

        It is found once for a series, and kept when the series grows: it would hop otherwise.
        """
        several = any(len(task.channels) > 1 for task in tasks)
        if self._order.series_settings.lead_channel != "auto" or not several:
            return tasks
        known = self._earlier.lead(self._source)
        if known is not None and any(
            find_channel(p, known) is not None for p in self._part.positions
        ):
            return [dataclasses.replace(task, lead=known) for task in tasks]
        if sum(position.times for position in self._part.positions) == 1:
            return tasks
        plan.leads[self._source] = LeadTask(
            source=self._source,
            pattern=self._series.pattern,
            axes=self._series.axes,
            selection=self._selection(),
        )
        return [dataclasses.replace(task, needs_lead=True) for task in tasks]

    def _selection(self) -> dict[int, tuple[tuple[int, int], tuple[int, ...]]]:
        """Return time points and channels by the number of each position."""
        numbers = range(len(self._part.positions))
        return {
            self._part.original(StackIndex(number)).position: (
                self._span(number),
                self._channels(number),
            )
            for number in numbers
        }

    def _span(self, number: int) -> tuple[int, int]:
        """Return the first time point of a position, and the one after the last."""
        first = self._part.original(StackIndex(number)).time
        return first, first + self._part.positions[number].times

    def _channels(self, number: int) -> tuple[int, ...]:
        """Return the numbers of the channels of a position."""
        count = len(self._part.positions[number].channels)
        return tuple(self._part.original(StackIndex(number, 0, c)).channel for c in range(count))

    def _position(self, plan: BatchPlan, number: int, quiet_since: float) -> list[StackTask]:
        """Plan one position; return its tasks."""
        position, span = self._part.positions[number], self._span(number)
        whole = self._coupled or position.times == 1
        spans = [span] if whole else [(time, time + 1) for time in range(*span)]
        planned = [self._task(number, times, span) for times in spans]
        tasks, done = [], []
        for task in planned:
            if self._earlier.has(task):
                done.append(task)
                plan.kept += self._earlier.records(task)
            elif (change := self._last_change(task)) > quiet_since:
                plan.young += self._stack_names(number, task)
                plan.youngest = max(plan.youngest, change)
            else:
                tasks.append(task)
        if not whole:
            self._add_film(plan, position, planned, tasks, done)
        plan.listed.append(self._listed(number, planned, tasks, done))
        return tasks

    def _task(self, number: int, times: tuple[int, int], span: tuple[int, int]) -> StackTask:
        """Return one task."""
        position, place = self._part.positions[number], self._part.original(StackIndex(number))
        channels, settings = self._channels(number), self._order.settings
        y, x = position.plane_shape[:2]
        images = (times[1] - times[0]) * len(channels)
        return StackTask(
            source=self._source,
            position=place.position,
            times=times,
            span=span,
            channels=channels,
            pattern=self._series.pattern,
            axes=self._series.axes,
            stem=PurePosixPath(self.names.stem).name,
            results=self._results(place.position),
            markers={
                (time, channel): self.names.marker(StackIndex(place.position, time, channel))
                for time in range(*times)
                for channel in channels
            },
            fingerprints={
                time: self._fingerprints.fingerprint(self._series, place.position, time)
                for time in range(*times)
            },
            pixels=images * position.planes * y * x,
            memory=memory_of_task(position, settings, self._order.series_settings),
        )

    def _results(self, number: int) -> dict[str, str]:
        """Return the place of each role of a position; in a plate that of its well and field."""
        places = {role: PurePosixPath(self.names.result(number, role)) for role in ROLES}
        if self.names.is_plate:
            well, field = self._fields[number]
            places = {role: field_place(place, well, field) for role, place in places.items()}
        return {role: place.as_posix() for role, place in places.items()}

    @cached_property
    def _fields(self) -> list[tuple[str, int]]:
        """Well of each position of a plate, and number of the field in it."""
        counts: Counter[str] = Counter()
        places = []
        for position in self._series.positions:
            well = position.well or ""
            places.append((well, counts[well]))
            counts[well] += 1
        return places

    def _last_change(self, task: StackTask) -> float:
        """Return when a file of a task changed last, in seconds since the epoch."""
        return max(
            self._fingerprints.last_change(self._series, task.position, time)
            for time in range(*task.times)
        )

    def _stack_names(self, number: int, task: StackTask) -> list[StackName]:
        """Return the names of the stacks of a task."""
        position = self._part.positions[number]
        return [
            StackName(
                source=task.source,
                position=task.position,
                time=time,
                channel=channel,
                position_name=position.name,
                channel_name=position.channels[task.channels.index(channel)].name,
                well=position.well,
            )
            for time, channel in task.markers
        ]

    def _add_film(
        self,
        plan: BatchPlan,
        film: Position,
        planned: list[StackTask],
        tasks: list[StackTask],
        done: list[StackTask],
    ) -> None:
        """Add a film whose time points are tasks of their own, if anything is left to do for it."""
        first = planned[0]
        complete = len(tasks) + len(done) == len(planned)
        if not tasks and not (complete and waits(self._order, first.results)):
            return
        start = first.span[0]
        plan.films[first.results["image"]] = FilmPlan(
            film=sized(film, self._order.settings.pixel_size),
            first=first,
            tasks=len(tasks),
            complete=complete,
            done=tuple(task.times[0] - start for task in done),
            markers={
                (time - start, task.channels.index(channel)): marker
                for task in planned
                for (time, channel), marker in task.markers.items()
            },
        )

    def _listed(
        self,
        number: int,
        planned: list[StackTask],
        tasks: list[StackTask],
        done: list[StackTask],
    ) -> Listed:
        """Return the entry of a position in the list."""
        position, settings = self._part.positions[number], self._order.settings
        height = "height" in roles_of(position, settings)
        stacks, kept, left = (
            sum(len(task.markers) for task in some) for some in (planned, done, tasks)
        )
        return Listed(
            source=self._source,
            number=planned[0].position,
            position=position,
            results=dict(planned[0].results),
            stacks=stacks,
            done=kept,
            waiting=stacks - kept - left,
            disk=round((stacks - kept) / stacks * disk_bytes(position, self._order.format, height)),
            seconds=seconds(position, settings) * (stacks - kept),
            notes=self._series.notes,
        )


def left_record(source: str, why: str) -> BatchRecord:
    """Return the record of what cannot be stacked.

    Parameters
    ----------
    source : str
        File or folder, relative to the root.
    why : str
        One sentence.

    Returns
    -------
    BatchRecord
        Its record.
    """
    return BatchRecord(name=StackName(source=source), state="left", why=why)
