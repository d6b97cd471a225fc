"""What one stack told of a field, put on other data of the same field.

Another channel or time point is read off at the surface that was found, or projected over a slab
that follows it (LocalZProjector: Herbert et al., "LocalZProjector and DeProj: a toolbox for local
2D projection and accurate morphometrics of large 3D microscopy images", BMC Biology 2021).
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_focus_stack._utils.threads import Crew, opencv_on_one_thread, parts, tiles
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.alignment.registered_plane import SeenPlane
from napari_focus_stack.errors import Cancelled, InputError, SettingsError
from napari_focus_stack.imgproc.dtypes import as_dtype, computable
from napari_focus_stack.imgproc.transforms import apply, moved_by
from napari_focus_stack.io.reading import as_source
from napari_focus_stack.result import Progress

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix, Window
    from napari_focus_stack.result import StackResult

How = Literal["max", "mean"]
_COMBINE = {"max": np.maximum, "mean": np.add}
_START = {"max": -np.inf, "mean": 0.0}


# --- images


def project(
    source: Any,
    result: StackResult,
    *,
    offset: int = 0,
    half_slab: int = 0,
    how: How = "max",
    threads: int | None = None,
) -> NDArray[Any]:
    """Another stack of the same field, seen where a result found the surface.

    Parameters
    ----------
    source : PlaneSource, array-like, path or list of paths
        Another channel or time point, as `focus_stack` takes a stack: as many planes of as many
        pixels as the result was made of, grey or colour.
    result : StackResult
        Its transforms and depth index are put on the other stack, and its crop if it was cut.
    offset : int
        Planes from the one in focus to the one wanted.
    half_slab : int
        Planes on either side of that one that count too; 0 for that plane alone.
    how : {"max", "mean"}
        What becomes of the values of a slab, each channel by itself.
    threads : int, optional
        As many as there are processors by default.

    Returns
    -------
    numpy.ndarray
        (Y, X[, C]) in the source's dtype and at its own brightness: of each pixel, the largest or
        mean value in planes ``index + offset - half_slab`` to ``index + offset + half_slab``.
        Planes beyond the stack, left out or that did not record the pixel do not count; where no
        other is left, 0, or NaN in a type that has it.

    Raises
    ------
    InputError
        The stack is of another size than the result's, or cannot be read.
    SettingsError
        An option is out of bounds, or planes next to each other are no neighbours in focus.
    """
    steps = project_steps(
        source, result, offset=offset, half_slab=half_slab, how=how, threads=threads
    )
    while True:
        try:
            next(steps)
        except StopIteration as done:
            projected: NDArray[Any] = done.value
            return projected


def project_steps(
    source: Any,
    result: StackResult,
    *,
    offset: int = 0,
    half_slab: int = 0,
    how: How = "max",
    threads: int | None = None,
    cancel: threading.Event | None = None,
) -> Generator[Progress, None, NDArray[Any]]:
    """`project`, step by step, for whoever shows progress or may want to stop.

    One plane is held at a time, and only those are read that some pixel needs.

    Parameters
    ----------
    source, result, offset, half_slab, how, threads
        As `project` takes them.
    cancel : threading.Event, optional
        Once set, `Cancelled` is raised at the next look, several times a plane.

    Yields
    ------
    Progress
        Before each plane.

    Returns
    -------
    numpy.ndarray
        Through ``StopIteration.value`` (or ``yield from``).

    Raises
    ------
    InputError, SettingsError
        As `project`.
    Cancelled
        `cancel` was set.
    """
    other = as_source(source)
    _check_same_stack((len(other), *other.plane_shape[:2]), result)
    half = _whole_number("half_slab", half_slab, 0)
    centre = result.depth_index, _checked_offset(offset, result)
    _check_neighbours(result, offset != 0 or half > 0)
    if how not in _COMBINE:
        raise SettingsError(f"how '{how}' is not known; choose max or mean.")
    origin = _origin(result)
    projection = _Projection((*result.depth_index.shape, *other.plane_shape[2:]), how)
    wanted = [k for k in _fitting(result) if _within(*centre, int(k), half).any()]

    def check() -> None:
        if cancel is not None and cancel.is_set():
            raise Cancelled

    with opencv_on_one_thread(), Crew(threads, check) as crew:
        for done, k in enumerate(wanted):
            check()
            yield Progress("project", int(k), len(other), done, len(wanted))
            plane = computable(other[int(k)])
            seen = SeenPlane.of(plane, result.transforms[k], Brightness())

            def add(part: Window, seen: SeenPlane = seen, k: int = int(k)) -> None:
                here = _within(centre[0][part], centre[1], k, half)
                if here.any():
                    values, valid = seen.colour(moved_by(part, *origin))
                    projection.add(part, values, here if valid is None else here & (valid > 0))

            crew.do(add, tiles(result.depth_index.shape))
            del plane, seen, add
    return as_dtype(projection.image(), other.dtype)


class _Projection:
    """Running maximum or mean of planes, of each pixel over those that count there."""

    def __init__(self, shape: tuple[int, ...], how: How) -> None:
        self._how = how
        self._values = np.full(shape, _START[how], np.float32)
        self._count = np.zeros(shape[:2], np.uint16)

    def add(self, part: Window, seen: Plane, here: NDArray[np.bool_]) -> None:
        """Let a plane count in some pixels of a part."""
        values = self._values[part]
        where = here if seen.ndim == 2 else here[..., None]
        _COMBINE[self._how](values, seen, out=values, where=where)
        self._count[part] += here

    def image(self) -> Plane:
        """What came of it, (Y, X[, C]) float32; NaN where no plane counted."""
        if self._how == "mean":
            count = np.maximum(self._count, 1)
            self._values /= count if self._values.ndim == 2 else count[..., None]
        self._values[self._count == 0] = np.nan
        return self._values


def _within(index: NDArray[Any], offset: int, k: int, half: int) -> NDArray[np.bool_]:
    """Where plane `k` belongs to the slab."""
    if half == 0:
        same: NDArray[np.bool_] = index == k - offset
        return same
    belongs: NDArray[np.bool_] = (index >= k - offset - half) & (index <= k - offset + half)
    return belongs


# --- labels and points


def labels_through(
    labels: Any, result: StackResult, *, plane: int | None = None, offset: int = 0
) -> NDArray[Any]:
    """Labels of a stack, or drawn on one of its planes, as they lie on the result.

    Parameters
    ----------
    labels : array-like
        (Z, Y, X) integers, one plane of labels for each of the stack, lazy or not; or (Y, X)
        integers drawn on one plane.
    result : StackResult
        What was made of the stack.
    plane : int, optional
        Plane that (Y, X) labels were drawn on, from 0.
    offset : int
        Planes from the one in focus to the one whose labels are wanted, for (Z, Y, X) labels.

    Returns
    -------
    numpy.ndarray
        (Y, X) in the dtype of the labels: of each pixel, the label of the nearest pixel in the
        plane in focus there, or in the one given; 0 beyond its border. No label is interpolated.

    Raises
    ------
    InputError
        The labels are no integers, or of another size than the result's stack.
    SettingsError
        `plane` is missing, not in the stack or was left out; or `offset` is out of bounds.
    """
    given = labels if hasattr(labels, "shape") and hasattr(labels, "dtype") else np.asarray(labels)
    if np.dtype(given.dtype).kind not in "bui":
        raise InputError(f"Labels of type {given.dtype} are no numbers of objects; give integers.")
    field = result.depth_index.shape
    drawn = np.zeros(field, given.dtype)
    if len(given.shape) == 2:
        k = _plane(plane, result)
        _check_same_stack((len(result.transforms), *given.shape), result, "These labels are")
        _read_labels(np.asarray(given), k, np.broadcast_to(np.True_, field), result, drawn)
        return drawn
    if plane is not None:
        raise SettingsError("plane is for labels of two axes, (y, x); leave it out.")
    _check_same_stack(tuple(given.shape), result, "These labels are")
    shift = _checked_offset(offset, result)
    _check_neighbours(result, shift != 0)
    for k in _fitting(result):
        here = result.depth_index == int(k) - shift
        if here.any():
            _read_labels(np.asarray(given[int(k)]), int(k), here, result, drawn)
    return drawn


def _read_labels(
    labels: NDArray[Any],
    k: int,
    here: NDArray[np.bool_],
    result: StackResult,
    drawn: NDArray[Any],
) -> None:
    """Put the labels of plane `k` where it counts."""
    top, left = _origin(result)
    for band in parts(here.shape):  # whole coordinates would take 24 bytes a pixel
        rows, cols = np.nonzero(here[band])
        rows += band.start
        places = np.stack([cols + left, rows + top, np.ones_like(rows)]).astype(np.float64)
        x, y = np.floor(apply(result.transforms[k], places) + 0.5)
        inside = (x >= 0) & (y >= 0) & (x < labels.shape[1]) & (y < labels.shape[0])
        found = labels[y[inside].astype(np.intp), x[inside].astype(np.intp)]
        drawn[rows[inside], cols[inside]] = found


def points_through(
    points: Any, result: StackResult, *, plane: int | None = None
) -> NDArray[np.float64]:
    """Points in a stack, or on one of its planes, as they lie on the result.

    Parameters
    ----------
    points : array-like
        (m, 3) places z, y, x in the stack, in planes and pixels; or (m, 2) places y, x on one
        plane.
    result : StackResult
        What was made of the stack.
    plane : int, optional
        Plane that (m, 2) points lie on, from 0.

    Returns
    -------
    numpy.ndarray
        (m, 2) float64: y, x in pixels of the result, each moved as the nearest plane that was not
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
        planes = np.full(len(places), _plane(plane, result))
    elif plane is not None:
        raise SettingsError("plane is for points of two columns, (y, x); leave it out.")
    else:
        fitting = _fitting(result)
        planes = fitting[np.abs(places[:, :1] - fitting).argmin(1)]
    y, x = places[:, -2], places[:, -1]
    seen = np.stack([x, y, np.ones_like(x)], axis=1).astype(np.float64)
    moved = np.linalg.solve(result.transforms[planes], seen[..., None])[..., 0]
    placed: NDArray[np.float64] = moved[:, 1::-1] / moved[:, 2:] - np.array(_origin(result))
    return placed


