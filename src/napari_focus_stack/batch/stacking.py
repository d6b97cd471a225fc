"""Work of a batch: the one function that every process and every cluster calls."""

from __future__ import annotations

import dataclasses
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING

from napari_focus_stack._utils.steps import drain
from napari_focus_stack._version import __version__
from napari_focus_stack.batch.fingerprints import Fingerprints
from napari_focus_stack.batch.folder import check_claim
from napari_focus_stack.batch.markers import Marker, made_with, remove_marker, write_marker
from napari_focus_stack.batch.memory import memory_of_stack
from napari_focus_stack.batch.records import OLDER_RESULT, BatchRecord, StackName
from napari_focus_stack.batch.results import CHANGED, TaskResults, has_whole_result
from napari_focus_stack.batch.tasks import opened
from napari_focus_stack.errors import (
    Cancelled,
    FocusStackError,
    OutputError,
    SettingsError,
    in_words,
)
from napari_focus_stack.io.plane_files import reason_among_many
from napari_focus_stack.series.lead import lead_steps
from napari_focus_stack.series.selection import sized
from napari_focus_stack.series.steps import focus_series_steps

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from napari_focus_stack.batch.tasks import BatchOrder, LeadTask, StackTask
    from napari_focus_stack.series.model import Position, Series, StackIndex
    from napari_focus_stack.series.result import SeriesProgress


def find_lead(
    order: BatchOrder, task: LeadTask, cancel: threading.Event | None = None
) -> str | int:
    """Find the lead channel of a series.

    Parameters
    ----------
    order : BatchOrder
        The batch.
    task : LeadTask
        The series.
    cancel : threading.Event, optional
        Once set, the call raises `Cancelled`.

    Returns
    -------
    str or int
        Name or number; what the settings say where the series cannot be read.

    Raises
    ------
    Cancelled
        `cancel` was set.
    """
    wanted = order.series_settings.lead_channel
    try:
        part = task.part(opened(order, task))
        own = _own_order(order, part.positions[0], None).settings
        found = drain(lead_steps(part, wanted, own, cancel))
    except Cancelled:
        raise
    except Exception:  # noqa: BLE001 - its tasks fail with the reason
        return wanted
    return wanted if found is None else found


def stack_task(
    order: BatchOrder,
    task: StackTask,
    lead: str | int | None = None,
    on_step: Callable[[SeriesProgress], object] | None = None,
    cancel: threading.Event | None = None,
) -> list[BatchRecord]:
    """Stack the channels of a task and write results, pictures and, last, its markers.

    Parameters
    ----------
    order : BatchOrder
        The batch.
    task : StackTask
        The task.
    lead : str or int, optional
        Lead channel that was found for the series; that of the task by default.
    on_step : callable, optional
        Called with the progress before each plane.
    cancel : threading.Event, optional
        Once set, the call raises `Cancelled`.

    Returns
    -------
    list of BatchRecord
        One for each stack, whose markers are written.

    Raises
    ------
    SettingsError
        The order is of another version of napari-focus-stack.
    OutputError
        A result cannot be written.
    Cancelled
        `cancel` was set.
    """
    _refuse_other_version(order)
    check_claim(order)
    start = time.monotonic()
    _remove_markers(order, task)
    try:
        series = opened(order, task)
        part = task.part(series)
        film = sized(task.film(series).positions[0], order.settings.pixel_size)
    except (FocusStackError, IndexError) as problem:
        lost = f"'{task.source}' has changed: {problem}"
        return _write_whole_failure(order, task, lost, start)
    has_changed = partial(_has_changed, task, series)
    results = TaskResults(order, task, film, has_changed)
    own = _own_order(order, film, task.lead if lead is None else lead)
    failed = _stack(own, part, results, on_step, cancel)
    check_claim(order)
    if has_changed():
        failed = dict.fromkeys(part, CHANGED)
        results.finished.clear()
    reasons = {
        _numbers(task, index): reason + results.earlier_words(index)
        for index, reason in failed.items()
    }
    return [
        *_write_failures(order, task, reasons, start, series),
        *(
            _write_finished(order, task, series, results, index, start)
            for index in sorted(results.finished)
        ),
    ]


def _refuse_other_version(order: BatchOrder) -> None:
    """Refuse the order of another version, whose results would differ."""
    if order.version != __version__:
        raise SettingsError(
            f"The batch is of napari-focus-stack {order.version}, and this worker has "
            f"{__version__}; install the same version on every worker."
        )


def _remove_markers(order: BatchOrder, task: StackTask) -> None:
    """Remove the markers of an earlier run before its results are touched."""
    for name in task.markers.values():
        remove_marker(order.result(name))


