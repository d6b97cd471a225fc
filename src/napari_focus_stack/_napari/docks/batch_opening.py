"""Results of a batch in the viewer: one at a time, each opened once."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_focus_stack._napari.io.batch_results import read_batch_result
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.names import numbered
from napari_focus_stack._napari.workers.job import at_once
from napari_focus_stack.io.places import as_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import napari

    from napari_focus_stack._napari.io.folder_reader import LayerData
    from napari_focus_stack._napari.widgets.job_row import JobRow
    from napari_focus_stack.batch.records import BatchRecord

    Key = tuple[str, str, int]

TIME = "t"


class BatchOpening:
    """Opened results of a batch.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where they go.
    job : JobRow
        Row that shows how it went.
    """

    def __init__(self, viewer: napari.viewer.Viewer, job: JobRow) -> None:
        self._viewer, self._job = viewer, job
        self._opened: dict[Key, list[Image]] = {}

    def open(self, out: str, record: BatchRecord) -> None:
        """Open a result; show it if it is open already.

        Parameters
        ----------
        out : str
            Folder of the results.
        record : BatchRecord
            A stack that is done.
        """
        key = _key(out, record)
        layers = self._opened.get(key, [])
        if layers and all(layer in self._viewer.layers for layer in layers):
            is_other = self._viewer.layers.selection.active not in layers
            self._show(layers, record, fit=is_other)
            self._job.status.value = f"'{layers[-1].name}' was open already; it is shown again."
            return
        read = partial(read_batch_result, as_place(out), record)
        self._job.run(at_once(read), partial(self._add, key, record))

    def outdate(self, out: str, records: Iterable[BatchRecord]) -> None:
        """Take in that stacks were done anew: their results are read again.

        Parameters
        ----------
        out : str
            Folder of the results.
        records : iterable of BatchRecord
            What became of stacks.
        """
        for record in records:
            if record.state == "done" and not record.kept:
                self._opened.pop(_key(out, record), None)

    def _add(self, key: Key, record: BatchRecord, made: list[LayerData]) -> str:
        """Add layers, the sharp image on top."""
        taken = [layer.name for layer in self._viewer.layers]
        names = numbered([given["name"] for _, given, _ in made], taken)
        layers = []
        for (data, given, _), name in zip(made, names, strict=True):
            placed = _beside(self._viewer.layers, {**given, "name": name})
            layers.append(Image(data, **placed))
        self._viewer.layers.extend(layers)
        self._opened[key] = layers
        self._show(layers, record, fit=True)
        opened = f"Opened '{names[-1]}'; hide it to see the maps below it."
        return f"{opened} {_shared_slider(self._viewer, layers[-1])}".strip()

    def _show(self, layers: Sequence[Image], record: BatchRecord, *, fit: bool) -> None:
        """Show the layers of one result alone, and go to its time point."""
        for layer in self._viewer.layers:
            if layer in layers:
                layer.visible = True
            elif METADATA_KEY in layer.metadata:
                layer.visible = False
        top = layers[-1]
        self._viewer.layers.selection.active = top
        if fit:
            _fit(self._viewer, top)
        if TIME in top.axis_labels:
            axis = top.axis_labels.index(TIME)
            at = record.name.time * top.scale[axis] + top.translate[axis]
            self._viewer.dims.set_point(self._viewer.dims.ndim - top.ndim + axis, at)


def _key(out: str, record: BatchRecord) -> Key:
    """Return what the layers of a result are known by; all times of a film have the same."""
    return out, record.results.get("image", ""), record.name.channel


def _shared_slider(viewer: napari.viewer.Viewer, film: Image) -> str:
    """Return a sentence if the slider of a film's times has the name of another axis."""
    if TIME not in film.axis_labels:
        return ""
    name = viewer.dims.axis_labels[film.axis_labels.index(TIME) - film.ndim]
    return "" if name == TIME else f"Its time points are moved by the slider '{name}'."


def _fit(viewer: napari.viewer.Viewer, layer: Image) -> None:
    """Fit the view to a layer.

    napari's own fit counts hidden layers, and that to single layers fails (0.9.2) where others have
    more axes. From that to all layers it is a step to the layer's own part.
    """
    viewer.reset_view()
    if viewer.dims.ndisplay != 2 or layer.ndim < 2:
        return
    whole, own = (one.extent.world[:, -2:] for one in (viewer.layers, layer))
    camera = getattr(viewer, "scene", viewer).camera  # moved in napari 0.9
    camera.center = (0.0, *own.mean(axis=0).tolist())
    camera.zoom *= float(np.min(np.ptp(whole, axis=0) / np.ptp(own, axis=0)))


def _beside(layers: Iterable[Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments of a film whose slider is that of the planes of another layer.

    napari moves both by one slider. Its steps are those of the finer axis, and napari warns, and
    draws without units, if one is a time and the other a length: times get the steps and the unit
    of the planes.
    """
    labels = tuple(arguments.get("axis_labels", ()))
    if TIME not in labels:
        return arguments
    axis = labels.index(TIME)
    place = axis - len(labels)
    others = (one for one in layers if one.ndim >= -place and one.axis_labels[place] != TIME)
    other = next(others, None)
    if other is None:
        return arguments
    scale, units = list(arguments["scale"]), list(arguments["units"])
    scale[axis], units[axis] = other.scale[place], other.units[place]
    return {**arguments, "scale": scale, "units": units}
