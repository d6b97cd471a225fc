"""A plane of the stack over its result: the part that is shown, how finely, and where it lies.

Without the viewer and Qt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._napari.layers.geometry import moved, placement
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.names import with_role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window

PLANE = "plane"
MOST_PIXELS = 2**20
"""Pixels that are shown at most, as many as a canvas has: napari skips the others when it draws."""
OF_VIEW = 1 / 3
"""Side of the part around the brush, as a share of what the canvas shows."""
OF_BRUSH = 3
"""Least side of that part, in diameters of the brush."""
TAKEN_OVER = ("contrast_limits", "gamma", "interpolation2d")
"""Attributes by which a plane looks like its result, beside the colormap of grey ones."""


@dataclass(frozen=True)
class ShownPlane:
    """Part of a plane, as the result's reference plane sees it.

    Attributes
    ----------
    pixels : numpy.ndarray
        (y, x[, C]).
    window : tuple of slice
        Rows and columns of the result that they cover.
    step : int
        Distance of the pixels, in pixels of the result.
    """

    pixels: NDArray[Any]
    window: Window
    step: int


def seen_window(image: Image) -> Window:
    """Return the part of a 2-D image that the canvas shows.

    Parameters
    ----------
    image : napari.layers.Image
        The result.

    Returns
    -------
    tuple of slice
        Rows and columns; all of them before napari has drawn the layer.
    """
    first, last = (corner.tolist() for corner in np.asarray(image.corner_pixels)[:, :2])
    sides = image.data.shape[:2]
    if any(low >= high for low, high in zip(first, last, strict=True)):
        first, last = [0, 0], list(sides)
    rows, cols = (
        slice(max(0, low), min(side, high + 1))
        for low, high, side in zip(first, last, sides, strict=True)
    )
    return rows, cols


def brush_window(image: Image, center: Sequence[float], brush: float) -> Window | None:
    """Return the part of an image around the brush.

    Parameters
    ----------
    image : napari.layers.Image
        The result.
    center : sequence of float
        Row and column of the brush.
    brush : float
        Its diameter, in pixels.

    Returns
    -------
    tuple of slice or None
        Rows and columns; None where the brush is off the image.
    """
    height, width = image.data.shape[:2]
    y, x = (round(float(at)) for at in center)
    if not (0 <= y < height and 0 <= x < width):
        return None
    seen = min(side.stop - side.start for side in seen_window(image))
    half = max(1, round(max(seen * OF_VIEW, brush * OF_BRUSH) / 2))
    return (
        slice(max(0, y - half), min(height, y + half + 1)),
        slice(max(0, x - half), min(width, x + half + 1)),
    )


def step_of(window: Window) -> int:
    """Return the distance of shown pixels at which a window has no more than `MOST_PIXELS`.

    Parameters
    ----------
    window : tuple of slice
        Rows and columns.

    Returns
    -------
    int
        1 or more.
    """
    rows, cols = (side.stop - side.start for side in window)
    return int(np.ceil(np.sqrt(rows * cols / MOST_PIXELS)))


def plane_arguments(image: Image) -> dict[str, Any]:
    """Return the arguments of `add_image` for the layer of a plane, before it is laid.

    Parameters
    ----------
    image : napari.layers.Image
        The result.

    Returns
    -------
    dict
        With the name, and an identity by which the layer is found again.
    """
    return {
        "name": with_role(str(image.name), PLANE),
        "rgb": image.rgb,
        **placement(image),  # units that differ would turn off those of all layers
        "metadata": {METADATA_KEY: {"role": PLANE, "of": image.unique_id}},
    }


def shows_planes_of(layer: Any, image: Image) -> bool:
    """Return whether a layer was added to show planes over a result, and can do so still.

    Parameters
    ----------
    layer : napari.layers.Layer
        Any layer.
    image : napari.layers.Image
        The result.

    Returns
    -------
    bool
        False also where the result has changed between grey and colour.
    """
    known = layer.metadata.get(METADATA_KEY, {})
    ours = known.get("role") == PLANE and known.get("of") == image.unique_id
    return bool(ours and layer.rgb == image.rgb)


def lay_plane(layer: Image, image: Image, shown: ShownPlane) -> None:
    """Put a part of a plane into its layer, in place over the result and in its colours.

    Parameters
    ----------
    layer : napari.layers.Image
        Changed in place.
    image : napari.layers.Image
        The result.
    shown : ShownPlane
        Part of the plane.
    """
    rows, cols = shown.window
    layer.data = shown.pixels
    place, here = moved(placement(image), (rows.start, cols.start)), placement(layer)
    place["scale"] = np.asarray(place["scale"]) * shown.step
    for name, value in place.items():  # each that is set is announced, and costs a refresh
        if not np.array_equal(here[name], value):
            setattr(layer, name, value)
    for name in TAKEN_OVER if image.rgb else (*TAKEN_OVER, "colormap"):
        if getattr(layer, name) != getattr(image, name):
            setattr(layer, name, getattr(image, name))
