"""Focusing of a series: every stack of every position and time point, one at a time."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_focus_stack._utils.steps import expanded
from napari_focus_stack._utils.wording import format_names
from napari_focus_stack.errors import InputError
from napari_focus_stack.series.channels import ChannelPlan, Failed, Outcome
from napari_focus_stack.series.drift import FilmImages, film_drift, moved_back
from napari_focus_stack.series.film import Film
from napari_focus_stack.series.lead import lead_name, lead_of, lead_steps
from napari_focus_stack.series.model import StackIndex
from napari_focus_stack.series.result import PositionResult, SeriesProgress, SeriesResult
from napari_focus_stack.series.selection import find_channel, sized
from napari_focus_stack.series.setting_checks import check_settings

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Mapping

    from napari_focus_stack.imgproc.transforms import Matrix
    from napari_focus_stack.result import Progress, Report, StackResult
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
    done: Mapping[StackIndex, Report] | None = None,
    first_time: int = 0,
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
    done : mapping of StackIndex to Report, optional
        Stacks of a cancelled run that `destination` has; they are not focused again.
    first_time : int
        Time point to begin with; those before it come last.
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
    check_settings(series, settings, series_settings)
    record, maps = _Record(dict(done or {})), {}
    with destination:
        lead = yield from _shown(
            lead_steps(series, series_settings.lead_channel, settings, cancel),
            SeriesProgress("choosing the lead channel", 0, len(series)),
        )
        for number, position in enumerate(series.positions):
            plan = _plan(position, lead, settings, series_settings, cancel)
            film = Film(series, number, plan, transforms or {})
            found = yield from _position_steps(
                series, number, film, plan, destination, record, first_time
            )
            if found is not None:
                maps[number] = found
        if not maps:
            raise InputError(_nothing_fused(series, record))
        files = destination.finish()
    return SeriesResult(
        tuple(
            PositionResult(
                sized(position, settings.pixel_size),
                destination.arrays(maps[number], number) if number in maps else {},
            )
            for number, position in enumerate(series.positions)
        ),
        record.reports,
        record.failed,
        lead,
        [*series.notes, *_without_lead(series, lead), *_drift_notes(record)],
        files,
    )


def _plan(
    position: Position,
    lead: str | int | None,
    settings: Settings,
    series_settings: SeriesSettings,
    cancel: threading.Event | None,
) -> ChannelPlan:
    """Return the plan of one position."""
    lacks = lead is not None and find_channel(position, lead) is None
    lacking = ""
    if lacks and series_settings.follows_surface:
        lacking = (
            f"The position has no channel '{lead}', whose surface its channels would follow; leave "
            "it out, or take another lead channel."
        )
    return ChannelPlan(lead_of(position, lead), settings, series_settings, cancel, lacking)


def _drift_notes(record: _Record) -> list[str]:
    """Return the note on the drift that was removed."""
    drifts = [
        report.series["drift"] for report in record.reports.values() if "drift" in report.series
    ]
    largest = max((math.hypot(drift["x"], drift["y"]) for drift in drifts), default=0.0)
    if largest == 0:
        return []
    return [
        f"The drift of the field over time was removed, up to {largest:.1f} pixels. Margins that a "
        "time point did not record are 0 in its image and NaN in its depth. If the specimen moved "
        "rather than the field, leave out 'drift'."
    ]


def _without_lead(series: Series, lead: str | int | None) -> list[str]:
    """Return the note on positions without the lead channel."""
    if lead is None:
        return []
    names = [
        position.name or str(number)
        for number, position in enumerate(series.positions)
        if len(position.channels) > 1 and find_channel(position, lead) is None
    ]
    if not names:
        return []
    return [
        f"There is no channel '{lead}' in {format_names(names)}; each channel was aligned by "
        "itself there."
    ]


def _position_steps(
    series: Series,
    number: int,
    film: Film,
    plan: ChannelPlan,
    destination: Destination,
    record: _Record,
    first_time: int,
) -> Generator[SeriesProgress, None, PositionMaps | None]:
    """Focus one position; return None if none of its stacks could be fused."""
    position = sized(series.positions[number], plan.settings.pixel_size)
    maps, waiting = destination.opened(number), []
    if not (left := _times_left(number, position, record, first_time)):
        return maps
    for time in left:
        shown = series.describe(StackIndex(number, time))
        outcome = yield from _shown(
            film.time_steps(time), SeriesProgress(shown, record.done, len(series))
        )
        for channel, result in outcome.items():
            index = StackIndex(number, time, channel)
            if not isinstance(result, Failed):
                maps = maps or destination.open(number, position, result)
                result = _written(maps, time, channel, result)
            if isinstance(result, Failed):
                record.failed[index] = result.reason
                waiting.append((time, channel))
                destination.note(index, result.reason)
                continue
            record.reports[index] = _completed(result.report, position, plan)
            destination.note(index, record.reports[index])
    if maps is None:
        return None
    for time, channel in waiting:
        maps.write_failed(time, channel)
    if plan.series_settings.drift and not _is_moved(number, record):
        _remove_drift(maps, number, position, plan, record)
    for index, report in record.reports.items():
        if index.position == number:
            destination.report(position, index, report)
    maps.close()
    return maps


def _times_left(number: int, position: Position, record: _Record, first: int) -> list[int]:
    """Return the time points of a position that are not done, beginning with one of them."""
    channels = range(len(position.channels))
    left = [
        time
        for time in range(position.times)
        if any(StackIndex(number, time, channel) not in record.reports for channel in channels)
    ]
    return sorted(left, key=lambda time: (time < first, time))


def _written(maps: PositionMaps, time: int, channel: int, result: StackResult) -> Outcome:
    """Write the maps of one stack; those of another size than the first are a failure."""
    try:
        maps.write(time, channel, result)
    except InputError as problem:
        return Failed(str(problem))
    return result


def _completed(report: Report, position: Position, plan: ChannelPlan) -> Report:
    """Return a report with the settings of the series."""
    series = {
        **report.series,
        "settings": plan.series_settings.as_dict(),
        "lead": lead_name(position, plan.lead),
    }
    return dataclasses.replace(report, series=series)


def _is_moved(number: int, record: _Record) -> bool:
    """Return whether an earlier part of the run has removed the drift of a position."""
    own = (report for index, report in record.reports.items() if index.position == number)
    return any("drift" in report.series for report in own)


def _remove_drift(
    maps: PositionMaps, number: int, position: Position, plan: ChannelPlan, record: _Record
) -> None:
    """Move every map back by the drift of the field, estimated on the lead channel."""
    channels = range(len(position.channels))
    done = {
        channel: [
            t for t in range(position.times) if StackIndex(number, t, channel) in record.reports
        ]
        for channel in channels
    }
    lead = plan.lead if plan.lead is not None else max(channels, key=lambda c: len(done[c]))
    found: dict[int, Matrix | None] = {}
    if len(done[lead]) > 1:
        drifts = film_drift(FilmImages(maps, done[lead], lead), plan.cancel)
        found = dict(zip(done[lead], drifts, strict=True))
    for channel, times in done.items():
        for time in times:
            index, drift = StackIndex(number, time, channel), found.get(time)
            record.reports[index] = _with_drift(record.reports[index], drift)
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
    moved = {"x": float(drift[0, 2]), "y": float(drift[1, 2])}
    return dataclasses.replace(report, series={**report.series, "drift": moved})


def _shown(
    steps: Generator[Progress, None, Value], shown: SeriesProgress
) -> Generator[SeriesProgress, None, Value]:
    """Show the progress within a stack as that of the series."""
    return expanded(steps, lambda step: [dataclasses.replace(shown, step=step)])


def _nothing_fused(series: Series, record: _Record) -> str:
    """Return the sentence of a series of which every stack failed."""
    first = next(iter(record.failed.values()))
    count = len(record.failed)
    which = "its only stack" if count == 1 else f"none of the {count} stacks"
    return f"'{series.path.name}': {which} could be fused. {first}"
