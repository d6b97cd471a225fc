"""Projection of a stack's labels and points onto its result, and their place over its surface.

Columns of measurements are named with their unit, as in "height (µm)".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.threads import row_bands
from napari_focus_stack._utils.wording import format_unit
from napari_focus_stack.alignment.registered_stack import finite_planes
from napari_focus_stack.analysis.checks import (
    check_neighbours,
    check_same_stack,
    checked_offset,
    plane_of,
)
from napari_focus_stack.analysis.height_map import HeightMap
from napari_focus_stack.analysis.surface_distance import depth_under, distance_to_surface
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.imgproc.transforms import apply

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.analysis.surface_distance import Numbers
    from napari_focus_stack.result import StackResult

UNCERTAINTY = "standard uncertainty"


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
    array = _as_labels(labels)
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


def _as_labels(labels: Any) -> Any:
    """Return labels as an array, which may be lazy."""
    array = labels if hasattr(labels, "shape") and hasattr(labels, "dtype") else np.asarray(labels)
    if np.dtype(array.dtype).kind not in "bui":
        raise InputError(f"Labels of type {array.dtype} are no numbers of objects; give integers.")
    return array


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


def measure_points(
    points: Any, result: StackResult, *, plane: int | None = None
) -> dict[str, NDArray[np.float64]]:
    """Measure the surface under points of a stack, and their distance to it.

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
    dict of str to numpy.ndarray
        Columns (m,), with µm standing for the unit of the result:

        - "depth (planes)" of the surface under the point, interpolated between pixels;
        - "height (µm)", the same times the z step, if that is known;
        - "standard uncertainty (µm)" of the height, in planes if the z step is unknown: that of
          the nearest pixel, without that of the z scale;
        - "distance along z (µm)", of (m, 3) points, from the surface to the point: positive towards
          higher planes, in planes if the z step is unknown;
        - "distance to surface (µm)", of (m, 3) points, along the perpendicular and of the same
          sign, if z step and pixel size are known. NaN where the nearest pixel of the surface is at
          the border of the field or of a hole.

        NaN where the result has no depth or the point lies beside it.

    Raises
    ------
    InputError, SettingsError
        As from `project_points`.
    """
    places = project_points(points, result, plane=plane)
    z = None if plane is not None else np.asarray(points, np.float64)[:, 0]
    return _over_surface(places, z, result)


def measure_labels(labels: Any, result: StackResult) -> dict[str, NDArray[Any]]:
    """Measure the height of the surface in each label of a result.

    Parameters
    ----------
    labels : array-like
        (Y, X) integers over the result, as from `project_labels`; 0 is background.
    result : StackResult
        The result.

    Returns
    -------
    dict of str to numpy.ndarray
        Columns with a row for each label: "label", and "mean height (µm)", "median height (µm)",
        "lowest height (µm)" and "highest height (µm)", with µm standing for the unit of the result;
        "mean depth (planes)" and so on if the z step is unknown. NaN for labels without a depth.

    Raises
    ------
    InputError
        The labels are no integers, or differ in size from the result.
    """
    from scipy import ndimage  # its import takes 0.3 s

    drawn = np.asarray(_as_labels(labels))
    drawn = drawn.astype(np.uint8) if drawn.dtype == np.bool_ else drawn
    if drawn.shape != result.depth.shape:
        raise InputError(
            f"Labels of shape {drawn.shape} do not lie over a result of shape "
            f"{result.depth.shape}; project them with project_labels first."
        )
    numbers = np.unique(drawn)
    numbers = numbers[numbers != 0]
    known = np.isfinite(result.depth) & (drawn != 0)
    depth, inside = result.depth[known].astype(np.float64), drawn[known]
    measured = np.isin(numbers, inside)
    step = result.report.spacing.get("z")
    what = "depth (planes)" if step is None else _heading("height", result)
    columns: dict[str, NDArray[Any]] = {"label": numbers}
    for name, statistic in (
        ("mean", ndimage.mean),
        ("median", ndimage.median),
        ("lowest", ndimage.minimum),
        ("highest", ndimage.maximum),
    ):
        values = np.full(len(numbers), np.nan)
        if measured.any():
            values[measured] = statistic(depth, inside, numbers[measured])
        columns[f"{name} {what}"] = values * (step or 1)
    return columns


def measure_label_centres(labels: Any, result: StackResult) -> dict[str, NDArray[Any]]:
    """Measure the distance of the centre of each label of a stack to the surface.

    Parameters
    ----------
    labels : array-like
        (Z, Y, X) integers, one plane of labels for each plane of the stack, which may be lazy.
    result : StackResult
        Result of the stack.

    Returns
    -------
    dict of str to numpy.ndarray
        Columns with a row for each label: "label", and of the centre of its voxels the distances of
        `measure_points` and the standard uncertainty of the height under it.

    Raises
    ------
    InputError
        The labels are no integers, or differ in size from the result's stack.
    """
    array = _as_labels(labels)
    check_same_stack(tuple(array.shape), result, "These labels are")
    parts = [_plane_centres(np.asarray(array[k]), k, result) for k in range(len(array))]
    numbers, counts, centres = (np.concatenate(column) for column in zip(*parts, strict=True))
    known, row = np.unique(numbers, return_inverse=True)
    total = np.bincount(row, counts, len(known))
    z, y, x = (np.bincount(row, counts * axis, len(known)) / total for axis in centres.T)
    measured = _over_surface(np.column_stack([y, x]), z, result)
    kept = ("distance", UNCERTAINTY)
    columns = {name: measured[name] for name in measured if name.startswith(kept)}
    return {"label": known, **columns}


def _plane_centres(
    labels: NDArray[Any], k: int, result: StackResult
) -> tuple[NDArray[Any], Numbers, Numbers]:
    """Return the labels of a plane, their pixels and their centres: z, and y, x on the result."""
    rows, cols = np.nonzero(labels)
    numbers, inverse, counts = np.unique(
        labels[rows, cols], return_inverse=True, return_counts=True
    )
    centres = [np.bincount(inverse, axis, len(numbers)) / counts for axis in (rows, cols)]
    places = np.column_stack([np.full(len(numbers), float(k)), *centres])
    return (
        numbers,
        counts.astype(np.float64),
        np.column_stack([places[:, 0], project_points(places, result)]),
    )


def _over_surface(places: Numbers, z: Numbers | None, result: StackResult) -> dict[str, Numbers]:
    """Return the columns of `measure_points` for places y, x on the result and their planes z."""
    spacing = result.report.spacing
    step, pixel_y, pixel_x = (spacing.get(axis) for axis in "zyx")
    depth = depth_under(result.depth, places)
    columns = {"depth (planes)": depth}
    if step is not None:
        columns[_heading("height", result)] = depth * step
    uncertain = _heading(UNCERTAINTY, result) if step is not None else f"{UNCERTAINTY} (planes)"
    columns[uncertain] = _planes_uncertain(result, places, depth) * (step or 1)
    if z is None:
        return columns
    if step is None:
        return {**columns, "distance along z (planes)": z - depth}
    along = (z - depth) * step
    columns[_heading("distance along z", result)] = along
    if pixel_y is not None and pixel_x is not None:
        points = np.column_stack([z * step, places * (pixel_y, pixel_x)])
        away = distance_to_surface(points, result.depth * step, (pixel_y, pixel_x))
        across = np.sign(along) * np.minimum(away, np.abs(along))
        columns[_heading("distance to surface", result)] = across
    return columns


def _planes_uncertain(result: StackResult, places: Numbers, depth: Numbers) -> Numbers:
    """Return the standard uncertainty of the depth at the pixels nearest to places, in planes.

    NaN where it is unknown.
    """
    field = HeightMap.of_result(result)
    found, known = np.full(len(places), np.nan), np.isfinite(depth)
    if field.uncertainty is not None:
        limits = np.array(field.shape) - 1
        rows, cols = np.clip(np.floor(places[known] + 0.5), 0, limits).astype(np.intp).T
        found[known] = field.uncertainty[rows, cols] / field.plane_height
    return found


def _heading(name: str, result: StackResult) -> str:
    """Return the name of a column with the unit of a result."""
    unit = format_unit(result.report.spacing.get("unit"))
    return f"{name} ({unit})" if unit else name
