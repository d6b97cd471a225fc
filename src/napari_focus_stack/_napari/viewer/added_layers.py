"""Display of results: a small preview first, and then the full results in the same layers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QTimer

from napari_focus_stack._napari.layers.appearance import OUTPUTS
from napari_focus_stack._napari.layers.lying_over import coarser, is_left_preview
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, PREVIEW
from napari_focus_stack._napari.layers.names import numbered, with_role
from napari_focus_stack._napari.layers.results import result_layers
from napari_focus_stack._napari.viewer.scale_bar import offer_scale_bar

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Sequence

    import napari
    from numpy.typing import NDArray

    from napari_focus_stack._napari.layers.results import SourceInfo
    from napari_focus_stack.pipeline.preview import Preview

    Made = Sequence[tuple[NDArray[Any], dict[str, Any]]]

CHANGED_ATTRIBUTES = ("scale", "translate", "contrast_limits", "metadata")
"""Attributes of a layer that change with its pixels."""
FIXED_ATTRIBUTES = ("rgb", "multiscale", "interpolation3d")
"""Attributes that a layer has for life; and one that napari, once it is set, shows in its controls
as the interpolation in 2-D."""
LASTING_RECORD = ("sources", "source_ids", "crop", "factor")
"""Metadata of a preview by which it still lies over its source when that is calibrated."""
PAINTED = 20
"""Milliseconds after which an added layer is painted; timers of 0 fire before that."""


class ResultDisplay:
    """Layers of one run, from its preview on.

    No layer is removed: with napari 0.9 and Mesa's software OpenGL the painting after that reads
    freed memory and ends the process. A preview without a result is hidden instead, and later runs
    show theirs in its layers.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer that shows them.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer
        self._previewed: dict[str, Image] = {}
        self._earlier: dict[str, Image] = {}
        self._waiting: list[tuple[NDArray[Any], dict[str, Any]]] = []

    @property
    def previewing(self) -> bool:
        """Whether the preview is shown."""
        return bool(self._previewed)

    @property
    def updating(self) -> bool:
        """Whether the next results replace those in layers of an earlier run."""
        return bool(self._earlier)

    def update(self, earlier: Iterable[Image]) -> None:
        """Show the next results in layers of an earlier run, which remain if the run fails.

        Parameters
        ----------
        earlier : iterable of napari.layers.Image
            Layers with the results of that run.
        """
        self._earlier = {layer.metadata[METADATA_KEY]["role"]: layer for layer in earlier}

    def preview(self, preview: Preview, wanted: list[str], origin: SourceInfo) -> None:
        """Add small layers in the place of the results, unless an earlier run is updated.

        Parameters
        ----------
        preview : Preview
            Small results, and an event that is set when they are shown.
        wanted : list of str
            Roles of the maps to show.
        origin : SourceInfo
            Source of the results, and its placement.
        """
        if self._earlier:
            preview.shown.set()
            return
        coarse = replace(origin, placement=coarser(origin.placement, preview.factor))
        made = self._named(result_layers(preview.result, wanted, coarse))
        for _, arguments in made:
            arguments["metadata"][METADATA_KEY]["factor"] = preview.factor
        *self._waiting, (array, arguments) = made
        image = self._previewed[_role(arguments)] = self._place(array, arguments)
        QTimer.singleShot(PAINTED, partial(self._preview_map, image, preview.shown))

    def _preview_map(self, image: Image, shown: threading.Event) -> None:
        """Add a map below a preview, one per iteration because each takes napari 0.1 s."""
        if not self._waiting or image not in self._viewer.layers:
            shown.set()
            return
        array, arguments = self._waiting.pop(0)
        self._previewed[_role(arguments)] = self._place(array, arguments, below=image)
        self._viewer.layers.selection.active = image
        QTimer.singleShot(PAINTED, partial(self._preview_map, image, shown))

    def show(self, made: Made) -> list[str]:
        """Show the results in the layers that exist for them, and in new layers.

        Parameters
        ----------
        made : sequence of tuple
            Array of each result, and the arguments of its layer; the image is the last.

        Returns
        -------
        list of str
            Names of the layers, from bottom to top.
        """
        self._waiting = []
        *maps, top = self._named(made)
        image = self._show(*top)
        shown = [*(self._show(array, arguments, below=image) for array, arguments in maps), image]
        self._viewer.layers.selection.active = image
        offer_scale_bar(self._viewer, image)
        self.set_aside()
        return [layer.name for layer in shown]

    def _show(
        self, array: NDArray[Any], arguments: dict[str, Any], below: Image | None = None
    ) -> Image:
        """Show a result in the layer that exists for it, or in another one."""
        layer = self._own(arguments)
        if layer is None:
            return self._place(array, arguments, below)
        _refine(layer, array, arguments)
        return layer

    def _own(self, arguments: dict[str, Any]) -> Image | None:
        """Return the layer of this run, or of the run that is updated, that can show a result."""
        purpose = _role(arguments)
        for own in (self._previewed, self._earlier):
            layer = own.get(purpose)
            if layer is None or layer not in self._viewer.layers:
                continue
            if layer.rgb == arguments["rgb"]:
                return own.pop(purpose)
        return None

    def _place(
        self, array: NDArray[Any], arguments: dict[str, Any], below: Image | None = None
    ) -> Image:
        """Show an array in a layer that was set aside or a new one, on top or below an image.

        A map that lay on top even for a moment would have its colour bar made, which takes napari
        0.25 s.
        """
        layers = self._viewer.layers
        at = len(layers) if below is None else layers.index(below)
        for layer in reversed(layers):
            if is_left_preview(layer) and layer.rgb == arguments["rgb"]:
                layers.move(layers.index(layer), at)
                _renew(layer, array, arguments)
                layers.selection.active = layer
                return layer
        layer = Image(array, **arguments)
        layers.insert(at, layer)
        return layer

    def _named(self, made: Made) -> list[tuple[NDArray[Any], dict[str, Any]]]:
        """Give the layers of one run one number, where earlier ones have their names."""
        own = [*self._previewed.values(), *self._earlier.values()]
        taken = [layer.name for layer in self._viewer.layers if layer not in own]
        names = numbered([arguments["name"] for _, arguments in made], taken)
        return [
            (array, {**arguments, "name": name})
            for (array, arguments), name in zip(made, names, strict=True)
        ]

    def set_aside(self) -> None:
        """Hide what is left of the preview, and forget the layers of an earlier run."""
        for purpose, layer in self._previewed.items():
            layer.visible = False
            past = layer.metadata.get(METADATA_KEY, {})
            record = {key: past[key] for key in LASTING_RECORD if key in past}
            layer.metadata = {METADATA_KEY: {"role": PREVIEW, **record}}
            what = f"{OUTPUTS[purpose].suffix} preview" if purpose in OUTPUTS else "preview"
            layer.name = with_role(str(layer.name), what)
        self._previewed, self._earlier, self._waiting = {}, {}, []


def _role(arguments: dict[str, Any]) -> str:
    """Return the role in the metadata of a layer's arguments."""
    role: str = arguments["metadata"][METADATA_KEY]["role"]
    return role


def _renew(layer: Image, array: NDArray[Any], arguments: dict[str, Any]) -> None:
    """Make a layer look as a new one would; what the user changed in it goes."""
    new = Image(array, **arguments)
    layer.data = array
    layer.contrast_limits_range = new.contrast_limits_range
    for name, value in new.as_layer_data_tuple()[1].items():
        if name not in FIXED_ATTRIBUTES:
            setattr(layer, name, value)


def _refine(layer: Image, array: NDArray[Any], arguments: dict[str, Any]) -> None:
    """Show the full result in a layer, whose name and appearance remain as the user chose them."""
    layer.data = array
    tuned = _role(arguments) == "stacked" and not layer.rgb
    for name in CHANGED_ATTRIBUTES:
        if arguments.get(name) is not None and not (tuned and name == "contrast_limits"):
            setattr(layer, name, arguments[name])
