"""Results of a batch as layers: a stack with its maps, or the film that it is part of."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._napari.io.series_layers import series_layers
from napari_focus_stack._napari.layers.appearance import OUTPUTS, map_appearance
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.names import role_name
from napari_focus_stack._napari.layers.saved_results import layer_data
from napari_focus_stack._napari.layers.stack_slice import StackSlice
from napari_focus_stack.errors import FocusStackError, InputError
from napari_focus_stack.io.json_documents import read_json
from napari_focus_stack.io.places import read_errors
from napari_focus_stack.io.plane_files import DAMAGE
from napari_focus_stack.io.recipe import Recipe
from napari_focus_stack.io.result_outputs import carried
from napari_focus_stack.io.results_file import SavedResult
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.tiff_file import open_tiff_file
from napari_focus_stack.result import Report
from napari_focus_stack.series.model import Series, StackIndex
from napari_focus_stack.series.opening import open_series

if TYPE_CHECKING:
    from pathlib import Path

    from napari_focus_stack.batch.records import BatchRecord, StackName

    LayerData = tuple[Any, ...]

STACKED = "stacked"
"""Role of the sharp image's layer."""
_ENDS = (".ome.tif", ".ome.zarr")


@dataclass(frozen=True)
class _Read:
    """What is shared by the layers of one stack."""

    record: BatchRecord
    name: str
    report: Report
    recipe: Recipe


def read_batch_result(out: Path, record: BatchRecord) -> list[LayerData]:
    """Read the results of a stack as layers; those of a film with all its time points.

    Parameters
    ----------
    out : pathlib.Path
        Folder of the results.
    record : BatchRecord
        A stack that is done.

    Returns
    -------
    list of tuple
        (data, arguments, "image") of each map, and last of the sharp image, which is on top. Films
        are read when they are shown.

    Raises
    ------
    InputError
        A file is missing or damaged.
    """
    by_attribute = {output.attribute: role for role, output in OUTPUTS.items()}
    places = {by_attribute.get(role, STACKED): place for role, place in record.results.items()}
    roles = [*(role for role in OUTPUTS if role in places), STACKED]
    try:
        read = _Read(record, _name(record), *_report(out / record.report))
        return [_layer(out / places[role], role, read) for role in roles]
    except FocusStackError:
        raise
    except DAMAGE as problem:
        raise InputError(
            f"The results of '{record.name.source}' in '{out}' are damaged ({problem}); delete "
            f"'{record.report}' there and press 'Run', which does that stack again."
        ) from problem


def _name(record: BatchRecord) -> str:
    """Return the name of the layers of a stack: that of its file, and its channel."""
    stem = PurePosixPath(record.results["image"]).name
    for end in _ENDS:
        stem = stem.removesuffix(end)
    number = record.name.channel
    channel = record.name.channel_name or (f"channel {number}" if number else "")
    return " ".join(filter(None, [stem, channel]))


def _report(marker: Path) -> tuple[Report, Recipe]:
    """Return the report and the recipe in the marker of a stack."""
    with read_errors(marker):
        plain = read_json(marker)
    recipe = Recipe.of_document(plain, marker)
    # a marker has paths relative to its folder, with which no layer's files would agree
    inputs = tuple(name if "://" in name else os.path.normpath(name) for name in recipe.inputs)
    return Report.from_dict(plain), replace(recipe, inputs=inputs)


def _layer(place: Path, role: str, read: _Read) -> LayerData:
    """Return one map as a layer."""
    if not place.exists():
        raise InputError(
            f"'{place}' is not there; a film has its file when all its time points are done. "
            "Press 'Run' to complete it."
        )
    data, arguments = _film(place, read.record.name)
    if data.ndim - bool(arguments.get("rgb")) > 2:
        return data, {**arguments, **_look(role, data, read)}, "image"
    return _picture(np.asarray(data), role, read)


def _film(place: Path, name: StackName) -> tuple[Any, dict[str, Any]]:
    """Return the images of a channel of a position, and the arguments of their layer."""
    if place.name.endswith(_ENDS[0]):
        with open_tiff_file(place) as tif:
            if len(tif.pages) == 1:
                return tif.asarray(), {"rgb": tif.pages.first.samplesperpixel > 1}
    series = open_series(place)
    position = _position(series, name)
    own = series.positions[position]
    channel = min(name.channel, len(own.channels) - 1)  # maps may be of the lead channel alone
    # not a `SeriesPart`, which opens stacks: results have one plane, and would be shown as zeros
    alone = Series(
        series.path,
        series.kind,
        [replace(own, channels=(own.channels[channel],))],
        lambda index: series.planes(StackIndex(position, index.time, channel)),
    )
    [(data, arguments, _)] = series_layers(alone, place.name).layers
    return data, arguments


def _position(series: Series, name: StackName) -> int:
    """Return the number of a position, which a plate may have under another one."""
    names = [position.name for position in series.positions]
    if len(names) == 1:
        return 0
    return names.index(name.position_name) if name.position_name in names else name.position


def _past(role: str, read: _Read) -> dict[str, Any]:
    """Return what a layer carries of its run."""
    return {
        "role": role,
        "sources": [read.name],
        "cut": StackSlice().as_dict(),
        "source_ids": [],
        "aligned_on": None,
        **carried(read.report),
        "inputs": list(read.recipe.inputs),
    }


def _title(role: str, read: _Read) -> str:
    return role_name(read.name, OUTPUTS[role].suffix if role in OUTPUTS else "sharp")


def _look(role: str, data: Any, read: _Read) -> dict[str, Any]:
    """Return the arguments by which the layer of a film differs from any other film."""
    past = {**_past(role, read), "scope": ["time"], "channel": read.record.name.channel}
    own = {"name": _title(role, read), "metadata": {METADATA_KEY: past}}
    if role not in OUTPUTS:
        return own
    shown = np.asarray(data[min(read.record.name.time, data.shape[0] - 1)])
    return {**map_appearance(role, shown, max(len(read.report.planes) - 1.0, 1.0)), **own}


def _picture(array: Any, role: str, read: _Read) -> LayerData:
    """Return the layer of a single picture."""
    saved = SavedResult(
        role=role,
        name=_title(role, read),
        array=array,
        spacing=Spacing(**read.report.spacing),
        recipe=read.recipe,
        more={"metadata": _past(role, read)},
    )
    return layer_data(saved)
