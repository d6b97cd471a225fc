"""The "Show in 3-D" dock widget: a result as a surface to turn and tilt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import FloatSlider, PushButton

from napari_focus_stack._napari.docks.result_dock import ResultDock
from napari_focus_stack._napari.layers.appearance import display_limits
from napari_focus_stack._napari.layers.geometry import placement, unit_ratio
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, role
from napari_focus_stack._napari.layers.names import with_role
from napari_focus_stack._napari.layers.result_sets import (
    Relief,
    ResultSet,
    knows_pixel_size,
    relief_of,
)
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.workers.job import at_once
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
    """An image and its display settings, so that no layer is read off the main thread.

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
        """Return the picture of a layer, with its colormap and contrast.

        Parameters
        ----------
        layer : napari.layers.Image
            2-D.

        Returns
        -------
        Picture
            Its pixels are those of the layer, not a copy.
        """
        pixels = np.asarray(layer.data)
        if layer.rgb:
            return cls(pixels, display_limits(pixels, rgb=True), None)
        low, high = (float(limit) for limit in layer.contrast_limits)
        colours = layer.colormap.map(np.linspace(0, 1, 256) ** layer.gamma)[:, :3]
        return cls(pixels, (low, high), np.rint(np.asarray(colours) * 255).astype(np.uint8))

    def texture(self) -> NDArray[np.uint8]:
        """Return the displayed colours.

        Returns
        -------
        numpy.ndarray
            (Y, X, 3) uint8, no side longer than `TEXTURE_SIDE`.
        """
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
    """Return the mesh and the texture of a result; slow, hence made off the main thread.

    Parameters
    ----------
    heights : numpy.ndarray
        (Y, X), in the unit of `spacing`.
    picture : Picture
        The image that is laid on them.
    spacing : Spacing
        Pixel size.

    Returns
    -------
    mesh : SurfaceMesh
        In that unit.
    texture : numpy.ndarray
        (Y, X, 3) uint8.
    """
    from napari_focus_stack.analysis.mesh import surface_mesh

    return surface_mesh(
        heights, picture.pixels, spacing, most_vertices=SHOWN_VERTICES
    ), picture.texture()


def _heights_over(image: Image, relief: Relief) -> tuple[NDArray[Any], str]:
    """Return heights in the unit of their image, and that unit; their own if it differs in kind."""
    own = str(image.units[-1])
    if relief.unit is None:  # a plane counts as deep as a pixel is wide
        return relief.heights * np.float32(abs(image.scale[-1])), own
    ratio = unit_ratio(image, relief.unit)
    if ratio is None:
        return relief.heights, relief.unit
    return (relief.heights if ratio == 1 else relief.heights / np.float32(ratio)), own


def _plane_height(found: ResultSet, relief: Relief) -> float:
    """Return the distance between planes, in the unit of the heights of `_heights_over`."""
    step = (found.past.get("spacing") or {}).get("z")
    if relief.unit is None or step is None:
        return float(abs(found.image.scale[-1]))
    return float(step) / (unit_ratio(found.image, relief.unit) or 1.0)


def surface_arguments(found: ResultSet, unit: str, plane_height: float) -> dict[str, Any]:
    """Return the arguments of `add_surface` beside the mesh, of planes and physical units.

    napari's slider steps by the smallest scale of all layers, so z must have that of the stack.

    Parameters
    ----------
    found : ResultSet
        Result that the surface is made of.
    unit : str
        Unit of its heights.
    plane_height : float
        Height of one plane, in that unit.

    Returns
    -------
    dict
        With a name, and heights true to scale.
    """
    return {
        "name": with_role(str(found.image.name), "surface"),
        "shading": "none",
        "colormap": "gray",
        "contrast_limits": (0, 1),
        **_raised(placement(found.image), unit, plane_height),
        "metadata": {METADATA_KEY: {**found.past, "role": SURFACE, "plane_height": plane_height}},
    }


def _raised(place: dict[str, Any], unit: str, plane_height: float) -> dict[str, Any]:
    """Return the placement of physical vertices over an image, with z before y and x."""
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
    """Return a matrix with one axis more, which it leaves as it is."""
    wider = np.eye(len(matrix) + 1)
    wider[1:, 1:] = matrix
    return wider


def stretch(surface: Surface, factor: float) -> None:
    """Show heights `factor` times as large; the middle stays where it is.

    Parameters
    ----------
    surface : napari.layers.Surface
        Changed in place: scale and translate.
    factor : float
        1 is true to scale.
    """
    heights, scale = surface.vertices[:, 0], surface.metadata[METADATA_KEY]["plane_height"]
    middle = scale * (float(heights.min()) + float(heights.max())) / 2
    surface.scale = (factor * scale, *surface.scale[1:])
    surface.translate = ((1 - factor) * middle, *surface.translate[1:])


def _doubts(found: ResultSet, relief: Relief) -> list[str]:
    """Return what limits the heights, one sentence each, for the user."""
    steps = "It rises in steps of one plane; stack again with 'Height' or 'Depth' for a smooth one."
    guess = "The z step is unknown, so slopes are not true; type it and stack again."
    flat = "The pixel size is unknown, so slopes are not true; type it and stack again."
    unknown = [guess] if relief.unit is None else [] if knows_pixel_size(found) else [flat]
    return [*([] if {"height", "depth"} & set(found.maps) else [steps]), *unknown]


class SurfaceWidget(ResultDock):
    """Show a result in 3-D: its picture on its heights, in physical units.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where the result is and the surface goes.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._hidden: list[Hashable] = []
        self.show_button = PushButton(
            text="Show in 3-D", tooltip="Show the result as a surface, and hide all other layers."
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
            [self.show_button, row("Height x", self.stretch), self.flat_button],
            tab="3-D",
            brief=True,
        )
        self.stretch.changed.connect(self._stretch)
        self.flat_button.changed.connect(self.show_flat)
        napari_viewer.dims.events.ndisplay.connect(self._stretch)
        self.native_parent_changed.connect(self._docked)

    def _start_on(self, found: ResultSet) -> None:
        """Make the surface of a result and show it alone."""
        relief = relief_of(found)
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
        return " ".join([f"'{surface.name}' is shown: drag to turn, scroll to zoom.", *doubts])

    def _surfaces(self) -> list[Surface]:
        return [layer for layer in self._viewer.layers if role(layer) == SURFACE]

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
