"""Heights of a result in the viewer, as measurements take them, and levelled ones beside them."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_focus_stack._napari.layers.geometry import pixel_shape, placement
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.names import with_role
from napari_focus_stack._napari.layers.result_sets import LEVELLED, ResultSet, knows_pixel_size
from napari_focus_stack.analysis.height_map import PIXEL, PLANE, HeightMap
from napari_focus_stack.errors import InputError

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Layer
    from numpy.typing import NDArray

RIGHT_ANGLE = 1e-3
"""Cosine of the angle between rows and columns up to which they count as perpendicular."""


def height_map_of(found: ResultSet, layer: Image | None, least_confidence: float) -> HeightMap:
    """Return the height map of a result in the viewer.

    Parameters
    ----------
    found : ResultSet
        The result.
    layer : napari.layers.Image or None
        Layer of the heights, one of `height_layers`; None for the depth times the z step.
    least_confidence : float
        Least confidence of a height that counts, 0 to 1.

    Returns
    -------
    HeightMap
        In planes where the z step is unknown, in pixels where the pixel size is.

    Raises
    ------
    InputError
        The result has neither heights nor depth, or its pixels are skewed.
    """
    heights, unit = _heights(found, layer)
    sure = found.maps.get("confidence")
    past = found.past
    z = (past.get("spacing") or {}).get("z")
    known = knows_pixel_size(found)
    size, skew = pixel_shape(found.image, unit) if known else ((1.0, 1.0), 0.0)
    if abs(skew) > RIGHT_ANGLE:
        raise InputError(
            f"'{found.image.name}' has a shear, and distances along its rows and columns do not "
            "add up; remove the shear of the layer."
        )
    return HeightMap(
        heights=heights,
        confidence=None if sure is None else np.asarray(sure.data),
        pixel_size=size,
        unit=unit or PLANE,
        pixel_unit=(unit or _unit(found)) if known else PIXEL,
        z_step=math.nan if unit is None or z is None else float(z),
        depth_unit=float(past.get("depth_unit") or 1.0),
        scale_uncertainty=float((past.get("z_calibration") or {}).get("uncertainty") or 0.0),
        least_confidence=least_confidence,
    )


def _heights(found: ResultSet, layer: Image | None) -> tuple[NDArray[Any], str | None]:
    """Return heights and their unit; None where they count planes."""
    step = (found.past.get("spacing") or {}).get("z")
    if layer is not None:
        return np.asarray(layer.data), _unit(found)
    if "depth" not in found.maps:
        raise InputError(
            f"Neither height nor depth of '{found.image.name}' is in the viewer; stack again with "
            "'Height' or 'Depth' ticked."
        )
    planes = np.asarray(found.maps["depth"].data)
    return (planes, None) if step is None else (planes * np.float32(step), _unit(found))


def _unit(found: ResultSet) -> str:
    return (found.past.get("spacing") or {}).get("unit") or str(found.image.units[-1])


def levelled_arguments(found: ResultSet, what: str) -> dict[str, Any]:
    """Return the arguments of a layer of levelled heights, which lies over the result.

    Parameters
    ----------
    found : ResultSet
        The result.
    what : str
        What was subtracted, in words.

    Returns
    -------
    dict
        Arguments of `add_image`, without the look.
    """
    return {
        "name": with_role(str(found.image.name), "height, levelled"),
        **placement(found.image),
        "metadata": {METADATA_KEY: {**found.past, "role": "height", LEVELLED: what}},
    }


def height_layers(found: ResultSet) -> list[Image]:
    """Return the layers of a result that hold heights: its own, then the levelled ones.

    Parameters
    ----------
    found : ResultSet
        The result.

    Returns
    -------
    list of napari.layers.Image
        Empty where the result has a depth at most.
    """
    return [*([found.maps["height"]] if "height" in found.maps else []), *found.levelled]


def with_heights(found: ResultSet, key: object) -> ResultSet:
    """Return a result with other heights in the place of its own.

    Parameters
    ----------
    found : ResultSet
        The result.
    key : object
        Id of one of its `height_layers`.

    Returns
    -------
    ResultSet
        The same where there is no such layer.
    """
    chosen = {layer.unique_id: layer for layer in height_layers(found)}.get(key)
    if chosen is None:
        return found
    return dataclasses.replace(found, maps={**found.maps, "height": chosen})


def put_over_images(layers: LayerList, layer: Layer) -> None:
    """Move a new layer to just above all images, so that what is drawn over them stays in sight.

    Parameters
    ----------
    layers : napari.components.LayerList
        Layers of the viewer.
    layer : napari.layers.Layer
        The new layer.
    """
    images = [k for k, one in enumerate(layers) if isinstance(one, Image) and one is not layer]
    layers.move(layers.index(layer), max(images, default=-1) + 1)
