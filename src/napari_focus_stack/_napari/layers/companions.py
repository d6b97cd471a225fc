"""Layers that lie over the pixels of a stack, and follow it when its spacing changes.

napari draws layers of different units as if their units were the same, with a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels, Surface

from napari_focus_stack._napari.layers.geometry import SAME_SIZE, to_world

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Layer


def companions(lead: Image, layers: Iterable[Layer]) -> list[Layer]:
    """Return the layers that lie over a stack pixel by pixel: other channels, labels, points.

    Parameters
    ----------
    lead : napari.layers.Image
        The (z, y, x) stack, or one of its 2-D planes.
    layers : iterable of napari.layers.Layer
        Other layers of the viewer.

    Returns
    -------
    list of napari.layers.Layer
        Those with the units and the place of `lead` on the axes that they share, and images and
        labels with its shape there, too. Surfaces have no pixels and are none of them.
    """
    return [one for one in layers if not isinstance(one, Surface) and _lies_over(one, lead)]


def _lies_over(layer: Layer, lead: Image) -> bool:
    shared = min(layer.ndim, lead.ndim)
    if [str(unit) for unit in layer.units[-shared:]] != [str(u) for u in lead.units[-shared:]]:
        return False
    if isinstance(layer, Image | Labels) and _shape(layer)[-shared:] != _shape(lead)[-shared:]:
        return False
    last = slice(-shared - 1, None)
    here, there = to_world(lead)[last, last], to_world(layer)[last, last]
    return bool(np.allclose(here, there, rtol=0, atol=SAME_SIZE * np.abs(here).max()))


def _shape(layer: Image | Labels) -> tuple[int, ...]:
    shape: tuple[int, ...] = layer.level_shapes[0] if layer.multiscale else layer.data.shape
    return tuple(shape[: layer.ndim])
