"""Where layers lie: their spacing, whether they agree, and where results belong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.transforms import CompositeAffine

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.sources import Spacing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import LayerList
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    Units = Sequence[Any] | None

NO_UNIT = "pixel"
DEFAULT_UNIT = "micrometer"
SAME_PLACE = 0.5
"""In pixels: planes whose corners differ by less lie over each other."""
SAME_SIZE = 1e-6
"""Relative difference of sizes that are told as the same."""


def spacing_of(layers: Sequence[Image]) -> Spacing:
    """Pixel size and z step that the first layer knows, in one unit; the others agree with it.

    A negative scale, of an axis that is flipped, counts with its size.
    napari has no word for "unknown": a scale of 1 in pixels is none, in any other unit it counts.
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
    """Factors by which the affine makes a layer's pixels longer, (ndim,); 1 where it does not.

    Shear, which leaves pixels their rows and columns, does not count.
    """
    turned = np.asarray(layer.rotate, float)
    factors = np.linalg.norm(np.asarray(layer.affine.linear_matrix) @ turned, axis=0)
    return np.where(np.abs(factors - 1) <= SAME_SIZE, 1.0, factors)


def _convert(length: float, old: Any, new: str | None) -> float | None:
    if new is None or str(old) == new:
        return length
    if not old.is_compatible_with(new):
        return None
    converted: float = (length * old).to(new).magnitude
    return converted


def pixel_shape(layer: Layer, unit: str | None) -> tuple[tuple[float, float], float]:
    """Sides (y, x) of a flat layer's pixels in the world, and the cosine of the angle between them.

    The sides are in `unit` if the layer's units are of that kind.
    """
    ratios = [_convert(1.0, old, unit) or 1.0 for old in layer.units[-2:]]
    sides = np.diag(ratios) @ to_world(layer)[-3:-1, -3:-1]
    y, x = np.linalg.norm(sides, axis=0).tolist()
    return (y, x), float(sides[:, 0] @ sides[:, 1] / (y * x))


def unit_ratio(layer: Layer, unit: str | None) -> float | None:
    """Length of the unit along a layer's rows in `unit`; None if they are of different kinds."""
    return _convert(1.0, layer.units[-1], unit)


def spacing_arguments(spacing: Spacing) -> dict[str, Any]:
    """Arguments of a (z, y, x) layer that `spacing_of` reads the same spacing from."""
    lengths = (spacing.z, spacing.y, spacing.x)
    unit = spacing.unit or NO_UNIT
    return {
        "scale": [length or 1.0 for length in lengths],
        "units": [unit if length else NO_UNIT for length in lengths],
        "axis_labels": ("z", "y", "x"),
    }


