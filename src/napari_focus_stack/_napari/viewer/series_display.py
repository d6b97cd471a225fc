"""Display of a series: layers that are added with the first stack, and filled one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer

from napari_focus_stack._napari.layers.geometry import data_at, world_units
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.names import numbered
from napari_focus_stack._napari.layers.series_maps import StackDone
from napari_focus_stack._napari.layers.series_results import series_layers
from napari_focus_stack._napari.viewer.scale_bar import offer_scale_bar
from napari_focus_stack.io.result_outputs import carried

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari
    from napari.layers import Image

    from napari_focus_stack._napari.layers.series_maps import SeriesMaps
    from napari_focus_stack._napari.layers.series_results import SeriesOrigin
    from napari_focus_stack.series.model import StackIndex

PAINTED = 20
"""Milliseconds after which an added layer is painted."""
CHANGED_ATTRIBUTES = ("units", "scale", "translate", "rotate", "shear", "affine", "metadata")
"""Attributes of a layer that change with its pixels."""


class SeriesDisplay:
    """Layers of one run on a series.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer that shows them.
    maps : SeriesMaps
        Their data.
    wanted : sequence of str
        Roles of the maps beside the images.
    origin : SeriesOrigin
        Places and names.
    earlier : sequence of napari.layers.Image
        Layers of an earlier run whose data are replaced, as far as they fit.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        maps: SeriesMaps,
        wanted: Sequence[str],
        origin: SeriesOrigin,
        earlier: Sequence[Image] = (),
    ) -> None:
        self._viewer, self._maps = viewer, maps
        self._wanted, self._origin = list(wanted), origin
        self._earlier = list(earlier)
        self._waiting: list[tuple[Any, dict[str, Any]]] = []
        self.layers: list[Image] = []

    def show(self, done: StackDone) -> None:
        """Show a stack that is done, and add the layers with the first one.

        Parameters
        ----------
        done : StackDone
            The stack.
        """
        if isinstance(done.outcome, str):
            return
        if not self.layers and not self._waiting:
            self._name(done)
            self._add_next()
        else:
            self._refresh(done.index)

    def _name(self, done: StackDone) -> None:
        """Prepare the layers; those of one run get one number."""
        made = series_layers(self._maps, self._wanted, self._origin, done)
        taken = [layer.name for layer in self._viewer.layers if layer not in self._earlier]
        names = numbered([arguments["name"] for _, arguments in made], taken)
        self._waiting = [
            (data, {**arguments, "name": name})
            for (data, arguments), name in zip(made, names, strict=True)
        ]

    def _add_next(self) -> None:
        """Add a layer, and the next one in another iteration: each takes napari 0.1 s or more."""
        if self.layers and self.layers[-1] not in self._viewer.layers:
            self._waiting = []  # the user, or the closing window, has removed it
        if not self._waiting:
            return
        data, arguments = self._waiting.pop(0)
        layer = self._former(arguments)
        if layer is None:
            layer = self._viewer.add_image(data, **arguments)
            offer_scale_bar(self._viewer, layer)
        else:
            layer.data = data
            for attribute in CHANGED_ATTRIBUTES:
                setattr(layer, attribute, arguments[attribute])
        self.layers.append(layer)
        self._viewer.layers.selection.active = layer
        QTimer.singleShot(PAINTED, self._add_next)

    def _former(self, arguments: dict[str, Any]) -> Image | None:
        """Return the layer of an earlier run that shows the same map of the same channel."""
        known = arguments["metadata"][METADATA_KEY]
        for layer in self._earlier:
            past = layer.metadata[METADATA_KEY]
            same = all(past.get(key) == known[key] for key in ("role", "source_ids", "channel"))
            if same and layer in self._viewer.layers and layer.rgb == arguments["rgb"]:
                return layer
        return None

    def _refresh(self, index: StackIndex) -> None:
        """Draw the layers anew if they show a stack that has changed."""
        for layer in self.layers:
            if layer.visible and layer in self._viewer.layers and self._is_shown(layer, index):
                layer.refresh()

    def _is_shown(self, layer: Image, index: StackIndex) -> bool:
        point, units = self._viewer.dims.point, world_units(self._viewer.layers)
        here = np.rint(data_at(layer, point, units)).astype(int)
        place = self._maps.axes.place(index.position, index.time)
        return all(
            at == wanted
            for role, at, wanted in zip(self._maps.axes.order, here, place, strict=True)
            if role in ("time", "position")
        )

    def finish(self) -> None:
        """Draw all layers anew, and give them the reports of all stacks."""
        reports = self._maps.reports
        if reports and not self.layers and not self._waiting:
            self._name(StackDone(*next(iter(reports.items()))))
        while self._waiting:
            self._add_next()
        for layer in self.layers:
            if layer not in self._viewer.layers:
                continue
            if not self._maps.axes.flat:
                own = layer.metadata[METADATA_KEY]
                own["reports"] = {
                    f"{index.position},{index.time}": carried(report)
                    for index, report in self._maps.reports.items()
                    if index.channel == own["channel"]
                }
            layer.refresh()

    def is_gone(self) -> bool:
        """Return whether the user has deleted a layer, so that the rest would not be seen.

        Returns
        -------
        bool
            False before there is any.
        """
        return any(layer not in self._viewer.layers for layer in self.layers)
