"""The "Show in 3-D" dock widget: a result as a surface to turn and tilt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import Container, FloatSlider, PushButton

from napari_focus_stack._napari.layers.appearance import display_limits
from napari_focus_stack._napari.layers.geometry import placement, unit_ratio
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, role
from napari_focus_stack._napari.layers.result_sets import Relief, ResultSet, relief_of
from napari_focus_stack._napari.viewer.dock_tabs import tabbed
from napari_focus_stack._napari.widgets.job_row import JobRow
from napari_focus_stack._napari.widgets.layer_choosers import ResultChooser
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.workers.job import at_once
from napari_focus_stack.errors import FocusStackError
from napari_focus_stack.io.sources import Spacing

if TYPE_CHECKING:
    from collections.abc import Hashable

    import napari
    from napari.layers import Image, Surface
    from numpy.typing import NDArray

    from napari_focus_stack.analysis.mesh import SurfaceMesh as Mesh

SURFACE = "surface"
TEXTURE_SIDE = 8192
"""Longest side of a picture that is laid on a surface: graphics cards take that everywhere."""
SHOWN_VERTICES = 100_000
"""A stretch takes 43 ms on 2 cores without a graphics card, 130 ms with 400 000; the texture is
sharp with either."""
LEAST_STRETCH, MOST_STRETCH = 0.1, 20.0
VIEW = (20.0, 0.0, -50.0)
"""Camera angles in degrees: a relief rises, with the picture upright and turned a little."""

CANVAS_MARGIN = 0.2
"""Share of the canvas that stays free, for what turns out of it."""


@dataclass(frozen=True)
class Picture:
    """An image as it is shown, so that no layer is read off the main thread.

    Attributes
    ----------
    pixels : numpy.ndarray
        (Y, X[, C]).
    limits : tuple of float
        Values that are shown black and white.
    table : numpy.ndarray or None
        (256, 3) uint8: colours of a grey image from black to white; None for a coloured one.
    """

    pixels: NDArray[Any]
    limits: tuple[float, float]
    table: NDArray[np.uint8] | None

    @classmethod
    def of(cls, layer: Image) -> Picture:
        """Picture of a layer's image, with its colormap and contrast."""
        pixels = np.asarray(layer.data)
        if layer.rgb:
            return cls(pixels, display_limits(pixels, rgb=True), None)
        low, high = (float(limit) for limit in layer.contrast_limits)
        colours = layer.colormap.map(np.linspace(0, 1, 256) ** layer.gamma)[:, :3]
        return cls(pixels, (low, high), np.rint(np.asarray(colours) * 255).astype(np.uint8))

    def texture(self) -> NDArray[np.uint8]:
        """What is seen of it, (Y, X, 3) uint8, no side longer than graphics cards take."""
        pixels = _fitted(self.pixels)
        low, high = self.limits
        if pixels.dtype != np.uint8 or self.limits != (0, 255):
            light = (pixels.astype(np.float32) - low) * np.float32(255 / (high - low))
            np.nan_to_num(light, copy=False, nan=0.0)
            pixels = np.rint(np.clip(light, 0, 255, out=light)).astype(np.uint8)
        if self.table is not None:
            coloured: NDArray[np.uint8] = self.table[pixels]
            return coloured
        return np.ascontiguousarray(pixels[..., :3])


def _fitted(pixels: NDArray[Any]) -> NDArray[Any]:
    shrink = max(pixels.shape[:2]) / TEXTURE_SIDE
    if shrink <= 1:
        return pixels
    import cv2

    from napari_focus_stack.imgproc.dtypes import computable

    height, width = (max(1, int(side / shrink)) for side in pixels.shape[:2])
    smaller: NDArray[Any] = cv2.resize(
        computable(pixels), (width, height), interpolation=cv2.INTER_AREA
    )
    return smaller


def textured(
    heights: NDArray[Any], picture: Picture, spacing: Spacing
) -> tuple[Mesh, NDArray[np.uint8]]:
    """Mesh and texture of a result; slow enough to be made off the main thread."""
    from napari_focus_stack.analysis.mesh import surface_mesh

    return surface_mesh(
        heights, picture.pixels, spacing, most_vertices=SHOWN_VERTICES
    ), picture.texture()


