"""Placement of layers: their spacing, their world coordinates, and the placement of results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.transforms import CompositeAffine

from napari_focus_stack.io.sources import Spacing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import LayerList
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    Units = Sequence[Any] | None

NO_UNIT = "pixel"
DEFAULT_UNIT = "micrometer"
SAME_SIZE = 1e-6
"""Largest relative difference of sizes that count as equal."""


def spacing_of(layers: Sequence[Image]) -> Spacing:
    """Return the pixel size and the z step of layers that agree, in one unit.

    A negative scale, of an axis that is flipped, counts with its absolute value. napari cannot
    express an unknown scale: a scale of 1 in pixels counts as unknown, in any other unit as known.

    Parameters
    ----------
    layers : sequence of napari.layers.Image
        Layers of one stack, of which the first is read.

    Returns
    -------
    Spacing
        Its z is None for a 2-D layer.
    """
    layer = layers[0]
    scales = np.abs(np.asarray(layer.scale, float)) * _stretch(layer)
    units = [str(unit) for unit in layer.units]
    scaled = bool(np.any(scales != 1))
    known = [unit != NO_UNIT for unit in units]
    unit = next((u for u in reversed(units) if u != NO_UNIT), NO_UNIT if scaled else None)
    lengths: list[float | None] = [
        _convert(scale, old, unit) if is_known or (scaled and not any(known)) else None
        for scale, old, is_known in zip(scales.tolist(), layer.units, known, strict=True)
    ]
    z = lengths[-3] if layer.ndim == 3 else None
    return Spacing(y=lengths[-2], x=lengths[-1], z=z, unit=unit)


def _stretch(layer: Layer) -> NDArray[np.float64]:
    """Return the factors by which the affine enlarges a layer's pixels, (ndim,).

    Shear, which preserves the height of rows and the width of columns, does not count.
    """
    turned = np.asarray(layer.rotate, float)
    factors = np.linalg.norm(np.asarray(layer.affine.linear_matrix) @ turned, axis=0)
    return np.where(np.abs(factors - 1) <= SAME_SIZE, 1.0, factors)


def _convert(length: float, old: Any, new: str | None) -> float | None:
    """Convert a length from a unit to another; return None if they are incompatible."""
    if new is None or str(old) == new:
        return length
    if not old.is_compatible_with(new):
        return None
    converted: float = (length * old).to(new).magnitude
    return converted


def pixel_shape(layer: Layer, unit: str | None) -> tuple[tuple[float, float], float]:
    """Return the sides of a flat layer's pixels in the world, and the angle between them.

    Parameters
    ----------
    layer : napari.layers.Layer
        Layer whose last axes are y and x.
    unit : str or None
        Unit of the sides, if it is compatible with those of the layer.

    Returns
    -------
    sides : tuple of float
        Lengths along y and x.
    cosine : float
        Cosine of the angle between them.
    """
    ratios = [_convert(1.0, old, unit) or 1.0 for old in layer.units[-2:]]
    sides = np.diag(ratios) @ to_world(layer)[-3:-1, -3:-1]
    y, x = np.linalg.norm(sides, axis=0).tolist()
    return (y, x), float(sides[:, 0] @ sides[:, 1] / (y * x))


def unit_ratio(layer: Layer, unit: str | None) -> float | None:
    """Return the length of the unit along a layer's rows in another unit.

    Parameters
    ----------
    layer : napari.layers.Layer
        Layer with units.
    unit : str or None
        The other unit.

    Returns
    -------
    float or None
        None if the units are incompatible.
    """
    return _convert(1.0, layer.units[-1], unit)


def spacing_arguments(spacing: Spacing) -> dict[str, Any]:
    """Return the arguments of a (z, y, x) layer that has a spacing for `spacing_of`.

    Parameters
    ----------
    spacing : Spacing
        Pixel size and z step.

    Returns
    -------
    dict
        Scale, units and axis labels.
    """
    lengths = (spacing.z, spacing.y, spacing.x)
    unit = spacing.unit or NO_UNIT
    return {
        "scale": [length or 1.0 for length in lengths],
        "units": [unit if length else NO_UNIT for length in lengths],
        "axis_labels": ("z", "y", "x"),
    }


def calibrate(layers: Sequence[Image], spacing: Spacing, followers: Sequence[Layer] = ()) -> None:
    """Set the pixel size and the z step of layers, so that results have the same.

    Parameters
    ----------
    layers : sequence of napari.layers.Image
        Layers that are changed in place: scale, units, and translate with the scale.
    spacing : Spacing
        New lengths; those that are None are left unchanged, and a flipped axis remains flipped.
    followers : sequence of napari.layers.Layer, optional
        Layers whose affine and units are changed in place, so that they remain over the same pixels
        of the first of `layers`.
    """
    lead = layers[0]
    before, ratios = to_world(lead), [unit_ratios(layer, lead) for layer in followers]
    for layer in layers:
        scale, units = np.array(layer.scale, float), list(layer.units)
        stretch = _stretch(layer)
        for axis, length in ((-3, spacing.z), (-2, spacing.y), (-1, spacing.x)):
            if length is not None and layer.ndim >= -axis:
                scale[axis] = np.copysign(length / stretch[axis], scale[axis])
                units[axis] = spacing.unit or DEFAULT_UNIT
        translate = np.asarray(layer.translate) * scale / np.asarray(layer.scale)
        layer.units, layer.scale, layer.translate = tuple(units), scale, translate
    for layer, ratio in zip(followers, ratios, strict=True):
        _follow(layer, lead, before, ratio)


def _follow(
    layer: Layer, lead: Image, before: NDArray[np.float64], ratio: NDArray[np.float64]
) -> None:
    """Transform `layer` as `lead` was, whose matrix was `before`, on the axes they share."""
    shared = len(ratio)
    last = slice(-shared - 1, None)
    change = np.eye(layer.ndim + 1)
    change[last, last] = np.linalg.solve(before[last, last].T, to_world(lead)[last, last].T).T
    change[last, last] @= np.diag([*ratio, 1])
    layer.affine = change @ layer.affine.affine_matrix
    layer.units = (*layer.units[:-shared], *lead.units[-shared:])


def unit_ratios(layer: Layer, lead: Layer) -> NDArray[np.float64]:
    """Return the factors from the units of a layer to those of another.

    Incompatible units, such as pixels and micrometres, count as equal, as when napari draws them.

    Parameters
    ----------
    layer, lead : napari.layers.Layer
        The two layers.

    Returns
    -------
    numpy.ndarray
        (k,) float64 for the last k axes, which both have.
    """
    shared = min(layer.ndim, lead.ndim)
    pairs = zip(layer.units[-shared:], lead.units[-shared:], strict=True)
    return np.array([_convert(1.0, here, str(there)) or 1.0 for here, there in pairs])


def data_at(layer: Layer, position: Sequence[float], units: Units) -> NDArray[np.float64]:
    """Return the data coordinates of a layer at a position in the world of a viewer.

    Parameters
    ----------
    layer : napari.layers.Layer
        Layer of the viewer. Except for drawing, napari 0.9 itself assumes that world and layer have
        the same units.
    position : sequence of float
        World coordinates, whose last axes are those of the layer.
    units : sequence of pint.Unit or None
        Units of the viewer's axes; None where its layers have no common ones.

    Returns
    -------
    numpy.ndarray
        (ndim,) float64.
    """
    here = np.asarray(position, float)[-layer.ndim :] * _world_ratios(layer, units)
    return np.asarray(layer.world_to_data(here))


def position_of(layer: Layer, place: Sequence[float], units: Units) -> NDArray[np.float64]:
    """Return the world coordinates of a place in the data of a layer; the inverse of `data_at`.

    Parameters
    ----------
    layer : napari.layers.Layer
        Layer of the viewer.
    place : sequence of float
        Data coordinates.
    units : sequence of pint.Unit or None
        Units of the viewer's axes; None where its layers have no common ones.

    Returns
    -------
    numpy.ndarray
        (ndim,) float64.
    """
    return np.asarray(layer.data_to_world(place)) / _world_ratios(layer, units)


def _world_ratios(layer: Layer, units: Units) -> NDArray[np.float64]:
    """Return the factors from the units of the world to those of a layer, (ndim,)."""
    if units is None:
        return np.ones(layer.ndim)
    pairs = zip(units[-layer.ndim :], layer.units, strict=True)
    return np.array([_convert(1.0, world, str(own)) or 1.0 for world, own in pairs])


def world_units(layers: LayerList) -> Units:
    """Return the units of the world of a viewer, which it has since napari 0.7.

    Parameters
    ----------
    layers : napari.components.LayerList
        Layers of the viewer.

    Returns
    -------
    sequence of pint.Unit or None
        One for each axis; None where there are none.
    """
    return getattr(layers.extent, "units", None)


def to_world(layer: Layer) -> NDArray[np.float64]:
    """Return the matrix from a layer's pixels to the world.

    Where z is not mixed with y and x, its last three rows and columns are the matrix of a plane.

    Parameters
    ----------
    layer : napari.layers.Layer
        Layer with n axes.

    Returns
    -------
    numpy.ndarray
        (n + 1, n + 1) float64, for homogeneous coordinates.
    """
    n = layer.ndim
    origin = np.asarray(layer.data_to_world([0] * n))
    matrix = np.eye(n + 1)
    matrix[:n, :n] = np.stack([layer.data_to_world(axis) - origin for axis in np.eye(n)], axis=1)
    matrix[:n, n] = origin
    return matrix


def placement(layer: Image) -> dict[str, Any]:
    """Return the placement of a 2-D layer that covers the planes of a layer.

    Parameters
    ----------
    layer : napari.layers.Image
        Layer of planes.

    Returns
    -------
    dict
        Arguments of `add_image`.
    """
    return lying(layer, [layer.ndim - 2, layer.ndim - 1])


def lying(layer: Layer, axes: Sequence[int]) -> dict[str, Any]:
    """Return the placement of a layer that has some axes of another layer.

    Parameters
    ----------
    layer : napari.layers.Layer
        The other layer.
    axes : sequence of int
        Its axes, in the order of the new layer.

    Returns
    -------
    dict
        Arguments of `Image`.
    """
    to_physical = CompositeAffine(
        layer.scale, layer.translate, rotate=layer.rotate, shear=layer.shear, ndim=layer.ndim
    ).set_slice(list(axes))
    return {
        **{name: getattr(to_physical, name) for name in ("scale", "translate", "rotate", "shear")},
        "affine": layer.affine.set_slice(list(axes)).affine_matrix,
        "units": tuple(str(layer.units[axis]) for axis in axes),
        "axis_labels": tuple(layer.axis_labels[axis] for axis in axes),
    }


def moved(place: dict[str, Any], corner: tuple[float, float]) -> dict[str, Any]:
    """Return a placement that begins at another pixel of the planes.

    Parameters
    ----------
    place : dict
        Placement of the planes.
    corner : tuple of float
        Row and column of that pixel.

    Returns
    -------
    dict
        Placement with another translate.
    """
    to_physical = CompositeAffine(
        place["scale"], place["translate"], rotate=place["rotate"], shear=place["shear"], ndim=2
    )
    return {**place, "translate": to_physical(corner)}
