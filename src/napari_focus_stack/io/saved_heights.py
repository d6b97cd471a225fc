"""Heights in files of saved results (`.focusstack`), each with the maps of its own run."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.plane_files import DAMAGE, reason
from napari_focus_stack.io.results_file import SavedResult, read_saved
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.spacing_metadata import micrometres
from napari_focus_stack.io.stored_heights import HeightField, StoredHeights, calibration_of, ends_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

OF_ONE_RUN = ("sources", "cut", "aligned_on", "settings", "transforms", "crop", "spacing")
"""Entries of the metadata of a layer that results of one run share."""
_ROLES = ("height", "depth", "depth-index")
"""Roles that hold heights, the better ones first."""
_AXES = {"t": "time", "c": "channel", "p": "position"}
"""Series axes by the first letter of napari's labels."""

Run = dict[str, SavedResult]
"""Results of one run by their role."""


def saved_heights(path: Path) -> list[StoredHeights]:
    """Return all heights in a file of saved results.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    list of StoredHeights
        Empty if it holds neither heights nor depths.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    saved = read_saved(path)
    try:
        runs = [run for run in _runs(saved) if any(role in run for role in _ROLES)]
        return [stored for run in runs for stored in _fields(run, several=len(runs) > 1)]
    except DAMAGE as problem:
        raise InputError(f"'{path}' is damaged ({reason(problem)}); save it again.") from problem


def _runs(saved: Sequence[SavedResult]) -> list[Run]:
    """Return the results by their runs; a role that is there twice begins another run."""
    runs: dict[str, list[Run]] = {}
    for result in saved:
        of_run = runs.setdefault(_run_of(result), [])
        run = next((run for run in of_run if result.role not in run), None)
        if run is None:
            run = {}
            of_run.append(run)
        run[result.role] = result
    return [run for of_run in runs.values() for run in of_run]


def _run_of(result: SavedResult) -> str:
    """Return a text that the results of one run share."""
    known = _metadata(result)
    parts = [*(known.get(key) for key in (*OF_ONE_RUN, "channel")), _leading(result)]
    return json.dumps(parts, sort_keys=True, default=str)


def _metadata(result: SavedResult) -> Mapping[str, Any]:
    return result.more.get("metadata") or {}


def _leading(result: SavedResult) -> list[int]:
    """Return the lengths of the axes before y and x."""
    shape = (result.more.get("layer") or {}).get("shape") or result.array.shape
    planes = len(shape) - (2 if result.role != "stacked" else _plane_axes(result))
    return [int(length) for length in shape[:planes]]


def _plane_axes(result: SavedResult) -> int:
    rgb = (result.more.get("layer") or {}).get("rgb")
    is_colour = result.array.shape[-1] in (3, 4) and result.array.ndim > 2 if rgb is None else rgb
    return 3 if is_colour else 2


def _fields(run: Run, *, several: bool) -> Iterator[StoredHeights]:
    """Yield every field of a run: one for each entry of its leading axes."""
    main = _main(run)
    name = run.get("stacked", main).name
    lengths = _leading(main)
    labels = (main.more.get("layer") or {}).get("axis_labels") or ["t"] * len(lengths)
    for number, place in enumerate(np.ndindex(*lengths)):
        at = {
            _AXES.get(str(label)[:1].lower(), "time"): index
            for label, index, length in zip(labels, place, lengths, strict=False)
            if length > 1
        }
        parts = [*([name] if several else []), *([str(at["position"])] if "position" in at else [])]
        yield StoredHeights(
            name=name,
            read=partial(_read, run, number if lengths else None),
            position=" ".join(parts),
            time=at.get("time"),
            channel=at.get("channel"),
        )


def _main(run: Run) -> SavedResult:
    return next(run[role] for role in _ROLES if role in run)


def _read(run: Run, number: int | None) -> HeightField:
    """Return a field of a run, with the notes that its layers carry."""
    try:
        return _field(run, number)
    except DAMAGE as problem:
        name = _main(run).name
        raise InputError(f"'{name}' is damaged ({reason(problem)}); save it again.") from problem


def _field(run: Run, number: int | None) -> HeightField:
    main = _main(run)
    known = _metadata(main)
    arrays = {
        role: np.asarray(result.array if number is None else result.array[number])
        for role, result in run.items()
        if role in (main.role, "confidence", "stacked")
    }
    return HeightField(
        values=arrays[main.role],
        kind="height" if main.role == "height" else "depth",
        confidence=arrays.get("confidence"),
        image=arrays.get("stacked"),
        spacing=_spacing(main.spacing, known.get("spacing") or {}),
        z_calibration=calibration_of(known),
        depth_unit=float(known.get("depth_unit") or 1.0),
        ends=ends_of(known),
    )


def _spacing(layer: Spacing, run: Mapping[str, Any]) -> Spacing:
    """Return the distances in the unit of the heights, which is that of the run.

    A layer may have been given another unit in the viewer since.
    """
    unit = run.get("unit") or layer.unit
    if unit == layer.unit:
        return layer
    there, here = micrometres(1.0, layer.unit), micrometres(1.0, unit)
    z = run.get("z")
    if there is None or here is None or layer.y is None or layer.x is None:
        return Spacing(z=z, unit=unit)
    factor = there / here
    return Spacing(y=layer.y * factor, x=layer.x * factor, z=z, unit=unit)