# --- whether they fit


def _fitting(result: StackResult) -> NDArray[np.intp]:
    """Numbers of the planes that took part."""
    transforms: Matrix = result.transforms
    return np.flatnonzero(np.isfinite(transforms).all((1, 2)))


def _origin(result: StackResult) -> tuple[int, int]:
    """Row and column of the reference plane at which the results begin."""
    crop = result.report.crop
    return (0, 0) if crop is None else (crop[0], crop[2])


def _check_same_stack(
    shape: tuple[int, ...], result: StackResult, what: str = "This stack is"
) -> None:
    wanted = tuple(result.report.shape[:3])
    if shape != wanted:
        raise InputError(
            f"{what} of shape {shape}, but the result was made of {wanted} (planes, rows, "
            "columns); apply it to data of the same field only."
        )


def _whole_number(name: str, value: Any, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError as problem:
        raise SettingsError(f"{name} {value!r} must be a whole number of planes.") from problem
    if number < least:
        raise SettingsError(f"{name} {number} must be {least} or more.")
    return number


def _checked_offset(offset: Any, result: StackResult) -> int:
    planes = len(result.transforms)
    number = _whole_number("offset", offset, 1 - planes)
    if number >= planes:
        raise SettingsError(f"offset {number} leads out of a stack of {planes} planes; give less.")
    return number


def _check_neighbours(result: StackResult, needed: bool) -> None:
    if needed and not result.report.in_order:
        raise SettingsError(
            "The planes of this stack are not in the order of their focus, so that there is no "
            "plane above or below; set offset and half_slab to 0."
        )


def _plane(plane: int | None, result: StackResult) -> int:
    if plane is None:
        raise SettingsError("What has no z lies on one plane; say on which with plane.")
    k = _whole_number("plane", plane, 0)
    if k >= len(result.transforms):
        raise SettingsError(
            f"plane {k} is not in a stack of {len(result.transforms)}; they count from 0."
        )
    if not np.isfinite(result.transforms[k]).all():
        raise SettingsError(f"plane {k} was left out of the result; choose another.")
    return k
