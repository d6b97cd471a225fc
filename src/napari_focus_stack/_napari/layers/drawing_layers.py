"""Layers to draw profiles and regions on, in the place of a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_focus_stack._napari.layers.drawn_shapes import letter
from napari_focus_stack._napari.layers.geometry import placement

if TYPE_CHECKING:
    from napari.layers import Image, Layer, Shapes

COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2")
"""Okabe and Ito's colours, which most colour-blind users can tell apart."""
DRAWN_FOR = "napari-focus-stack-drawing"
"""Key of the metadata of a layer that says what is drawn on it."""
PROFILES, REGIONS = "profiles", "regions"
WIDTHS = 180
"""How often the width of a line fits into the longer side of the result."""
POINTS = 50
"""How often a point fits into the longer side of the result."""
REGION = "region"
"""Column of the features that holds the letter of each region."""


def profiles_arguments(image: Image) -> dict[str, Any]:
    """Return the arguments of a layer to draw profiles on.

    Parameters
    ----------
    image : napari.layers.Image
        Stacked image.

    Returns
    -------
    dict
        Arguments of `add_shapes`.
    """
    return {"name": "Profiles", **_look(image, PROFILES)}


def regions_arguments(image: Image) -> dict[str, Any]:
    """Return the arguments of a layer to draw regions on, each with its letter.

    Parameters
    ----------
    image : napari.layers.Image
        Stacked image.

    Returns
    -------
    dict
        Arguments of `add_shapes`.
    """
    text = {
        "string": f"{{{REGION}}}",
        "color": COLOURS[0],
        "size": 18,
        "anchor": "center",
    }
    return {
        "name": "Regions",
        **_look(image, REGIONS),
        "features": {REGION: []},
        "text": text,
    }


def _look(image: Image, purpose: str) -> dict[str, Any]:
    return {
        "metadata": {DRAWN_FOR: purpose},
        "face_color": "transparent",
        **placement(image),
        "ndim": 2,
        "edge_color": COLOURS[0],
        "opacity": 1.0,
        "edge_width": max(1.0, max(image.data.shape[:2]) / WIDTHS),
    }


def is_drawn_for(layer: Layer, purpose: str) -> bool:
    """Return whether a layer may hold what is drawn for a purpose.

    Parameters
    ----------
    layer : napari.layers.Layer
        Any layer.
    purpose : str
        `PROFILES` or `REGIONS`.

    Returns
    -------
    bool
        False for a layer that was made for the other purpose.
    """
    return bool(layer.metadata.get(DRAWN_FOR, purpose) == purpose)


def next_colour(shapes: Shapes) -> None:
    """Set the colour of the next shape to one that the last ones do not have.

    Parameters
    ----------
    shapes : napari.layers.Shapes
        Changed in place; its shapes keep their colours.
    """
    with shapes.block_update_properties():
        shapes.current_edge_color = COLOURS[len(shapes.data) % len(COLOURS)]


def name_regions(shapes: Shapes) -> None:
    """Write the letters of regions into the features, which the canvas shows.

    Parameters
    ----------
    shapes : napari.layers.Shapes
        Changed in place, if it has a column for them.
    """
    if REGION in shapes.features:
        names = [letter(place) for place in range(len(shapes.data))]
        if list(shapes.features[REGION]) != names:
            shapes.features = shapes.features.assign(**{REGION: names})


def points_arguments(image: Image) -> dict[str, Any]:
    """Return the arguments of a layer to place points on by which heights are levelled.

    Parameters
    ----------
    image : napari.layers.Image
        Stacked image.

    Returns
    -------
    dict
        Arguments of `add_points`.
    """
    return {
        "name": "Points to level by",
        **placement(image),
        "ndim": 2,
        "face_color": COLOURS[0],
        "size": max(image.data.shape[:2]) / POINTS,
    }