def calibrate(layers: Sequence[Image], spacing: Spacing, followers: Sequence[Layer] = ()) -> None:
    """Give the layers a pixel size and a z step, so that results lie over them.

    Parameters
    ----------
    layers : sequence of napari.layers.Image
        Changed in place: scale, units, and translate with the scale.
    spacing : Spacing
        What is None is left as it is; a flipped axis stays flipped.
    followers : sequence of napari.layers.Layer
        Changed in place by their affine and units: they stay over the same pixels of the first of
        `layers`.
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
    """Move `layer` as `lead` was moved from the matrix `before`, on the axes they share."""
    shared = len(ratio)
    last = slice(-shared - 1, None)
    change = np.eye(layer.ndim + 1)
    change[last, last] = np.linalg.solve(before[last, last].T, to_world(lead)[last, last].T).T
    change[last, last] @= np.diag([*ratio, 1])
    layer.affine = change @ layer.affine.affine_matrix
    layer.units = (*layer.units[:-shared], *lead.units[-shared:])


def unit_ratios(layer: Layer, lead: Layer) -> NDArray[np.float64]:
    """Factors from the units of `layer` to those of `lead`, (k,) for the last k axes both have.

    Units of different kinds, as pixels and micrometres, count as the same: so napari draws them.
    """
    shared = min(layer.ndim, lead.ndim)
    pairs = zip(layer.units[-shared:], lead.units[-shared:], strict=True)
    return np.array([_convert(1.0, here, str(there)) or 1.0 for here, there in pairs])


def data_at(layer: Layer, position: Sequence[float], units: Units) -> NDArray[np.float64]:
    """Place in the data of a layer at a position in the world of a viewer.

    Parameters
    ----------
    layer : napari.layers.Layer
        Of which napari 0.9 itself takes world and layer to have the same units, but for drawing.
    position : sequence of float
        Its last axes are the layer's.
    units : sequence of pint.Unit or None
        Of the viewer's axes; None where its layers have no common ones.
    """
    here = np.asarray(position, float)[-layer.ndim :] * _world_ratios(layer, units)
    return np.asarray(layer.world_to_data(here))


def position_of(layer: Layer, place: Sequence[float], units: Units) -> NDArray[np.float64]:
    """Position in the world of a viewer of a place in the data of a layer; undoes `data_at`."""
    return np.asarray(layer.data_to_world(place)) / _world_ratios(layer, units)


def _world_ratios(layer: Layer, units: Units) -> NDArray[np.float64]:
    if units is None:
        return np.ones(layer.ndim)
    pairs = zip(units[-layer.ndim :], layer.units, strict=True)
    return np.array([_convert(1.0, world, str(own)) or 1.0 for world, own in pairs])


def world_units(layers: LayerList) -> Units:
    """Units of the world that the layers of a viewer lie in; before napari 0.7 it had none."""
    return getattr(layers.extent, "units", None)


def check_z_apart(layer: Image) -> None:
    """Refuse a (z, y, x) layer whose transform mixes z with y or x: no flat result lies over it.

    Raises
    ------
    InputError
        The message names the layer.
    """
    if any(_mixes_z(matrix) for matrix in (layer.rotate, layer.affine.linear_matrix, layer.shear)):
        raise InputError(
            f"'{layer.name}' is rotated, sheared or transformed so that z mixes with y or x; "
            "undo that before stacking."
        )


def _mixes_z(matrix: Any) -> bool:
    matrix = np.asarray(matrix)
    # a shear may come as its upper triangle, row by row: z with y, z with x, y with x
    mixed = matrix[:2] if matrix.ndim == 1 else np.r_[matrix[0, 1:], matrix[1:, 0]]
    return bool(np.any(np.abs(mixed) > SAME_SIZE))


def check_agreement(layers: Sequence[Image]) -> None:
    """Refuse 2-D layers that do not lie over each other: the fusion takes pixel for pixel.

    Raises
    ------
    InputError
        The message names the first layer that differs from the bottom one, and in what.
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


def to_world(layer: Layer) -> NDArray[np.float64]:
    """Matrix (n + 1, n + 1) of an n-dimensional layer from its pixels to the world.

    Where z is apart from y and x, its last three rows and columns are those of a plane.
    """
    n = layer.ndim
    origin = np.asarray(layer.data_to_world([0] * n))
    matrix = np.eye(n + 1)
    matrix[:n, :n] = np.stack([layer.data_to_world(axis) - origin for axis in np.eye(n)], axis=1)
    matrix[:n, n] = origin
    return matrix


def is_registered_with(layer: Image, source: Image, corner: tuple[int, int]) -> bool:
    """Tell whether a 2-D layer lies over the planes of `source`, from their pixel `corner` on."""
    y, x = (side - 1 for side in layer.data.shape[:2])
    here = np.array([(0, 0, 1), (0, x, 1), (y, 0, 1), (y, x, 1)], float).T
    there = np.linalg.solve(to_world(source)[-3:, -3:], to_world(layer)[-3:, -3:] @ here)
    off = there[:2] - here[:2] - np.reshape(corner, (2, 1))
    units = [[str(unit) for unit in lying.units[-2:]] for lying in (layer, source)]
    return units[0] == units[1] and bool(np.all(np.abs(off) <= SAME_PLACE))


def placement(layer: Image) -> dict[str, Any]:
    """Where a 2-D layer lies that covers the planes of `layer`: arguments of `add_image`."""
    return lying(layer, [layer.ndim - 2, layer.ndim - 1])


def lying(layer: Layer, axes: Sequence[int]) -> dict[str, Any]:
    """Where a layer lies that has only some axes of `layer`: arguments of `Image`."""
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
    """Change a placement for what begins at the planes' pixel `corner`."""
    to_physical = CompositeAffine(
        place["scale"], place["translate"], rotate=place["rotate"], shear=place["shear"], ndim=2
    )
    return {**place, "translate": to_physical(corner)}
