"""Display of a series: layers that are added with the first stack, and filled one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._napari.layers.geometry import data_at, world_units
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.names import numbered
from napari_focus_stack._napari.layers.results import carried
from napari_focus_stack._napari.layers.series_maps import MapAxes
from napari_focus_stack._napari.layers.series_results import series_layers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari
    from napari.layers import Image

    from napari_focus_stack._napari.layers.series_maps import SeriesMaps, StackDone
    from napari_focus_stack._napari.layers.series_results import SeriesOrigin
    from napari_focus_stack.series.model import StackIndex

CHANGED_ATTRIBUTES = ("scale", "translate", "metadata")
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
        if not self.layers:
            self._add(done)
        elif done.index.channel == 0 or self._maps.lead is None:
            self._refresh(done.index)

    def _add(self, done: StackDone) -> None:
        made = series_layers(self._maps, self._wanted, self._origin, done)
        taken = [layer.name for layer in self._viewer.layers if layer not in self._earlier]
        names = numbered([arguments["name"] for _, arguments in made], taken)
        for (data, arguments), name in zip(made, names, strict=True):
            layer = self._former(arguments)
            if layer is None:
                layer = self._viewer.add_image(data, **{**arguments, "name": name})
            else:
                layer.data = data
                for attribute in CHANGED_ATTRIBUTES:
                    setattr(layer, attribute, arguments[attribute])
            self.layers.append(layer)
        self._viewer.layers.selection.active = self.layers[-1]

    def _former(self, arguments: dict[str, Any]) -> Image | None:
        """Return the layer of an earlier run that shows the same map of the same channel."""
        known = arguments["metadata"][METADATA_KEY]
        for layer in self._earlier:
            past = layer.metadata[METADATA_KEY]
            same = all(past.get(key) == known[key] for key in ("role", "source_ids", "cut"))
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
        reports = {
            f"{index.position},{index.time},{index.channel}": carried(report)
            for index, report in self._maps.reports.items()
        }
        for layer in self.layers:
            if layer not in self._viewer.layers:
                continue
            if self._maps.axes != MapAxes():
                layer.metadata[METADATA_KEY]["reports"] = reports
            layer.refresh()

    def shows(self) -> bool:
        """Return whether all layers are still in the viewer.

        Returns
        -------
        bool
            False once the user has deleted one, or before there is any.
        """
        return bool(self.layers) and all(layer in self._viewer.layers for layer in self.layers)
