"""Region on which planes are aligned: shapes that the user drew, as a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._napari.layers.geometry import to_world, unit_ratios
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.settings import LEAST_REGION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Image, Shapes
    from numpy.typing import NDArray

WITH_AREA = ("rectangle", "ellipse", "polygon")
CORNERS = 256
"""Corners of the polygon that represents an ellipse: within 0.1 px of one that is 2000 px wide."""
THINNEST = 0.5
"""Width, in pixels, below which a shape has no area, like a rectangle drawn across the planes."""
CORNER_BITS = 8
"""Fractional bits of the coordinates of corners that are passed to OpenCV."""


def region_of(shapes: Shapes, lead: Image, plane_shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a mask of the pixels that shapes cover, regardless of the z at which they were drawn.

    Parameters
    ----------
    shapes : napari.layers.Shapes
        Layer whose lines and paths do not count.
    lead : napari.layers.Image
        Layer of the planes, whose transform does not mix z with y and x.
    plane_shape : tuple of int
        (Y, X) of a plane.

    Returns
    -------
    numpy.ndarray
        (Y, X) bool.

    Raises
    ------
    SettingsError
        The shapes have no area, or too little of it over the planes.
    """
    import cv2

    mask = np.zeros(plane_shape, np.uint8)
    polygons = list(_polygons(shapes, lead))
    if not polygons:
        raise SettingsError(
            f"'{shapes.name}' holds no area to align on; draw a rectangle, an ellipse or a "
            "polygon in it, or align on the whole field."
        )
    farthest = np.iinfo(np.int32).max
    for polygon in polygons:
        corners = np.clip(np.round(polygon[:, ::-1] * 2.0**CORNER_BITS), -farthest, farthest)
        cv2.fillPoly(mask, [corners.astype(np.int32)], 1, shift=CORNER_BITS)
    _, _, *sides = cv2.boundingRect(mask)
    if any(n < min(LEAST_REGION, most) for n, most in zip(sides, plane_shape[::-1], strict=True)):
        covered = f"{sides[0]} x {sides[1]} pixels" if any(sides) else "nothing"
        raise SettingsError(
            f"'{shapes.name}' covers {covered} of the planes; draw at least {LEAST_REGION} pixels "
            "a side over them, or align on the whole field."
        )
    return mask.astype(bool)


def _polygons(shapes: Shapes, lead: Image) -> Iterator[NDArray[np.float64]]:
    """Yield the corners (n, 2) of every shape that has an area, in pixels (y, x) of the planes."""
    to_pixels = np.linalg.inv(to_world(lead)[-3:, -3:])
    scale = np.diag([*unit_ratios(shapes, lead)[-2:], 1])
    matrix = to_pixels @ scale @ to_world(shapes)[-3:]
    for vertices, kind in zip(shapes.data, shapes.shape_type, strict=True):
        if kind not in WITH_AREA:
            continue
        polygon = _on_ellipse(vertices) if kind == "ellipse" else np.asarray(vertices, float)
        corners = polygon @ matrix[:2, :-1].T + matrix[:2, -1]
        if np.linalg.matrix_rank(corners - corners.mean(axis=0), tol=THINNEST) == 2:
            yield corners


def _on_ellipse(corners: Any) -> NDArray[np.float64]:
    """Return points on the ellipse that touches the sides of a rectangle of four corners."""
    first, second, third, fourth = np.asarray(corners, float)
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)[:, None]
    centre = (first + third) / 2
    return np.asarray(
        centre + np.cos(angles) * (second - first) / 2 + np.sin(angles) * (fourth - first) / 2
    )