def _heights_over(image: Image, relief: Relief) -> tuple[NDArray[Any], str]:
    """Heights in the unit of the image that they lie under, and that unit, if it has that kind."""
    own = str(image.units[-1])
    if relief.unit is None:  # a plane counts as deep as a pixel is wide
        return relief.heights * np.float32(abs(image.scale[-1])), own
    ratio = unit_ratio(image, relief.unit)
    if ratio is None:
        return relief.heights, relief.unit
    return (relief.heights if ratio == 1 else relief.heights / np.float32(ratio)), own


def _plane_height(found: ResultSet, relief: Relief) -> float:
    """How far apart planes are, in the unit that `_heights_over` gives heights in."""
    step = (found.past.get("spacing") or {}).get("z")
    if relief.unit is None or step is None:
        return float(abs(found.image.scale[-1]))
    return float(step) / (unit_ratio(found.image, relief.unit) or 1.0)


def surface_arguments(found: ResultSet, unit: str, plane_height: float) -> dict[str, Any]:
    """Arguments of `add_surface` but for the mesh, whose vertices count planes and physical units.

    napari's slider steps by the smallest scale of all layers, so z must have that of the stack.

    Parameters
    ----------
    found : ResultSet
        Result that the surface is made of.
    unit : str
        Of its heights.
    plane_height : float
        Of one plane, in that unit.
    """
    return {
        "name": f"{found.name} surface",
        "shading": "none",
        "colormap": "gray",
        "contrast_limits": (0, 1),
        **_raised(placement(found.image), unit, plane_height),
        "metadata": {METADATA_KEY: {**found.past, "role": SURFACE, "plane_height": plane_height}},
    }


def _raised(place: dict[str, Any], unit: str, plane_height: float) -> dict[str, Any]:
    """Give the placement of an image to physical vertices over it, with z before y and x."""
    shear = place["shear"]
    labels = place["axis_labels"]
    named = not all(label.lstrip("-").isdigit() for label in labels)
    return {
        # an axis that is flipped stays flipped
        "scale": (plane_height, *np.sign(place["scale"])),
        "translate": (0.0, *place["translate"]),
        "rotate": _beside_z(place["rotate"]),
        "shear": (0.0, 0.0, *shear) if shear.ndim == 1 else _beside_z(shear),
        "affine": _beside_z(place["affine"]),
        "units": (unit, *place["units"]),
        "axis_labels": ("z" if named else "-3", *labels),
    }


def _beside_z(matrix: Any) -> NDArray[np.float64]:
    """Matrix with one axis more, which it leaves alone."""
    wider = np.eye(len(matrix) + 1)
    wider[1:, 1:] = matrix
    return wider


def stretch(surface: Surface, factor: float) -> None:
    """Show heights `factor` times as large; the middle stays where it is."""
    heights, scale = surface.vertices[:, 0], surface.metadata[METADATA_KEY]["plane_height"]
    middle = scale * (float(heights.min()) + float(heights.max())) / 2
    surface.scale = (factor * scale, *surface.scale[1:])
    surface.translate = ((1 - factor) * middle, *surface.translate[1:])


def _doubts(found: ResultSet, relief: Relief) -> list[str]:
    """What a user should know of the heights, one sentence each."""
    steps = "It rises in steps of a plane; stack again with 'Height' or 'Depth' for a smooth one."
    guess = "The z step is unknown: a plane counts as deep as a pixel is wide."
    smooth = bool({"height", "depth"} & set(found.maps))
    return [*([] if smooth else [steps]), *([] if relief.unit else [guess])]


