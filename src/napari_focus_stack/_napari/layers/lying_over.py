"""Results and previews that lie over their sources, and stay there when those change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from napari.layers import Image

from napari_focus_stack._napari.layers.agreement import is_registered_with
from napari_focus_stack._napari.layers.geometry import moved, placement
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, PREVIEW, made_of, role
from napari_focus_stack._napari.layers.stack_slice import StackSlice
from napari_focus_stack.result import crop_corner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer


def results_over(
    sources: Sequence[Image], layers: Sequence[Image], cut: StackSlice | None = None
) -> list[Image]:
    """Return the layers of earlier results of the same sources that still lie over them.

    Parameters
    ----------
    sources : sequence of napari.layers.Image
        The planes, or their layer.
    layers : sequence of napari.layers.Image
        Layers of the viewer.
    cut : StackSlice, optional
        Part of the layer that was stacked.

    Returns
    -------
    list of napari.layers.Image
        In the order of `layers`.
    """
    part = (cut or StackSlice()).as_dict()
    return [
        layer
        for layer in layers
        if role(layer) not in (None, PREVIEW)
        and layer.ndim == 2  # a surface in 3-D stays where it was put
        and any(made_of(layer.metadata[METADATA_KEY], source) for source in sources)
        and layer.metadata[METADATA_KEY].get("cut") == part
        and is_registered_with(layer, sources[0], _corner(layer))
    ]


def is_left_preview(layer: Layer) -> TypeGuard[Image]:
    """Return whether a layer is the hidden preview of a run that had no result.

    Parameters
    ----------
    layer : napari.layers.Layer
        Any layer.

    Returns
    -------
    bool
        True for images alone, though napari copies the role to labels that are made of one.
    """
    return isinstance(layer, Image) and role(layer) == PREVIEW


def previews_over(source: Image, layers: Sequence[Layer]) -> list[Image]:
    """Return the hidden previews of runs on a source that had no result.

    Parameters
    ----------
    source : napari.layers.Image
        The planes, or one of them.
    layers : sequence of napari.layers.Layer
        Layers of the viewer.

    Returns
    -------
    list of napari.layers.Image
        In the order of `layers`.
    """
    return [
        layer
        for layer in layers
        if is_left_preview(layer) and made_of(layer.metadata[METADATA_KEY], source)
    ]


def lay_over(result: Image, source: Image) -> None:
    """Put an earlier result or preview over its source, whose spacing has changed since.

    Parameters
    ----------
    result : napari.layers.Image
        Changed in place: units, scale and translate.
    source : napari.layers.Image
        Layer of the reference plane.
    """
    factor = result.metadata[METADATA_KEY].get("factor", 1)
    place = moved(coarser(placement(source), factor), _corner(result))
    for name in ("units", "scale", "translate"):
        setattr(result, name, place[name])


def films_over(sources: Sequence[Image], layers: Sequence[Layer]) -> list[Image]:
    """Return the results of series of the same sources that have axes beside y and x.

    Parameters
    ----------
    sources : sequence of napari.layers.Image
        Layers of the channels.
    layers : sequence of napari.layers.Layer
        Layers of the viewer.

    Returns
    -------
    list of napari.layers.Image
        In the order of `layers`.
    """
    return [
        layer
        for layer in layers
        if isinstance(layer, Image)
        and "scope" in layer.metadata.get(METADATA_KEY, {})
        and layer.ndim > 2
        and any(made_of(layer.metadata[METADATA_KEY], source) for source in sources)
    ]


def follow_scale(
    result: Image, source: Image, scale: Sequence[float], translate: Sequence[float]
) -> None:
    """Scale the result of a series as its source was, of which it has the axes.

    Parameters
    ----------
    result : napari.layers.Image
        Changed in place: units, scale and translate.
    source : napari.layers.Image
        Layer of a channel, which has been calibrated.
    scale, translate : sequence of float
        Those of the source before.
    """
    if result.ndim != source.ndim:
        return
    ratio = np.asarray(source.scale) / np.asarray(scale)
    moved_by = (np.asarray(result.translate) - np.asarray(translate)) * ratio
    result.units = source.units
    result.scale = np.asarray(result.scale) * ratio
    result.translate = np.asarray(source.translate) + moved_by


def coarser(place: dict[str, Any], factor: int) -> dict[str, Any]:
    """Return the placement of pixels that cover several others each, from the first ones on.

    Parameters
    ----------
    place : dict
        Placement of the small pixels.
    factor : int
        Number of small pixels along each side of a large one.

    Returns
    -------
    dict
        Placement of the large pixels.
    """
    middle = (factor - 1) / 2
    return {**moved(place, (middle, middle)), "scale": place["scale"] * factor}


def _corner(result: Image) -> tuple[int, int]:
    return crop_corner(result.metadata[METADATA_KEY].get("crop"))
