"""Colours of a surface: a picture, the visible layers blended as napari does, or its height.

Without the viewer and Qt. What napari draws over other layers follows its table of OpenGL blending
functions (`napari/_vispy/utils/gl.py`, 0.9.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from napari.layers import Image, Labels

from napari_focus_stack._napari.layers.depth_painting import CORRECTION
from napari_focus_stack._napari.layers.geometry import to_world, unit_ratios
from napari_focus_stack._napari.layers.metadata import role
from napari_focus_stack._napari.layers.pictures import Picture, fitted
from napari_focus_stack._napari.layers.planes import finest
from napari_focus_stack._napari.layers.shown_plane import PLANE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_focus_stack._napari.layers.pictures import Colours
    from napari_focus_stack._napari.layers.relief import PlacedRelief
    from napari_focus_stack._napari.layers.result_sets import ResultSet
    from napari_focus_stack.analysis.mesh import TriangleMesh as Mesh


SHOWN_VERTICES = 100_000
"""A stretch takes 43 ms on 2 cores without a graphics card, 130 ms with 400 000; the texture is
sharp with either."""
STRIP = 256
"""Rows that are blended at a time, because blending takes 40 bytes a pixel."""
NO_SHIFT = 1e-3
"""Largest distance, in pixels, from the pixels of the result that counts as none."""


@dataclass(frozen=True)
class Sheet:
    """A picture over the pixels of a result, and how it is blended with those below.

    Attributes
    ----------
    picture : Picture
        The picture.
    matrix : numpy.ndarray
        (3, 3): from pixels of the result to those of the picture, as row, column, 1.
    blending : str
        Name of napari's blending mode.
    opacity : float
        0 to 1.
    """

    picture: Picture
    matrix: NDArray[np.float64]
    blending: str
    opacity: float

    @classmethod
    def of(cls, layer: Image | Labels, image: Image) -> Sheet:
        """Return the sheet of a layer over the stacked image of a result.

        Parameters
        ----------
        layer : napari.layers.Image or Labels
            2-D.
        image : napari.layers.Image
            The stacked image.

        Returns
        -------
        Sheet
            With the settings of the layer.
        """
        matrix = _to_pixels(layer, image)
        return cls(Picture.of(layer), matrix, str(layer.blending), float(layer.opacity))

    def laid(self, shape: tuple[int, int]) -> tuple[Colours, NDArray[np.bool_]]:
        """Return the colours at the pixels of the result, and where the sheet lies.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns of the result.

        Returns
        -------
        colours : numpy.ndarray
            (Y, X, 4) uint8.
        inside : numpy.ndarray
            (Y, X) bool.
        """
        colours = self.picture.colours()
        corners = np.array([(0, 0, 1), (*shape, 1)]).T
        if colours.shape[:2] == shape and np.allclose(
            self.matrix @ corners, corners, rtol=0, atol=NO_SHIFT
        ):
            return colours, np.ones(shape, bool)
        flip = [1, 0, 2]  # OpenCV takes columns before rows
        across = self.matrix[flip][:, flip][:2]
        how = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        whole = np.ones(colours.shape[:2], np.uint8)
        laid, inside = (
            cv2.warpAffine(one, across, shape[::-1], flags=how) for one in (colours, whole)
        )
        return laid.astype(np.uint8, copy=False), inside.astype(bool)


def _to_pixels(layer: Layer, image: Image) -> NDArray[np.float64]:
    """Return the matrix (3, 3) from the pixels of an image to those of a flat layer."""
    ratios = np.diag([*(1 / unit_ratios(layer, image)), 1])
    return np.asarray(np.linalg.solve(to_world(layer), ratios @ to_world(image)), np.float64)


def lies_over(layer: Layer, image: Image) -> bool:
    """Return whether a layer is flat, has pixels, and lies over a part of the stacked image.

    Parameters
    ----------
    layer : napari.layers.Layer
        Any layer.
    image : napari.layers.Image
        The stacked image.

    Returns
    -------
    bool
        False for stacks, whose planes do not lie on the surface.
    """
    if not isinstance(layer, Image | Labels) or layer.ndim != 2:
        return False
    if role(layer) in (PLANE, CORRECTION):  # what is painted, and what it is painted on
        return False
    rows, cols = image.data.shape[:2]
    corners = np.array([(0, 0, 1), (0, cols, 1), (rows, 0, 1), (rows, cols, 1)]).T
    there = (_to_pixels(layer, image) @ corners)[:2]
    size = np.array(finest(layer).shape[:2])
    return bool((there.max(axis=1) > 0).all() and (there.min(axis=1) < size).all())


@dataclass(frozen=True)
class Composite:
    """Sheets over each other, as napari shows them in 2-D.

    Attributes
    ----------
    sheets : sequence of Sheet
        From the bottom up.
    shape : tuple of int
        Rows and columns of the result.
    """

    sheets: Sequence[Sheet]
    shape: tuple[int, int]

    def texture(self) -> Colours:
        """Return the colours of all sheets together, on black.

        Returns
        -------
        numpy.ndarray
            (Y, X, 3) uint8, no side longer than `TEXTURE_SIDE`.
        """
        shown = np.zeros((*self.shape, 3), np.uint8)
        for place, sheet in enumerate(self.sheets):
            colours, inside = sheet.laid(self.shape)
            blending = _on_black(sheet.blending) if place == 0 else sheet.blending
            for top in range(0, self.shape[0], STRIP):
                rows = slice(top, top + STRIP)
                blended = _blended(shown[rows], colours[rows], blending, sheet.opacity)
                np.copyto(shown[rows], blended, where=inside[rows, :, None])
        return fitted(shown)


def _on_black(blending: str) -> str:
    """Return the blending mode in which napari draws the lowest layer, on the canvas."""
    return {"minimum": "opaque", "additive": "additive"}.get(blending, "translucent")


def _blended(below: Colours, colours: Colours, blending: str, opacity: float) -> Colours:
    """Return colours over others, by the OpenGL functions of napari's blending modes."""
    over, under = colours[..., :3].astype(np.float32), below.astype(np.float32)
    mixed: NDArray[Any]
    alpha = colours[..., 3:] * np.float32(opacity / 255)
    if blending == "opaque":
        mixed = over
    elif blending == "additive":
        mixed = over * alpha + under
    elif blending == "minimum":
        mixed = np.minimum(over, under)
    elif blending == "multiplicative":
        mixed = over * under / 255
    else:
        mixed = over * alpha + under * (1 - alpha)
    return np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)


