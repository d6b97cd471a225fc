"""Where layers lie: their spacing, whether they agree, and where results belong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.sources import Spacing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image
    from numpy.typing import NDArray

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
    scales = np.abs(np.asarray(layer.scale, float))
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


def _convert(length: float, old: Any, new: str | None) -> float | None:
    if new is None or str(old) == new:
        return length
    if not old.is_compatible_with(new):
        return None
    converted: float = (length * old).to(new).magnitude
    return converted


def spacing_arguments(spacing: Spacing) -> dict[str, Any]:
    """Arguments of a (z, y, x) layer that `spacing_of` reads the same spacing from."""
    lengths = (spacing.z, spacing.y, spacing.x)
    unit = spacing.unit or NO_UNIT
    return {
        "scale": [length or 1.0 for length in lengths],
        "units": [unit if length else NO_UNIT for length in lengths],
        "axis_labels": ("z", "y", "x"),
    }


def calibrate(layers: Sequence[Image], spacing: Spacing) -> None:
    """Give the layers a pixel size and a z step, so that results lie over them.

    Parameters
    ----------
    layers : sequence of napari.layers.Image
        Changed in place: scale, units, and translate with the scale.
    spacing : Spacing
        What is None is left as it is; a flipped axis stays flipped.
    """
    for layer in layers:
        scale, units = np.array(layer.scale, float), list(layer.units)
        for axis, length in ((-3, spacing.z), (-2, spacing.y), (-1, spacing.x)):
            if length is not None and layer.ndim >= -axis:
                scale[axis] = np.copysign(length, scale[axis])
                units[axis] = spacing.unit or DEFAULT_UNIT
        translate = np.asarray(layer.translate) * scale / np.asarray(layer.scale)
        layer.units, layer.scale, layer.translate = tuple(units), scale, translate


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
    there, here = _to_world(layer), _to_world(lead)
    if not np.allclose(there[:, :2], here[:, :2], rtol=0, atol=SAME_SIZE * np.abs(here).max()):
        return "rotation, shear or affine"
    off = np.linalg.solve(here[:, :2], there[:, 2] - here[:, 2])
    return "position" if np.any(np.abs(off) > SAME_PLACE) else None


def _to_world(layer: Image) -> NDArray[np.float64]:
    """Matrix (2, 3) of a 2-D layer from pixels to the world, its last column the origin's place."""
    origin, down, right = (
        np.asarray(layer.data_to_world(pixel)) for pixel in ((0, 0), (1, 0), (0, 1))
    )
    return np.stack([down - origin, right - origin, origin], axis=1)


def placement(layer: Image) -> dict[str, Any]:
    """Where a 2-D layer lies that covers the planes of `layer`: arguments of `add_image`."""
    last = [layer.ndim - 2, layer.ndim - 1]
    shear = np.asarray(layer.shear)
    return {
        "scale": np.asarray(layer.scale)[-2:],
        "translate": np.asarray(layer.translate)[-2:],
        "rotate": np.asarray(layer.rotate)[-2:, -2:],
        # the upper triangle, row by row, ends with what mixes y and x
        "shear": shear[-1:] if shear.ndim == 1 else shear[-2:, -2:],
        "affine": layer.affine.set_slice(last).affine_matrix,
        "units": tuple(str(unit) for unit in layer.units[-2:]),
        "axis_labels": tuple(layer.axis_labels[-2:]),
    }
