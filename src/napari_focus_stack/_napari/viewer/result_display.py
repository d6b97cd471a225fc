"""Results that are shown small first, and grow into the full ones in the same layers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer

from napari_focus_stack._napari.layers.geometry import moved
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.results import result_layers

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Sequence

    import napari
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_focus_stack._napari.layers.results import SourceInfo
    from napari_focus_stack.pipeline.preview import Preview

    Made = Sequence[tuple[NDArray[Any], dict[str, Any]]]

CHANGED_ATTRIBUTES = ("scale", "translate", "contrast_limits", "metadata")
"""What of a layer changes with its pixels."""
PAINTED = 20
"""Milliseconds after which what was added is painted; timers of 0 come before."""


class ResultDisplay:
    """The layers of one run, from its preview on.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where they are shown.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer
        self._previewed: dict[str, Image] = {}
        self._earlier: dict[str, Image] = {}
        self._waiting: list[tuple[NDArray[Any], dict[str, Any]]] = []

    @property
    def previewing(self) -> bool:
        """Whether what is shown is small yet."""
        return bool(self._previewed)

    @property
    def updating(self) -> bool:
        """Whether the next results go into layers of an earlier run."""
        return bool(self._earlier)

    def update(self, earlier: Iterable[Image]) -> None:
        """Put the next results into these layers of an earlier run; they stay if none come."""
        self._earlier = {layer.metadata[METADATA_KEY]["role"]: layer for layer in earlier}

    def preview(self, preview: Preview, wanted: list[str], origin: SourceInfo) -> None:
        """Add small layers that cover what the results will, unless earlier ones are shown."""
        if self._earlier:
            preview.shown.set()
            return
        coarse = replace(origin, placement=coarser(origin.placement, preview.factor))
        *self._waiting, (array, arguments) = result_layers(preview.result, wanted, coarse)
        image = self._previewed[_role(arguments)] = self._viewer.add_image(array, **arguments)
        QTimer.singleShot(PAINTED, partial(self._preview_map, image, preview.shown))

    def _preview_map(self, image: Image, shown: threading.Event) -> None:
        """Add a map below a preview: each in a turn of its own, for each takes napari 0.1 s."""
        if not self._waiting or image not in self._viewer.layers:
            shown.set()
            return
        array, arguments = self._waiting.pop(0)
        layer = self._previewed[_role(arguments)] = self._viewer.add_image(array, **arguments)
        self._put_below(image, [layer])
        QTimer.singleShot(PAINTED, partial(self._preview_map, image, shown))

    def show(self, made: Made) -> list[str]:
        """Put the results into the layers that wait for them; for the others add some.

        Returns
        -------
        list of str
            The layers' names, from the bottom up.
        """
        self._waiting = []
        shown, added = [], []
        for array, arguments in made:
            role = _role(arguments)
            layer = self._previewed.pop(role, self._earlier.get(role))
            if layer is None or layer not in self._viewer.layers or layer.rgb != arguments["rgb"]:
                layer = self._viewer.add_image(array, **arguments)
                added.append(layer)
            else:
                _refine(layer, array, arguments)
            shown.append(layer)
        self._put_below(shown[-1], added)
        self.drop()
        return [layer.name for layer in shown]

    def _put_below(self, image: Image, maps: list[Image]) -> None:
        """Move maps that were added over an image that was there before."""
        layers = self._viewer.layers
        for layer in maps:
            if layers.index(layer) > layers.index(image):
                layers.move(layers.index(layer), layers.index(image))
        layers.selection.active = image

    def drop(self) -> None:
        """Take away what is only a preview, and wait for nothing more."""
        for layer in self._previewed.values():
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._previewed, self._earlier, self._waiting = {}, {}, []


def coarser(place: dict[str, Any], factor: int) -> dict[str, Any]:
    """Placement of pixels that cover `factor` x `factor` others, from the first ones on."""
    middle = (factor - 1) / 2
    return {**moved(place, (middle, middle)), "scale": place["scale"] * factor}


def _role(arguments: dict[str, Any]) -> str:
    role: str = arguments["metadata"][METADATA_KEY]["role"]
    return role


def _refine(layer: Image, array: NDArray[Any], arguments: dict[str, Any]) -> None:
    """Give a layer the full result's pixels; its name and look stay as the user has them."""
    layer.data = array
    tuned = _role(arguments) == "stacked" and not layer.rgb
    for name in CHANGED_ATTRIBUTES:
        if arguments.get(name) is not None and not (tuned and name == "contrast_limits"):
            setattr(layer, name, arguments[name])