@dataclass(frozen=True)
class HeightColours:
    """Colours of heights.

    Attributes
    ----------
    colormap : napari.utils.Colormap or str
        From the lowest to the highest.
    limits : tuple of float or None
        Heights at its ends; None for the lowest and the highest.
    """

    colormap: Any
    limits: tuple[float, float] | None

    @classmethod
    def of(cls, found: ResultSet, relief: PlacedRelief) -> HeightColours:
        """Return the colours of the height map of a result.

        Parameters
        ----------
        found : ResultSet
            The result.
        relief : PlacedRelief
            Its relief.

        Returns
        -------
        HeightColours
            Those of the height layer, viridis without one.
        """
        layer = found.maps.get("height")
        if layer is None:
            return cls("viridis", None)
        low, high = (float(limit) * relief.ratio for limit in layer.contrast_limits)
        return cls(layer.colormap, (low, high))


Cover = Picture | Composite | HeightColours


def draped(relief: PlacedRelief, cover: Cover) -> tuple[Mesh, Colours | None]:
    """Return the mesh and the texture of a result; slow, hence made off the main thread.

    Parameters
    ----------
    relief : PlacedRelief
        Heights.
    cover : Picture, Composite or HeightColours
        What colours them.

    Returns
    -------
    mesh : TriangleMesh
        In the unit of the heights.
    texture : numpy.ndarray or None
        (Y, X, 3) uint8; None where vertices are coloured by their heights.
    """
    from napari_focus_stack.analysis.mesh import grid_mesh

    heights = relief.heights
    mesh = grid_mesh(heights, heights, relief.spacing, most_vertices=SHOWN_VERTICES)
    return mesh, None if isinstance(cover, HeightColours) else cover.texture()
