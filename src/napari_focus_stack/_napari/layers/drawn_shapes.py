"""What users draw over a result, in its pixels: lines, and regions of shapes or labels.

Whatever the spacing, the units, the transform or the further axes of the drawn layer are.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from napari.layers import Labels, Shapes

from napari_focus_stack._napari.layers.geometry import to_world, unit_ratios
from napari_focus_stack._napari.layers.planes import finest
from napari_focus_stack._utils.threads import row_bands

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Image, Layer, Points
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LINES = ("line", "path")
WITH_AREA = ("rectangle", "ellipse", "polygon")
CORNERS = 256
"""Corners of the polygon that represents an ellipse: within 0.1 px of one that is 2000 px wide."""
THINNEST = 0.5
"""Width, in pixels, below which a shape has no area, like a rectangle drawn across the planes."""
CORNER_BITS = 8
"""Fractional bits of the coordinates of corners that are passed to OpenCV."""
LETTERS = string.ascii_uppercase


@dataclass(frozen=True)
class DrawnLine:
    """A line or polyline.

    Attributes
    ----------
    number : int
        Number of the shape in its layer, from 1.
    points : numpy.ndarray
        (n, 2) float64: y, x of its vertices, in pixels of the result.
    colour : tuple of float
        Red, green, blue and opacity, 0 to 1.
    """

    number: int
    points: Floats
    colour: tuple[float, float, float, float]


@dataclass(frozen=True)
class PolygonRegion:
    """A region that a shape covers.

    Attributes
    ----------
    name : str
        A letter: A for the first shape of the layer.
    corners : numpy.ndarray
        (n, 2) float64: y, x in pixels of the result.
    """

    name: str
    corners: Floats

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the pixels that the region covers.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns of the result.

        Returns
        -------
        numpy.ndarray
            (Y, X) bool.
        """
        return filled([self.corners], shape)


