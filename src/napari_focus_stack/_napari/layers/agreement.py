"""Agreement of the placements of layers: planes of one stack, and results over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._napari.layers.geometry import SAME_SIZE, to_world
from napari_focus_stack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image

SAME_PLACE = 0.5
"""Largest distance, in pixels, between the corners of planes that are registered."""


def check_z_apart(layer: Image) -> None:
    """Refuse a (z, y, x) layer whose transform mixes z with y or x.

    No flat result could be placed over such a layer.

    Parameters
    ----------
    layer : napari.layers.Image
        Layer of a stack.

    Raises
    ------
    InputError
        Its transform mixes z with y or x; the message names the layer.
    """
    if any(_mixes_z(matrix) for matrix in (layer.rotate, layer.affine.linear_matrix, layer.shear)):
        raise InputError(
            f"'{layer.name}' is rotated, sheared or transformed so that z mixes with y or x; "
            "undo that before stacking."
        )


def _mixes_z(matrix: Any) -> bool:
    """Return whether a matrix mixes its first axis with others."""
    matrix = np.asarray(matrix)
    # a shear may come as its upper triangle, row by row: z with y, z with x, y with x
    mixed = matrix[:2] if matrix.ndim == 1 else np.r_[matrix[0, 1:], matrix[1:, 0]]
    return bool(np.any(np.abs(mixed) > SAME_SIZE))


def check_agreement(layers: Sequence[Image]) -> None:
    """Refuse 2-D layers that are not registered, because planes are combined pixel by pixel.

    Parameters
    ----------
    layers : sequence of napari.layers.Image
        Planes of one stack, from the bottom up.

    Raises
    ------
    InputError
        The message names the first layer that differs from the bottom one, and the difference.
    """
    lead = layers[0]
    for layer in layers[1:]:
        difference = _difference(layer, lead)
        if difference is not None:
            raise InputError(
                f"'{layer.name}' has another {difference} than '{lead.name}'; planes of one stack "
                "must lie over each other."
            )


def _difference(layer: Image, lead: Image) -> str | None:
    """Return the first property in which the placements of two layers differ, or None."""
    if [str(unit) for unit in layer.units] != [str(unit) for unit in lead.units]:
        return "unit"
    if not np.allclose(layer.scale, lead.scale, rtol=SAME_SIZE, atol=0):
        return "scale"
    there, here = to_world(layer), to_world(lead)
    finest = SAME_SIZE * np.abs(here[:2]).max()
    if not np.allclose(there[:, :2], here[:, :2], rtol=0, atol=finest):
        return "rotation, shear or affine"
    off = np.linalg.solve(here, there[:, 2])[:2]
    return "position" if np.any(np.abs(off) > SAME_PLACE) else None


def is_registered_with(layer: Image, source: Image, corner: tuple[int, int]) -> bool:
    """Return whether a 2-D layer is registered with the planes of another layer.

    Parameters
    ----------
    layer : napari.layers.Image
        2-D layer.
    source : napari.layers.Image
        Layer of planes.
    corner : tuple of int
        Row and column of these planes at which the 2-D layer begins.

    Returns
    -------
    bool
        True if units agree, and no corner is off by more than half a pixel.
    """
    y, x = (side - 1 for side in layer.data.shape[:2])
    here = np.array([(0, 0, 1), (0, x, 1), (y, 0, 1), (y, x, 1)], float).T
    there = np.linalg.solve(to_world(source)[-3:, -3:], to_world(layer)[-3:, -3:] @ here)
    off = there[:2] - here[:2] - np.reshape(corner, (2, 1))
    units = [[str(unit) for unit in lying.units[-2:]] for lying in (layer, source)]
    return units[0] == units[1] and bool(np.all(np.abs(off) <= SAME_PLACE))
