"""What of the field the alignment goes by: shapes that the user drew, as a mask of the planes."""

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
"""Of the polygon that stands for an ellipse: within 0.1 px of one 2000 px wide."""
THINNEST = 0.5
"""In pixels: what is thinner, as a rectangle drawn across the planes, has no area."""
CORNER_BITS = 8
"""Bits of a pixel that OpenCV is told of the corners."""


def region_of(shapes: Shapes, lead: Image, plane_shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Mask (Y, X) of the pixels that the shapes cover, at whatever z they were drawn.

    Parameters
    ----------
    shapes : napari.layers.Shapes
        Its lines and paths do not count.
    lead : napari.layers.Image
        Whose planes they lie over; z is apart from y and x in it.
    plane_shape : tuple of int
        (Y, X) of a plane.

    Raises
    ------
    SettingsError
        The shapes have no area, or too little of it over the planes.
    """
    import cv2

    mask = np.zeros(plane_shape, np.uint8)
    outlines = list(_outlines(shapes, lead))
    if not outlines:
        raise SettingsError(
            f"'{shapes.name}' holds no area to align on; draw a rectangle, an ellipse or a "
            "polygon in it, or align on the whole field."
        )
    farthest = np.iinfo(np.int32).max
    for outline in outlines:
        corners = np.clip(np.round(outline[:, ::-1] * 2.0**CORNER_BITS), -farthest, farthest)
        cv2.fillPoly(mask, [corners.astype(np.int32)], 1, shift=CORNER_BITS)
    _, _, *sides = cv2.boundingRect(mask)
    if any(n < min(LEAST_REGION, most) for n, most in zip(sides, plane_shape[::-1], strict=True)):
        covered = f"{sides[0]} x {sides[1]} pixels" if any(sides) else "nothing"
        raise SettingsError(
            f"'{shapes.name}' covers {covered} of the planes; draw at least {LEAST_REGION} pixels "
            "a side over them, or align on the whole field."
        )
    return mask.astype(bool)


def _outlines(shapes: Shapes, lead: Image) -> Iterator[NDArray[np.float64]]:
    """Corners (n, 2) of every shape that has an area, in pixels (y, x) of the planes."""
    to_pixels = np.linalg.inv(to_world(lead)[-3:, -3:])
    scale = np.diag([*unit_ratios(shapes, lead)[-2:], 1])
    matrix = to_pixels @ scale @ to_world(shapes)[-3:]
    for vertices, kind in zip(shapes.data, shapes.shape_type, strict=True):
        if kind not in WITH_AREA:
            continue
        outline = _around(vertices) if kind == "ellipse" else np.asarray(vertices, float)
        corners = outline @ matrix[:2, :-1].T + matrix[:2, -1]
        if np.linalg.matrix_rank(corners - corners.mean(axis=0), tol=THINNEST) == 2:
            yield corners


def _around(corners: Any) -> NDArray[np.float64]:
    """Points on the ellipse that touches the sides of a rectangle of four `corners`."""
    first, second, third, fourth = np.asarray(corners, float)
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)[:, None]
    centre = (first + third) / 2
    return np.asarray(
        centre + np.cos(angles) * (second - first) / 2 + np.sin(angles) * (fourth - first) / 2
    )
