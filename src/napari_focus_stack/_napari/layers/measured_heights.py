"""Heights of a result in the viewer, as measurements take them, and levelled ones beside them."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_focus_stack._napari.layers.geometry import pixel_shape, placement
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, role
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
        Layer of the heights, one of `height_layers`; None where there is none.
    least_confidence : float
        Least confidence of a height that counts, 0 to 1.

    Returns
    -------
    HeightMap
        In planes where the z step is unknown, in pixels where the pixel size is.

    Raises
    ------
    InputError
        The result has neither heights nor depth.
    """
    heights, unit = _heights(found, layer)
    sure = found.maps.get("confidence")
    past, length = found.past, _unit(found)
    z = (past.get("spacing") or {}).get("z")
    known = knows_pixel_size(found)
    return HeightMap(
        heights=heights,
        confidence=None if sure is None else np.asarray(sure.data),
        pixel_size=pixel_shape(found.image, length)[0] if known else (1.0, 1.0),
        unit=unit or PLANE,
        pixel_unit=length if known else PIXEL,
        z_step=math.nan if unit is None or z is None else float(z),
        depth_unit=float(past.get("depth_unit") or 1.0),
        scale_uncertainty=float((past.get("z_calibration") or {}).get("uncertainty") or 0.0),
        least_confidence=least_confidence,
    )


def check_right_angles(found: ResultSet) -> None:
    """Refuse a result whose layer has a shear, for measurements of distances.

    Parameters
    ----------
    found : ResultSet
        The result.

    Raises
    ------
    InputError
        Its rows and columns are not perpendicular.
    """
    _, skew = pixel_shape(found.image, None)
    if abs(skew) > RIGHT_ANGLE:
        raise InputError(
            f"'{found.image.name}' has a shear, and distances along its rows and columns do not "
            "add up; remove the shear of the layer."
        )


def _heights(found: ResultSet, layer: Image | None) -> tuple[NDArray[Any], str | None]:
    """Return heights and their unit; None where they count planes."""
    if layer is None:
        raise InputError(
            f"Neither height nor depth of '{found.image.name}' is in the viewer; stack again with "
            "'Height' or 'Depth' ticked."
        )
    step, values = (found.past.get("spacing") or {}).get("z"), np.asarray(layer.data)
    if role(layer) == "height":
        return values, _unit(found)
    return (values, None) if step is None else (values * np.float32(step), _unit(found))


def _unit(found: ResultSet) -> str:
    return (found.past.get("spacing") or {}).get("unit") or str(found.image.units[-1])


def levelled_arguments(found: ResultSet, what: str, unit: str) -> dict[str, Any]:
    """Return the arguments of a layer of levelled heights, which lies over the result.

    Parameters
    ----------
    found : ResultSet
        The result.
    what : str
        What was subtracted, in words.
    unit : str
        Unit of the heights; those in planes make a depth.

    Returns
    -------
    dict
        Arguments of `add_image`, without the look.
    """
    kind = "depth" if unit == PLANE else "height"
    return {
        "name": with_role(str(found.image.name), f"{kind}, levelled"),
        **placement(found.image),
        "metadata": {METADATA_KEY: {**found.past, "role": kind, LEVELLED: what}},
    }


def height_layers(found: ResultSet) -> list[Image]:
    """Return the layers of a result that hold heights: its own or its depth, then levelled ones.

    Parameters
    ----------
    found : ResultSet
        The result.

    Returns
    -------
    list of napari.layers.Image
        Empty where the result has a depth index at most.
    """
    own = found.maps.get("height", found.maps.get("depth"))
    return [*([] if own is None else [own]), *found.levelled]


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
    return dataclasses.replace(found, maps={**found.maps, str(role(chosen)): chosen})


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
