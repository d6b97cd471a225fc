"""Focusing of a series: every stack of every position and time point, one at a time."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.series.channels import ChannelPlan, Failed
from napari_focus_stack.series.drift import FilmImages, film_drift, moved_back
from napari_focus_stack.series.film import Film
from napari_focus_stack.series.lead import lead_name, lead_of, lead_steps
from napari_focus_stack.series.model import StackIndex
from napari_focus_stack.series.result import PositionResult, SeriesProgress, SeriesResult

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Mapping

    from napari_focus_stack.imgproc.transforms import Matrix
    from napari_focus_stack.result import Progress, Report
    from napari_focus_stack.series.destinations import Destination, PositionMaps
    from napari_focus_stack.series.model import Position, Series
    from napari_focus_stack.series.series_settings import SeriesSettings
    from napari_focus_stack.settings import Settings

Value = TypeVar("Value")


@dataclasses.dataclass
class _Record:
    """Reports and failures so far."""

    reports: dict[StackIndex, Report] = dataclasses.field(default_factory=dict)
    failed: dict[StackIndex, str] = dataclasses.field(default_factory=dict)

    @property
    def done(self) -> int:
        """Number of stacks that are fused or have failed."""
        return len(self.reports) + len(self.failed)


def focus_series_steps(
    series: Series,
    settings: Settings,
    series_settings: SeriesSettings,
    destination: Destination,
    *,
    transforms: Mapping[tuple[int, int], Any] | None = None,
    cancel: threading.Event | None = None,
) -> Generator[SeriesProgress, None, SeriesResult]:
    """Focus a series step by step, for a caller that shows progress or may cancel.

    One stack is in memory at a time, with the results of as many time points as are pooled.

    Parameters
    ----------
    series : Series
        The series, or a part of it.
    settings : Settings
        Parameters of every stack.
    series_settings : SeriesSettings
        Parameters of the series.
    destination : Destination
        Place of the results.
    transforms : mapping of (int, int) to object, optional
        Prior transforms by position and time point, as for `stack_steps`.
    cancel : threading.Event, optional
        Once set, the run raises `Cancelled` at its next check.

    Returns
    -------
    SeriesResult
        Through ``StopIteration.value`` (or ``yield from``).

    Yields
    ------
    SeriesProgress
        Before each plane.

    Raises
    ------
    InputError
        No stack of the series could be fused.
    SettingsError
        A setting does not fit the series.
    OutputError
        A result cannot be written.
    Cancelled
        `cancel` was set.
    """
    _check(series, settings, series_settings)
    record, maps = _Record(), {}
    with destination:
        lead = yield from _shown(
            lead_steps(series, series_settings.lead_channel, cancel),
            SeriesProgress("choosing the lead channel", 0, len(series)),
        )
        for number, position in enumerate(series.positions):
            plan = ChannelPlan(lead_of(position, lead), settings, series_settings, cancel)
            found = yield from _position_steps(
                series, number, plan, destination, record, transforms or {}
            )
            if found is not None:
                maps[number] = found
        if not maps:
            raise InputError(_nothing_fused(series, record))
        files = destination.finish()
    return SeriesResult(
        tuple(
            PositionResult(series.positions[number], destination.arrays(found, number))
            for number, found in maps.items()
        ),
        record.reports,
        record.failed,
        lead,
        list(series.notes),
        files,
    )


def _check(series: Series, settings: Settings, series_settings: SeriesSettings) -> None:
    """Refuse settings that fit no stack of the series."""
    stacked = [position for position in series.positions if position.planes > 1]
    if not stacked:
        raise InputError(
            f"'{series.path.name}' has no z axis, so there is nothing to stack; name the axes "
            "(axes='TZYX') if one of them is the focus."
        )
    settings.reference_plane(max(position.planes for position in stacked))
    for position in stacked:
        settings.region_in(position.plane_shape)
    longest = max(position.times for position in series.positions)
    if settings.crop and longest > 1:
        raise SettingsError(
            "crop would give every time point another size; crop the film afterwards."
        )
    if longest == 1 and (series_settings.smooth_time > 1 or series_settings.drift):
        name = "smooth_time" if series_settings.smooth_time > 1 else "drift"
        raise SettingsError(f"{name} needs several time points; this series has one.")


def _position_steps(
    series: Series,
    number: int,
    plan: ChannelPlan,
    destination: Destination,
    record: _Record,
    transforms: Mapping[tuple[int, int], Any],
) -> Generator[SeriesProgress, None, PositionMaps | None]:
    """Focus one position; return None if none of its stacks could be fused."""
    position, film = series.positions[number], Film(series, number, plan, transforms)
    maps, waiting = None, []
    for time in range(position.times):
        shown = series.describe(StackIndex(number, time))
        outcome = yield from _shown(
            film.time_steps(time), SeriesProgress(shown, record.done, len(series))
        )
        for channel, result in outcome.items():
            index = StackIndex(number, time, channel)
            if isinstance(result, Failed):
                record.failed[index] = result.reason
                waiting.append((time, channel))
                continue
            maps = maps or destination.open(number, position, result)
            maps.write(time, channel, result)
            record.reports[index] = _completed(result.report, position, plan)
    if maps is None:
        return None
    for time, channel in waiting:
        maps.write_failed(time, channel)
    if plan.series_settings.drift:
        _remove_drift(maps, number, position, plan, record)
    for index, report in record.reports.items():
        if index.position == number:
            destination.report(position, index, report)
    maps.close()
    return maps


def _completed(report: Report, position: Position, plan: ChannelPlan) -> Report:
    """Return a report with the settings of the series."""
    series = {
        **report.series,
        "settings": plan.series_settings.as_dict(),
        "lead": lead_name(position, plan.lead),
    }
    return dataclasses.replace(report, series=series)


def _remove_drift(
    maps: PositionMaps, number: int, position: Position, plan: ChannelPlan, record: _Record
) -> None:
    """Move every map back by the drift of the field, estimated on the lead channel."""
    lead = plan.lead or 0
    times = [t for t in range(position.times) if StackIndex(number, t, lead) in record.reports]
    if len(times) < 2:
        return
    drifts = film_drift(FilmImages(maps, times, lead), plan.cancel)
    for time, drift in zip(times, drifts, strict=True):
        for channel in range(len(position.channels)):
            index = StackIndex(number, time, channel)
            if index in record.reports:
                report = record.reports[index]
                record.reports[index] = _with_drift(report, drift)
                if drift is not None:
                    _move_back(maps, time, channel, drift, whole=plan.settings.selects)


def _move_back(maps: PositionMaps, time: int, channel: int, drift: Matrix, *, whole: bool) -> None:
    """Move the maps of one stack back."""
    for role in maps.writers:
        moved = moved_back(maps.read(role, time, channel), drift, whole=whole)
        if role == "confidence":
            moved = np.nan_to_num(moved)
        maps.write_map(role, time, channel, moved)


def _with_drift(report: Report, drift: Matrix | None) -> Report:
    """Return a report that names the drift."""
    if drift is None:
        note = "The drift of the field could not be found at this time point; it was not moved."
        return dataclasses.replace(report, notes=[*report.notes, note])
    moved = [float(drift[0, 2]), float(drift[1, 2])]
    return dataclasses.replace(report, series={**report.series, "drift": moved})


def _shown(
    steps: Generator[Progress, None, Value], shown: SeriesProgress
) -> Generator[SeriesProgress, None, Value]:
    """Show the progress within a stack as that of the series."""
    with closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                value: Value = end.value
                return value
            yield dataclasses.replace(shown, step=step)


def _nothing_fused(series: Series, record: _Record) -> str:
    """Return the sentence of a series of which every stack failed."""
    first = next(iter(record.failed.values()))
    count = len(record.failed)
    which = "its only stack" if count == 1 else f"none of the {count} stacks"
    return f"'{series.path.name}': {which} could be fused. {first}"