class SurfaceWidget(Container[Any]):
    """Show a result in 3-D: its picture on its heights, in physical units.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where the result is and the surface goes.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._viewer = napari_viewer
        self._hidden: list[Hashable] = []
        self.result = ResultChooser(napari_viewer)
        self.show_button = PushButton(
            text="Show in 3-D", tooltip="Add the surface and look at it alone."
        )
        self.stretch = FloatSlider(
            value=1,
            min=LEAST_STRETCH,
            max=MOST_STRETCH,
            step=0.1,
            tooltip="Factor on the height of the surfaces in 3-D; 1 is true to scale.",
        )
        self.flat_button = PushButton(
            text="Back to 2-D", enabled=False, tooltip="Show again what was hidden for the surface."
        )
        self.job = JobRow([self.show_button], brief=True)
        super().__init__(
            widgets=[
                row("Result", self.result),
                self.show_button,
                row("Height x", self.stretch),
                self.flat_button,
                self.job,
            ],
            labels=False,
        )
        self.show_button.changed.connect(self.show_surface)
        self.stretch.changed.connect(self._stretch)
        self.flat_button.changed.connect(self.show_flat)
        napari_viewer.dims.events.ndisplay.connect(self._stretch)
        self.native_parent_changed.connect(self._undocked)
        self.job.ends_with(self)
        tabbed(self, "3-D")
        self.reset_choices()

    def reset_choices(self, *_: Any) -> None:
        """List the results anew; napari calls this when its layer list changes."""
        self.result.offer_results()
        if not self.job.running:
            self.show_button.enabled = self.result.value is not None

    def show_surface(self) -> None:
        """Make the surface of the chosen result and look at it."""
        found = self.result.chosen()
        if self.job.running or found is None:
            return
        try:
            relief = relief_of(found)
        except FocusStackError as problem:
            self.job.say_error(str(problem))
            return
        heights, unit = _heights_over(found.image, relief)
        y, x = np.abs(found.image.scale).tolist()
        work = partial(textured, heights, Picture.of(found.image), Spacing(y=y, x=x))
        arguments = surface_arguments(found, unit, _plane_height(found, relief))
        self.job.run(at_once(work), partial(self._add, arguments, doubts=_doubts(found, relief)))

    def _add(
        self,
        arguments: dict[str, Any],
        made: tuple[Mesh, NDArray[np.uint8]],
        *,
        doubts: list[str],
    ) -> str:
        mesh, texture = made
        seen = [layer for layer in self._viewer.layers if layer.visible]
        # surfaces that are shown already were not there to be seen in 2-D
        self._hidden += [one.unique_id for one in seen if role(one) != SURFACE]
        for layer in seen:  # before z shows, or stacks would be rendered as volumes
            layer.visible = False
        dims = self._viewer.dims
        dims.ndisplay, dims.order = 3, tuple(range(dims.ndim))  # axes may have been rolled
        vertices = mesh.vertices / np.array([arguments["scale"][0], 1, 1], np.float32)
        surface = self._viewer.add_surface(
            (vertices, mesh.faces, np.ones(len(vertices), np.float32)),
            texture=texture,
            texcoords=mesh.texcoords,
            **arguments,
        )
        if self.stretch.value != 1:
            stretch(surface, self.stretch.value)
        self._viewer.reset_view(margin=CANVAS_MARGIN)
        getattr(self._viewer, "scene", self._viewer).camera.angles = VIEW  # moved in napari 0.9
        self.flat_button.enabled = True
        return " ".join([f"'{surface.name}' has {len(mesh.vertices)} vertices.", *doubts])

    def _surfaces(self) -> list[Surface]:
        return [layer for layer in self._viewer.layers if role(layer) == SURFACE]

    def _stretch(self, *_: Any) -> None:
        """Stretch in 3-D alone: napari's slider in 2-D spans the hidden, too, beyond the stack."""
        dims = self._viewer.dims
        factor, at = self.stretch.value if dims.ndisplay == 3 else 1.0, dims.point
        for surface in self._surfaces():
            stretch(surface, factor)
        dims.point = at  # napari counts its steps from the lowest point

    def _undocked(self, parent: object) -> None:
        turned = self._viewer.dims.events.ndisplay
        turned.disconnect(self._stretch)
        if parent is not None:
            turned.connect(self._stretch)

    def show_flat(self) -> None:
        """Turn back to 2-D and show what was hidden; surfaces stay in the list."""
        for surface in self._surfaces():
            surface.visible = False
        self._viewer.dims.ndisplay = 2
        for layer in self._viewer.layers:
            if layer.unique_id in self._hidden:
                layer.visible = True
        self._hidden = []
        self._viewer.reset_view()
        self.flat_button.enabled = False
