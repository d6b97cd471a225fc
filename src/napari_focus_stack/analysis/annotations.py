"""Projection of a stack's labels and points onto its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.threads import row_bands
from napari_focus_stack.alignment.registered_stack import finite_planes
from napari_focus_stack.analysis.checks import (
    check_neighbours,
    check_same_stack,
    checked_offset,
    plane_of,
)
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.imgproc.transforms import apply

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.result import StackResult


def project_labels(
    labels: Any, result: StackResult, *, plane: int | None = None, offset: int = 0
) -> NDArray[Any]:
    """Project labels of a stack, or of one of its planes, onto its result.

    Parameters
    ----------
    labels : array-like
        (Z, Y, X) integers, one plane of labels for each plane of the stack, which may be lazy; or
        (Y, X) integers drawn on one plane.
    result : StackResult
        Result of the stack.
    plane : int, optional
        Plane on which (Y, X) labels were drawn, from 0.
    offset : int, optional
        Planes from the one in focus to the one whose labels are used, for (Z, Y, X) labels.

    Returns
    -------
    numpy.ndarray
        (Y, X) in the dtype of the labels: at each pixel, the label of the nearest pixel in the
        plane in focus there, or in `plane`; 0 beyond its border. Labels are not interpolated.

    Raises
    ------
    InputError
        The labels are no integers, or differ in size from the result's stack.
    SettingsError
        `plane` is missing, not in the stack or was left out; or `offset` is out of bounds.
    """
    array = labels if hasattr(labels, "shape") and hasattr(labels, "dtype") else np.asarray(labels)
    if np.dtype(array.dtype).kind not in "bui":
        raise InputError(f"Labels of type {array.dtype} are no numbers of objects; give integers.")
    field = result.depth_index.shape
    drawn = np.zeros(field, array.dtype)
    if len(array.shape) == 2:
        k = plane_of(plane, result)
        check_same_stack((len(result.transforms), *array.shape), result, "These labels are")
        _read_labels(np.asarray(array), k, np.broadcast_to(np.True_, field), result, drawn)
        return drawn
    if plane is not None:
        raise SettingsError("plane is for labels of two axes, (y, x); leave it out.")
    check_same_stack(tuple(array.shape), result, "These labels are")
    shift = checked_offset(offset, result)
    check_neighbours(result, shift != 0)
    for k in finite_planes(result.transforms):
        here = result.depth_index == int(k) - shift
        if here.any():
            _read_labels(np.asarray(array[int(k)]), int(k), here, result, drawn)
    return drawn


def _read_labels(
    labels: NDArray[Any],
    k: int,
    here: NDArray[np.bool_],
    result: StackResult,
    drawn: NDArray[Any],
) -> None:
    """Copy the labels of plane `k` to the pixels where it is in focus."""
    top, left = result.origin
    for band in row_bands(here.shape):  # coordinates of all pixels would take 24 bytes per pixel
        rows, cols = np.nonzero(here[band])
        rows += band.start
        places = np.stack([cols + left, rows + top, np.ones_like(rows)]).astype(np.float64)
        x, y = np.floor(apply(result.transforms[k], places) + 0.5)
        inside = (x >= 0) & (y >= 0) & (x < labels.shape[1]) & (y < labels.shape[0])
        found = labels[y[inside].astype(np.intp), x[inside].astype(np.intp)]
        drawn[rows[inside], cols[inside]] = found


def project_points(
    points: Any, result: StackResult, *, plane: int | None = None
) -> NDArray[np.float64]:
    """Project points of a stack, or of one of its planes, onto its result.

    Parameters
    ----------
    points : array-like
        (m, 3) coordinates z, y, x in the stack, in planes and pixels; or (m, 2) coordinates y, x
        on one plane.
    result : StackResult
        Result of the stack.
    plane : int, optional
        Plane on which (m, 2) points lie, from 0.

    Returns
    -------
    numpy.ndarray
        (m, 2) float64: y, x in pixels of the result, transformed as the nearest plane that was not
        left out. They may lie beyond its border.

    Raises
    ------
    InputError
        The points are no finite numbers in two or three columns.
    SettingsError
        `plane` is missing, not in the stack or was left out.
    """
    places = np.asarray(points)
    if places.dtype.kind not in "buif" or places.ndim != 2 or places.shape[1] not in (2, 3):
        raise InputError(
            f"Points of shape {places.shape} and type {places.dtype} cannot be placed; give "
            "numbers in columns z, y, x or y, x."
        )
    if not np.isfinite(places).all():
        raise InputError("Points with NaN or infinite places cannot be placed; remove them.")
    if places.shape[1] == 2:
        planes = np.full(len(places), plane_of(plane, result))
    elif plane is not None:
        raise SettingsError("plane is for points of two columns, (y, x); leave it out.")
    else:
        fitting = finite_planes(result.transforms)
        planes = fitting[np.abs(places[:, :1] - fitting).argmin(1)]
    y, x = places[:, -2], places[:, -1]
    seen = np.stack([x, y, np.ones_like(x)], axis=1).astype(np.float64)
    moved = np.linalg.solve(result.transforms[planes], seen[..., None])[..., 0]
    placed: NDArray[np.float64] = moved[:, 1::-1] / moved[:, 2:] - np.array(result.origin)
    return placed
