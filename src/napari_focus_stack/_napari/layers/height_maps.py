"""Layers that show heights: slope, curvature, hillshade and contour lines."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._napari.layers.appearance import BAR_TITLE
from napari_focus_stack._napari.layers.geometry import placement
from napari_focus_stack._napari.layers.names import with_role
from napari_focus_stack._utils.wording import format_unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_focus_stack._napari.layers.result_sets import ResultSet
    from napari_focus_stack.analysis.height_map import HeightMap

    Made = tuple[str, Any, dict[str, Any]]
    """Kind of a layer, its data, and its look as arguments of `add_image` or `add_vectors`."""

SHARE_SHOWN = (1, 99)
"""Percentiles between which curvature is coloured: at occlusion boundaries it is a hundred times as
large as elsewhere."""


def slope_of(heights: HeightMap) -> Made:
    """Return the slopes of a surface as an image.

    Parameters
    ----------
    heights : HeightMap
        Surface.

    Returns
    -------
    tuple
        "image", (Y, X) float32 degrees, and the look.

    Raises
    ------
    InputError
        The pixel size or the z step is unknown.
    """
    from napari_focus_stack.analysis.slopes import slope_map

    slope = slope_map(heights).slope
    steepest = max(float(np.nanmax(slope, initial=0)), 1e-3)
    return "image", slope, _colours("Slope (degrees)", "magma", (0, steepest))


def curvature_of(heights: HeightMap) -> Made:
    """Return the mean curvatures of a surface as an image.

    Parameters
    ----------
    heights : HeightMap
        Surface.

    Returns
    -------
    tuple
        "image", (Y, X) float32 in 1 / unit, and the look.

    Raises
    ------
    InputError
        The pixel size or the z step is unknown.
    """
    from napari_focus_stack.analysis.slopes import curvature_map

    found = curvature_map(heights)
    mean = found.mean
    known = mean[np.isfinite(mean)]
    most = float(np.abs(np.percentile(known, SHARE_SHOWN)).max()) if known.size else 0.0
    most = most or 1e-6
    title = f"Mean curvature (1/{format_unit(found.unit.removeprefix('1/'))})"
    return "image", mean, _colours(title, "PiYG", (-most, most))


def hillshade_of(heights: HeightMap) -> Made:
    """Return a surface under light from the upper left as an image.

    Parameters
    ----------
    heights : HeightMap
        Surface.

    Returns
    -------
    tuple
        "image", (Y, X) float32 brightness, and the look.
    """
    from napari_focus_stack.figures.hillshade import hillshade

    return "image", hillshade(heights), _colours("Brightness", "gray", (0, 1))


def _colours(title: str, colormap: str, limits: tuple[float, float]) -> dict[str, Any]:
    """Return how a map is coloured, and what its colour bar says."""
    return {
        "colormap": colormap,
        "contrast_limits": limits,
        "interpolation2d": "nearest",
        "metadata": {BAR_TITLE: title},
    }


def contours_of(heights: HeightMap, interval: float | None = None) -> Made:
    """Return the contour lines of the sure heights, as vectors: so many shapes would be slow.

    Parameters
    ----------
    heights : HeightMap
        Surface.
    interval : float, optional
        Distance of the levels; a round one by default.

    Returns
    -------
    tuple
        "vectors", (n, 2, 2) float64 places and moves of each piece, and the look.

    Raises
    ------
    SettingsError
        The interval gives too many lines.
    """
    from napari_focus_stack.figures.contours import contours

    sure = np.where(heights.counted, heights.heights, np.float32(np.nan))
    lines = contours(dataclasses.replace(heights, heights=sure), interval)
    pieces = [np.stack([one.points[:-1], np.diff(one.points, axis=0)], axis=1) for one in lines]
    levels = np.repeat([one.level for one in lines], [len(piece) for piece in pieces])
    look = {
        "features": {f"height ({format_unit(heights.unit)})": levels},
        "edge_color": f"height ({format_unit(heights.unit)})",
        "edge_colormap": "viridis",
        "vector_style": "line",
        "edge_width": max(1.0, max(heights.shape) / 500),
        "opacity": 1.0,
    }
    return "vectors", np.concatenate([np.empty((0, 2, 2)), *pieces]), look


MAPS: dict[str, tuple[str, Callable[..., Made]]] = {
    "Slope": ("Angle between the surface and the image plane, in degrees.", slope_of),
    "Curvature": ("Mean curvature: positive on hills, negative in hollows.", curvature_of),
    "Hillshade": ("The surface alone, in light from the upper left.", hillshade_of),
    "Contour lines": ("Lines of equal height at round levels.", contours_of),
}
"""Maps by the texts of their buttons, each with a tooltip and what makes it."""


def map_arguments(found: ResultSet, word: str, look: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a layer that lies over a result.

    Parameters
    ----------
    found : ResultSet
        The result.
    word : str
        Role in the name of the layer.
    look : dict
        Arguments beside name and place.

    Returns
    -------
    dict
        Arguments of `add_image` or `add_vectors`.
    """
    name = with_role(str(found.image.name), word)
    return {"name": name, **placement(found.image), **look}
