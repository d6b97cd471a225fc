"""Points of a stack over its result, and on its surface.

Without the viewer and Qt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._napari.layers.geometry import to_world, unit_ratios
from napari_focus_stack._napari.layers.names import with_role
from napari_focus_stack._napari.layers.relief import (
    ON_SURFACE,
    PlacedRelief,
    raised_metadata,
)
from napari_focus_stack._napari.layers.result_sets import ResultSet, as_result, known_sources
from napari_focus_stack._napari.layers.stack_slice import stack_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer, Points
    from numpy.typing import NDArray

LOOK = ("symbol", "face_color", "border_color", "border_width", "features", "opacity")
"""Properties that points over a result have from those that they were made of."""


def places_in_planes(layer: Points, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the places of points as planes and pixels.

    Parameters
    ----------
    layer : napari.layers.Points
        The points.
    matrix : numpy.ndarray
        As `planes_matrix` returned it.

    Returns
    -------
    numpy.ndarray
        (m, ndim) float64.
    """
    places = np.array(layer.data, np.float64)
    shared = len(matrix) - 1
    places[:, -shared:] = places[:, -shared:] @ matrix[:-1, :-1].T + matrix[:-1, -1]
    return places


def planes_matrix(layer: Points, found: ResultSet, layers: Sequence[Layer]) -> NDArray[np.float64]:
    """Return the matrix from the last k axes of points to planes and pixels of the stack.

    Parameters
    ----------
    layer : napari.layers.Points
        The points.
    found : ResultSet
        A result of the stack.
    layers : sequence of napari.layers.Layer
        Layers of the viewer. Without the stack, z is taken as planes, and y and x by where the
        result lies.

    Returns
    -------
    numpy.ndarray
        (k + 1, k + 1) float64, for homogeneous coordinates.
    """
    stack = next(iter(known_sources(found, layers)), None)
    lead = found.image if stack is None else stack_in(stack, found.cut)
    shared = min(layer.ndim, lead.ndim)
    last = slice(-shared - 1, None)
    ratios = np.diag([*unit_ratios(layer, lead), 1])
    here, there = to_world(layer)[last, last], to_world(lead)[last, last]
    matrix = np.asarray(np.linalg.solve(there, ratios @ here), np.float64)
    if stack is None:
        matrix[-3:-1, -1] += found.corner
    return matrix


def marks(layer: Points, matrix: NDArray[np.float64]) -> dict[str, Any]:
    """Return the look of points, as large over the result as they were.

    Parameters
    ----------
    layer : napari.layers.Points
        The points.
    matrix : numpy.ndarray
        Matrix to the coordinates of the new layer, as of `planes_matrix`.

    Returns
    -------
    dict
        Arguments of `add_points`.
    """
    larger = float(np.sqrt(abs(np.linalg.det(matrix[-3:-1, -3:-1]))))
    return {
        "size": np.asarray(layer.size) * larger,
        **{name: getattr(layer, name) for name in LOOK},
    }


def on_surface(
    layer: Points, found: ResultSet, relief: PlacedRelief, layers: Sequence[Layer]
) -> tuple[NDArray[np.float64], dict[str, Any], int]:
    """Return points on the surface of a result.

    Points of two columns get the height of the pixel under them; of three, the height of their
    plane, and the transform of the nearest plane where the depth index is in the viewer.

    Parameters
    ----------
    layer : napari.layers.Points
        (y, x) over the result, or (z, y, x) in its stack.
    found : ResultSet
        The result.
    relief : PlacedRelief
        Its relief.
    layers : sequence of napari.layers.Layer
        Layers of the viewer.

    Returns
    -------
    data : numpy.ndarray
        (m, 3) coordinates, in those of the vertices.
    arguments : dict
        Those of `add_points` beside the placement, which is that of the surface.
    missing : int
        Number of points without a height, which are left out.
    """
    matrix = planes_matrix(layer, found, layers if layer.ndim == 3 else [])
    planes = places_in_planes(layer, matrix)
    pixels = planes[:, -2:] - found.corner
    if layer.ndim == 3 and "depth-index" in found.maps:
        from napari_focus_stack.analysis.annotations import project_points

        pixels = project_points(planes, as_result(found))
    under = _under(pixels, relief.heights)
    rises = under / relief.plane_height if layer.ndim == 2 else planes[:, 0]
    kept = np.isfinite(rises) & np.asarray(layer.shown, bool)
    sides = (relief.spacing.y or 1.0, relief.spacing.x or 1.0)
    data = np.column_stack([rises, pixels * sides])[kept]
    look = marks(layer, matrix)
    arguments = {
        "name": with_role(str(layer.name), "3-D"),
        "blending": "translucent_no_depth",
        "metadata": raised_metadata(found, ON_SURFACE, relief, points_of=str(layer.unique_id)),
        **{name: _of(value, kept) for name, value in look.items()},
    }
    arguments["size"] = arguments["size"] * float(np.sqrt(sides[0] * sides[1]))
    return data, arguments, int((~np.isfinite(rises)).sum())


def _of(values: Any, kept: NDArray[np.bool_]) -> Any:
    """Return the values of the points that are kept; one for all of them stays."""
    per_point = getattr(values, "shape", ())[:1] == kept.shape
    return values[kept] if per_point else values


def _under(pixels: NDArray[np.float64], heights: NDArray[Any]) -> NDArray[np.float64]:
    """Return the heights of the nearest pixels, NaN without one."""
    rows, cols = np.rint(np.nan_to_num(pixels, nan=-1)).astype(int).T
    inside = (rows >= 0) & (rows < heights.shape[0]) & (cols >= 0) & (cols < heights.shape[1])
    found = np.full(len(pixels), np.nan)
    found[inside] = heights[rows[inside], cols[inside]]
    return found
