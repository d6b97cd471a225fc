"""Writer for napari: a height map with its pixel size and its unit, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer

from napari_focus_stack._napari.io.writers import unless_taken
from napari_focus_stack._napari.layers.geometry import spacing_of
from napari_focus_stack._napari.layers.lazy_planes import as_recorded
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, role
from napari_focus_stack._napari.layers.planes import finest
from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.height_files import HEIGHT_SUFFIXES, write_heights
from napari_focus_stack.io.height_scale import PLANES, HeightScale
from napari_focus_stack.io.output_formats import TIFF

_DEPTHS = ("depth", "depth-index")


def write_height_layer(path: str, data: Any, arguments: dict[str, Any]) -> list[str]:
    """Write a height layer as `.tif`, `.gsf` or `.x3p`; a depth in planes as `.tif` alone.

    Parameters
    ----------
    path : str
        Path of the file; `.tif` is added to a name without a suffix of these.
    data : array-like
        (Y, X) numbers, or the levels of a multiscale layer.
    arguments : dict
        Arguments of the layer, whose metadata have the role and the unit of its values.

    Returns
    -------
    list of str
        The path that was written.

    Raises
    ------
    OutputError
        The layer is no height map, the format cannot hold its values, or the file cannot be
        written.
    """
    file = Path(path)
    if file.suffix.lower() not in HEIGHT_SUFFIXES:
        file = unless_taken(file.with_name(file.name + TIFF[0]))
    layer = Layer.create(data, dict(arguments), "image")
    purpose = role(layer)
    if purpose not in ("height", *_DEPTHS):
        raise OutputError(
            f"'{file}' cannot hold '{layer.name}', which is no height map; select a height layer, "
            "or save with napari's own writers."
        )
    if layer.ndim != 2:
        raise OutputError(
            f"'{file}' cannot hold '{layer.name}', whose shape is {layer.data.shape}; save one "
            "time or position, or all of them as .focusstack."
        )
    known = layer.metadata[METADATA_KEY].get("spacing") or {}
    spacing = spacing_of([layer])
    unit = PLANES if purpose in _DEPTHS else known.get("unit") or spacing.unit
    scale = HeightScale(spacing.y, spacing.x, spacing.unit, unit)
    write_heights(file, np.asarray(as_recorded(finest(layer))), scale)
    return [str(file)]
