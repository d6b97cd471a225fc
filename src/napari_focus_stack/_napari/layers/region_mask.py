"""Region on which planes are aligned: shapes that the user drew, as a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._napari.layers.drawn_shapes import filled, polygons
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.settings import LEAST_REGION

if TYPE_CHECKING:
    from napari.layers import Image, Shapes
    from numpy.typing import NDArray


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

    outlines = [corners for _, corners in polygons(shapes, lead)]
    if not outlines:
        raise SettingsError(
            f"'{shapes.name}' holds no area to align on; draw a rectangle, an ellipse or a "
            "polygon in it, or align on the whole field."
        )
    mask = filled(outlines, plane_shape)
    _, _, *sides = cv2.boundingRect(mask.view(np.uint8))
    if any(n < min(LEAST_REGION, most) for n, most in zip(sides, plane_shape[::-1], strict=True)):
        covered = f"{sides[0]} x {sides[1]} pixels" if any(sides) else "nothing"
        raise SettingsError(
            f"'{shapes.name}' covers {covered} of the planes; draw at least {LEAST_REGION} pixels "
            "a side over them, or align on the whole field."
        )
    return mask
