"""The time points of one position, with evidence pooled over neighbouring ones if asked for."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.wording import format_runs
from napari_focus_stack.pipeline.stack import stack_steps
from napari_focus_stack.result import StackResult
from napari_focus_stack.series.channels import Failed, attempted, focus_steps, surface_steps
from napari_focus_stack.series.climb import climb_between, focus_curves, regional_detail
from napari_focus_stack.series.drift import drift_between
from napari_focus_stack.series.model import StackIndex
from napari_focus_stack.series.pooling import Neighbour, PooledPlanes, refined, window

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from napari_focus_stack.fusion.regional_energy import RegionalEnergy
    from napari_focus_stack.imgproc.transforms import Matrix
    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.result import Progress, Report
    from napari_focus_stack.series.channels import ChannelPlan, Outcome
    from napari_focus_stack.series.model import Series

SURENESS = ("trusted", "guessed", "well_sure")
"""Figures of the health of a recording that are of depth, and thus of the pooled planes."""


class Film:
    """Time points of one position; neighbouring ones are focused fastest one after the other.

    Parameters
    ----------
    series : Series
        The series.
    number : int
        Number of the position.
    plan : ChannelPlan
        Lead channel and settings.
    transforms : mapping of (int, int) to object
        Prior transforms by position and time point.
    """

    def __init__(
        self,
        series: Series,
        number: int,
        plan: ChannelPlan,
        transforms: Mapping[tuple[int, int], Any],
    ) -> None:
        self._series, self._number, self._plan = series, number, plan
        self._position, self._transforms = series.positions[number], transforms
        self._own: dict[int, dict[int, Outcome]] = {}
        self._drifts: dict[tuple[int, int, int], Matrix | None] = {}
        self._climbs: dict[tuple[int, int, int], float] = {}
        self._details: dict[tuple[int, int], list[RegionalEnergy] | None] = {}

    def time_steps(self, time: int) -> Generator[Progress, None, dict[int, Outcome]]:
        """Focus one time point.

        Parameters
        ----------
        time : int
            Number of the time point; those that are not pooled with it are forgotten.

        Returns
        -------
        dict of int to StackResult or Failed
            Through ``StopIteration.value``, by channel.

        Yields
        ------
        Progress
            Before each plane.

        Raises
        ------
        Cancelled
            The plan's `cancel` was set.
        """
        pooled = window(time, self._plan.series_settings.smooth_time, self._position.times)
        self._forget(pooled)
        for other in pooled:
            if other not in self._own:
                self._own[other] = yield from self._own_steps(other)
        outcome = dict(self._own[time])
        if len(pooled) > 1:
            for channel, own in outcome.items():
                if isinstance(own, StackResult):
                    outcome[channel] = yield from attempted(
                        self._pooled_steps(time, channel, own, pooled)
                    )
        return (
            yield from surface_steps(
                self._opener(time), len(self._position.channels), self._plan, outcome
            )
        )

    def _own_steps(self, time: int) -> Generator[Progress, None, dict[int, Outcome]]:
        """Focus one time point on its own planes."""
        channels = len(self._position.channels)
        if self._transforms and (self._number, time) not in self._transforms:
            lacking = Failed("There are no transforms of another run for this time point.")
            return dict.fromkeys(range(channels), lacking)
        return (
            yield from focus_steps(
                self._opener(time),
                channels,
                self._plan,
                self._transforms.get((self._number, time)),
            )
        )

    def _opener(self, time: int) -> Callable[[int], PlaneSource]:
        """Return the function that opens a channel of a time point."""
        return lambda channel: self._series.stack(self._number, time, channel)

    def _forget(self, kept: range) -> None:
        """Drop the results of all other time points."""
        for time in [time for time in self._own if time not in kept]:
            del self._own[time]
        for key in [key for key in self._details if key[0] not in kept]:
            del self._details[key]

    def _pooled_steps(
        self, time: int, channel: int, own: StackResult, pooled: range
    ) -> Generator[Progress, None, StackResult]:
        """Measure depth on the planes of several time points; the image stays of its own."""
        neighbours = {
            other: neighbour
            for other in pooled
            if other != time and (neighbour := self._neighbour(time, other, channel)) is not None
        }
        if not neighbours:
            note = (
                "Depth was measured on the planes of this time point alone, because its drift to "
                "the others could not be found."
            )
            return _noted(own, note)
        planes = PooledPlanes(
            self._series.stack(self._number, time, channel),
            own.transforms,
            list(neighbours.values()),
        )
        found = yield from stack_steps(
            planes,
            dataclasses.replace(self._plan.settings, occlusion="off"),
            transforms=own.transforms,
            cancel=self._plan.cancel,
            faint=True,
        )
        times = [self._original(one) for one in sorted([time, *neighbours])]
        note = f"Depth was measured on the planes of time points {format_runs(times)}, averaged."
        noted = _with_sureness_of(found.report, _noted(own, note).report)
        report = dataclasses.replace(noted, series={**noted.series, "pooled": times})
        measured = dataclasses.replace(
            own,
            depth_index=found.depth_index,
            depth=found.depth,
            height=found.height,
            confidence=found.confidence,
            report=report,
        )
        between = self._plan.settings.method != "laplacian" and found.report.in_order
        return refined(measured, own, list(neighbours.values())) if between else measured

    def _original(self, time: int) -> int:
        """Return the number of a time point in the whole series."""
        return self._series.original(StackIndex(self._number, time)).time

    def _neighbour(self, time: int, other: int, channel: int) -> Neighbour | None:
        """Return another time point of a channel, None if it failed or does not fit."""
        result, drift = self._own[other].get(channel), self._drift(time, other, channel)
        if not isinstance(result, StackResult) or drift is None:
            return None
        source = self._series.stack(self._number, other, channel)
        if len(source) != len(result.transforms):
            return None
        climb = self._climb(time, other, channel, drift)
        return Neighbour(source, result.transforms, drift, result.depth, climb)

    def _climb(self, time: int, other: int, channel: int, drift: Matrix) -> float:
        """Return the planes by which the field climbed, 0 where it is unknown; as `_drift`."""
        lead = channel if self._plan.lead is None else self._plan.lead
        key = (lead, time, other)
        if key not in self._climbs:
            first, second = (self._detail(one, lead) for one in (time, other))
            found = None
            if first is not None and second is not None:
                found = climb_between(focus_curves(*first, np.eye(3)), focus_curves(*second, drift))
            self._climbs[key] = found or 0.0
            self._climbs[lead, other, time] = -self._climbs[key]
        return self._climbs[key]

    def _detail(self, time: int, channel: int) -> tuple[list[RegionalEnergy], Matrix] | None:
        """Return the detail of the regions of one stack, and its transforms."""
        result = self._own[time].get(channel)
        if not isinstance(result, StackResult) or not result.report.in_order:
            return None
        if (time, channel) not in self._details:
            source = self._series.stack(self._number, time, channel)
            self._details[time, channel] = regional_detail(source, result.transforms)
        detail = self._details[time, channel]
        return None if detail is None else (detail, result.transforms)

    def _drift(self, time: int, other: int, channel: int) -> Matrix | None:
        """Return the shift between two time points, estimated on the lead channel."""
        lead = channel if self._plan.lead is None else self._plan.lead
        images = [self._own[one].get(lead) for one in (time, other)]
        if not all(isinstance(image, StackResult) for image in images):
            return None
        if (lead, other, time) in self._drifts:
            known = self._drifts[lead, other, time]
            return None if known is None else np.linalg.inv(known).astype(np.float64)
        if (lead, time, other) not in self._drifts:
            before, after = (image.image for image in images if isinstance(image, StackResult))
            self._drifts[lead, time, other] = drift_between(before, after, self._plan.cancel)
        return self._drifts[lead, time, other]


def _with_sureness_of(pooled: Report, own: Report) -> Report:
    """Return the report of a time point with what is said of depth on the pooled planes."""
    before, now = (report.advice.get("texture", []) for report in (own, pooled))
    return dataclasses.replace(
        own,
        health={**own.health, **{name: pooled.health[name] for name in SURENESS}},
        advice={**own.advice, "texture": now},
        notes=[*(note for note in own.notes if note not in before), *now],
    )


def _noted(result: StackResult, note: str) -> StackResult:
    """Return a result with a note added to its report."""
    report = dataclasses.replace(result.report, notes=[*result.report.notes, note])
    return dataclasses.replace(result, report=report)