def _own_order(order: BatchOrder, film: Position, lead: str | int | None) -> BatchOrder:
    """Return the order with the memory of one stack and the lead channel of its series."""
    memory = memory_of_stack(film, order.settings)
    settings = dataclasses.replace(order.settings, memory=memory)
    if lead is None:
        return dataclasses.replace(order, settings=settings)
    of_series = dataclasses.replace(order.series_settings, lead_channel=lead)
    return dataclasses.replace(order, settings=settings, series_settings=of_series)


def _stack(
    order: BatchOrder,
    part: Series,
    results: TaskResults,
    on_step: Callable[[SeriesProgress], object] | None,
    cancel: threading.Event | None,
) -> dict[StackIndex, str]:
    """Stack the part of a series; return the reasons of the stacks that failed."""
    steps = focus_series_steps(part, order.settings, order.series_settings, results, cancel=cancel)
    try:
        drain(steps, on_step)
    except (Cancelled, OutputError):
        raise
    except FocusStackError as problem:
        why = reason_among_many(problem)
    except Exception as problem:  # noqa: BLE001 - a defect in one stack must not end a night's work
        why = _reason(problem)
    else:
        return results.failed
    results.finished.clear()
    return {index: results.failed.get(index, why) for index in part}


def _reason(problem: Exception) -> str:
    """Return why a stack failed; the details of a defect go to the terminal."""
    of_system = in_words(problem)
    if of_system is not None:
        return str(of_system)
    traceback.print_exception(problem)
    what = f"{type(problem).__name__}: {problem}"
    return f"Internal error ({what}); please report it with the file."


def _has_changed(task: StackTask, series: Series) -> bool:
    """Return whether files of a task are others than when it was planned."""
    now = Fingerprints()
    return any(
        now.fingerprint(series, task.position, time) != before
        for time, before in task.fingerprints.items()
    )


def _numbers(task: StackTask, index: StackIndex) -> tuple[int, int]:
    """Return the numbers of time point and channel in the series."""
    return task.times[0] + index.time, task.channels[index.channel]


def _name(task: StackTask, place: tuple[int, int], series: Series | None) -> StackName:
    """Return the name of a stack, as far as its series can be read."""
    time_point, channel = place
    plain = StackName(source=task.source, position=task.position, time=time_point, channel=channel)
    if series is None:
        return plain
    position = series.positions[task.position]
    return dataclasses.replace(
        plain,
        position_name=position.name,
        channel_name=position.channels[channel].name,
        well=position.well,
    )


def _write_whole_failure(
    order: BatchOrder, task: StackTask, reason: str, start: float
) -> list[BatchRecord]:
    """Write the markers of a task that has stacked nothing and return its records."""
    why = reason + (OLDER_RESULT if has_whole_result(order, task) else "")
    return _write_failures(order, task, dict.fromkeys(task.markers, why), start)


def _write_failures(
    order: BatchOrder,
    task: StackTask,
    failed: Mapping[tuple[int, int], str],
    start: float,
    series: Series | None = None,
) -> list[BatchRecord]:
    """Write the markers of stacks that failed and return their records."""
    records = []
    for place, reason in failed.items():
        record = BatchRecord(
            name=_name(task, place, series),
            state="failed",
            why=reason,
            seconds=time.monotonic() - start,
            report=task.markers[place],
        )
        fingerprint = task.fingerprints.get(place[0], "")
        marker = Marker(record, fingerprint, made_with(order), root=order.root)
        write_marker(order.result(record.report), marker, None)
        records.append(record)
    return records


def _write_finished(
    order: BatchOrder,
    task: StackTask,
    series: Series,
    results: TaskResults,
    index: StackIndex,
    start: float,
) -> BatchRecord:
    """Write the marker of a stack that was fused and return its record."""
    place, finished = _numbers(task, index), results.finished[index]
    # what the reader of the series left out or took for granted holds for each of its stacks
    notes = list(dict.fromkeys((*series.notes, *finished.report.notes)))
    report = dataclasses.replace(finished.report, notes=notes)
    record = BatchRecord(
        name=_name(task, place, series),
        state="done",
        seconds=time.monotonic() - start,
        figures=finished.figures,
        notes=tuple(notes),
        results=results.written,
        pictures=finished.pictures,
        report=task.markers[place],
    )
    marker = Marker(
        record,
        task.fingerprints[place[0]],
        made_with(order),
        task.layout,
        results.sizes(),
        report.series.get("lead"),
        order.root,
    )
    write_marker(order.result(record.report), marker, report)
    return record


def lost_task(order: BatchOrder, task: StackTask, deaths: int) -> list[BatchRecord]:
    """Write the markers of a task that has cost several workers their lives.

    Parameters
    ----------
    order : BatchOrder
        The batch.
    task : StackTask
        The task.
    deaths : int
        Number of workers.

    Returns
    -------
    list of BatchRecord
        One failure for each stack.
    """
    why = (
        f"{deaths} workers died over it, most likely for want of memory; give more (--memory), or "
        "look whether its files are sound."
    )
    return _write_whole_failure(order, task, why, time.monotonic())
