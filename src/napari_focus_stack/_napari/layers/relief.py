"""The relief of a result as a surface of the viewer: its heights, its placement, its stretch.

Without the viewer and Qt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._napari.layers.axis_roles import is_name
from napari_focus_stack._napari.layers.geometry import placement, unit_ratio
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.names import with_role
from napari_focus_stack._napari.layers.result_sets import (
    ResultSet,
    knows_pixel_size,
    relief_of,
)
from napari_focus_stack.io.sources import Spacing

if TYPE_CHECKING:
    from napari.layers import Layer
    from numpy.typing import NDArray

SURFACE, ON_SURFACE = "surface", "on-surface"
RAISED = (SURFACE, ON_SURFACE)
"""Roles of the layers that are shown in 3-D alone."""
PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
"""Arguments that place a layer."""


@dataclass(frozen=True)
class PlacedRelief:
    """Heights of a result in the unit of its image, or in their own if that differs in kind.

    Attributes
    ----------
    heights : numpy.ndarray
        (Y, X), NaN where there is none.
    unit : str
        Unit of the heights.
    plane_height : float
        Distance between planes, in that unit.
    ratio : float
        Factor by which the heights of the result were multiplied.
    spacing : Spacing
        Pixel size.
    """

    heights: NDArray[Any]
    unit: str
    plane_height: float
    ratio: float
    spacing: Spacing

    @classmethod
    def of(cls, found: ResultSet) -> PlacedRelief:
        """Return the relief of a result.

        Parameters
        ----------
        found : ResultSet
            The result.

        Returns
        -------
        PlacedRelief
            A plane counts as deep as a pixel is wide where the z step is unknown.

        Raises
        ------
        InputError
            No depth and no height is in the viewer.
        """
        relief, image = relief_of(found), found.image
        y, x = np.abs(image.scale).tolist()
        step = (found.past.get("spacing") or {}).get("z")
        known = None if relief.unit is None else unit_ratio(image, relief.unit)
        unit = str(image.units[-1])
        if relief.unit is None:
            ratio, plane_height = x, x
        else:
            ratio = 1 / (known or 1.0)
            unit = unit if known is not None else relief.unit
            plane_height = x if step is None else float(step) * ratio
        heights = relief.heights if ratio == 1 else relief.heights * np.float32(ratio)
        return cls(heights, unit, plane_height, ratio, Spacing(y=y, x=x))


def surface_arguments(found: ResultSet, relief: PlacedRelief) -> dict[str, Any]:
    """Return the arguments of `add_surface` beside the mesh and its colours.

    napari's slider steps by the smallest scale of all layers, so z must have that of the stack:
    vertices are given in planes, and in the unit of the image along y and x.

    Parameters
    ----------
    found : ResultSet
        Result that the surface is made of.
    relief : PlacedRelief
        Its relief.

    Returns
    -------
    dict
        With a name, and heights true to scale.
    """
    return {
        "name": with_role(str(found.image.name), "surface"),
        "shading": "none",
        **_raised(placement(found.image), relief.unit, relief.plane_height),
        "metadata": raised_metadata(found, SURFACE, relief),
    }


def raised_metadata(
    found: ResultSet, role: str, relief: PlacedRelief, **more: str
) -> dict[str, Any]:
    """Return the metadata of a surface, or of points on it.

    Parameters
    ----------
    found : ResultSet
        Result that the surface is made of.
    role : str
        One of `RAISED`.
    relief : PlacedRelief
        Relief of the result.
    **more : str
        What else identifies the layer.

    Returns
    -------
    dict
        As `is_same` compares them.
    """
    own = {"role": role, "surface_of": str(found.image.unique_id), **more}
    return {METADATA_KEY: {**found.past, **own, "plane_height": relief.plane_height, "middle": 0.0}}


def is_same(layer: Layer, metadata: dict[str, Any]) -> bool:
    """Return whether a layer has the place of one to be added: its role, surface and points.

    Parameters
    ----------
    layer : napari.layers.Layer
        Any layer.
    metadata : dict
        As `raised_metadata` returned them.

    Returns
    -------
    bool
        True if the layer can be updated instead.
    """
    here, there = layer.metadata.get(METADATA_KEY, {}), metadata[METADATA_KEY]
    return all(here.get(key) == there.get(key) for key in ("role", "surface_of", "points_of"))


def _raised(place: dict[str, Any], unit: str, plane_height: float) -> dict[str, Any]:
    """Return the placement of physical vertices over an image, with z before y and x."""
    shear = place["shear"]
    labels = place["axis_labels"]
    named = any(map(is_name, labels))
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


def stretch(layer: Layer, factor: float) -> None:
    """Show heights `factor` times as large; the middle of the surface stays where it is.

    Parameters
    ----------
    layer : napari.layers.Layer
        Surface, or points on it. Changed in place: scale and translate.
    factor : float
        1 is true to scale.
    """
    own = layer.metadata[METADATA_KEY]
    layer.scale = (factor * own["plane_height"], *layer.scale[1:])
    layer.translate = ((1 - factor) * own["middle"], *layer.translate[1:])


def doubts(found: ResultSet) -> list[str]:
    """Return what limits the heights of a result.

    Parameters
    ----------
    found : ResultSet
        Result with a relief.

    Returns
    -------
    list of str
        One sentence each, for the user.
    """
    unit = relief_of(found).unit
    steps = "It rises in steps of a plane; stack again with 'Height' or 'Depth' for a smooth one."
    guess = "The z step is unknown: a plane counts as deep as a pixel is wide."
    flat = f"The pixel size is unknown: a pixel counts as one {unit}; slopes are not true."
    unknown = [guess] if unit is None else [] if knows_pixel_size(found) else [flat]
    return [*([] if {"height", "depth"} & set(found.maps) else [steps]), *unknown]
