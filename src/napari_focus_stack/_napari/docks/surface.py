"""The "Show in 3-D" dock widget: a result as a surface to turn and tilt."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import FloatSlider, PushButton
from napari.layers import Image, Points

from napari_focus_stack._napari.docks.result_dock import ResultDock
from napari_focus_stack._napari.layers.drape import (
    Composite,
    Cover,
    HeightColours,
    Sheet,
    draped,
    lies_over,
)
from napari_focus_stack._napari.layers.measured_heights import height_layers, with_heights
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, role
from napari_focus_stack._napari.layers.pictures import Picture
from napari_focus_stack._napari.layers.points import on_surface
from napari_focus_stack._napari.layers.relief import (
    PLACE,
    RAISED,
    SURFACE,
    PlacedRelief,
    doubts,
    is_same,
    stretch,
    surface_arguments,
)
from napari_focus_stack._napari.viewer.flat_view import FlatView
from napari_focus_stack._napari.viewer.painting import hide_brush_box
from napari_focus_stack._napari.widgets.layer_choosers import LayerChooser
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.workers.job import at_once
from napari_focus_stack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import napari
    from napari.layers import Layer, Surface
    from numpy.typing import NDArray

    from napari_focus_stack._napari.layers.result_sets import ResultSet
    from napari_focus_stack.analysis.mesh import TriangleMesh as Mesh

    Raised = tuple[NDArray[np.float64], dict[str, Any], int]
    """Points on the surface, as `on_surface` returned them."""

LEAST_STRETCH, MOST_STRETCH = 0.1, 20.0
VIEW = (20.0, 0.0, -50.0)
"""Camera angles in degrees: a relief rises, with the picture upright and turned a little."""

CANVAS_MARGIN = 0.2
"""Share of the canvas that stays free, for what turns out of it."""

PICTURE, VISIBLE, HEIGHT = "picture", "visible", "height"
COLOURS = [("the picture", PICTURE), ("visible layers", VISIBLE), ("height", HEIGHT)]
_COLOURS_HELP = (
    "What colours the surface. 'The picture': the stacked image alone. 'Visible layers': images "
    "and labels of this field as they lie over each other in 2-D, channels and outlines together; "
    "planes of stacks are left out. 'Height': the colours of the height map, with a colour bar. Or "
    "one image of the field."
)


class SurfaceWidget(ResultDock):
    """Show a result in 3-D: its picture on its heights, in physical units.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where the result is and the surface goes.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._flat = FlatView(napari_viewer, RAISED)
        self.heights = LayerChooser("Heights as stacked, or levelled ones.")
        self._heights_row = row("Heights", self.heights)
        self.colours = LayerChooser(_COLOURS_HELP)
        self.show_button = PushButton(
            text="Show in 3-D", tooltip="Show the surface alone, with the points that lie on it."
        )
        self.stretch = FloatSlider(
            value=1,
            min=LEAST_STRETCH,
            max=MOST_STRETCH,
            step=0.1,
            tooltip="How many times as high as in reality surfaces are drawn; 1 is true to scale.",
        )
        self.flat_button = PushButton(
            text="Back to 2-D", enabled=False, tooltip="Show again what was hidden for the surface."
        )
        super().__init__(
            napari_viewer,
            self.show_button,
            [
                self._heights_row,
                row("Colours", self.colours),
                self.show_button,
                row("Height x", self.stretch),
                self.flat_button,
            ],
            tab="3-D",
            brief=True,
        )
        self.result.changed.connect(self._offer_layers)
        self.heights.changed.connect(self._recolour)
        self.colours.changed.connect(self._recolour)
        self.stretch.changed.connect(self._stretch)
        self.flat_button.changed.connect(self.show_flat)
        napari_viewer.dims.events.ndisplay.connect(self._stretch)
        self.native_parent_changed.connect(self._docked)

    def reset_choices(self, *_: Any) -> None:
        """List the layers anew; napari calls this when its layer list changes."""
        super().reset_choices()
        self._offer_layers()

    def _offer_layers(self, *_: Any) -> None:
        """List the heights and the colours of the chosen result anew."""
        found = self.result.chosen()
        heights = [] if found is None else height_layers(found)
        self.heights.offer(heights)
        self._heights_row.visible = len(heights) > 1
        own = [] if found is None else [found.image, found.maps.get("height")]
        others = [
            layer
            for layer in reversed(self._viewer.layers)
            if found is not None
            and layer not in own
            and isinstance(layer, Image)
            and lies_over(layer, found.image)
        ]
        self.colours.offer(others, ahead=COLOURS)

    def _recolour(self, *_: Any) -> None:
        """Make the surface of the chosen result anew while it is shown."""
        found = self.result.chosen()
        shown = [one for one in self._surfaces() if one.visible and role(one) == SURFACE]
        if found is not None and self._viewer.dims.ndisplay == 3 and shown:
            self.start()

    def _start_on(self, found: ResultSet) -> None:
        """Make the surface of a result and show it alone."""
        found = with_heights(found, self.heights.value)
        relief = PlacedRelief.of(found)
        points = [
            on_surface(layer, found, relief, self._viewer.layers)
            for layer in self._seen_in_2d()
            if isinstance(layer, Points) and layer.ndim in (2, 3)
        ]
        cover = self._cover(found, relief)
        arguments = surface_arguments(found, relief)
        self.job.run(
            at_once(partial(draped, relief, cover)),
            partial(self._add, arguments, cover, points, doubts(found)),
        )

    def _cover(self, found: ResultSet, relief: PlacedRelief) -> Cover:
        """Return what is to colour the surface.

        Raises
        ------
        InputError
            Nothing is visible over the result.
        """
        chosen, image = self.colours.value, found.image
        if chosen == HEIGHT:
            return HeightColours.of(found, relief)
        if chosen == PICTURE:
            return Picture.of(image)
        flat = [layer for layer in self._viewer.layers if lies_over(layer, image)]
        if chosen == VISIBLE:
            seen = list(self._seen_in_2d())
            laid = [Sheet.of(layer, image) for layer in flat if layer in seen]
        else:
            laid = [Sheet.of(layer, image) for layer in flat if layer.unique_id == chosen]
        if not laid:
            raise InputError(
                f"No image and no labels are visible over '{image.name}'; go back to 2-D and show "
                "some, or choose 'the picture'."
            )
        return Composite(laid, image.data.shape[:2])

    def _seen_in_2d(self) -> Iterator[Layer]:
        """Yield the layers that are visible, or were before the surface was shown alone."""
        for layer in self._viewer.layers:
            if role(layer) not in RAISED and (
                layer.visible or layer.unique_id in self._flat.hidden
            ):
                yield layer

    def _add(
        self,
        arguments: dict[str, Any],
        cover: Cover,
        points: list[Raised],
        limits: list[str],
        made: tuple[Mesh, NDArray[np.uint8] | None],
    ) -> str:
        turned = self._viewer.dims.ndisplay == 3 and any(one.visible for one in self._surfaces())
        hide_brush_box(self._viewer)
        self._flat.leave()
        mesh, texture = made
        surface = self._show_surface(arguments, cover, mesh, texture)
        middle = surface.metadata[METADATA_KEY]["middle"]
        for data, look, _ in points:
            self._show_points(data, look, middle, arguments)
        self._stretch()
        self._viewer.layers.selection.active = surface
        if not turned:  # else the user has chosen the view
            self._viewer.reset_view(margin=CANVAS_MARGIN)
            getattr(self._viewer, "scene", self._viewer).camera.angles = VIEW  # moved in napari 0.9
        self.flat_button.enabled = True
        lost = sum(missing for _, _, missing in points)
        left = [f"Points without a height under them are not shown: {lost}."] if lost else []
        shown = f"'{surface.name}' is shown: drag to turn, scroll to zoom."
        return " ".join([shown, *left, *limits])

    def _show_surface(
        self,
        arguments: dict[str, Any],
        cover: Cover,
        mesh: Mesh,
        texture: NDArray[np.uint8] | None,
    ) -> Surface:
        """Add the surface, or update the one of an earlier press, because none is removed."""
        heights = mesh.vertices[:, 0]
        own = arguments["metadata"][METADATA_KEY]
        own["middle"] = (float(heights.min()) + float(heights.max())) / 2
        vertices = mesh.vertices / np.array([own["plane_height"], 1, 1], np.float32)
        if isinstance(cover, HeightColours):
            lowest, highest = cover.limits or (float(heights.min()), float(heights.max()))
            colours = {"colormap": cover.colormap, "contrast_limits": (lowest, highest)}
            values = heights
        else:
            colours = {"colormap": "gray", "contrast_limits": (0, 1)}
            values = np.ones(len(heights), np.float32)
        surface = self._earlier(arguments)
        if surface is None:
            surface = self._viewer.add_surface(
                (vertices, mesh.faces, values), texcoords=mesh.texcoords, **colours, **arguments
            )
        else:
            _replace(surface, arguments)
            surface.texture = None  # the old one does not fit to new vertices
            surface.texcoords = mesh.texcoords
            surface.data = (vertices, mesh.faces, values)
            surface.contrast_limits_range = colours["contrast_limits"]
            surface.colormap, surface.contrast_limits = colours.values()
        surface.texture = texture
        surface.colorbar.visible = texture is None
        return surface

    def _show_points(
        self, data: NDArray[np.float64], look: dict[str, Any], middle: float, place: dict[str, Any]
    ) -> None:
        """Add points on the surface, or update those of an earlier press."""
        look["metadata"][METADATA_KEY]["middle"] = middle
        arguments = {**look, **{name: place[name] for name in PLACE}}
        points = self._earlier(arguments)
        if points is None:
            self._viewer.add_points(data, ndim=3, **arguments)
            return
        points.data = data
        _replace(points, {name: value for name, value in arguments.items() if name != "features"})
        points.features = arguments["features"]

    def _earlier(self, arguments: dict[str, Any]) -> Any:
        """Return the layer that an earlier press added in the same place, or None."""
        same = (one for one in self._viewer.layers if is_same(one, arguments["metadata"]))
        return next(same, None)

    def _surfaces(self) -> list[Layer]:
        """Return the surfaces and the points on them."""
        return [layer for layer in self._viewer.layers if role(layer) in RAISED]

    def _stretch(self, *_: Any) -> None:
        """Stretch in 3-D alone: in 2-D napari's slider would span hidden surfaces, too."""
        dims = self._viewer.dims
        factor, at = self.stretch.value if dims.ndisplay == 3 else 1.0, dims.point
        for surface in self._surfaces():
            stretch(surface, factor)
        dims.point = at  # napari counts its steps from the lowest point

    def _docked(self, parent: object) -> None:
        turned = self._viewer.dims.events.ndisplay
        turned.disconnect(self._stretch)
        if parent is not None:
            turned.connect(self._stretch)

    def show_flat(self) -> None:
        """Turn back to 2-D as it was left; surfaces stay in the list."""
        for surface in self._surfaces():
            surface.visible = False
        self._flat.enter()
        self.flat_button.enabled = False


def _replace(layer: Layer, arguments: dict[str, Any]) -> None:
    """Set the properties of a layer that is shown again; its name may be the user's."""
    layer.visible = True
    for name, value in arguments.items():
        if name != "name":
            setattr(layer, name, value)
