"""Planning of a batch: what is below the root, what is done already, and what is to do."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_focus_stack.batch.earlier import EarlierResults
from napari_focus_stack.batch.filled import filled_spans, within
from napari_focus_stack.batch.finding import LeftOut, find_series_below
from napari_focus_stack.batch.markers import Marker, made_with, read_markers
from napari_focus_stack.batch.memory import check_memory
from napari_focus_stack.batch.plan import BatchPlan
from napari_focus_stack.batch.records import OLDER_RESULT
from napari_focus_stack.batch.result_names import ResultNames, check_collisions, check_places
from napari_focus_stack.batch.series_planning import SeriesPlanner, left_record
from napari_focus_stack.errors import Cancelled, FocusStackError, InputError, SettingsError
from napari_focus_stack.io.listing import is_folder
from napari_focus_stack.io.places import is_remote
from napari_focus_stack.series.selection import select
from napari_focus_stack.series.setting_checks import check_settings

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from pathlib import Path

    from napari_focus_stack.batch.tasks import BatchOrder
    from napari_focus_stack.series.model import Series
    from napari_focus_stack.series.selection import SeriesPart


def plan_batch(
    order: BatchOrder,
    *,
    redo: bool = False,
    tried: Mapping[str, str] | None = None,
    quiet: float = 0.0,
    any_settings: bool = False,
    cancel: threading.Event | None = None,
) -> BatchPlan:
    """Plan a batch: read names and headers, and no pixel.

    Parameters
    ----------
    order : BatchOrder
        The batch.
    redo : bool
        Whether stacks that are done are done again.
    tried : mapping of str to str, optional
        Fingerprint by marker of stacks that have failed in this call and are not tried again.
    quiet : float
        Seconds for which the files of a stack must not have changed.
    any_settings : bool
        Whether stacks that other settings made count as done, and are not refused: for lists alone.
    cancel : threading.Event, optional
        Once set, `Cancelled` is raised.

    Returns
    -------
    BatchPlan
        The plan.

    Raises
    ------
    SettingsError
        Two stacks would be written to one file; the folders lie in each other; or results are
        there that other settings or another version made, and neither `redo` nor `any_settings`
        is given.
    OutputError
        A result would replace a file that was not written here.
    Cancelled
        `cancel` was set.
    """
    root, out = order.source("."), order.result("")
    check_order(order)
    markers = read_markers(out)
    otherwise = "" if redo else _made_otherwise(order, markers)
    if otherwise and not any_settings:
        raise SettingsError(otherwise)
    earlier = EarlierResults(
        order, markers, redo=redo, tried=tried or {}, any_settings=any_settings
    )
    plan = BatchPlan(
        order=order,
        markers=markers,
        outdated=earlier.outdated(),
        quiet=quiet,
        otherwise=otherwise,
    )
    names: list[ResultNames] = []
    refused: list[SettingsError] = []
    since = time.time() - quiet
    for found in find_series_below(root, pattern=order.pattern, axes=order.axes, skip=out):
        if cancel is not None and cancel.is_set():
            raise Cancelled
        if order.selection.excludes(found.source):
            continue
        if isinstance(found, LeftOut):
            _add_left(plan, found, since)
            continue
        try:
            spans = filled_spans(found.series)
            part = within(_selected(found.series, order), spans)
            check_settings(part, order.settings, order.series_settings)
            check_memory(part, order.settings)
        except SettingsError as problem:
            plan.left.append(replace(left_record(found.source, str(problem)), state="failed"))
            refused.append(problem)
            continue
        except FocusStackError as problem:
            plan.left.append(left_record(found.source, str(problem)))
            continue
        series = SeriesPlanner(order, found, part, earlier, spans)
        series.add_to(plan, since)
        names.append(series.names)
    if refused and not plan.listed:
        raise refused[0]
    check_collisions(names)
    plan.outdated |= earlier.ghosts(names)
    earlier.check_places(plan.tasks)
    return plan


def _add_left(plan: BatchPlan, found: LeftOut, quiet_since: float) -> None:
    """Add what is no stack; a file that was damaged just now may still be being written."""
    record = left_record(found.source, found.why)
    if not found.is_failure:
        plan.left.append(record)
        return
    done = any(
        marker.record.name.source == found.source and marker.record.state == "done"
        for marker in plan.markers.values()
    )
    record = replace(record, why=record.why + (OLDER_RESULT if done else ""))
    change = _last_change(plan.order.source(found.source))
    if change > quiet_since:
        plan.young.append(record.name)
        plan.youngest = max(plan.youngest, change)
    else:
        plan.left.append(replace(record, state="failed"))


def _last_change(place: Path) -> float:
    """Return when a file, or one in a folder, was last changed, in seconds since the epoch."""
    if is_remote(place):
        return 0.0
    files = [place, *place.iterdir()] if place.is_dir() else [place]
    return max(file.lstat().st_mtime for file in files)


def check_order(order: BatchOrder) -> None:
    """Refuse folders that no batch can use, before anything is written.

    Parameters
    ----------
    order : BatchOrder
        The batch.

    Raises
    ------
    InputError
        There is no such root.
    SettingsError
        The folders lie in each other, or a URL is to hold TIFF.
    """
    root, out = order.source("."), order.result("")
    if not is_remote(root):
        is_folder(root)
    check_places(root, out)
    if is_remote(out) and order.format != "zarr":
        raise SettingsError(f"'{order.out}' is a URL, which takes OME-Zarr alone: --format zarr.")


def _made_otherwise(order: BatchOrder, markers: Mapping[str, Marker]) -> str:
    """Return why results of other settings are refused, which a run would mix with its own."""
    wanted = made_with(order)
    for name, marker in markers.items():
        differing = [key for key in wanted if marker.made_with.get(key) != wanted[key]]
        if marker.record.state == "done" and differing:
            what = _difference(marker.made_with, wanted, differing[0])
            return (
                f"'{order.out}' holds results that were made otherwise ('{name}': {what}); give "
                "the same settings, another folder, or --redo to do all of them again."
            )
    return ""


def _difference(before: Mapping[str, Any], wanted: Mapping[str, Any], key: str) -> str:
    """Return the first difference of two runs."""
    old, new = before.get(key), wanted[key]
    if isinstance(old, dict) and isinstance(new, dict):
        absent = object()  # a name may be there with null
        names = [k for k in {**old, **new} if old.get(k, absent) != new.get(k, absent)]
        return f"{names[0]} {_shown(old.get(names[0]))} instead of {_shown(new.get(names[0]))}"
    return f"{key} {_shown(old)} instead of {_shown(new)}"


def _shown(value: object) -> str:
    """Return a value of JSON for a message, cut short where it is longer than any of ours."""
    if value is None:
        return "none"
    return f"{json.dumps(value) if isinstance(value, list | dict) else repr(value):.60}"


def _selected(series: Series, order: BatchOrder) -> SeriesPart:
    """Return the part of a series that is stacked.

    Raises
    ------
    InputError
        It has no z axis.
    SettingsError
        It has no such position, time point or channel.
    """
    wanted = order.selection
    part = select(series, wanted.positions, wanted.time, wanted.channels)
    if all(position.planes < 2 for position in part.positions):
        raise InputError("It has no z axis, so there is nothing to stack.")
    return part