@dataclass(frozen=True)
class LabelRegion:
    """A region of one label.

    Attributes
    ----------
    name : str
        Number of the label.
    labels : numpy.ndarray
        (Y, X) integers.
    matrix : numpy.ndarray
        (2, 3) float64: from pixels of the result to those of the labels.
    """

    name: str
    labels: Any
    matrix: Floats

    def mask(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the pixels whose nearest label it is.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns of the result.

        Returns
        -------
        numpy.ndarray
            (Y, X) bool.
        """
        labels, number = np.asarray(self.labels), int(self.name)
        if labels.shape == shape and np.allclose(self.matrix, np.eye(2, 3), atol=1e-6):
            return np.asarray(labels == number)
        mask = np.zeros(shape, bool)
        for band in row_bands(shape):  # coordinates of all pixels would take 16 bytes per pixel
            places = np.indices((band.stop - band.start, shape[1])).reshape(2, -1)
            places[0] += band.start
            y, x = np.floor(self.matrix[:, :2] @ places + self.matrix[:, 2:] + 0.5).astype(np.intp)
            inside = (y >= 0) & (x >= 0) & (y < labels.shape[0]) & (x < labels.shape[1])
            mask[band].reshape(-1)[inside] = labels[y[inside], x[inside]] == number
        return mask


Region = PolygonRegion | LabelRegion


def drawn_lines(shapes: Shapes, image: Image) -> list[DrawnLine]:
    """Return the lines and polylines of a layer over a result.

    Parameters
    ----------
    shapes : napari.layers.Shapes
        Its shapes with an area do not count.
    image : napari.layers.Image
        Stacked image of the result.

    Returns
    -------
    list of DrawnLine
        In the order of the layer, without those of no length.
    """
    matrix = pixel_matrix(shapes, image)
    lines = []
    drawn = zip(shapes.data, shapes.shape_type, shapes.edge_color, strict=True)
    for number, (vertices, kind, colour) in enumerate(drawn, start=1):
        points = _moved(vertices, matrix)
        if kind in LINES and np.ptp(points, axis=0).any():
            red, green, blue, opacity = map(float, colour)
            lines.append(DrawnLine(number, points, (red, green, blue, opacity)))
    return lines


def drawn_regions(layer: Layer | None, image: Image) -> Callable[[], list[Region]]:
    """Return what finds the regions of a layer over a result, wherever it is called.

    Parameters
    ----------
    layer : napari.layers.Layer or None
        Shapes, whose lines do not count; or labels with the axes y and x.
    image : napari.layers.Image
        Stacked image of the result.

    Returns
    -------
    callable
        Returns a `PolygonRegion` for each shape that has an area, or a `LabelRegion` for each
        label; in the latter case it takes a while.
    """
    if isinstance(layer, Shapes):
        found: list[Region] = [
            PolygonRegion(letter(place), corners) for place, corners in polygons(layer, image)
        ]
        return lambda: found
    if isinstance(layer, Labels) and layer.ndim == 2:
        return partial(_label_regions, finest(layer), pixel_matrix(image, layer))
    return list


def _label_regions(labels: Any, matrix: Floats) -> list[Region]:
    numbers = pd.unique(np.asarray(labels).ravel())  # by hashes: np.unique would sort all pixels
    return [LabelRegion(str(one), labels, matrix) for one in sorted(numbers.tolist()) if one]


def letter(place: int) -> str:
    """Return the name of a shape by its place in its layer.

    Parameters
    ----------
    place : int
        From 0.

    Returns
    -------
    str
        A to Z, then A2 to Z2 and so on.
    """
    turn, at = divmod(place, len(LETTERS))
    return LETTERS[at] + (str(turn + 1) if turn else "")


def pixel_matrix(layer: Layer, lead: Layer) -> Floats:
    """Return the matrix from the data of a layer to the pixels y, x of another.

    Parameters
    ----------
    layer : napari.layers.Layer
        Layer with n axes, of which the last are y and x.
    lead : napari.layers.Layer
        The other layer, whose transform does not mix z with y and x.

    Returns
    -------
    numpy.ndarray
        (2, n + 1) float64.
    """
    to_pixels = np.linalg.inv(_of_planes(to_world(lead)))
    scale = np.diag([*unit_ratios(layer, lead)[-2:], 1])
    matrix: Floats = (to_pixels @ scale @ to_world(layer)[-3:])[:2]
    return matrix


def _of_planes(matrix: Floats) -> Floats:
    return matrix[-3:, -3:]


def polygons(shapes: Shapes, lead: Layer) -> list[tuple[int, Floats]]:
    """Return the outlines of the shapes that have an area.

    Parameters
    ----------
    shapes : napari.layers.Shapes
        Layer of shapes.
    lead : napari.layers.Layer
        Layer in whose pixels the outlines are.

    Returns
    -------
    list of (int, numpy.ndarray)
        Place of each in its layer, and its corners (n, 2) float64 y, x.
    """
    matrix, found = pixel_matrix(shapes, lead), []
    for place, (vertices, kind) in enumerate(zip(shapes.data, shapes.shape_type, strict=True)):
        if kind not in WITH_AREA:
            continue
        outline = _on_ellipse(vertices) if kind == "ellipse" else vertices
        corners = _moved(outline, matrix)
        if np.linalg.matrix_rank(corners - corners.mean(axis=0), tol=THINNEST) == 2:
            found.append((place, corners))
    return found


def filled(outlines: Sequence[Floats], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels that any of some polygons covers.

    Parameters
    ----------
    outlines : sequence of numpy.ndarray
        (n, 2) corners y, x of each, in pixels.
    shape : tuple of int
        Rows and columns.

    Returns
    -------
    numpy.ndarray
        (Y, X) bool.
    """
    import cv2

    mask, farthest = np.zeros(shape, np.uint8), np.iinfo(np.int32).max
    for outline in outlines:
        corners = np.clip(np.round(outline[:, ::-1] * 2.0**CORNER_BITS), -farthest, farthest)
        cv2.fillPoly(mask, [corners.astype(np.int32)], 1, shift=CORNER_BITS)
    return mask.astype(bool)


def _moved(vertices: Any, matrix: Floats) -> Floats:
    """Return vertices (n, axes) in pixels y, x."""
    moved: Floats = np.asarray(vertices, float) @ matrix[:, :-1].T + matrix[:, -1]
    return moved


def _on_ellipse(corners: Any) -> Floats:
    """Return points on the ellipse that touches the sides of a rectangle of four corners."""
    first, second, third, fourth = np.asarray(corners, float)
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)[:, None]
    centre = (first + third) / 2
    return np.asarray(
        centre + np.cos(angles) * (second - first) / 2 + np.sin(angles) * (fourth - first) / 2
    )


def placed_points(points: Points, image: Image) -> list[tuple[float, float]]:
    """Return the points of a layer over a result.

    Parameters
    ----------
    points : napari.layers.Points
        Layer whose last axes are y and x.
    image : napari.layers.Image
        Stacked image of the result.

    Returns
    -------
    list of (float, float)
        y, x in pixels of the result.
    """
    places = _moved(points.data, pixel_matrix(points, image))
    return [(y, x) for y, x in places.tolist()]
